/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A directory or file bound into a container that runs.
 *
 * Unlike what was bound before the start it cannot be seen by services that
 * have a mount namespace of their own without propagation.
 */
#ifndef COI_RUNTIME_HOTMOUNT_H
#define COI_RUNTIME_HOTMOUNT_H

#include "base/err.h"
#include "runtime/control.h"
#include "runtime/runtime.h"

struct hotmount_spec {
	struct runtime_ref ref; /* init must be known */
	struct id_range ids;
	uid_t code_uid;
	gid_t code_gid;
	struct runtime_bind bind;
	const struct runtime_bind *inner; /* in it: their targets lie below its own */
	size_t inner_count;
	/*
	 * Nobody can unmount it any more, as if it had been bound before the start;
	 * it goes when what it is mounted on does.
	 */
	bool is_locked;
};

/*
 * Bind it with what is in it; the mount point is made when missing. Its flags are
 * locked: container root cannot make a read-only one writable. It can unmount one
 * that is not locked, as a whole. ERR_CONFLICT where the file system has no
 * id-mapped mounts (a running container's map cannot get a hole).
 */
int hotmount_add(const struct hotmount_spec *spec, struct err *err);

#endif
