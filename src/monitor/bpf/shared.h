/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the programs in the kernel (watch.bpf.c) and their reader (source-bpf.c)
 * have in common. Compiled for both, so nothing is included here.
 */
#ifndef COI_MONITOR_BPF_SHARED_H
#define COI_MONITOR_BPF_SHARED_H

#define BPF_COMM 16
#define BPF_FILE 64          /* bytes of a file's name */
#define BPF_EXE 256          /* bytes of what the kernel was told to run */
#define BPF_CHUNK 8192       /* bytes of a command line in one record */
#define BPF_CHUNKS 32        /* records of one command line */
#define BPF_RING (8 * 1024 * 1024)
#define BPF_READ_FILES 16384 /* whose reads are known; of others they count again */
#define BPF_SENT_AGAIN_NS 1000000000ull /* packets to the same are told once a second */

/*
 * Processes are told by so many, and what is left of a slice of time when the next process
 * comes: never more than there were, and each with the time in which it was made.
 */
#define BPF_FORKS 16
#define BPF_FORKS_SLICE_NS 100000000ull

enum bpf_kind {
	BPF_KIND_EXEC = 1, /* with the beginning of the command line */
	BPF_KIND_ARGS,     /* more of it: follows, maybe with others between */
	BPF_KIND_CONNECT,
	BPF_KIND_FORKS,
};

enum bpf_flags {
	BPF_FLAG_MORE = 1, /* BPF_KIND_ARGS follow */
	BPF_FLAG_NAMELESS = 2, /* the file is in no directory */
	BPF_FLAG_SENT = 4, /* a packet without a connection */
};

/* As enum watch_stream has them. */
enum bpf_stream {
	BPF_STREAM_UNKNOWN,
	BPF_STREAM_OTHER,
	BPF_STREAM_PIPE,
	BPF_STREAM_LOCAL,
	BPF_STREAM_REMOTE,
};

/* Each record begins so. */
struct bpf_head {
	unsigned int kind;
	unsigned int flags;
	unsigned int pid, ppid;
	unsigned int uid;  /* the host's number */
	unsigned int len;  /* bytes of the command line in this record */
	unsigned long long args_bytes; /* of all of it */
	unsigned long long at_ns;      /* CLOCK_MONOTONIC */
	char comm[BPF_COMM];
};

struct bpf_exec {
	struct bpf_head head;
	unsigned char streams[4]; /* of 0, 1 and 2 */
	char file[BPF_FILE];
	char exe[BPF_EXE];
	char args[BPF_CHUNK];
};

struct bpf_args {
	struct bpf_head head;
	char args[BPF_CHUNK];
};

struct bpf_connect {
	struct bpf_head head;
	unsigned char address[16]; /* network byte order */
	unsigned short port;
	unsigned char family, protocol;
};

/* Processes that were made in the slice that began at head.at_ns. */
struct bpf_forks {
	struct bpf_head head;
	unsigned long long count;
};

/* Read and written from both sides; the reader has it mapped. */
struct bpf_state {
	unsigned long long cgroup; /* whose processes are told of; 0: nobody's */
	unsigned int level;        /* of that group: how many are above it */
	unsigned int pidns; /* inode of the process namespace whose numbers are told */
	unsigned long long lost_exec, lost_connect, lost_forks; /* no room in the ring */
	unsigned long long forks, forks_slice; /* in that slice of time */
	/*
	 * Bytes of files below the workspace that were read, each once, and only of files that
	 * nobody has changed since the watching began: not what the container makes itself.
	 */
	unsigned long long workspace_read;
	unsigned int workspace_fd; /* of its top, in the reader, when that is looked up */
	unsigned int page_size;
	long long began_s;                  /* CLOCK_REALTIME */
};

#endif
