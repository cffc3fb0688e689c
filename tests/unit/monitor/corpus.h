/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Command lines: of ordinary work, which raise nothing; and of attacks, in disguise too. */
#ifndef COI_TESTS_MONITOR_CORPUS_H
#define COI_TESTS_MONITOR_CORPUS_H

#include "audit/threat.h"
#include "monitor/detect.h"
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

size_t sample_count(const struct sample *s); /* its words */
/* What was run, without directory: the name of the file. NULL: it is none. */
const char *sample_file(const struct sample *s);
/* As a person would type it; the caller frees. */
char *sample_show(const struct sample *s);
/* What detect_exec() says of it. */
void sample_judge(const struct sample *s, const struct detect_settings *set, struct findings *ret);

extern const struct sample ordinary[];
extern const size_t ordinary_count;
extern const struct attack attacks[];
extern const size_t attack_count;

#endif
