/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Owns the handlers of SIGINT and SIGTERM between begin and end. */
#include "cli/transfer.h"

#include <signal.h>

#include "base/json.h"
#include "cli/output.h"

static volatile sig_atomic_t stop_wanted;
static struct sigaction old_int, old_term;

static void on_signal(int number) {
	(void)number;
	stop_wanted = 1;
}

static int on_progress(uint64_t done, uint64_t total, void *data) {
	struct transfer *t = data;

	if (!t->progress)
		t->progress = progress_begin(t->what, total);
	progress_set_total(t->progress, total);
	progress_update(t->progress, done, NULL);
	return stop_wanted;
}

void transfer_begin(struct transfer *t, const char *what) {
	/* A second one ends us at once: what is half-made is swept up by the next command. */
	struct sigaction act = { .sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND };

	*t = (struct transfer){ .what = what };
	t->callback = (struct image_progress){ .fn = on_progress, .data = t };
	stop_wanted = 0;
	(void)sigaction(SIGINT, &act, &old_int);
	(void)sigaction(SIGTERM, &act, &old_term);
}

void transfer_end(struct transfer *t) {
	progress_end(t->progress, NULL);
	t->progress = NULL;
	(void)sigaction(SIGINT, &old_int, NULL);
	(void)sigaction(SIGTERM, &old_term, NULL);
}

int transfer_print(const char *alias, const char *fingerprint, struct err *err) {
	json_t *doc = json_object();

	(void)json_object_set_new(doc, "alias", json_text(alias ? alias : ""));
	(void)json_object_set_new(doc, "fingerprint", json_text(fingerprint));
	return output_document(doc, err);
}
