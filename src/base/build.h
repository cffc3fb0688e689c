/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What configure was told: which coi this is. */
#ifndef COI_BASE_BUILD_H
#define COI_BASE_BUILD_H

#include <stdbool.h>

struct build {
	const char *version;     /* "0.9.0" */
	const char *arch;        /* as Debian calls it ("amd64"); "" for one without releases */
	const char *release_key; /* Ed25519, 64 hexadecimal digits; "" when there is none */
	const char *release_url; /* where releases are looked for; "" when that was not said */
	bool is_relocatable;     /* finds its helper programs and data beside itself */
};
extern const struct build build;

#endif
