/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Command lines: of ordinary work, which raise nothing; and of attacks, in disguise too. */
#ifndef COI_TESTS_MONITOR_CORPUS_H
#define COI_TESTS_MONITOR_CORPUS_H

#include "audit/threat.h"
#include "monitor/event.h"

#define SAMPLE_WORDS 16

struct sample {
	const char *words[SAMPLE_WORDS];
	const char *file;          /* that is run; NULL: as the first word says */
	enum watch_stream input;   /* standard input; the others too when it is remote */
	bool is_in_memory;
};

struct attack {
	const char *name;
	const char *rule; /* that has to fire, or one that begins like it */
	enum audit_level level;
	struct sample samples[6]; /* the plain one, and five disguises */
};

extern const struct sample ordinary[];
extern const size_t ordinary_count;
extern const struct attack attacks[];
extern const size_t attack_count;

#endif
