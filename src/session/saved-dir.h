/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The directory of a tool's saved sessions. Private to session/saved*.c. */
#ifndef COI_SESSION_SAVED_DIR_H
#define COI_SESSION_SAVED_DIR_H

#include <dirent.h>
#include <jansson.h>
#include <stdbool.h>

#include "base/err.h"
#include "base/privilege.h"

#define SAVED_METADATA "metadata.json"
#define SAVED_FORMAT 1 /* of metadata.json; coi 0.9 has no such key */

/* All of these are called with the person's rights, as privilege_person_begin() gives them. */

/* O_DIRECTORY descriptor of ~/.coi/sessions-<tool>, or -errno. */
int saved_dir_open(const struct privilege *who, const char *tool, bool make);
/* What is in the directory @fd, from its beginning; NULL: errno. */
DIR *saved_dir_stream(int fd);
/* A new reference; -EBADMSG: no JSON object. */
int saved_metadata_read(int session_fd, json_t **ret);

/*
 * A new directory beside the sessions: *@ret_name, newly allocated. Nobody
 * removes it while the descriptor that is returned is open.
 */
int saved_stage_open(int sessions_fd, const char *id, char **ret_name, struct err *err);
/* Put it on the disk and in the place of session @id. What was there goes. */
int saved_stage_install(int sessions_fd, int stage_fd, const char *name, const char *id,
			struct err *err);
/* Finish what was cut off when it was complete, remove what was not. */
void saved_dir_recover(int sessions_fd);

#endif
