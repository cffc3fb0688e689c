/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "monitor/source/auth-lines.h"

#include <stdlib.h>
#include <string.h>
#include <syslog.h>

static void end_line(struct auth_lines *l, void (*tell)(const char *text, void *data), void *data) {
	l->text[l->len] = '\0';
	if (l->len)
		tell(l->text, data);
	l->len = 0;
}

void auth_lines_feed(struct auth_lines *l, const char *bytes, size_t count,
                     void (*tell)(const char *text, void *data), void *data) {
	for (size_t i = 0; i < count; i++) {
		if (bytes[i] == '\n')
			end_line(l, tell, data);
		else if (l->len < AUTH_LINE_MAX)
			l->text[l->len++] = bytes[i] ? bytes[i] : ' ';
	}
}

/* "<86>": what kind of program it is about, and how bad. */
const char *auth_message(char *message, size_t len) {
	unsigned priority = 0;
	size_t i = 1;

	message[len] = '\0';
	for (size_t k = 0; k < len; k++)
		if (message[k] == '\0' || message[k] == '\n')
			message[k] = ' ';
	if (!len || message[0] != '<')
		return NULL;
	for (; i < len && i < 5 && message[i] >= '0' && message[i] <= '9'; i++)
		priority = priority * 10 + (unsigned)(message[i] - '0');
	if (i == 1 || i >= len || message[i] != '>')
		return NULL;
	priority &= LOG_FACMASK;
	if (priority != LOG_AUTH && priority != LOG_AUTHPRIV)
		return NULL;
	if (len > AUTH_LINE_MAX)
		message[AUTH_LINE_MAX] = '\0';
	return message + i + 1;
}
