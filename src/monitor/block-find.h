/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which files a container is to be kept from: monitoring.block_secrets and block_tools,
 * looked up in its root file system before anything runs in it. What is found is known
 * by its inode from then on, whatever becomes of its name.
 */
#ifndef COI_MONITOR_BLOCK_FIND_H
#define COI_MONITOR_BLOCK_FIND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define BLOCK_FILES_MAX 512 /* each has a descriptor meanwhile */

struct block_file {
	char *path;   /* as it was found, inside */
	bool is_tool; /* else a secret */
	int fd;       /* O_PATH; owned */
	uint64_t dev, ino;
	/* Its links in a lower layer are files of their own, each forgotten when nobody uses it. */
	bool has_links;
};

struct block_files {
	struct block_file *items;
	size_t count;
	char **shared; /* tools that are one program with a shell and the like: not among them */
};
void block_files_done(struct block_files *f);
#define auto_block_files __attribute__((cleanup(block_files_done)))

struct block_wanted {
	int root_fd;             /* its root; borrowed */
	char *const *homes;      /* of its users, inside */
	char *const *secrets;    /* "/a/b*" or "~/x", '*' and '?' within a component */
	char *const *tools;      /* names, looked up where programs are, and absolute paths */
	char *const *spared;     /* paths inside that are left out: canaries */
};

/*
 * The files that are there. A directory stands for all files in it; "*.pub" is no secret. Other
 * links of a file are found beside it and, of a program, where programs are.
 * More than BLOCK_FILES_MAX are an error, since one of them would be open to all.
 */
int block_find(const struct block_wanted *w, struct block_files *ret, struct err *err);

#endif
