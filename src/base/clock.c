/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/clock.h"

#include <stdio.h>
#include <string.h>

int64_t clock_boot_ms(void) {
	struct timespec ts;

	(void)clock_gettime(CLOCK_BOOTTIME, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

int64_t clock_real_ms(void) {
	struct timespec ts;

	(void)clock_gettime(CLOCK_REALTIME, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

uint64_t clock_mono_us(void) {
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts); /* cannot fail for this clock */
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

uint64_t clock_mono_ms(void) {
	return clock_mono_us() / 1000;
}

char *clock_rfc3339(time_t t, char out[CLOCK_RFC3339_SIZE]) {
	struct tm tm;
	size_t len;

	if (!localtime_r(&t, &tm) || tm.tm_year < 1 - 1900 || tm.tm_year > 9999 - 1900) {
		t = 0;
		memset(&tm, 0, sizeof(tm));
		(void)localtime_r(&t, &tm);
	}
	len = strftime(out, CLOCK_RFC3339_SIZE, "%Y-%m-%dT%H:%M:%S%z", &tm);
	/* strftime gives +0100, the format wants +01:00. */
	if (len >= 5 && len + 1 < CLOCK_RFC3339_SIZE) {
		memmove(out + len - 1, out + len - 2, 3);
		out[len - 2] = ':';
	}
	return out;
}

time_t clock_parse_rfc3339(const char *text) {
	int year, month, day, hour, minute, second, oh = 0, om = 0, used = 0;
	struct tm tm = { 0 };
	char sign = 'Z';
	time_t t;

	if (!text || sscanf(text, "%4d-%2d-%2dT%2d:%2d:%2d%n", &year, &month, &day, &hour, &minute,
			    &second, &used) != 6)
		return -1;
	text += used;
	if (*text == '.')
		text += 1 + strspn(text + 1, "0123456789");
	sign = *text;
	if (sign == '+' || sign == '-') {
		if (sscanf(text + 1, "%2d:%2d%n", &oh, &om, &used) != 2 || text[1 + used])
			return -1;
	} else if ((sign != 'Z' && sign != 'z') || text[1]) {
		return -1;
	}
	/* timegm() would carry what is out of range over; a leap second it may. */
	if (month < 1 || month > 12 || day < 1 || day > 31 || hour < 0 || hour > 23 ||
	    minute < 0 || minute > 59 || second < 0 || second > 60 || oh < 0 || oh > 23 ||
	    om < 0 || om > 59)
		return -1;
	tm.tm_year = year - 1900;
	tm.tm_mon = month - 1;
	tm.tm_mday = day;
	tm.tm_hour = hour;
	tm.tm_min = minute;
	tm.tm_sec = second;
	t = timegm(&tm);
	return sign == '-' ? t + oh * 3600 + om * 60 : t - oh * 3600 - om * 60;
}
