/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "session/exec.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/strv.h"
#include "runtime/attach.h"
#include "runtime/control.h"
#include "session/environment.h"
#include "session/standstill.h"

#define LINE_MAX_BYTES 4096

static int check(const struct session *s, const struct container *c, struct err *err) {
	if (container_is_elsewhere(c))
		return err_set(err, ERR_CONFLICT, -EXDEV,
			       "container '%s' runs in another network namespace", c->name);
	if (container_is_running(s, c))
		return 0;
	(void)err_set(err, ERR_CONFLICT, -ESRCH, "container '%s' is not running", c->name);
	return err_hint(err, "start it with 'coi container start %s'", c->name);
}

/* The workspace; for a container without one a /workspace that its image has. */
static const char *default_cwd(const struct container *c) {
	autoclose int dir = -1, workspace = -1;

	if (*c->workspace_path)
		return c->workspace_path;
	dir = proc_id_open_file(&c->init, "root", O_PATH | O_DIRECTORY);
	workspace = dir < 0 ? -1 : open_in_root(dir, "workspace", O_PATH | O_DIRECTORY, 0);
	return workspace < 0 ? "/" : "/workspace";
}

static void fill_spec(const struct session *s, const struct container *c,
		      const struct exec_request *request, char *const *env,
		      struct attach_spec *spec) {
	*spec = (struct attach_spec){
		.ref = container_ref(s, c),
		.argv = request->argv,
		.env = env,
		.uid = request->as_code ? c->code_uid : request->uid,
		.gid = request->as_code ? c->code_gid : request->gid,
		.cwd = request->cwd ? request->cwd : default_cwd(c),
		.tty = request->tty,
		.grace_ms = request->grace_ms,
		.ret_asked = request->ret_asked,
		.stdin_fd = request->input_fd > 0 ? request->input_fd : STDIN_FILENO,
		.stdout_fd = STDOUT_FILENO,
		.stderr_fd = STDERR_FILENO,
	};
}

static void tell_audit(const struct session *s, const struct container *c,
		       const struct exec_request *request) {
	autofree char *as = request->as_code ? xstrdup(c->code_user)
					     : xasprintf("%u", (unsigned)request->uid);
	struct err err = { 0 };

	if (audit_write(s->audit, AUDIT_CONTAINER_EXEC, c->name,
			AUDIT_FIELDS(AUDIT_LIST("command", request->argv), AUDIT_TEXT("as", as),
				     AUDIT_BOOL("terminal", request->tty)),
			&err) < 0)
		session_say(s, "Warning: %s", err.msg);
}

/* It was frozen, and is not any more: what @err says of that is over. */
static bool once_more(const struct session *s, const struct container *c, int *r, struct err *err) {
	if (*r != -EBUSY)
		return false;
	*r = standstill_wait(s, c, err);
	if (*r == 0 && err)
		*err = (struct err){ 0 };
	return *r == 0;
}

/* Who waits for a command is told when it stands still since its container does. */
struct watch {
	const struct session *s;
	const struct container *c;
	bool tty; /* the screen is the command's: a bell is all */
	unsigned frozen;
};
#define FROZEN_SECONDS 2 /* a snapshot or a build pauses it for a moment */

static bool is_frozen(const struct watch *w) {
	struct runtime_ref ref = container_ref(w->s, w->c);

	return runtime_is_frozen(&ref) > 0;
}

static void on_quiet(void *data) {
	struct watch *w = data;
	bool was_told = w->frozen >= FROZEN_SECONDS;

	w->frozen = is_frozen(w) ? w->frozen + 1 : 0;
	if (w->tty) {
		if (w->frozen == FROZEN_SECONDS)
			(void)fd_write_all(STDOUT_FILENO, "\a", 1);
	} else if (w->frozen == FROZEN_SECONDS) {
		session_say(w->s, "'%s' is paused, and the command with it: 'coi unfreeze %s' says why "
			    "and lets it go on", w->c->name, w->c->name);
	} else if (was_told && !w->frozen) {
		session_say(w->s, "'%s' goes on", w->c->name);
	}
}

int exec_run(struct session *s, const struct container *c, const struct exec_request *request,
	     struct err *err) {
	autostrv char **env = environment_make(s, c, request);
	struct watch watch = { .s = s, .c = c, .tty = request->tty };
	struct attach_spec spec;
	int r = check(s, c, err);

	if (r < 0)
		return r;
	tell_audit(s, c, request);
	fill_spec(s, c, request, env, &spec);
	spec.on_quiet = on_quiet;
	spec.quiet_data = &watch;
	do
		r = attach_run(&spec, err);
	while (once_more(s, c, &r, err));
	if (r == -EINTR && is_frozen(&watch))
		return err_hint(err, "the container is paused: 'coi unfreeze %s' says why and lets it "
				     "go on", c->name);
	return r;
}

int exec_capture(struct session *s, const struct container *c, const struct exec_request *request,
		 struct buf *out, struct buf *err_out, struct err *err) {
	autostrv char **env = environment_make(s, c, request);
	int timeout_ms = request->timeout_ms > 0 ? request->timeout_ms : -1;
	struct attach_spec spec;
	int r = check(s, c, err);

	if (r < 0)
		return r;
	tell_audit(s, c, request);
	fill_spec(s, c, request, env, &spec);
	spec.tty = false;
	if (request->input_fd <= 0)
		spec.stdin_fd = -1;
	do
		r = attach_capture(&spec, timeout_ms, out, err_out, err);
	while (once_more(s, c, &r, err));
	return r;
}

static void give_lines(struct buf *pending, bool all, void (*line)(const char *text, void *data),
		       void *data) {
	char *end;

	while ((end = memchr(pending->data, '\n', pending->len)) ||
	       (pending->len && (all || pending->len >= LINE_MAX_BYTES))) {
		size_t len = end ? (size_t)(end - pending->data) : pending->len;
		autofree char *text = xstrndup(pending->data, len);

		line(text, data);
		buf_drop(pending, end ? len + 1 : len);
	}
}

static int read_lines(int fd, void (*line)(const char *text, void *data), void *data) {
	struct buf pending;
	char block[4096];
	ssize_t n;

	buf_init(&pending, LINE_MAX_BYTES + sizeof(block));
	for (;;) {
		n = read(fd, block, sizeof(block));
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		buf_add(&pending, block, (size_t)n);
		give_lines(&pending, false, line, data);
	}
	give_lines(&pending, true, line, data);
	buf_done(&pending);
	return n < 0 ? -errno : 0;
}

int exec_lines(struct session *s, const struct container *c, const struct exec_request *request,
	       void (*line)(const char *text, void *data), void *data, struct err *err) {
	autostrv char **env = environment_make(s, c, request);
	struct attach_proc proc;
	struct attach_spec spec;
	autoclose int read_end = -1;
	int ends[2];
	int r = check(s, c, err);

	if (r < 0)
		return r;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_sys(err, -errno, "cannot make a pipe");
	read_end = ends[0];
	tell_audit(s, c, request);
	fill_spec(s, c, request, env, &spec);
	spec.tty = false;
	spec.stdin_fd = -1;
	spec.stdout_fd = spec.stderr_fd = ends[1];
	do
		r = attach_start(&spec, &proc, err);
	while (once_more(s, c, &r, err));
	(void)close(ends[1]);
	if (r < 0)
		return r;
	(void)read_lines(read_end, line, data); /* its exit status tells the rest */
	return attach_wait(&proc, err);
}
