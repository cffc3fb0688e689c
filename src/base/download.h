/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Files of web servers, by coi-fetch, which talks to the server as nobody. A
 * transfer that breaks off goes on where it was.
 */
#ifndef COI_BASE_DOWNLOAD_H
#define COI_BASE_DOWNLOAD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/hash.h"

#define FETCH_TOO_MUCH 3 /* exit status of coi-fetch */

struct download_spec {
	const char *url;
	int file;	   /* empty, gets the bytes; left at its end */
	uint64_t max;	   /* bytes; more is an error */
	bool keeps_free;   /* some space of the file system has to stay free */
	/* How far it is (@total 0: not known); not 0 stops it (-ECANCELED). May be NULL. */
	int (*progress)(uint64_t done, uint64_t total, void *data);
	void *data;
};

/* Fetch; @ret_hash (HASH_HEX_SIZE bytes) is that of what came. */
int download_file(const struct download_spec *spec, char *ret_hash, struct err *err);
/* A https address that can be fetched: no blanks, a server, no password (ERR_USAGE). */
int download_url_check(const char *url, struct err *err);
/* The digits of a SHA-256 in lower case, or ERR_USAGE. */
int download_sha256_parse(const char *text, char out[HASH_HEX_SIZE], struct err *err);

#endif
