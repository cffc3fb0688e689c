/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Protection carried out: the binds of a start, or of a mount that comes later,
 * with those in between that make paths read-only, keep their parents from being
 * renamed, or hide them.
 *
 * Everything is opened relative to the descriptors that will be mounted, never
 * through a link, as the person. Whatever cannot be done ends the start, so
 * that nothing runs with half of it.
 */
#ifndef COI_SESSION_PROTECT_PLACE_H
#define COI_SESSION_PROTECT_PLACE_H

#include "session/protect-find.h"

#define PROTECT_BINDS_MAX 4096

/* A bind in which something is protected. Texts are owned by the struct below. */
struct protect_base {
	int fd;             /* borrowed from the bind, or its own */
	const char *path;   /* without links */
	const char *target; /* inside */
	bool is_late;       /* bound while it ran: root inside can unmount it as a whole */
};

/* One that protection added. */
struct protect_bound {
	size_t item;            /* among the binds */
	size_t base;            /* that it lies in */
	const char *path;       /* relative to it; owned by the struct below */
	enum protect_role role;
	enum protect_kind kind; /* of its placeholder */
};

/* What of a base nobody has to write while the container runs. */
struct protect_still {
	size_t base;
	char **paths; /* relative to it */
};

/* Borrows descriptors and strings of the binds it was made from, owns its own. */
struct protect_binds {
	struct runtime_bind *items; /* in the order in which they are to be mounted */
	size_t count;
	struct protect_base *bases;
	size_t base_count;
	struct protect_bound *bound;
	size_t bound_count;
	struct protect_still *still; /* of the workspace and its repository */
	size_t still_count;
	int *fds;                   /* its own */
	size_t fd_count;
	char **names;
};
void protect_binds_done(struct protect_binds *b);
#define auto_protect_binds __attribute__((cleanup(protect_binds_done)))
/* Move all of *@more to the end of @b; *@more is empty then. */
void protect_binds_append(struct protect_binds *b, struct protect_binds *more);

/*
 * All binds, with placeholders made for what is missing (placeholders.h: to be
 * released whatever this returns). ERR_TRUST for a link or another thing that
 * cannot be protected; the message names it and the hint how to do without.
 * @items: what is protected, by protect_find() of these binds or of earlier ones.
 */
int protect_place(const struct protect_input *in, struct protect_area *areas,
		  const struct protect_items *items, struct protect_binds *ret, struct err *err);

#endif
