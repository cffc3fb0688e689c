/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * coi-patterns: reads rules of strangers, in place of those who have rights.
 *
 *   coi-patterns compile sigma|gtfobins   files → a line of JSON for each
 *   coi-patterns judge                    sets, and a command → the rules, and which fire
 *
 * Frames (frame.h) come in, JSON goes out, and it can do nothing else: no file can be
 * opened, no process started.
 */
#include <errno.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/strv.h"
#include "monitor/command.h"
#include "monitor/pattern/compile.h"
#include "monitor/pattern/confine.h"
#include "monitor/pattern/frame.h"
#include "monitor/pattern/set.h"

#define SECONDS_MAX 10 /* of computing, for one file */

/* The signal ends us, and whoever started us goes on behind the file that it was. */
static void set_limit(void) {
	const struct itimerval limit = { .it_value.tv_sec = SECONDS_MAX };

	(void)setitimer(ITIMER_VIRTUAL, &limit, NULL);
}

static int put(const json_t *j) {
	autofree char *text = json_dumps(j, JSON_COMPACT);
	autofree char *line = text ? xasprintf("%s\n", text) : NULL;

	return line ? fd_write_all(STDOUT_FILENO, line, strlen(line)) : -EILSEQ;
}

static int compile(const char *kind, const char *data, size_t len) {
	struct frame f;
	int r = 0;

	while (r == 0 && frame_next(&data, &len, &f)) {
		auto_json json_t *answer = NULL;

		set_limit();
		answer = pattern_compile(kind, f.name, f.data, f.len);
		r = put(answer);
	}
	return r;
}

/* --- judge */

static json_t *info_json(const struct pattern_info *info) {
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "rule", info->id, "source",
	                 info->source, "file", info->file, "level",
	                 audit_level_to_string(info->level), "given", info->given, "category",
	                 audit_category_to_string(info->category), "title", info->title,
	                 "description", info->description);
}

static int add_info(const struct pattern_info *info, void *data) {
	json_array_append_new(data, info_json(info));
	return 0;
}

static void add_fires(const struct pattern_info *info, const char *indicator, void *data) {
	json_t *j = info_json(info);

	json_object_set_new(j, "indicator", json_text(indicator));
	json_array_append_new(data, j);
}

/* The words end in NUL bytes. */
static void judge_command(struct patterns *all, const struct frame *f, json_t *fires) {
	autostrv char **argv = NULL;
	struct watch_event e = { .kind = WATCH_EXEC, .uid = -1 };
	auto_commands struct commands read = { 0 };

	for (size_t at = 0; at < f->len;) {
		size_t n = strnlen(f->data + at, f->len - at);

		strv_take(&argv, xstrndup(f->data + at, n));
		at += n + 1;
	}
	if (!argv)
		return;
	e.exec.argv = argv;
	e.exec.argc = strv_len(argv);
	e.exec.exe = argv[0];
	e.exec.file = e.exec.comm = e.comm = path_base(argv[0]);
	commands_read(&e.exec, &read);
	(void)patterns_match(all, &e, &read, add_fires, fires);
}

static int judge(const char *data, size_t len) {
	auto_patterns struct patterns *all = patterns_new();
	auto_json json_t *rules = json_array(), *fires = json_array(), *wrong = json_array();
	auto_json json_t *answer = NULL;
	struct frame f;

	set_limit();
	while (frame_next(&data, &len, &f)) {
		struct err err = { 0 };

		if (!strcmp(f.name, FRAME_COMMAND))
			judge_command(all, &f, fires);
		else if (patterns_add(all, f.data, f.len, &err) < 0)
			json_array_append_new(wrong,
			                      json_pack("{s:o, s:o}", "set", json_text(f.name),
			                                "reason", json_text(err.msg)));
	}
	(void)patterns_each(all, add_info, rules);
	answer = json_pack("{s:O, s:O, s:O}", "rules", rules, "fires", fires, "wrong", wrong);
	return put(answer);
}

int main(int argc, char **argv) {
	autobuf struct buf input;
	int r = pattern_confine();

	buf_init(&input, FRAMES_BYTES_MAX);
	if (r == 0)
		r = fd_read_all(STDIN_FILENO, &input);
	if (r < 0)
		return 1;
	if (argc == 3 && !strcmp(argv[1], "compile"))
		r = compile(argv[2], input.data, input.len);
	else if (argc == 2 && !strcmp(argv[1], "judge"))
		r = judge(input.data, input.len);
	else
		r = -EINVAL;
	return r < 0 ? 1 : 0;
}
