/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The groups of a container as descriptors, for those who watch it. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/linux.h"
#include "base/mem.h"
#include "runtime/cgroup.h"
#include "runtime/control.h"
#include "runtime/runtime.h"

#define TEXT_MAX 65536
#define ROOT_INODE 1 /* of version 2, whatever is mounted or hidden */

/* A mount of it alone, which leads nowhere else: no ".." out of it. */
static int open_alone(const struct cgroup_tree *t, const char *name) {
	autoclose int path = t ? cgroup_open(t, CGROUP_PAYLOAD, name) : -ENOENT;
	int fd = path < 0
	                 ? path
	                 : open_tree(path, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);

	return fd < 0 && path >= 0 ? -errno : fd;
}

static int open_group(const struct cgroup_tree *t, const char *name) {
	autoclose int path = t ? cgroup_open(t, CGROUP_PAYLOAD, name) : -ENOENT;
	int fd = path < 0 ? path : openat(path, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 && path >= 0 ? -errno : fd;
}

/* Groups above that of the container; 0: what is mounted is not the whole tree. */
static unsigned level_of(const struct cgroup_tree *t) {
	struct stat st;
	unsigned n = 1;

	if (stat(t->mount, &st) < 0 || st.st_ino != ROOT_INODE)
		return 0;
	for (const char *p = t->base; (p = strchr(p, '/')); p++)
		n++;
	return n;
}

int runtime_groups_open(const struct runtime_ref *ref, struct runtime_groups *ret,
                        struct err *err) {
	auto_cgroup_trees struct cgroup_trees t = { 0 };
	struct runtime_groups g = { .procs_fd = -1, .unified_fd = -1 };
	const struct cgroup_tree *v2;
	int r = cgroup_trees_load(&t, err);

	if (r < 0)
		return r;
	v2 = cgroup_tree_unified(&t);
	g.level = v2 ? level_of(v2) : 0;
	g.unified_fd = g.level ? open_group(v2, ref->lxc_name) : -1;
	g.procs_fd = open_alone(v2 ? v2 : cgroup_tree_of(&t, "pids"), ref->lxc_name);
	if (g.procs_fd < 0) {
		r = g.procs_fd;
		runtime_groups_done(&g);
		return err_sys(err, r, "cannot open the control group of '%s'",
		               runtime_ref_name(ref));
	}
	*ret = g;
	return 0;
}

void runtime_groups_done(struct runtime_groups *g) {
	mem_close_ptr(&g->procs_fd);
	mem_close_ptr(&g->unified_fd);
	*g = (struct runtime_groups){ .procs_fd = -1, .unified_fd = -1 };
}

static const struct {
	const char *controller;
	const char *files[3]; /* the first that is there */
} counters[] = {
	[RUNTIME_COUNTER_IO] = { "blkio",
	                         { "blkio.throttle.io_service_bytes_recursive",
	                           "blkio.throttle.io_service_bytes" } },
	[RUNTIME_COUNTER_PIDS] = { "pids", { "pids.current" } },
	[RUNTIME_COUNTER_MEMORY] = { "memory", { "memory.current", "memory.usage_in_bytes" } },
	[RUNTIME_COUNTER_CPU] = { "cpuacct", { "cpuacct.usage" } },
};

/* The same on version 2, which has other names for two of them. */
static const struct {
	const char *controller;
	const char *file;
} unified[] = {
	[RUNTIME_COUNTER_IO] = { "io", "io.stat" },
	[RUNTIME_COUNTER_PIDS] = { "pids", "pids.current" },
	[RUNTIME_COUNTER_MEMORY] = { "memory", "memory.current" },
	[RUNTIME_COUNTER_CPU] = { "cpu", "cpu.stat" },
};

static int open_group_file(const struct cgroup_tree *t, const char *name, const char *file) {
	autoclose int dir = t ? cgroup_open(t, CGROUP_PAYLOAD, name) : -ENOENT;
	int fd = dir < 0 ? dir : openat(dir, file, O_RDONLY | O_CLOEXEC);

	return fd < 0 && dir >= 0 ? -errno : fd;
}

static int open_counter(const char *name, enum runtime_counter which) {
	auto_cgroup_trees struct cgroup_trees t = { 0 };
	const struct cgroup_tree *v2;
	struct err ignored;
	int fd = -ENOENT;

	if (cgroup_trees_load(&t, &ignored) < 0)
		return -ENOENT;
	v2 = cgroup_tree_of(&t, unified[which].controller);
	if (v2 && v2->unified)
		return open_group_file(v2, name, unified[which].file);
	for (size_t i = 0; fd < 0 && i < ARRAY_SIZE(counters[0].files); i++)
		if (counters[which].files[i])
			fd = open_group_file(cgroup_tree_of(&t, counters[which].controller), name,
			                     counters[which].files[i]);
	return fd;
}

int runtime_counter_disk(const struct runtime_ref *ref, const char *path) {
	auto_cgroup_trees struct cgroup_trees t = { 0 };
	autofree char *device = runtime_block_device(path), *no_limit = NULL;
	const struct cgroup_tree *v1;
	autoclose int dir = -1;
	struct err ignored;
	int r = cgroup_trees_load(&t, &ignored);

	v1 = r < 0 ? NULL : cgroup_tree_of(&t, "blkio");
	if (r < 0 || !v1)
		return r;
	if (!device)
		return -ENODEV;
	/* A limit of none, on a group that nobody limits: the container's has those of people. */
	dir = cgroup_open(v1, CGROUP_MONITOR, ref->lxc_name);
	no_limit = xasprintf("%s 0", device);
	return dir < 0 ? dir : file_write_value_at(dir, "blkio.throttle.read_bps_device", no_limit);
}

static int open_net(const struct runtime_ref *ref) {
	return proc_id_open_file(&ref->init, "net/dev", O_RDONLY);
}

/* What the container could put there is not followed. */
static int open_tmp(const struct runtime_ref *ref) {
	autoclose int root = proc_id_open_file(&ref->init, "root", O_PATH | O_DIRECTORY);
	autoclose int tmp = root < 0 ? -1 : open_beneath(root, "tmp", O_PATH | O_DIRECTORY, 0);
	const int flags = AT_EMPTY_PATH | AT_STATX_DONT_SYNC; /* nobody in there is asked */
	struct statx a, b;

	if (tmp < 0 || statx(root, "", flags, 0, &a) < 0 || statx(tmp, "", flags, 0, &b) < 0 ||
	    (a.stx_dev_major == b.stx_dev_major && a.stx_dev_minor == b.stx_dev_minor))
		return -ENOENT;
	return steal_fd(&tmp);
}

int runtime_counter_open(const struct runtime_ref *ref, enum runtime_counter which) {
	if (!runtime_alive(ref))
		return -ESRCH;
	switch (which) {
	case RUNTIME_COUNTER_NET:
		return open_net(ref);
	case RUNTIME_COUNTER_TMP:
		return open_tmp(ref);
	default:
		return open_counter(ref->lxc_name, which);
	}
}

static char *text_of(int fd) {
	autobuf struct buf b;
	int r;

	buf_init(&b, TEXT_MAX);
	r = fd < 0 ? fd : fd_read_all(fd, &b);
	return r < 0 ? NULL : buf_steal(&b);
}

char *runtime_counter_text(const struct runtime_ref *ref, enum runtime_counter which) {
	autoclose int fd = runtime_counter_open(ref, which);

	return which == RUNTIME_COUNTER_TMP ? NULL : text_of(fd);
}

/* A file of version 1, or one of version 2 under another name. */
static char *group_text(const struct runtime_ref *ref, const char *controller, const char *file,
                        const char *file2) {
	auto_cgroup_trees struct cgroup_trees t = { 0 };
	const struct cgroup_tree *tree;
	autoclose int fd = -1;
	struct err ignored;

	if (cgroup_trees_load(&t, &ignored) < 0)
		return NULL;
	tree = cgroup_tree_of(&t, controller);
	fd = tree ? open_group_file(tree, ref->lxc_name, tree->unified ? file2 : file) : -1;
	return text_of(fd);
}

static uint64_t number_at(const char *text, const char *key) {
	const char *at = text ? strstr(text, key) : NULL;

	return at ? strtoull(at + strlen(key), NULL, 10) : 0;
}

void runtime_cpu_split(const struct runtime_ref *ref, uint64_t *ret_user, uint64_t *ret_system) {
	autofree char *user = group_text(ref, "cpuacct", "cpuacct.usage_user", "cpu.stat");
	autofree char *system = group_text(ref, "cpuacct", "cpuacct.usage_sys", "cpu.stat");
	autofree char *both = user ? NULL : group_text(ref, "cpu", "cpu.stat", "cpu.stat");

	*ret_user = both   ? number_at(both, "user_usec ")
	            : user ? strtoull(user, NULL, 10) / 1000
	                   : 0;
	*ret_system = both     ? number_at(both, "system_usec ")
	              : system ? strtoull(system, NULL, 10) / 1000
	                       : 0;
}

uint64_t runtime_memory_limit(const struct runtime_ref *ref) {
	autofree char *text = group_text(ref, "memory", "memory.limit_in_bytes", "memory.max");
	uint64_t n = text ? strtoull(text, NULL, 10) : 0; /* "max" is no number */

	return n >= (uint64_t)1 << 62 ? 0 : n;
}
