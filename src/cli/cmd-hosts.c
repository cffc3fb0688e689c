/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Fixed names of a running container, whose addresses it may reach. */
#include <errno.h>
#include <stdlib.h>

#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/strv.h"
#include "cli/app.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "cli/resolve.h"
#include "net/hosts.h"
#include "runtime/etchosts.h"
#include "session/network.h"

struct hosts_args {
	const char *ports;
};

/* Steals @body. */
static int ask(struct cli *cli, json_t *body, struct container **ret_c, json_t **ret,
	       struct err *err) {
	int r = resolve_container(cli, app_word(cli, 0), RESOLVE_RUNNING, ret_c, err);

	if (r < 0) {
		json_decref(body);
		return r;
	}
	return network_ask(cli->session, *ret_c, body, ret, err);
}

#define TRIES_MAX 20

static bool same_hosts(const json_t *a, const json_t *b) {
	return json_equal(json_object_get(a, "hosts"), json_object_get(b, "hosts"));
}

/*
 * Into its /etc/hosts as well, for programs that read that and ask nobody. Somebody else
 * may change the list meanwhile, and write the file before us: what is in force is asked
 * for again until it is what was written.
 */
static void place(struct cli *cli, const struct container *c, const json_t *answer) {
	const struct runtime_ref ref = container_ref(cli->session, c);
	auto_json json_t *written = json_incref((json_t *)answer);
	struct err err = { 0 };

	for (int i = 0; i < TRIES_MAX; i++) {
		autofree char *lines = network_hosts_lines(json_object_get(written, "hosts"));
		json_t *now = NULL;
		int r = etc_hosts_place(&ref, lines, &err);

		if (r == 0)
			r = network_ask(cli->session, c, json_pack("{s:s}", "op", "show"), &now, &err);
		if (r < 0) {
			log_warn("'%s' is answered the names, but not in its /etc/hosts: %s", c->name,
				 err.msg);
			return;
		}
		if (same_hosts(written, now)) {
			json_decref(now);
			return;
		}
		json_decref(written);
		written = now;
	}
}

static json_t *words_from(const struct cli *cli, size_t first) {
	json_t *all = json_array();

	for (size_t i = first; app_word(cli, i); i++)
		json_array_append_new(all, json_text(app_word(cli, i)));
	return all;
}

/* Mistakes in the words are told before a container is looked for. */
static int add_check(struct cli *cli, void *args, struct err *err) {
	const struct hosts_args *a = args;
	auto_net_hosts struct net_hosts tried = { 0 };
	autostrv char **names = NULL, **ports = a->ports ? strv_split(a->ports, ",") : NULL;
	int r;

	for (size_t i = 2; app_word(cli, i); i++)
		strv_add(&names, app_word(cli, i));
	if (a->ports && !ports)
		return err_set(err, ERR_USAGE, -EINVAL, "--ports needs numbers such as 80,443");
	r = net_hosts_add(&tried, app_word(cli, 1), names, ports, err);
	if (r < 0)
		err->kind = ERR_USAGE;
	return r < 0 ? r : 0;
}

static int add_run(struct cli *cli, const void *args, struct err *err) {
	const struct hosts_args *a = args;
	auto_container struct container *c = NULL;
	autostrv char **ports = a->ports ? strv_split(a->ports, ",") : NULL;
	auto_json json_t *answer = NULL;
	int r = ask(cli, json_pack("{s:s, s:o, s:o, s:o}", "op", "hosts-add", "ip",
				   json_text(app_word(cli, 1)), "hostnames", words_from(cli, 2),
				   "ports", ports ? json_from_strv(ports) : json_array()),
		    &c, &answer, err);

	if (r < 0)
		return r;
	place(cli, c, answer);
	if (!network_leaves_ports(answer, a->ports))
		log_info("Note: %s stays closed, since other ports are all that '%s' may reach; see "
			 "'coi network ports'", app_word(cli, 1), c->name);
	for (size_t i = 2; app_word(cli, i); i++)
		output_line("Added %s %s to %s", app_word(cli, 1), app_word(cli, i), c->name);
	return 0;
}

static int remove_run(struct cli *cli, const void *args, struct err *err) {
	auto_container struct container *c = NULL;
	auto_json json_t *answer = NULL;
	int r = ask(cli, json_pack("{s:s, s:o}", "op", "hosts-remove", "hostnames",
				   words_from(cli, 1)), &c, &answer, err);

	if (r < 0)
		return r;
	place(cli, c, answer);
	for (size_t i = 1; app_word(cli, i); i++)
		output_line("Removed %s from %s", app_word(cli, i), c->name);
	return 0;
}

static int list_run(struct cli *cli, const void *args, struct err *err) {
	auto_container struct container *c = NULL;
	auto_json json_t *answer = NULL;
	const json_t *hosts;
	int r = ask(cli, json_pack("{s:s}", "op", "show"), &c, &answer, err);

	if (r < 0)
		return r;
	hosts = json_object_get(answer, "hosts");
	if (cli->json)
		return output_document(hosts ? json_incref((json_t *)hosts) : json_array(), err);
	for (size_t i = 0; i < json_array_size(hosts); i++) {
		const json_t *one = json_array_get(hosts, i);
		autostrv char **names = json_get_strv(one, "hostnames");
		autofree char *text = strv_join(names, " ");

		output_line("%s\t%s", json_get_str(one, "ip", "?"), text);
	}
	if (!json_array_size(hosts))
		output_line("No hosts of its own in %s", c->name);
	return 0;
}

#define NAME_ARGUMENT \
	{ "container", ARGUMENT_REQUIRED, COMPLETE_RUNNING, "A running container, or its alias" }

static const struct cli_argument add_arguments[] = {
	NAME_ARGUMENT,
	{ "ip", ARGUMENT_REQUIRED, COMPLETE_NONE, "An IPv4 address" },
	{ "host", ARGUMENT_REPEATED, COMPLETE_NONE, "A name for it" },
	{ NULL },
};

static const struct cli_argument list_arguments[] = { NAME_ARGUMENT, { NULL } };

static const struct cli_argument remove_arguments[] = {
	NAME_ARGUMENT,
	{ "host", ARGUMENT_REPEATED, COMPLETE_NONE, "A name in its list" },
	{ NULL },
};

static const struct cli_option add_options[] = {
	{ .name = "ports", CLI_TEXT(struct hosts_args, ports, "PORT,..."),
	  .help = "Let it reach these ports only, as in 443 or 8000-8100" },
	{ .name = NULL },
};

static const struct cli_command hosts_add = {
	.name = "add",
	.group = GROUP_CONTAINER,
	.summary = "give an address names, and open it",
	.description = "At once, in every network mode, for as long as the container runs. An "
		       "address in a private network is opened too: this is how a container gets "
		       "to one machine of it. The host and other containers stay closed.",
	.arguments = add_arguments,
	.options = add_options,
	.args_size = sizeof(struct hosts_args),
	.flags = COMMAND_SESSION,
	.check = add_check,
	.run = add_run,
};

static const struct cli_command hosts_list = {
	.name = "list",
	.group = GROUP_CONTAINER,
	.summary = "list its hosts",
	.description = "Those of network.hosts and those that were added since it started.",
	.arguments = list_arguments,
	.flags = COMMAND_SESSION | COMMAND_FORMAT,
	.run = list_run,
};

static const struct cli_command hosts_remove = {
	.name = "remove",
	.group = GROUP_CONTAINER,
	.summary = "take names away",
	.description = "With its last name an address is closed again, as the mode has it; "
		       "connections that are open to it end.",
	.arguments = remove_arguments,
	.flags = COMMAND_SESSION,
	.run = remove_run,
};

static const struct cli_command *const hosts_children[] = {
	&hosts_add, &hosts_list, &hosts_remove, NULL,
};

static const struct cli_example hosts_examples[] = {
	{ "coi hosts add web 192.168.1.20 db.lan --ports 5432", "let it reach a database" },
	{ "coi hosts list web", "what it has" },
	{ "coi hosts remove web db.lan", "and close it again" },
	{ NULL },
};

const struct cli_command cmd_hosts = {
	.name = "hosts",
	.group = GROUP_CONTAINER,
	.summary = "fixed names of a running container, and what they open",
	.examples = hosts_examples,
	.children = hosts_children,
};
