/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/hash.h"

#include <errno.h>
#include <unistd.h>

void hash_ctx_hex(struct sha256_ctx *ctx, char out[HASH_HEX_SIZE]) {
	static const char digits[] = "0123456789abcdef";
	uint8_t digest[SHA256_DIGEST_SIZE];

	sha256_digest(ctx, sizeof(digest), digest);
	for (size_t i = 0; i < sizeof(digest); i++) {
		out[2 * i] = digits[digest[i] >> 4];
		out[2 * i + 1] = digits[digest[i] & 15];
	}
	out[HASH_HEX_SIZE - 1] = '\0';
}

void hash_hex(const void *data, size_t len, char out[HASH_HEX_SIZE]) {
	struct sha256_ctx ctx;

	sha256_init(&ctx);
	sha256_update(&ctx, len, data);
	hash_ctx_hex(&ctx, out);
}

int hash_fd_hex(int fd, char out[HASH_HEX_SIZE]) {
	static uint8_t block[1 << 16];
	struct sha256_ctx ctx;

	sha256_init(&ctx);
	for (;;) {
		ssize_t n = read(fd, block, sizeof(block));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		sha256_update(&ctx, (size_t)n, block);
	}
	hash_ctx_hex(&ctx, out);
	return 0;
}
