/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From what people type to a container: a name, or an alias with an optional slot. */
#ifndef COI_CLI_RESOLVE_H
#define COI_CLI_RESOLVE_H

#include "cli/app.h"
#include "session/container.h"

enum resolve_flags {
	RESOLVE_RUNNING = 1u << 0, /* it must run (or be frozen); aliases of others do not count */
};

/*
 * A word that begins with the prefix is a name, never an alias; another one is
 * an alias ("web", "web-2"), and the name of a container if no alias fits.
 * ERR_MISSING: none; ERR_CONFLICT: several (named), or it does not run.
 */
int resolve_container(struct cli *cli, const char *word, unsigned flags, struct container **ret,
		      struct err *err);
/* By its exact name, after the repair of what a crash left of it. */
int resolve_name(struct cli *cli, const char *name, struct container **ret, struct err *err);
/*
 * Which container is meant when none has to be named: @word (a name or an
 * alias; may be NULL), else $COI_CONTAINER, else the only container of the
 * workspace. ERR_MISSING: there is none; ERR_CONFLICT: several, named.
 */
int resolve_meant(struct cli *cli, const char *word, unsigned flags, struct container **ret,
		  struct err *err);

#endif
