/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * coi-verify KEY SIGNATURE <DOCUMENT: status 0 when the Ed25519 signature (RFC 8032;
 * both in hexadecimal) is that of the owner of the key, 1 when not.
 *
 * The only program that is linked with libhogweed, nettle's public keys, and with
 * libgmp: loading those would cost each start of coi.
 */
#include <nettle/eddsa.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"

#define DOCUMENT_MAX (4u << 20)

static bool from_hex(const char *text, uint8_t *out, size_t size) {
	static const char digits[] = "0123456789abcdef";

	if (strlen(text) != 2 * size || strspn(text, digits) != 2 * size)
		return false;
	for (size_t i = 0; i < size; i++)
		out[i] = (uint8_t)((strchr(digits, text[2 * i]) - digits) << 4 |
				   (strchr(digits, text[2 * i + 1]) - digits));
	return true;
}

int main(int argc, char **argv) {
	uint8_t key[ED25519_KEY_SIZE], signature[ED25519_SIGNATURE_SIZE];
	autobuf struct buf document = { 0 };

	if (argc != 3 || !from_hex(argv[1], key, sizeof(key)) ||
	    !from_hex(argv[2], signature, sizeof(signature))) {
		(void)fputs("usage: coi-verify KEY SIGNATURE <DOCUMENT\n", stderr);
		return 2;
	}
	buf_init(&document, DOCUMENT_MAX);
	if (fd_read_all(STDIN_FILENO, &document) < 0) {
		(void)fputs("coi-verify: cannot read the document\n", stderr);
		return 2;
	}
	return ed25519_sha512_verify(key, document.len, (const uint8_t *)document.data, signature) ?
		       0 : 1;
}
