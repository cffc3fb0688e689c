/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From a packet to its socket by the tables of /proc/PID/net, and from there to a process
 * by the descriptors of all that are in that network. Written by the kernel, but for the
 * names of processes.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/proc.h"
#include "base/strv.h"
#include "net/who.h"

#define TABLE_MAX (1024 * 1024)
#define LINKS_MAX 20000 /* descriptors that are looked at */

/* "0100007F:0035": hexadecimal, the address as it lies in memory. */
static bool parse_end(const char *word, uint32_t *address, uint16_t *port) {
	char *end;
	unsigned long a = strtoul(word, &end, 16), p;

	if (end != word + 8 || *end != ':')
		return false;
	p = strtoul(end + 1, &end, 16);
	if (*end || p > UINT16_MAX || a > UINT32_MAX)
		return false;
	*address = ntohl((uint32_t)a);
	*port = (uint16_t)p;
	return true;
}

static bool is_its_line(char *const *words, const struct net_denied *d) {
	uint32_t here, there;
	uint16_t local, remote;

	if (!parse_end(words[1], &here, &local) || !parse_end(words[2], &there, &remote))
		return false;
	/* One that is connected says where to; a raw one has its protocol for a port. */
	if (there && (there != d->address || (d->port && remote != d->port)))
		return false;
	return local == d->source || (local == d->protocol && !d->port);
}

uint64_t net_who_inode(const char *table, const struct net_denied *d) {
	autostrv char **lines = strv_split(table, "\n");

	/* sl local remote st tx:rx tr:tm retrnsmt uid timeout inode … */
	for (size_t i = 1; lines && lines[0] && lines[i]; i++) {
		autostrv char **words = strv_split(lines[i], " ");

		if (strv_len(words) >= 10 && is_its_line(words, d))
			return strtoull(words[9], NULL, 10);
	}
	return 0;
}

static uint64_t socket_of(pid_t init, const struct net_denied *d) {
	static const struct {
		uint8_t protocol; /* 0: any other */
		const char *table;
	} tables[] = {
		{ IPPROTO_TCP, "tcp" }, { IPPROTO_UDP, "udp" }, { IPPROTO_ICMP, "icmp" }, { 0, "raw" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(tables); i++) {
		autofree char *path = xasprintf("/proc/%d/net/%s", (int)init, tables[i].table);
		autobuf struct buf text = { 0 };
		uint64_t inode;

		if (tables[i].protocol && tables[i].protocol != d->protocol)
			continue;
		if (file_read_at(AT_FDCWD, path, TABLE_MAX, &text) < 0)
			continue;
		inode = net_who_inode(text.data, d);
		if (inode)
			return inode;
	}
	return 0;
}

/* Has the process a descriptor of that socket? */
static bool has_socket(pid_t pid, const char *socket, unsigned *left) {
	autofree char *path = xasprintf("/proc/%d/fd", (int)pid);
	DIR *dir = opendir(path);
	const struct dirent *e;
	bool found = false;

	while (dir && !found && *left && (e = readdir(dir))) {
		char link[64];
		ssize_t n = readlinkat(dirfd(dir), e->d_name, link, sizeof(link) - 1);

		if (n <= 0)
			continue;
		link[n] = '\0';
		*left -= 1;
		found = !strcmp(link, socket);
	}
	if (dir)
		(void)closedir(dir);
	return found;
}

void net_who_describe(pid_t init, pid_t pid, struct net_process *ret) {
	autofree char *status = xasprintf("/proc/%d/status", (int)pid);
	autofree char *comm = xasprintf("/proc/%d/comm", (int)pid);
	autofree char *name = NULL;
	autobuf struct buf text = { 0 };
	uint64_t its = 0, ours = 1;
	const char *numbers;

	*ret = (struct net_process){ 0 };
	if (file_read_line_at(AT_FDCWD, comm, &name) == 0)
		(void)snprintf(ret->name, sizeof(ret->name), "%s", name);
	/* The last number is that of its own namespace, which may lie below the container's. */
	if (ns_inode(pid, "pid", &its) < 0 || ns_inode(init, "pid", &ours) < 0 || its != ours ||
	    file_read_at(AT_FDCWD, status, TABLE_MAX, &text) < 0)
		return;
	numbers = strstr(text.data, "\nNSpid:");
	if (numbers) {
		autofree char *line = xstrndup(numbers + 7, strcspn(numbers + 7, "\n"));
		const char *last = strrchr(line, '\t');

		ret->pid = last ? strtoll(last + 1, NULL, 10) : 0;
	}
}

int net_who_look(pid_t init, const struct net_denied *d, struct net_process *ret) {
	autofree char *socket = NULL;
	DIR *proc = NULL;
	const struct dirent *e;
	uint64_t inode = socket_of(init, d), network, its;
	unsigned left = LINKS_MAX;
	int found = 0;

	if (!inode || ns_inode(init, "net", &network) < 0)
		return 0;
	socket = xasprintf("socket:[%" PRIu64 "]", inode);
	proc = opendir("/proc");
	while (proc && !found && left && (e = readdir(proc))) {
		pid_t pid = (pid_t)strtol(e->d_name, NULL, 10);

		if (pid <= 0 || ns_inode(pid, "net", &its) < 0 || its != network ||
		    !has_socket(pid, socket, &left))
			continue;
		net_who_describe(init, pid, ret);
		found = ret->name[0] != '\0';
	}
	if (proc)
		(void)closedir(proc);
	return found;
}
