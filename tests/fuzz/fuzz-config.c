/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The loader against any text: as the person's file, as a profile and as the
 * file of a project.
 *
 * Built with plain main() it takes the corpus, and texts that are made of it by
 * chance (always the same ones; COI_FUZZ_RUNS says how many). With
 * -DCOI_FUZZ_LIBRARY a fuzzing engine brings the texts.
 */
#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/strv.h"
#include "config/load.h"
#include "config/show.h"
#include "unit/config-fixture.h"

#define TEXT_MAX 65536
#define RUNS_DEFAULT 1500

static struct fixture *fixture;
static struct config *nothing; /* what holds when no file says anything */

static void put(const char *path, const char *text, size_t len) {
	autofree char *copy = xcalloc(len + 1, 1);
	autoclose int dir = open_mkdir_beneath(fixture->fd, path, 0755);

	assert_true(dir >= 0);
	memcpy(copy, text, len);
	assert_int_equal(file_write_quick_at(dir, "config.toml", copy, len, 0644), 0);
}

static void take(const char *path) {
	autofree char *file = xasprintf("%s/config.toml", path);

	(void)unlinkat(fixture->fd, file, 0);
}

/* What holds after a project's file may not be more open than without it. */
static void check_untrusted(const struct config *c) {
	size_t count;
	const struct setting_row *rows = settings_rows(&count);

	for (size_t i = 0; i < count; i++) {
		const void *is = member_of_const(&rows[i], &c->now.settings);
		const void *was = member_of_const(&rows[i], &nothing->now.settings);

		if (c->now.states[i].source.is_trusted)
			continue;
		if (trust_judge(&rows[i], was, is) == TRUST_REFUSE)
			fail_msg("a project's file has set '%s'", rows[i].path);
		if (rows[i].project == PROJECT_GATED && !member_equal(&rows[i], was, is) &&
		    strcmp(rows[i].path, "credentials") != 0)
			fail_msg("a project's file got '%s' without approval", rows[i].path);
	}
	for (size_t i = 0; i < c->now.settings.mounts.count; i++)
		if (!path_is_below(c->now.settings.mounts.items[i].host, fixture->cwd))
			fail_msg("a project's file mounts '%s'", c->now.settings.mounts.items[i].host);
	for (size_t i = 0; i < c->now.settings.credentials.count; i++)
		assert_string_equal(c->now.settings.credentials.items[i].host, "");
}

/* What holds, written down and read again, is the same. */
static void check_fixpoint(void) {
	autofree char *once = config_dump(fixture->config, CONFIG_DUMP_SECRETS);
	autofree char *twice = NULL;

	put("home/.coi", once, strlen(once));
	assert_int_equal(fixture_load(fixture), 0);
	twice = config_dump(fixture->config, CONFIG_DUMP_SECRETS);
	assert_string_equal(once, twice);
}

static void one(const char *text, size_t len) {
	put("home/.coi", text, len);
	assert_int_equal(fixture_load(fixture), 0);
	check_fixpoint();
	take("home/.coi");

	put("ws/.coi", text, len);
	assert_int_equal(fixture_load(fixture), 0);
	check_untrusted(fixture->config);
	take("ws/.coi");

	put("ws/.coi/profiles/p", text, len);
	fixture->profile = "p";
	if (fixture_load(fixture) == 0) /* what is wrong may be fatal to who uses it */
		check_untrusted(fixture->config);
	fixture->profile = NULL;
	take("ws/.coi/profiles/p");
}

static void begin(void) {
	void *state = NULL;

	assert_int_equal(fixture_make(&state), 0);
	fixture = state;
	assert_int_equal(fixture_load(fixture), 0);
	nothing = fixture->config;
	fixture->config = NULL;
}

#ifdef COI_FUZZ_LIBRARY
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	if (!fixture)
		begin();
	if (size <= TEXT_MAX)
		one((const char *)data, size);
	return 0;
}
#else

static uint64_t seed = 88172645463325252u;

static size_t chance(size_t below) {
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return below ? (size_t)(seed % below) : 0;
}

/* A piece of text that the loader knows. */
static void add_word(struct buf *out) {
	static const char *const words[] = {
		"\"", "'''", "\n", " = ", "[", "]", "[[", "]]", "{", "}", ",", ".", "#", "true", "false",
		"0", "-1", "1e9", "9223372036854775807", "1979-05-27", "\"/etc\"", "\"..\"", "\"~\"",
		"\"\"", "[]", "{}", "\\u0000", "\\u202e", "\xff", "inherits = \"p\"\n",
		"[[mounts.default]]\nhost = \"/etc\"\ncontainer = \"/x\"\n",
		"[[mounts.default]]\nhost = \"sub\"\ncontainer = \"/x\"\n",
		"mounts = [{host = \"/\", container = \"/h\"}]\n", "mounts.default = []\n",
		"[[sockets]]\nhost = \"/s\"\ncontainer = \"/s\"\n",
		"[network]\nmode = \"open\"\n", "security.disable_protection = true\n",
	};
	size_t count;
	const struct setting_row *rows = settings_rows(&count);
	const struct setting_row *row = &rows[chance(count)];
	autofree char *value = NULL, *line = NULL;

	if (chance(3) == 0) {
		buf_adds(out, words[chance(ARRAY_SIZE(words))]);
		return;
	}
	value = fixture_sample(row, (int)chance(2));
	line = value ? fixture_line(row, chance(4) == 0, value) : NULL;
	if (line)
		buf_addf(out, "%s\n", line);
	else
		buf_addf(out, "%s = ", row->path);
}

static void mutate(const struct buf *from, struct buf *out) {
	size_t at = chance(from->len + 1), skip = chance(4) ? 0 : chance(20);

	buf_add(out, from->data, at);
	for (size_t n = chance(4); n > 0; n--)
		add_word(out);
	if (chance(4) == 0)
		buf_addc(out, (char)chance(256));
	if (at + skip < from->len)
		buf_add(out, from->data + at + skip, from->len - at - skip);
}

static void corpus_and_chance(void **state) {
	const char *src = getenv("COI_TEST_SRC"), *runs_text = getenv("COI_FUZZ_RUNS");
	size_t runs = runs_text ? (size_t)strtoul(runs_text, NULL, 10) : RUNS_DEFAULT;
	autofree char *dir = path_join(src ? src : ".", "tests/fuzz/config");
	autoclosedir DIR *d = opendir(dir);
	autostrv char **names = NULL;
	struct buf texts[256];
	size_t count = 0;

	(void)state;
	assert_non_null(d);
	for (struct dirent *e; (e = readdir(d));)
		if (e->d_name[0] != '.')
			strv_add(&names, e->d_name);
	strv_sort(names); /* the same texts whatever the file system */
	for (; count < ARRAY_SIZE(texts) && names[count]; count++)
		assert_int_equal(file_read_at(dirfd(d), names[count], TEXT_MAX, &texts[count]), 0);
	assert_true(count >= 10);
	begin();
	for (size_t i = 0; i < count; i++)
		one(texts[i].data, texts[i].len);
	for (size_t run = 0; run < runs; run++) {
		struct buf *chosen = &texts[chance(count)];
		struct buf out;

		buf_init(&out, TEXT_MAX);
		mutate(chosen, &out);
		if (!out.overflow)
			one(out.data, out.len);
		/* Steps add up, as they would with an engine. */
		if (chance(3) == 0 && !out.overflow && out.len < 4096) {
			buf_done(chosen);
			*chosen = out;
		} else {
			buf_done(&out);
		}
	}
	for (size_t i = 0; i < count; i++)
		buf_done(&texts[i]);
	config_free(nothing);
	void *made = fixture;

	assert_int_equal(fixture_remove(&made), 0);
}

int main(void) {
	const struct CMUnitTest tests[] = { cmocka_unit_test(corpus_and_chance) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
#endif
