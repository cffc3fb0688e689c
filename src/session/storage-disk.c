/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A disk for a container: made, moved to, grown. "disk.new" is one that is still
 * being filled; the rename to disk.img makes it true, and what was there before
 * is removed after it, now or by the next start.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/size.h"
#include "runtime/disk.h"
#include "session/plan.h"
#include "session/snapshot.h"
#include "session/storage.h"

#define DISK_NEW "disk.new"

static int copy_upper(int home, int m, struct err *err) {
	autoclose int from = openat(home, "upper", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	autoclose int to = -1;
	int r;

	if (from < 0)
		return err_sys(err, -errno, "cannot open what it has written");
	if (mkdirat(m, "upper", 0755) == 0)
		to = openat(m, "upper", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (to < 0)
		return err_sys(err, -errno, "cannot write to its new disk");
	r = image_copy_tree(from, to, NULL, err);
	if (r == 0 && syncfs(to) < 0)
		r = err_sys(err, -errno, "cannot write to its new disk");
	return r;
}

static int fill(const struct container *c, int home, uint64_t size, struct err *err) {
	autoclose int m = disk_mount(home, DISK_NEW, err);
	char text[SIZE_TEXT];
	int r = m < 0 ? m : copy_upper(home, m, err);

	if (r != -ENOSPC)
		return r;
	(void)err_set(err, ERR_CONFLICT, r,
		      "what container '%s' has written does not fit into limits.disk.size (%s)",
		      c->name, size_text(size, text));
	return err_hint(err, "'coi container set %s limits.disk.size=SIZE' sets a larger one for it "
			     "alone.", c->name);
}

/* Of before it had a disk: the files are in that now. */
static int remove_old(int home, const struct container *c, struct err *err) {
	static const char *const names[] = { "upper", "work", DISK_NEW };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		int r = tree_remove_at(home, names[i]);

		if (r < 0)
			return err_sys(err, r, "cannot remove the old files of container '%s'",
				       c->name);
	}
	return 0;
}

/* The first disk of a container, which may have files already. */
static int make_disk(struct session *s, const struct container *c, int home, uint64_t size,
		     struct err *err) {
	int has_files = exists_at(home, "upper"), r;
	char text[2][SIZE_TEXT];

	if (unlinkat(home, DISK_NEW, 0) < 0 && errno != ENOENT)
		return err_sys(err, -errno, "cannot remove '%s'", DISK_NEW);
	if (has_files == 1)
		session_say(s, "Moving the files of container '%s' (%s) to a disk of %s "
			       "(limits.disk.size)", c->name,
			    size_text((uint64_t)tree_size_at(home, "upper"), text[0]),
			    size_text(size, text[1]));
	r = disk_make(home, DISK_NEW, size, err);
	plan_crash_point("disk", "make", "after");
	if (r == 0 && has_files == 1)
		r = fill(c, home, size, err);
	plan_crash_point("disk", "fill", "after");
	if (r == 0 && (renameat(home, DISK_NEW, home, STORAGE_DISK) < 0 || fsync(home) < 0))
		r = err_sys(err, -errno, "cannot put the disk of the container in its place");
	plan_crash_point("disk", "rename", "after");
	if (r < 0) {
		(void)unlinkat(home, DISK_NEW, 0);
		return r;
	}
	return remove_old(home, c, err);
}

/* "No limit": as much as there is below. */
static uint64_t whole_size(int home) {
	struct statvfs fs;
	uint64_t size;

	if (fstatvfs(home, &fs) < 0)
		return 0;
	size = (uint64_t)fs.f_blocks * fs.f_frsize;
	return size > DISK_SIZE_MAX ? DISK_SIZE_MAX : size;
}

static int check_size(const struct container *c, uint64_t now, uint64_t size, struct err *err) {
	char text[2][SIZE_TEXT];

	if (size - size % DISK_BLOCK >= now)
		return 0;
	(void)err_set(err, ERR_CONFLICT, -EBUSY,
		      "limits.disk.size is %s, but the disk of container '%s' has %s and cannot shrink",
		      size_text(size, text[0]), c->name, size_text(now, text[1]));
	return err_hint(err, "'coi container set %s limits.disk.size=%lluMiB' keeps the size for it "
			     "alone; 'coi image publish' and a new container make it smaller.",
			c->name, (unsigned long long)((now + (1 << 20) - 1) >> 20));
}

static int prepare(struct session *s, const struct container *c, int home, uint64_t size,
		   struct err *err) {
	int64_t now = disk_size(home, STORAGE_DISK);
	int r;

	if (now == -ENOENT)
		return size ? make_disk(s, c, home, size, err) : 0;
	if (now < 0)
		return err_sys(err, (int)now, "cannot look at the disk of container '%s'", c->name);
	r = remove_old(home, c, err);
	if (r == 0 && size)
		r = check_size(c, (uint64_t)now, size, err);
	return r < 0 ? r : disk_grow(home, STORAGE_DISK, size ? size : whole_size(home), err);
}

int storage_prepare(struct session *s, const struct container *c, uint64_t size, struct err *err) {
	auto_container struct container *now = NULL;
	autoclose int lock = container_lock(s, c->name, 0, err), home = -1;
	int r = lock < 0 ? lock : container_load(s, c->name, &now, err);

	if (r < 0)
		return r;
	if (now->state != STATE_STOPPED && now->state != STATE_CREATING)
		return 0;
	r = snapshot_pending_check(now, err);
	if (r < 0)
		return r;
	home = storage_home(s, now, err);
	return home < 0 ? home : prepare(s, now, home, size, err);
}

int storage_check(const struct session *s, const struct container *c, uint64_t size,
		  struct err *err) {
	int64_t now = storage_disk_size(s, c, err);

	if (now < 0 || !size)
		return now < 0 ? (int)now : 0;
	if (now)
		return check_size(c, (uint64_t)now, size, err);
	if (!container_is_running(s, c))
		return 0;
	(void)err_set(err, ERR_CONFLICT, -EBUSY,
		      "container '%s' runs without a disk of its own: it gets one when it is started",
		      c->name);
	return err_hint(err, "stop it first ('coi container stop %s'), then set it.", c->name);
}

int storage_grow(const struct session *s, const struct container *c, uint64_t size,
		 struct err *err) {
	autoclose int home = storage_home(s, c, err);

	if (home < 0 || exists_at(home, STORAGE_DISK) == 0)
		return home < 0 ? home : 0;
	return disk_grow(home, STORAGE_DISK, size ? size : whole_size(home), err);
}
