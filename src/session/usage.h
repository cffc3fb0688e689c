/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a container and its processes have used so far, and how fast, between two times. */
#ifndef COI_SESSION_USAGE_H
#define COI_SESSION_USAGE_H

#include <jansson.h>
#include <stdint.h>
#include <sys/types.h>

#include "runtime/control.h"

/* UINT64_MAX: it is not counted here. */
struct usage {
	uint64_t at_us; /* by clock_mono_us() */
	uint64_t read_bytes, write_bytes;
	uint64_t received_bytes, sent_bytes;
	uint64_t cpu_us;
	uint64_t memory_bytes;
	uint64_t memory_limit; /* 0: none */
};
void usage_read(const struct runtime_ref *ref, struct usage *ret);

/* Of a process, by its number on the host, and nothing that it could say itself. */
struct usage_process {
	pid_t pid;
	uint64_t at_us;
	uint64_t cpu_us;
	uint64_t memory_bytes;
};
/* 0, or -errno: it is no more. */
int usage_process_read(pid_t pid, struct usage_process *ret);

/* What is not counted, or went backwards, counts as 0. */
double usage_mb(uint64_t bytes);
double usage_mb_rate(uint64_t now, uint64_t before, uint64_t us);
/* Of one processor: two that are busy are 200. */
double usage_percent(uint64_t cpu_us, uint64_t cpu_us_before, uint64_t us);
/* Two digits after the point; a new reference. */
json_t *usage_json(double value);

#endif
