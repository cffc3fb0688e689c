/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Private to src/audit: what a target of events is. */
#ifndef COI_AUDIT_SINK_H
#define COI_AUDIT_SINK_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "audit/audit.h"
#include "base/clock.h"

/* A finished event. Borrowed for the length of the call. */
struct audit_record {
	bool sync;             /* wait for the disk */
	bool may_be_lost;      /* of a stream: the last room is not for it */
	bool is_network;       /* goes to the container's other file */
	const char *container; /* NULL: none */
	const json_t *body;
	const char *line; /* ends in a newline */
	size_t len;
};

struct audit_sink_ops {
	const char *name;
	int (*write)(struct audit_sink *sink, const struct audit_record *record, struct err *err);
	/* Both may be NULL: see audit_hold(). */
	void (*hold)(struct audit_sink *sink);
	int (*release)(struct audit_sink *sink, struct err *err);
	void (*free)(struct audit_sink *sink);
};

/* First member of each sink. */
struct audit_sink {
	const struct audit_sink_ops *ops;
};

struct audit_context {
	const struct privilege *who;
	const char *session; /* NULL: none */
	const char *stamp;   /* RFC 3339 */
};

/*
 * The event as JSON: escaped, bounded, secrets masked. Newly allocated.
 * @fields have passed audit_check().
 */
json_t *audit_encode(const struct audit_context *context, enum audit_type type,
		     const char *container, const struct audit_field *fields);
/* As audit_check(), against any list of fields; @what is for messages. */
int audit_check_fields(const struct audit_field_def *defs, const char *what,
		       const struct audit_field *fields, struct err *err);
/*
 * The fields into @body, in the table's order. A name "a.b" goes to the object
 * "a" in it.
 */
void audit_encode_fields(json_t *body, const struct audit_field_def *defs,
			 const struct audit_field *fields);
/* A text as it goes into a record: escaped and bounded. */
json_t *audit_encode_text(const char *text);
/* The JSON as one line with a newline; shortens what would go past AUDIT_LINE_MAX. */
char *audit_line(json_t *body, size_t *ret_len);
/* To every sink; the first failure. */
int audit_deliver(struct audit *a, const struct audit_record *record, struct err *err);
/* What the audit is for; the stamp is now's, in @stamp. */
struct audit_context audit_now(const struct audit *a, char stamp[CLOCK_RFC3339_SIZE]);

#endif
