/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A container from its layers to its end, through liblxc.
 *
 * The supervisor calls, in this order: runtime_enter(), runtime_start(),
 * runtime_ready_check() when there is something to check, then watches the pidfds, and
 * at the end runtime_kill(), runtime_cleanup(), runtime_free(). What other processes
 * may call, with or without a supervisor, takes a struct runtime_ref: see
 * control.h (alive, freeze, kill, leftovers), attach.h and hotmount.h.
 *
 * Needs root in the initial user namespace. Kernel floor: 5.19 (id-mapped
 * layers below overlay).
 */
#ifndef COI_RUNTIME_RUNTIME_H
#define COI_RUNTIME_RUNTIME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/proc.h"
#include "runtime/ids.h"
#include "runtime/surface.h"

/* Whose ids a bind shows. Disk id first. */
enum runtime_bind_ids {
	/* Owner H ↔ code; B…: the container's own, so that root inside can write too. */
	RUNTIME_BIND_OWNER,
	/* 0…count on disk are 0…count inside: directories that are ours (/var/lib/docker). */
	RUNTIME_BIND_CONTAINER,
	/* As on the host: all is nobody's inside, but what a hole in the map shows. */
	RUNTIME_BIND_PLAIN,
};

struct runtime_bind {
	int fd;             /* O_PATH or more, directory or file, borrowed; -1: open @source */
	const char *source; /* for messages; a trusted path where @fd is -1 */
	const char *target; /* absolute, inside; made when missing (mode 0755, root's) */
	bool readonly;
	bool strict_target; /* no symlink on the way: for what protects a path in a workspace */
	bool noexec;
	bool hidden;        /* nothing to see: an empty read-only file or directory instead of @fd */
	enum runtime_bind_ids ids;
	uid_t owner_uid;    /* RUNTIME_BIND_OWNER: H; (uid_t)-1: the owner of the source */
	gid_t owner_gid;
};

/* How a bind with RUNTIME_BIND_OWNER can be done on the source's file system. */
enum runtime_bind_method {
	RUNTIME_BIND_IDMAPPED, /* id-mapped mount */
	RUNTIME_BIND_HOLE,     /* plain bind and a hole in the container's map (fixed at start) */
};

/*
 * Ask before the start; @fd is O_PATH or more. Refused (ERR_CONFLICT, with the
 * reason) where neither works: no id-mapped mounts there and the owner is root,
 * whose id never gets a hole.
 */
int runtime_bind_check(int fd, uid_t owner_uid, gid_t owner_gid, enum runtime_bind_method *ret,
		       struct err *err);

/*
 * Where a container that is heard logs to: a directory that the caller binds there, with
 * a datagram socket in it.
 */
#define RUNTIME_LOG_DIR "/run/coi/log"
#define RUNTIME_LOG_SOCKET "socket"

enum runtime_init {
	RUNTIME_INIT_COI,     /* our small one, bound at /run/coi/init */
	RUNTIME_INIT_SYSTEMD, /* /sbin/init of the image */
	RUNTIME_INIT_ARGV,    /* @init_argv */
};

/* A link that is there already; it is moved in, named and given its addresses. */
struct runtime_net {
	const char *link;    /* in the caller's network namespace; NULL: loopback only */
	const char *name;    /* inside; NULL: "eth0" */
	const char *address; /* "10.77.0.5/16" */
	const char *gateway; /* "10.77.0.1"; NULL: no default route */
	const char *dns;     /* address for /etc/resolv.conf; NULL: that file is left alone */
};

/* 0 (NULL): no limit. What cannot be enforced here is an error, named. */
struct runtime_limits {
	uint64_t pids_max;
	uint64_t memory_max;     /* bytes */
	uint64_t memory_high;    /* bytes; v1: soft_limit */
	uint64_t cpu_quota_us;   /* with the period */
	uint64_t cpu_period_us;
	const char *cpuset_cpus; /* "0-3,7" */
	unsigned cpu_weight;     /* 1…10000, as version 2 has it; 100 is the usual */
	bool swap_limited;       /* else as much as there is */
	uint64_t swap_max;       /* bytes; 0: none */
	uint64_t read_bps, write_bps, read_iops, write_iops; /* each second */
	unsigned io_weight;      /* 1…1000 */
	const char *device;      /* "254:0", what the rates are of: runtime_block_device() */
};

/*
 * Give a running container these limits and no others; each is read back. Some
 * may have been changed when one fails.
 */
int runtime_limits_apply(const char *lxc_name, const struct runtime_limits *limits,
			 struct err *err);

/*
 * The whole disk that the file system of @path is on, as "MAJOR:MINOR", newly
 * allocated; NULL when there is none of its own (btrfs, network, memory).
 */
char *runtime_block_device(const char *path);

#define RUNTIME_LAYERS_MAX 500 /* the kernel's own limit for one overlay */

struct runtime_spec {
	const char *name;          /* for messages */
	const char *lxc_name;      /* machine-wide, with the root's tag */
	const char *lxcpath;       /* RUNTIME_LXCPATH, or another that container root may walk to */
	const char *hostname;
	const char *hosts;         /* lines for /etc/hosts, each with its newline; NULL: none */
	struct id_range ids;
	uid_t code_uid;            /* 1000 */
	gid_t code_gid;
	const char *const *layers; /* absolute directories, newest first, NULL-terminated */
	const char *container_dir; /* absolute; lxc.log is made there */
	const char *files_dir;     /* absolute; upper/ and work/ are made there; NULL: container_dir */
	const char *disk;          /* absolute; the file with a file system that has them instead
				    * (disk.h), at DISK_MOUNT; NULL: none */
	const struct runtime_bind *binds; /* in order: a later one may lie in an earlier one */
	size_t bind_count;
	enum runtime_init init;
	char *const *init_argv;    /* RUNTIME_INIT_ARGV */
	char *const *env;          /* init's whole environment besides container=lxc; may be NULL */
	struct runtime_net net;
	bool nesting;              /* docker and podman: fuse, tun, nested proc and sysfs */
	enum surface surface;      /* which system calls are refused */
	const char *seccomp_file;  /* liblxc policy in place of that one, for tests; NULL: none */
	const char *coi_init;      /* absolute path of the program; NULL: layout_program() */
	struct runtime_limits limits;
	const char *timezone;      /* a file below /usr/share/zoneinfo; NULL: as it is */
	const char *git_config;    /* a file inside that /etc/gitconfig includes; NULL: none */
	bool is_heard;             /* what its programs log goes to RUNTIME_LOG_DIR too */
	uint64_t tmp_size;         /* of a /tmp in memory; 0: /tmp is on disk */
	char *const *sysctls;      /* further "net.ipv4.x=1"; ours are always set */
	const char *log_level;     /* of lxc.log; NULL: "ERROR" */
	bool no_id_holes;          /* refuse what would need RUNTIME_BIND_HOLE */
	bool no_sync;              /* an ephemeral one: what is written need not survive a crash */
};

struct runtime_info {
	struct proc_id init;    /* as seen from here */
	struct proc_id monitor; /* liblxc's, a child of the caller */
	int init_pidfd;         /* borrowed, close-on-exec; readable when it has ended */
	int monitor_pidfd;
	uint64_t netns;         /* inode of the container's network namespace */
};

struct runtime;

/*
 * Put the calling process into a cgroup of its own and into a private mount
 * namespace, and build the container's root file system there. @spec and all
 * in it must live until runtime_free().
 *
 * On failure the process is no good for anything else (it may have entered the
 * namespace), but nothing is left on the machine that its end and
 * runtime_leftovers_remove() do not take away.
 *
 * COI_RUNTIME_NO_OVERLAY_FD=1 takes the way of older kernels (layers attached
 * and mounted by path) whatever the kernel can do.
 */
int runtime_enter(const struct runtime_spec *spec, struct runtime **ret, struct err *err);

/*
 * Nothing of it runs any more: the mounts go now, not with the caller's end, so
 * that its disk is free again.
 */
void runtime_unmount(struct runtime *rt);

/* O_PATH descriptor of the merged root file system, borrowed; as seen before the start. */
int runtime_rootfs_fd(const struct runtime *rt);

/*
 * Start and return when it is RUNNING. On failure the message holds what
 * liblxc's log says and nothing of it runs any more.
 */
int runtime_start(struct runtime *rt, struct runtime_info *ret, struct err *err);

/*
 * Commands may be run inside: at once with coi-init, after systemd-tmpfiles-setup with
 * systemd. For loops: readable when there is something to check.
 */
/* Borrowed; -1 when it is ready as soon as it runs. */
int runtime_ready_fd(const struct runtime *rt);
/* The descriptor was readable: 1 it is ready, 0 not yet. Never blocks. */
int runtime_ready_check(struct runtime *rt);

/*
 * After init's end (killed when it still lives): kills the monitor, whose work
 * is done, and removes the cgroups. A reboot from inside is an end too: the
 * monitor does not get to start again.
 * The mounts end with the caller's mount namespace, or with runtime_unmount().
 */
int runtime_cleanup(struct runtime *rt, struct err *err);
/*
 * The last thing a supervisor does: goes out of its control group, kills what
 * else is in that, and removes it.
 */
int runtime_leave(struct runtime *rt, struct err *err);
/* NULL is fine. Stops nothing. */
void runtime_free(struct runtime *rt);

#endif
