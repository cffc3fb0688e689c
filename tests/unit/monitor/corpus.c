/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit/monitor/corpus.h"

#include <string.h>

#include "base/mem.h"
#include "base/path.h"
#include "base/strv.h"
#include "monitor/command.h"

size_t sample_count(const struct sample *s) {
	size_t n = 0;

	while (n < SAMPLE_WORDS && s->words[n])
		n++;
	return n;
}

const char *sample_file(const struct sample *s) {
	const char *first = s->words[0] ? path_base(s->words[0]) : "";

	return s->file ? s->file : *first == '-' ? first + 1 : first;
}

char *sample_show(const struct sample *s) {
	size_t n = sample_count(s);
	autofree char **words = xcalloc(n + 1, sizeof(*words));

	memcpy((void *)words, s->words, n * sizeof(*words));
	return strv_to_shell(words);
}

void sample_judge(const struct sample *s, const struct detect_settings *set, struct findings *ret) {
	size_t n = sample_count(s);
	const char *first = n ? path_base(s->words[0]) : "";
	enum watch_stream other = s->input == WATCH_STREAM_REMOTE ? s->input : WATCH_STREAM_OTHER;
	const struct watch_event e = {
		.kind = WATCH_EXEC,
		.pid = 7,
		.comm = first,
		.exec = { .exe = n ? s->words[0] : "",
		          .file = sample_file(s),
		          .comm = first,
		          .argv = (char *const *)s->words,
		          .argc = n,
		          .is_in_memory = s->is_in_memory,
		          .streams = { s->input, other, other } },
	};

	auto_commands struct commands all;

	*ret = (struct findings){ 0 };
	commands_read(&e.exec, &all);
	detect_exec(&e, &all, set, ret);
}
