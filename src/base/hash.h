/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SHA-256 (FIPS 180-4) as lower-case hexadecimal, through nettle. */
#ifndef COI_BASE_HASH_H
#define COI_BASE_HASH_H

#include <stddef.h>
#include <nettle/sha2.h>

#define HASH_HEX_SIZE (2 * SHA256_DIGEST_SIZE + 1)

/* Of @len bytes at @data. */
void hash_hex(const void *data, size_t len, char out[HASH_HEX_SIZE]);
/* Ends a running context. */
void hash_ctx_hex(struct sha256_ctx *ctx, char out[HASH_HEX_SIZE]);
/* The whole of @fd from where it stands. 0 or -errno. */
int hash_fd_hex(int fd, char out[HASH_HEX_SIZE]);

#endif
