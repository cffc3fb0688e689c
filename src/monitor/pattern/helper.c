/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "monitor/pattern/helper.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/json.h"
#include "base/layout.h"
#include "base/mem.h"
#include "base/proc.h"
#include "monitor/pattern/frame.h"

#define ANSWERS_MAX (32u * 1024 * 1024)
#define DEATHS_MAX 8 /* files at which it may die */

static int make_input(const char *data, size_t len, int *ret, struct err *err) {
	autoclose int fd = memfd_create("rules", MFD_CLOEXEC);
	int r = fd < 0 ? -errno : fd_write_all(fd, data, len);

	if (r == 0 && lseek(fd, 0, SEEK_SET) < 0)
		r = -errno;
	if (r < 0)
		return err_sys(err, r, "cannot keep rules in memory");
	*ret = steal_fd(&fd);
	return 0;
}

/* What it answers to @data, and the status with which it ended. */
static int run(const char *const *words, const char *data, size_t len, struct buf *out,
               int *ret_status, struct err *err) {
	autofree char *path = layout_program("coi-patterns");
	char *const env[] = { (char *)"PATH=/", NULL };
	autoclose int input = -1;
	struct spawn_fd stdin_fd = { .as = STDIN_FILENO };
	const struct spawn_spec spec = { .path = path,
		                         .argv = (char *const *)words,
		                         .env = env,
		                         .fds = &stdin_fd,
		                         .fd_count = 1,
		                         .null_stdio = true,
		                         .cwd = "/",
		                         .uid = (uid_t)-1,
		                         .gid = (gid_t)-1,
		                         .death_signal = SIGKILL };
	int r = make_input(data, len, &input, err);

	if (r < 0)
		return r;
	stdin_fd.fd = input;
	r = proc_output(&spec, out, err);
	if (r < 0)
		return err_wrap(err, "reading rules");
	*ret_status = r;
	return 0;
}

/* --- compile */

struct compilation {
	const char *data; /* frames that are still to be read */
	size_t len;
	json_t *rules, *skipped;
	int64_t ignored;
};

static void skip(struct compilation *c, const struct frame *f, int64_t line, const char *reason) {
	json_array_append_new(c->skipped,
	                      json_pack("{s:o, s:I, s:o}", "file", json_text(f->name), "line",
	                                (json_int_t)line, "reason", json_text(reason)));
}

static void take_answer(struct compilation *c, const struct frame *f, const json_t *answer) {
	const char *reason = json_get_str(answer, "reason", NULL);

	if (reason)
		skip(c, f, json_get_int(answer, "line", 0), reason);
	if (json_is_array(json_object_get(answer, "rules")))
		json_array_extend(c->rules, json_object_get(answer, "rules"));
	c->ignored += json_get_int(answer, "ignored", 0);
}

/* A line for each frame; what is left are those that it did not get to. */
static void take_answers(struct compilation *c, const struct buf *out) {
	const char *line = out->data, *end;

	while ((end = strchr(line, '\n')) != NULL) {
		auto_json json_t *answer = json_loadb(line, (size_t)(end - line), 0, NULL);
		struct frame f;

		if (!answer || !frame_next(&c->data, &c->len, &f))
			return;
		take_answer(c, &f, answer);
		line = end + 1;
	}
}

static int compile_some(struct compilation *c, const char *kind, int *ret_status, struct err *err) {
	const char *const words[] = { "coi-patterns", "compile", kind, NULL };
	autobuf struct buf out;
	int r;

	buf_init(&out, ANSWERS_MAX);
	r = run(words, c->data, c->len, &out, ret_status, err);
	if (r == 0)
		take_answers(c, &out);
	return r;
}

static int compile_all(struct compilation *c, const char *kind, struct err *err) {
	struct frame f;
	int deaths = 0, status = 0;

	while (c->len) {
		int r = compile_some(c, kind, &status, err);

		if (r < 0)
			return r;
		if (!c->len)
			break;
		/* Not one more than is bearable: each costs seconds. */
		if (++deaths > DEATHS_MAX || !frame_next(&c->data, &c->len, &f))
			return err_set(err, ERR_SYSTEM, -EIO,
			               "the reader of rules ended (status %d) again and again",
			               status);
		skip(c, &f, 0, "the reader died of it");
	}
	return 0;
}

int pattern_compile_all(const char *kind, const struct buf *frames, json_t **ret, struct err *err) {
	auto_json json_t *rules = json_array(), *skipped = json_array();
	struct compilation c = {
		.data = frames->data, .len = frames->len, .rules = rules, .skipped = skipped
	};
	int r = compile_all(&c, kind, err);

	if (r < 0)
		return r;
	*ret = json_pack("{s:O, s:O, s:I}", "rules", rules, "skipped", skipped, "ignored",
	                 (json_int_t)c.ignored);
	return 0;
}

/* --- judge */

int pattern_judge(const struct buf *frames, json_t **ret, struct err *err) {
	static const char *const words[] = { "coi-patterns", "judge", NULL };
	auto_json json_t *answer = NULL;
	autobuf struct buf out;
	int status, r;

	buf_init(&out, ANSWERS_MAX);
	r = run(words, frames->data, frames->len, &out, &status, err);
	if (r < 0)
		return r;
	answer = json_loadb(out.data, out.len, 0, NULL);
	if (status != 0 || !answer)
		return err_set(err, ERR_SYSTEM, -EIO, "the reader of rules ended (status %d)",
		               status);
	*ret = steal_ptr(answer);
	return 0;
}
