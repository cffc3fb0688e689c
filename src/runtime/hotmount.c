/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A child goes into the container step by step and gives up the host's rights
 * on the way; what it does with names of the container, it does as its root.
 * On the way the mount's flags are locked (hotstage.c).
 */
#include "runtime/hotmount.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/linux.h"
#include "base/mem.h"
#include "runtime/hotstage.h"
#include "runtime/inside.h"
#include "runtime/mount.h"
#include "runtime/private.h"

/* Ids as they are for a process inside. */
static void idset_inside(const struct hotmount_spec *spec, struct idset *ret) {
	*ret = (struct idset){
		.range = { .base = 0, .count = spec->ids.count },
		.code_uid = spec->code_uid,
		.code_gid = spec->code_gid,
		.code_uid_host = spec->code_uid,
		.code_gid_host = spec->code_gid,
	};
}

/* @m: that of the bind, and those in it. */
static int add_inside(const struct hotmount_spec *spec, struct bind_mount *m, int pidfd,
		      struct err *err) {
	struct hotstage stage = HOTSTAGE_INIT;
	autoclose int root = -1;
	struct idset inside;
	int r = hotstage_make(&stage, m, spec->inner_count, spec->is_locked, err);

	if (r == 0)
		r = inside_become_root(pidfd, err);
	if (r == 0)
		r = hotstage_take(&stage, m, err);
	if (r == 0)
		r = inside_enter_mounts(pidfd, &root, err);
	if (r < 0)
		return r;
	idset_inside(spec, &inside);
	return bind_attach(m, root, &inside, err);
}

struct hotmount_job {
	const struct hotmount_spec *spec;
	struct bind_mount *mount;
};

static int act(int pidfd, void *data, struct buf *text, struct err *err) {
	const struct hotmount_job *job = data;

	(void)text;
	return add_inside(job->spec, job->mount, pidfd, err);
}

struct mounts {
	struct bind_mount *items;
	int *fds;
	size_t count;
};

static void mounts_done(struct mounts *m) {
	for (size_t i = 0; i < m->count; i++)
		bind_done(&m->items[i]);
	free(m->items);
	free(m->fds);
}

static int prepare_all(const struct hotmount_spec *spec, struct mounts *m, struct err *err) {
	struct bind_userns last = { .fd = -1 };
	struct bind_owner owner;
	struct idset ids;
	int r = 0;

	m->items = xcalloc(spec->inner_count + 1, sizeof(*m->items));
	m->fds = xcalloc(spec->inner_count + 1, sizeof(*m->fds));
	idset_init(&ids, &spec->ids, spec->code_uid, spec->code_gid);
	for (size_t i = 0; i <= spec->inner_count && r == 0; i++) {
		r = bind_prepare(i ? &spec->inner[i - 1] : &spec->bind, &ids, &last, &m->items[i],
				 &owner, err);
		if (r < 0)
			break;
		m->fds[i] = m->items[i].fd;
		m->count++;
	}
	mem_close_ptr(&last.fd);
	return r;
}

int hotmount_add(const struct hotmount_spec *spec, struct err *err) {
	__attribute__((cleanup(mounts_done))) struct mounts m = { 0 };
	struct hotmount_job job;
	int r;

	if (!runtime_alive(&spec->ref))
		return err_set(err, ERR_MISSING, -ESRCH, "'%s' is not running",
			       runtime_ref_name(&spec->ref));
	r = prepare_all(spec, &m, err);
	if (r < 0)
		return r;
	job = (struct hotmount_job){ .spec = spec, .mount = m.items };
	return inside_run(&(struct inside_job){ .ref = &spec->ref,
						.keep = m.fds,
						.keep_count = m.count,
						.act = act,
						.data = &job },
			  NULL, err);
}
