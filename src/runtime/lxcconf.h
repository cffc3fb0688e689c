/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A container's configuration as liblxc takes it: pure, a list of keys and values. */
#ifndef COI_RUNTIME_LXCCONF_H
#define COI_RUNTIME_LXCCONF_H

#include "runtime/private.h"

struct lxcconf_paths {
	const char *rootfs;  /* the merged tree */
	const char *seccomp;
	const char *log;
	const char *apparmor; /* a profile that is loaded; NULL: none */
	const char *selinux;  /* a label; NULL: none */
};

/* strv: key, value, key, value, … */
char **lxcconf_build(const struct runtime_spec *spec, const struct idset *ids,
		     const struct cgroup_trees *trees, const struct lxcconf_paths *paths,
		     struct err *err);

/*
 * What liblxc's log says went wrong: the first errors of @text, without time,
 * file and function, "; " between. Newly allocated, "" when there is none.
 */
char *lxclog_reason(const char *text);

#endif
