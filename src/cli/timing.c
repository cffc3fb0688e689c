/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/timing.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/timeline.h"
#include "session/tmux.h"

struct screen {
	uint64_t first_us, last_us;
};

static void on_change(const char *line, void *data) {
	struct screen *screen = data;

	(void)line;
	screen->last_us = clock_mono_us();
	if (!screen->first_us)
		screen->first_us = screen->last_us;
}

void timing_watch_agent(struct cli *cli, const struct container *c) {
	struct screen screen = { 0 };
	struct err err = { 0 };

	if (!timeline_wanted())
		return;
	if (tmux_watch(cli->session, c, on_change, &screen, &err) < 0) {
		log_warn("%s", err.msg);
		return;
	}
	if (!screen.first_us)
		return;
	timeline_mark_at(TIMELINE_AGENT, "the agent's first words", screen.first_us);
	timeline_mark_at(TIMELINE_AGENT, "its prompt: the screen is at rest", screen.last_us);
}

static double number(const json_t *j, const char *key) {
	return json_number_value(json_object_get(j, key));
}

static void print(const json_t *doc) {
	const json_t *list = json_object_get(doc, "marks"), *one;
	size_t i;

	log_info("\nTimeline, in ms since the beginning:");
	json_array_foreach(list, i, one)
		log_info("%9.1f  +%-7.1f  %-5s  %s", number(one, "at_ms"), number(one, "took_ms"),
			 json_get_str(one, "whose", ""), json_get_str(one, "what", ""));
	log_info("%9.1f  in all: coi %.1f, init %.1f, agent %.1f", number(doc, "total_ms"),
		 number(doc, "coi_ms"), number(doc, "init_ms"), number(doc, "agent_ms"));
}

/* The path is the person's word, and so is the file. */
static int write_file(const char *path, const json_t *doc) {
	autofree char *text = json_dumps(doc, JSON_INDENT(2) | JSON_REAL_PRECISION(9));
	autoclose int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644);

	if (fd < 0)
		return -errno;
	return text ? fd_write_all(fd, text, strlen(text)) : -ENOMEM;
}

void timing_tell(const struct cli *cli) {
	static bool is_told;
	auto_json json_t *doc = is_told ? NULL : timeline_document();
	const char *text = getenv("COI_TIMING_DEBUG"), *path = getenv("COI_TIMING_DEBUG_JSON");
	int r = 0;

	if (!doc)
		return;
	is_told = true;
	if (text && !strcmp(text, "1"))
		print(doc);
	if (!path || !*path)
		return;
	if (cli->who)
		privilege_person_begin(cli->who);
	r = write_file(path, doc);
	if (cli->who)
		privilege_person_end(cli->who);
	if (r < 0)
		log_warn("cannot write '%s' (COI_TIMING_DEBUG_JSON): %s", path, strerror(-r));
}
