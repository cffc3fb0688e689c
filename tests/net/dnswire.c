/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dnswire.h"

#include <string.h>

uint8_t out[MESSAGE_MAX + 2];
size_t out_len;

void put(const void *data, size_t len) {
	memcpy(out + out_len, data, len);
	out_len += len;
}

void put16(unsigned v) {
	const uint8_t b[2] = { (uint8_t)(v >> 8), (uint8_t)v };

	put(b, sizeof(b));
}

void put_name(const char *name) {
	while (*name) {
		size_t n = strcspn(name, ".");
		uint8_t len = (uint8_t)n;

		put(&len, 1);
		put(name, n);
		name += n + (name[n] == '.');
	}
	put("", 1);
}

void set16(size_t at, unsigned v) {
	out[at] = (uint8_t)(v >> 8);
	out[at + 1] = (uint8_t)v;
}

unsigned get16(const uint8_t *p) {
	return (unsigned)(p[0] << 8 | p[1]);
}

size_t question_end(const uint8_t *in, size_t len) {
	size_t at = HEADER;

	while (at < len && in[at])
		at += 1u + in[at];
	return at + 5 <= len ? at + 5 : 0;
}

void query(unsigned id, const char *name, unsigned type) {
	out_len = 0;
	put16(id);
	put16(0x0100);
	put16(1);
	put16(0);
	put16(0);
	put16(0);
	put_name(name);
	put16(type);
	put16(1);
}
