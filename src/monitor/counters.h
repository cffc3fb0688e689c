/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The kernel's texts about what is counted. Pure. */
#ifndef COI_MONITOR_COUNTERS_H
#define COI_MONITOR_COUNTERS_H

#include <stdint.h>

/* One number; UINT64_MAX: it is none ("max"). */
uint64_t counters_read_number(const char *text);
/* blkio.throttle.io_service_bytes or io.stat: sums over all disks. */
void counters_read_io(const char *text, uint64_t *ret_read, uint64_t *ret_write);
/* /proc/PID/net/dev: bytes received and sent, without the loopback. */
void counters_read_links(const char *text, uint64_t *ret_received, uint64_t *ret_sent);
/* cpuacct.usage or cpu.stat: microseconds; UINT64_MAX: it says none. */
uint64_t counters_read_cpu(const char *text);

#endif
