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

struct datagram_sink {
	struct audit_sink base;
	char *path;
	int fd;        /* -1: not yet */
	uint64_t lost; /* that found no reader, or no room */
	/* The datagram for @record; NULL: it is not one that goes there. */
	char *(*make)(const struct audit_record *record, size_t *ret_len);
	/* One that says that @count were lost; newly allocated. */
	char *(*make_lost)(uint64_t count, size_t *ret_len);
};

/* Owned by the caller, who fills in the functions. */
struct datagram_sink *datagram_new(const struct audit_sink_ops *ops, const char *path);
/*
 * As audit_sink_ops want it. A reader that is not there, or does not keep up, is no error:
 * the files have the record. What was lost is the first thing that arrives again.
 */
int datagram_write(struct audit_sink *sink, const struct audit_record *record, struct err *err);
void datagram_free(struct audit_sink *sink);
/* Does somebody read at @path now? 0 or -errno. */
int datagram_check(const char *path);
/* What a person reads, one line without control characters; its level. Newly allocated. */
char *datagram_text(const struct audit_record *record, enum audit_level *ret_level);
/* The severity of syslog(3) for a level. */
int datagram_severity(enum audit_level level);

#endif
