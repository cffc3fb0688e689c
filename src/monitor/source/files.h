/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Files that matter, as the sources that tell of them share it: what is marked
 * (files-marks.c), and what an event about it means (files.c).
 */
#ifndef COI_MONITOR_SOURCE_FILES_H
#define COI_MONITOR_SOURCE_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "monitor/source.h"

#define HANDLE_MAX 128

/* A file or a directory, by what events call it. */
struct mark {
	char *path;
	bool is_file;
	bool is_canary;
	bool is_shared; /* on a file system of the host: others open it too */
	unsigned len;
	int type;
	unsigned char handle[HANDLE_MAX];
	uint64_t mask;
	int kept_fd; /* -1, or O_PATH: its number is no other file's as long as it is held */
	int names;   /* of a directory: its number in names_fd; -1: none */
};

struct files {
	struct watch_source base;
	struct watch_target target;
	const struct watch_sink *sink;
	int fd;
	struct loop_source *loop_source, *names_source;
	bool by_descriptor; /* events have descriptors, not handles */
	int names_fd;       /* then: an inotify(7) for what is done to names; else -1 */
	struct mark *marks;
	size_t count;
	uint64_t lost;
	uint64_t unmarked; /* canaries that nobody would hear of */
	uint64_t root_mount;
};

/* What an event is about. */
struct told {
	uint64_t mask;
	pid_t pid;
	const struct mark *file; /* that was opened, by whatever name */
	const struct mark *dir;
	const char *name; /* in @dir */
};

/* Where events have descriptors: what stands for a handle, of what @fd is; 0 or -errno. */
int files_number(int fd, struct mark *ret);
/* Of @f's, borrowed; NULL: it is not marked. */
struct mark *files_find(struct files *f, int type, const void *handle, unsigned len, bool is_file);
/* An event, told where it is one that matters. */
void files_judge(struct files *f, const struct told *t);

/* A group of these @flags and marks on all that is there now. 0 or -errno. */
int files_new(const struct watch_target *t, bool by_descriptor, unsigned flags,
	      struct watch_source **ret, struct err *err);
/* Members of watch_source_ops. */
uint64_t files_lost(struct watch_source *s);
void files_free(struct watch_source *s);

#endif
