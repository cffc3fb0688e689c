/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Threats: what looks like an attack, with the evidence, and what was done.
 *
 *   {"id":"<uuid>","timestamp":"…","container":"coi-1","level":"critical",
 *    "category":"process","title":"…","description":"…",
 *    "evidence":{"process":{"pid":7,"command":"…",…}},"action":"killed"}
 *
 * The kinds of evidence are rows of a table, like events (audit.h).
 */
#ifndef COI_AUDIT_THREAT_H
#define COI_AUDIT_THREAT_H

#include <jansson.h>

#include "audit/audit.h"

enum audit_category {
	AUDIT_NETWORK,
	AUDIT_PROCESS,
	AUDIT_FILESYSTEM,
	AUDIT_ENVIRONMENT,
	AUDIT_AUTH,
	AUDIT_PROC_EVENT,
	AUDIT_CREDENTIAL_ACCESS,
	AUDIT_PERSISTENCE,
	AUDIT_CATEGORY_COUNT,
};
/* The word, static; and the category of a word: AUDIT_CATEGORY_COUNT when it is none. */
const char *audit_category_to_string(enum audit_category category);
enum audit_category audit_category_from_string(const char *word);

enum audit_action {
	AUDIT_LOGGED,
	AUDIT_ALERTED,
	AUDIT_PAUSED,
	AUDIT_KILLED,
	AUDIT_BLOCKED,      /* refused before it happened */
	AUDIT_DEDUPLICATED, /* the same as one that was told; `count` says how often */
	AUDIT_ACTION_COUNT,
};
/* The word, static. */
const char *audit_action_to_string(enum audit_action action);

enum audit_evidence {
	AUDIT_EVIDENCE_PROCESS,
	AUDIT_EVIDENCE_NETWORK,
	AUDIT_EVIDENCE_FILESYSTEM,
	AUDIT_EVIDENCE_FILE_WRITE,
	AUDIT_EVIDENCE_DISK_SPACE,
	AUDIT_EVIDENCE_PROCESS_COUNT,
	AUDIT_EVIDENCE_AUTH_LOG,
	AUDIT_EVIDENCE_PROC_EVENT,
	AUDIT_EVIDENCE_SENSITIVE_FILE,
	AUDIT_EVIDENCE_COUNT,
};

struct audit_evidence_def {
	const char *name;
	struct audit_field_def fields[AUDIT_FIELDS_MAX + 1];
};
/* The row of a kind, static; and the kind of a word: AUDIT_EVIDENCE_COUNT when it is none. */
const struct audit_evidence_def *audit_evidence_def(enum audit_evidence kind);
enum audit_evidence audit_evidence_from_string(const char *word);

struct audit_threat {
	enum audit_level level;
	enum audit_category category;
	const char *title;
	const char *description;
	enum audit_evidence evidence;
	const struct audit_field *fields; /* of the evidence */
	enum audit_action action;
	uint64_t count; /* 0 and 1: once */
	/* Of the network: to the container's other file, with these (may be NULL). */
	bool is_network;
	const char *src, *rule, *iif, *oif;
};

/*
 * Hand a threat to all sinks, as audit_write(). The disk is waited for from
 * AUDIT_HIGH on. Evidence that does not fit its row is a bug (assert).
 */
int audit_threat(struct audit *a, const char *container, const struct audit_threat *threat,
		 struct err *err);
/* As it would be recorded now; a new reference. */
json_t *audit_threat_json(const char *container, const struct audit_threat *threat);

#endif
