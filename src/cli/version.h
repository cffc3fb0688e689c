/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef COI_CLI_VERSION_H
#define COI_CLI_VERSION_H

/* "coi v0.9.0" on standard output. */
void version_print_line(void);

#endif
