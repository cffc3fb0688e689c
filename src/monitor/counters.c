/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "monitor/counters.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

uint64_t counters_read_number(const char *text) {
	char *end;
	uint64_t n = strtoull(text, &end, 10);

	return end == text ? UINT64_MAX : n;
}

/* "8:0 Read 4096" on a line of its own, or "8:0 rbytes=4096 wbytes=0": their sums. */
void counters_read_io(const char *text, uint64_t *ret_read, uint64_t *ret_write) {
	*ret_read = *ret_write = 0;
	for (const char *line = text; line && *line; line = strchr(line, '\n')) {
		char what[16];
		uint64_t n, m;

		line += *line == '\n';
		if (sscanf(line, "%*u:%*u %15s %" SCNu64, what, &n) == 2) {
			*ret_read += strcmp(what, "Read") == 0 ? n : 0;
			*ret_write += strcmp(what, "Write") == 0 ? n : 0;
		} else if (sscanf(line, "%*u:%*u rbytes=%" SCNu64 " wbytes=%" SCNu64, &n, &m) ==
		           2) {
			*ret_read += n;
			*ret_write += m;
		}
	}
}

/* Of all links but the loopback: the first and the ninth number of a line of /proc/net/dev. */
void counters_read_links(const char *text, uint64_t *ret_received, uint64_t *ret_sent) {
	*ret_received = *ret_sent = 0;
	for (const char *line = text; line && *line; line = strchr(line, '\n')) {
		char name[32];
		uint64_t received, sent;

		line += *line == '\n';
		if (sscanf(line, " %31[^:\n]:%" SCNu64 " %*u %*u %*u %*u %*u %*u %*u %" SCNu64,
		           name, &received, &sent) != 3 ||
		    strcmp(name, "lo") == 0)
			continue;
		*ret_received += received;
		*ret_sent += sent;
	}
}

/* "usage_usec 12" and more, or nanoseconds alone. */
uint64_t counters_read_cpu(const char *text) {
	const char *at = strstr(text, "usage_usec ");
	uint64_t n = counters_read_number(at ? at + sizeof("usage_usec ") - 1 : text);

	return n == UINT64_MAX || at ? n : n / 1000;
}
