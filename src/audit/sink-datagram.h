/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the sinks of other loggers of the host have in common: a datagram to a Unix socket
 * that somebody else reads, or does not. Never waits. Private to src/audit.
 */
#ifndef COI_AUDIT_SINK_DATAGRAM_H
#define COI_AUDIT_SINK_DATAGRAM_H

#include <sys/types.h>

#include "audit/sink.h"

#define DATAGRAM_MESSAGE_MAX 2048 /* bytes of the text for people */

/*
 * The datagram, newly allocated, that says @text, one line without control characters;
 * @record is what it is about, NULL: it is about none.
 */
typedef char *datagram_format(enum audit_level level, const char *text,
			      const struct audit_record *record, size_t *ret_len);

struct datagram_sink {
	struct audit_sink base;
	char *path;
	int fd;        /* -1: not yet */
	uint64_t lost; /* that found no reader, or no room */
	datagram_format *format;
};

/* Owned by the caller. */
struct audit_sink *datagram_new(const struct audit_sink_ops *ops, const char *path,
				datagram_format *format);
/*
 * As audit_sink_ops want it. A reader that is not there, or does not keep up, is no error:
 * the files have the record. What was lost is the first thing that arrives again.
 */
int datagram_write(struct audit_sink *sink, const struct audit_record *record, struct err *err);
void datagram_free(struct audit_sink *sink);
/* Does somebody read at @path now? 0 or -errno. */
int datagram_check(const char *path);
/* The severity of syslog(3) for a level. */
int datagram_severity(enum audit_level level);

#endif
