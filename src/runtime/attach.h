/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A command in a running container, from any process that shares the network
 * namespace of the command that started it (liblxc asks the monitor through an
 * abstract socket).
 *
 * The command is a child of the caller, lives in the container's namespaces
 * and cgroups, and has the seccomp policy and the bounding set of its init.
 */
#ifndef COI_RUNTIME_ATTACH_H
#define COI_RUNTIME_ATTACH_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"
#include "runtime/control.h"

#define ATTACH_STATUS_NOT_EXECUTABLE 126
#define ATTACH_STATUS_NOT_FOUND 127

struct attach_spec {
	struct runtime_ref ref;
	char *const *argv;  /* argv[0] is looked up in the PATH of @env */
	char *const *env;   /* the whole environment; HOME, USER, LOGNAME and SHELL are put in from
			     * the container's passwd(5) where they are missing */
	uid_t uid;          /* inside */
	gid_t gid;          /* (gid_t)-1: the user's group of passwd(5), else 0 */
	bool no_groups;     /* without the user's supplementary groups of group(5) */
	const char *cwd;    /* absolute, inside; NULL: the user's home, else "/" */
	bool tty;           /* a terminal of the container; else plain descriptors */
	int stdin_fd;       /* the caller's; -1: /dev/null */
	int stdout_fd;
	int stderr_fd;
	int grace_ms;       /* attach_run(): how long after a SIGINT or SIGTERM it may go on,
			     * then it is killed; 0: as long as it likes */
	bool *ret_asked;    /* attach_run(): whether a SIGINT or SIGTERM came, which then are
			     * both SIGTERM for the command; NULL: not wanted */
	/* attach_run(): in each second in which nothing comes and goes; NULL: not wanted. */
	void (*on_quiet)(void *data);
	void *quiet_data;
	const char *log_file; /* of liblxc, for reasons of failures; NULL: none */
};

/*
 * Run to the end, with everything that belongs to it:
 *
 * plain: descriptors that are pipes, sockets or files are handed to the
 * command; terminals and other devices never are, they are relayed. SIGINT,
 * SIGTERM, SIGHUP and SIGQUIT of the caller go to the command.
 * tty: the caller's terminal (stdin_fd when it is one) is put into raw mode and
 * back on every way out; its size follows; what is left of the output is
 * written before the return.
 *
 * Returns the exit status (0…255, 128 + signal; 126 and 127 when the command
 * could not be executed, with @err saying why), or -errno when it was not
 * started: bad cwd, no such container, … (-EBUSY: it is frozen).
 * A second SIGINT or SIGTERM within two seconds kills the command, and so does one
 * when somebody has stopped it; with a tty ^C is for the command, as long as it
 * reacts (relay_run()). When the terminal goes away the command
 * gets SIGHUP, as from a terminal that hung up, and -EIO is returned when it
 * does not end from that within a second.
 */
int attach_run(const struct attach_spec *spec, struct err *err);

/*
 * As attach_run() without a terminal; the output goes into buffers, which keep
 * their maximum (what is over it is read and dropped, `overflow` says so).
 * @ret_err NULL: goes to stderr_fd. @timeout_ms -1: none; else the command is
 * killed then and -ETIMEDOUT returned.
 */
int attach_capture(const struct attach_spec *spec, int timeout_ms, struct buf *ret_out,
		   struct buf *ret_err, struct err *err);

/* The two halves, for loops of one's own. */
struct attach_proc {
	pid_t pid;   /* a child of the caller */
	int pidfd;   /* readable when it has ended */
	int pty_fd;  /* the master side; -1 without tty */
	int exec_fd; /* readable (end of file) once it was executed, or failed to be */
};

/*
 * Descriptors are handed over as they are: pass no terminal. With tty they are
 * only looked at: the new terminal gets the size of stdin_fd or stdout_fd. All
 * of @ret's are close-on-exec.
 */
int attach_start(const struct attach_spec *spec, struct attach_proc *ret, struct err *err);
/* Blocks until the end and closes what @p holds: the status as above. */
int attach_wait(struct attach_proc *p, struct err *err);

#endif
