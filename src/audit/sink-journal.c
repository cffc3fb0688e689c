/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * To systemd's journal, by its native protocol: fields as "NAME=text" lines; a text with a
 * line feed would have its length in front, but none of ours has one.
 */
#include <stdlib.h>
#include <string.h>

#include "audit/sink-datagram.h"
#include "base/buf.h"
#include "base/mem.h"

#define DATAGRAM_MAX (AUDIT_LINE_MAX + 8 * 1024)

static void add_field(struct buf *b, const char *name, const char *text) {
	buf_adds(b, name);
	buf_addc(b, '=');
	/* Ours are escaped; whatever should not be is no field of its own. */
	for (; *text; text++)
		buf_addc(b, *text == '\n' ? ' ' : *text);
	buf_addc(b, '\n');
}

static char *format(enum audit_level level, const char *text, const struct audit_record *record,
		    size_t *ret_len) {
	char number[2] = { (char)('0' + datagram_severity(level)), '\0' };
	autofree char *line = record ? xstrndup(record->line, record->len - 1) : NULL;
	struct buf b;

	buf_init(&b, DATAGRAM_MAX);
	add_field(&b, "MESSAGE", text);
	add_field(&b, "PRIORITY", number);
	add_field(&b, "SYSLOG_IDENTIFIER", "coi");
	if (record)
		add_field(&b, "COI_LEVEL", audit_level_to_string(level));
	if (record && record->container)
		add_field(&b, "COI_CONTAINER", record->container);
	if (record)
		add_field(&b, "COI_RECORD", line);
	*ret_len = b.len;
	return b.data;
}

static const struct audit_sink_ops journal_ops = {
	.name = "journald",
	.write = datagram_write,
	.free = datagram_free,
};

struct audit_sink *audit_sink_journal(const char *path) {
	return datagram_new(&journal_ops, path ? path : AUDIT_JOURNAL_SOCKET, format);
}
