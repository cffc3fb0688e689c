/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A workspace for the trial container, with a secret in it that security.secret_paths is
 * to hide, and a file beside it that is to be seen. Private to session/health/.
 */
#ifndef COI_SESSION_HEALTH_DECOY_H
#define COI_SESSION_HEALTH_DECOY_H

#include <stdbool.h>

#include "base/privilege.h"
#include "config/settings.h"
#include "session/health/health.h"

struct decoy {
	char *path;      /* of the workspace; NULL: it could not be made */
	int parent_fd;   /* where it lies, which is the person's */
	char *secret[2]; /* a strv for the settings */
};
#define DECOY_INIT { .parent_fd = -1 }

/*
 * Below ~/.coi, as the person; those of looks that did not come to their end are taken
 * away. 0 or -errno.
 */
int decoy_make(const struct privilege *who, struct decoy *ret);
/* @set with what hides it, and with nothing that would change the workspace. */
void decoy_settings(const struct decoy *d, struct settings *set);
/* How much of it is there inside, at @workspace below @root_fd. */
void decoy_look(int root_fd, const char *workspace, struct health_result *ret);
/* What that means: bytes that were read of either, or -errno. Pure. */
void decoy_tell(int secret, int control, struct health_result *ret);
/* Take it away, as the person. */
void decoy_remove(const struct privilege *who, struct decoy *d);

#endif
