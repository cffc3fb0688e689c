/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Approvals: ~/.coi/trust.toml, table [approvals], file = fingerprint.
 *
 * Written atomically, 0600. One that is garbled, of another owner or writable
 * by others approves nothing.
 */
#ifndef COI_CONFIG_TRUST_STORE_H
#define COI_CONFIG_TRUST_STORE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/hash.h"
#include "base/privilege.h"
#include "config/config.h"

struct trust_entry {
	char *file;                     /* real path of the file that asks */
	char fingerprint[HASH_HEX_SIZE];
};
struct trust_store {
	struct trust_entry *entries; /* sorted by file */
	size_t count;
};

/*
 * A missing store is empty. One that cannot be used is empty too, and is
 * -EBADMSG or -errno with *@err: callers that only ask go on, callers that
 * would write tell the person.
 */
int trust_store_load(const struct privilege *person, const char *home, struct trust_store *ret,
		     struct err *err);
int trust_store_save(const struct privilege *person, const char *home,
		     const struct trust_store *store, struct err *err);
void trust_store_done(struct trust_store *store);
#define auto_trust_store __attribute__((cleanup(trust_store_done)))

/* NULL when there is none. */
const char *trust_store_get(const struct trust_store *store, const char *file);
void trust_store_set(struct trust_store *store, const char *file, const char *fingerprint);
bool trust_store_remove(struct trust_store *store, const char *file);

/* SHA-256 over the canonical items of @file in @items (others are passed over), sorted. */
void trust_fingerprint(const struct config_gated *items, size_t count, const char *file,
		       char out[HASH_HEX_SIZE]);

/*
 * Approve all that the files of @c ask for: loads, sets, saves. *@ret_files
 * counts files with something to approve. @only (may be NULL): this file alone.
 */
int trust_approve(const struct config *c, const struct privilege *person, const char *home,
		  const char *only, size_t *ret_files, struct err *err);

#endif
