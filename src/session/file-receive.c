/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "session/file-tree.h"

#define DEPTH_MAX 201
#define CHUNK_MAX (256u << 10)
#define TARGET_MAX 4096
#define TELL_STEP (1u << 20)

static int get(struct file_receiver *r, void *data, size_t len, struct err *err) {
	errno = 0;
	if (fread(data, 1, len, r->in) == len)
		return 0;
	if (errno == EINTR)
		return err_set(err, ERR_SYSTEM, -ECANCELED, "the transfer was stopped");
	return err_set(err, ERR_SYSTEM, -EPIPE, "the other side of the transfer has ended");
}

static int malformed(struct err *err) {
	return err_set(err, ERR_SYSTEM, -EBADMSG, "the other side of the transfer talks nonsense");
}

static bool is_component(const char *name, size_t len) {
	return len > 0 && strlen(name) == len && !strchr(name, '/') && strcmp(name, ".") != 0 &&
	       strcmp(name, "..") != 0;
}

static int take_error(struct file_receiver *r, struct err *err) {
	struct err theirs;
	int code = get(r, &theirs, sizeof(theirs), err);

	if (code < 0)
		return code;
	theirs.msg[sizeof(theirs.msg) - 1] = '\0';
	theirs.hint[sizeof(theirs.hint) - 1] = '\0';
	if (theirs.kind <= ERR_NONE || theirs.kind >= ERR_KIND_COUNT || theirs.code >= 0)
		return malformed(err);
	if (err)
		*err = theirs;
	return theirs.code;
}

/* @name: 256 bytes. */
static int get_head(struct file_receiver *r, struct file_head *head, char *name, struct err *err) {
	int code = get(r, head, sizeof(*head), err);

	if (code < 0)
		return code;
	if (head->type == FILE_TYPE_ERROR)
		return take_error(r, err);
	if (head->name_len > 255 || head->mtime_ns > 999999999 || head->size > INT64_MAX)
		return malformed(err);
	code = get(r, name, head->name_len, err);
	name[head->name_len] = '\0';
	if (code < 0)
		return code;
	if (head->type == FILE_TYPE_END)
		return get(r, &r->sum, sizeof(r->sum), err);
	if (head->type < FILE_TYPE_DIR || head->type > FILE_TYPE_LINK ||
	    (head->type != FILE_TYPE_UP && !is_component(name, head->name_len)))
		return malformed(err);
	return 0;
}

int file_receive_head(struct file_receiver *r, struct file_head *ret, struct err *err) {
	char name[256];
	int code = get_head(r, ret, name, err);

	if (code < 0)
		return code;
	return ret->type == FILE_TYPE_END || ret->type == FILE_TYPE_UP ? malformed(err) : 0;
}

/* ---- one object ---- */

/*
 * Of the descriptor and never of the name: in a directory that the container
 * writes to, another thing may have that name by now.
 */
static int set_attributes(const struct file_receiver *r, const struct file_head *head, int fd,
			  const char *name, struct err *err) {
	const struct file_owner *o = &r->owner;
	const struct timespec times[2] = { { .tv_nsec = UTIME_OMIT },
					   { head->mtime, (long)head->mtime_ns } };
	bool is_root = head->uid == 0 && o->from != 0, is_link = head->type == FILE_TYPE_LINK;
	int code = 0;

	if (o->keep && fchownat(fd, "", is_root ? 0 : o->uid, is_root ? 0 : o->gid,
				AT_EMPTY_PATH) < 0)
		code = -errno;
	if (code == 0 && !is_link && fchmod(fd, head->mode & r->mode_mask) < 0)
		code = -errno;
	if (code == 0 && (is_link ? utimensat(fd, "", times, AT_EMPTY_PATH) :
				    futimens(fd, times)) < 0)
		code = -errno;
	return code < 0 ? err_sys(err, code, "cannot set the attributes of '%.300s'", name) : 0;
}

static int tell(struct file_receiver *r, uint64_t bytes, struct err *err) {
	r->bytes += bytes;
	if (!r->progress || !r->progress->fn || r->bytes - r->told < TELL_STEP)
		return 0;
	r->told = r->bytes;
	return r->progress->fn(r->bytes, 0, r->progress->data) == 0 ?
		       0 :
		       err_set(err, ERR_SYSTEM, -ECANCELED, "the transfer was stopped");
}

static int get_content(struct file_receiver *r, int fd, const char *name, struct err *err) {
	autofree char *block = xmalloc(CHUNK_MAX);

	for (;;) {
		uint64_t at;
		uint32_t len;
		int code = get(r, &at, sizeof(at), err);

		if (code == 0)
			code = get(r, &len, sizeof(len), err);
		if (code < 0)
			return code;
		if (len > CHUNK_MAX || at > INT64_MAX - CHUNK_MAX)
			return malformed(err);
		if (len == 0) {
			struct stat st;

			/* A hole at its end. */
			return fstat(fd, &st) == 0 && (uint64_t)st.st_size < at &&
					       ftruncate(fd, (off_t)at) < 0 ?
				       err_sys(err, -errno, "cannot write '%.300s'", name) :
				       0;
		}
		code = get(r, block, len, err);
		for (uint32_t done = 0; code == 0 && done < len;) {
			ssize_t n = pwrite(fd, block + done, len - done, (off_t)(at + done));

			if (n < 0 && errno != EINTR)
				code = err_sys(err, -errno, "cannot write '%.300s'", name);
			else if (n > 0)
				done += (uint32_t)n;
		}
		if (code == 0)
			code = tell(r, len, err);
		if (code < 0)
			return code;
	}
}

/* As @as, for the time being; @name is what it will be and for messages. */
static int make_file(struct file_receiver *r, const struct file_head *head, int dir,
		     const char *as, const char *name, struct err *err) {
	autoclose int fd = openat(dir, as, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
				  0600);
	int code;

	if (fd < 0)
		return err_sys(err, -errno, "cannot make '%.300s'", name);
	code = get_content(r, fd, name, err);
	return code < 0 ? code : set_attributes(r, head, fd, name, err);
}

static int make_link(struct file_receiver *r, const struct file_head *head, int dir,
		     const char *as, const char *name, struct err *err) {
	char target[TARGET_MAX + 1];
	autoclose int fd = -1;
	int code;

	if (head->size > TARGET_MAX)
		return malformed(err);
	code = get(r, target, head->size, err);
	if (code < 0)
		return code;
	target[head->size] = '\0';
	if (symlinkat(target, dir, as) < 0)
		return err_sys(err, -errno, "cannot make the link '%.300s'", name);
	fd = openat(dir, as, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return err_sys(err, -errno, "cannot open '%.300s'", name);
	return set_attributes(r, head, fd, name, err);
}

static int make_object(struct file_receiver *r, const struct file_head *head, int dir,
		       const char *name, struct err *err);

/* All that comes until the directory is complete. */
static int fill_dir(struct file_receiver *r, int fd, struct err *err) {
	struct file_head head;
	char child[256];

	if (++r->depth > DEPTH_MAX)
		return malformed(err);
	for (;;) {
		int code = get_head(r, &head, child, err);

		if (code == 0 && head.type == FILE_TYPE_UP)
			break;
		if (code == 0 && head.type == FILE_TYPE_END)
			code = malformed(err);
		if (code == 0)
			code = make_object(r, &head, fd, child, err);
		if (code < 0)
			return code;
	}
	r->depth--;
	return 0;
}

static int make_dir(struct file_receiver *r, const struct file_head *own, int dir,
		    const char *name, struct err *err) {
	autoclose int fd = -1;
	bool existed = false;
	int code;

	if (mkdirat(dir, name, 0700) < 0) {
		if (errno != EEXIST || !r->merge)
			return err_sys(err, -errno, "cannot make the directory '%.300s'", name);
		existed = true;
	}
	fd = open_beneath(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
	if (fd < 0)
		return err_sys(err, fd, "cannot open '%.300s'", name);
	code = fill_dir(r, fd, err);
	if (code < 0)
		return code;
	return existed ? 0 : set_attributes(r, own, fd, name, err);
}

static int make_plain(struct file_receiver *r, const struct file_head *head, int dir,
		      const char *as, const char *name, struct err *err) {
	return head->type == FILE_TYPE_FILE ? make_file(r, head, dir, as, name, err) :
					      make_link(r, head, dir, as, name, err);
}

/* Whole or not at all: beside it, then renamed. */
static int replace_plain(struct file_receiver *r, const struct file_head *head, int dir,
			 const char *name, struct err *err) {
	autofree char *tmp = xasprintf(".coi-tmp-%d-%lu", (int)getpid(), ++r->made);
	int code = make_plain(r, head, dir, tmp, name, err);

	if (code == 0 && renameat(dir, tmp, dir, name) < 0)
		code = err_sys(err, -errno, "cannot replace '%.300s'", name);
	if (code < 0)
		(void)unlinkat(dir, tmp, 0);
	return code;
}

static int make_object(struct file_receiver *r, const struct file_head *head, int dir,
		       const char *name, struct err *err) {
	if (head->type == FILE_TYPE_DIR)
		return make_dir(r, head, dir, name, err);
	return r->merge ? replace_plain(r, head, dir, name, err) :
			  make_plain(r, head, dir, name, name, err);
}

int file_receive_end(struct file_receiver *r, struct err *err) {
	struct file_head head;
	char name[256];
	int code = get_head(r, &head, name, err);

	return code == 0 && head.type != FILE_TYPE_END ? malformed(err) : code;
}

int file_receive(struct file_receiver *r, const struct file_head *head, int dir, const char *as,
		 struct err *err) {
	int code = make_object(r, head, dir, as, err);

	return code < 0 ? code : file_receive_end(r, err);
}

int file_receive_content(struct file_receiver *r, const struct file_head *head, int fd,
			 const char *name, struct err *err) {
	int code = get_content(r, fd, name, err);

	if (code == 0)
		code = set_attributes(r, head, fd, name, err);
	return code < 0 ? code : file_receive_end(r, err);
}

int file_receive_into(struct file_receiver *r, const struct file_head *head, int fd,
		      const char *name, struct err *err) {
	int code = fill_dir(r, fd, err);

	if (code == 0)
		code = set_attributes(r, head, fd, name, err);
	return code < 0 ? code : file_receive_end(r, err);
}
