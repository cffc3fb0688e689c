/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The child of coi-block: it reads a question, decides, answers; nothing else. */
#ifndef COI_MONITOR_BLOCK_ANSWER_H
#define COI_MONITOR_BLOCK_ANSWER_H

#include <linux/fanotify.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define BLOCK_COMM_MAX 16
#define BLOCK_PATH_MAX 1024
#define BLOCK_ANSWER_FDS 24 /* of the child: so a question's descriptor is below that */

/* What the parent and the next one see of it. */
struct block_progress {
	/* Read, and not answered yet; no mask: none. Shared memory, so that it outlives its reader. */
	struct fanotify_event_metadata question;
	_Atomic uint64_t answered;
	_Atomic uint64_t unreported;
};

/* One packet to the parent. A first one without a path says that it answers. */
struct block_refusal {
	int32_t pid;
	int64_t uid; /* the host's; -1: not known */
	uint64_t dev, ino;
	bool is_run;
	char comm[BLOCK_COMM_MAX];
	char path[BLOCK_PATH_MAX];
};

struct block_answerer {
	int group_fd;
	int proc_fd;   /* a /proc with nothing hidden */
	int report_fd; /* SOCK_SEQPACKET, not waited for */
	const char *lxc_name;
	char *const *tools;
	struct block_progress *progress;
};

/* Never returns; ends when it cannot go on. In a child that has given up its rights. */
_Noreturn void block_answer(const struct block_answerer *a);

#endif
