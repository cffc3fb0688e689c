/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The AppArmor profile that everything in a container runs under, where the kernel has
 * AppArmor: one for all containers, loaded once a boot and left there. The user namespace
 * is the wall; this is one more: what is inside cannot shed it, and signals and traces
 * nothing but its own kind.
 */
#ifndef COI_RUNTIME_APPARMOR_PROFILE_H
#define COI_RUNTIME_APPARMOR_PROFILE_H

#include <stdbool.h>

#include "base/err.h"
#include "runtime/apparmor.h"

#define APPARMOR_NAME_SIZE 32

/*
 * Have the profile in the kernel; its name goes to @name. Nothing is done where
 * it is there already. Wants CAP_MAC_ADMIN.
 */
int apparmor_load(enum apparmor apparmor, char name[APPARMOR_NAME_SIZE], struct err *err);

/*
 * The text of the profile: its name is made out of it, so that containers of another
 * version keep theirs. Newly allocated.
 */
char *apparmor_profile(enum apparmor apparmor, char name[APPARMOR_NAME_SIZE]);

/* Is @name in @list, which is what the kernel says of its profiles ("NAME (MODE)", a line each)? */
bool apparmor_listed(const char *list, const char *name);

#endif
