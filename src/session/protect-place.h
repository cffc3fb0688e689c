/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Protection carried out: the binds of a start, with those in between that make
 * paths read-only, keep their parents from being renamed, or hide them.
 *
 * Everything is opened relative to the descriptors that will be mounted, never
 * through a link, as the person. Whatever cannot be done ends the start, so
 * that nothing runs with half of it.
 */
#ifndef COI_SESSION_PROTECT_PLACE_H
#define COI_SESSION_PROTECT_PLACE_H

#include "runtime/runtime.h"
#include "session/protect.h"
#include "session/session.h"

#define PROTECT_BINDS_MAX 4096

struct protect_input {
	const struct session *session;
	const char *container;
	const struct protect_rules *rules;
	const struct runtime_bind *binds; /* with descriptors, of which none is -1 */
	size_t bind_count;
	bool has_workspace;               /* the first bind is it */
	size_t common;                    /* the bind of its repository; 0: it has none */
	const char *common_own;           /* of this work tree in there (git-pointer.h) */
	void (*say)(const char *line, void *data); /* warnings */
	void *say_data;
};

/* One that protection added. */
struct protect_bound {
	size_t item;           /* among the binds */
	int base_fd;           /* of the bind that it lies in; borrowed */
	const char *base_path; /* owned by the struct below, as the path is */
	const char *path;      /* relative to it */
	enum protect_role role;
	enum protect_kind kind; /* of its placeholder */
};

/* What of a directory nobody has to write while the container runs. */
struct protect_still {
	int fd;           /* of the bind; borrowed */
	const char *path; /* its path without links; owned by the struct below */
	char **paths;     /* relative to it */
};

/* Borrows descriptors and strings of the binds it was made from, owns its own. */
struct protect_binds {
	struct runtime_bind *items; /* in the order in which they are to be mounted */
	size_t count;
	struct protect_bound *bound;
	size_t bound_count;
	int *fds;                   /* its own */
	size_t fd_count;
	struct protect_still *still; /* of the workspace and its repository */
	size_t still_count;
	char **names;
};
void protect_binds_done(struct protect_binds *b);

/*
 * All binds, with placeholders made for what is missing (placeholders.h: to be
 * released whatever this returns). ERR_TRUST for a link or another thing that
 * cannot be protected; the message names it and the hint how to do without.
 */
int protect_place(const struct protect_input *in, struct protect_binds *ret, struct err *err);

/*
 * What of ours must never be written from inside, wherever it is seen: the
 * person's ~/.coi, the state directory, the file that COI_CONFIG names.
 */
char **protect_own_paths(const struct session *s);

#endif
