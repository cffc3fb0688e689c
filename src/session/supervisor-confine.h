/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a supervisor gives up at its start. */
#ifndef COI_SESSION_SUPERVISOR_CONFINE_H
#define COI_SESSION_SUPERVISOR_CONFINE_H

#include "base/err.h"

/*
 * Give up the rights that neither this process nor a child of it uses, for good; first
 * of all. -errno when that cannot be: then nothing is to be started.
 */
int supervisor_confine(struct err *err);

#endif
