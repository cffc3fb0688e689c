/* SPDX-License-Identifier: GPL-2.0-or-later */
/* [timezone] of the settings. */
#ifndef COI_SESSION_TIMEZONE_H
#define COI_SESSION_TIMEZONE_H

#include "session/container.h"

/*
 * The host's zone: /etc/timezone, else where /etc/localtime leads to. Newly
 * allocated; NULL: not known.
 */
char *timezone_host(void);
/*
 * The zone that @c is to have, newly allocated: the host's (/etc/timezone, else
 * where /etc/localtime leads to), the one that is fixed, or "UTC". One that the
 * container's files do not know becomes "UTC"; that is told when it was fixed.
 */
char *timezone_of(const struct session *s, const struct container *c);

#endif
