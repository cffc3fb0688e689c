/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Files of a container that matter: those that hold secrets, and those that make
 * something run later. One table for command lines and for watched files.
 */
#ifndef COI_MONITOR_PLACES_H
#define COI_MONITOR_PLACES_H

#include <stdbool.h>

#include "audit/threat.h"

enum place_kind {
	PLACE_SECRET,
	PLACE_PERSISTENCE,
};

struct place {
	/*
	 * With '/' at the start: an absolute path; else below any home ("~/" of
	 * anybody, /root, /home/x). A '*' stands for any text without '/', at the end
	 * for anything; a name with "**" before it is looked for in any directory.
	 */
	const char *pattern;
	enum place_kind kind;
	enum audit_level level; /* of reading a secret, of writing where things run */
	const char *what;
	/* Programs whose business it is; NULL-terminated, or NULL. */
	const char *const *owners;
};

/* The place that @path is, of that kind; NULL: none. @path may begin with "~/". */
const struct place *place_find(const char *path, enum place_kind kind);
/* All of them, ended by one without pattern: for those who put marks on them. */
const struct place *places(void);

#endif
