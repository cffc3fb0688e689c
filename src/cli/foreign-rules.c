/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/foreign-rules.h"

#include <errno.h>
#include <string.h>

#include "base/fd.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "config/config.h"
#include "monitor/pattern/frame.h"
#include "monitor/pattern/helper.h"
#include "monitor/pattern/update.h"

/* The set in @dir, when there is one. */
static void add_set(const struct cli *cli, enum pattern_kind kind, const char *dir,
		    struct buf *frames) {
	autoclose int fd = pattern_set_open(dir, cli->who);
	autobuf struct buf data;
	int r;

	buf_init(&data, PATTERN_SET_BYTES_MAX);
	if (fd == -ENOENT)
		return;
	r = fd < 0 ? fd : fd_read_all(fd, &data);
	if (r < 0)
		log_warn("the rules in '%s' are not used: %s", dir, strerror(-r));
	else
		frame_add(frames, pattern_kind_to_string(kind), data.data, data.len);
}

static void add_command(char *const *argv, size_t argc, struct buf *frames) {
	autobuf struct buf words;

	buf_init(&words, FRAMES_BYTES_MAX);
	for (size_t i = 0; i < argc; i++)
		buf_add(&words, argv[i], strlen(argv[i]) + 1);
	frame_add(frames, FRAME_COMMAND, words.data, words.len);
}

int foreign_rules_ask(const struct cli *cli, char *const *argv, size_t argc, json_t **ret,
		      struct err *err) {
	auto_json json_t *answer = NULL;
	autobuf struct buf frames;
	const json_t *wrong;
	int r;

	buf_init(&frames, FRAMES_BYTES_MAX);
	add_set(cli, PATTERN_GTFOBINS, cli->settings->detection.gtfobins_dir, &frames);
	add_set(cli, PATTERN_SIGMA, cli->settings->detection.sigma_dir, &frames);
	if (!frames.len) {
		*ret = json_pack("{s:[], s:[], s:[]}", "rules", "fires", "wrong");
		return 0;
	}
	if (argv)
		add_command(argv, argc, &frames);
	r = pattern_judge(&frames, &answer, err);
	if (r < 0)
		return r;
	wrong = json_object_get(answer, "wrong");
	for (size_t i = 0; i < json_array_size(wrong); i++)
		log_warn("the rules of '%s' are not used: %s",
			 json_get_str(json_array_get(wrong, i), "set", ""),
			 json_get_str(json_array_get(wrong, i), "reason", ""));
	*ret = steal_ptr(answer);
	return 0;
}
