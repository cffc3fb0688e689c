/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Lines out of what a container logs: any bytes, of any length. Pure. */
#ifndef COI_MONITOR_SOURCE_AUTH_LINES_H
#define COI_MONITOR_SOURCE_AUTH_LINES_H

#include <stdbool.h>
#include <stddef.h>

#define AUTH_LINE_MAX 2048 /* bytes of a line that are looked at; the rest is not kept */

/* A file that is read piece by piece. All 0: at the beginning of a line. */
struct auth_lines {
	char text[AUTH_LINE_MAX + 1];
	size_t len;
};
/*
 * @tell for each line that ends in @bytes, in order, without its end and with a
 * space for each NUL; empty ones are left out. What has no end yet waits.
 */
void auth_lines_feed(struct auth_lines *l, const char *bytes, size_t count,
                     void (*tell)(const char *text, void *data), void *data);

/*
 * One message, as syslog(3) and journald send it: its text, in @message, whose byte
 * behind @len is written; NULL when it is not about logins (facilities auth and authpriv).
 */
const char *auth_message(char *message, size_t len);

#endif
