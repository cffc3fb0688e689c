/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Storage pools: directories that layers and the writable files of containers
 * lie in. Each may be on a file system of its own, so nothing is ever renamed
 * from one to another: a layer is (pool, id).
 *
 *   "default"   the state directory itself
 *   "NAME"      $COI_ROOT/pools/NAME: a directory, a file system that is mounted
 *               there, or a link to a directory elsewhere. The administrator
 *               makes it; its first use marks it.
 *   "@BOX"      the disk of container BOX (runtime/disk.h), in the processes that
 *               have it mounted, while they do
 *
 * Marked: coi-pool.ini in the directory and pools/NAME.ini beside it have the
 * same random id. When the one in the directory is missing, its file system is
 * not mounted; what is in the pool is then not there, and nobody takes that for
 * an empty one.
 */
#ifndef COI_BASE_POOL_H
#define COI_BASE_POOL_H

#include <stdbool.h>

#include "base/layout.h"

#define POOL_DEFAULT "default"
#define POOL_NAME_MAX 64

struct pool {
	char *name;
	char *path;        /* absolute, as this process sees it */
	int fd;            /* O_DIRECTORY, as the following */
	int layers_fd;     /* path/layers */
	int containers_fd; /* path/containers; -1 for the disk of a container */
};

/* Is it the disk of a container? */
bool pool_is_disk(const char *name);

/*
 * The pool, which the layout keeps open: borrowed. ERR_MISSING: there is no
 * such pool, or this process has not mounted that disk. ERR_CONFLICT: it is
 * known, but what is there now is not it.
 */
int pool_find(const struct layout *l, const char *name, const struct pool **ret, struct err *err);
/* As above, for who is about to put something there: the first use of a directory marks it. */
int pool_use(const struct layout *l, const char *name, const struct pool **ret, struct err *err);
/*
 * The names of all that were ever used and of all that could be: "default",
 * then the others sorted. Newly allocated strv.
 */
int pool_names(const struct layout *l, char ***ret, struct err *err);

/* Directory @path is pool @name ("@BOX") until pool_detach(). layers/ is made in it. */
int pool_attach(const struct layout *l, const char *name, const char *path, struct err *err);
void pool_detach(const struct layout *l, const char *name);

/* Of layout.c. */
struct pool_list;
struct pool_list *pool_list_new(void);
void pool_list_free(struct pool_list *list);

#endif
