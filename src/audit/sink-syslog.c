/* SPDX-License-Identifier: GPL-2.0-or-later */
/* To the host's syslog, in the form that all of them read (RFC 3164): "<84>Nov 29 …". */
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "audit/sink-datagram.h"
#include "base/mem.h"

static char *format(enum audit_level level, const char *text, const struct audit_record *record,
		    size_t *ret_len) {
	/* Not strftime(): the names of months are English there, whatever the locale. */
	static const char *const months[] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
					      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
	const char *container = record ? record->container : NULL;
	time_t now = time(NULL);
	struct tm tm = { 0 };
	char *out;

	(void)localtime_r(&now, &tm);
	out = xasprintf("<%d>%s %2d %02d:%02d:%02d coi[%d]: %s%s%s",
			LOG_AUTHPRIV | datagram_severity(level), months[tm.tm_mon], tm.tm_mday,
			tm.tm_hour, tm.tm_min, tm.tm_sec, (int)getpid(), container ? container : "",
			container ? ": " : "", text);
	*ret_len = strlen(out);
	return out;
}

static const struct audit_sink_ops syslog_ops = {
	.name = "syslog",
	.write = datagram_write,
	.free = datagram_free,
};

struct audit_sink *audit_sink_syslog(const char *path) {
	return datagram_new(&syslog_ops, path ? path : AUDIT_SYSLOG_SOCKET, format);
}
