/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runtime/limits.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/strv.h"

#define CPU_PERIOD_US 100000
#define FILE_MAX 65536

struct list {
	const struct cgroup_trees *trees;
	struct limit_file *items;
	int count;
};

static void add(struct list *l, const char *controller, const char *key, bool unified,
		const char *file, const char *fmt, ...) __attribute__((format(printf, 6, 7)));

static void add(struct list *l, const char *controller, const char *key, bool unified,
		const char *file, const char *fmt, ...) {
	struct limit_file *one = &l->items[l->count++];
	va_list ap;

	*one = (struct limit_file){ .controller = controller, .key = key, .unified = unified };
	(void)snprintf(one->file, sizeof(one->file), "%s", file);
	va_start(ap, fmt);
	(void)vsnprintf(one->value, sizeof(one->value), fmt, ap);
	va_end(ap);
}

/* On the hybrid layout liblxc takes a version 2 key without a word and enforces nothing. */
static int where(const struct list *l, const char *controller, const char *key, bool *ret_unified,
		 struct err *err) {
	const struct cgroup_tree *t = cgroup_tree_of(l->trees, controller);

	if (!t)
		return err_set(err, ERR_SYSTEM, -EOPNOTSUPP,
			       "%s needs the control group controller '%s', which this machine "
			       "does not have", key, controller);
	*ret_unified = t->unified;
	return 0;
}

/* A kernel may be built without it, or boot with it off. */
static int need_file(const struct list *l, const char *controller, const char *key,
		     const char *file, struct err *err) {
	const struct cgroup_tree *t = cgroup_tree_of(l->trees, controller);
	/* Version 2 has no such file in its root; what is missing shows when it is read back. */
	autofree char *path = t && !t->unified ? xasprintf("%s/%s", t->mount, file) : NULL;

	if (!path || access(path, F_OK) == 0)
		return 0;
	return err_set(err, ERR_SYSTEM, -EOPNOTSUPP, "%s cannot be enforced: this kernel has no '%s'",
		       key, file);
}

/* ---- processes and memory ---- */

static int pids(struct list *l, const struct runtime_limits *limits, struct err *err) {
	static const char key[] = "limits.runtime.max_processes";
	bool v2;
	int r;

	if (!limits->pids_max)
		return 0;
	r = where(l, "pids", key, &v2, err);
	if (r == 0)
		add(l, "pids", key, v2, "pids.max", "%" PRIu64, limits->pids_max);
	return r;
}

static int swap(struct list *l, const struct runtime_limits *limits, bool v2, struct err *err) {
	static const char key[] = "limits.memory.swap";
	uint64_t both = limits->memory_max + limits->swap_max;
	int r;

	if (!limits->swap_limited)
		return 0;
	if (v2) {
		add(l, "memory", key, v2, "memory.swap.max", "%" PRIu64, limits->swap_max);
		return 0;
	}
	/* Version 1 knows memory and swap together only, and "none" as a wish. */
	if (limits->memory_max) {
		r = need_file(l, "memory", key, "memory.memsw.limit_in_bytes", err);
		if (r == 0)
			add(l, "memory", key, v2, "memory.memsw.limit_in_bytes", "%" PRIu64, both);
		return r;
	}
	if (limits->swap_max == 0) {
		add(l, "memory", key, v2, "memory.swappiness", "0");
		return 0;
	}
	return err_set(err, ERR_SYSTEM, -EOPNOTSUPP,
		       "%s cannot be enforced: with control groups of version 1 a size needs "
		       "limits.memory.limit with limits.memory.enforce = \"hard\"", key);
}

static int memory(struct list *l, const struct runtime_limits *limits, struct err *err) {
	static const char key[] = "limits.memory.limit";
	bool v2;
	int r;

	if (!limits->memory_max && !limits->memory_high && !limits->swap_limited)
		return 0;
	r = where(l, "memory", key, &v2, err);
	if (r < 0)
		return r;
	if (limits->memory_max)
		add(l, "memory", key, v2, v2 ? "memory.max" : "memory.limit_in_bytes", "%" PRIu64,
		    limits->memory_max);
	if (limits->memory_high)
		add(l, "memory", key, v2, v2 ? "memory.high" : "memory.soft_limit_in_bytes",
		    "%" PRIu64, limits->memory_high);
	return swap(l, limits, v2, err);
}

/* ---- processors ---- */

static int cpu_quota(struct list *l, const struct runtime_limits *limits, struct err *err) {
	static const char key[] = "limits.cpu.allowance";
	uint64_t period = limits->cpu_period_us ? limits->cpu_period_us : CPU_PERIOD_US;
	bool v2;
	int r;

	if (!limits->cpu_quota_us)
		return 0;
	r = where(l, "cpu", key, &v2, err);
	if (r < 0)
		return r;
	if (v2) {
		add(l, "cpu", key, v2, "cpu.max", "%" PRIu64 " %" PRIu64, limits->cpu_quota_us, period);
		return 0;
	}
	add(l, "cpu", key, v2, "cpu.cfs_period_us", "%" PRIu64, period);
	add(l, "cpu", key, v2, "cpu.cfs_quota_us", "%" PRIu64, limits->cpu_quota_us);
	return 0;
}

static int cpu(struct list *l, const struct runtime_limits *limits, struct err *err) {
	bool v2;
	int r = cpu_quota(l, limits, err);

	if (r == 0 && limits->cpu_weight) {
		r = where(l, "cpu", "limits.cpu.priority", &v2, err);
		if (r == 0 && v2)
			add(l, "cpu", "limits.cpu.priority", v2, "cpu.weight", "%u",
			    limits->cpu_weight);
		else if (r == 0) /* 1024 is what 100 is in version 2 */
			add(l, "cpu", "limits.cpu.priority", v2, "cpu.shares", "%u",
			    limits->cpu_weight * 1024 / 100);
	}
	if (r < 0 || !limits->cpuset_cpus)
		return r;
	r = where(l, "cpuset", "limits.cpu.count", &v2, err);
	if (r == 0)
		add(l, "cpuset", "limits.cpu.count", v2, "cpuset.cpus", "%s", limits->cpuset_cpus);
	return r;
}

/* ---- disk ---- */

static void io_rate(struct list *l, const char *key, const char *device, bool write,
		    uint64_t bytes, uint64_t iops) {
	static const char *const files[2][2] = {
		{ "blkio.throttle.read_bps_device", "blkio.throttle.read_iops_device" },
		{ "blkio.throttle.write_bps_device", "blkio.throttle.write_iops_device" },
	};

	if (bytes)
		add(l, "blkio", key, false, files[write][0], "%s %" PRIu64, device, bytes);
	if (iops)
		add(l, "blkio", key, false, files[write][1], "%s %" PRIu64, device, iops);
	for (int i = l->count - !!bytes - !!iops; i < l->count; i++)
		l->items[i].of_device = true;
}

/* One line has all of them: "254:0 rbps=1048576 wiops=100". */
static void io_max(struct list *l, const struct runtime_limits *limits) {
	const struct {
		const char *name;
		uint64_t value;
	} parts[] = { { "rbps", limits->read_bps },
		      { "wbps", limits->write_bps },
		      { "riops", limits->read_iops },
		      { "wiops", limits->write_iops } };
	char text[128];
	size_t n = (size_t)snprintf(text, sizeof(text), "%s", limits->device);

	for (size_t i = 0; i < ARRAY_SIZE(parts) && n < sizeof(text); i++)
		if (parts[i].value)
			n += (size_t)snprintf(text + n, sizeof(text) - n, " %s=%" PRIu64,
					      parts[i].name, parts[i].value);
	add(l, "io", "limits.disk", true, "io.max", "%s", text);
	l->items[l->count - 1].of_device = true;
}

static int disk(struct list *l, const struct runtime_limits *limits, struct err *err) {
	bool reads = limits->read_bps || limits->read_iops, has_blkio;
	bool writes = limits->write_bps || limits->write_iops;
	const char *key = reads ? "limits.disk.read" : "limits.disk.write";
	int r;

	if (!reads && !writes)
		return 0;
	if (!limits->device)
		return err_set(err, ERR_SYSTEM, -EOPNOTSUPP,
			       "%s cannot be enforced: the containers' file system is on no block "
			       "device of its own", key);
	has_blkio = cgroup_tree_of(l->trees, "blkio") != NULL;
	if (!has_blkio) {
		bool v2;

		r = where(l, "io", key, &v2, err);
		if (r == 0)
			io_max(l, limits);
		return r;
	}
	r = need_file(l, "blkio", key, "blkio.throttle.read_bps_device", err);
	if (r < 0)
		return r;
	io_rate(l, "limits.disk.read", limits->device, false, limits->read_bps, limits->read_iops);
	io_rate(l, "limits.disk.write", limits->device, true, limits->write_bps,
		limits->write_iops);
	return 0;
}

/* Weights are the scheduler's business, and only this one has them. */
static bool has_bfq(const char *device) {
	autofree char *path = NULL, *line = NULL;

	if (!device)
		return false;
	path = xasprintf("/sys/dev/block/%s/queue/scheduler", device);
	return file_read_line_at(AT_FDCWD, path, &line) == 0 && strstr(line, "[bfq]");
}

static int disk_weight(struct list *l, const struct runtime_limits *limits, struct err *err) {
	static const char key[] = "limits.disk.priority";
	bool v2;
	int r;

	if (!limits->io_weight)
		return 0;
	if (!has_bfq(limits->device)) {
		(void)err_set(err, ERR_SYSTEM, -EOPNOTSUPP,
			      "%s cannot be enforced: the scheduler of the containers' disk is not bfq",
			      key);
		return err_hint(err, "'echo bfq > /sys/block/DISK/queue/scheduler' changes that.");
	}
	if (cgroup_tree_of(l->trees, "blkio")) {
		add(l, "blkio", key, false, "blkio.bfq.weight", "%u", limits->io_weight);
		return 0;
	}
	r = where(l, "io", key, &v2, err);
	if (r == 0)
		add(l, "io", key, true, "io.bfq.weight", "%u", limits->io_weight);
	return r;
}

int limits_files(const struct runtime_limits *limits, const struct cgroup_trees *trees,
		 struct limit_file ret[LIMIT_FILES_MAX], struct err *err) {
	static int (*const parts[])(struct list *l, const struct runtime_limits *limits,
				    struct err *err) = { pids, memory, cpu, disk, disk_weight };
	struct list l = { .trees = trees, .items = ret };

	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		int r = parts[i](&l, limits, err);

		if (r < 0)
			return r;
	}
	return l.count;
}

/* ---- reading back ---- */

/* The kernel rounds memory to pages, so a little less than asked for is as asked. */
static bool is_same(const struct limit_file *l, const char *have) {
	uint64_t a, b;

	if (!strcmp(l->value, have) || (!strcmp(l->file, "io.bfq.weight") && strstr(have, l->value)))
		return true;
	if (strncmp(l->file, "memory.", 7) != 0)
		return false;
	a = strtoull(l->value, NULL, 10);
	b = strtoull(have, NULL, 10);
	return b <= a && a - b < 65536;
}

/* Each word of ours is in the line of the device, among others. */
static bool device_has(const struct limit_file *l, const char *text) {
	autostrv char **lines = strv_split(text, "\n"), **want = strv_split(l->value, " ");

	for (size_t i = 0; lines && lines[i]; i++) {
		autostrv char **have = strv_split(lines[i], " ");
		size_t n = 0;

		while (want[n] && strv_contains(have, want[n]))
			n++;
		if (!want[n])
			return true;
	}
	return false;
}

int limit_check(const struct limit_file *limit, const struct cgroup_trees *trees,
		const char *lxc_name, struct err *err) {
	const struct cgroup_tree *t = cgroup_tree_of(trees, limit->controller);
	autoclose int dir = t ? cgroup_open(t, CGROUP_PAYLOAD, lxc_name) : -1;
	struct buf text;
	int r = dir < 0 ? -ENOENT : file_read_at(dir, limit->file, FILE_MAX, &text);
	bool same;

	if (r < 0)
		return err_sys(err, r, "%s cannot be enforced: cannot read back '%s'", limit->key,
			       limit->file);
	if (!limit->of_device && text.len)
		text.data[strcspn(text.data, "\n")] = '\0';
	same = limit->of_device ? device_has(limit, text.data) : is_same(limit, text.data);
	if (!same)
		(void)err_set(err, ERR_SYSTEM, -EIO,
			      "%s is not enforced: '%s' is '%.100s' instead of '%s'", limit->key,
			      limit->file, text.data, limit->value);
	buf_done(&text);
	return same ? 0 : -EIO;
}

/* ---- while it runs ---- */

/* What each file has when nobody has set it. */
static const struct {
	const char *controller;
	const char *file;
	const char *value;
	bool unified;
} resets[] = {
	{ "pids", "pids.max", "max", false },
	{ "pids", "pids.max", "max", true },
	{ "memory", "memory.memsw.limit_in_bytes", "-1", false },
	{ "memory", "memory.limit_in_bytes", "-1", false },
	{ "memory", "memory.soft_limit_in_bytes", "-1", false },
	{ "memory", "memory.max", "max", true },
	{ "memory", "memory.high", "max", true },
	{ "memory", "memory.swap.max", "max", true },
	{ "cpu", "cpu.cfs_quota_us", "-1", false },
	{ "cpu", "cpu.shares", "1024", false },
	{ "cpu", "cpu.max", "max", true },
	{ "cpu", "cpu.weight", "100", true },
	{ "cpuset", "cpuset.cpus", "", true },
	{ "blkio", "blkio.bfq.weight", "100", false },
	{ "io", "io.bfq.weight", "100", true },
};

static bool is_listed(const struct limit_file *list, int count, const char *file) {
	for (int i = 0; i < count; i++)
		if (!strcmp(list[i].file, file))
			return true;
	return false;
}

static int write_in(const struct cgroup_trees *trees, const char *controller, const char *lxc_name,
		    const char *file, const char *value) {
	const struct cgroup_tree *t = cgroup_tree_of(trees, controller);
	autoclose int dir = t ? cgroup_open(t, CGROUP_PAYLOAD, lxc_name) : -ENOENT;

	return dir < 0 ? dir : file_write_value_at(dir, file, value);
}

/* Version 1 has no word for "all of them": those of the group above. */
static void reset_cpuset(const struct cgroup_trees *trees, const char *lxc_name) {
	const struct cgroup_tree *t = cgroup_tree_of(trees, "cpuset");
	autofree char *above = NULL, *path = NULL;

	if (!t || t->unified)
		return;
	path = xasprintf("%s%s/cpuset.cpus", t->mount, t->base);
	if (file_read_line_at(AT_FDCWD, path, &above) == 0)
		(void)write_in(trees, "cpuset", lxc_name, "cpuset.cpus", above);
}

/* Rates of the past, device by device: "254:0 1048576" goes by "254:0 0". */
static void reset_rates(const struct cgroup_trees *trees, const char *lxc_name) {
	static const char *const files[] = {
		"blkio.throttle.read_bps_device", "blkio.throttle.read_iops_device",
		"blkio.throttle.write_bps_device", "blkio.throttle.write_iops_device", "io.max",
	};

	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		bool unified = i + 1 == ARRAY_SIZE(files);
		const char *controller = unified ? "io" : "blkio";
		const struct cgroup_tree *t = cgroup_tree_of(trees, controller);
		autoclose int dir = t ? cgroup_open(t, CGROUP_PAYLOAD, lxc_name) : -1;
		autostrv char **lines = NULL;
		struct buf text;

		if (dir < 0 || file_read_at(dir, files[i], FILE_MAX, &text) < 0)
			continue;
		lines = strv_split(text.data, "\n");
		buf_done(&text);
		for (size_t k = 0; lines && lines[k]; k++) {
			autofree char *reset = NULL;

			lines[k][strcspn(lines[k], " ")] = '\0';
			reset = xasprintf("%s %s", lines[k],
					  unified ? "rbps=max wbps=max riops=max wiops=max" : "0");
			(void)file_write_value_at(dir, files[i], reset);
		}
	}
}

static void reset_others(const struct cgroup_trees *trees, const char *lxc_name,
			 const struct limit_file *list, int count) {
	for (size_t i = 0; i < ARRAY_SIZE(resets); i++) {
		const struct cgroup_tree *t = cgroup_tree_of(trees, resets[i].controller);

		if (t && t->unified == resets[i].unified && !is_listed(list, count, resets[i].file))
			(void)write_in(trees, resets[i].controller, lxc_name, resets[i].file,
				       resets[i].value);
	}
	if (!is_listed(list, count, "cpuset.cpus"))
		reset_cpuset(trees, lxc_name);
	reset_rates(trees, lxc_name);
}

int limit_make_room(int dir, uint64_t most, struct err *err) {
	uint64_t used = 0;

	/* The first look says how much to give back, the second how much was. */
	for (int i = 0; i < 2; i++) {
		autofree char *line = NULL, *rest = NULL;
		int r = file_read_line_at(dir, "memory.current", &line);

		if (r < 0)
			return err_sys(err, r, "cannot see how much memory is used");
		used = strtoull(line, NULL, 10);
		if (used <= most)
			return 0;
		rest = xasprintf("%" PRIu64, used - most);
		if (i == 0)
			(void)file_write_value_at(dir, "memory.reclaim", rest);
	}
	err_set(err, ERR_CONFLICT, -EBUSY,
		"limits.memory.limit: %" PRIu64 " MiB are used and cannot be given back; with a limit "
		"of %" PRIu64 " MiB it would be killed", (used >> 20) + 1, most >> 20);
	return err_hint(err, "end something in it, or allow more");
}

static int make_room(const struct cgroup_trees *trees, const char *lxc_name,
		     const struct limit_file *list, int count, struct err *err) {
	for (int i = 0; i < count; i++) {
		autoclose int dir = -1;

		if (strcmp(list[i].file, "memory.max") != 0)
			continue;
		dir = cgroup_open(cgroup_tree_of(trees, "memory"), CGROUP_PAYLOAD, lxc_name);
		return dir < 0 ? err_sys(err, dir, "cannot open the control group") :
				 limit_make_room(dir, strtoull(list[i].value, NULL, 10), err);
	}
	return 0;
}

int runtime_limits_apply(const char *lxc_name, const struct runtime_limits *limits,
			 struct err *err) {
	struct limit_file list[LIMIT_FILES_MAX];
	auto_cgroup_trees struct cgroup_trees trees = { 0 };
	int count, r = cgroup_trees_load(&trees, err);

	if (r < 0)
		return r;
	count = limits_files(limits, &trees, list, err);
	if (count < 0)
		return count;
	r = make_room(&trees, lxc_name, list, count, err);
	if (r < 0)
		return r;
	reset_others(&trees, lxc_name, list, count);
	/* Twice: of memory and memory with swap the one that grows has to go first. */
	for (int i = 0; i < 2 * count; i++)
		r = write_in(&trees, list[i % count].controller, lxc_name, list[i % count].file,
			     list[i % count].value);
	for (int i = 0; i < count; i++) {
		r = limit_check(&list[i], &trees, lxc_name, err);
		if (r < 0)
			return r;
	}
	return 0;
}

/* ---- the device that rates are of ---- */

/* A partition lies below its disk in sysfs; the disk's own "dev" file says its numbers. */
char *runtime_block_device(const char *path) {
	autofree char *link = NULL, *line = NULL;
	autoclose int dir = -1;
	struct stat st;

	if (stat(path, &st) < 0 || major(st.st_dev) == 0)
		return NULL;
	link = xasprintf("/sys/dev/block/%u:%u", major(st.st_dev), minor(st.st_dev));
	dir = open(link, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return NULL;
	if (faccessat(dir, "partition", F_OK, 0) == 0 &&
	    file_read_line_at(dir, "../dev", &line) == 0)
		return steal_ptr(line);
	return xasprintf("%u:%u", major(st.st_dev), minor(st.st_dev));
}
