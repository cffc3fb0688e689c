/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "session/context.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/escape.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/strv.h"
#include "session/tool/merge.h"

#define TEXT_MAX (1 << 20)
#define NAME_MAX_SHOWN 512
#define LIST_SHOWN 200

void context_facts_done(struct context_facts *f) {
	char *const texts[] = { f->container, f->tool,	   f->workspace, f->home,  f->user,
				f->os,	      f->arch,	   f->timezone,	 f->network_mode,
				f->cpu,	      f->memory,   f->processes, f->duration, f->git };
	char **const lists[] = { f->allowed, f->allowed_ports, f->dns_servers, f->forwarded, f->ports,
				 f->protected, f->secret,      f->branches,    f->notes };

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		free(texts[i]);
	for (size_t i = 0; i < ARRAY_SIZE(lists); i++)
		strv_free(lists[i]);
	for (size_t i = 0; i < f->mount_count; i++)
		free(f->mounts[i].path);
	free(f->mounts);
	*f = (struct context_facts){ 0 };
}

/* A name of a project's choice stays one line of code in Markdown. */
static void add_code(struct buf *b, const char *text) {
	autofree char *plain = escape_text(text, NAME_MAX_SHOWN);

	buf_addc(b, '`');
	for (const char *p = plain; *p; p++)
		buf_addc(b, *p == '`' ? '\'' : *p);
	buf_addc(b, '`');
}

static void add_row(struct buf *b, const char *name, const char *value) {
	if (!value || !*value)
		return;
	buf_addf(b, "| %s | ", name);
	add_code(b, value);
	buf_adds(b, " |\n");
}

static void add_list(struct buf *b, char *const *list) {
	size_t n = strv_len(list);

	for (size_t i = 0; i < n && i < LIST_SHOWN; i++) {
		buf_adds(b, "- ");
		add_code(b, list[i]);
		buf_addc(b, '\n');
	}
	if (n > LIST_SHOWN)
		buf_addf(b, "- and %zu more\n", n - LIST_SHOWN);
}

static void add_where(struct buf *b, const struct context_facts *f) {
	buf_adds(b, "# You are in a sandbox\n\n"
		    "This machine is a Linux system container made by coi for this session. What "
		    "is in it is yours; of the host it sees the workspace and what is listed "
		    "below.\n\n| | |\n|---|---|\n");
	add_row(b, "Workspace (shared with the host)", f->workspace);
	add_row(b, "Home", f->home);
	add_row(b, "User", f->user);
	add_row(b, "System", f->os);
	add_row(b, "Architecture", f->arch);
	add_row(b, "Time zone", f->timezone);
	add_row(b, "Agent", f->tool);
	add_row(b, "Container", f->container);
	buf_addf(b, "| Kept when the session ends | %s |\n",
		 f->persistent ? "yes (persistent)" : "no: only the workspace stays (ephemeral)");
	buf_addf(b, "| SSH agent | %s |\n", f->has_agent ? "yes" : "no");
	buf_addf(b, "| Containers in the container (docker, podman) | %s |\n",
		 f->nesting ? "allowed, where they are installed" : "no");
	buf_adds(b, "\n## What you may do\n\n");
	if (f->can_sudo)
		buf_adds(b, "- `sudo` works without a password. Root here is nobody on the host.\n");
	buf_adds(b, "- Install packages, start services, change the system: it is disposable.\n"
		    "- Files that you make in the workspace belong to its owner on the host.\n");
}

static void add_git(struct buf *b, const struct context_facts *f) {
	buf_adds(b, "\n## Git\n\n");
	if (*f->git) {
		buf_adds(b, "- Commits are by ");
		add_code(b, f->git);
		buf_adds(b, f->is_git_fixed ? ", which cannot be changed here.\n" : ".\n");
	} else {
		buf_adds(b, "- Git has no identity here and does not make one up: do not either. "
			    "Leave what you have done uncommitted, or ask.\n");
	}
	if (f->strips_git)
		buf_adds(b, "- Lines about agents (`Co-Authored-By`, `Generated with`) are taken "
			    "out of commit messages: write none.\n");
	if (f->branches) {
		buf_adds(b, "- These branches are neither committed to nor pushed; make one of your "
			    "own:\n\n");
		add_list(b, f->branches);
	}
}

static void add_network(struct buf *b, const struct context_facts *f) {
	buf_adds(b, "\n## Network\n\n");
	if (!f->has_network) {
		buf_adds(b, "There is none.\n");
		return;
	}
	buf_adds(b, "Mode: ");
	add_code(b, f->network_mode);
	buf_adds(b, ". The host, other containers and IPv6 are out of reach in every mode.\n");
	if (!strcmp(f->network_mode, "allowlist")) {
		buf_adds(b, "Only these names and addresses can be reached:\n\n");
		add_list(b, f->allowed);
	} else if (!strcmp(f->network_mode, "restricted")) {
		buf_addf(b, "Public addresses can be reached%s.\n",
			 f->blocks_private && !f->allows_local ? "; private networks and cloud "
								 "metadata cannot" : "");
	}
	if (f->allowed_ports) {
		buf_adds(b, "\nOf TCP and UDP only these ports can be reached, and of other "
			    "protocols only the echo (`ping`):\n\n");
		add_list(b, f->allowed_ports);
	}
	buf_adds(b, "\nWhat was refused stands in `/run/coi/denied`, a line each, with the name "
		    "or address: look there when a connection fails at once or a name is not "
		    "found. It is a decision of the person, not a fault: do not try to get "
		    "around it, say what you need.\n");
}

static void add_files(struct buf *b, const struct context_facts *f) {
	if (f->protected) {
		buf_adds(b, "\n## Read-only in the workspace\n\n"
			    "These cannot be changed from here, by root neither (`EROFS`, "
			    "`EBUSY`):\n\n");
		add_list(b, f->protected);
	}
	if (f->secret) {
		buf_adds(b, "\n## Hidden in the workspace\n\nThese are empty here on purpose:\n\n");
		add_list(b, f->secret);
	}
	if (f->mount_count) {
		buf_adds(b, "\n## Further directories of the host\n\n");
		for (size_t i = 0; i < f->mount_count; i++) {
			buf_adds(b, "- ");
			add_code(b, f->mounts[i].path);
			buf_adds(b, f->mounts[i].readonly ? " (read-only)\n" : "\n");
		}
	}
}

static void add_rest(struct buf *b, const struct context_facts *f) {
	if (f->forwarded) {
		buf_adds(b, "\n## Variables of the person\n\nThese are set in the session:\n\n");
		add_list(b, f->forwarded);
	}
	if (f->ports) {
		buf_adds(b, "\n## Published ports\n\nThe person reaches what listens here, host before "
			    "container (one number: the same on both sides; without an address: on "
			    "127.0.0.1 only). `COI_PORTS` and `COI_PORT_<NAME>` have the numbers:\n\n");
		add_list(b, f->ports);
	}
	if (*f->cpu || *f->memory || *f->processes || *f->duration) {
		buf_adds(b, "\n## Limits\n\n| | |\n|---|---|\n");
		add_row(b, "Processors", f->cpu);
		add_row(b, "Memory", f->memory);
		add_row(b, "Processes", f->processes);
		add_row(b, "Time of the container", f->duration);
	}
	for (char **note = f->notes; note && *note; note++)
		buf_addf(b, "\n%s\n", *note);
}

char *context_text(const struct context_facts *f, const char *profile) {
	struct buf b;
	char *text;

	buf_init(&b, TEXT_MAX);
	add_where(&b, f);
	add_git(&b, f);
	add_network(&b, f);
	add_files(&b, f);
	add_rest(&b, f);
	if (profile && *profile) {
		buf_adds(&b, "\n## User-Provided Profile Context\n\n");
		buf_adds(&b, profile);
		if (b.len && b.data[b.len - 1] != '\n')
			buf_addc(&b, '\n');
	}
	text = buf_steal(&b);
	buf_done(&b);
	return text;
}

static void set_text(json_t *j, const char *key, const char *text) {
	if (text && *text)
		(void)json_object_set_new(j, key, json_text(text));
}

static void set_list(json_t *j, const char *key, char *const *list) {
	json_t *array = json_array();

	for (; list && *list; list++)
		(void)json_array_append_new(array, json_text(*list));
	(void)json_object_set_new(j, key, array);
}

static json_t *network_json(const struct context_facts *f) {
	json_t *n = json_object();

	set_text(n, "mode", f->has_network ? f->network_mode : "none");
	(void)json_object_set_new(n, "block_private_networks", json_boolean(f->blocks_private));
	(void)json_object_set_new(n, "allow_local_network_access", json_boolean(f->allows_local));
	set_list(n, "allowed_domains", f->allowed);
	set_list(n, "allowed_ports", f->allowed_ports);
	set_list(n, "dns_servers", f->dns_servers);
	set_text(n, "denied_file", f->has_network ? "/run/coi/denied" : "");
	return n;
}

static json_t *mounts_json(const struct context_facts *f) {
	json_t *list = json_array();

	for (size_t i = 0; i < f->mount_count; i++) {
		json_t *m = json_object();

		set_text(m, "path", f->mounts[i].path);
		(void)json_object_set_new(m, "readonly", json_boolean(f->mounts[i].readonly));
		(void)json_array_append_new(list, m);
	}
	return list;
}

static json_t *limits_json(const struct context_facts *f) {
	json_t *l = json_object();

	set_text(l, "cpu", f->cpu);
	set_text(l, "memory", f->memory);
	set_text(l, "max_processes", f->processes);
	set_text(l, "max_duration", f->duration);
	return l;
}

char *context_json(const struct context_facts *f) {
	auto_json json_t *j = json_object();
	bool has_gh = strv_contains(f->forwarded, "GH_TOKEN") ||
		      strv_contains(f->forwarded, "GITHUB_TOKEN");

	(void)json_object_set_new(j, "schema_version", json_integer(1));
	set_text(j, "container_name", f->container);
	set_text(j, "tool_name", f->tool);
	set_text(j, "workspace_path", f->workspace);
	set_text(j, "home_dir", f->home);
	set_text(j, "os", f->os);
	set_text(j, "architecture", f->arch);
	set_text(j, "timezone", f->timezone);
	(void)json_object_set_new(j, "persistent", json_boolean(f->persistent));
	(void)json_object_set_new(j, "run_as_root", json_boolean(!strcmp(f->user, "root")));
	(void)json_object_set_new(j, "network", network_json(f));
	(void)json_object_set_new(j, "ssh_agent_forwarded", json_boolean(f->has_agent));
	(void)json_object_set_new(j, "gh_cli_authenticated", json_boolean(has_gh));
	(void)json_object_set_new(j, "docker_available", json_boolean(f->nesting));
	set_list(j, "forwarded_env_vars", f->forwarded);
	set_text(j, "git_identity", f->git);
	(void)json_object_set_new(j, "git_identity_fixed", json_boolean(f->is_git_fixed));
	set_list(j, "protected_branches", f->branches);
	set_list(j, "protected_paths", f->protected);
	set_list(j, "hidden_paths", f->secret);
	(void)json_object_set_new(j, "extra_mounts", mounts_json(f));
	set_list(j, "published_ports", f->ports);
	(void)json_object_set_new(j, "limits", limits_json(f));
	return merge_text(j);
}
