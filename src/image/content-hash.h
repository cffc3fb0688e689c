/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a file holds, as a hash that does not depend on where its holes are and
 * that a file of nothing but a hole costs nothing: SHA-256 of, for each block of
 * 4096 bytes that is not all zero, its number (eight bytes, the lowest first)
 * and its bytes, the last one filled up with zeros. The size is not in it. Pure.
 */
#ifndef COI_IMAGE_CONTENT_HASH_H
#define COI_IMAGE_CONTENT_HASH_H

#include <nettle/sha2.h>
#include <stddef.h>
#include <stdint.h>

#define CONTENT_BLOCK 4096

struct content_hash {
	struct sha256_ctx sha;
	uint64_t block;	   /* the one at hand */
	size_t held;	   /* how much of it there is */
	unsigned char data[CONTENT_BLOCK];
};

/* One file of which a hash is known. */
struct content_known {
	uint64_t inode;
	uint8_t sum[SHA256_DIGEST_SIZE];
};

/* Nothing yet. */
void content_hash_init(struct content_hash *h);
/* Bytes at @offset, not before those of the call before; what lies between are zeros. */
void content_hash_add(struct content_hash *h, uint64_t offset, const void *data, size_t len);
/* The hash; begin anew afterwards. */
void content_hash_end(struct content_hash *h, uint8_t sum[SHA256_DIGEST_SIZE]);

#endif
