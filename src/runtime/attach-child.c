/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Runs inside the container, as its root and under its seccomp policy, still
 * with our program's text: the container's files are read here and not by the
 * caller, so that whatever they are they can only harm the container.
 */
#include "runtime/attach-child.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/keyctl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/proc.h"
#include "base/strv.h"
#include "runtime/nodes.h"
#include "runtime/passwd.h"

#define DATABASE_MAX (1024 * 1024)
#define GROUPS_MAX 256

static int fail(const struct attach_payload *p, enum attach_stage stage, int code) {
	const struct attach_report report = { .stage = stage, .code = code };

	(void)fd_write_all(p->report_fd, &report, sizeof(report));
	return code == ENOENT || code == ENOTDIR ? ATTACH_STATUS_NOT_FOUND :
						   ATTACH_STATUS_NOT_EXECUTABLE;
}

/* The caller's terminal is left behind with its session: no TIOCSTI, no ^C twice. */
static int session_setup(const struct attach_payload *p) {
	int moved[3];

	if (setsid() < 0)
		return errno;
	if (p->tty_fd >= 0 && ioctl(p->tty_fd, TIOCSCTTY, 0) < 0)
		return errno;
	for (int i = 0; i < 3; i++) {
		moved[i] = fcntl(p->fds[i], F_DUPFD_CLOEXEC, 3);
		if (moved[i] < 0)
			return errno;
	}
	for (int i = 0; i < 3; i++)
		if (dup2(moved[i], i) < 0)
			return errno;
	proc_close_fds_except((const int[]){ p->report_fd, p->nodes_fd }, p->nodes_fd < 0 ? 1 : 2);
	return 0;
}

/*
 * The caller's session keyring goes with the process, past all namespaces, and
 * whoever has it may read its keys. Where a policy or the kernel knows no
 * keyrings, nobody inside can read any.
 */
static int keyring_leave(void) {
	if (syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL) >= 0)
		return 0;
	return errno == ENOSYS || errno == EPERM || errno == EOPNOTSUPP ? 0 : errno;
}

/* "" when it cannot be read or is not a plain file. */
static char *database_read(const char *path) {
	autoclose int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct stat st;
	char *text;
	struct buf b;

	buf_init(&b, DATABASE_MAX);
	if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		/* Of one that is too large the first part counts. */
		(void)fd_read_all(fd, &b);
	text = buf_steal(&b);
	buf_done(&b);
	return text;
}

/* Those that the container's map has: a foolish line must not keep anybody out. */
static size_t groups_known(gid_t *groups, size_t count) {
	size_t n = 0;

	for (size_t i = 0; i < count; i++)
		if (setgroups(1, &groups[i]) == 0)
			groups[n++] = groups[i];
	return n;
}

static int user_switch(const struct attach_spec *spec, const struct passwd_entry *who, gid_t gid) {
	gid_t groups[GROUPS_MAX] = { gid };
	size_t count = 1;

	if (!spec->no_groups && who->name[0]) {
		autofree char *text = database_read("/etc/group");

		count = group_list(text, who->name, gid, groups, GROUPS_MAX);
	}
	if (setgroups(count, groups) < 0) {
		if (errno != EINVAL)
			return errno;
		count = groups_known(groups, count);
		if (setgroups(count, groups) < 0)
			return errno;
	}
	if (setresgid(gid, gid, gid) < 0 || setresuid(spec->uid, spec->uid, spec->uid) < 0)
		return errno;
	return 0;
}

static char **env_build(const struct attach_spec *spec, const struct passwd_entry *who) {
	const struct {
		const char *name, *value;
	} known[] = {
		{ "HOME", who->home },
		{ "USER", who->name },
		{ "LOGNAME", who->name },
		{ "SHELL", who->shell },
	};
	char **env = strv_copy(spec->env);

	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (known[i].value[0] && !env_get(env, known[i].name))
			env_set(&env, known[i].name, known[i].value);
	if (!env)
		env = xcalloc(1, sizeof(*env));
	return env;
}

int attach_child(void *payload) {
	const struct attach_payload *p = payload;
	const struct attach_spec *spec = p->spec;
	struct passwd_entry who = { .gid = 0 };
	autofree char *passwd = NULL;
	const char *cwd;
	int code = session_setup(p);

	if (!code)
		code = keyring_leave();
	if (!code && p->refuses)
		code = -surface_load(spec->ref.surface);
	/* Without it the kernel answers, and makes none: no reason not to run. */
	if (!code && p->nodes_fd >= 0)
		(void)nodes_filter(p->nodes_fd);
	if (code)
		return fail(p, ATTACH_STAGE_SETUP, code);
	proc_reset_signals();
	(void)umask(022);
	passwd = database_read("/etc/passwd");
	if (!passwd_find(passwd, spec->uid, &who) && spec->uid == 0)
		who = (struct passwd_entry){ .name = "root", .home = "/root", .shell = "/bin/sh" };
	code = user_switch(spec, &who, spec->gid == (gid_t)-1 ? who.gid : spec->gid);
	if (code)
		return fail(p, ATTACH_STAGE_USER, code);
	cwd = spec->cwd;
	if (cwd && chdir(cwd) < 0)
		return fail(p, ATTACH_STAGE_CWD, errno);
	if (!cwd && (!who.home[0] || chdir(who.home) < 0) && chdir("/") < 0)
		return fail(p, ATTACH_STAGE_CWD, errno);
	/* execvpe() looks in the caller's PATH, execvp() in this one. */
	environ = env_build(spec, &who);
	(void)execvp(spec->argv[0], spec->argv);
	return fail(p, ATTACH_STAGE_EXEC, errno);
}
