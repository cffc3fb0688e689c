/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Events as JSON. Pure: neither clock nor files. */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "audit/chain.h"
#include "audit/mask.h"
#include "audit/sink.h"
#include "base/escape.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/strv.h"

static const struct audit_field_def *find_def(const struct audit_field_def *defs, const char *name) {
	for (const struct audit_field_def *f = defs; f->name; f++)
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

int audit_check_fields(const struct audit_field_def *defs, const char *what,
		       const struct audit_field *fields, struct err *err) {
	for (const struct audit_field *f = fields; f->name; f++) {
		const struct audit_field_def *d = find_def(defs, f->name);

		if (!d)
			return err_set(err, ERR_BUG, -EINVAL, "audit event '%s' has no field '%s'", what,
				       f->name);
		if (d->kind != f->kind)
			return err_set(err, ERR_BUG, -EINVAL,
				       "field '%s' of audit event '%s' has another kind", f->name, what);
		for (const struct audit_field *g = fields; g < f; g++)
			if (strcmp(f->name, g->name) == 0)
				return err_set(err, ERR_BUG, -EINVAL,
					       "field '%s' of audit event '%s' is given twice",
					       f->name, what);
	}
	for (const struct audit_field_def *d = defs; d->name; d++)
		if ((d->flags & AUDIT_MANDATORY) && !find_given(fields, d->name))
			return err_set(err, ERR_BUG, -EINVAL,
				       "field '%s' of audit event '%s' is missing", d->name, what);
	return 0;
}

int audit_check(enum audit_type type, const struct audit_field *fields, struct err *err) {
	if ((unsigned)type >= AUDIT_TYPE_COUNT)
		return err_set(err, ERR_BUG, -EINVAL, "there is no audit event number %d", (int)type);

	const struct audit_event_def *def = audit_event_def(type);

	return audit_check_fields(def->fields, def->name, fields, err);
}

static json_t *encode_bounded(const char *text, size_t max) {
	autofree char *safe = escape_text(text, max);

	return json_text(safe);
}

json_t *audit_encode_text(const char *text) {
	return encode_bounded(text, AUDIT_TEXT_MAX);
}

static json_t *encode_text(const char *text, unsigned flags) {
	size_t max = flags & AUDIT_LONG ? AUDIT_LONG_MAX : AUDIT_TEXT_MAX;
	autofree char *masked = flags & AUDIT_COMMAND ? mask_text(text) : NULL;

	return encode_bounded(flags & AUDIT_SECRET ? MASK_TEXT : masked ? masked : text, max);
}

static json_t *encode_list_item(const char *text, unsigned flags) {
	const char *eq = flags & AUDIT_SECRET ? strchr(text, '=') : NULL;

	if (!eq)
		return encode_text(text, flags);

	autofree char *masked = xasprintf("%.*s=" MASK_TEXT, (int)(eq - text), text);

	return audit_encode_text(masked);
}

static json_t *encode_members(char *const *list, unsigned flags) {
	json_t *array = json_array();
	size_t n = 0;

	for (; list[n] && n < AUDIT_LIST_MAX; n++)
		json_array_append_new(array, encode_list_item(list[n], flags));
	if (list[n]) {
		size_t rest = 0;

		while (list[n + rest])
			rest++;

		autofree char *more = xasprintf("… %zu more", rest);

		json_array_append_new(array, json_text(more));
	}
	return array;
}

static json_t *encode_list(char *const *list, unsigned flags) {
	autostrv char **masked = flags & AUDIT_COMMAND ? mask_command(list) : NULL;

	if (masked)
		list = masked;
	/* They are masked now, word by word. */
	flags &= ~(unsigned)AUDIT_COMMAND;
	if (flags & AUDIT_JOINED) {
		autofree char *joined = strv_to_shell(list);

		return encode_text(joined, flags);
	}
	return encode_members(list, flags);
}

/* jansson writes 17 digits of what is no binary fraction; nobody measured those. */
static json_t *encode_real(double value) {
	autofree char *text = xasprintf("%.2f", value);
	json_t *j = json_loads(text, JSON_DECODE_ANY, NULL);

	return j ? j : json_null();
}

static json_t *encode_field(const struct audit_field_def *def, const struct audit_field *f) {
	switch (f->kind) {
	case AUDIT_KIND_TEXT:
		return encode_text(f->text, def->flags);
	case AUDIT_KIND_INT:
		return json_integer(f->number);
	case AUDIT_KIND_BOOL:
		return json_boolean(f->number != 0);
	case AUDIT_KIND_LIST:
		return encode_list(f->list, def->flags);
	case AUDIT_KIND_REAL:
		return encode_real(f->real);
	}
	return json_null();
}

void audit_encode_fields(json_t *body, const struct audit_field_def *defs,
			 const struct audit_field *fields) {
	for (const struct audit_field_def *d = defs; d->name; d++) {
		const struct audit_field *f = find_given(fields, d->name);
		const char *dot = strchr(d->name, '.');
		json_t *to = body;

		if (!f)
			continue;
		if (dot) {
			autofree char *outer = xstrndup(d->name, (size_t)(dot - d->name));

			to = json_object_get(body, outer);
			if (!to) {
				to = json_object();
				json_object_set_new(body, outer, to);
			}
		}
		json_object_set_new(to, dot ? dot + 1 : d->name, encode_field(d, f));
	}
}

json_t *audit_encode(const struct audit_context *context, enum audit_type type,
		     const char *container, const struct audit_field *fields) {
	const struct audit_event_def *def = audit_event_def(type);
	const struct privilege *who = context->who;
	json_t *body = json_object();

	json_object_set_new(body, "ts", json_text(context->stamp));
	if (def->is_stream && context->session && *context->session)
		json_object_set_new(body, "sessionId", audit_encode_text(context->session));
	if (def->is_stream && container)
		json_object_set_new(body, "container", audit_encode_text(container));
	json_object_set_new(body, "type", json_text(def->name));
	if (!def->is_stream) {
		json_t *person = json_object();

		if (container)
			json_object_set_new(body, "container", audit_encode_text(container));
		json_object_set_new(person, "uid", json_integer((json_int_t)who->uid));
		json_object_set_new(person, "user", audit_encode_text(who->user ? who->user : ""));
		json_object_set_new(body, "who", person);
	}
	/* In the table's order, whatever the caller's, so that lines compare. */
	audit_encode_fields(body, def->fields, fields);
	return body;
}

/*
 * Replace the longest text or list by a short one, in the longest object when
 * that is longer. False when there is none left.
 */
static bool shorten(json_t *body) {
	const char *key, *longest = NULL;
	json_t *value;
	size_t longest_size = 64;

	json_object_foreach(body, key, value) {
		autofree char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
		size_t size = text ? strlen(text) : 0;

		if (size > longest_size) {
			longest = key;
			longest_size = size;
		}
	}
	if (!longest)
		return false;
	if (json_is_object(json_object_get(body, longest)))
		return shorten(json_object_get(body, longest));
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

		if (!text || (len + 2 > AUDIT_LINE_MAX - CHAIN_END_MAX && shorten(body))) {
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
