/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runtime/control.h"

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/strv.h"
#include "runtime/cgroup.h"
#include "runtime/nodes.h"

#define KILL_TIMEOUT_MS 5000
#define BUSY_TIMEOUT_MS 1000

static bool same_boot(const struct runtime_ref *ref) {
	return !ref->boot_id || !strcmp(ref->boot_id, boot_id());
}

const char *runtime_ref_name(const struct runtime_ref *ref) {
	return ref->name ? ref->name : ref->lxc_name;
}

bool runtime_alive(const struct runtime_ref *ref) {
	return ref->init.pid > 0 && same_boot(ref) && proc_id_alive(&ref->init);
}

/* SIGKILL to init: the kernel then ends everything in its pid namespace. */
static int init_kill(const struct runtime_ref *ref, int timeout_ms) {
	if (!runtime_alive(ref))
		return 0;
	return proc_id_kill(&ref->init, timeout_ms);
}

int runtime_kill(const struct runtime_ref *ref, int timeout_ms, struct err *err) {
	auto_cgroup_trees struct cgroup_trees t = { 0 };
	uint64_t end = clock_mono_ms() + (uint64_t)timeout_ms, now;
	int r = cgroup_trees_load(&t, err), r2;

	if (r < 0)
		return r;
	/*
	 * Sent to all, then waited for init: the kernel reaps its whole pid namespace
	 * before its end shows. The group's own event comes up to 10 ms later
	 * (CGROUP_FILE_NOTIFY_MIN_INTV), so it is only looked at afterwards.
	 */
	(void)cgroup_kill(&t, CGROUP_PAYLOAD, ref->lxc_name, 0);
	r2 = init_kill(ref, timeout_ms);
	now = clock_mono_ms();
	r = cgroup_kill(&t, CGROUP_PAYLOAD, ref->lxc_name, now < end ? (int)(end - now) : 0);
	if (r == 0)
		r = r2;
	if (r < 0)
		return err_sys(err, r, "cannot kill all processes of '%s'", runtime_ref_name(ref));
	return 0;
}

/* Is init a systemd? It alone reads SIGRTMIN+3; elsewhere that signal's default is ignored. */
int runtime_cgroup_open(const struct runtime_ref *ref) {
	auto_cgroup_trees struct cgroup_trees t = { 0 };
	const struct cgroup_tree *v2;
	struct err ignored;
	int r = cgroup_trees_load(&t, &ignored);

	if (r < 0)
		return r;
	v2 = cgroup_tree_unified(&t);
	return v2 ? cgroup_open(v2, CGROUP_PAYLOAD, ref->lxc_name) : -ENOENT;
}

int runtime_poweroff(const struct runtime_ref *ref, struct err *err) {
	autoclose int pidfd = -1;
	int r;

	if (!same_boot(ref))
		return 0;
	pidfd = proc_id_open(&ref->init);
	if (pidfd == -ESRCH)
		return 0;
	if (pidfd < 0)
		return err_sys(err, pidfd, "cannot open the init of '%s'", runtime_ref_name(ref));
	/*
	 * To process 1 a signal goes only where it has a handler: systemd and coi-init
	 * know the first one, sysvinit and busybox the others, and none does harm.
	 */
	r = syscall(SYS_pidfd_send_signal, pidfd, SIGRTMIN + 3, NULL, 0) < 0 ? -errno : 0;
	if (r < 0 && r != -ESRCH)
		return err_sys(err, r, "cannot signal the init of '%s'", runtime_ref_name(ref));
	return 0;
}

static int freeze(const struct runtime_ref *ref, bool on, int timeout_ms, struct err *err) {
	auto_cgroup_trees struct cgroup_trees t = { 0 };
	int r = cgroup_trees_load(&t, err);

	if (r < 0)
		return r;
	r = cgroup_freeze(&t, ref->lxc_name, on, timeout_ms);
	if (r == -ENOENT)
		return err_set(err, ERR_MISSING, r, "'%s' is not running", runtime_ref_name(ref));
	if (r < 0)
		return err_sys(err, r, "cannot %s '%s'", on ? "freeze" : "thaw", runtime_ref_name(ref));
	return 0;
}

int runtime_freeze(const struct runtime_ref *ref, int timeout_ms, struct err *err) {
	return freeze(ref, true, timeout_ms, err);
}

int runtime_unfreeze(const struct runtime_ref *ref, struct err *err) {
	return freeze(ref, false, 1000, err);
}

int runtime_is_frozen(const struct runtime_ref *ref) {
	auto_cgroup_trees struct cgroup_trees t = { 0 };
	int r = cgroup_trees_load(&t, NULL);

	return r < 0 ? r : cgroup_is_frozen(&t, ref->lxc_name);
}

/*
 * A group may be busy for a moment after the last in it has died: the kernel lets go of
 * a task (6.18 and newer) when the processor has left it. Nothing tells when.
 */
static int groups_remove(const struct cgroup_trees *t, const char *prefix, const char *name) {
	uint64_t end = clock_mono_ms() + BUSY_TIMEOUT_MS;
	int r;

	while ((r = cgroup_remove(t, prefix, name)) == -EBUSY && clock_mono_ms() < end)
		(void)poll(NULL, 0, 2);
	return r;
}

int runtime_leftovers_remove(const struct runtime_ref *ref, struct err *err) {
	static const char *const prefixes[] = { CGROUP_SUPERVISOR, CGROUP_MONITOR, CGROUP_PAYLOAD };
	auto_cgroup_trees struct cgroup_trees t = { 0 };
	int r = cgroup_trees_load(&t, err);
	int result = 0;

	if (r < 0)
		return r;
	/* The monitor first, so that it does not start again what is killed (reboot). */
	if (same_boot(ref) && ref->monitor.pid > 0)
		result = proc_id_kill(&ref->monitor, KILL_TIMEOUT_MS);
	for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++) {
		if (cgroup_has(&t, prefixes[i], ref->lxc_name, getpid()))
			continue;
		r = cgroup_kill(&t, prefixes[i], ref->lxc_name, KILL_TIMEOUT_MS);
		if (r < 0)
			result = r;
		if (i == ARRAY_SIZE(prefixes) - 1 && (r = init_kill(ref, KILL_TIMEOUT_MS)) < 0)
			result = r;
		r = groups_remove(&t, prefixes[i], ref->lxc_name);
		if (r < 0)
			result = r;
	}
	/* liblxc's monitor goes there to be able to remove its own; everybody's, and empty. */
	(void)cgroup_remove(&t, "lxc.pivot", "");
	nodes_forget(ref->lxcpath ? ref->lxcpath : RUNTIME_LXCPATH, ref->lxc_name);
	if (result < 0)
		return err_sys(err, result, "cannot remove all that is left of '%s'",
			       runtime_ref_name(ref));
	return 0;
}

static void names_add(char ***names, const char *dir, const char *prefix) {
	static const char *const kinds[] = { CGROUP_SUPERVISOR, CGROUP_MONITOR, CGROUP_PAYLOAD };
	autoclosedir DIR *d = opendir(dir);
	struct dirent *e;

	while (d && (e = readdir(d))) {
		for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
			size_t len = strlen(kinds[i]);
			const char *name = e->d_name + len;

			if (strncmp(e->d_name, kinds[i], len) ||
			    strncmp(name, prefix, strlen(prefix)) || strv_contains(*names, name))
				continue;
			strv_add(names, name);
		}
	}
}

char **runtime_leftovers_list(const char *prefix) {
	auto_cgroup_trees struct cgroup_trees t = { 0 };
	char **names = NULL;

	if (cgroup_trees_load(&t, NULL) < 0)
		return NULL;
	for (size_t i = 0; i < t.count; i++) {
		autofree char *dir = xasprintf("%s%s", t.v[i].mount, t.v[i].base);

		names_add(&names, dir, prefix);
	}
	return names;
}
