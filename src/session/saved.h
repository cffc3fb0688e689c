/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Saved sessions of a person: ~/.coi/sessions-<tool>/<id>/ holds metadata.json and
 * what the tool keeps below its home, as coi 0.9 has it.
 *
 * All of it is read and written as the person. A session is written to a new
 * directory beside it and swapped in when it is complete and on the disk, so a
 * save that fails or is cut off at any point leaves what was saved before.
 */
#ifndef COI_SESSION_SAVED_H
#define COI_SESSION_SAVED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/privilege.h"
#include "session/container.h"

#define SAVED_ID_SIZE 37 /* a UUID */

struct saved_session {
	char *id;
	char *saved_at;  /* as metadata.json has it, "" when unknown */
	int64_t started_ms; /* since 1970; 0: unknown, of coi 0.9 */
	int64_t saved_ms;   /* likewise */
	char *workspace; /* likewise, and the three that follow */
	char *container;
	char *profile;
	bool persistent;
	bool has_metadata;
	bool has_data;   /* something of the tool is there */
	int format;      /* 0: of coi 0.9 */
};
void saved_session_done(struct saved_session *one);
#define auto_saved_session __attribute__((cleanup(saved_session_done)))

struct saved_list {
	struct saved_session *items; /* newest first */
	size_t count;
};
void saved_list_done(struct saved_list *list);
#define auto_saved_list __attribute__((cleanup(saved_list_done)))

/* Reads as the person; no directory is an empty list. */
int saved_list_load(const struct privilege *who, const char *tool, struct saved_list *ret,
		    struct err *err);
/*
 * One by its id. ERR_USAGE: that is no id; ERR_MISSING: there is none;
 * ERR_CONFLICT: a later version has saved it.
 */
int saved_load(const struct privilege *who, const char *tool, const char *id,
	       struct saved_session *ret, struct err *err);
/* Bytes that it takes, and where it lies (newly allocated). */
int64_t saved_size(const struct privilege *who, const char *tool, const char *id);
char *saved_path(const struct privilege *who, const char *tool, const char *id);
/* Remove one with all that is in it, as the person. */
int saved_remove(const struct privilege *who, const char *tool, const char *id, struct err *err);
/* Letters, digits and "._-", not first a dot, 64 at most. */
int saved_id_check(const char *id, struct err *err);
/* A new one: a UUID of version 4. */
void saved_id_new(char ret[SAVED_ID_SIZE]);

/* metadata.json of @c's session, when it is just beginning; what is saved already stays. */
int saved_begin(const struct container *c, struct err *err);
/* Only the mode that it tells, for `coi persist`; a session without metadata is no error. */
int saved_set_persistent(const struct container *c, struct err *err);

/*
 * What c->state_paths name, below the home in the container whose root is
 * @root_fd, into c->session_id. @is_valid (may be NULL) is asked before it
 * replaces what was there. Links, devices and very large files are left out
 * and counted in *@ret_skipped (may be NULL).
 */
int saved_write(const struct container *c, int root_fd,
		bool (*is_valid)(const struct container *c), unsigned *ret_skipped,
		struct err *err);
/* The same for a container that runs, from the command's side. */
int saved_write_running(const struct container *c, struct err *err);
/* The same for one that does not run, whose lock is not held. */
int saved_write_stopped(struct session *s, const struct container *c, struct err *err);
/* Into the home of a running container, as its user. */
int saved_restore(const struct container *c, const char *id, struct err *err);
/* The root directory of the container's init as O_PATH descriptor; -errno. */
int saved_open_root(const struct container *c);

#endif
