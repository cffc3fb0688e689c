/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * releases.json: which releases there are, signed as a whole in releases.json.sig.
 *
 *   { "format": "coi-releases-1", "made": SECONDS, "expires": SECONDS, "latest": "VERSION",
 *     "releases": [ { "version": "VERSION",
 *                     "archives": { "amd64": { "file", "sha256", "size" } } } ] }
 *
 * "file" lies beside it; "expires" may be left out. Made by contrib/release.
 */
#ifndef COI_UPDATE_INDEX_H
#define COI_UPDATE_INDEX_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/hash.h"
#include "update/version.h"

#define INDEX_MAX (1u << 20)		  /* bytes */
#define ARCHIVE_MAX (UINT64_C(256) << 20) /* bytes */

/* One that there is for our machine. */
struct release {
	char version[VERSION_MAX + 1];
	char *file;
	char sha256[HASH_HEX_SIZE];
	uint64_t size;
};

struct release_index {
	int64_t made;    /* seconds since 1970 */
	int64_t expires; /* when nobody is to believe it any more; 0: never */
	char latest[VERSION_MAX + 1];
	struct release *items;
	size_t count;
};

/* Of @len bytes at @text; releases without an archive for @arch are left out. */
int index_parse(const char *text, size_t len, const char *arch, struct release_index *ret,
		struct err *err);
void index_done(struct release_index *index);
#define auto_index __attribute__((cleanup(index_done)))
/* "2026-11-29 16:00 UTC", for people; newly allocated. */
char *index_date(int64_t when);
/* Borrowed; NULL when there is none. */
const struct release *index_find(const struct release_index *index, const char *version);

#endif
