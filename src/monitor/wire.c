/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "monitor/wire.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/escape.h"
#include "base/json.h"
#include "base/mem.h"

/* Of a command line as it is sent on: the record takes no more. */
#define WORDS_MAX 256
#define TEXT_MAX AUDIT_LONG_MAX

static json_t *foreign(const char *text, size_t max) {
	autofree char *safe = escape_text(text, max);

	return json_text(safe);
}

static void set_text(json_t *j, const char *key, const char *text) {
	if (text && *text)
		json_object_set_new(j, key, foreign(text, AUDIT_TEXT_MAX));
}

static void set_int(json_t *j, const char *key, int64_t value, int64_t missing) {
	if (value != missing)
		json_object_set_new(j, key, json_integer(value));
}

/* As much as a record holds. */
static json_t *words(const struct watch_exec *x) {
	json_t *list = json_array();
	size_t left = TEXT_MAX;

	for (size_t i = 0; i < x->argc && i < WORDS_MAX && left; i++) {
		size_t len = strlen(x->argv[i]) + 1;

		json_array_append_new(list, foreign(x->argv[i], left));
		left = len < left ? left - len : 0;
	}
	if (!x->argc)
		json_array_append_new(list, json_string(""));
	return list;
}

static void set_exec(json_t *j, const struct watch_event *e) {
	const struct watch_exec *x = &e->exec;
	const char *first = x->argc ? strrchr(x->argv[0], '/') : NULL;

	first = first ? first + 1 : x->argc ? x->argv[0] : "";
	set_text(j, "comm", x->comm);
	json_object_set_new(j, "args", words(x));
	if (x->is_cut || x->args_bytes > TEXT_MAX)
		set_int(j, "args_bytes", (int64_t)x->args_bytes, -1);
	/* Only what the command line does not say. */
	if (*x->file && strcmp(x->file, first) != 0)
		set_text(j, "exe", x->file);
	for (int fd = 0; fd < 3; fd++) {
		if (x->streams[fd] != WATCH_STREAM_REMOTE && x->streams[fd] != WATCH_STREAM_LOCAL)
			continue;

		autofree char *all = xasprintf("%s %s %s", watch_stream_to_string(x->streams[0]),
		                               watch_stream_to_string(x->streams[1]),
		                               watch_stream_to_string(x->streams[2]));

		set_text(j, "stdio", all);
		break;
	}
	if (x->is_gone)
		json_object_set_new(j, "args_gone", json_true());
	if (x->was_running)
		json_object_set_new(j, "was_running", json_true());
}

static const char *protocol_text(uint8_t protocol, char out[8]) {
	if (protocol == IPPROTO_TCP || protocol == IPPROTO_UDP)
		return protocol == IPPROTO_TCP ? "tcp" : "udp";
	(void)snprintf(out, 8, "%u", protocol);
	return out;
}

static void set_connect(json_t *j, const struct watch_event *e) {
	const struct watch_connect *c = &e->connect;
	json_t *address = json_array(), *raw;
	char peer[DETECT_ADDRESS_MAX], number[8];

	for (size_t i = 0; i < sizeof(c->address); i++)
		json_array_append_new(address, json_integer(c->address[i]));
	raw = json_pack("{s:i, s:i, s:i, s:o}", "family", c->family, "protocol", c->protocol,
	                "port", c->port, "address", address);
	json_object_set_new(j, "proto", json_string(protocol_text(c->protocol, number)));
	json_object_set_new(j, "peer", json_string(detect_address(c, peer)));
	json_object_set_new(j, "raw", raw);
	set_int(j, "at_us", (int64_t)e->at_us, 0);
	set_text(j, "comm", e->comm);
}

static void set_file(json_t *j, const struct watch_event *e) {
	json_object_set_new(j, "path", foreign(e->file.path, AUDIT_TEXT_MAX));
	json_object_set_new(j, "op", json_string(watch_access_to_string(e->file.access)));
	set_text(j, "comm", e->comm);
}

static void set_state(json_t *j, const struct watch_event *e) {
	const struct watch_status *s = &e->status;
	bool is_bad = s->state == WATCH_UNAVAILABLE || s->state == WATCH_LOST;

	json_object_set_new(j, "msg", json_string(watch_state_to_string(s->state)));
	json_object_set_new(
		j, "level",
		json_string(audit_level_to_string(is_bad ? AUDIT_WARNING : AUDIT_INFO)));
	set_text(j, "source", s->source);
	set_text(j, "backend", s->backend);
	set_int(j, "count", (int64_t)s->count, 0);
	set_text(j, "raw", s->detail);
}

/* How each kind is recorded; those that are not are only judged. */
static const struct {
	const char *type;
	void (*set)(json_t *j, const struct watch_event *e);
	bool has_process;
} rows[WATCH_KIND_COUNT] = {
	[WATCH_EXEC] = { "exec", set_exec, true },
	[WATCH_CONNECT] = { "net", set_connect, true },
	[WATCH_FILE] = { "file", set_file, true },
	[WATCH_STATE] = { "audit", set_state, false },
};

json_t *wire_event(const struct watch_event *e) {
	json_t *j;

	if (!rows[e->kind].type)
		return NULL;
	j = json_pack("{s:s}", "type", rows[e->kind].type);
	if (rows[e->kind].has_process) {
		set_int(j, "pid", e->pid, 0);
		set_int(j, "uid", e->uid, -1);
	}
	set_int(j, "ppid", e->ppid, 0);
	rows[e->kind].set(j, e);
	return j;
}

/* --- threats */

static void evidence_process(json_t *j, const struct finding *f, const struct watch_event *e) {
	json_object_set_new(j, "pid", json_integer(e->pid));
	json_object_set_new(j, "command", words(&e->exec));
	json_object_set_new(j, "pattern", json_string(f->rule));
	json_object_set_new(j, "indicators",
	                    json_pack("[o]", foreign(f->indicator, AUDIT_TEXT_MAX)));
	if (e->uid >= 0) {
		autofree char *user = xasprintf("%lld", (long long)e->uid);

		set_text(j, "user", user);
	}
}

/* "A", or "TYPE65". */
static const char *type_text(uint16_t type, char out[16]) {
	static const struct {
		uint16_t type;
		const char *text;
	} known[] = { { 1, "A" },    { 5, "CNAME" }, { 12, "PTR" },  { 15, "MX" },
		      { 16, "TXT" }, { 28, "AAAA" }, { 33, "SRV" }, { 65, "HTTPS" } };

	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (known[i].type == type)
			return known[i].text;
	(void)snprintf(out, 16, "TYPE%u", type);
	return out;
}

/* One name; what is said of many of them has an indicator. */
static void evidence_query(json_t *j, const struct finding *f, const struct watch_event *e) {
	char type[16];

	json_object_set_new(j, "connection.protocol", json_string("dns"));
	json_object_set_new(j, "connection.remote_addr", json_string("name service"));
	if (*f->indicator) {
		set_text(j, "reason", f->indicator);
		return;
	}
	json_object_set_new(j, "connection.state",
	                    json_string(e->query.is_refused ? "refused" : "asked"));
	set_text(j, "reason", type_text(e->query.type, type));
	set_text(j, "remote_host", e->query.name);
}

static void evidence_network(json_t *j, const struct finding *f, const struct watch_event *e) {
	const struct watch_connect *c = &e->connect;
	char peer[DETECT_ADDRESS_MAX], number[8];

	if (e->kind == WATCH_QUERY) {
		evidence_query(j, f, e);
		return;
	}
	json_object_set_new(j, "connection.protocol", json_string(protocol_text(c->protocol, number)));
	json_object_set_new(j, "connection.remote_addr", json_string(detect_address(c, peer)));
	json_object_set_new(j, "connection.state",
	                    json_string(c->verdict == WATCH_REFUSED ? "refused" : "connect"));
	set_int(j, "connection.uid", e->uid, -1);
	set_int(j, "connection.pid", e->pid, 0);
	set_text(j, "reason", f->description);
}

static void set_real(json_t *j, const char *key, double value) {
	json_object_set_new(j, key, json_real(value));
}

static void evidence_volume(json_t *j, const struct finding *f, const struct watch_event *e) {
	bool is_read = f->evidence == AUDIT_EVIDENCE_FILESYSTEM;
	autofree char *over = xasprintf("%.1fs", (double)f->over_ms / 1000.0);

	(void)e;
	set_real(j, is_read ? "read_bytes_mb" : "write_bytes_mb", f->amount);
	set_real(j, is_read ? "read_rate_mb_per_sec" : "write_rate_mb_per_sec", f->rate);
	set_real(j, "threshold_mb", f->threshold);
	set_text(j, "duration", over);
}

static void evidence_disk(json_t *j, const struct finding *f, const struct watch_event *e) {
	(void)e;
	set_real(j, "tmp_used_mb", f->amount);
	set_real(j, "tmp_total_mb", f->threshold);
	set_real(j, "tmp_used_percent", f->rate);
}

static void evidence_count(json_t *j, const struct finding *f, const struct watch_event *e) {
	(void)e;
	json_object_set_new(j, "count", json_integer((json_int_t)f->amount));
	json_object_set_new(j, "threshold", json_integer((json_int_t)f->threshold));
	set_int(j, "delta", (int64_t)f->rate, 0);
}

static void evidence_line(json_t *j, const struct finding *f, const struct watch_event *e) {
	json_object_set_new(j, "log_file", foreign(e->line.file, AUDIT_TEXT_MAX));
	json_object_set_new(j, "line", foreign(e->line.text, AUDIT_TEXT_MAX));
	set_text(j, "pattern", f->rule);
}

static void evidence_file(json_t *j, const struct finding *f, const struct watch_event *e) {
	(void)f;
	json_object_set_new(j, "path", foreign(e->file.path, AUDIT_TEXT_MAX));
	json_object_set_new(j, "access", json_string(watch_access_to_string(e->file.access)));
	set_int(j, "pid", e->pid, 0);
	set_text(j, "comm", e->comm);
}

static void (*const evidences[AUDIT_EVIDENCE_COUNT])(json_t *, const struct finding *,
                                                     const struct watch_event *) = {
	[AUDIT_EVIDENCE_PROCESS] = evidence_process,
	[AUDIT_EVIDENCE_PROC_EVENT] = evidence_process,
	[AUDIT_EVIDENCE_NETWORK] = evidence_network,
	[AUDIT_EVIDENCE_FILESYSTEM] = evidence_volume,
	[AUDIT_EVIDENCE_FILE_WRITE] = evidence_volume,
	[AUDIT_EVIDENCE_DISK_SPACE] = evidence_disk,
	[AUDIT_EVIDENCE_PROCESS_COUNT] = evidence_count,
	[AUDIT_EVIDENCE_AUTH_LOG] = evidence_line,
	[AUDIT_EVIDENCE_SENSITIVE_FILE] = evidence_file,
};

json_t *wire_threat(const struct finding *f, const struct watch_event *e) {
	json_t *fields = json_object();

	evidences[f->evidence](fields, f, e);
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:I, s:b, s:I, s:o}", "rule", f->rule,
	                 "level", audit_level_to_string(f->level), "category",
	                 audit_category_to_string(f->category), "title", f->title, "description",
	                 f->description, "evidence", audit_evidence_def(f->evidence)->name, "count",
	                 (json_int_t)f->count, "again", f->is_again, "at_us", (json_int_t)e->at_us,
	                 "fields", fields);
}

json_t *wire_threat_again(const json_t *first, uint64_t count) {
	json_t *again = json_copy((json_t *)first);

	json_object_set_new(again, "count", json_integer((json_int_t)count));
	return again;
}

bool wire_threat_read(const json_t *body, struct audit_threat *ret) {
	struct audit_threat t = {
		.level = audit_level_from_string(json_get_str(body, "level", "")),
		.category = audit_category_from_string(json_get_str(body, "category", "")),
		.evidence = audit_evidence_from_string(json_get_str(body, "evidence", "")),
		.title = json_get_str(body, "title", NULL),
		.description = json_get_str(body, "description", NULL),
		.count = (uint64_t)json_get_int(body, "count", 0),
	};

	if (t.level == AUDIT_LEVEL_COUNT || t.category == AUDIT_CATEGORY_COUNT ||
	    t.evidence == AUDIT_EVIDENCE_COUNT || !t.title || !t.description)
		return false;
	*ret = t;
	return true;
}

/* --- what the supervisor judges */

bool wire_connect(const json_t *event, struct watch_connect *ret) {
	const json_t *raw = json_object_get(event, "raw");
	const json_t *address = json_object_get(raw, "address");
	int64_t family = json_get_int(raw, "family", 0), port = json_get_int(raw, "port", -1);
	int64_t protocol = json_get_int(raw, "protocol", -1);
	struct watch_connect c = { .family = (uint8_t)family,
		                   .protocol = (uint8_t)protocol,
		                   .port = (uint16_t)port };

	if ((family != AF_INET && family != AF_INET6) || port < 0 || port > UINT16_MAX ||
	    protocol < 0 || protocol > UINT8_MAX || json_array_size(address) != sizeof(c.address))
		return false;
	for (size_t i = 0; i < sizeof(c.address); i++) {
		const json_t *n = json_array_get(address, i);

		if (!json_is_integer(n) || json_integer_value(n) < 0 || json_integer_value(n) > 255)
			return false;
		c.address[i] = (uint8_t)json_integer_value(n);
	}
	*ret = c;
	return true;
}

json_t *wire_settings(const struct detect_settings *set) {
	return json_pack("{s:i, s:f, s:f, s:I, s:I, s:I, s:b}", "one_liners", (int)set->one_liners,
	                 "read_mb", set->read_mb, "read_mb_per_s", set->read_mb_per_s, "processes",
	                 (json_int_t)set->processes, "spawns_per_s", (json_int_t)set->spawns_per_s,
	                 "queries_per_minute", (json_int_t)set->queries_per_minute, "is_allowlist",
	                 set->is_allowlist);
}

void wire_settings_read(const json_t *j, struct detect_settings *ret) {
	int64_t one_liners = json_get_int(j, "one_liners", DETECT_ONE_LINERS_CRITICAL);

	*ret = (struct detect_settings){
		.one_liners = one_liners >= DETECT_ONE_LINERS_CRITICAL &&
		                              one_liners <= DETECT_ONE_LINERS_OFF
		                      ? (enum detect_one_liners)one_liners
		                      : DETECT_ONE_LINERS_CRITICAL,
		.read_mb = json_number_value(json_object_get(j, "read_mb")),
		.read_mb_per_s = json_number_value(json_object_get(j, "read_mb_per_s")),
		.processes = (uint64_t)json_get_int(j, "processes", 0),
		.spawns_per_s = (uint64_t)json_get_int(j, "spawns_per_s", 0),
		.queries_per_minute = (uint64_t)json_get_int(j, "queries_per_minute", 0),
		.is_allowlist = json_get_bool(j, "is_allowlist", false),
	};
}
