/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Secrets in command lines, masked before they are written down. Pure.
 *
 * Known by where they stand (after --password, behind NAME_TOKEN=, in an
 * Authorization header, between :// and @) and by what they look like
 * (sk-…, ghp_…, a JSON web token). What stands before a secret is kept, so that the line
 * still says what was done.
 */
#ifndef COI_AUDIT_MASK_H
#define COI_AUDIT_MASK_H

#define MASK_TEXT "***"

/* One word, or a text with commands in it. Newly allocated. */
char *mask_text(const char *text);
/* A command line, word by word, as a new strv. NULL gives NULL. */
char **mask_command(char *const *argv);

#endif
