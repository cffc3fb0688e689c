/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Files into a container and out of it.
 *
 * The container's side is a process of its own. Of a running container it has
 * the container's root's rights and its mounts, and no more (inside.h); of a
 * stopped one it works on the layers in an overlay, where nothing is mounted.
 * Links of the container lead to places of the container only. The other side
 * is the caller, as the person.
 */
#ifndef COI_SESSION_FILE_TRANSFER_H
#define COI_SESSION_FILE_TRANSFER_H

#include "session/container.h"

struct file_result {
	uint64_t files;
	uint64_t bytes;
	uint64_t left_out_links;
	uint64_t left_out_special;
	char *path; /* where it is now; newly allocated */
};
void file_result_done(struct file_result *r);

struct file_request {
	const char *container;
	const char *inside; /* absolute; a trailing "/" means a directory */
	const char *host;   /* as typed */
	bool recursive;
	const struct image_progress *progress; /* may be NULL */
};

/*
 * Copy @host to @inside: into it when it is a directory (for a directory of
 * the same name: onto it, adding and replacing), else under that name. Files
 * are replaced whole. Owner: the person's and the workspace's are the
 * container's user's, root's stay root's; modes are kept.
 * ERR_USAGE: a directory without `recursive`; ERR_MISSING: source, or the
 * directory that it would go to.
 */
int file_push(struct session *s, const struct file_request *request, struct file_result *ret,
	      struct err *err);

/*
 * Copy @inside to @host. A directory there: into it. An existing file is
 * replaced by a single file, and a symbolic link there too (never followed); a
 * tree is never written onto anything. Nothing else is ever removed. Links and
 * special files of a tree are left out and counted. All that is refused before
 * a byte is moved is ERR_USAGE.
 */
int file_pull(struct session *s, const struct file_request *request, struct file_result *ret,
	      struct err *err);

#endif
