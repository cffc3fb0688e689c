/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/follow.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "cli/tail.h"

struct reader {
	const struct follow *spec;
	struct tail tail;
	char **kept; /* the last ones of those that were there: a ring */
	size_t kept_max, kept_count;
	bool is_past; /* what comes is shown at once */
};

static void give(struct reader *r) {
	const struct linereader *l = &r->tail.reader;

	if (l->is_cut)
		return;
	if (r->is_past || r->spec->tail < 0) {
		r->spec->line(l->line, l->len, r->spec->data);
	} else if (r->kept_max) {
		char **at = &r->kept[r->kept_count++ % r->kept_max];

		free(*at);
		*at = xstrndup(l->line, l->len);
	}
}

/* All that is there now; the first time also the last of what was there before. */
static int give_all(void *data, struct err *err) {
	struct reader *r = data;
	size_t first;
	int n;

	while ((n = tail_next(&r->tail, err)) == 1)
		give(r);
	if (n < 0 || r->is_past)
		return n;
	first = r->kept_count > r->kept_max ? r->kept_count - r->kept_max : 0;
	for (size_t i = first; i < r->kept_count; i++) {
		const char *text = r->kept[i % r->kept_max];

		r->spec->line(text, strlen(text), r->spec->data);
	}
	r->is_past = true;
	return 0;
}

int follow_lines(const struct follow *f, struct err *err) {
	char *older[] = { (char *)".1", NULL };
	struct reader r = { .spec = f, .kept_max = f->tail > 0 ? (size_t)f->tail : 0 };
	int n;

	tail_init(&r.tail, f->who, f->path, older, f->line_max);
	r.kept = xcalloc(r.kept_max + 1, sizeof(*r.kept));
	n = f->goes_on ? tail_follow(f->who, f->path, give_all, &r, err) : give_all(&r, err);
	for (size_t i = 0; i < r.kept_max; i++)
		free(r.kept[i]);
	free(r.kept);
	if (n == 0)
		n = f->goes_on || r.tail.was_there;
	tail_done(&r.tail);
	return n;
}
