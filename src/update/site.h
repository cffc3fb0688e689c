/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where this program lies, and releases beside each other.
 *
 *   PREFIX/lib/coi/releases/VERSION/{bin,libexec,share}
 *   PREFIX/lib/coi/current   → releases/VERSION, the one that is run
 *   PREFIX/lib/coi/previous  → releases/VERSION, the one before
 *   PREFIX/lib/coi/newest-list → SECONDS: when the newest list that was seen was made
 *   PREFIX/bin/coi           → ../lib/coi/current/bin/coi
 *
 * Another release is there whole before a link is switched, by one rename(2). What
 * runs goes on with the release that it was started from, which stays as long.
 */
#ifndef COI_UPDATE_SITE_H
#define COI_UPDATE_SITE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

enum site_kind {
	SITE_RELEASE,	/* as above: it can be updated */
	SITE_PACKAGE,	/* belongs to a package */
	SITE_BUILD,	/* was started from its build tree */
	SITE_INSTALLED,/* somebody's make install */
};

struct site {
	enum site_kind kind;
	char *program;	/* absolute, without links */
	char *command;	/* and what people call it by */
	char *manager;	/* SITE_PACKAGE: "dpkg", "rpm", "apk", "opkg" */
	char *package;	/* and what it calls it */
	char *dir;	/* SITE_RELEASE: PREFIX/lib/coi */
	char *version;	/* and the name of the one that runs, below releases */
	int fd;		/* O_DIRECTORY of dir, -1 */
	int releases;	/* and of dir/releases, -1 */
};

/* Find out; ends with site_done(). */
int site_find(struct site *ret, struct err *err);
void site_done(struct site *p);
#define auto_site __attribute__((cleanup(site_done)))

/* May this process change it? The line to run instead stands in the hint. */
int site_check_writable(const struct site *p, const char *command, struct err *err);
/*
 * What "current" or "previous" leads to, newly allocated: a name below releases. NULL
 * when there is none.
 */
char *site_link(const struct site *p, const char *link);

/* Is a list made at @made as new as the newest one that was seen here (ERR_TRUST)? */
int site_check_list(const struct site *p, int64_t made, struct err *err);

/*
 * The following want the lock that site_lock() takes (close() lets go): one change at
 * a time. It also removes what an update that was cut off has left.
 */
int site_lock(const struct site *p, struct err *err);
/* A new empty directory, its name below releases in *@ret. */
int site_begin(const struct site *p, char **ret, struct err *err);
/*
 * Give the tree @name the name @version, in place of what had it, on the disk and whole;
 * or remove it.
 */
int site_commit(const struct site *p, const char *name, const char *version, struct err *err);
/* Is @expected still what is run, as the person was told (ERR_CONFLICT)? */
int site_check_current(const struct site *p, const char *expected, struct err *err);
/*
 * From now on @version is the one that is run, in place of @from, which becomes "previous".
 * ERR_CONFLICT when another than @from is run meanwhile.
 */
int site_switch(const struct site *p, const char *from, const char *version, struct err *err);
/* Exchange current and previous, as long as they are @from and @version. */
int site_switch_back(const struct site *p, const char *from, const char *version, struct err *err);
/* A list made at @made (seconds since 1970) was verified: older ones are refused from now on. */
int site_note_list(const struct site *p, int64_t made, struct err *err);
/* Remove releases that no link leads to and no process runs from. */
void site_clean(const struct site *p);

#endif
