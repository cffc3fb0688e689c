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
#include "base/mem.h"
#include "base/strv.h"

#define LINE_MAX_BYTES 8192

static FILE *log_file;
static const char *stamp_name;
static void (*copy_to)(const char *line, void *data);
static void *copy_data;

void log_set_file(FILE *f) {
	log_file = f;
}

void log_set_stamped(const char *process_name) {
	stamp_name = process_name;
}

void log_set_copy(void (*copy)(const char *line, void *data), void *data) {
	copy_to = copy;
	copy_data = data;
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

static void say_line(const char *prefix, const char *text) {
	struct buf line;

	line_begin(&line);
	buf_adds(&line, prefix);
	escape_append(&line, text, strlen(text), stamp_name ? 0 : ESCAPE_KEEP_NEWLINE);
	line_end(&line);
}

static void copy_line(const char *prefix, const char *text) {
	autofree char *all = NULL, *line = NULL;

	if (!copy_to)
		return;
	all = xasprintf("%s%s", prefix, text);
	line = escape_text(all, LINE_MAX_BYTES);
	copy_to(line, copy_data);
}

void log_debug_to(const char *category, const char *fmt, ...) {
	autofree char *text = NULL;
	char prefix[64];
	va_list ap;

	/* Milliseconds of the monotonic clock: differences are what one looks for. */
	(void)snprintf(prefix, sizeof(prefix), "debug %s %.3f: ", category,
		       (double)clock_mono_us() / 1000);
	va_start(ap, fmt);
	text = xvasprintf(fmt, ap);
	va_end(ap);
	say_line(prefix, text);
}

void log_info(const char *fmt, ...) {
	autofree char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	text = xvasprintf(fmt, ap);
	va_end(ap);
	say_line("", text);
}

void log_warn(const char *fmt, ...) {
	autofree char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	text = xvasprintf(fmt, ap);
	va_end(ap);
	say_line("Warning: ", text);
	copy_line("Warning: ", text);
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
	copy_line("Error: ", e->msg);
}
