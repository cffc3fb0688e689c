/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where on the host something that is pulled goes. Private to session/file-*.c.
 *
 * Whole or not at all. A file has no name until it is complete, where the file
 * system lets it (O_TMPFILE); a tree, and a file elsewhere, is made beside the
 * place as ".coi-pull-" and 16 digits, under a lock. What a killed pull has left
 * of that goes with the next one into the same directory.
 */
#ifndef COI_SESSION_FILE_PLACE_H
#define COI_SESSION_FILE_PLACE_H

#include "base/err.h"
#include "session/file-tree.h"

struct file_place {
	char *path;   /* absolute */
	int nofollow; /* O_NOFOLLOW: its directory takes it in, and may have become a link */
};
void file_place_done(struct file_place *place);
#define auto_file_place __attribute__((cleanup(file_place_done)))

/* From what was typed: @host, or @inside's name in it when that is a directory. ERR_USAGE. */
int file_place_choose(const char *host, const char *inside, struct file_place *ret,
		      struct err *err);
/* May a file, or a tree, go there? ERR_USAGE says why not. */
int file_place_check(const struct file_place *place, bool is_tree, struct err *err);
/* Put what @head tells there, and read to the end of the stream. */
int file_place_receive(const struct file_place *place, struct file_receiver *r,
		       const struct file_head *head, struct err *err);

#endif
