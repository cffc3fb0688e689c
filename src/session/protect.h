/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which paths are read-only, hidden or left alone inside: decided from the
 * settings and from names, without a look at the file system. protect-place.h
 * carries it out.
 */
#ifndef COI_SESSION_PROTECT_H
#define COI_SESSION_PROTECT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "config/settings.h"

/* All lists are sets of clean paths; those of the workspace are relative to it. */
struct protect_rules {
	char **paths;    /* of the workspace: read-only */
	char **writable; /* of the workspace: neither these nor what is in them */
	char **secret;   /* of the workspace: hidden; patterns */
	char **own;      /* absolute: ours, read-only in whatever mount shows them */
	bool immutable;  /* on the host too, while the container runs */
};
void protect_rules_done(struct protect_rules *r);
#define auto_protect_rules __attribute__((cleanup(protect_rules_done)))

/*
 * What the settings want. Entries that make no sense (empty, absolute, "."
 * or with "..") are left out and told in *@warnings, a list that grows.
 */
void protect_rules_make(const struct settings *settings, struct protect_rules *ret,
			char ***warnings);
/* A clean copy of an entry of the workspace; NULL for one that makes no sense. */
char *protect_entry_clean(const char *entry);
/* Without those that @writable spares. */
char **protect_select(char *const *paths, char *const *writable);

/* What stands in for a path that is not there. */
enum protect_kind {
	PROTECT_DIR, /* also for names we know nothing of: no tool shows an empty directory */
	PROTECT_FILE,
	PROTECT_COMMONDIR, /* a file that says "this directory itself" to git */
	PROTECT_NONE,      /* nothing: when it is gone there is nothing to protect */
	PROTECT_LIVE,      /* nothing either, and programs of the host write it meanwhile */
};
bool protect_has_stand_in(enum protect_kind kind);
enum protect_kind protect_kind_of(const char *path);
/* ".git" or something in it. */
bool protect_is_git(const char *path);

enum protect_role {
	PROTECT_ROLE_PARENT,   /* bound onto itself, so that it cannot be renamed */
	PROTECT_ROLE_READONLY,
	PROTECT_ROLE_WRITABLE, /* spared, within something that is read-only */
	PROTECT_ROLE_HIDDEN,
};
struct protect_step {
	char *path; /* relative to the bind */
	enum protect_role role;
};
struct protect_steps {
	struct protect_step *items; /* an outer one before what is in it */
	size_t count;
};
void protect_steps_done(struct protect_steps *s);
/* Add one; a path that is there already gets the stricter role. */
void protect_steps_add(struct protect_steps *s, const char *path, enum protect_role role);
/*
 * Bring them into the order in which they are bound, add all parents, leave out
 * what is read-only anyway.
 */
void protect_steps_settle(struct protect_steps *s);

/* For the wire: a new reference; and back. */
json_t *protect_rules_to_json(const struct protect_rules *r);
void protect_rules_from_json(const json_t *j, struct protect_rules *ret);

#endif
