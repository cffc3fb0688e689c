/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Private to src/audit: what a target of events is. */
#ifndef COI_AUDIT_SINK_H
#define COI_AUDIT_SINK_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "audit/audit.h"

/* A finished event. Borrowed for the length of the call. */
struct audit_record {
	const struct audit_event_def *def;
	const char *container; /* NULL: none */
	const json_t *body;
	const char *line; /* ends in a newline */
	size_t len;
};

struct audit_sink_ops {
	const char *name;
	int (*write)(struct audit_sink *sink, const struct audit_record *record, struct err *err);
	void (*free)(struct audit_sink *sink);
};

/* First member of each sink. */
struct audit_sink {
	const struct audit_sink_ops *ops;
};

/*
 * The event as JSON: escaped, bounded, secrets masked. Newly allocated.
 * @fields have passed audit_check(). @stamp is RFC 3339.
 */
json_t *audit_encode(const struct privilege *who, const char *stamp, enum audit_type type,
		     const char *container, const struct audit_field *fields);
/* The JSON as one line with a newline; shortens what would go past AUDIT_LINE_MAX. */
char *audit_line(json_t *body, size_t *ret_len);

#endif
