/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What watching a container and holding its limits needs. */
#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/strv.h"
#include "runtime/cgroup.h"
#include "session/health/checks.h"

#define POLL_MAX_SEC 60
#define THRESHOLD_MAX_MB 10000

static void look_settings(const struct health_subject *s, struct health_result *ret) {
	const struct settings *set = s->settings;
	int poll = set->monitoring.poll_interval_sec;
	double threshold = set->monitoring.file_read_threshold_mb;

	health_detail(ret, "enabled", json_boolean(set->monitoring.enabled));
	health_detail(ret, "auto_pause", json_boolean(set->monitoring.auto_pause_on_high));
	health_detail(ret, "auto_kill", json_boolean(set->monitoring.auto_kill_on_critical));
	if (!set->monitoring.enabled)
		health_warn(ret, "switched off (monitoring.enabled is false)");
	else if (poll < 1 || poll > POLL_MAX_SEC)
		health_warn(ret, "monitoring.poll_interval_sec is %d: 1 to %d make sense", poll,
			    POLL_MAX_SEC);
	else if (threshold < 1 || threshold > THRESHOLD_MAX_MB)
		health_warn(ret, "monitoring.file_read_threshold_mb is %g: 1 to %d make sense",
			    threshold, THRESHOLD_MAX_MB);
	else
		health_ok(ret, "on, auto_pause: %s, auto_kill: %s",
			  set->monitoring.auto_pause_on_high ? "true" : "false",
			  set->monitoring.auto_kill_on_critical ? "true" : "false");
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
	static const char *const wanted[] = { "cpu", "memory", "pids" };
	auto_cgroup_trees struct cgroup_trees t = { 0 };
	autostrv char **missing = NULL;
	autofree char *names = NULL;
	struct err err = { 0 };
	bool unified, legacy = false;

	if (cgroup_trees_load(&t, &err) < 0) {
		health_from_err(ret, HEALTH_FAILED, &err);
		return;
	}
	unified = cgroup_tree_unified(&t) != NULL;
	for (size_t i = 0; i < t.count; i++)
		legacy |= !t.v[i].unified && *t.v[i].controllers &&
			  strncmp(t.v[i].controllers, "name=", 5) != 0;
	for (size_t i = 0; i < ARRAY_SIZE(wanted); i++) {
		if (!cgroup_tree_of(&t, wanted[i]))
			strv_add(&missing, wanted[i]);
	}
	health_detail(ret, "layout", json_string(!unified ? "legacy" : legacy ? "hybrid" : "unified"));
	if (missing) {
		names = strv_join(missing, ", ");
		health_detail(ret, "missing", json_from_strv(missing));
		health_warn(ret, "no controller for %s: its limits are refused", names);
	} else if (!unified) {
		health_warn(ret, "version 1 only: freezing and killing are slower");
	} else {
		health_ok(ret, "%s", legacy ? "version 2 beside version 1" : "version 2");
	}
}

static void look_fanotify(const struct health_subject *s, struct health_result *ret) {
	autoclose int fd = -1;

	if (!s->who->is_root) {
		health_skip(ret, "needs root");
		return;
	}
	fd = (int)syscall(SYS_fanotify_init, FAN_CLASS_CONTENT | FAN_CLOEXEC, O_RDONLY | O_CLOEXEC);
	if (fd >= 0)
		health_ok(ret, "available, with permission events");
	else
		health_warn(ret, "not available: %s; touched files are not seen", strerror(errno));
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
