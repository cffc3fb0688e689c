/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * "coi __complete WORD...": what the completion scripts call. It reads names
 * straight from the state directory: nothing is made, locked or repaired there,
 * and who may not read it gets no names.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/path.h"
#include "base/record.h"
#include "base/strv.h"
#include "cli/app.h"
#include "cli/commands.h"
#include "cli/complete.h"
#include "cli/profiles.h"
#include "config/rows.h"
#include "session/build.h"
#include "session/tool/tool.h"

#define DEFAULT_ROOT "/var/lib/coi"
#define NEWEST_FORMAT 1000 /* of records, only to look at a word in them */
#define NAMES_MAX 2000
#define ANSWER_MAX (1024 * 1024)

static char *state_path(const char *name) {
	const char *root = getenv("COI_ROOT");

	return path_join(root && *root == '/' ? root : DEFAULT_ROOT, name);
}

static bool says_running(int dir, const char *name) {
	autofree char *file = xasprintf("%s/container.ini", name);
	auto_record struct record *r = NULL;
	struct err ignored = { 0 };
	const char *state;

	if (record_load(dir, file, NEWEST_FORMAT, &r, &ignored) < 0)
		return false;
	state = record_get(r, "", "state");
	return state && strcmp(state, "running") == 0;
}

static char **containers(bool only_running) {
	autofree char *path = state_path("containers");
	autoclosedir DIR *d = opendir(path);
	char **names = NULL;
	size_t count = 0;
	struct dirent *e;

	while (d && count < NAMES_MAX && (e = readdir(d))) {
		if (e->d_name[0] == '.' || (only_running && !says_running(dirfd(d), e->d_name)))
			continue;
		strv_add(&names, e->d_name);
		count++;
	}
	strv_sort(names);
	return names;
}

static int add_name(const char *key, const char *value, void *data) {
	(void)value;
	strv_add(data, key);
	return 0;
}

static char **images(void) {
	autofree char *path = state_path("images");
	autoclosedir DIR *d = opendir(path);
	auto_record struct record *r = NULL;
	struct err ignored = { 0 };
	char **names = NULL;

	if (d && record_load(dirfd(d), "aliases.ini", NEWEST_FORMAT, &r, &ignored) == 0)
		(void)record_each(r, "aliases", add_name, &names);
	strv_sort(names);
	return names;
}

static char **find_names(enum cli_complete kind) {
	if (kind == COMPLETE_IMAGE)
		return images();
	if (kind == COMPLETE_RECIPE)
		return build_recipes();
	if (kind == COMPLETE_PROFILE)
		return profiles_names();
	if (kind == COMPLETE_TOOL)
		return tool_names(NULL);
	if (kind == COMPLETE_MODE)
		return strv_copy((char *const *)settings_row("network.mode")->choices);
	if (kind == COMPLETE_STATUS)
		return strv_split("error frozen running starting stopped stopping", " ");
	return containers(kind == COMPLETE_RUNNING);
}

static int complete_run(struct cli *cli, const void *args, struct err *err) {
	autobuf struct buf b;

	buf_init(&b, ANSWER_MAX);
	complete_line(&cli_root, cli->parsed.words, find_names, &b);
	(void)fwrite(b.data, 1, b.len, stdout);
	return 0;
}

static const struct cli_argument complete_arguments[] = {
	{ "word", ARGUMENT_ANY, COMPLETE_NONE, "The words behind coi, the last one unfinished" },
	{ NULL },
};

const struct cli_command cmd_complete = {
	.name = "__complete",
	.group = GROUP_OTHER,
	.summary = "candidates for a half-typed command line",
	.arguments = complete_arguments,
	.flags = COMMAND_HIDDEN | COMMAND_RAW,
	.run = complete_run,
};
