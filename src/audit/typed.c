/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "audit/typed.h"

#include <errno.h>
#include <string.h>

#include "audit/sink.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/strv.h"

struct fields {
	struct audit_field items[AUDIT_FIELDS_MAX + 1];
	char **lists[AUDIT_FIELDS_MAX]; /* owned */
	size_t count;
};

static void fields_done(struct fields *f) {
	for (size_t i = 0; i < f->count; i++)
		strv_free(f->lists[i]);
}
#define auto_fields __attribute__((cleanup(fields_done)))

static bool take(const struct audit_field_def *d, const json_t *value, struct audit_field *ret,
		 char ***ret_list) {
	*ret = (struct audit_field){ .name = d->name, .kind = d->kind };
	switch (d->kind) {
	case AUDIT_KIND_TEXT:
		ret->text = json_string_value(value);
		return ret->text != NULL;
	case AUDIT_KIND_INT:
		ret->number = json_integer_value(value);
		return json_is_integer(value);
	case AUDIT_KIND_BOOL:
		ret->number = json_is_true(value);
		return json_is_boolean(value);
	case AUDIT_KIND_REAL:
		ret->real = json_number_value(value);
		return json_is_number(value);
	case AUDIT_KIND_LIST:
		for (size_t i = 0; i < json_array_size(value); i++)
			strv_add(ret_list, json_string_value(json_array_get(value, i))
						   ? json_string_value(json_array_get(value, i))
						   : "");
		ret->list = *ret_list;
		return ret->list != NULL;
	}
	return false;
}

static int read_fields(const struct audit_field_def *defs, const char *what, const json_t *body,
		       struct fields *f, struct err *err) {
	struct err ignored;

	for (const struct audit_field_def *d = defs; d->name; d++) {
		const json_t *value = json_object_get(body, d->name);

		if (value && take(d, value, &f->items[f->count], &f->lists[f->count]))
			f->count++;
		else
			strv_free_ptr(&f->lists[f->count]);
	}
	f->items[f->count] = (struct audit_field)AUDIT_END;
	if (audit_check_fields(defs, what, f->items, &ignored) == 0)
		return 0;
	return err_set(err, ERR_SYSTEM, -EBADMSG, "a watcher told of '%s' without what belongs to it",
		       what);
}

int audit_write_typed(struct audit *a, enum audit_type type, const char *container,
		      const json_t *body, struct err *err) {
	const struct audit_event_def *def = audit_event_def(type);
	auto_fields struct fields f = { 0 };
	int r = read_fields(def->fields, def->name, body, &f, err);

	return r < 0 ? r : audit_write(a, type, container, f.items, err);
}

int audit_threat_typed(struct audit *a, const char *container, const struct audit_threat *threat,
		       const json_t *body, struct err *err) {
	const struct audit_evidence_def *def = audit_evidence_def(threat->evidence);
	auto_fields struct fields f = { 0 };
	struct audit_threat t = *threat;
	int r = read_fields(def->fields, def->name, body, &f, err);

	t.fields = f.items;
	return r < 0 ? r : audit_threat(a, container, &t, err);
}

int audit_threat_typed_json(const char *container, const struct audit_threat *threat,
			    const json_t *body, json_t **ret, struct err *err) {
	const struct audit_evidence_def *def = audit_evidence_def(threat->evidence);
	auto_fields struct fields f = { 0 };
	struct audit_threat t = *threat;
	int r = read_fields(def->fields, def->name, body, &f, err);

	t.fields = f.items;
	if (r == 0)
		*ret = audit_threat_json(container, &t);
	return r;
}

enum audit_type audit_stream_from_string(const char *word) {
	for (int t = 0; t < AUDIT_TYPE_COUNT; t++) {
		const struct audit_event_def *def = audit_event_def((enum audit_type)t);

		if (def->is_stream && !strcmp(def->name, word))
			return (enum audit_type)t;
	}
	return AUDIT_TYPE_COUNT;
}
