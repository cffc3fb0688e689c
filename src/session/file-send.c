/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/strv.h"
#include "session/file-tree.h"

#define DEPTH_MAX 200 /* one descriptor each */
#define CHUNK (256u << 10)
#define TARGET_MAX 4096

static int broken(struct err *err) {
	return err_set(err, ERR_SYSTEM, -EPIPE, "the other side of the transfer has ended");
}

static int put(struct file_sender *s, const void *data, size_t len, struct err *err) {
	return fwrite(data, 1, len, s->out) == len ? 0 : broken(err);
}

static int put_head(struct file_sender *s, enum file_type type, const struct stat *st,
		    const char *name, uint64_t size, struct err *err) {
	struct file_head head = { .type = type, .size = size, .name_len = (uint32_t)strlen(name) };
	int r;

	if (st) {
		head.mode = st->st_mode & 07777;
		head.uid = st->st_uid;
		head.gid = st->st_gid;
		head.mtime = st->st_mtim.tv_sec;
		head.mtime_ns = (uint32_t)st->st_mtim.tv_nsec;
	}
	r = put(s, &head, sizeof(head), err);
	return r < 0 ? r : put(s, name, head.name_len, err);
}

/* ---- files ---- */

static int put_chunk(struct file_sender *s, uint64_t at, const char *data, uint32_t len,
		     struct err *err) {
	int r = put(s, &at, sizeof(at), err);

	if (r == 0)
		r = put(s, &len, sizeof(len), err);
	return r == 0 && len ? put(s, data, len, err) : r;
}

static int send_range(struct file_sender *s, int fd, int64_t at, int64_t end, char *block,
		      const char *name, struct err *err) {
	while (at < end) {
		size_t want = end - at > (int64_t)CHUNK ? CHUNK : (size_t)(end - at);
		ssize_t n = pread(fd, block, want, at);
		int r;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(err, -errno, "cannot read '%.300s'", name);
		if (n == 0) /* it became shorter */
			return 0;
		r = put_chunk(s, (uint64_t)at, block, (uint32_t)n, err);
		if (r < 0)
			return r;
		at += n;
		s->sum.bytes += (uint64_t)n;
	}
	return 0;
}

/* Holes stay holes. What cannot be sought in (a file of /proc) is read as it comes. */
static int send_content(struct file_sender *s, int fd, int64_t size, const char *name,
			struct err *err) {
	autofree char *block = xmalloc(CHUNK);
	int64_t at = 0;
	int r = 0;

	if (size == 0)
		r = send_range(s, fd, 0, INT64_MAX, block, name, err);
	while (r == 0 && at < size) {
		int64_t data = lseek(fd, at, SEEK_DATA), hole;

		if (data < 0 && errno == ENXIO)
			break;
		hole = data < 0 ? -1 : lseek(fd, data, SEEK_HOLE);
		if (hole < 0) { /* a file system that knows of no holes */
			data = at;
			hole = size;
		}
		r = send_range(s, fd, data, hole < size ? hole : size, block, name, err);
		at = hole;
	}
	return r < 0 ? r : put_chunk(s, (uint64_t)size, NULL, 0, err);
}

/* ---- objects ---- */

static int open_object(int dir, const char *name, int flags) {
	struct open_how how = {
		.flags = (uint64_t)(flags | O_CLOEXEC | O_NOFOLLOW),
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
	};
	long fd = syscall(SYS_openat2, dir, name, &how, sizeof(how));

	return fd < 0 ? -errno : (int)fd;
}

static int send_object(struct file_sender *s, int dir, const char *name, struct err *err);

static int send_children(struct file_sender *s, int fd, const char *name, struct err *err) {
	autostrv char **names = NULL;
	int r = dir_names(fd, &names);

	if (r < 0)
		return err_sys(err, r, "cannot list '%.300s'", name);
	if (++s->depth > DEPTH_MAX)
		return err_set(err, ERR_SYSTEM, -ELOOP, "'%.300s' is nested too deeply", name);
	for (size_t i = 0; r == 0 && names && names[i]; i++)
		r = send_object(s, fd, names[i], err);
	s->depth--;
	return r < 0 ? r : put_head(s, FILE_TYPE_UP, NULL, "", 0, err);
}

/* What the kernel makes up has no end and is nobody's file. */
static bool is_made_up(int path) {
	static const long types[] = { PROC_SUPER_MAGIC, SYSFS_MAGIC, CGROUP_SUPER_MAGIC,
				      CGROUP2_SUPER_MAGIC, DEBUGFS_MAGIC, TRACEFS_MAGIC,
				      DEVPTS_SUPER_MAGIC, BPF_FS_MAGIC };
	struct statfs fs;

	if (fstatfs(path, &fs) < 0)
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		if (fs.f_type == types[i])
			return true;
	return false;
}

static int send_dir(struct file_sender *s, int path, const struct stat *st, const char *name,
		    struct err *err) {
	autoclose int fd = -1;
	int r;

	if (s->depth && is_made_up(path)) {
		s->sum.special++;
		return 0;
	}

	if (!s->recursive)
		return err_set(err, ERR_USAGE, -EISDIR, "'%.300s' is a directory", name);
	fd = openat(path, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return err_sys(err, -errno, "cannot open directory '%.300s'", name);
	r = put_head(s, FILE_TYPE_DIR, st, name, 0, err);
	return r < 0 ? r : send_children(s, fd, name, err);
}

/* Opened by name once more: what is there now must be what was looked at. */
static int send_file(struct file_sender *s, int dir, const struct stat *seen, const char *name,
		     struct err *err) {
	autoclose int fd = open_object(dir, name, O_RDONLY | O_NONBLOCK);
	struct stat st;
	int r;

	if (fd == -ENOENT && s->depth)
		return 0;
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(err, fd < 0 ? fd : -errno, "cannot open '%.300s'", name);
	if (!S_ISREG(st.st_mode) || st.st_ino != seen->st_ino || st.st_dev != seen->st_dev)
		return err_set(err, ERR_CONFLICT, -EAGAIN, "'%.300s' is being changed", name);
	r = put_head(s, FILE_TYPE_FILE, &st, name, (uint64_t)st.st_size, err);
	s->sum.files++;
	return r < 0 ? r : send_content(s, fd, st.st_size, name, err);
}

static int send_link(struct file_sender *s, int path, const struct stat *st, const char *name,
		     struct err *err) {
	char target[TARGET_MAX];
	ssize_t n = readlinkat(path, "", target, sizeof(target));
	int r;

	if (n < 0)
		return err_sys(err, -errno, "cannot read link '%.300s'", name);
	r = put_head(s, FILE_TYPE_LINK, st, name, (uint64_t)n, err);
	return r < 0 ? r : put(s, target, (size_t)n, err);
}

/* What is left out of a tree is an error when it is all that was asked for. */
static int leave_out(struct file_sender *s, uint64_t *count, const char *name, const char *what,
		     struct err *err) {
	if (s->depth == 0)
		return err_set(err, ERR_CONFLICT, -EINVAL, "'%.300s' is %s and cannot be copied", name,
			       what);
	(*count)++;
	return 0;
}

/* A link that is all that was asked for: whoever asked is told where the file is. */
static int leave_link_out(struct file_sender *s, int path, const char *name, struct err *err) {
	char target[256];
	ssize_t n = readlinkat(path, "", target, sizeof(target));
	int r = leave_out(s, &s->sum.links, name, "a symbolic link", err);

	return r < 0 && n > 0 && n < (ssize_t)sizeof(target) ?
		       err_hint(err, "ask for what it leads to: '%.*s'", (int)n, target) : r;
}

static int send_object(struct file_sender *s, int dir, const char *name, struct err *err) {
	autoclose int path = open_object(dir, name, O_PATH);
	struct stat st;

	if (path == -ENOENT && s->depth) /* gone meanwhile */
		return 0;
	if (path == -EXDEV || path == -ELOOP)
		return leave_out(s, &s->sum.special, name, "a link that leads elsewhere", err);
	if (path < 0 || fstat(path, &st) < 0)
		return err_sys(err, path < 0 ? path : -errno, "cannot open '%.300s'", name);
	if (S_ISDIR(st.st_mode))
		return send_dir(s, path, &st, name, err);
	if (S_ISREG(st.st_mode))
		return send_file(s, dir, &st, name, err);
	if (!S_ISLNK(st.st_mode))
		return leave_out(s, &s->sum.special, name, "no regular file", err);
	return s->links ? send_link(s, path, &st, name, err) :
			  leave_link_out(s, path, name, err);
}

void file_send_error(FILE *out, const struct err *err) {
	struct file_head head = { .type = FILE_TYPE_ERROR };

	(void)(fwrite(&head, sizeof(head), 1, out) && fwrite(err, sizeof(*err), 1, out));
	(void)fflush(out);
}

int file_send(struct file_sender *s, int dir, const char *name, struct err *err) {
	struct file_head end = { .type = FILE_TYPE_END };
	int r = send_object(s, dir, name, err);

	if (r < 0 && r != -EPIPE)
		file_send_error(s->out, err);
	if (r < 0)
		return r;
	r = put(s, &end, sizeof(end), err);
	if (r == 0)
		r = put(s, &s->sum, sizeof(s->sum), err);
	return r < 0 ? r : fflush(s->out) == 0 ? 0 : broken(err);
}
