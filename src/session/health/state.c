/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is set, what runs, what is saved, what a crash has left. */
#include <errno.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/strv.h"
#include "runtime/control.h"
#include "session/container.h"
#include "session/health/checks.h"
#include "session/health/verdict.h"
#include "session/repair.h"
#include "session/saved.h"
#include "session/tool/tool.h"

#define LEFT_SHOWN 3

static void look_config(const struct health_subject *s, struct health_result *ret) {
	const char *strongest = NULL;
	size_t files = 0, notes = 0, wrong = 0;
	const struct config_file *file = config_files(s->config, &files);
	const struct config_note *note = config_notes(s->config, &notes);

	for (size_t i = 0; i < files; i++) {
		if (file[i].is_there)
			strongest = file[i].path;
	}
	health_detail(ret, "file", strongest ? json_text(strongest) : json_null());
	for (size_t i = 0; i < notes; i++) {
		if (note[i].level != NOTE_ERROR)
			continue;
		if (wrong++ == 0) {
			autofree char *text = config_note_text(&note[i]);

			health_fail(ret, "%s", text);
		}
	}
	if (s->config_error)
		health_fail(ret, "%s", s->config_error);
	if (wrong > 1)
		health_detail(ret, "errors", json_integer((json_int_t)wrong));
	if (ret->message) {
		health_remedy(ret, "coi validate config PATH");
		return;
	}
	health_ok(ret, "%s", strongest ? strongest : "defaults only");
}

static void look_mode(const struct health_subject *s, struct health_result *ret) {
	static const char *const words[] = {
		[MODE_ALLOWLIST] = "allowlist", [MODE_RESTRICTED] = "restricted", [MODE_OPEN] = "open"
	};

	health_ok(ret, "%s", words[s->settings->network.mode]);
}

static void look_tool(const struct health_subject *s, struct health_result *ret) {
	auto_tool struct tool *tool = NULL;
	struct err err = { 0 };

	if (tool_load(s->settings, NULL, &tool, &err) < 0)
		health_from_err(ret, HEALTH_WARNING, &err);
	else
		health_ok(ret, "%s", tool->name);
}

static void look_containers(const struct health_subject *s, struct health_result *ret) {
	auto_container_list struct container_list list = { 0 };
	struct err err = { 0 };
	unsigned running = 0;

	if (health_needs_session(s, ret))
		return;
	if (container_list_load(s->session, 0, &list, &err) < 0) {
		health_from_err(ret, HEALTH_WARNING, &err);
		return;
	}
	for (size_t i = 0; i < list.count; i++)
		running += container_is_running(s->session, list.items[i]);
	health_detail(ret, "running", json_integer(running));
	health_detail(ret, "stopped", json_integer((json_int_t)list.count - running));
	if (list.count == 0)
		health_ok(ret, "None");
	else
		health_ok(ret, "%u running, %zu stopped", running, list.count - running);
}

static void look_saved(const struct health_subject *s, struct health_result *ret) {
	auto_saved_list struct saved_list list = { 0 };
	struct err err = { 0 };

	if (saved_list_load(s->who, s->settings->tool.name, &list, &err) < 0) {
		health_from_err(ret, HEALTH_WARNING, &err);
		return;
	}
	health_ok(ret, "%zu of %s", list.count, s->settings->tool.name);
	health_detail(ret, "count", json_integer((json_int_t)list.count));
}

static void collect(const char *what, void *data) {
	strv_add(data, what);
}

static void look_left(const struct health_subject *s, struct health_result *ret) {
	autostrv char **found = NULL;
	autofree char *text = NULL;
	struct err err = { 0 };
	size_t n;

	if (health_needs_session(s, ret))
		return;
	if (repair_all(s->session, true, collect, &found, &err) < 0) {
		health_from_err(ret, HEALTH_WARNING, &err);
		return;
	}
	n = strv_len(found);
	health_detail(ret, "count", json_integer((json_int_t)n));
	if (n == 0) {
		health_ok(ret, "none");
		return;
	}
	health_detail(ret, "found", json_from_strv(found));
	for (size_t i = LEFT_SHOWN; i < n; i++)
		free(steal_ptr(found[i]));
	text = strv_join(found, ", ");
	health_warn(ret, "%s%s", text, n > LEFT_SHOWN ? ", and more" : "");
	health_remedy(ret, "coi clean --orphans");
}

static int mend_left(const struct health_subject *s, bool dry_run, char **ret_done,
		     struct err *err) {
	int n;

	if (!s->session)
		return err_set(err, ERR_PERMISSION, -EPERM, "needs root");
	n = repair_all(s->session, dry_run, NULL, NULL, err);
	if (n < 0)
		return n;
	*ret_done = xasprintf("what crashes left is removed (%d)", n);
	return 0;
}

static void look_dns(const struct health_subject *s, struct health_result *ret) {
	const char *name = REACH_NAME;
	struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM }, *found = NULL;
	int r = getaddrinfo(name, "443", &hints, &found);

	if (r == 0) {
		freeaddrinfo(found);
		health_ok(ret, "the host finds %s", name);
		return;
	}
	health_warn(ret, "the host does not find %s: %s", name, gai_strerror(r));
	health_remedy(ret, "look at /etc/resolv.conf and at the way out");
}

/* Is what runs in a container to be seen from outside? */
static void look_processes(const struct health_subject *s, struct health_result *ret) {
	auto_container_list struct container_list list = { 0 };
	struct err err = { 0 };

	if (health_needs_session(s, ret))
		return;
	if (container_list_load(s->session, 0, &list, &err) < 0) {
		health_from_err(ret, HEALTH_WARNING, &err);
		return;
	}
	for (size_t i = 0; i < list.count; i++) {
		char path[64], target[64];
		int r;

		if (!container_is_running(s->session, list.items[i]))
			continue;
		(void)snprintf(path, sizeof(path), "/proc/%d/exe", (int)list.items[i]->init.pid);
		r = readlink(path, target, sizeof(target)) < 0 ? -errno : 0;
		verdict_processes(list.items[i]->name, r, ret);
		return;
	}
	verdict_processes(NULL, 0, ret);
}

const struct health_check health_state_checks[] = {
	{ "config", "Config loaded", HEALTH_CONFIGURATION, look_config, NULL },
	{ "network_mode", "Network mode", HEALTH_CONFIGURATION, look_mode, NULL },
	{ "tool", "Tool", HEALTH_CONFIGURATION, look_tool, NULL },
	{ "active_containers", "Containers", HEALTH_STATUS, look_containers, NULL },
	{ "saved_sessions", "Saved sessions", HEALTH_STATUS, look_saved, NULL },
	{ "orphaned_resources", "Orphaned resources", HEALTH_STATUS, look_left, mend_left },
	{ "dns_resolution", "DNS resolution", HEALTH_OPTIONAL, look_dns, NULL, .is_slow = true },
	{ "process_monitoring", "Process monitoring", HEALTH_OPTIONAL, look_processes, NULL },
	{ 0 },
};
