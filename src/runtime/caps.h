/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The capabilities that a container's bounding set has and those that it has not,
 * each with the reason. All of them, as capabilities(7) lists them; those of
 * kernels to come are not had.
 */
#ifndef COI_RUNTIME_CAPS_H
#define COI_RUNTIME_CAPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct caps_row {
	const char *name; /* as liblxc's lxc.cap.keep has it: lower case, without "cap_" */
	unsigned number;  /* linux/capability.h */
	bool stays;
	const char *why;
};

extern const struct caps_row caps_rows[];
extern const size_t caps_count;

/* The bounding set, a bit for each number. */
uint64_t caps_bounding(void);

#endif
