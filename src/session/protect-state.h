/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is protected in a container that runs, for a supervisor that takes over:
 * it has neither the plan nor the descriptors of the one before it.
 */
#ifndef COI_SESSION_PROTECT_STATE_H
#define COI_SESSION_PROTECT_STATE_H

#include <jansson.h>

#include "session/protect-place.h"

/* All but the descriptors: a new reference. */
json_t *protect_binds_to_json(const struct protect_binds *b);
/*
 * And back, with the bases opened by their paths. Those that are not what they
 * were are left out with all in them, and their paths added to *@lost.
 */
void protect_binds_from_json(const json_t *j, struct protect_binds *ret, char ***lost);

#endif
