/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The manual page: prose from a template, lists out of the descriptors. Pure. */
#ifndef COI_CLI_MAN_H
#define COI_CLI_MAN_H

#include "base/buf.h"
#include "cli/cli.h"

/* What stands for a line of a template that is only @name ("@…@"). */
struct man_slot {
	const char *name; /* NULL ends a list */
	void (*add)(struct buf *out);
};

/*
 * Copy @template to @out; a line that is only "@commands@", "@global-options@"
 * or "@version@" is replaced by what it names, as mdoc(7); so are those of @more,
 * which may be NULL, and "@title@", "@name@", "@synopsis@" and "@body@" by what the
 * descriptor of @one has, a command right below the root (NULL: no page of one).
 */
void man_page(const struct cli_command *root, const struct cli_command *one, const char *version,
	      const char *template, const struct man_slot *more, struct buf *out);

/* The settings and profiles, out of their rows: coi-config(5), coi-profile(5). */
extern const struct man_slot man_settings_slots[];

#endif
