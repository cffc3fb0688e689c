/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The capabilities that a container's bounding set does not have, and why. */
#ifndef COI_RUNTIME_CAPS_H
#define COI_RUNTIME_CAPS_H

#include <stddef.h>

struct caps_drop {
	const char *name; /* as liblxc's lxc.cap.drop has it: lower case, without "cap_" */
	const char *why;
};

extern const struct caps_drop caps_drops[];
extern const size_t caps_drop_count;

#endif
