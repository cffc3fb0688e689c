/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A file or a tree as a stream between two processes of ours, one of which has
 * no more rights than the container. Private to session/file-*.c.
 *
 * The stream is a list of records: a head, its name (one component), and what
 * belongs to its type. It comes from a process that looks at foreign files, so
 * the receiver believes nothing in it: names are components, numbers are in
 * range, depth and lengths are bounded.
 */
#ifndef COI_SESSION_FILE_TREE_H
#define COI_SESSION_FILE_TREE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include "base/err.h"
#include "image/image.h"

enum file_type {
	FILE_TYPE_END = 1, /* of the stream; followed by struct file_sum */
	FILE_TYPE_ERROR,   /* of the stream; followed by struct err */
	FILE_TYPE_DIR,     /* what is in it follows, then UP */
	FILE_TYPE_UP,
	FILE_TYPE_FILE,    /* chunks follow */
	FILE_TYPE_LINK,    /* its target follows, @size bytes */
};

struct file_head {
	uint32_t type;
	uint32_t mode; /* permission bits */
	uint32_t uid;
	uint32_t gid;
	int64_t mtime;
	uint32_t mtime_ns;
	uint32_t name_len;
	uint64_t size;
};

/* What was left out, and how much there was. */
struct file_sum {
	uint64_t files;
	uint64_t bytes;
	uint64_t links;   /* left out */
	uint64_t special; /* left out: FIFOs, sockets, devices, file systems of the kernel */
};

struct file_sender {
	FILE *out;
	bool links;       /* symbolic links are sent, else left out */
	bool recursive;   /* a directory is an error (-EISDIR) without */
	struct file_sum sum;
	int depth;
};

/*
 * Send @name of directory @dir and end the stream. What it is, is seen before
 * it is opened. A single object that is neither file nor directory (nor link)
 * is an error. After a failure the stream has it, so the receiver says it.
 */
int file_send(struct file_sender *s, int dir, const char *name, struct err *err);
/* Send that something failed, instead of a tree. */
void file_send_error(FILE *out, const struct err *err);

/* Whose things are, on the receiving side. */
struct file_owner {
	bool keep;   /* chown: ids as below; else what is made belongs to who makes it */
	uid_t from;  /* this owner ... */
	uid_t uid;   /* ... becomes this one (and @gid); 0 stays 0, all others become it too */
	gid_t gid;
};

struct file_receiver {
	FILE *in;
	struct file_owner owner;
	bool merge; /* directories may be there, files are replaced by rename */
	mode_t mode_mask;                     /* of what is made */
	const struct image_progress *progress; /* may be NULL */
	struct file_sum sum;                  /* of the sender */
	uint64_t bytes, told; /* internal, as the following */
	unsigned long made;
	int depth;
};

/*
 * The first record: what is coming. An error that the sender had is returned as
 * ours. -EPIPE when the sender is gone.
 */
int file_receive_head(struct file_receiver *r, struct file_head *ret, struct err *err);
/* Nothing but the end of the stream, or the sender's error, comes. */
int file_receive_end(struct file_receiver *r, struct err *err);
/*
 * Make what @head tells as @as in directory @dir, where nothing of that name
 * is (unless `merge`), with all below it; read to the end of the stream.
 */
int file_receive(struct file_receiver *r, const struct file_head *head, int dir, const char *as,
		 struct err *err);

/*
 * The same for what is there already, empty, as @fd: a file, a directory. @name
 * is for messages.
 */
int file_receive_content(struct file_receiver *r, const struct file_head *head, int fd,
			 const char *name, struct err *err);
int file_receive_into(struct file_receiver *r, const struct file_head *head, int fd,
		      const char *name, struct err *err);

#endif
