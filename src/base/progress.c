/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/progress.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/escape.h"
#include "base/mem.h"
#include "base/size.h"

#define FIRST_MS 300
#define EVERY_MS 100
#define DETAIL_MAX 48

struct progress {
	char *what;
	uint64_t total, started, printed;
	bool on_terminal, shown;
};

struct progress *progress_begin(const char *what, uint64_t total) {
	struct progress *p = xcalloc(1, sizeof(*p));

	p->what = escape_text(what, 120);
	p->total = total;
	p->started = clock_mono_ms();
	p->on_terminal = isatty(STDERR_FILENO) == 1;
	if (!p->on_terminal)
		(void)fprintf(stderr, "%s …\n", p->what);
	return p;
}

static int terminal_columns(void) {
	struct winsize ws;

	return ioctl(STDERR_FILENO, TIOCGWINSZ, &ws) == 0 && ws.ws_col > 20 ? ws.ws_col : 80;
}

static void print_line(const struct progress *p, uint64_t done, const char *detail) {
	static const char bar[] = "########################";
	char now[SIZE_TEXT], line[512];
	autofree char *safe = escape_text(detail ? detail : "", DETAIL_MAX);
	int width = sizeof(bar) - 1;

	if (p->total) {
		unsigned part = done >= p->total ? 100 : (unsigned)(done * 100 / p->total);
		int filled = (int)part * width / 100;

		(void)snprintf(line, sizeof(line), "%s [%.*s%*s] %3u%% %s", p->what, filled, bar,
			       width - filled, "", part, safe);
	} else {
		(void)snprintf(line, sizeof(line), "%s %s%s%s", p->what,
			       done ? size_text(done, now) : "", done ? " " : "", safe);
	}
	(void)fprintf(stderr, "\r\033[K%.*s", terminal_columns() - 1, line);
	(void)fflush(stderr);
}

void progress_set_total(struct progress *p, uint64_t total) {
	if (p)
		p->total = total;
}

void progress_update(struct progress *p, uint64_t done, const char *detail) {
	uint64_t now = clock_mono_ms();

	if (!p || !p->on_terminal || now - p->started < FIRST_MS || now - p->printed < EVERY_MS)
		return;
	p->printed = now;
	p->shown = true;
	print_line(p, done, detail);
}

void progress_end(struct progress *p, const char *result) {
	if (!p)
		return;
	if (p->shown)
		(void)fputs("\r\033[K", stderr);
	if (result)
		(void)fprintf(stderr, "%s\n", result);
	free(p->what);
	free(p);
}
