/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "image/tool.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/proc.h"
#include "base/strv.h"

#define LINE_MAX_BYTES 4096
#define TAIL_MAX 600 /* of the messages, for the error */

struct reader {
	const struct tool_spec *spec;
	struct buf line;
	char tail[TAIL_MAX + 1];
};

/* The last lines, joined by "; ". */
static void remember(struct reader *r, const char *text) {
	size_t len = strlen(text), have = strlen(r->tail);

	if (!len)
		return;
	if (len > TAIL_MAX - 2) {
		text += len - (TAIL_MAX - 2);
		len = TAIL_MAX - 2;
	}
	if (have + len + 2 > TAIL_MAX) {
		size_t drop = have + len + 2 - TAIL_MAX;
		const char *cut = drop < have ? strstr(r->tail + drop, "; ") : NULL;

		have = cut ? strlen(cut + 2) : 0;
		if (cut)
			memmove(r->tail, cut + 2, have);
	}
	if (have) {
		memcpy(r->tail + have, "; ", 2);
		have += 2;
	}
	memcpy(r->tail + have, text, len);
	r->tail[have + len] = '\0';
}

static void end_line(struct reader *r) {
	if (r->line.len) {
		remember(r, r->line.data);
		if (r->spec->line)
			r->spec->line(r->line.data, r->spec->data);
	}
	buf_reset(&r->line);
}

static void take(struct reader *r, const char *data, size_t len) {
	for (size_t i = 0; i < len; i++) {
		if (data[i] == '\n' || data[i] == '\r')
			end_line(r);
		else if (data[i])
			buf_addc(&r->line, data[i]); /* past the maximum it is cut */
	}
}

/* Both streams until both have ended. @out gets standard output; NULL: lines too. */
static int drain(struct reader *r, int out_fd, int err_fd, struct buf *out) {
	struct pollfd fds[2] = { { .fd = out_fd, .events = POLLIN },
				 { .fd = err_fd, .events = POLLIN } };
	char data[4096];

	while (fds[0].fd >= 0 || fds[1].fd >= 0) {
		if (poll(fds, 2, -1) < 0) {
			if (errno == EINTR)
				continue;
			return -errno;
		}
		for (int i = 0; i < 2; i++) {
			ssize_t n;

			if (fds[i].fd < 0 || !fds[i].revents)
				continue;
			n = read(fds[i].fd, data, sizeof(data));
			if (n < 0 && errno == EINTR)
				continue;
			if (n <= 0)
				fds[i].fd = -1;
			else if (i == 0 && out)
				buf_add(out, data, (size_t)n);
			else
				take(r, data, (size_t)n);
		}
	}
	end_line(r);
	return 0;
}

/* What people know it by: what starts it in namespaces of its own is not meant. */
static const char *name_of(const struct tool_spec *spec) {
	return spec->name ? spec->name : spec->argv[0];
}

static int finish(const struct tool_spec *spec, struct reader *r, pid_t pid, struct err *err) {
	int status = proc_wait(pid);

	if (status == 0)
		return 0;
	if (status < 0)
		return err_sys(err, status, "cannot wait for '%s'", name_of(spec));
	if (status > 128)
		return err_set(err, ERR_SYSTEM, -EIO, "'%s' was ended by signal %d%s%s",
			       name_of(spec), status - 128, *r->tail ? ": " : "", r->tail);
	return err_set(err, ERR_SYSTEM, -EIO, "'%s' failed (status %d)%s%s", name_of(spec), status,
		       *r->tail ? ": " : "", r->tail);
}

static int run(const struct tool_spec *spec, struct buf *out, struct err *err) {
	struct reader reader = { .spec = spec };
	struct spawn_fd fds[2];
	struct spawn_spec spawn = { .path = spec->argv[0], .argv = spec->argv, .env = spec->env,
				    .fds = fds, .fd_count = 2, .null_stdio = true,
				    .cwd = spec->cwd, .uid = spec->uid, .gid = spec->uid,
				    .death_signal = SIGKILL };
	autoclose int out_read = -1, err_read = -1;
	int out_ends[2] = { -1, -1 }, err_ends[2], r;
	pid_t pid;

	if (pipe2(err_ends, O_CLOEXEC) < 0)
		return err_sys(err, -errno, "cannot start '%s'", spec->argv[0]);
	err_read = err_ends[0];
	if (spec->out_fd < 0 && pipe2(out_ends, O_CLOEXEC) < 0) {
		r = -errno;
		(void)close(err_ends[1]);
		return err_sys(err, r, "cannot start '%s'", spec->argv[0]);
	}
	out_read = out_ends[0];
	fds[0] = (struct spawn_fd){ spec->out_fd < 0 ? out_ends[1] : spec->out_fd, STDOUT_FILENO };
	fds[1] = (struct spawn_fd){ err_ends[1], STDERR_FILENO };
	r = proc_spawn(&spawn, &pid, NULL, err);
	mem_close_ptr(&out_ends[1]);
	(void)close(err_ends[1]);
	if (r < 0)
		return r;
	buf_init(&reader.line, LINE_MAX_BYTES);
	r = drain(&reader, out_read, err_read, out);
	if (r < 0)
		(void)kill(pid, SIGKILL);
	r = finish(spec, &reader, pid, err);
	buf_done(&reader.line);
	if (r == 0 && out && out->overflow)
		return err_set(err, ERR_SYSTEM, -EFBIG, "'%s' says too much", name_of(spec));
	return r;
}

int tool_run(const struct tool_spec *spec, struct err *err) {
	return run(spec, NULL, err);
}

int tool_output(const struct tool_spec *spec, struct buf *out, struct err *err) {
	return run(spec, out, err);
}

bool tool_exists(const char *name) {
	const char *path = getenv("PATH");
	autostrv char **dirs = strv_split(path ? path : "/usr/sbin:/usr/bin:/sbin:/bin", ":");

	for (size_t i = 0; dirs && dirs[i]; i++) {
		autofree char *file = xasprintf("%s/%s", dirs[i], name);

		if (access(file, X_OK) == 0)
			return true;
	}
	return false;
}
