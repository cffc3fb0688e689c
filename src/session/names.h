/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Names of containers, as users of coi 0.9 know them. Pure text. */
#ifndef COI_SESSION_NAMES_H
#define COI_SESSION_NAMES_H

#include <stdbool.h>

#include "base/err.h"

#define NAME_MAX_BYTES 63 /* a host name's label (RFC 1123) */
#define SLOT_MAX 10       /* highest slot that is given automatically */

/* Of our containers: "coi-", or $COI_CONTAINER_PREFIX; not owned. */
const char *name_prefix(void);
/*
 * What names are made of: the workspace's absolute path, symlinks not resolved, or
 * "session-name:<name>" when @session_name (container.session_name) is not "". Newly
 * allocated.
 */
char *name_identity(const char *session_name, const char *workspace);
/*
 * "<prefix><hash8>-<slot>": hash8 is the first eight hex digits of the SHA-256
 * of @identity. Newly allocated.
 */
char *name_for(const char *prefix, const char *identity, int slot);
/* Is @name one of those, whatever the slot? */
bool name_is_of(const char *name, const char *prefix, const char *identity);
/* The slot at the end of a name; 0 when there is none. */
int name_slot(const char *name);
/* Letters, digits and '-'; starts with a letter, does not end in '-'; NAME_MAX_BYTES at most. */
int name_check(const char *name, struct err *err);
/* A single path component without control characters: safe below containers/. */
bool name_is_plain(const char *name);
/* "coi-" + container name. Newly allocated. */
char *name_tmux_session(const char *name);
/* The machine-wide name for liblxc and cgroups: with the tag of a root that is not the default. */
char *name_lxc(const char *tag, const char *name);

#endif
