/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whose records are meant, by commands that need neither root nor a container. */
#ifndef COI_CLI_AUDITED_H
#define COI_CLI_AUDITED_H

#include <stdint.h>

#include "cli/app.h"

struct audited {
	char *name;
	struct privilege who; /* whose records they are; borrows from here and from the command */
	struct container *container; /* NULL: it has gone, or we are not root and cannot look */
};
void audited_done(struct audited *a);
#define auto_audited __attribute__((cleanup(audited_done)))

/*
 * Whose records are meant: of the container that @word means, or that is meant
 * when @word is NULL (resolve.h), of the workspace's only one that had a
 * container; of the name @word when there is no such container any more.
 */
int audited_find(struct cli *cli, const char *word, struct audited *ret, struct err *err);
/* All names that have records, sorted; NULL: none. */
char **audited_all(const struct cli *cli);
/* Say in the hint whose records there are. Returns the code of @err. */
int audited_hint(const struct cli *cli, struct err *err);
/* So many lines are not ours. */
void audited_tell_unknown(uint64_t count);

#endif
