/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A disk is sparse: what its container writes may find no room below, which the
 * kernel notices only when it writes back, and then what was written is lost and
 * the file system read-only. So no more is let in than there is room for: ext4
 * keeps a number of clusters from everybody (reserved_clusters in sysfs), and
 * what it cannot have is ENOSPC for the writer, at once.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "runtime/disk.h"

#define INODE_BYTES 256
#define JOURNAL_MAX (UINT64_C(64) << 20)
#define MARGIN_MIN (UINT64_C(16) << 20) /* of what others write meanwhile */
#define MARGIN_MAX (UINT64_C(512) << 20)
#define RESERVED_USUAL 4096 /* clusters, as ext4 has it: that or a fiftieth */

static uint64_t less(uint64_t a, uint64_t b) {
	return a > b ? a - b : 0;
}

static uint64_t least(uint64_t a, uint64_t b) {
	return a < b ? a : b;
}

/*
 * What is in use inside and has no blocks below yet: written and not written
 * back, or about to be.
 */
static uint64_t owed(const struct statvfs *inside, const struct stat *file) {
	uint64_t size = (uint64_t)file->st_size;
	uint64_t used = less(inside->f_blocks, inside->f_bfree) * inside->f_frsize +
			less(inside->f_files, inside->f_ffree) * INODE_BYTES +
			least(size / 64, JOURNAL_MAX);

	return less(used, (uint64_t)file->st_blocks * 512);
}

static uint64_t margin(const struct statvfs *below) {
	uint64_t part = (uint64_t)below->f_blocks * below->f_frsize / 50;

	return part < MARGIN_MIN ? MARGIN_MIN : least(part, MARGIN_MAX);
}

static int reserve(const struct stat *top, uint64_t clusters) {
	autofree char *link = xasprintf("/sys/dev/block/%u:%u", major(top->st_dev), minor(top->st_dev));
	autofree char *path = NULL, *value = xasprintf("%" PRIu64, clusters);
	char target[256];
	const char *name;
	ssize_t n = readlink(link, target, sizeof(target) - 1);

	if (n < 0)
		return -errno;
	target[n] = '\0';
	name = strrchr(target, '/');
	path = xasprintf("/sys/fs/ext4/%s/reserved_clusters", name ? name + 1 : target);
	return file_write_value_at(AT_FDCWD, path, value);
}

int disk_bound(int m, int dir, const char *name, struct disk_bound *ret) {
	autoclose int file = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	struct statvfs inside, below;
	struct stat st, top;
	uint64_t usual, wanted;

	if (file < 0 || fstat(file, &st) < 0 || fstatvfs(file, &below) < 0 ||
	    fstat(m, &top) < 0 || fstatvfs(m, &inside) < 0)
		return -errno;
	ret->inside = (uint64_t)inside.f_bfree * inside.f_frsize;
	ret->below = less((uint64_t)below.f_bavail * below.f_frsize,
			  owed(&inside, &st) + margin(&below));
	usual = least(inside.f_blocks / 50, RESERVED_USUAL);
	wanted = less(ret->inside, ret->below) / DISK_BLOCK;
	return reserve(&top, wanted > usual ? wanted : usual);
}
