/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What watching a container and holding its limits needs. */
#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "monitor/block.h"
#include "runtime/cgroup.h"
#include "session/health/checks.h"
#include "session/health/verdict.h"

static void look_settings(const struct health_subject *s, struct health_result *ret) {
	verdict_monitoring(s->settings, ret);
}

/* Can the person make files in @path, or make it? 1, 0 when it is not there yet, or -errno. */
static int is_usable(const struct privilege *who, const char *path) {
	int r = 1;

	privilege_person_begin(who);
	if (faccessat(AT_FDCWD, path, W_OK | X_OK, AT_EACCESS) < 0)
		r = errno == ENOENT ? 0 : -errno;
	privilege_person_end(who);
	return r;
}

static void look_audit(const struct health_subject *s, struct health_result *ret) {
	autofree char *coi = path_join(s->who->home, ".coi");
	autofree char *dir = path_join(coi, "audit");
	const char *parents[] = { dir, coi, s->who->home };
	int r = 0;

	/* The first that is there decides. */
	for (size_t i = 0; i < ARRAY_SIZE(parents) && r == 0; i++)
		r = is_usable(s->who, parents[i]);
	if (r > 0) {
		health_ok(ret, "%s", dir);
		return;
	}
	health_fail(ret, "'%s' cannot be written to: %s", dir, strerror(r < 0 ? -r : ENOENT));
	health_remedy(ret, "chown %s '%s'", s->who->user, coi);
}

static void look_cgroups(const struct health_subject *s, struct health_result *ret) {
	/* Of version 2, and the name that version 1 has for it. */
	static const char *const names[CONTROL_COUNT][2] = {
		[CONTROL_CPU] = { "cpu" }, [CONTROL_MEMORY] = { "memory" }, [CONTROL_PIDS] = { "pids" },
		[CONTROL_CPUSET] = { "cpuset" }, [CONTROL_IO] = { "io", "blkio" },
	};
	auto_cgroup_trees struct cgroup_trees t = { 0 };
	struct control_facts facts = { 0 };
	struct err err = { 0 };

	if (cgroup_trees_load(&t, &err) < 0) {
		health_from_err(ret, HEALTH_FAILED, &err);
		return;
	}
	facts.has_unified = cgroup_tree_unified(&t) != NULL;
	for (size_t i = 0; i < t.count; i++)
		facts.has_legacy |= !t.v[i].unified && *t.v[i].controllers &&
				    strncmp(t.v[i].controllers, "name=", 5) != 0;
	for (size_t i = 0; i < CONTROL_COUNT; i++) {
		for (size_t k = 0; k < 2 && names[i][k] && facts.where[i] == CONTROL_MISSING; k++) {
			const struct cgroup_tree *tree = cgroup_tree_of(&t, names[i][k]);

			if (tree)
				facts.where[i] = tree->unified ? CONTROL_V2 : CONTROL_V1;
		}
	}
	verdict_cgroups(&facts, ret);
}

static void look_fanotify(const struct health_subject *s, struct health_result *ret) {
	autoclose int fd = -1;
	struct utsname u = { 0 };
	int major = 0, minor = 0;
	struct err err = { 0 };
	bool can_ask;
	int r;

	if (!s->who->is_root) {
		health_skip(ret, "needs root");
		return;
	}
	can_ask = block_probe(&err) == 0;
	fd = (int)syscall(SYS_fanotify_init, FAN_CLASS_NOTIF | FAN_CLOEXEC, O_RDONLY | O_CLOEXEC);
	r = fd < 0 ? -errno : 0;
	(void)uname(&u);
	if (!can_ask && s->settings->monitoring.block) {
		health_fail(ret, "without permission events: no container starts (monitoring.block)");
		health_remedy(ret, "set monitoring.block = false in ~/.coi/config.toml, or use a kernel "
				   "with CONFIG_FANOTIFY_ACCESS_PERMISSIONS");
	} else if (r < 0) {
		health_warn(ret, "not available: %s; touched files are not seen", strerror(-r));
	} else if (!can_ask) {
		health_warn(ret, "available, without permission events: monitoring.block "
				 "cannot be used");
	} else if (sscanf(u.release, "%d.%d", &major, &minor) == 2 &&
		   (major < 6 || (major == 6 && minor < 6))) {
		/* Since then the overlay has handles, which events with names need. */
		health_ok(ret, "available; who renames or removes a file is not told (Linux 6.6)");
	} else {
		health_ok(ret, "available, with names and permission events");
	}
}

static void look_notify(const struct health_subject *s, struct health_result *ret) {
	struct seccomp_notif_sizes sizes;

	/* seccomp(2): Linux 5.0. */
	if (syscall(SYS_seccomp, SECCOMP_GET_NOTIF_SIZES, 0, &sizes) == 0)
		health_ok(ret, "available");
	else
		health_warn(ret, "not available: %s", strerror(errno));
}

const struct health_check health_monitoring_checks[] = {
	{ "monitoring_configuration", "Monitoring config", HEALTH_MONITORING, look_settings, NULL },
	{ "audit_log_directory", "Audit log dir", HEALTH_MONITORING, look_audit, NULL },
	{ "cgroup_availability", "Control groups", HEALTH_MONITORING, look_cgroups, NULL },
	{ "fanotify", "File events", HEALTH_MONITORING, look_fanotify, NULL },
	{ "seccomp_notify", "Call events", HEALTH_MONITORING, look_notify, NULL },
	{ 0 },
};
