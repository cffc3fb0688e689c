/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The steps of an update of the program: nothing unverified is read, unpacked or run. */
#ifndef COI_UPDATE_CORE_H
#define COI_UPDATE_CORE_H

#include "base/err.h"
#include "update/index.h"
#include "update/site.h"

/*
 * Whether this build can verify releases for its machine, and knows where they lie: @url
 * is what the settings say, "" when nothing. The address in @ret, borrowed.
 */
int core_check(const char *url, const char **ret, struct err *err);
/* Fetch the list of releases from directory @url and verify it. */
int core_index(const char *url, struct release_index *ret, struct err *err);
struct core_order {
	const struct site *site;
	const char *url; /* of the directory with the list */
	const char *from; /* the release that is run, as people were told */
	const struct release *release;
	int64_t made; /* of the list */
	int (*progress)(uint64_t done, uint64_t total, void *data); /* as in download.h */
	void *data;
};

/*
 * Fetch, verify and unpack the release beside the others, see that it runs here, and
 * switch to it.
 */
int core_install(const struct core_order *o, struct err *err);

#endif
