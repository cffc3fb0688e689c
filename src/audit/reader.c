/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "audit/reader.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit/place.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/linereader.h"
#include "base/mem.h"
#include "base/strv.h"

#define TEXT_MAX (256 * 1024)
#define LOOK_BACK (4 * 1024 * 1024) /* bytes of a file's end that a threat is looked for in */

/* Streams count for the category of the threats that come out of them. */
static const struct {
	const char *type;
	const char *category;
} streams[] = {
	{ "exec", "process" },	 { "net", "network" },	     { "file", "filesystem" },
	{ "audit", "audit" }, { "heartbeat", "audit" },
};

static const struct audit_event_def *find_event(const char *type) {
	for (int t = 0; t < AUDIT_TYPE_COUNT; t++) {
		const struct audit_event_def *def = audit_event_def((enum audit_type)t);

		if (!strcmp(def->name, type))
			return def;
	}
	return NULL;
}

static void set_category(struct audit_about *a, const char *type) {
	const char *dot = strchr(type, '.');

	(void)snprintf(a->category, sizeof(a->category), "%.*s", dot ? (int)(dot - type) : 31, type);
	for (size_t i = 0; i < ARRAY_SIZE(streams); i++)
		if (!strcmp(streams[i].type, type))
			(void)snprintf(a->category, sizeof(a->category), "%s", streams[i].category);
}

bool audit_about(const json_t *record, struct audit_about *ret) {
	const char *type = json_get_str(record, "type", NULL);
	const char *category = json_get_str(record, "category", NULL);
	const char *level = json_get_str(record, "level", NULL);
	struct audit_about a = { .is_threat = !type && category && level };

	if (!type && !a.is_threat)
		return false;
	a.when = clock_parse_rfc3339(json_get_str(record, a.is_threat ? "timestamp" : "ts", ""));
	a.level = level ? audit_level_from_string(level) : AUDIT_INFO;
	if (a.level == AUDIT_LEVEL_COUNT)
		a.level = AUDIT_WARNING; /* a word that we do not know hides nothing */
	if (a.is_threat) {
		(void)snprintf(a.category, sizeof(a.category), "%s", category);
	} else {
		const struct audit_event_def *def = find_event(type);

		set_category(&a, type);
		if (!level && def && !def->is_stream)
			a.level = def->level;
	}
	*ret = a;
	return true;
}

char **audit_categories(void) {
	char **all = NULL;

	for (int c = 0; c < AUDIT_CATEGORY_COUNT; c++)
		strv_add(&all, audit_category_to_string((enum audit_category)c));
	for (int t = 0; t < AUDIT_TYPE_COUNT; t++) {
		struct audit_about a;

		set_category(&a, audit_event_def((enum audit_type)t)->name);
		if (!strv_contains(all, a.category))
			strv_add(&all, a.category);
	}
	strv_sort(all);
	return all;
}

bool audit_is_category(const char *word) {
	autostrv char **all = audit_categories();

	return strv_contains(all, word);
}

/* --- a line for people */

static void add_value(struct buf *b, const json_t *value) {
	autofree char *dumped = NULL;

	if (json_is_string(value)) {
		buf_adds(b, json_string_value(value));
		return;
	}
	dumped = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
	buf_adds(b, dumped ? dumped : "?");
}

/* All that has no place of its own in the line. */
static void add_rest(struct buf *b, const json_t *record) {
	static const char *const said[] = { "ts", "type", "container", "sessionId", "who",
					    "seq", "chain", "level", NULL };
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)record, key, value) {
		if (strv_contains((char *const *)said, key))
			continue;
		buf_addf(b, " %s=", key);
		add_value(b, value);
	}
}

static void add_process(struct buf *b, const json_t *j) {
	int64_t pid = json_get_int(j, "pid", 0);
	const char *comm = json_get_str(j, "comm", NULL);

	if (pid)
		buf_addf(b, " by %s[%" PRIi64 "]", comm ? comm : "process", pid);
}

static void add_exec(struct buf *b, const json_t *j) {
	const char *args = json_get_str(j, "args", NULL), *exe = json_get_str(j, "exe", NULL);

	buf_addf(b, " %s[%" PRIi64 "]: %s", json_get_str(j, "comm", "process"),
		 json_get_int(j, "pid", 0), args ? args : "?");
	if (exe)
		buf_addf(b, " (runs %s)", exe);
	if (json_get_str(j, "stdio", NULL))
		buf_addf(b, " (standard streams: %s)", json_get_str(j, "stdio", ""));
}

static void add_net(struct buf *b, const json_t *j) {
	buf_addf(b, " %s %s to %s", json_get_str(j, "proto", "?"), json_get_str(j, "state", "connect"),
		 json_get_str(j, "peer", "?"));
	add_process(b, j);
}

static void add_file(struct buf *b, const json_t *j) {
	buf_addf(b, " %s %s", json_get_str(j, "op", "?"), json_get_str(j, "path", "?"));
	add_process(b, j);
}

static const struct {
	const char *type;
	void (*add)(struct buf *b, const json_t *j);
} texts[] = {
	{ "exec", add_exec },
	{ "net", add_net },
	{ "file", add_file },
};

static void add_threat(struct buf *b, const json_t *j) {
	const json_t *evidence = json_object_get(j, "evidence");
	int64_t count = json_get_int(j, "count", 1);
	const char *key;
	json_t *value;

	buf_addf(b, " %s: %s [%s]", json_get_str(j, "title", "?"), json_get_str(j, "description", ""),
		 json_get_str(j, "action", "?"));
	if (count > 1)
		buf_addf(b, " (%" PRIi64 " times)", count);
	json_object_foreach((json_t *)evidence, key, value) {
		const char *inner;
		json_t *field;

		json_object_foreach(value, inner, field) {
			buf_addf(b, " %s=", inner);
			add_value(b, field);
		}
	}
}

char *audit_text(const json_t *record) {
	const char *type = json_get_str(record, "type", NULL);
	struct audit_about a;
	struct buf b;

	if (!audit_about(record, &a))
		return NULL;
	buf_init(&b, TEXT_MAX);
	buf_adds(&b, json_get_str(record, a.is_threat ? "timestamp" : "ts", "?"));
	if (a.is_threat) {
		buf_addf(&b, " %s %s", json_get_str(record, "level", "?"), a.category);
		add_threat(&b, record);
		return b.data;
	}
	buf_addf(&b, " %s %s", audit_level_to_string(a.level), type);
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		if (!strcmp(texts[i].type, type)) {
			texts[i].add(&b, record);
			return b.data;
		}
	add_rest(&b, record);
	return b.data;
}

/* --- what it was frozen or killed for */

/* What ends the time of a freeze. */
static bool is_answer(const char *line) {
	return strstr(line, "\"type\":\"container.unfreeze\"") ||
	       strstr(line, "\"type\":\"container.start\"");
}

struct look {
	const char *action;
	bool is_first, is_other;
	json_t *found;
	time_t found_at, answered_at;
};

/*
 * Times are seconds. Within one file the order tells; what the other file has of the second of
 * a start was before that: nothing is killed as soon as it runs.
 */
static bool is_answered(const struct look *l, time_t when) {
	return l->is_first && l->is_other ? when <= l->answered_at : when < l->answered_at;
}

/* It is frozen for the last one, and was killed for the first. */
static bool is_nearer(const struct look *l, time_t when) {
	return !l->found || (l->is_first ? when < l->found_at : when >= l->found_at);
}

static void look_at(struct look *l, const char *line, size_t len) {
	bool is_threat = strncmp(line, "{\"id\":", 6) == 0; /* cheaper than to read them all */
	auto_json json_t *j = is_threat || is_answer(line) ? json_loadb(line, len, 0, NULL) : NULL;
	struct audit_about a;

	if (!j || !audit_about(j, &a))
		return;
	if (!a.is_threat) {
		l->answered_at = a.when;
		if (l->found && l->found_at <= a.when) {
			json_decref(l->found);
			l->found = NULL;
		}
	} else if (!is_answered(l, a.when) && is_nearer(l, a.when) &&
		   !strcmp(json_get_str(j, "action", ""), l->action)) {
		json_decref(l->found);
		l->found = steal_ptr(j);
		l->found_at = a.when;
	}
}

static void look_in(struct look *l, int dir, const char *stem) {
	autofree char *name = xasprintf("%s.jsonl", stem);
	autoclose int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	auto_linereader struct linereader r = { 0 };
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return;
	if (st.st_size > LOOK_BACK && lseek(fd, st.st_size - LOOK_BACK, SEEK_SET) < 0)
		return;
	linereader_init(&r, fd, AUDIT_LINE_MAX);
	while (linereader_next(&r) == 1)
		look_at(l, r.line, r.len);
}

int audit_acted_for(const struct privilege *who, const char *container, enum audit_action action,
		    json_t **ret) {
	autofree char *stem = audit_stem(container, false), *other = audit_stem(container, true);
	struct look l = { .action = audit_action_to_string(action),
			  .is_first = action == AUDIT_KILLED };
	int dir;

	if (!audit_is_stem(container))
		return -EINVAL;
	privilege_person_begin(who);
	dir = audit_open_directory(who, false, NULL);
	if (dir >= 0) {
		look_in(&l, dir, stem);
		l.is_other = true;
		look_in(&l, dir, other);
		(void)close(dir);
	}
	privilege_person_end(who);
	if (!l.found)
		return dir < 0 && dir != -ENOENT ? dir : -ENOENT;
	*ret = l.found;
	return 0;
}
