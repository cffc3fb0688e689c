/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/building.h"

#include <errno.h>
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
		progress_update(t->progress, 0, line);
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

int building_run(struct session *s, const struct building *what, struct build_result *ret,
		 struct err *err) {
	autofree char *title = xasprintf("Building %s", what->recipe ? what->recipe
								     : s->settings->container.image);
	struct telling t = { 0 };
	struct build_request request = {
		.recipe = what->recipe,
		.force = what->force,
		.report = on_report,
		.report_data = &t,
	};
	bool on_terminal = isatty(STDERR_FILENO);
	int r;

	/* A step may say nothing for long: what goes on stands there before. */
	log_info("%s", title);
	if (on_terminal)
		t.progress = progress_begin("", 0);
	r = what->recipe ? build_image(s, &request, ret, err)
			 : build_custom(s, &request, what->script, ret, err);
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

int building_of_settings(const struct cli *cli, struct building *ret, char **ret_script,
			 struct err *err) {
	const struct settings *set = cli->settings;
	const char *image = *set->container.image ? set->container.image : "coi-default";
	char *script = NULL;
	int r;

	if (building_has_recipe(image)) {
		if (*set->container.build.script || set->container.build.commands)
			log_warn("'%s' is built by its recipe: container.build is for an image of "
				 "another name (container.image)", image);
		*ret = (struct building){ .recipe = image };
		return 0;
	}
	r = config_build_script(cli->config, cli->who, &script, err);
	if (r < 0)
		return err_wrap(err, "container.build.script");
	if (r == 0 && !set->container.build.commands) {
		(void)err_set(err, ERR_MISSING, -ENOENT, "nothing says how to build the image '%s'",
			      image);
		return err_hint(err, "Give [container.build] a script or commands, or name a recipe or "
				     "its directory: coi build coi-default. An image from elsewhere "
				     "comes in by 'coi image import'.");
	}
	*ret = (struct building){ .script = script };
	*ret_script = script;
	return 0;
}
