/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How much of the kernel a container may talk to: the system calls that are
 * refused in it, as a table that the policy for liblxc and `coi security show`
 * are made out of. Which error a caller gets, and why it is refused, is said there.
 */
#ifndef COI_RUNTIME_SURFACE_H
#define COI_RUNTIME_SURFACE_H

#include <stdbool.h>
#include <stddef.h>

/* Each refuses what the one before it refuses, and more. */
enum surface {
	SURFACE_DEFAULT,
	SURFACE_REDUCED, /* security.reduce_kernel_surface; no containers inside */
	SURFACE_STRICT,  /* security.reduce_kernel_surface_strict */
};

struct surface_call {
	const char *name;   /* of the system call, as libseccomp has it */
	int error;          /* what a caller gets: EPERM, or ENOSYS for what is obsolete */
	enum surface since; /* refused from here on */
	const char *why;    /* half a sentence for people */
};

/* In the order that people read them in; ends with @name NULL. */
extern const struct surface_call surface_calls[];

/* "default", "reduced", "strict"; static. */
const char *surface_to_string(enum surface surface);
/* The strictest one for a word that is none of these: a record of a newer coi. */
enum surface surface_from_string(const char *word);

/* May containers run inside? They want key rings, /dev/fuse and whole file systems of the kernel. */
bool surface_nests(enum surface surface);

/* The policy as liblxc reads it (lxc.seccomp.profile, version 2), newly allocated. */
char *surface_policy(enum surface surface);

/*
 * The same for the calling process and all that it starts, for good: 0 or -errno. Wants
 * CAP_SYS_ADMIN in its user namespace, and does not set no_new_privs.
 */
int surface_load(enum surface surface);

#endif
