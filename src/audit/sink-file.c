/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * JSON Lines below the person's home.
 *
 * Owns nothing between two events: directory and file are opened for each, as
 * the person, never following a link in the last two components. Several
 * processes (a command, a supervisor) append to one file; a lock on the file
 * keeps lines whole and makes the end of a torn line and the change of a full
 * file one step.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit/sink.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"

#define NO_CONTAINER "_coi"
#define NAME_LEN_MAX 128

struct file_sink {
	struct audit_sink base;
	struct privilege who;
};

static bool is_file_name(const char *name) {
	size_t len = strlen(name);

	if (len == 0 || len > NAME_LEN_MAX || name[0] == '.' || name[0] == '_')
		return false;
	return strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") ==
	       len;
}

/* <home>/.coi/audit, made when missing. */
static int open_directory(const struct privilege *who, struct err *err) {
	autoclose int home = open(who->home, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (home < 0)
		return err_sys(err, -errno, "cannot open home directory '%s'", who->home);
	for (int tries = 0; tries < 2; tries++) {
		/* ~/.coi may be a link that its owner made; audit in it may not. */
		int coi = openat(home, ".coi", O_DIRECTORY | O_CLOEXEC);

		if (coi < 0 && errno == ENOENT && mkdirat(home, ".coi", 0700) < 0 && errno != EEXIST)
			return err_sys(err, -errno, "cannot make '%s/.coi'", who->home);
		if (coi < 0) {
			if (tries == 1)
				return err_sys(err, -errno, "cannot open '%s/.coi'", who->home);
			continue;
		}

		autoclose int above = coi;
		int dir = openat(above, "audit", O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

		if (dir < 0 && errno == ENOENT) {
			if (mkdirat(above, "audit", 0700) < 0 && errno != EEXIST)
				return err_sys(err, -errno, "cannot make '%s/.coi/audit'", who->home);
			dir = openat(above, "audit", O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		}
		if (dir < 0)
			return err_sys(err, -errno, "cannot open '%s/.coi/audit'", who->home);
		return dir;
	}
	return err_sys(err, -ENOENT, "cannot open '%s/.coi'", who->home);
}

/* Open and lock; the file must be ours alone. */
static int open_file(const struct privilege *who, int dir, const char *name, struct stat *st,
		     struct err *err) {
	/* O_NONBLOCK: a FIFO of that name must not hang us. */
	autoclose int fd = openat(dir, name,
				  O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY |
					  O_CLOEXEC,
				  0600);

	if (fd < 0)
		return err_sys(err, -errno, "cannot open audit file '%s/.coi/audit/%s'", who->home,
			       name);
	if (flock(fd, LOCK_EX) < 0 || fstat(fd, st) < 0)
		return err_sys(err, -errno, "cannot lock audit file '%s/.coi/audit/%s'", who->home,
			       name);
	if (!S_ISREG(st->st_mode) || st->st_nlink > 1 || st->st_uid != who->uid)
		return err_set(err, ERR_CONFLICT, -EPERM,
			       "audit file '%s/.coi/audit/%s' is not a plain file of '%s' alone",
			       who->home, name, who->user);
	if ((st->st_mode & 0777) != 0600 && fchmod(fd, 0600) < 0)
		return err_sys(err, -errno, "cannot close audit file '%s/.coi/audit/%s' to others",
			       who->home, name);
	return steal_fd(&fd);
}

/*
 * The locked file with room for one more line. A waiter may get the lock of a
 * file that was just made "….1"; st_nlink and the name tell.
 */
static int open_with_room(const struct privilege *who, int dir, const char *name, size_t len,
			  struct stat *st, struct err *err) {
	for (int tries = 0; tries < 16; tries++) {
		struct stat now;
		autoclose int fd = open_file(who, dir, name, st, err);

		if (fd < 0) {
			/* Renamed away and gone between open and fstat: once more. */
			if (fd == -EPERM && st->st_nlink == 0)
				continue;
			return fd;
		}
		if (fstatat(dir, name, &now, AT_SYMLINK_NOFOLLOW) < 0 || now.st_ino != st->st_ino ||
		    now.st_dev != st->st_dev)
			continue;
		if (st->st_size == 0 || (uint64_t)st->st_size + len <= AUDIT_FILE_MAX)
			return steal_fd(&fd);

		autofree char *old = xasprintf("%s.1", name);

		if (renameat(dir, name, dir, old) < 0)
			return err_sys(err, -errno, "cannot rename full audit file '%s'", name);
	}
	return err_set(err, ERR_CONFLICT, -EBUSY, "audit file '%s/.coi/audit/%s' keeps changing",
		       who->home, name);
}

static int append(int fd, off_t size, const struct audit_record *record) {
	char last = '\n';

	/* End a line that a crash or a full disk tore, so that only that one is lost. */
	if (size > 0 && pread(fd, &last, 1, size - 1) != 1)
		return -EIO;
	if (last != '\n') {
		int r = fd_write_all(fd, "\n", 1);

		if (r < 0)
			return r;
		size++;
	}

	int r = fd_write_all(fd, record->line, record->len);

	if (r < 0) {
		/* Half a line helps nobody; it is ours while we hold the lock. */
		(void)!ftruncate(fd, size);
		return r;
	}
	if (record->def->sync && fdatasync(fd) < 0)
		return -errno;
	return 0;
}

static int file_write_as_person(const struct file_sink *f, const struct audit_record *record,
				struct err *err) {
	const char *stem = record->container ? record->container : NO_CONTAINER;
	struct stat st = { 0 };

	if (record->container && !is_file_name(record->container))
		return err_set(err, ERR_BUG, -EINVAL, "'%s' is no name for an audit file",
			       record->container);

	autofree char *name = xasprintf("%s.jsonl", stem);
	autoclose int dir = open_directory(&f->who, err);

	if (dir < 0)
		return dir;

	autoclose int fd = open_with_room(&f->who, dir, name, record->len, &st, err);

	if (fd < 0)
		return fd;

	int r = append(fd, st.st_size, record);

	if (r < 0)
		return err_sys(err, r, "cannot write audit file '%s/.coi/audit/%s'", f->who.home,
			       name);
	return 0;
}

static int file_write(struct audit_sink *sink, const struct audit_record *record,
		      struct err *err) {
	struct file_sink *f = (struct file_sink *)sink;

	privilege_person_begin(&f->who);

	int r = file_write_as_person(f, record, err);

	privilege_person_end(&f->who);
	return r;
}

static void file_free(struct audit_sink *sink) {
	struct file_sink *f = (struct file_sink *)sink;

	free(f->who.user);
	free(f->who.home);
	free(f);
}

static const struct audit_sink_ops file_ops = {
	.name = "file",
	.write = file_write,
	.free = file_free,
};

struct audit_sink *audit_sink_file(const struct privilege *who) {
	struct file_sink *f = xcalloc(1, sizeof(*f));

	f->base.ops = &file_ops;
	f->who = *who;
	f->who.user = xstrdup(who->user);
	f->who.home = xstrdup(who->home);
	return &f->base;
}
