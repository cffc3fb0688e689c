/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Events that another process of ours describes: a watcher without rights, which
 * reads what is hostile. Only what a table has, in the kind that it has it, is taken.
 */
#ifndef COI_AUDIT_TYPED_H
#define COI_AUDIT_TYPED_H

#include <jansson.h>

#include "audit/threat.h"

/*
 * As audit_write(), with the fields that @body has by their names. -EBADMSG (and
 * @err) when a mandatory one is missing.
 */
int audit_write_typed(struct audit *a, enum audit_type type, const char *container,
		      const json_t *body, struct err *err);
/* As audit_threat(); the fields of the evidence are those of @body ("connection.protocol"). */
int audit_threat_typed(struct audit *a, const char *container, const struct audit_threat *threat,
		       const json_t *body, struct err *err);
/* The same as a document, a new reference in *@ret, for whoever shows and keeps nothing. */
int audit_threat_typed_json(const char *container, const struct audit_threat *threat,
			    const json_t *body, json_t **ret, struct err *err);
/* The stream of that name: "exec"; AUDIT_TYPE_COUNT when it is none. */
enum audit_type audit_stream_from_string(const char *word);

#endif
