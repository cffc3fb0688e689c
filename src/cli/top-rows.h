/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What `coi top` shows: how much is used, between two looks. */
#ifndef COI_CLI_TOP_ROWS_H
#define COI_CLI_TOP_ROWS_H

#include <sys/types.h>

#include "session/container.h"
#include "session/monitoring.h"
#include "session/usage.h"

#define TOP_PROCESSES_MAX 4096 /* of each container */

enum top_sort {
	TOP_CPU,
	TOP_MEM,
	TOP_DISK,
	TOP_NET,
	TOP_SORT_COUNT,
};
extern const char *const top_sorts[]; /* their words, NULL-terminated */
/* TOP_SORT_COUNT when it is none. */
enum top_sort top_sort_from_string(const char *word);

/* A container, or (pid > 0) a process of one. */
struct top_row {
	char *container;
	char *alias;     /* "" when it has none */
	char *workspace;
	pid_t pid;       /* the host's number */
	char *user;      /* as the container counts */
	char *command;   /* escaped */
	struct usage usage;
	/* Since the look before. */
	double cpu_percent, disk_read, disk_write, net_rx, net_tx;
};

struct top {
	struct top_row *rows;
	size_t count;
};
void top_done(struct top *t);
#define auto_top __attribute__((cleanup(top_done)))

/* One row more for @c. */
void top_add_container(struct top *t, const struct session *s, const struct container *c);
/* A row for each of its processes. 0 or -errno with @err. */
int top_add_processes(struct top *t, const struct session *s, const struct container *c,
		      const struct monitoring_plan *plan, struct err *err);
/* Rates, by what was there @before; and the order, most first. Pure. */
void top_compare(struct top *t, const struct top *before, enum top_sort by);

#endif
