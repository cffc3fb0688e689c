/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What /proc says of a process, read by a descriptor of /proc. */
#ifndef COI_MONITOR_SOURCE_PROCESS_H
#define COI_MONITOR_SOURCE_PROCESS_H

#include "base/buf.h"
#include "monitor/source.h"

struct process {
	pid_t pid, ppid;
	int64_t uid;       /* the host's; -1: not known */
	uint64_t start;    /* clock ticks since the boot */
	bool is_gone;      /* it has no memory any more: what it was started with is not known */
	char comm[WATCH_COMM_MAX];
	uint64_t at_us;    /* when it began to run that; 0: not known */
	struct buf args;   /* words, each ended by a NUL byte */
	uint64_t args_bytes;
};

/*
 * 0 or -errno: -ENOENT, -ESRCH when it has gone. process_done() in either case. One that has
 * ended and is there until somebody asks for it, and one that has left itself no words, have
 * none both; @is_gone tells them apart.
 */
int process_read(int proc_fd, pid_t pid, struct process *ret);
void process_done(struct process *p);
/*
 * Of a thread, as far as it is known: its name, its user, the process that it is of. Without
 * the words, which are in its memory: to read that may take as long as it wants.
 */
void process_who(int proc_fd, pid_t tid, struct process *ret);
/* Is it in the group of that name (of liblxc's, of any hierarchy)? 1, 0 or -errno. */
int process_is_in(int proc_fd, pid_t pid, const char *lxc_name);
/* @fn for each process of a group and of those below it; how many groups were not looked into. */
unsigned process_each(int group_fd, void (*fn)(pid_t pid, void *data), void *data);
/* As an event, handed to @sink. */
void process_tell(const struct process *p, const struct watch_target *t, bool was_running,
		  const struct watch_sink *sink);
/* "a\0b\0" as an event's argv, newly allocated: its members point into @args. */
char **process_argv(char *args, size_t len, size_t *ret_argc);

#endif
