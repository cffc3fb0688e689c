/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Spelling gains nothing: a key says the same in every way that TOML has to write it,
 * and what only looks like one says nothing. Out of the table, in every layer.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/strv.h"
#include "config/load.h"
#include "config/show.h"
#include "unit/config-fixture.h"

static const struct {
	const char *file;
	bool in_profile;
	const char *profile; /* in force */
} layers[] = {
	{ "home/.coi/config.toml", false, NULL },
	{ "ws/.coi/config.toml", false, NULL },
	{ "other/.coi/config.toml", false, NULL },
	{ "home/.coi/profiles/mine/config.toml", true, "mine" },
	{ "ws/.coi/profiles/theirs/config.toml", true, "theirs" },
};

/* ---- ways to write a key and its value */

static char *dotted(char **parts, const char *value) {
	autofree char *path = strv_join(parts, ".");

	return xasprintf("%s = %s\n", path, value);
}

static char *with_spaces(char **parts, const char *value) {
	autofree char *path = strv_join(parts, "\t . ");

	return xasprintf("  %s=%s# a comment\r\n", path, value);
}

static char *quoted_by(char **parts, const char *value, const char *quote) {
	struct buf out;

	buf_init(&out, 65536);
	for (size_t i = 0; parts[i]; i++)
		buf_addf(&out, "%s%s%s%s", i ? "." : "", quote, parts[i], quote);
	buf_addf(&out, " = %s\n", value);
	return out.data;
}

static char *quoted(char **parts, const char *value) {
	return quoted_by(parts, value, "\"");
}

static char *literal(char **parts, const char *value) {
	return quoted_by(parts, value, "'");
}

static char *escaped(char **parts, const char *value) {
	struct buf out;

	buf_init(&out, 65536);
	for (size_t i = 0; parts[i]; i++)
		buf_addf(&out, "%s\"\\u%04x\\U%08x%s\"", i ? "." : "", parts[i][0], parts[i][1],
			 parts[i] + 2);
	buf_addf(&out, " = %s\n", value);
	return out.data;
}

static char *in_section(char **parts, const char *value) {
	size_t last = strv_len(parts) - 1;
	struct buf out;

	buf_init(&out, 65536);
	if (last) {
		buf_adds(&out, "[");
		for (size_t i = 0; i < last; i++)
			buf_addf(&out, "%s%s", i ? "." : "", parts[i]);
		buf_adds(&out, "]\n");
	}
	buf_addf(&out, "%s = %s\n", parts[last], value);
	return out.data;
}

static char *in_quoted_section(char **parts, const char *value) {
	size_t last = strv_len(parts) - 1;
	struct buf out;

	buf_init(&out, 65536);
	if (last) {
		buf_adds(&out, "[ ");
		for (size_t i = 0; i < last; i++)
			buf_addf(&out, i % 2 ? "%s'%s'" : "%s\"%s\"", i ? " . " : "", parts[i]);
		buf_adds(&out, " ]\n");
	}
	buf_addf(&out, "\"%s\" = %s\n", parts[last], value);
	return out.data;
}

static char *in_inline_tables(char **parts, const char *value) {
	size_t count = strv_len(parts);
	struct buf out;

	buf_init(&out, 65536);
	for (size_t i = 0; i < count; i++)
		buf_addf(&out, i + 1 < count ? "%s = { " : "%s = ", parts[i]);
	buf_adds(&out, value);
	for (size_t i = 1; i < count; i++)
		buf_adds(&out, " }");
	buf_adds(&out, "\n");
	return out.data;
}

static char *(*const spellings[])(char **parts, const char *value) = {
	dotted,	    with_spaces,       quoted,		 literal,
	escaped,    in_section,	       in_quoted_section, in_inline_tables,
};

/* ---- what only looks like the key */

static char *changed_last(char **parts, const char *value, const char *before, const char *after) {
	size_t last = strv_len(parts) - 1;
	autostrv char **copy = strv_copy(parts);
	char *name = xasprintf("%s%s%s", before, parts[last], after);

	free(copy[last]);
	copy[last] = name;
	return quoted(copy, value);
}

static char *upper_case(char **parts, const char *value) {
	autostrv char **copy = strv_copy(parts);

	for (size_t i = 0; copy[i]; i++)
		if (copy[i][0] >= 'a' && copy[i][0] <= 'z')
			copy[i][0] = (char)(copy[i][0] - 'a' + 'A');
	return dotted(copy, value);
}

static char *cyrillic(char **parts, const char *value) {
	static const struct {
		char latin;
		const char *other;
	} twins[] = { { 'e', "\xd0\xb5" }, { 'o', "\xd0\xbe" }, { 'a', "\xd0\xb0" },
		      { 'c', "\xd1\x81" }, { 'p', "\xd1\x80" }, { 'i', "\xd1\x96" } };
	autofree char *path = strv_join(parts, "\".\"");
	struct buf out;
	bool done = false;

	buf_init(&out, 65536);
	buf_adds(&out, "\"");
	for (const char *c = path; *c; c++) {
		const char *twin = NULL;

		for (size_t i = 0; !done && i < ARRAY_SIZE(twins); i++)
			if (twins[i].latin == *c)
				twin = twins[i].other;
		done |= twin != NULL;
		if (twin)
			buf_adds(&out, twin);
		else
			buf_addc(&out, *c);
	}
	buf_addf(&out, "\" = %s\n", value);
	return out.data;
}

static char *full_width(char **parts, const char *value) {
	autostrv char **copy = strv_copy(parts);
	char *name = xasprintf("\xef\xbd%c%s", (char)(0x81 + (parts[0][0] - 'a')), parts[0] + 1);

	free(copy[0]);
	copy[0] = name;
	return quoted(copy, value);
}

static char *zero_width(char **parts, const char *value) {
	return changed_last(parts, value, "", "\xe2\x80\x8b");
}

static char *byte_order_mark(char **parts, const char *value) {
	return changed_last(parts, value, "\xef\xbb\xbf", "");
}

static char *right_to_left(char **parts, const char *value) {
	return changed_last(parts, value, "\xe2\x80\xae", "");
}

static char *space_behind(char **parts, const char *value) {
	return changed_last(parts, value, "", " ");
}

static char *newline_in_front(char **parts, const char *value) {
	return changed_last(parts, value, "\\n", "");
}

static char *combining(char **parts, const char *value) {
	return changed_last(parts, value, "", "\xcc\x81");
}

static char *path_as_one_key(char **parts, const char *value) {
	autofree char *path = strv_join(parts, ".");

	/* A key without a dot is itself. */
	return parts[1] ? xasprintf("\"%s\" = %s\n", path, value) : NULL;
}

static char *one_part_too_many(char **parts, const char *value) {
	autofree char *path = strv_join(parts, ".");

	return xasprintf("%s.\"\" = %s\n", path, value);
}

static char *below_another(char **parts, const char *value) {
	autofree char *path = strv_join(parts, ".");

	return xasprintf("x.%s = %s\n", path, value);
}

static char *(*const look_alikes[])(char **parts, const char *value) = {
	upper_case,	cyrillic,     full_width,      zero_width,	  byte_order_mark,
	right_to_left,	space_behind, newline_in_front, combining,	  path_as_one_key,
	one_part_too_many, below_another,
};

/* ---- what comes of a text */

struct outcome {
	char *settings;
	size_t notes;
	size_t refused;
	size_t gated;
	size_t unknown;
};

static struct outcome load(struct fixture *f, size_t layer, const char *text) {
	struct outcome o = { 0 };

	fixture_write(f, layers[layer].file, text);
	f->profile = layers[layer].profile;
	f->workspace = f->other;
	if (fixture_load(f) < 0) {
		/* What is wrong with a profile that is named fails its user. */
		o.settings = xstrdup("");
		o.notes = 1;
	} else {
		o.settings = config_dump(f->config, CONFIG_DUMP_ALL | CONFIG_DUMP_SECRETS);
		(void)config_notes(f->config, &o.notes);
		o.refused = fixture_count(f, NOTE_REFUSED);
		o.gated = fixture_count(f, NOTE_GATED);
		o.unknown = fixture_count(f, NOTE_UNKNOWN_KEY);
	}
	return o;
}

static void each_key(struct fixture *f,
		     void (*check)(struct fixture *f, size_t layer, char **parts, const char *value)) {
	size_t count;
	const struct setting_row *rows = settings_rows(&count);

	for (size_t l = 0; l < ARRAY_SIZE(layers); l++)
		fixture_write(f, layers[l].file, "");
	for (size_t l = 0; l < ARRAY_SIZE(layers); l++) {
		for (size_t i = 0; i < count; i++) {
			const char *path = layers[l].in_profile ? settings_profile_path(&rows[i])
								: rows[i].path;
			autofree char *value = fixture_sample(&rows[i], 1);
			autostrv char **parts = path ? strv_split(path, ".") : NULL;

			if (parts && strcmp(path, "defaults.profile") != 0)
				check(f, l, parts, value);
		}
		fixture_write(f, layers[l].file, "");
	}
}

static void check_spellings(struct fixture *f, size_t layer, char **parts, const char *value) {
	autofree char *plain_text = dotted(parts, value);
	struct outcome plain = load(f, layer, plain_text);

	for (size_t i = 1; i < ARRAY_SIZE(spellings); i++) {
		autofree char *text = spellings[i](parts, value);
		struct outcome o = load(f, layer, text);

		if (strcmp(o.settings, plain.settings) != 0)
			fail_msg("in %s another outcome than plain: %s", layers[layer].file, text);
		if (o.notes != plain.notes || o.refused != plain.refused || o.gated != plain.gated ||
		    o.unknown != plain.unknown)
			fail_msg("in %s other notes than plain: %s", layers[layer].file, text);
		free(o.settings);
	}
	free(plain.settings);
}

static void every_spelling_of_every_key_is_the_same(void **state) {
	each_key(*state, check_spellings);
}

static char *clean_settings; /* when nobody says anything */

static void check_look_alikes(struct fixture *f, size_t layer, char **parts, const char *value) {
	for (size_t i = 0; i < ARRAY_SIZE(look_alikes); i++) {
		autofree char *text = look_alikes[i](parts, value);
		struct outcome o;

		if (!text)
			continue;
		o = load(f, layer, text);
		/* The names of a map are free, those that are none are said. */
		if (strcmp(o.settings, clean_settings) != 0 && *o.settings)
			fail_msg("in %s this got something: %s", layers[layer].file, text);
		if (o.notes == 0)
			fail_msg("in %s this is dropped in silence: %s", layers[layer].file, text);
		free(o.settings);
	}
}

static void what_looks_like_a_key_is_none(void **state) {
	struct fixture *f = *state;

	fixture_settings(f);
	clean_settings = config_dump(f->config, CONFIG_DUMP_ALL | CONFIG_DUMP_SECRETS);
	each_key(f, check_look_alikes);
	free(clean_settings);
}

/* Said twice it is no TOML, whichever is the harmless one. */
static void nothing_is_said_twice(void **state) {
	struct fixture *f = *state;
	size_t count;
	const struct setting_row *rows = settings_rows(&count);

	for (size_t i = 0; i < count; i++) {
		autostrv char **parts = strv_split(rows[i].path, ".");
		autofree char *first = fixture_sample(&rows[i], 0);
		autofree char *second = fixture_sample(&rows[i], 1);

		for (size_t k = 0; k < ARRAY_SIZE(spellings); k++) {
			autofree char *a = dotted(parts, first), *b = spellings[k](parts, second);
			autofree char *text = xasprintf("%s%s", a, b);

			fixture_project(f, text);
			fixture_settings(f);
			if (!fixture_note(f, NOTE_SYNTAX, NULL))
				fail_msg("this is taken: %s", text);
			assert_false(config_is_set(f->config, rows[i].path));
		}
	}
}

#define T(name) cmocka_unit_test_setup_teardown(name, fixture_make, fixture_remove)

int main(void) {
	const struct CMUnitTest tests[] = {
		T(every_spelling_of_every_key_is_the_same),
		T(what_looks_like_a_key_is_none),
		T(nothing_is_said_twice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
