/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/linereader.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"

#define BLOCK (64 * 1024)

void linereader_init(struct linereader *r, int fd, size_t max) {
	*r = (struct linereader){ .fd = fd,
				  .max = max,
				  .line = xcalloc(max + 1, 1),
				  .block = xmalloc(BLOCK) };
}

void linereader_done(struct linereader *r) {
	free(r->line);
	free(r->block);
	r->line = r->block = NULL;
}

static void begin(struct linereader *r) {
	r->len = 0;
	r->line[0] = '\0';
	r->is_cut = r->is_done = false;
}

void linereader_reset(struct linereader *r, int fd) {
	r->fd = fd;
	r->at = r->end = 0;
	begin(r);
}

static void take(struct linereader *r, size_t n) {
	size_t room = r->max - r->len, keep = n < room ? n : room;

	r->is_cut |= n > room;
	memcpy(r->line + r->len, r->block + r->at, keep);
	r->len += keep;
	r->line[r->len] = '\0';
	r->at += n;
}

int linereader_next(struct linereader *r) {
	if (r->is_done)
		begin(r);
	for (;;) {
		const char *nl = memchr(r->block + r->at, '\n', r->end - r->at);
		ssize_t n;

		if (nl) {
			take(r, (size_t)(nl - (r->block + r->at)));
			r->at++;
			r->is_done = true;
			return 1;
		}
		take(r, r->end - r->at);
		n = read(r->fd, r->block, BLOCK);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : 0;
		r->at = 0;
		r->end = (size_t)n;
	}
}
