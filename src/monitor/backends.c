/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "monitor/backends.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/strv.h"

bool watch_is_allowed(const char *source, const char *backend) {
	const char *text = getenv(WATCH_BACKENDS_VARIABLE);
	autostrv char **all = text ? strv_split(text, ",") : NULL;
	size_t len = strlen(source);

	for (char **one = all; one && *one; one++)
		if (!strncmp(*one, source, len) && (*one)[len] == '=')
			return !strcmp(*one + len + 1, backend);
	return true;
}
