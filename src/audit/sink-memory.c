/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A sink that remembers, for tests. */
#include "audit/sink.h"
#include "base/mem.h"

struct memory_sink {
	struct audit_sink base;
	json_t *events;
};

static int memory_write(struct audit_sink *sink, const struct audit_record *record,
			struct err *err) {
	struct memory_sink *m = (struct memory_sink *)sink;

	json_array_append_new(m->events, json_deep_copy(record->body));
	return 0;
}

static void memory_free(struct audit_sink *sink) {
	struct memory_sink *m = (struct memory_sink *)sink;

	json_decref(m->events);
	free(m);
}

static const struct audit_sink_ops memory_ops = {
	.name = "memory",
	.write = memory_write,
	.free = memory_free,
};

struct audit_sink *audit_sink_memory(void) {
	struct memory_sink *m = xcalloc(1, sizeof(*m));

	m->base.ops = &memory_ops;
	m->events = json_array();
	return &m->base;
}

size_t audit_memory_count(const struct audit_sink *sink) {
	return json_array_size(((const struct memory_sink *)sink)->events);
}

const json_t *audit_memory_get(const struct audit_sink *sink, size_t i) {
	return json_array_get(((const struct memory_sink *)sink)->events, i);
}
