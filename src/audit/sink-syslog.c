/* SPDX-License-Identifier: GPL-2.0-or-later */
/* To the host's syslog, in the form that all of them read (RFC 3164): "<84>Nov 29 …". */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "audit/sink-datagram.h"
#include "base/mem.h"

static char *line(enum audit_level level, const char *text, size_t *ret_len) {
	/* Not strftime(): the names of months are English there, whatever the locale. */
	static const char *const months[] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
					      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
	time_t now = time(NULL);
	struct tm tm = { 0 };
	char *out;

	(void)localtime_r(&now, &tm);
	out = xasprintf("<%d>%s %2d %02d:%02d:%02d coi[%d]: %s",
			LOG_AUTHPRIV | datagram_severity(level), months[tm.tm_mon], tm.tm_mday,
			tm.tm_hour, tm.tm_min, tm.tm_sec, (int)getpid(), text);
	*ret_len = strlen(out);
	return out;
}

static char *make(const struct audit_record *record, size_t *ret_len) {
	enum audit_level level;
	autofree char *text = datagram_text(record, &level), *whole = NULL;

	if (!text)
		return NULL;
	whole = xasprintf("%s%s%s", record->container ? record->container : "",
			  record->container ? ": " : "", text);
	return line(level, whole, ret_len);
}

static char *make_lost(uint64_t count, size_t *ret_len) {
	autofree char *text = xasprintf("%" PRIu64 " records did not reach syslog; "
					"they are in ~/.coi/audit", count);

	return line(AUDIT_WARNING, text, ret_len);
}

static const struct audit_sink_ops syslog_ops = {
	.name = "syslog",
	.write = datagram_write,
	.free = datagram_free,
};

struct audit_sink *audit_sink_syslog(const char *path) {
	struct datagram_sink *d = datagram_new(&syslog_ops, path ? path : AUDIT_SYSLOG_SOCKET);

	d->make = make;
	d->make_lost = make_lost;
	return &d->base;
}
