/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a running container may reach: look, and change it at once. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/strv.h"
#include "cli/app.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "cli/resolve.h"
#include "session/network.h"

static int find(struct cli *cli, struct container **ret, struct err *err) {
	return resolve_container(cli, app_word(cli, 0), RESOLVE_RUNNING, ret, err);
}

/* Steals @body. */
static int ask(struct cli *cli, const struct container *c, json_t *body, json_t **ret,
	       struct err *err) {
	if (!strcmp(c->network_mode, "none")) {
		json_decref(body);
		return err_set(err, ERR_CONFLICT, -ENETDOWN, "container '%s' has no network", c->name);
	}
	return network_ask(cli->session, c, body, ret, err);
}

static void print_list(const char *title, char *const *list) {
	output_line("%s:%s", title, list && *list ? "" : " nothing");
	for (; list && *list; list++)
		output_line("  %s", *list);
}

static void print_learnt(const json_t *learnt) {
	for (size_t i = 0; i < json_array_size(learnt); i++) {
		const json_t *one = json_array_get(learnt, i);
		autostrv char **addresses = json_get_strv(one, "addresses");
		autofree char *text = strv_join(addresses, " ");

		if (i == 0)
			output_line("Learnt:");
		output_line("  %s %s", json_get_str(one, "name", "?"), text);
	}
}

static void print_more(const json_t *j, const char *key) {
	int64_t n = json_get_int(j, key, 0);

	if (n)
		output_line("  … and %d more", (int)n);
}

static void print_nowhere(const json_t *nowhere) {
	for (size_t i = 0; i < json_array_size(nowhere); i++) {
		const json_t *one = json_array_get(nowhere, i);

		if (i == 0)
			output_line("Lead nowhere:");
		output_line("  %s %s", json_get_str(one, "name", "?"), json_get_str(one, "why", "?"));
	}
}

static const char *closed(const json_t *j, const char *key, bool is_open) {
	return is_open || !json_get_bool(j, key, true) ? "open" : "closed";
}

static int show_run(struct cli *cli, const void *args, struct err *err) {
	auto_container struct container *c = NULL;
	autostrv char **allowed = NULL, **ports = NULL;
	autofree char *ports_text = NULL;
	auto_json json_t *j = NULL;
	bool is_open;
	int r = find(cli, &c, err);

	if (r == 0)
		r = ask(cli, c, json_pack("{s:s}", "op", "show"), &j, err);
	if (r < 0)
		return r;
	if (cli->json) {
		(void)json_object_del(j, "changed");
		(void)json_object_set_new(j, "name", json_text(c->name));
		return output_document(steal_ptr(j), err);
	}
	is_open = !strcmp(json_get_str(j, "mode", ""), "open");
	output_line("Name: %s", c->name);
	output_line("Mode: %s", json_get_str(j, "mode", "?"));
	output_line("Address: %s", json_get_str(j, "address", "?"));
	output_line("Private networks: %s", closed(j, "block_private", is_open));
	output_line("Metadata addresses: %s", closed(j, "block_metadata", is_open));
	output_line("Local network: %s",
		    json_get_bool(j, "allow_local_network", false) ? "open both ways" : "closed");
	ports = json_get_strv(j, "allowed_ports");
	ports_text = strv_join(ports, ", ");
	output_line("Ports: %s", ports && *ports ? ports_text : "all");
	allowed = json_get_strv(j, "allowed");
	if (!strcmp(json_get_str(j, "mode", ""), "allowlist")) {
		print_list("Allowed", allowed);
		print_learnt(json_object_get(j, "learnt"));
		print_more(j, "learnt_more");
		print_nowhere(json_object_get(j, "nowhere"));
		print_more(j, "nowhere_more");
	}
	return 0;
}

/* allow and deny: the words behind the container's name. */
static int change(struct cli *cli, const char *op, struct err *err) {
	auto_container struct container *c = NULL;
	autostrv char **given = NULL, **entries = NULL;
	auto_json json_t *answer = NULL;
	const char *mode;
	int64_t changed;
	int r;

	for (size_t i = 1; app_word(cli, i); i++)
		strv_add(&given, app_word(cli, i));
	r = find(cli, &c, err);
	if (r == 0)
		r = network_expand(cli->session, c, given, &entries, err);
	if (r == 0)
		r = ask(cli, c, json_pack("{s:s, s:o}", "op", op, "entries",
					  entries ? json_from_strv(entries) : json_array()),
			&answer, err);
	if (r < 0)
		return r;
	changed = json_get_int(answer, "changed", 0);
	mode = json_get_str(answer, "mode", "?");
	if (!changed)
		log_info("Nothing to change: it was allowed already");
	else
		log_info("Container '%s': %d entr%s %s", c->name, (int)changed,
			 changed == 1 ? "y" : "ies", !strcmp(op, "allow") ? "allowed" : "taken away");
	for (size_t i = 0; !strcmp(op, "allow") && entries && entries[i]; i++) {
		const char *colon = strchr(entries[i], ':');

		if (!network_leaves_ports(answer, colon ? colon + 1 : NULL))
			log_info("Note: '%s' stays closed, since other ports are all that it may "
				 "reach; see 'coi network ports'", entries[i]);
	}
	if (strcmp(mode, "allowlist") != 0)
		log_info("Note: it is in mode %s, where the list does not count; see 'coi network "
			 "mode %s allowlist'", mode, c->name);
	return 0;
}

static int allow_run(struct cli *cli, const void *args, struct err *err) {
	return change(cli, "allow", err);
}

static int deny_run(struct cli *cli, const void *args, struct err *err) {
	return change(cli, "deny", err);
}

static int mode_check(struct cli *cli, void *args, struct err *err) {
	if (net_mode_from_string(app_word(cli, 1)) >= 0)
		return 0;
	return err_set(err, ERR_USAGE, -EINVAL,
		       "'%s' is no network mode: restricted, allowlist or open", app_word(cli, 1));
}

static int mode_run(struct cli *cli, const void *args, struct err *err) {
	auto_container struct container *c = NULL;
	auto_json json_t *answer = NULL;
	int r = find(cli, &c, err);

	if (r == 0)
		r = ask(cli, c, json_pack("{s:s, s:s}", "op", "mode", "mode", app_word(cli, 1)),
			&answer, err);
	if (r < 0)
		return r;
	log_info("Container '%s' is in mode %s", c->name, json_get_str(answer, "mode", "?"));
	return 0;
}

/* The words behind the name as one list; "all" is none. */
static char **ports_of(struct cli *cli) {
	char **list = NULL;

	for (size_t i = 1; app_word(cli, i); i++)
		strv_add(&list, app_word(cli, i));
	if (strv_len(list) == 1 && !strcmp(list[0], "all")) {
		strv_free(list);
		return NULL;
	}
	return list;
}

static int ports_check(struct cli *cli, void *args, struct err *err) {
	autostrv char **list = ports_of(cli);
	struct net_policy tried = net_policy_default();
	int r = network_ports_parse(list, &tried, err);

	if (r < 0)
		err->kind = ERR_USAGE;
	return r;
}

static int ports_run(struct cli *cli, const void *args, struct err *err) {
	auto_container struct container *c = NULL;
	autostrv char **list = ports_of(cli), **ports = NULL;
	auto_json json_t *answer = NULL;
	autofree char *text = NULL;
	int r = find(cli, &c, err);

	if (r == 0)
		r = ask(cli, c, json_pack("{s:s, s:o}", "op", "ports", "ports",
					  list ? json_from_strv(list) : json_array()),
			&answer, err);
	if (r < 0)
		return r;
	ports = json_get_strv(answer, "allowed_ports");
	text = strv_join(ports, ", ");
	log_info("Container '%s' may reach %s%s of what its mode allows", c->name,
		 ports && *ports ? "the ports " : "all ports", text);
	return 0;
}

#define NAME_ARGUMENT \
	{ "container", ARGUMENT_REQUIRED, COMPLETE_RUNNING, "A running container, or its alias" }

static const struct cli_argument name_arguments[] = { NAME_ARGUMENT, { NULL } };

static const struct cli_argument entry_arguments[] = {
	NAME_ARGUMENT,
	{ "entry", ARGUMENT_REPEATED, COMPLETE_NONE,
	  "A name, *.name, address or network, each with ports as in name:80,443; @registries, "
	  "@providers, or a set of network.domain_sets" },
	{ NULL },
};

static const struct cli_argument mode_arguments[] = {
	NAME_ARGUMENT,
	{ "mode", ARGUMENT_REQUIRED, COMPLETE_MODE, "restricted, allowlist or open" },
	{ NULL },
};

static const struct cli_argument ports_arguments[] = {
	NAME_ARGUMENT,
	{ "port", ARGUMENT_REPEATED, COMPLETE_NONE,
	  "A port or a range of TCP and UDP, as in 443 or 8000-8100; or all" },
	{ NULL },
};

static const struct cli_command network_show = {
	.name = "show",
	.group = GROUP_CONTAINER,
	.summary = "show what a container may reach",
	.arguments = name_arguments,
	.flags = COMMAND_SESSION | COMMAND_FORMAT,
	.run = show_run,
};

static const struct cli_command network_allow = {
	.name = "allow",
	.group = GROUP_CONTAINER,
	.summary = "add names and addresses to its list",
	.description = "At once, for as long as the container runs. The list is what counts in mode "
		       "allowlist.",
	.arguments = entry_arguments,
	.flags = COMMAND_SESSION | COMMAND_CONFIG, /* sets of names */
	.run = allow_run,
};

static const struct cli_command network_deny = {
	.name = "deny",
	.group = GROUP_CONTAINER,
	.summary = "take names and addresses off its list",
	.description = "As they are written in the list. Connections that are open to them end.",
	.arguments = entry_arguments,
	.flags = COMMAND_SESSION | COMMAND_CONFIG, /* sets of names */
	.run = deny_run,
};

static const struct cli_command network_mode = {
	.name = "mode",
	.group = GROUP_CONTAINER,
	.summary = "change its mode",
	.description = "At once, for as long as the container runs. Connections that the new mode "
		       "does not allow end.",
	.arguments = mode_arguments,
	.flags = COMMAND_SESSION,
	.check = mode_check,
	.run = mode_run,
};

static const struct cli_command network_ports_command = {
	.name = "ports",
	.group = GROUP_CONTAINER,
	.summary = "change which ports it may reach",
	.description = "At once, for as long as the container runs, in place of "
		       "network.allowed_ports. They count in every mode, of whatever that lets "
		       "through, the list and fixed names included; other protocols than TCP, UDP "
		       "and echo requests are closed then. Connections to other ports end.",
	.arguments = ports_arguments,
	.flags = COMMAND_SESSION,
	.check = ports_check,
	.run = ports_run,
};

static const struct cli_command *const network_children[] = {
	&network_show, &network_allow, &network_deny, &network_mode, &network_ports_command,
	&cmd_network_log, NULL,
};

static const struct cli_example network_examples[] = {
	{ "coi network show web", "what it may reach, and the addresses that names have led to" },
	{ "coi network allow web example.org:443", "let it reach one more host" },
	{ "coi network ports web 443 8000-8100", "these ports and no others" },
	{ "coi network mode web allowlist", "nothing but the list from now on" },
	{ "coi network log web -f", "what it is refused, as it happens" },
	{ NULL },
};

const struct cli_command cmd_network = {
	.name = "network",
	.group = GROUP_CONTAINER,
	.summary = "see and change what a running container may reach",
	.examples = network_examples,
	.children = network_children,
};
