/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Times: deadlines on CLOCK_MONOTONIC, records in RFC 3339 with offset. */
#ifndef COI_BASE_CLOCK_H
#define COI_BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

/* CLOCK_MONOTONIC since an unspecified start: for deadlines and durations only. */
uint64_t clock_mono_ms(void);
uint64_t clock_mono_us(void);
/* CLOCK_BOOTTIME: goes on while the machine is suspended; the same for all processes of a boot. */
int64_t clock_boot_ms(void);
/* CLOCK_REALTIME since 1970, to compare with what files say. */
int64_t clock_real_ms(void);
/*
 * "2026-11-25T12:00:00+01:00" (RFC 3339, local offset) into @out. That has years of four
 * digits: what lies outside becomes the beginning of 1970. Up to CLOCK_RFC3339_LAST none does.
 */
#define CLOCK_RFC3339_SIZE 32
#define CLOCK_RFC3339_LAST INT64_C(253402214399) /* 9999-12-30 23:59:59 UTC: with any offset */
char *clock_rfc3339(time_t t, char out[CLOCK_RFC3339_SIZE]);
/* The time of such a text; -1 when it is none. */
time_t clock_parse_rfc3339(const char *text);

#endif
