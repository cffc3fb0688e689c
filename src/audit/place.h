/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where records lie: <home>/.coi/audit, for each container
 *
 *   <container>.jsonl       what happened, the newest lines; "….1" are older ones
 *   <container>.jsonl.kept  threats out of files that had to go
 *   <container>.head        how far the chain has come (chain.h)
 *   <container>-nft.…       the same for threats of the network
 */
#ifndef COI_AUDIT_PLACE_H
#define COI_AUDIT_PLACE_H

#include <stdbool.h>

#include "base/err.h"
#include "base/privilege.h"

#define AUDIT_KEEP 8 /* older files of one container, AUDIT_FILE_MAX each */

/* Is @name one that a container can have, and no name of a file of ours? */
bool audit_is_stem(const char *name);
/* Containers that 'coi health' tries are called so, behind the prefix, with a number. */
#define AUDIT_TRIAL "health-check-"
/* Is @container such a one? Nobody asks for its records again: they are with what belongs to none. */
bool audit_is_trial(const char *container);
/*
 * The directory, as a descriptor; made when missing (0700) if @make. Never
 * through a link in the last component. Call it as the person. -ENOENT (with
 * @err set) when it is not there.
 */
int audit_open_directory(const struct privilege *who, bool make, struct err *err);
/* The stem of a container's files, newly allocated; NULL: of what belongs to none. */
char *audit_stem(const char *container, bool is_network);

#endif
