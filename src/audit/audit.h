/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Audit: what coi did, to which container, for whom. Not a log.
 *
 * Each kind of event is a row of the table in events.c (name, fields, meaning).
 * An event is one JSON object on one line:
 *
 *   {"ts":"2026-11-25T12:00:00+01:00","type":"container.create","container":"coi-1",
 *    "who":{"uid":1000,"user":"ann"},"image":"coi-default",…}
 *
 * What a container does by itself (it runs a program, it connects) is an event
 * too, of a stream: then {"ts","sessionId","container","type":"exec",…} and no
 * "who". What looks like an attack is a threat (threat.h).
 *
 * It is handed to every sink before the caller says that the action is done.
 * Text is foreign: control bytes and what reorders text are escaped (escape.h),
 * and every text, list and line has a largest size. Fields that the table
 * calls secret are masked here, whatever the sink, as are secrets in command
 * lines (mask.h).
 */
#ifndef COI_AUDIT_AUDIT_H
#define COI_AUDIT_AUDIT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/privilege.h"

enum audit_type {
	AUDIT_CONTAINER_CREATE,
	AUDIT_CONTAINER_START,
	AUDIT_CONTAINER_READY,
	AUDIT_CONTAINER_EXEC,
	AUDIT_CONTAINER_UNFREEZE,
	AUDIT_CONTAINER_STOP,
	AUDIT_CONTAINER_DELETE,
	AUDIT_CONTAINER_REPAIR,
	AUDIT_IMAGE_IMPORT,
	AUDIT_IMAGE_BUILD,
	AUDIT_IMAGE_PUBLISH,
	AUDIT_IMAGE_DELETE,
	AUDIT_FILE_PUSH,
	AUDIT_FILE_PULL,
	AUDIT_SNAPSHOT_CREATE,
	AUDIT_SNAPSHOT_RESTORE,
	AUDIT_SNAPSHOT_DELETE,
	AUDIT_NETWORK_APPLY,
	AUDIT_NETWORK_REMOVE,
	AUDIT_SUPERVISOR_START,
	AUDIT_SUPERVISOR_ERROR,
	AUDIT_CONFIG_REFUSED,
	AUDIT_TRUST_APPROVE,
	AUDIT_TRUST_REVOKE,
	/* Streams. */
	AUDIT_STREAM_EXEC,
	AUDIT_STREAM_NET,
	AUDIT_STREAM_FILE,
	AUDIT_STREAM_AUDIT,
	AUDIT_STREAM_HEARTBEAT,
	AUDIT_TYPE_COUNT,
};

enum audit_level {
	AUDIT_INFO,     /* kept for the record */
	AUDIT_WARNING,  /* suspicious */
	AUDIT_HIGH,     /* likely malicious */
	AUDIT_CRITICAL, /* malicious */
	AUDIT_LEVEL_COUNT,
};
/* The word, static; and the level of a word: AUDIT_LEVEL_COUNT when it is none. */
const char *audit_level_to_string(enum audit_level level);
enum audit_level audit_level_from_string(const char *word);

enum audit_kind {
	AUDIT_KIND_TEXT, /* a string */
	AUDIT_KIND_INT,
	AUDIT_KIND_BOOL,
	AUDIT_KIND_LIST, /* a list of strings */
	AUDIT_KIND_REAL, /* written with two decimals */
};

enum audit_field_flags {
	AUDIT_MANDATORY = 1u << 0,
	/* "***" instead of the text; in a list "NAME=value" keeps its name. */
	AUDIT_SECRET = 1u << 1,
	AUDIT_COMMAND = 1u << 2, /* a command line: secrets in it are masked (mask.h) */
	AUDIT_JOINED = 1u << 3,  /* a list that becomes one text, quoted as a shell wants it */
	AUDIT_LONG = 1u << 4,    /* a text may have AUDIT_LONG_MAX bytes */
};

#define AUDIT_FIELDS_MAX 12 /* fields of one event */
#define AUDIT_TEXT_MAX 4096 /* bytes of one text after escaping */
#define AUDIT_LONG_MAX 16384
#define AUDIT_LIST_MAX 256  /* members of one list */
#define AUDIT_LINE_MAX 65536 /* bytes of one line, newline included */

struct audit_field_def {
	const char *name; /* NULL ends the list */
	enum audit_kind kind;
	unsigned flags;
	const char *meaning;
};

struct audit_event_def {
	const char *name;
	const char *meaning;
	enum audit_level level;
	bool sync; /* wait for the disk too: evidence that must outlive a power cut */
	bool is_stream;
	struct audit_field_def fields[AUDIT_FIELDS_MAX + 1];
};

/* The row of a type; static storage. */
const struct audit_event_def *audit_event_def(enum audit_type type);

/* One value. A text or list that is NULL counts as not given. */
struct audit_field {
	const char *name; /* NULL ends the list */
	enum audit_kind kind;
	const char *text;
	char *const *list;
	int64_t number; /* int and bool */
	double real;
};
#define AUDIT_TEXT(name_, value_) \
	{ .name = (name_), .kind = AUDIT_KIND_TEXT, .text = (value_) }
#define AUDIT_INT(name_, value_) \
	{ .name = (name_), .kind = AUDIT_KIND_INT, .number = (value_) }
#define AUDIT_BOOL(name_, value_) \
	{ .name = (name_), .kind = AUDIT_KIND_BOOL, .number = (value_) ? 1 : 0 }
#define AUDIT_LIST(name_, value_) \
	{ .name = (name_), .kind = AUDIT_KIND_LIST, .list = (value_) }
#define AUDIT_REAL(name_, value_) \
	{ .name = (name_), .kind = AUDIT_KIND_REAL, .real = (value_) }
#define AUDIT_END { .name = NULL }
/* audit_write(a, TYPE, "coi-1", AUDIT_FIELDS(AUDIT_TEXT("image", image)), &err) */
#define AUDIT_FIELDS(...) ((const struct audit_field[]){ __VA_ARGS__, AUDIT_END })
#define AUDIT_NO_FIELDS ((const struct audit_field[]){ AUDIT_END })

/*
 * Do the fields fit the row of @type? 0, or -EINVAL with ERR_BUG: an unknown
 * or doubled field, one of another kind, a mandatory one that is missing.
 */
int audit_check(enum audit_type type, const struct audit_field *fields, struct err *err);

struct audit;
struct audit_sink;

/* @who is copied. An audit without sinks takes events and does nothing. */
struct audit *audit_new(const struct privilege *who);
/* Frees the sinks too; NULL is fine. */
void audit_free(struct audit *a);
void audit_free_ptr(struct audit **a);
#define auto_audit __attribute__((cleanup(audit_free_ptr)))
/* @a owns @sink from then on. */
void audit_add_sink(struct audit *a, struct audit_sink *sink);

/* What "sessionId" of streams is from now on; copied, NULL: none. */
void audit_set_session(struct audit *a, const char *id);

/*
 * Between the two, sinks keep what they are given (a megabyte at most) and
 * write it in one go at the end: for streams. What a sink could not write is
 * told by audit_release(), or by an audit_write() that found no more room.
 */
void audit_hold(struct audit *a);
int audit_release(struct audit *a, struct err *err);

/*
 * Hand one event to all sinks; every sink is tried, the first failure is
 * returned. @container NULL: the event belongs to none. Fields that do not
 * fit the table (audit_check()) are a bug and end the process (assert).
 * @a NULL is fine and does nothing.
 */
int audit_write(struct audit *a, enum audit_type type, const char *container,
		const struct audit_field *fields, struct err *err);

/*
 * The files: <home>/.coi/audit/<container>.jsonl (directory 0700, file 0600,
 * both the person's). An event without a container goes to "_coi.jsonl".
 * Opened anew for each event, so that a long process holds nothing; appended
 * whole under a lock, as a link of a chain of hashes (chain.h); a line that a
 * crash tore is ended first. A file that is a symlink, no regular file,
 * hard-linked or not the person's is refused.
 * Past AUDIT_FILE_MAX the file becomes "<name>.jsonl.1"; AUDIT_KEEP older ones
 * are kept, and the threats of one that has to go (place.h).
 * What is written survives the death of any process; rows with `sync` wait
 * for the disk. On a full disk streams are not written, and what room there is
 * goes to the rest; how much was lost is the first line that fits again.
 */
#define AUDIT_FILE_MAX (64 * 1024 * 1024)
struct audit_sink *audit_sink_file(const struct privilege *who);

/*
 * Loggers of the host, beside the files: what coi did, threats, and what was not seen; not
 * each program and connection. @path NULL: the usual socket. They never wait and never fail:
 * a reader that is not there costs nothing, and what did not arrive is the first that does
 * when it is back.
 */
#define AUDIT_JOURNAL_SOCKET "/run/systemd/journal/socket"
#define AUDIT_SYSLOG_SOCKET "/dev/log"
struct audit_sink *audit_sink_journal(const char *path);
struct audit_sink *audit_sink_syslog(const char *path);
/* Further sinks by the words of monitoring.audit_sinks, a strv; those it does not know are left out. */
void audit_add_named(struct audit *a, char *const *names);
/* Does somebody read there now? 0 or -errno. */
int audit_check_named(const char *name);

/* Keeps the events in memory, for tests. */
struct audit_sink *audit_sink_memory(void);
size_t audit_memory_count(const struct audit_sink *sink);
/* Event number @i as JSON, borrowed; NULL past the end. */
const json_t *audit_memory_get(const struct audit_sink *sink, size_t i);

/* As above in one: an audit with the files as sink. */
struct audit *audit_open(const struct privilege *who);

#endif
