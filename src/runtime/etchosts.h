/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The lines of ours in a container's /etc/hosts: those between two comments, so that all
 * else stays as the container has it.
 */
#ifndef COI_RUNTIME_ETCHOSTS_H
#define COI_RUNTIME_ETCHOSTS_H

#include "base/err.h"
#include "runtime/control.h"

#define ETC_HOSTS_BEGIN "# From the settings of coi: what stands here is written anew"
#define ETC_HOSTS_END "# End of what is from coi"
#define ETC_HOSTS_MAX (16 * 1024 * 1024) /* lists of names to block are megabytes long */

/*
 * @before with @lines (each with its newline; "" or NULL: none) as our part, newly
 * allocated. Pure. A part that has no end is not one.
 */
char *etc_hosts_text(const char *before, const char *lines);
/*
 * The same in the container that runs: by its root, in its mounts, in place of whatever
 * is called so; a link is not followed. Nothing is written where nothing changes.
 */
int etc_hosts_place(const struct runtime_ref *ref, const char *lines, struct err *err);

#endif
