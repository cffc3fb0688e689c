/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is written into a running container for its tool: a list of items, built
 * without a look at the container, and carried out in it.
 *
 * Everything is done by a process that has the rights of the container's user
 * and nothing else (runtime/inside.h). Below the home it follows no link and
 * goes into no mount, so that a directory of the host that is mounted there is
 * never written; the file that results replaces the old one by rename.
 */
#ifndef COI_SESSION_TOOL_PLACE_H
#define COI_SESSION_TOOL_PLACE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#include "session/container.h"
#include "session/tool/conversation.h"

enum place_kind {
	PLACE_DIR,   /* made with what is above it, and may be written to */
	PLACE_SEED,  /* a copy of a file of the person's, when the container is new to the tool */
	PLACE_FILE,  /* ours, whatever was there */
	PLACE_MERGE, /* @set and @defaults into a JSON file, @list_item into its list @list_key */
	PLACE_BLOCK, /* @data between marker lines; "" takes them away */
	PLACE_LINE,  /* @data as a line of a file whose directory exists */
};

enum place_base { BASE_HOME, BASE_WORKSPACE, BASE_ROOT };

struct place_item {
	enum place_kind kind;
	enum place_base base;
	char *path;  /* relative to the base */
	mode_t mode; /* 0: 0644, or as it was */
	bool newer;  /* SEED: not over one that changed at that time or later */
	bool create; /* MERGE, BLOCK: when there is none */
	bool optional; /* a failure is told and ends nothing */
	struct timespec changed;
	char *data;
	size_t len;
	json_t *set;
	json_t *defaults;
	char *list_key;
	char *list_item;
};

struct place_plan {
	struct place_item *items;
	size_t count;
	bool is_known; /* the container was used before: seeds only when none of them is there */
};
void place_plan_done(struct place_plan *p);
#define auto_place_plan __attribute__((cleanup(place_plan_done)))

/* A new item at the end; borrowed until the next one. @path is copied. */
struct place_item *place_add(struct place_plan *p, enum place_kind kind, enum place_base base,
			     const char *path);

/*
 * Carry it out. What was left alone, and why, is told by session_say(); a
 * failure of an item that is not optional ends it.
 */
int place_run(struct session *s, const struct container *c, const struct place_plan *plan,
	      struct err *err);

/* What a tool needs to know of the container: *@ret_home newly allocated. */
struct place_look {
	const char *program;      /* looked for in @path, or a path itself */
	char *const *paths;       /* below the home, before @path */
	const char *project_file; /* in the workspace; NULL: none */
	/* The conversation to go on with, among files; NULL: none is looked for. */
	const struct conversation_store *store;
	char *const *sessions; /* directories in the workspace; the first that has one counts */
	const char *home_pattern; /* store->home, filled in; NULL: none */
	struct conversation_window window;
};
struct place_seen {
	char home[256];
	bool has_program;
	bool has_sudo;
	bool has_project_file;
	struct conversation conversation; /* its file: below the home, or in the workspace */
};
/* As the container's user. */
int place_look(struct session *s, const struct container *c, const struct place_look *look,
	       struct place_seen *ret, struct err *err);

#endif
