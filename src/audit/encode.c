/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Events as JSON. Pure: neither clock nor files. */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "audit/sink.h"
#include "base/escape.h"
#include "base/json.h"
#include "base/mem.h"

#define MASK "***"

static const struct audit_field_def *find_def(const struct audit_event_def *def, const char *name) {
	for (const struct audit_field_def *f = def->fields; f->name; f++)
		if (strcmp(f->name, name) == 0)
			return f;
	return NULL;
}

static bool is_given(const struct audit_field *f) {
	if (f->kind == AUDIT_KIND_TEXT)
		return f->text != NULL;
	if (f->kind == AUDIT_KIND_LIST)
		return f->list != NULL;
	return true;
}

static const struct audit_field *find_given(const struct audit_field *fields, const char *name) {
	for (; fields->name; fields++)
		if (strcmp(fields->name, name) == 0 && is_given(fields))
			return fields;
	return NULL;
}

int audit_check(enum audit_type type, const struct audit_field *fields, struct err *err) {
	if ((unsigned)type >= AUDIT_TYPE_COUNT)
		return err_set(err, ERR_BUG, -EINVAL, "there is no audit event number %d", (int)type);

	const struct audit_event_def *def = audit_event_def(type);

	for (const struct audit_field *f = fields; f->name; f++) {
		const struct audit_field_def *d = find_def(def, f->name);

		if (!d)
			return err_set(err, ERR_BUG, -EINVAL, "audit event '%s' has no field '%s'",
				       def->name, f->name);
		if (d->kind != f->kind)
			return err_set(err, ERR_BUG, -EINVAL,
				       "field '%s' of audit event '%s' has another kind", f->name,
				       def->name);
		for (const struct audit_field *g = fields; g < f; g++)
			if (strcmp(f->name, g->name) == 0)
				return err_set(err, ERR_BUG, -EINVAL,
					       "field '%s' of audit event '%s' is given twice",
					       f->name, def->name);
	}
	for (const struct audit_field_def *d = def->fields; d->name; d++)
		if ((d->flags & AUDIT_MANDATORY) && !find_given(fields, d->name))
			return err_set(err, ERR_BUG, -EINVAL,
				       "field '%s' of audit event '%s' is missing", d->name,
				       def->name);
	return 0;
}

static json_t *encode_text(const char *text, bool secret) {
	autofree char *safe = escape_text(secret ? MASK : text, AUDIT_TEXT_MAX);

	return json_text(safe);
}

static json_t *encode_list_item(const char *text, bool secret) {
	const char *eq = secret ? strchr(text, '=') : NULL;

	if (!eq)
		return encode_text(text, secret);

	autofree char *masked = xasprintf("%.*s=" MASK, (int)(eq - text), text);

	return encode_text(masked, false);
}

static json_t *encode_list(char *const *list, bool secret) {
	json_t *array = json_array();
	size_t n = 0;

	for (; list[n] && n < AUDIT_LIST_MAX; n++)
		json_array_append_new(array, encode_list_item(list[n], secret));
	if (list[n]) {
		size_t rest = 0;

		while (list[n + rest])
			rest++;

		autofree char *more = xasprintf("… %zu more", rest);

		json_array_append_new(array, json_text(more));
	}
	return array;
}

static json_t *encode_field(const struct audit_field_def *def, const struct audit_field *f) {
	bool secret = def->flags & AUDIT_SECRET;

	switch (f->kind) {
	case AUDIT_KIND_TEXT:
		return encode_text(f->text, secret);
	case AUDIT_KIND_INT:
		return json_integer(f->number);
	case AUDIT_KIND_BOOL:
		return json_boolean(f->number != 0);
	case AUDIT_KIND_LIST:
		return encode_list(f->list, secret);
	}
	return json_null();
}

json_t *audit_encode(const struct privilege *who, const char *stamp, enum audit_type type,
		     const char *container, const struct audit_field *fields) {
	const struct audit_event_def *def = audit_event_def(type);
	json_t *body = json_object();
	json_t *person = json_object();

	json_object_set_new(body, "ts", json_text(stamp));
	json_object_set_new(body, "type", json_text(def->name));
	if (container)
		json_object_set_new(body, "container", encode_text(container, false));
	json_object_set_new(person, "uid", json_integer((json_int_t)who->uid));
	json_object_set_new(person, "user", encode_text(who->user ? who->user : "", false));
	json_object_set_new(body, "who", person);
	/* In the table's order, whatever the caller's, so that lines compare. */
	for (const struct audit_field_def *d = def->fields; d->name; d++) {
		const struct audit_field *f = find_given(fields, d->name);

		if (f)
			json_object_set_new(body, d->name, encode_field(d, f));
	}
	return body;
}

/* Replace the longest text or list by a short one. False when there is none left. */
static bool shorten(json_t *body) {
	const char *key, *longest = NULL;
	json_t *value;
	size_t longest_size = 64;

	json_object_foreach(body, key, value) {
		autofree char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
		size_t size = text ? strlen(text) : 0;

		if (!json_is_object(value) && size > longest_size) {
			longest = key;
			longest_size = size;
		}
	}
	if (!longest)
		return false;
	value = json_object_get(body, longest);
	if (json_is_array(value)) {
		/* To eight and the mark first; those nine again to the mark alone. */
		size_t keep = json_array_size(value) > 9 ? 8 : 0;

		while (json_array_size(value) > keep)
			json_array_remove(value, json_array_size(value) - 1);
		json_array_append_new(value, json_string("…"));
		return true;
	}
	json_object_set_new(body, longest, json_string("…"));
	return true;
}

char *audit_line(json_t *body, size_t *ret_len) {
	for (;;) {
		char *text = json_dumps(body, JSON_COMPACT);
		size_t len = text ? strlen(text) : 0;

		if (!text || (len + 2 > AUDIT_LINE_MAX && shorten(body))) {
			free(text);
			if (!text)
				return NULL;
			continue;
		}
		text = xreallocarray(text, len + 2, 1);
		text[len] = '\n';
		text[len + 1] = '\0';
		*ret_len = len + 1;
		return text;
	}
}
