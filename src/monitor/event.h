/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What sources tell: typed events about one container.
 *
 * All text in them is foreign: any bytes but NUL, of any length that the limits
 * below allow. Pointers are borrowed for the length of the call that hands an
 * event on. Process numbers are the host's, user numbers the container's.
 */
#ifndef COI_MONITOR_EVENT_H
#define COI_MONITOR_EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define WATCH_COMM_MAX 16          /* bytes of a process's name, NUL included */
#define WATCH_PATH_MAX 4096        /* bytes of a path */
#define WATCH_ARGS_MAX (256 * 1024) /* bytes of a command line that are looked at */
#define WATCH_ARGC_MAX 65536

enum watch_kind {
	WATCH_EXEC,
	WATCH_FORK,
	WATCH_CONNECT,
	WATCH_DENIED,
	WATCH_QUERY,
	WATCH_FILE,
	WATCH_COUNTERS,
	WATCH_LINE,
	WATCH_STATE,
	WATCH_KIND_COUNT,
};

/* What one of the standard streams is. */
enum watch_stream {
	WATCH_STREAM_UNKNOWN,
	WATCH_STREAM_OTHER,  /* a file, a device, a terminal, closed */
	WATCH_STREAM_PIPE,   /* or a FIFO */
	WATCH_STREAM_LOCAL,  /* a socket of this machine: AF_UNIX and the like */
	WATCH_STREAM_REMOTE, /* a socket of a network */
	WATCH_STREAM_COUNT,
};
/* The word, static. */
const char *watch_stream_to_string(enum watch_stream stream);

/* A process runs another program from now on. */
struct watch_exec {
	const char *exe;  /* as it was named to the kernel; may be "" */
	const char *file; /* name of the file that is run, links followed; may be "" */
	const char *comm;
	char *const *argv;
	size_t argc;
	uint64_t args_bytes; /* of all of them; more than there are here when is_cut */
	bool is_cut;         /* argv is not all of it */
	bool is_in_memory;   /* the file has no name in any directory (memfd) */
	bool is_gone;        /* it ended before anything could be read: no words */
	bool was_running;    /* found when the watching began: nobody saw it start */
	enum watch_stream streams[3];
};

/* Processes were made, whatever they run; not each is told. */
struct watch_fork {
	unsigned count; /* at_us is when they were made, to a tenth of a second */
};

/* What becomes of a connection: whoever knows the policy says so, not the source. */
enum watch_verdict {
	WATCH_VERDICT_UNKNOWN,
	WATCH_PASSED,
	WATCH_REFUSED,
	WATCH_OPENED, /* somebody has allowed just that */
};

/*
 * A connection, or a packet to somebody without one: WATCH_CONNECT when a
 * process asks for it, WATCH_DENIED when the rules have refused it.
 */
struct watch_connect {
	uint8_t family;      /* AF_INET or AF_INET6 */
	uint8_t protocol;    /* IPPROTO_…; 0: not known */
	uint8_t address[16]; /* network byte order; the first 4 for AF_INET */
	uint16_t port;       /* 0: the protocol has none */
	enum watch_verdict verdict;
	bool is_private;     /* the address: in a range that the policy calls private */
	bool is_own;         /* the container's gateway and name service */
};

/* A name was asked for. */
struct watch_query {
	const char *name;
	uint16_t type; /* of the records: 1 is A */
	bool is_refused; /* by the list of names that may be asked for */
};

enum watch_access {
	WATCH_OPEN,
	WATCH_READ,
	WATCH_WRITE,
	WATCH_CREATE,
	WATCH_DELETE,
	WATCH_MOVE,
	WATCH_ATTRIBUTES,
	WATCH_RUN,
	WATCH_ACCESS_COUNT,
};
/* The word, static. */
const char *watch_access_to_string(enum watch_access access);

struct watch_file {
	const char *path; /* as the container sees it */
	enum watch_access access;
	bool is_secret;   /* of security.secret_paths: a touch is enough */
	bool is_canary;   /* planted by us: nobody has any business there */
	bool is_tool;     /* of monitoring.block_tools */
	bool was_refused; /* it has not happened (monitoring.block) */
};

/* Sums since the container's start; UINT64_MAX: not known here. */
struct watch_counters {
	uint64_t read_bytes, write_bytes; /* from and to disks */
	uint64_t workspace_bytes; /* of the workspace that were read, wherever they came from */
	uint64_t sent_bytes; /* to the network */
	uint64_t memory_bytes;
	uint64_t cpu_us;
	uint64_t processes;
	uint64_t tmp_used, tmp_total; /* bytes of /tmp where it is a file system of its own */
};

/* A line of a log of the container's. */
struct watch_line {
	const char *file;
	const char *text;
};

/* A log of the container's, looked at from outside. */
struct watch_log {
	int fd; /* -errno: why there is none */
	uint64_t device, inode, born_ns; /* together: which one it is */
	uint64_t size; /* bytes */
};

/* About a source itself: silence is never taken for peace. */
enum watch_state {
	WATCH_STARTED,
	WATCH_UNAVAILABLE, /* no way of hearing these events works here */
	WATCH_LOST,        /* `count` events were not seen, or not kept */
	WATCH_ENDED,
	WATCH_STATE_COUNT,
};
/* The word that its record has ("source.start"), static. */
const char *watch_state_to_string(enum watch_state state);

struct watch_status {
	enum watch_state state;
	const char *source;  /* "exec" */
	const char *backend; /* "bpf" */
	uint64_t count;
	const char *detail;  /* why; NULL: nothing to say */
};

struct watch_event {
	enum watch_kind kind;
	uint64_t when_ms; /* CLOCK_MONOTONIC, when it was heard of */
	uint64_t at_us;   /* the same clock, when it happened; 0: not known */
	pid_t pid, ppid;  /* 0: not known */
	int64_t uid;      /* -1: not known */
	const char *comm; /* of the process; NULL: not known */
	union {
		struct watch_exec exec;
		struct watch_fork fork;
		struct watch_connect connect;
		struct watch_query query;
		struct watch_file file;
		struct watch_counters counters;
		struct watch_line line;
		struct watch_status status;
	};
};

#endif
