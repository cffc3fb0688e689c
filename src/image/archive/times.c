/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Compiled with the libraries' time_t (COI_LIBRARY_TIME): nothing of ours that has one is used here. */
#include "image/archive/times.h"

#include <archive_entry.h>
#include <stdbool.h>

int64_t times_mtime(struct archive_entry *e, long *ret_nsec) {
	bool says = archive_entry_mtime_is_set(e);

	*ret_nsec = says ? archive_entry_mtime_nsec(e) : 0;
	return says ? archive_entry_mtime(e) : 0;
}

void times_set_mtime(struct archive_entry *e, int64_t sec, long nsec) {
	const bool is_narrow = sizeof(time_t) < sizeof(sec);

	if (is_narrow && sec > INT32_MAX)
		sec = INT32_MAX;
	if (is_narrow && sec < INT32_MIN)
		sec = INT32_MIN;
	archive_entry_set_mtime(e, (time_t)sec, nsec);
}
