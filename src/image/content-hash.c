/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "image/content-hash.h"

#include <stdbool.h>
#include <string.h>

void content_hash_init(struct content_hash *h) {
	sha256_init(&h->sha);
	h->block = 0;
	h->held = 0;
}

static bool is_zero(const unsigned char *data) {
	return data[0] == 0 && memcmp(data, data + 1, CONTENT_BLOCK - 1) == 0;
}

static void take_block(struct content_hash *h, const unsigned char *data) {
	unsigned char number[8];

	if (!is_zero(data)) {
		for (size_t i = 0; i < sizeof(number); i++)
			number[i] = (unsigned char)(h->block >> (8 * i));
		sha256_update(&h->sha, sizeof(number), number);
		sha256_update(&h->sha, CONTENT_BLOCK, data);
	}
	h->block++;
}

/* The block at hand ends here. */
static void flush(struct content_hash *h) {
	if (!h->held)
		return;
	memset(h->data + h->held, 0, CONTENT_BLOCK - h->held);
	take_block(h, h->data);
	h->held = 0;
}

static void skip_to(struct content_hash *h, uint64_t offset) {
	if (offset / CONTENT_BLOCK != h->block) {
		flush(h);
		h->block = offset / CONTENT_BLOCK;
	}
	memset(h->data + h->held, 0, offset % CONTENT_BLOCK - h->held);
	h->held = offset % CONTENT_BLOCK;
}

void content_hash_add(struct content_hash *h, uint64_t offset, const void *data, size_t len) {
	const unsigned char *p = data;

	if (offset > h->block * CONTENT_BLOCK + h->held)
		skip_to(h, offset);
	while (len) {
		size_t n = CONTENT_BLOCK - h->held;

		if (!h->held && len >= CONTENT_BLOCK) {
			take_block(h, p);
			p += CONTENT_BLOCK;
			len -= CONTENT_BLOCK;
			continue;
		}
		n = len < n ? len : n;
		memcpy(h->data + h->held, p, n);
		h->held += n;
		p += n;
		len -= n;
		if (h->held == CONTENT_BLOCK)
			flush(h);
	}
}

void content_hash_end(struct content_hash *h, uint8_t sum[SHA256_DIGEST_SIZE]) {
	flush(h);
	sha256_digest(&h->sha, SHA256_DIGEST_SIZE, sum);
}
