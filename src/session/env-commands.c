/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "session/env-commands.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/proc.h"
#include "base/strv.h"

/* As the person's own shell would have it. */
static char **person_environment(const struct privilege *who) {
	char **env = strv_copy(environ);

	if (who->via_sudo) {
		env_set(&env, "HOME", who->home);
		env_set(&env, "USER", who->user);
		env_set(&env, "LOGNAME", who->user);
	}
	return env;
}

static int start(const struct privilege *who, const char *text, int out, pid_t *ret, struct err *err) {
	autostrv char **env = person_environment(who);
	char *const argv[] = { (char *)"sh", (char *)"-c", (char *)text, NULL };
	const struct spawn_fd fd = { .fd = out, .as = 1 };
	const struct spawn_spec spec = { .path = "/bin/sh",
					 .argv = argv,
					 .env = env,
					 .fds = &fd,
					 .fd_count = 1,
					 .new_session = true,
					 .null_stdio = true,
					 .uid = who->via_sudo ? who->uid : (uid_t)-1,
					 .gid = who->via_sudo ? who->gid : (gid_t)-1,
					 .user = who->user };

	return proc_spawn(&spec, ret, NULL, err);
}

/* Until end of file or the deadline. */
static int read_value(int fd, uint64_t end, struct buf *out) {
	char block[4096];

	for (;;) {
		struct pollfd pfd = { .fd = fd, .events = POLLIN };
		uint64_t now = clock_mono_ms();
		int r = poll(&pfd, 1, now >= end ? 0 : (int)(end - now));
		ssize_t n;

		if (r == 0)
			return -ETIMEDOUT;
		if (r < 0 && errno != EINTR)
			return -errno;
		n = r < 0 ? -1 : read(fd, block, sizeof(block));
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : 0;
		buf_add(out, block, (size_t)n);
		if (out->overflow)
			return -EFBIG;
	}
}

static int wait_status(pid_t pid, uint64_t end) {
	struct proc_id id;
	int fd, r;

	/* It may close its output and go on. */
	if (proc_id_get(pid, &id) == 0 && (fd = proc_id_open(&id)) >= 0) {
		uint64_t now = clock_mono_ms();

		r = pidfd_wait_gone(fd, now >= end ? 0 : (int)(end - now));
		(void)close(fd);
		if (r < 0)
			return r;
	}
	return proc_wait(pid);
}

static int run_one(const struct session *s, const char *name, const char *text, struct buf *out,
		   struct err *err) {
	const int64_t limit = s->settings->defaults.env_command_timeout.ms;
	uint64_t end = clock_mono_ms() + (uint64_t)limit;
	autoclose int rd = -1;
	struct err ignored = { 0 };
	int fds[2], r, status = 0;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return err_sys(err, -errno, "cannot make a pipe");
	rd = fds[0];
	r = start(s->who, text, fds[1], &pid, &ignored);
	(void)close(fds[1]);
	if (r < 0)
		return err_set(err, ERR_SYSTEM, r, "the command for the variable '%s' cannot be "
						   "started", name);
	r = read_value(rd, end, out);
	if (r == 0)
		r = status = wait_status(pid, end);
	if (r < 0) {
		(void)kill(-pid, SIGKILL);
		(void)proc_wait(pid);
	}
	if (r == -ETIMEDOUT)
		return err_set(err, ERR_CONFIG, r, "the command for the variable '%s' is not done "
						   "after %.1f s", name, (double)limit / 1000);
	if (r == -EFBIG)
		return err_set(err, ERR_CONFIG, r, "the command for the variable '%s' prints more "
						   "than %d bytes", name, ENV_VALUE_MAX);
	if (r < 0)
		return err_sys(err, r, "the command for the variable '%s'", name);
	if (status)
		return err_set(err, ERR_CONFIG, -EIO, "the command for the variable '%s' has failed "
						      "with status %d", name, status);
	if (strlen(out->data) != out->len)
		return err_set(err, ERR_CONFIG, -EINVAL, "the command for the variable '%s' prints "
							 "what is no text", name);
	return 0;
}

int env_commands_run(const struct session *s, char ***ret, struct err *err) {
	static const char white[] = " \t\r\n\v\f";
	autostrv char **commands = strv_copy(s->settings->defaults.env_commands.entries);
	char **env = NULL;

	if (commands)
		strv_sort(commands);
	for (char **command = commands; command && *command; command++) {
		autofree char *name = xstrndup(*command, strcspn(*command, "="));
		autobuf struct buf out = { 0 };
		char *value;
		int r;

		buf_init(&out, ENV_VALUE_MAX);
		r = run_one(s, name, *command + strlen(name) + 1, &out, err);
		if (r < 0) {
			strv_free(env);
			return r;
		}
		value = out.data + strspn(out.data, white);
		while (*value && strchr(white, value[strlen(value) - 1]))
			value[strlen(value) - 1] = '\0';
		env_set(&env, name, value);
	}
	*ret = env;
	return 0;
}
