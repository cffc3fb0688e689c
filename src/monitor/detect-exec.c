/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "monitor/rule.h"

static const struct exec_rule *const tables[] = {
	rules_shell, rules_one_liner, rules_environment, rules_files, rules_tools,
};

/*
 * As rules compare them: lower case, no blanks, and no "+" between two texts
 * ('so'+'cket'), which is how words are hidden in most languages.
 */
static char *squeeze(const char *text) {
	char *out = xmalloc(strlen(text) + 1), *to = out;

	for (; *text; text++) {
		char c = (char)tolower((unsigned char)*text);

		if (isspace((unsigned char)c))
			continue;
		*to++ = c;
		/* The end of one text, what joins it, the beginning of the next. */
		if (to - out >= 3 && (c == '"' || c == '\'') && to[-3] == c &&
		    strchr("+.", to[-2]) && to[-2])
			to -= 3;
	}
	*to = '\0';
	return out;
}

/* What the person wants to hear of one-liners. */
static bool adjust(const struct exec_rule *rule, const struct detect_settings *set,
                   struct finding *f) {
	if (!starts_with(rule->id, "one-liner."))
		return true;
	if (set->one_liners == DETECT_ONE_LINERS_WARN)
		f->level = AUDIT_WARNING;
	return set->one_liners != DETECT_ONE_LINERS_OFF;
}

static void try_rule(const struct exec_rule *rule, const struct exec_input *in,
                     struct findings *ret) {
	struct finding f = { .rule = rule->id,
		             .level = rule->level,
		             .category = rule->category,
		             .title = rule->title,
		             .description = rule->description,
		             .evidence = AUDIT_EVIDENCE_PROCESS };
	autobuf struct buf indicator;

	buf_init(&indicator, COMMAND_WORD_MAX);
	if (!rule->match(in, &indicator) || !adjust(rule, in->set, &f))
		return;
	(void)snprintf(f.indicator, sizeof(f.indicator), "%.*s", (int)sizeof(f.indicator) - 1,
	               indicator.data);
	findings_add(ret, &f);
}

void detect_exec(const struct watch_event *e, const struct commands *all,
                 const struct detect_settings *set, struct findings *ret) {
	char **squeezed = xcalloc(all->code_count + 1, sizeof(*squeezed));
	const struct exec_input in = { .event = e, .all = all, .set = set, .squeezed = squeezed };

	for (size_t i = 0; i < all->code_count; i++)
		squeezed[i] = squeeze(all->codes[i].text);
	for (size_t t = 0; t < ARRAY_SIZE(tables); t++)
		for (const struct exec_rule *rule = tables[t]; rule->id; rule++)
			try_rule(rule, &in, ret);
	for (size_t i = 0; i < all->code_count; i++)
		free(squeezed[i]);
	free(squeezed);
}

int detect_each_rule(int (*fn)(const struct finding *rule, void *data), void *data) {
	for (size_t t = 0; t < ARRAY_SIZE(tables); t++)
		for (const struct exec_rule *rule = tables[t]; rule->id; rule++) {
			const struct finding f = { .rule = rule->id,
						   .level = rule->level,
						   .category = rule->category,
						   .title = rule->title,
						   .description = rule->description };
			int r = fn(&f, data);

			if (r)
				return r;
		}
	return 0;
}

/* One thing that happened is told once: as the gravest of what it is in a category. */
void findings_add(struct findings *all, const struct finding *one) {
	for (size_t i = 0; i < all->count; i++) {
		struct finding *f = &all->items[i];

		if (f->category != one->category)
			continue;
		if (one->level > f->level)
			*f = *one;
		return;
	}
	if (all->count < FINDINGS_MAX)
		all->items[all->count++] = *one;
}
