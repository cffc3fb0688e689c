/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>

#include "audit/audit.h"

static const char *const names[AUDIT_LEVEL_COUNT] = {
	[AUDIT_INFO] = "info",
	[AUDIT_WARNING] = "warning",
	[AUDIT_HIGH] = "high",
	[AUDIT_CRITICAL] = "critical",
};

const char *audit_level_to_string(enum audit_level level) {
	return names[level];
}

enum audit_level audit_level_from_string(const char *word) {
	enum audit_level l = AUDIT_INFO;

	while (l < AUDIT_LEVEL_COUNT && strcmp(names[l], word) != 0)
		l++;
	return l;
}
