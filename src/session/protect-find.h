/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What on the host is to be protected, wherever a mount shows it: the paths of
 * the workspace, what its repository needs beyond them, the git directories of
 * other mounts, and what is ours.
 */
#ifndef COI_SESSION_PROTECT_FIND_H
#define COI_SESSION_PROTECT_FIND_H

#include <jansson.h>

#include "runtime/runtime.h"
#include "session/host-mounts.h"
#include "session/protect.h"
#include "session/session.h"

/* One thing on the host. */
struct protect_item {
	char *key; /* host-mounts.h */
	enum protect_role role;
	enum protect_kind kind;
	bool is_own; /* of coi itself: a mount of something in it is meant so */
};
struct protect_items {
	struct protect_item *items;
	size_t count;
};
void protect_items_done(struct protect_items *list);
#define auto_protect_items __attribute__((cleanup(protect_items_done)))
/* Copies of all of @from. */
void protect_items_append(struct protect_items *list, const struct protect_items *from);
/* For the state of a running container: a new reference; and back. */
json_t *protect_items_to_json(const struct protect_items *list);
void protect_items_from_json(const json_t *j, struct protect_items *ret);

/* One of the binds, as the host has it. */
struct protect_area {
	const struct runtime_bind *bind; /* with a descriptor; borrowed */
	char *path; /* its source without links */
	char *key;
	bool readonly;
	struct protect_steps steps;
};

struct protect_input {
	const struct session *session;
	const char *container;
	const struct protect_rules *rules;
	const struct host_mounts *mounts; /* of the mount namespace of all descriptors */
	const struct runtime_bind *binds; /* with descriptors, of which none is -1 */
	size_t bind_count;
	bool has_workspace;               /* the first bind is it */
	size_t common;                    /* the bind of its repository; 0: it has none */
	const char *common_own;           /* of this work tree in there (git-pointer.h) */
	void (*say)(const char *line, void *data); /* warnings */
	void *say_data;
};

/* The places of all binds; ERR_SYSTEM when one cannot be told. Free with the next one. */
int protect_areas_open(const struct protect_input *in, struct protect_area **ret, struct err *err);
void protect_areas_free(struct protect_area *areas, size_t count);

/*
 * All that is to be protected. ERR_TRUST for secrets that cannot be hidden; the
 * rest is looked at when it is placed.
 */
int protect_find(const struct protect_input *in, const struct protect_area *areas,
		 struct protect_items *ret, struct err *err);

/*
 * What of ours must never be written from inside, wherever it is seen: the
 * person's ~/.coi, the state directory, the file that COI_CONFIG names.
 */
char **protect_own_paths(const struct session *s);

#endif
