/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/size.h"

#include <stdio.h>

static const char *const units[] = { "B", "KB", "MB", "GB", "TB", "PB" };

static unsigned scale(uint64_t bytes, double *value) {
	unsigned unit = 0;

	*value = (double)bytes;
	while (*value >= 1024 && unit < 5) {
		*value /= 1024;
		unit++;
	}
	return unit;
}

char *size_text(uint64_t bytes, char out[SIZE_TEXT]) {
	double value;
	unsigned unit = scale(bytes, &value);

	(void)snprintf(out, SIZE_TEXT, "%.*f %s", unit ? 1 : 0, value, units[unit]);
	return out;
}

char *size_text_short(uint64_t bytes, char out[SIZE_TEXT]) {
	double value;
	unsigned unit = scale(bytes, &value);

	(void)snprintf(out, SIZE_TEXT, "%.*f%s", unit ? 1 : 0, value, units[unit]);
	return out;
}
