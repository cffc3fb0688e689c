/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/building.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/progress.h"
#include "base/strv.h"

#define TAIL_LINES 20
#define NOTES_MAX 100

struct telling {
	struct progress *progress; /* NULL where it is no terminal */
	char *tail[TAIL_LINES];    /* the last lines, for a failure */
	size_t lines;
	char **notes;              /* told when the progress line is gone */
};

static void on_report(const char *line, bool is_note, void *data) {
	struct telling *t = data;

	if (is_note) {
		if (!t->progress)
			log_info("Note: %s", line);
		else if (strv_len(t->notes) < NOTES_MAX)
			strv_add(&t->notes, line);
		return;
	}
	if (t->progress)
		progress_update(t->progress, t->lines, line);
	else
		log_info("%s", line);
	str_replace(&t->tail[t->lines++ % TAIL_LINES], line);
}

/* On a terminal the lines have flown by; elsewhere they stand above already. */
static void print_tail(const struct telling *t) {
	size_t first = t->lines > TAIL_LINES ? t->lines - TAIL_LINES : 0;

	for (size_t i = first; i < t->lines; i++)
		log_info("  %s", t->tail[i % TAIL_LINES]);
}

int building_run(struct session *s, const char *recipe, bool force, struct build_result *ret,
		 struct err *err) {
	autofree char *what = xasprintf("Building %s", recipe);
	struct telling t = { 0 };
	struct build_request request = {
		.recipe = recipe,
		.force = force,
		.report = on_report,
		.report_data = &t,
	};
	bool on_terminal = isatty(STDERR_FILENO);
	int r;

	if (on_terminal)
		t.progress = progress_begin(what, 0);
	else
		log_info("%s", what);
	r = build_image(s, &request, ret, err);
	progress_end(t.progress, NULL);
	if (r < 0 && on_terminal)
		print_tail(&t);
	for (char **note = t.notes; note && *note; note++)
		log_info("Note: %s", *note);
	for (size_t i = 0; i < TAIL_LINES; i++)
		free(t.tail[i]);
	strv_free(t.notes);
	return r;
}

bool building_has_recipe(const char *name) {
	autostrv char **recipes = build_recipes();

	return strv_contains(recipes, name);
}
