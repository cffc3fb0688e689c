/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which process of a container has asked for a destination: for the log, when that is
 * refused. By then a refused TCP socket has gone, so it cannot be looked for; a small
 * eBPF program at the container's control group notes each connect and each datagram
 * to an address (the last one of each destination) and lets everything pass.
 *
 * What it says is the container's: names of processes are theirs to choose, and two
 * that want the same destination at the same moment may be taken for each other.
 */
#ifndef COI_NET_WHO_H
#define COI_NET_WHO_H

#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "net/denied.h"

#define NET_WHO_NAME 16

struct net_process {
	int64_t pid;             /* as the container counts; 0: not known */
	char name[NET_WHO_NAME]; /* foreign bytes; "": not known */
};

/* Ends with the process that has it. */
struct net_who {
	pid_t init;       /* of the container */
	int map_fd;       /* -1: there are no programs */
	int link_fds[2];
	int counts;       /* enum in who.c: whose numbers the programs note */
	uint64_t asked_ms; /* when we last looked through processes */
};

#define NET_WHO_INIT { 0, -1, { -1, -1 }, 0, 0 }

/*
 * Watch what is in @cgroup_fd (a directory of the version 2 tree) and below. 0 or
 * -errno: the kernel has no CONFIG_CGROUP_BPF, or nobody may use it here; then only
 * sockets that stay are found.
 */
int net_who_open(int cgroup_fd, pid_t init, struct net_who *ret, struct err *err);
/* Who it was: 1; 0: nobody knows. */
int net_who_find(struct net_who *w, const struct net_denied *d, struct net_process *ret);
/* One that was not opened is fine. */
void net_who_close(struct net_who *w);

/* --- who-proc.c: sockets that are there still, by the files of /proc */

/*
 * The inode of the socket that @d came from, in a table of /proc/PID/net ("udp", "tcp",
 * "icmp", "raw": @table's text); 0: none. Pure.
 */
uint64_t net_who_inode(const char *table, const struct net_denied *d);
/* The process in the network of @init that has such a socket: 1 or 0. Milliseconds of work. */
int net_who_look(pid_t init, const struct net_denied *d, struct net_process *ret);
/* Number and name of the process @pid, as the container of @init counts. */
void net_who_describe(pid_t init, pid_t pid, struct net_process *ret);

#endif
