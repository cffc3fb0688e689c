/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "monitor/source/process.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"

#define STAT_MAX 1024
#define STATUS_MAX 8192
#define GROUPS_MAX 65536
#define PROCS_MAX (16 * 1024 * 1024) /* bytes of one cgroup.procs */
#define DEPTH_MAX 16                 /* groups in groups */

int64_t watch_uid(const struct watch_target *t, uint32_t uid) {
	return uid >= t->uid_base && uid - t->uid_base < t->uid_count ? (int64_t)(uid - t->uid_base)
	                                                              : -1;
}

void process_done(struct process *p) {
	buf_done(&p->args);
}

static int read_file(int proc_fd, pid_t pid, const char *name, size_t max, struct buf *out) {
	char path[64];

	(void)snprintf(path, sizeof(path), "%d/%s", (int)pid, name);
	return file_read_at(proc_fd, path, max, out);
}

/* "123 (name) S 7 …": the name may have anything in it, its end is the last ')'. */
static int read_stat(int proc_fd, struct process *p) {
	const char *open, *close;
	struct buf b;
	int ppid = 0, r = read_file(proc_fd, p->pid, "stat", STAT_MAX, &b);
	uint64_t memory = 0;
	size_t n;

	if (r < 0)
		return r;
	open = strchr(b.data, '(');
	close = strrchr(b.data, ')');
	if (open && close && close > open &&
	    sscanf(close + 1,
	           " %*c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d "
	           "%" SCNu64 " %" SCNu64,
	           &ppid, &p->start, &memory) == 3) {
		n = (size_t)(close - open) - 1;
		n = n < sizeof(p->comm) ? n : sizeof(p->comm) - 1;
		memcpy(p->comm, open + 1, n);
		p->comm[n] = '\0';
		p->ppid = ppid;
		p->is_gone = !memory;
	} else {
		r = -EBADMSG;
	}
	buf_done(&b);
	return r;
}

/* Its user, and the process that it is a thread of. A name makes no line: that is escaped here. */
static void read_status(int proc_fd, struct process *p) {
	const char *at;
	struct buf b;
	unsigned uid;
	int pid;

	if (read_file(proc_fd, p->pid, "status", STATUS_MAX, &b) < 0)
		return;
	at = strstr(b.data, "\nTgid:");
	if (at && sscanf(at + 6, "%d", &pid) == 1)
		p->pid = pid;
	at = strstr(b.data, "\nUid:");
	if (at && sscanf(at + 5, "%*u %u", &uid) == 1)
		p->uid = uid;
	buf_done(&b);
}

/* As much as is looked at; how much there is. */
static int read_args(int proc_fd, struct process *p) {
	char path[64], block[16384];
	autoclose int fd = -1;
	ssize_t n;

	(void)snprintf(path, sizeof(path), "%d/cmdline", (int)p->pid);
	fd = openat(proc_fd, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	while ((n = read(fd, block, sizeof(block))) > 0) {
		size_t room = p->args.max - p->args.len;

		p->args_bytes += (size_t)n;
		buf_add(&p->args, block, (size_t)n < room ? (size_t)n : room);
	}
	return n < 0 ? -errno : 0;
}

int process_read(int proc_fd, pid_t pid, struct process *ret) {
	int r;

	*ret = (struct process){ .pid = pid, .uid = -1, .is_gone = true };
	buf_init(&ret->args, WATCH_ARGS_MAX);
	r = read_args(proc_fd, ret);
	if (r == 0)
		r = read_stat(proc_fd, ret);
	if (r == 0)
		read_status(proc_fd, ret);
	return r;
}

void process_who(int proc_fd, pid_t tid, struct process *ret) {
	*ret = (struct process){ .pid = tid, .uid = -1 };
	(void)read_stat(proc_fd, ret);
	read_status(proc_fd, ret);
}

int process_is_in(int proc_fd, pid_t pid, const char *lxc_name) {
	autofree char *part = xasprintf("/lxc.payload.%s", lxc_name);
	struct buf b;
	int r = read_file(proc_fd, pid, "cgroup", GROUPS_MAX, &b);
	const char *at;

	if (r < 0)
		return r;
	at = strstr(b.data, part);
	r = at && (at[strlen(part)] == '/' || at[strlen(part)] == '\n');
	buf_done(&b);
	return r;
}

static bool has_gone(void) {
	return errno == ENOENT || errno == ENODEV;
}

static unsigned each_in(int group, unsigned depth, void (*fn)(pid_t pid, void *data), void *data) {
	autoclose int fd = openat(group, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	autoclosedir DIR *d = NULL;
	struct dirent *e;
	unsigned missed = 0;
	struct buf b;
	char *save = NULL;

	if (file_read_at(group, "cgroup.procs", PROCS_MAX, &b) == 0) {
		for (char *w = strtok_r(b.data, "\n", &save); w; w = strtok_r(NULL, "\n", &save))
			fn((pid_t)strtol(w, NULL, 10), data);
		buf_done(&b);
	}
	d = fd < 0 ? NULL : fdopendir(fd);
	if (!d)
		return !has_gone();
	(void)steal_fd(&fd);
	while ((e = readdir(d))) {
		autoclose int child = -1;

		if (e->d_type != DT_DIR || !strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
			continue;
		if (depth < DEPTH_MAX)
			child = openat(group, e->d_name,
			               O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (child >= 0)
			missed += each_in(child, depth + 1, fn, data);
		else if (depth == DEPTH_MAX || !has_gone())
			missed++;
	}
	return missed;
}

unsigned process_each(int group_fd, void (*fn)(pid_t pid, void *data), void *data) {
	return each_in(group_fd, 0, fn, data);
}

char **process_argv(char *args, size_t len, size_t *ret_argc) {
	char **argv = xcalloc(1, sizeof(*argv));
	size_t argc = 0, room = 0;

	for (size_t at = 0; at < len && argc < WATCH_ARGC_MAX; at += strlen(args + at) + 1) {
		if (argc == room) {
			room = room ? room * 2 : 16;
			argv = xreallocarray(argv, room + 1, sizeof(*argv));
		}
		argv[argc++] = args + at;
	}
	argv[argc] = NULL;
	*ret_argc = argc;
	return argv;
}

void process_tell(const struct process *p, const struct watch_target *t, bool was_running,
                  const struct watch_sink *sink) {
	size_t argc;
	autofree char **argv = process_argv(p->args.data, p->args.len, &argc);
	const bool is_cut = p->args_bytes > p->args.len || argc == WATCH_ARGC_MAX;

	/* What a program that has given itself a title leaves of its words. */
	while (argc > 1 && !*argv[argc - 1])
		argv[--argc] = NULL;

	const struct watch_event e = {
		.kind = WATCH_EXEC,
		.at_us = p->at_us,
		.pid = p->pid,
		.ppid = p->ppid,
		.uid = p->uid < 0 ? -1 : watch_uid(t, (uint32_t)p->uid),
		.comm = p->comm,
		.exec = { .exe = "",
		          .file = "",
		          .comm = p->comm,
		          .argv = argv,
		          .argc = argc,
		          .args_bytes = p->args_bytes,
		          .is_cut = is_cut,
		          .is_gone = p->is_gone && !p->args_bytes,
		          .was_running = was_running },
	};

	sink->event(&e, sink->data);
}
