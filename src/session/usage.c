/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "session/usage.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/mem.h"
#include "monitor/counters.h"

#define MB (1024.0 * 1024.0)
#define STATM_MAX 256

static uint64_t number_of(const struct runtime_ref *ref, enum runtime_counter which,
			  uint64_t (*read)(const char *)) {
	autofree char *text = runtime_counter_text(ref, which);

	return text ? read(text) : UINT64_MAX;
}

void usage_read(const struct runtime_ref *ref, struct usage *ret) {
	autofree char *io = runtime_counter_text(ref, RUNTIME_COUNTER_IO);
	autofree char *links = runtime_counter_text(ref, RUNTIME_COUNTER_NET);

	*ret = (struct usage){ .at_us = clock_mono_us(),
			       .read_bytes = UINT64_MAX,
			       .write_bytes = UINT64_MAX,
			       .received_bytes = UINT64_MAX,
			       .sent_bytes = UINT64_MAX };
	if (io)
		counters_read_io(io, &ret->read_bytes, &ret->write_bytes);
	if (links)
		counters_read_links(links, &ret->received_bytes, &ret->sent_bytes);
	ret->cpu_us = number_of(ref, RUNTIME_COUNTER_CPU, counters_read_cpu);
	ret->memory_bytes = number_of(ref, RUNTIME_COUNTER_MEMORY, counters_read_number);
	ret->memory_limit = runtime_memory_limit(ref);
}

/* Its clock instead of /proc/PID/stat, which has a name in it that the process chose. */
static int read_cpu(pid_t pid, uint64_t *ret_us) {
	struct timespec t;
	clockid_t clock;
	int r = clock_getcpuclockid(pid, &clock);

	if (r)
		return -r;
	if (clock_gettime(clock, &t) < 0)
		return -errno;
	*ret_us = (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
	return 0;
}

int usage_process_read(pid_t pid, struct usage_process *ret) {
	struct usage_process p = { .pid = pid, .at_us = clock_mono_us() };
	unsigned long long resident = 0;
	autobuf struct buf text = { 0 };
	char path[64];
	int r = read_cpu(pid, &p.cpu_us);

	if (r < 0)
		return r;
	(void)snprintf(path, sizeof(path), "/proc/%d/statm", (int)pid);
	r = file_read_at(AT_FDCWD, path, STATM_MAX, &text);
	if (r < 0)
		return r;
	(void)sscanf(text.data, "%*u %llu", &resident);
	p.memory_bytes = resident * (uint64_t)sysconf(_SC_PAGESIZE);
	*ret = p;
	return 0;
}

double usage_mb(uint64_t bytes) {
	return bytes == UINT64_MAX ? 0 : (double)bytes / MB;
}

static uint64_t more(uint64_t now, uint64_t before) {
	return now == UINT64_MAX || before == UINT64_MAX || now < before ? 0 : now - before;
}

double usage_mb_rate(uint64_t now, uint64_t before, uint64_t us) {
	return us ? usage_mb(more(now, before)) * 1e6 / (double)us : 0;
}

double usage_percent(uint64_t cpu_us, uint64_t cpu_us_before, uint64_t us) {
	return us ? (double)more(cpu_us, cpu_us_before) * 100 / (double)us : 0;
}

json_t *usage_json(double value) {
	return json_real((double)(int64_t)(value * 100 + 0.5) / 100);
}
