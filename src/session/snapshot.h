/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Snapshots: containers/<name>/snapshots/<snapshot>.ini, the chain of layers
 * that the container's root file system had.
 *
 * Of a stopped container: its writable directory becomes the newest layer and
 * an empty one is in its place, whatever was in it. Of a running one: it is
 * frozen and the directory copied into a layer, sharing blocks where the file
 * system can; the container's own chain stays, since an overlay that is mounted
 * cannot be given another directory.
 *
 * The plan "snapshot" is walked under the container's lock. What it is about to
 * do is in the container's record first ([pending]); a crash in it is undone by
 * snapshot_repair().
 */
#ifndef COI_SESSION_SNAPSHOT_H
#define COI_SESSION_SNAPSHOT_H

#include "session/container.h"
#include "session/plan.h"

#define SNAPSHOT_NAME_MAX 64

struct snapshot {
	char *name;
	time_t created;
	char *description;  /* may be "" */
	bool running;       /* taken of a running container */
	struct image_layer *layers; /* oldest first */
	size_t layer_count;
};

struct snapshot_list {
	struct snapshot **items; /* oldest first */
	size_t count;
};
void snapshot_free(struct snapshot *snapshot);
void snapshot_free_ptr(struct snapshot **snapshot);
#define auto_snapshot __attribute__((cleanup(snapshot_free_ptr)))
void snapshot_list_done(struct snapshot_list *list);
#define auto_snapshot_list __attribute__((cleanup(snapshot_list_done)))

/* 0, or ERR_USAGE that says the above. */
int snapshot_name_check(const char *name, struct err *err);
/* ERR_MISSING when the container has none of that name. */
int snapshot_load(const struct session *s, const char *container, const char *name,
		  struct snapshot **ret, struct err *err);
int snapshot_list_load(const struct session *s, const char *container, struct snapshot_list *ret,
		       struct err *err);

struct snapshot_request {
	const char *name; /* NULL: one made of the time, that no other has */
	const char *description;
	const struct image_progress *progress; /* of the copy, when it runs; may be NULL */
};
/*
 * ERR_CONFLICT: there is one of that name, or the container is neither running
 * nor stopped. *@ret is newly allocated.
 */
int snapshot_create(struct session *s, const char *container,
		    const struct snapshot_request *request, struct snapshot **ret,
		    struct err *err);
/*
 * The container's files are again what they were. It must be stopped
 * (ERR_CONFLICT). What it was is kept as a snapshot, whose name goes to
 * *@ret_safety (newly allocated).
 */
int snapshot_restore(struct session *s, const char *container, const char *name,
		     char **ret_safety, struct err *err);
/* Its record goes, and the layers that nobody else refers to. */
int snapshot_delete(struct session *s, const char *container, const char *name, struct err *err);
/*
 * Neighbouring layers of the container that no snapshot needs apart are made
 * one. It must be stopped. *@ret_gone: how many layers fewer there are.
 */
int snapshot_flatten(struct session *s, const char *container,
		     const struct image_progress *progress, size_t *ret_gone, struct err *err);

/*
 * Undo what a crash has left of a snapshot of @c (its lock is free then).
 * 1: something was undone; 0: there is nothing, or somebody is at it.
 */
int snapshot_repair(struct session *s, const struct container *c, struct err *err);
/*
 * -EBUSY when something is pending in @c, which has been loaded under its lock:
 * who did it is dead, and its files may be in two places. For whoever is about
 * to use them.
 */
int snapshot_pending_check(const struct container *c, struct err *err);
/* As image_users want it: the layers of all snapshots of @c, and of one that is made. */
int snapshot_uses(const struct session *s, const struct container *c, struct image_uses *out,
		  struct err *err);
/*
 * All layers that may be left alone when @c goes: for layers_drop() afterwards.
 * *@ret is newly allocated, NULL when the container never had a snapshot.
 */
int snapshot_layers_of(const struct session *s, const struct container *c,
		       struct image_layer **ret, size_t *ret_count, struct err *err);

extern const struct plan snapshot_plan;

/*
 * What changed in the container's files from @from to @to, names of snapshots;
 * NULL: its image, and as it is now. Each change is told to @fn (layer.h).
 */
struct layer_change;
int snapshot_diff(struct session *s, const char *container, const char *from, const char *to,
		  int (*fn)(const struct layer_change *change, void *data, struct err *err),
		  void *data, struct err *err);

#endif
