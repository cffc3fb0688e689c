/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which of an agent's own conversations belongs to a session of ours: agents have names
 * of their own for them, in files or in a database. Pure, but for conversation_find().
 *
 * All of it is the container's word: numbers and names are checked, nothing else is
 * believed.
 */
#ifndef COI_SESSION_TOOL_CONVERSATION_H
#define COI_SESSION_TOOL_CONVERSATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

#define CONVERSATION_ID_MAX 64
#define CONVERSATION_FILE_MAX 1024
#define CONVERSATIONS_MAX 10000 /* names that are looked at */

struct conversation {
	char id[CONVERSATION_ID_MAX + 1]; /* "" : none */
	char file[CONVERSATION_FILE_MAX]; /* below the directory that was searched; "" : no file */
	int64_t created_ms;               /* since 1970 */
	int64_t updated_ms;
};

/* When the session was there, both ends included. */
struct conversation_window {
	int64_t since_ms;
	int64_t until_ms;
	const char *wanted; /* one that is called that is the one, whenever it was; NULL: none */
};
#define CONVERSATION_NO_TIME { .since_ms = INT64_MAX }
#define CONVERSATION_ANY_TIME { .until_ms = INT64_MAX }

/* Letters, digits and "._-", not first a dash or a dot; CONVERSATION_ID_MAX at most. */
bool conversation_id_is_plain(const char *id);
/*
 * Does @name look like @pattern, in which '*' stands for anything and "{uuid}" for a
 * UUID, which goes into @id (when it is not NULL)?
 */
bool conversation_name_fits(const char *pattern, const char *name,
			    char id[CONVERSATION_ID_MAX + 1]);

/* Where a tool keeps them; see tools/ for examples. */
struct conversation_store {
	char *home;        /* files: a pattern below the home, one for each part; or NULL */
	char *sessions;    /* files: a pattern in {sessions}; or NULL */
	char *file_created; /* key in the first object of a file: RFC 3339; NULL: unknown */
	char **command;    /* or words for the program that prints an array; or NULL */
	char *id_key, *created_key, *updated_key; /* of its objects; times in ms */
};
void conversation_store_done(struct conversation_store *store);

/* What such a command has printed. */
void conversation_parse(const struct conversation_store *store, const char *json, size_t len,
			const struct conversation_window *window, struct conversation *best);
/*
 * The files below @dirfd that fit @pattern ("projects/x/{uuid}.jsonl"); into no mount and
 * through no link. With the rights of the container's user.
 */
void conversation_find(int dirfd, const char *pattern, const char *created_key,
		       const struct conversation_window *window, struct conversation *best);

#endif
