/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Processes: who is alive, starting one, waiting for one. Functions return 0 or -errno. */
#ifndef COI_BASE_PROC_H
#define COI_BASE_PROC_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"

/* A process that cannot be mistaken for a later one with the same number. */
struct proc_id {
	pid_t pid;      /* 0: none */
	uint64_t start; /* field 22 of /proc/PID/stat, clock ticks since boot (proc(5)) */
};

/* -ESRCH when there is no such process. A zombie counts as gone. */
int proc_id_get(pid_t pid, struct proc_id *ret);
bool proc_id_alive(const struct proc_id *id);
/* A pidfd (Linux 5.3) of exactly that process; -ESRCH when it is gone. */
int proc_id_open(const struct proc_id *id);
/* /proc/PID/@what of exactly that process, close-on-exec; -ESRCH when it is gone. */
int proc_id_open_file(const struct proc_id *id, const char *what, int flags);
/* SIGKILL and wait until it is gone, at most @timeout_ms. 0 when it was gone already. */
int proc_id_kill(const struct proc_id *id, int timeout_ms);
/* Wait until the process of @pidfd has ended: 0, or -ETIMEDOUT. -1: no limit. */
int pidfd_wait_gone(int pidfd, int timeout_ms);

/* This boot's id, 36 characters (/proc/sys/kernel/random/boot_id). Static storage. */
const char *boot_id(void);
/* Inode number of a namespace of @pid ("net", "mnt", "user", …), 0 for self. */
int ns_inode(pid_t pid, const char *kind, uint64_t *ret);

struct spawn_fd {
	int fd; /* in the caller */
	int as; /* in the child */
};

struct spawn_spec {
	const char *path;          /* absolute; looked up in PATH when it has no slash */
	char *const *argv;
	char *const *env;          /* NULL: the caller's */
	const struct spawn_fd *fds; /* what the child gets; all others but 0..2 are closed */
	size_t fd_count;
	bool new_session;          /* setsid(2) */
	bool null_stdio;           /* 0..2 are /dev/null where @fds does not set them */
	const char *cwd;           /* NULL: the caller's */
	uid_t uid;                 /* (uid_t)-1: unchanged */
	gid_t gid;
	const char *user;          /* with @uid: whose further groups; NULL: none */
	int death_signal;          /* PR_SET_PDEATHSIG, 0: none */
};

/* No signal is ignored, caught or blocked: what a program of somebody else begins with. */
void proc_reset_signals(void);
/*
 * fork and exec. Fails with -errno of the exec too (reported over a pipe).
 * *@ret_pidfd may be NULL.
 */
int proc_spawn(const struct spawn_spec *spec, pid_t *ret_pid, int *ret_pidfd, struct err *err);
/* waitpid without EINTR: exit status 0..255, or 128 + signal. */
int proc_wait(pid_t pid);
/* Run to the end and return the exit status, or -errno. */
int proc_run(const struct spawn_spec *spec, struct err *err);
/*
 * As proc_run(), with what it writes to standard output in @out, which keeps its maximum:
 * -EFBIG past it, and it is killed. @spec has at most PROC_OUTPUT_FDS descriptors, standard
 * output not among them.
 */
#define PROC_OUTPUT_FDS 4
int proc_output(const struct spawn_spec *spec, struct buf *out, struct err *err);

/*
 * The caller's resource limits are the caller's: from now on we, and all that we
 * start, have those that systemd gives to services. Without CAP_SYS_RESOURCE as
 * far as the hard limits let us.
 */
void proc_limits_reset(void);
/* Has a SIGINT, SIGTERM or SIGHUP come that is blocked? Fine in a signal handler. */
bool proc_is_asked_to_end(void);
/* Set the name that ps shows (up to 15 bytes). */
void proc_set_name(const char *name);
/* Close everything above 2 except the @count descriptors in @keep (sorted or not). */
void proc_close_fds_except(const int *keep, size_t count);

#endif
