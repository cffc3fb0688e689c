/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Ranges of user and group ids for containers.
 *
 * Files of layers and uppers lie unshifted on disk, so a range belongs to a
 * running container only: claimed before the start, released after the end.
 * Claims are machine-wide, whatever COI_ROOT: small files below /run/coi-ids,
 * under a lock of their own (the "ids" place of the lock order, lock.h), valid
 * for one boot. A released range rests until no process has an id of it.
 */
#ifndef COI_RUNTIME_IDS_H
#define COI_RUNTIME_IDS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

#define IDS_COUNT_PLAIN 65536u   /* docker = false */
#define IDS_COUNT_NESTED 131072u /* room for user namespaces inside */

struct id_range {
	uint32_t base; /* the host's id that is 0 inside; the same for users and groups */
	uint32_t count;
};

/* Where to look; NULL members and a NULL pointer mean the defaults. */
struct ids_files {
	const char *subuid;     /* $COI_SUBUID_FILE, else /etc/subuid */
	const char *subgid;     /* $COI_SUBGID_FILE, else /etc/subgid */
	const char *claims_dir; /* $COI_IDS_DIR, else /run/coi-ids */
};

/*
 * Claim @count ids for container @owner_name of state directory @owner_root
 * (absolute). The lowest place that is free in root's ranges of both files. A
 * claim that the owner has already is given again when it has that count. The
 * container's directory <owner_root>/containers/<owner_name> is there already:
 * claims without one count as left behind.
 *
 * ERR_CONFIG when root has no range that is large enough: the message names
 * the file, the hint the exact missing line. ERR_CONFLICT when all are taken.
 */
int ids_claim(const struct ids_files *files, uint32_t count, const char *owner_root,
	      const char *owner_name, struct id_range *ret, struct err *err);

/* Let go of what the owner has claimed; success when there is nothing. */
int ids_release(const struct ids_files *files, const char *owner_root, const char *owner_name,
		struct err *err);

/*
 * Claims of @owner_root whose container's directory is gone and whose ids no process
 * has: @found (may be NULL) is told the container's name for each, and they are
 * removed unless it is a @dry_run. Those that rest go without a word. How many,
 * or -errno.
 */
int ids_sweep(const struct ids_files *files, const char *owner_root, bool dry_run,
	      void (*found)(const char *name, void *data), void *data, struct err *err);

/*
 * Is there a range for root at all? As ids_claim() would say it, without
 * claiming: for health and for a clear message before anything is made.
 */
int ids_check(const struct ids_files *files, uint32_t count, struct err *err);

#endif
