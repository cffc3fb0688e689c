/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "monitor/pattern/frame.h"

#include <stdlib.h>
#include <string.h>

void frame_add(struct buf *out, const char *name, const void *data, size_t len) {
	buf_addf(out, "%zu %s\n", len, name);
	buf_add(out, data, len);
}

bool frame_next(const char **data, size_t *len, struct frame *ret) {
	const char *line = *data, *end = *len ? memchr(line, '\n', *len) : NULL;
	size_t head = end ? (size_t)(end - line) : 0, size;
	char *name;

	if (!end || head >= FRAME_NAME_MAX || *line < '0' || *line > '9')
		return false;
	size = strtoul(line, &name, 10);
	if (*name != ' ' || name >= end || size > *len - head - 1)
		return false;
	memcpy(ret->name, name + 1, (size_t)(end - name) - 1);
	ret->name[end - name - 1] = '\0';
	ret->data = end + 1;
	ret->len = size;
	*data = end + 1 + size;
	*len -= head + 1 + size;
	return true;
}
