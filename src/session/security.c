/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "session/security.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/layout.h"
#include "base/mem.h"
#include "base/strv.h"
#include "monitor/block.h"
#include "runtime/caps.h"

#define STATUS_MAX (16 * 1024)

enum surface security_surface(const struct settings *set) {
	if (set->security.reduce_kernel_surface_strict)
		return SURFACE_STRICT;
	return set->security.reduce_kernel_surface ? SURFACE_REDUCED : SURFACE_DEFAULT;
}

/* The value of "<key>:\t<value>" in base @base. */
static bool status_number(const char *text, const char *key, int base, uint64_t *ret) {
	autofree char *start = xasprintf("\n%s:\t", key);
	const char *at = strstr(text, start);
	char *end;

	if (!at)
		return false;
	at += strlen(start);
	errno = 0;
	*ret = strtoull(at, &end, base);
	return end != at && *end == '\n' && !errno;
}

bool security_status_parse(const char *text, struct security_seen *ret) {
	uint64_t mode, filters, bounding;

	if (!status_number(text, "Seccomp", 10, &mode) ||
	    !status_number(text, "CapBnd", 16, &bounding))
		return false;
	if (!status_number(text, "Seccomp_filters", 10, &filters))
		filters = 0;
	*ret = (struct security_seen){
		.is_filtered = mode == SECCOMP_MODE_FILTER,
		.filters = (unsigned)filters,
		.bounding = bounding,
		.is_as_meant = mode == SECCOMP_MODE_FILTER && !(bounding & ~caps_bounding()),
	};
	return true;
}

int security_look(const struct container *c, struct security_seen *ret, struct err *err) {
	autofree char *path = xasprintf("/proc/%d/status", (int)c->init.pid);
	autobuf struct buf text = { 0 };
	int r = file_read_at(AT_FDCWD, path, STATUS_MAX, &text);

	/* Only after the read: then it was the one that is meant. */
	if (!proc_id_alive(&c->init))
		return err_set(err, ERR_MISSING, -ESRCH, "container '%s' has ended", c->name);
	if (r < 0)
		return err_sys(err, r, "cannot look at the first process of container '%s'", c->name);
	if (!security_status_parse(text.data, ret))
		return err_set(err, ERR_SYSTEM, -ENODATA, "the kernel does not tell the rights of "
							  "the first process of container '%s'",
			       c->name);
	return 0;
}

char *security_selinux_module(void) {
	autofree char *installed = layout_data("selinux/coi.cil");

	return access(installed, F_OK) == 0 ? steal_ptr(installed) :
					      layout_data("contrib/selinux/coi.cil");
}

void security_block(const struct monitoring_plan *p, bool is_root, struct security_block *ret) {
	struct err why;

	*ret = (struct security_block){
		.is_on = p->blocks,
		.secrets = strv_len(p->block_secrets),
		.tools = strv_len(p->block_tools),
		.kernel = !is_root                 ? SECURITY_CAN_UNKNOWN
		          : block_probe(&why) == 0 ? SECURITY_CAN
		                                   : SECURITY_CAN_NOT,
	};
}
