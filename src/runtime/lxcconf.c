/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runtime/limits.h"
#include "runtime/lxcconf.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/strv.h"
#include "runtime/caps.h"

static void put(char ***v, const char *key, const char *value) {
	strv_add(v, key);
	strv_add(v, value);
}

static void put_idmap(char ***v, char kind, const struct idmap *m) {
	for (size_t i = 0; i < m->count; i++) {
		strv_add(v, "lxc.idmap");
		strv_addf(v, "%c %" PRIu32 " %" PRIu32 " %" PRIu32, kind, m->line[i].inside,
			  m->line[i].outside, m->line[i].count);
	}
}

static void put_caps(char ***v) {
	/* Those that stay and not those that go: a newer kernel may have more. */
	for (size_t i = 0; i < caps_count; i++)
		if (caps_rows[i].stays)
			put(v, "lxc.cap.keep", caps_rows[i].name);
}

static void put_net(char ***v, const struct runtime_net *net) {
	if (!net->link) {
		put(v, "lxc.net.0.type", "empty");
		put(v, "lxc.net.0.flags", "up"); /* the loopback */
		return;
	}
	put(v, "lxc.net.0.type", "phys");
	put(v, "lxc.net.0.link", net->link);
	put(v, "lxc.net.0.name", net->name ? net->name : "eth0");
	put(v, "lxc.net.0.flags", "up");
	if (net->address)
		put(v, "lxc.net.0.ipv4.address", net->address);
	if (net->gateway)
		put(v, "lxc.net.0.ipv4.gateway", net->gateway);
}

static void put_mounts(char ***v, const struct runtime_spec *spec) {
	/*
	 * Where there are namespaces of groups liblxc leaves mounting them to the container's
	 * init, as systemd does, though not each hierarchy; engines want all of them, and ours
	 * mounts none.
	 */
	put(v, "lxc.mount.auto", spec->nesting ? "proc:mixed sys:mixed cgroup:mixed:force" :
						 "proc:mixed sys:mixed cgroup:mixed");
	/* systemd mounts one where there is none. */
	put(v, "lxc.mount.entry", "shm dev/shm tmpfs nosuid,nodev,mode=1777,create=dir 0 0");
	if (!spec->nesting)
		return;
	put(v, "lxc.mount.entry", DEVICES_DIR "/fuse dev/fuse none bind,create=file,optional 0 0");
	put(v, "lxc.mount.entry", DEVICES_DIR "/tun dev/net/tun none bind,create=file,optional 0 0");
	/*
	 * A user namespace inside may mount proc and sysfs only where whole ones are
	 * seen already: the usual places have read-only parts.
	 */
	put(v, "lxc.mount.entry", "proc dev/.lxc/proc proc create=dir,optional 0 0");
	put(v, "lxc.mount.entry", "sysfs dev/.lxc/sys sysfs create=dir,optional 0 0");
}

static int put_sysctls(char ***v, const struct runtime_spec *spec, struct err *err) {
	if (spec->nesting)
		put(v, "lxc.sysctl.net.ipv4.ip_unprivileged_port_start", "0");
	/* Else ping fails for code. */
	put(v, "lxc.sysctl.net.ipv4.ping_group_range", "0 65535");
	for (size_t i = 0; spec->sysctls && spec->sysctls[i]; i++) {
		const char *eq = strchr(spec->sysctls[i], '=');

		if (!eq || eq == spec->sysctls[i])
			return err_set(err, ERR_BUG, -EINVAL, "'%s' is no sysctl setting",
				       spec->sysctls[i]);
		strv_addf(v, "lxc.sysctl.%.*s", (int)(eq - spec->sysctls[i]), spec->sysctls[i]);
		strv_add(v, eq + 1);
	}
	return 0;
}

static int put_limits(char ***v, const struct runtime_spec *spec, const struct cgroup_trees *trees,
		      struct err *err) {
	struct limit_file limit[LIMIT_FILES_MAX];
	int n = limits_files(&spec->limits, trees, limit, err);

	for (int i = 0; i < n; i++) {
		strv_addf(v, "lxc.%s.%s", limit[i].unified ? "cgroup2" : "cgroup", limit[i].file);
		strv_add(v, limit[i].value);
	}
	return n < 0 ? n : 0;
}

char **lxcconf_build(const struct runtime_spec *spec, const struct idset *ids,
		     const struct cgroup_trees *trees, const struct lxcconf_paths *paths,
		     struct err *err) {
	autostrv char **v = NULL;

	put(&v, "lxc.log.file", paths->log);
	put(&v, "lxc.log.level", spec->log_level ? spec->log_level : "ERROR");
	strv_add(&v, "lxc.rootfs.path");
	strv_addf(&v, "dir:%s", paths->rootfs);
	put(&v, "lxc.rootfs.mount", paths->rootfs);
	put_idmap(&v, 'u', &ids->users);
	put_idmap(&v, 'g', &ids->groups);
	put(&v, "lxc.uts.name", spec->hostname);
	put(&v, "lxc.tty.max", "0");
	put(&v, "lxc.pty.max", "1024");
	put(&v, "lxc.console.path", "none");
	put(&v, "lxc.autodev", "1");
	/* By name: liblxc 5.0.2 cannot make one of its own without a configuration file. */
	put(&v, "lxc.apparmor.profile", paths->apparmor ? paths->apparmor : "unconfined");
	/* A kernel that does not mediate mounts is no reason to go without the rest. */
	if (paths->apparmor)
		put(&v, "lxc.apparmor.allow_incomplete", "1");
	if (paths->selinux)
		put(&v, "lxc.selinux.context", paths->selinux);
	put(&v, "lxc.seccomp.profile", paths->seccomp);
	put_caps(&v);
	put_mounts(&v, spec);
	put_net(&v, &spec->net);
	for (size_t i = 0; spec->env && spec->env[i]; i++)
		put(&v, "lxc.environment", spec->env[i]);
	if (put_sysctls(&v, spec, err) < 0 || put_limits(&v, spec, trees, err) < 0)
		return NULL;
	return steal_ptr(v);
}

/* "lxc [NAME] TIME LEVEL CATEGORY - FILE:FUNCTION:LINE - MESSAGE": the message, when an error. */
static const char *error_message(char *line) {
	char *level = strstr(line, " ERROR ");
	char *first = level ? strstr(level, " - ") : NULL;
	char *second = first ? strstr(first + 3, " - ") : NULL;

	return second ? second + 3 : NULL;
}

char *lxclog_reason(const char *text) {
	autostrv char **lines = strv_split(text, "\n");
	autobuf struct buf out;
	unsigned count = 0;

	buf_init(&out, 600);
	/* The first is where it began; what follows are its consequences. */
	for (size_t i = 0; lines && lines[i] && count < 2; i++) {
		const char *message = error_message(lines[i]);

		/* Asked for on each attach, for configurations of old. */
		if (!message || strstr(message, "\"lxc.seccomp\""))
			continue;
		buf_addf(&out, "%s%s", count++ ? "; " : "", message);
	}
	return buf_steal(&out);
}
