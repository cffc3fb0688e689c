/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Refused before it happens: the kernel asks before a listed file is opened
 * (fanotify_init(2), FAN_CLASS_CONTENT), and coi-block answers.
 *
 * The group of questions outlives each of the processes that hold it: coi-block, whose
 * child answers, and the supervisor. As long as one of them has a descriptor, who asks
 * waits; when the last is closed, the kernel lets everybody through. So a supervisor
 * that takes over is handed the group by coi-block, on a socket in the run directory.
 *
 * Answers: what is marked by its inode is for nobody in the container; a program that
 * is run on a file system of the container's is refused by its name. Everybody else on
 * the host is let through.
 */
#ifndef COI_MONITOR_BLOCK_H
#define COI_MONITOR_BLOCK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/layout.h"
#include "base/msg.h"
#include "monitor/block-find.h"

struct block {
	pid_t child; /* 0: it is not ours */
	int control_fd;
	int group_fd;
};
#define BLOCK_INIT { .control_fd = -1, .group_fd = -1 }

/* Can this kernel ask? 0, or an error that says what is missing. Wants CAP_SYS_ADMIN. */
int block_probe(struct err *err);
/* A group without marks; its descriptor. */
int block_group(struct err *err);
/* From now on the kernel asks before @fd (O_PATH) is opened; -errno. */
int block_mark(int group_fd, int fd);
/* And before a program on the file system of @fd is run; -errno. */
int block_mark_programs(int group_fd, int fd);

/*
 * Start coi-block with @b->group_fd; @listen_fd is bound, for who takes over, and borrowed.
 * @b->child is known before block_begin(): until then it ends with us, afterwards it does not.
 */
int block_spawn(const struct layout *layout, int listen_fd, struct block *b, struct err *err);

struct block_spec {
	const char *lxc_name;
	uint32_t uid_base;  /* of its range: the number of that is coi-block's */
	char *const *tools; /* names that are refused; a strv */
	int init_pidfd;     /* with whose end it ends; -1: block_begun() says it; borrowed */
};
/*
 * Tell it what to refuse, and wait until it answers. Whatever was asked and not answered
 * before is refused. When it fails the child has ended.
 */
int block_begin(struct block *b, const struct block_spec *spec, struct err *err);
/* The container has its init: coi-block ends with it, whatever becomes of us. 0 or -errno. */
int block_begun(struct block *b, int init_pidfd);
/* Take over: the socket is @name below @dirfd. -errno: nobody is there. */
int block_connect(int dirfd, const char *name, struct block *b);
/* It has gone, or is to go: the group stays, for block_spawn(). */
void block_leave(struct block *b);
/* Its end, when it is our child; else it is only left. The group is closed. */
void block_stop(struct block *b);

enum block_report_kind {
	BLOCK_REPORT_READY = 1, /* it answers */
	BLOCK_REPORT_REFUSED, /* "path", "comm", "pid", "uid" (the host's), "dev", "ino", "is_run" */
	BLOCK_REPORT_MORE,    /* "count": refused, and no report had room */
	BLOCK_REPORT_AGAIN,   /* "why": the child that answers was started again */
};
/* The next one, not waited for: 1, 0: none now, or -errno: it is gone. */
int block_read(struct block *b, struct msg_report *ret);

#endif
