/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runtime/disk.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/loop.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/linux.h"
#include "base/mem.h"
#include "base/proc.h"
#include "base/strv.h"
#include "runtime/mount.h"

/* <linux/ext4.h> is newer than the headers of some distributions. */
#define EXT4_RESIZE_FS _IOW('f', 16, uint64_t)

#define JOURNAL_MIN_MB 4
#define JOURNAL_MAX_MB 64
#define GROUP_LEFT_OUT 1200 /* blocks */
#define ROOM "room"
#define ROOM_BYTES (512 << 10)
#define WAIT_MS 10000
#define LINGER_MS 1000
#define STEP_MS 10

/* ---- the file ---- */

static int open_file(int dir, const char *name, int flags, struct err *err) {
	int fd = openat(dir, name, flags | O_NOFOLLOW | O_CLOEXEC);

	return fd < 0 ? err_sys(err, -errno, "cannot open the disk '%s'", name) : fd;
}

int64_t disk_size(int dir, const char *name) {
	struct stat st;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	return S_ISREG(st.st_mode) ? st.st_size : -EINVAL;
}

int64_t disk_used(int dir, const char *name) {
	struct stat st;

	return fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0 ? -errno : st.st_blocks * 512;
}

/* What it had to say is the reason of a failure. */
static char *read_said(int fd) {
	char text[512];
	ssize_t n = pread(fd, text, sizeof(text) - 1, 0);

	text[n > 0 ? n : 0] = '\0';
	text[strcspn(text, "\n")] = '\0';
	return xstrdup(text);
}

/* Run a program of e2fsprogs, for which the file is FILE_PATH. */
#define FILE_PATH "/proc/self/fd/3"
static int run_tool(char *const *argv, int file, struct err *err) {
	static const char *const places[] = { "/usr/sbin", "/sbin", "/usr/bin" };
	char *env[] = { (char *)"PATH=/usr/sbin:/sbin:/usr/bin:/bin", (char *)"LC_ALL=C.UTF-8",
			NULL };
	autoclose int said = memfd_create("said", MFD_CLOEXEC);
	struct spawn_fd fds[] = { { file, 3 }, { said, 2 } };
	struct spawn_spec spec = {
		.argv = argv, .env = env, .fds = fds, .fd_count = ARRAY_SIZE(fds),
		.null_stdio = true, .cwd = "/", .uid = (uid_t)-1,
	};
	autofree char *path = NULL, *why = NULL;
	int r;

	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		free(path);
		path = xasprintf("%s/%s", places[i], argv[0]);
		if (access(path, X_OK) == 0)
			spec.path = path;
		if (spec.path)
			break;
	}
	if (!spec.path) {
		(void)err_set(err, ERR_MISSING, -ENOENT,
			      "limits.disk.size needs '%s', which is not installed", argv[0]);
		return err_hint(err, "it is in the package e2fsprogs.");
	}
	if (said < 0)
		return err_sys(err, -errno, "cannot run '%s'", path);
	r = proc_run(&spec, err);
	if (r <= 0)
		return r;
	why = read_said(said);
	return err_set(err, ERR_SYSTEM, -EIO, "'%s' ended with status %d%s%s", argv[0], r,
		       *why ? ": " : "", why);
}

static int mkfs(int fd, uint64_t size, struct err *err) {
	uint64_t mb = size / 64 >> 20;
	autofree char *journal = NULL, *blocks = xasprintf("%" PRIu64, size / DISK_BLOCK);
	char *argv[] = { (char *)"mkfs.ext4", (char *)"-q", (char *)"-F", (char *)"-b",
			 (char *)"4096", (char *)"-m", (char *)"0", (char *)"-i", (char *)"8192",
			 (char *)"-J", NULL, (char *)"-E",
			 /* The journal has its blocks from the start, tables as they are used. */
			 (char *)"lazy_itable_init=1,lazy_journal_init=0,nodiscard,root_owner=0:0",
			 (char *)FILE_PATH, blocks, NULL };

	mb = mb < JOURNAL_MIN_MB ? JOURNAL_MIN_MB : mb > JOURNAL_MAX_MB ? JOURNAL_MAX_MB : mb;
	argv[10] = journal = xasprintf("size=%" PRIu64, mb);
	return run_tool(argv, fd, err);
}

int disk_make(int dir, const char *name, uint64_t size, struct err *err) {
	autofree char *tmp = xasprintf(".%s.tmp", name);
	autoclose int fd = -1;
	int r = 0;

	size -= size % DISK_BLOCK;
	if (size < DISK_SIZE_MIN || size > DISK_SIZE_MAX)
		return err_set(err, ERR_CONFIG, -EINVAL,
			       "limits.disk.size must be from 32MiB to 16TiB, not %" PRIu64 " bytes",
			       size);
	/* What a start that was cut off has left; the container is locked or ours. */
	if (unlinkat(dir, tmp, 0) < 0 && errno != ENOENT)
		return err_sys(err, -errno, "cannot remove '%s'", tmp);
	fd = openat(dir, tmp, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0 || ftruncate(fd, (off_t)size) < 0)
		return err_sys(err, -errno, "cannot make the disk of the container");
	r = mkfs(fd, size, err);
	if (r == 0 && fsync(fd) < 0)
		r = err_sys(err, -errno, "cannot write the disk of the container");
	if (r == 0 && renameat2(dir, tmp, dir, name, RENAME_NOREPLACE) < 0)
		r = err_sys(err, -errno, "cannot put the disk of the container in its place");
	if (r == 0 && fsync(dir) < 0)
		r = err_sys(err, -errno, "cannot write the disk of the container");
	if (r < 0)
		(void)unlinkat(dir, tmp, 0);
	return r;
}

/* ---- the loop device ---- */

/* Is it that of our file? Held open it cannot go away meanwhile. */
static bool is_loop_of(int loop, const struct stat *file) {
	struct loop_info64 info;

	return ioctl(loop, LOOP_GET_STATUS64, &info) == 0 && info.lo_offset == 0 &&
	       info.lo_device == (uint64_t)file->st_dev && info.lo_inode == (uint64_t)file->st_ino;
}

/* The device that the file has already: its descriptor and name, or -ENODEV. */
static int loop_find(const struct stat *file, char **ret) {
	autoclose int blocks = open("/sys/block", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	autostrv char **names = NULL;

	if (blocks < 0 || dir_names(blocks, &names) < 0)
		return -ENODEV;
	for (size_t i = 0; names && names[i]; i++) {
		autofree char *bound = NULL, *path = NULL;
		autoclose int loop = -1;

		if (strncmp(names[i], "loop", 4) != 0)
			continue;
		bound = xasprintf("%s/loop", names[i]);
		if (faccessat(blocks, bound, F_OK, 0) < 0)
			continue;
		path = xasprintf("/dev/%s", names[i]);
		loop = open(path, O_RDWR | O_CLOEXEC);
		if (loop < 0 || !is_loop_of(loop, file))
			continue;
		*ret = steal_ptr(path);
		return steal_fd(&loop);
	}
	return -ENODEV;
}

/* A new one, which keeps the lock that @file has. -EBUSY: somebody else took the free one. */
static int loop_make(int file, char **ret) {
	struct loop_config config = { .fd = (uint32_t)file,
				      .block_size = DISK_BLOCK,
				      .info.lo_flags = LO_FLAGS_AUTOCLEAR | LO_FLAGS_DIRECT_IO };
	autoclose int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
	int n = control < 0 ? -1 : ioctl(control, LOOP_CTL_GET_FREE);
	autofree char *path = NULL;
	autoclose int loop = -1;

	if (n < 0)
		return -errno;
	path = xasprintf("/dev/loop%d", n);
	loop = open(path, O_RDWR | O_CLOEXEC);
	if (loop < 0 || ioctl(loop, LOOP_CONFIGURE, &config) < 0)
		return -errno;
	*ret = steal_ptr(path);
	return steal_fd(&loop);
}

/*
 * The lock is held while there is a device, so who cannot get it looks for that.
 * Neither: a device that is just being taken away, or made.
 */
static int loop_get(int file, char **ret, struct err *err) {
	uint64_t end = clock_mono_ms() + WAIT_MS;
	struct stat st;

	if (fstat(file, &st) < 0)
		return err_sys(err, -errno, "cannot look at the disk of the container");
	for (;;) {
		bool locked = flock(file, LOCK_EX | LOCK_NB) == 0;
		int loop = loop_find(&st, ret);

		if (loop >= 0)
			return loop;
		loop = locked ? loop_make(file, ret) : -EBUSY;
		if (loop >= 0)
			return loop;
		if (loop != -EBUSY || clock_mono_ms() >= end)
			return err_sys(err, loop, "cannot make a loop device for the disk of the "
						  "container");
		(void)poll(NULL, 0, STEP_MS);
	}
}

/* ---- the mount ---- */

static int fs_error(int fs, int code, struct err *err) {
	char text[256];
	ssize_t n = read(fs, text, sizeof(text) - 1);

	text[n > 0 ? n : 0] = '\0';
	text[strcspn(text, "\n")] = '\0';
	(void)err_sys(err, code, "cannot mount the disk of the container%s%s", n > 2 ? ": " : "",
		      n > 2 ? text + 2 : "");
	return err_hint(err, "if it was damaged with the machine's own disk, 'e2fsck -f' on the file "
			     "'disk.img' of the container, stopped, may mend it.");
}

static int mount_device(const char *device, struct err *err) {
	static const char *const flags[] = { "discard", "noinit_itable" };
	autoclose int fs = fsopen("ext4", FSOPEN_CLOEXEC);
	int m;

	if (fs < 0)
		return err_sys(err, -errno, "limits.disk.size needs ext4, which this kernel has not");
	if (fsconfig(fs, FSCONFIG_SET_STRING, "source", device, 0) < 0 ||
	    fsconfig(fs, FSCONFIG_SET_STRING, "errors", "remount-ro", 0) < 0)
		return fs_error(fs, -errno, err);
	for (size_t i = 0; i < ARRAY_SIZE(flags); i++)
		if (fsconfig(fs, FSCONFIG_SET_FLAG, flags[i], NULL, 0) < 0)
			return fs_error(fs, -errno, err);
	if (fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return fs_error(fs, -errno, err);
	m = fsmount(fs, FSMOUNT_CLOEXEC, MOUNT_ATTR_NODEV);
	return m < 0 ? fs_error(fs, -errno, err) : m;
}

/* @ret_loop: its device, still open; NULL: nobody wants it. */
static int mount_file(int file, int *ret_loop, struct err *err) {
	autofree char *device = NULL;
	autoclose int loop = loop_get(file, &device, err), m = -1;

	if (loop < 0)
		return loop;
	m = mount_device(device, err);
	if (m >= 0 && ret_loop)
		*ret_loop = steal_fd(&loop);
	return steal_fd(&m);
}

int disk_mount(int dir, const char *name, struct err *err) {
	autoclose int file = open_file(dir, name, O_RDWR, err);

	return file < 0 ? file : mount_file(file, NULL, err);
}

int disk_attach(int dir, const char *name, struct err *err) {
	autoclose int m = disk_mount(dir, name, err);
	autoclose int target = -1;
	int r;

	if (m < 0)
		return m;
	target = open(DISK_MOUNT, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	r = target < 0 ? -errno : mount_attach(m, target);
	return r < 0 ? err_sys(err, r, "cannot mount the disk of the container") : 0;
}

void disk_room_use(int fd) {
	if (unlinkat(fd, ROOM, 0) == 0)
		(void)syncfs(fd); /* the journal lets go of it only now */
}

void disk_room_keep(int fd) {
	autoclose int room = openat(fd, ROOM, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	struct stat st;

	if (room < 0 || fstat(room, &st) < 0)
		return;
	for (off_t size = ROOM_BYTES; size >= DISK_BLOCK && st.st_blocks * 512 < size; size /= 2)
		if (fallocate(room, 0, 0, size) == 0)
			break;
}

void disk_detach(void) {
	(void)umount2(DISK_MOUNT, MNT_DETACH | UMOUNT_NOFOLLOW);
}

/* ---- growing ---- */

/* Blocks of the file system on @fd, by its first superblock; 0 when there is none. */
static uint64_t fs_blocks(int fd) {
	unsigned char sb[1024];
	uint32_t low, high;

	if (pread(fd, sb, sizeof(sb), 1024) != (ssize_t)sizeof(sb))
		return 0;
	memcpy(&low, sb + 0x4, 4);
	memcpy(&high, sb + 0x150, 4);
	return (uint64_t)le32toh(high) << 32 | le32toh(low);
}

/* A last group that is too short to be worth its tables is left out. */
static bool fs_fills(int fd, uint64_t size) {
	return fs_blocks(fd) + GROUP_LEFT_OUT >= size / DISK_BLOCK;
}

/* 0, or -EPERM: the kernel does it for those with CAP_SYS_RESOURCE only. Replays the journal. */
static int grow_mounted(int file, uint64_t size, struct err *err) {
	autoclose int loop = -1, m = mount_file(file, &loop, err), top = -1;
	uint64_t blocks = size / DISK_BLOCK;

	if (m < 0)
		return m;
	top = openat(m, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (top < 0 || ioctl(loop, LOOP_SET_CAPACITY, 0) < 0 ||
	    ioctl(top, EXT4_RESIZE_FS, &blocks) < 0)
		return err_sys(err, -errno, "cannot make the file system of the container larger");
	return 0;
}

/* 1: it is in use. Nobody can mount it as long as the lock of @file is ours. */
static int grow_unmounted(int file, struct err *err) {
	/* No check first: the kernel has just unmounted it. */
	char *argv[] = { (char *)"resize2fs", (char *)"-f", (char *)FILE_PATH, NULL };
	struct stat st;

	if (fstat(file, &st) < 0)
		return err_sys(err, -errno, "cannot look at the disk of the container");
	if (flock(file, LOCK_EX | LOCK_NB) < 0)
		return 1;
	for (int waited = 0; waited < LINGER_MS; waited += STEP_MS) {
		autofree char *device = NULL;
		autoclose int loop = loop_find(&st, &device);

		if (loop < 0)
			return run_tool(argv, file, err);
		/* Our own of just before, which goes at once. */
		(void)poll(NULL, 0, STEP_MS);
	}
	return 1;
}

int disk_grow(int dir, const char *name, uint64_t size, struct err *err) {
	autoclose int file = open_file(dir, name, O_RDWR, err);
	struct stat st;
	int r;

	if (file < 0)
		return file;
	if (fstat(file, &st) < 0)
		return err_sys(err, -errno, "cannot look at the disk of the container");
	size -= size % DISK_BLOCK;
	if ((uint64_t)st.st_size >= size) {
		size = (uint64_t)st.st_size;
		if (fs_fills(file, size))
			return 0;
	} else if (ftruncate(file, (off_t)size) < 0 || fsync(file) < 0) {
		return err_sys(err, -errno, "cannot make the disk of the container larger");
	}
	r = grow_mounted(file, size, err);
	return r == -EPERM ? grow_unmounted(file, err) : r;
}
