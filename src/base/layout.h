/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where things are.
 *
 * $COI_ROOT (default /var/lib/coi) holds images/, layers/, containers/; what is
 * volatile lies in /run/coi, or in $COI_ROOT/run when COI_ROOT is set, so that
 * two roots never meet. A non-default root has a tag, which is part of every
 * name that is machine-wide (cgroups, links, nftables tables, lxc names).
 */
#ifndef COI_BASE_LAYOUT_H
#define COI_BASE_LAYOUT_H

#include <stdbool.h>

#include "base/err.h"
#include "base/privilege.h"

struct pool_list;
struct layout {
	char *root; /* absolute */
	char *run;
	char tag[8];       /* "" or 6 lower-case hex digits of sha256(root) */
	int root_fd;       /* O_DIRECTORY */
	int run_fd;
	int containers_fd; /* root/containers */
	int images_fd;     /* root/images */
	int layers_fd;     /* root/layers */
	struct pool_list *pools; /* pool.h: those that were used so far */
};

/*
 * Make what is missing (0711 root, 0700 the others) and open it. Fails with a
 * message that names the directory.
 */
int layout_open(struct layout **ret, struct err *err);
/* What is there on a file system that has become read-only opens all the same. */
int layout_check_writable(const struct layout *l, struct err *err);
void layout_free(struct layout *l);
void layout_free_ptr(struct layout **l);
#define auto_layout __attribute__((cleanup(layout_free_ptr)))

/*
 * Absolute path of one of our helper programs ("coi-supervisor"), newly
 * allocated: $COI_LIBEXEC if set, else beside a program that was started from
 * its build tree or from a tree of a relocatable build, else the libexec directory
 * that was configured.
 */
char *layout_program(const char *name);
/* As above for data ("images/coi-default"): $COI_DATA, the source tree, the data directory. */
char *layout_data(const char *name);
/*
 * The tree that holds bin/coi, libexec/coi and share/coi, newly allocated; NULL unless
 * this is a relocatable build that lies in one.
 */
char *layout_tree(void);
/* Was this program started from its build tree? */
bool layout_in_build_tree(void);

#endif
