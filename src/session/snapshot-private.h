/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Between the files of snapshot.h. */
#ifndef COI_SESSION_SNAPSHOT_PRIVATE_H
#define COI_SESSION_SNAPSHOT_PRIVATE_H

#include "base/record.h"
#include "session/snapshot.h"

#define SNAPSHOT_FORMAT 1
/* Section of the container's record while something is done to its layers. */
#define PENDING "pending"

/*
 * "<prefix>YYYYMMDD-HHMMSS" of now, local time, and "-2" … behind it when there is
 * one already: of this second, or since the clock was put back. Newly allocated.
 */
char *snapshot_new_name(const struct session *s, const char *container, const char *prefix);
/* The directory of the records, O_DIRECTORY; -ENOENT without a message when there is none. */
int snapshot_dir(const struct session *s, const char *container, bool make, struct err *err);
/* Write the record, durably. */
int snapshot_store(const struct session *s, const char *container,
		   const struct snapshot *snapshot, struct err *err);
/* Forget what was pending; stored with the container's record. */
void snapshot_pending_clear(struct container *c);
/* Merged layers that did not come about: the new one goes unless a record has it already. */
int snapshot_forget_merge(struct session *s, struct container *c,
			  const struct image_layer *layer, struct err *err);
/* The layer that was about to be made; its pool is borrowed. False when nothing is pending. */
bool snapshot_pending_layer(const struct container *c, struct image_layer *ret);
/* As snapshot_create() of a container that the caller has loaded and locked; with a name. */
int snapshot_create_locked(struct session *s, struct container *c,
			   const struct snapshot_request *request, struct snapshot **ret,
			   struct err *err);
/* Repair, load and lock the container: a descriptor that holds the lock. */
int snapshot_begin(struct session *s, const char *container, struct container **ret,
		   struct err *err);

#endif
