/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The loader against any text: as the person's file, as a profile and as the
 * file of a project.
 */
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
#include "config/load.h"
#include "config/show.h"
#include "fuzz/fuzz.h"
#include "unit/config-fixture.h"

#define TEXT_MAX 65536

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

static void one_text(const uint8_t *data, size_t size) {
	one((const char *)data, size);
}

static void begin(void) {
	void *state = NULL;

	assert_int_equal(fixture_make(&state), 0);
	fixture = state;
	assert_int_equal(fixture_load(fixture), 0);
	nothing = fixture->config;
	fixture->config = NULL;
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
	const struct setting_row *row = &rows[fuzz_chance(count)];
	autofree char *value = NULL, *line = NULL;

	if (fuzz_chance(3) == 0) {
		buf_adds(out, words[fuzz_chance(ARRAY_SIZE(words))]);
		return;
	}
	value = fixture_sample(row, (int)fuzz_chance(2));
	line = value ? fixture_line(row, fuzz_chance(4) == 0, value) : NULL;
	if (line)
		buf_addf(out, "%s\n", line);
	else
		buf_addf(out, "%s = ", row->path);
}

static void mutate(struct buf *b) {
	size_t at = fuzz_chance(b->len + 1), skip = fuzz_chance(4) ? 0 : fuzz_chance(20);
	autofree char *rest = xmemdup(b->data + at, b->len - at);
	size_t rest_len = b->len - at;

	b->len = at;
	for (size_t n = fuzz_chance(4); n > 0; n--)
		add_word(b);
	if (fuzz_chance(4) == 0)
		buf_addc(b, (char)fuzz_chance(256));
	if (skip < rest_len)
		buf_add(b, rest + skip, rest_len - skip);
}

static void end(void) {
	void *made = fixture;

	config_free(nothing);
	assert_int_equal(fixture_remove(&made), 0);
}

const struct fuzz fuzz = {
	.name = "fuzz config",
	.max = TEXT_MAX,
	.runs = 1500,
	.one = one_text,
	.corpus = "config",
	.mutate = mutate,
	.adds_up = true, /* as with an engine */
	.begin = begin,
	.end = end,
};
