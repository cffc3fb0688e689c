/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "audit/threat.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "audit/sink.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"

#define UUID_SIZE 37

#define MUST AUDIT_MANDATORY
#define COMMAND (AUDIT_COMMAND | AUDIT_JOINED | AUDIT_LONG)
#define TEXT(name_, flags_, meaning_) { name_, AUDIT_KIND_TEXT, flags_, meaning_ }
#define INT(name_, flags_, meaning_) { name_, AUDIT_KIND_INT, flags_, meaning_ }
#define REAL(name_, flags_, meaning_) { name_, AUDIT_KIND_REAL, flags_, meaning_ }
#define LIST(name_, flags_, meaning_) { name_, AUDIT_KIND_LIST, flags_, meaning_ }

static const struct audit_evidence_def evidence[AUDIT_EVIDENCE_COUNT] = {
	[AUDIT_EVIDENCE_PROCESS] = {
		.name = "process",
		.fields = {
			INT("pid", MUST, "of the process, in the host's numbers"),
			LIST("command", MUST | COMMAND, "its command line"),
			TEXT("user", 0, "whose it is, as the container counts"),
			TEXT("pattern", 0, "the rule that fired"),
			LIST("indicators", AUDIT_COMMAND, "what in the command line it was"),
		},
	},
	[AUDIT_EVIDENCE_NETWORK] = {
		.name = "network",
		.fields = {
			TEXT("connection.protocol", MUST, "tcp, udp or a number"),
			TEXT("connection.local_addr", 0, "address:port of this side"),
			TEXT("connection.remote_addr", MUST, "address:port of the other side"),
			TEXT("connection.state", 0, "connect, refused or let through"),
			INT("connection.uid", 0, "whose it is, as the container counts"),
			INT("connection.pid", 0, "of the process, in the host's numbers"),
			TEXT("reason", 0, "what is wrong with it"),
			TEXT("remote_host", 0, "name that led to the address"),
		},
	},
	[AUDIT_EVIDENCE_FILESYSTEM] = {
		.name = "filesystem",
		.fields = {
			REAL("read_bytes_mb", MUST, "read in that time"),
			REAL("read_rate_mb_per_sec", 0, "read each second"),
			LIST("files_read", 0, "some of them"),
			TEXT("duration", 0, "of the time"),
			REAL("threshold_mb", 0, "what is allowed"),
		},
	},
	[AUDIT_EVIDENCE_FILE_WRITE] = {
		.name = "file_write",
		.fields = {
			REAL("write_bytes_mb", MUST, "written in that time"),
			REAL("write_rate_mb_per_sec", 0, "written each second"),
			TEXT("duration", 0, "of the time"),
			REAL("threshold_mb", 0, "what is allowed"),
		},
	},
	[AUDIT_EVIDENCE_DISK_SPACE] = {
		.name = "disk_space",
		.fields = {
			REAL("tmp_used_mb", MUST, "in use"),
			REAL("tmp_total_mb", MUST, "there is"),
			REAL("tmp_used_percent", MUST, "of it in use"),
		},
	},
	[AUDIT_EVIDENCE_PROCESS_COUNT] = {
		.name = "process_count",
		.fields = {
			INT("count", MUST, "processes, or new ones in a second"),
			INT("threshold", MUST, "what is allowed"),
			INT("delta", 0, "more than at the last look"),
		},
	},
	[AUDIT_EVIDENCE_AUTH_LOG] = {
		.name = "auth_log",
		.fields = {
			TEXT("log_file", MUST, "of the container"),
			TEXT("line", MUST | AUDIT_COMMAND, "of it"),
			TEXT("pattern", 0, "the rule that fired"),
		},
	},
	[AUDIT_EVIDENCE_PROC_EVENT] = {
		.name = "proc_event",
		.fields = {
			INT("pid", MUST, "of the process, in the host's numbers"),
			LIST("command", MUST | COMMAND, "its command line"),
			TEXT("pattern", 0, "the rule that fired"),
		},
	},
	[AUDIT_EVIDENCE_SENSITIVE_FILE] = {
		.name = "sensitive_file",
		.fields = {
			TEXT("path", MUST, "as the container sees it"),
			TEXT("access", MUST, "open, read, write, run, create, delete or move"),
			INT("pid", 0, "of the process, in the host's numbers"),
			TEXT("comm", 0, "name of the process"),
		},
	},
};

const struct audit_evidence_def *audit_evidence_def(enum audit_evidence kind) {
	assert((unsigned)kind < AUDIT_EVIDENCE_COUNT);
	return &evidence[kind];
}

enum audit_evidence audit_evidence_from_string(const char *word) {
	enum audit_evidence e = AUDIT_EVIDENCE_PROCESS;

	while (e < AUDIT_EVIDENCE_COUNT && strcmp(evidence[e].name, word) != 0)
		e++;
	return e;
}

static const char *const categories[AUDIT_CATEGORY_COUNT] = {
	[AUDIT_NETWORK] = "network",
	[AUDIT_PROCESS] = "process",
	[AUDIT_FILESYSTEM] = "filesystem",
	[AUDIT_ENVIRONMENT] = "environment",
	[AUDIT_AUTH] = "auth",
	[AUDIT_PROC_EVENT] = "proc_event",
	[AUDIT_CREDENTIAL_ACCESS] = "credential_access",
	[AUDIT_PERSISTENCE] = "persistence",
};

const char *audit_category_to_string(enum audit_category category) {
	return categories[category];
}

enum audit_category audit_category_from_string(const char *word) {
	enum audit_category c = AUDIT_NETWORK;

	while (c < AUDIT_CATEGORY_COUNT && strcmp(categories[c], word) != 0)
		c++;
	return c;
}

static const char *const actions[AUDIT_ACTION_COUNT] = {
	[AUDIT_LOGGED] = "logged",
	[AUDIT_ALERTED] = "alerted",
	[AUDIT_PAUSED] = "paused",
	[AUDIT_KILLED] = "killed",
	[AUDIT_BLOCKED] = "blocked",
	[AUDIT_DEDUPLICATED] = "deduplicated",
};

const char *audit_action_to_string(enum audit_action action) {
	return actions[action];
}

/* A random one (RFC 9562, version 4). */
static void make_uuid(char out[UUID_SIZE]) {
	unsigned char b[16] = { 0 };

	(void)!getrandom(b, sizeof(b), 0);
	b[6] = (b[6] & 0x0f) | 0x40;
	b[8] = (b[8] & 0x3f) | 0x80;
	(void)snprintf(out, UUID_SIZE,
		       "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0],
		       b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12],
		       b[13], b[14], b[15]);
}

static void set_text(json_t *body, const char *key, const char *text) {
	if (text)
		json_object_set_new(body, key, audit_encode_text(text));
}

static json_t *encode(const char *stamp, const char *container, const struct audit_threat *t) {
	const struct audit_evidence_def *def = audit_evidence_def(t->evidence);
	json_t *body = json_object(), *all = json_object(), *one = json_object();
	char uuid[UUID_SIZE];

	make_uuid(uuid);
	set_text(body, "id", uuid);
	set_text(body, "timestamp", stamp);
	set_text(body, "container", container);
	set_text(body, "level", audit_level_to_string(t->level));
	set_text(body, "category", audit_category_to_string(t->category));
	set_text(body, "title", t->title);
	set_text(body, "description", t->description);
	audit_encode_fields(one, def->fields, t->fields);
	json_object_set_new(all, def->name, one);
	json_object_set_new(body, "evidence", all);
	set_text(body, "action", audit_action_to_string(t->action));
	if (t->count > 1)
		json_object_set_new(body, "count", json_integer((json_int_t)t->count));
	set_text(body, "src", t->src);
	set_text(body, "rule", t->rule);
	set_text(body, "iif", t->iif);
	set_text(body, "oif", t->oif);
	return body;
}

json_t *audit_threat_json(const char *container, const struct audit_threat *threat) {
	char stamp[CLOCK_RFC3339_SIZE];

	return encode(clock_rfc3339(time(NULL), stamp), container, threat);
}

int audit_threat(struct audit *a, const char *container, const struct audit_threat *t,
		 struct err *err) {
	const struct audit_evidence_def *def = audit_evidence_def(t->evidence);
	int misfit = audit_check_fields(def->fields, def->name, t->fields, err);

	assert(misfit == 0 && t->title && t->description);
	if (misfit < 0)
		return misfit;
	if (!a)
		return 0;

	char stamp[CLOCK_RFC3339_SIZE];
	const struct audit_context context = audit_now(a, stamp);
	size_t len = 0;
	auto_json json_t *body = encode(context.stamp, container, t);
	autofree char *line = audit_line(body, &len);

	if (!line)
		return err_set(err, ERR_BUG, -EINVAL, "cannot write threat '%s' as JSON", t->title);

	const struct audit_record record = {
		.sync = t->level >= AUDIT_HIGH,
		.is_network = t->is_network,
		.container = container,
		.body = body,
		.line = line,
		.len = len,
	};

	return audit_deliver(a, &record, err);
}
