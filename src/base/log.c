/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Owns: where lines go and how they are stamped. One line is one write. */
#include "base/log.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/escape.h"
#include "base/strv.h"

#define LINE_MAX_BYTES 8192

static FILE *log_file;
static const char *stamp_name;

void log_set_file(FILE *f) {
	log_file = f;
}

void log_set_stamped(const char *process_name) {
	stamp_name = process_name;
}

bool log_debug_enabled(const char *category) {
	const char *wanted = getenv("COI_DEBUG");
	char **list;
	bool found;

	if (!wanted || !*wanted)
		return false;
	list = strv_split(wanted, ", ");
	found = strv_contains(list, category) || strv_contains(list, "all") ||
		strv_contains(list, "1");
	strv_free(list);
	return found;
}

static void line_begin(struct buf *b) {
	char when[CLOCK_RFC3339_SIZE];

	buf_init(b, LINE_MAX_BYTES);
	if (stamp_name)
		buf_addf(b, "%s %s[%d] ", clock_rfc3339(time(NULL), when), stamp_name, getpid());
}

static void line_end(struct buf *b) {
	FILE *f = log_file ? log_file : stderr;

	buf_addc(b, '\n');
	if (b->overflow) {
		b->overflow = false;
		b->max += 8;
		buf_adds(b, "…\n");
	}
	(void)fflush(f);
	(void)!write(fileno(f), b->data, b->len);
	buf_done(b);
}

static void __attribute__((format(printf, 2, 0)))
line_text(const char *prefix, const char *fmt, va_list ap) {
	struct buf line, text;

	line_begin(&line);
	buf_adds(&line, prefix);
	buf_init(&text, LINE_MAX_BYTES);
	buf_vaddf(&text, fmt, ap);
	escape_append(&line, text.data, text.len, stamp_name ? 0 : ESCAPE_KEEP_NEWLINE);
	buf_done(&text);
	line_end(&line);
}

void log_debug_to(const char *category, const char *fmt, ...) {
	char prefix[64];
	va_list ap;

	/* Milliseconds of the monotonic clock: differences are what one looks for. */
	(void)snprintf(prefix, sizeof(prefix), "debug %s %.3f: ", category,
		       (double)clock_mono_us() / 1000);
	va_start(ap, fmt);
	line_text(prefix, fmt, ap);
	va_end(ap);
}

void log_info(const char *fmt, ...) {
	va_list ap;

	va_start(ap, fmt);
	line_text("", fmt, ap);
	va_end(ap);
}

void log_warn(const char *fmt, ...) {
	va_list ap;

	va_start(ap, fmt);
	line_text("Warning: ", fmt, ap);
	va_end(ap);
}

void log_error(const struct err *e) {
	struct buf line;

	line_begin(&line);
	buf_adds(&line, "Error: ");
	escape_append(&line, e->msg, strlen(e->msg), 0);
	if (e->hint[0]) {
		buf_adds(&line, stamp_name ? " (" : "\n  ");
		escape_append(&line, e->hint, strlen(e->hint), ESCAPE_KEEP_NEWLINE);
		if (stamp_name)
			buf_addc(&line, ')');
	}
	line_end(&line);
}
