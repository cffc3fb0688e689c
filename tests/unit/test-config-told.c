/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is told once, and what each time. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "config/told.h"
#include "unit/config-fixture.h"

/* How many notes about old layouts a person sees at this start. */
static size_t seen(struct fixture *f) {
	(void)fixture_settings(f);
	told_once(f->config, &f->person);
	return fixture_count(f, NOTE_OLD_LAYOUT);
}

static void old_layouts_once_and_the_lost_file_always(void **state) {
	struct fixture *f = *state;

	fixture_write(f, "home/.coi-profiles/p/config.toml", "");
	fixture_write(f, "home/.config/coi/config.toml", "");
	fixture_write(f, "ws/.coi-profiles/p/config.toml", "");
	fixture_write(f, "ws/.coi.toml", "");
	assert_int_equal(seen(f), 4);
	assert_int_equal(seen(f), 1);
	assert_non_null(strstr(fixture_note(f, NOTE_OLD_LAYOUT, NULL)->message, "/ws/.coi.toml"));
	fixture_project(f, "");
	assert_int_equal(seen(f), 0);
	/* In another directory it is another thing. */
	fixture_write(f, "other/.coi-profiles/p/config.toml", "");
	str_replace(&f->cwd, f->other);
	assert_int_equal(seen(f), 1);
	assert_int_equal(seen(f), 0);
}

static void other_notes_stay(void **state) {
	struct fixture *f = *state;

	fixture_write(f, "home/.coi-profiles/p/config.toml", "");
	fixture_user(f, "[container]\nimagee = \"x\"\n");
	assert_int_equal(seen(f), 1);
	assert_int_equal(fixture_count(f, NOTE_UNKNOWN_KEY), 1);
	assert_int_equal(seen(f), 0);
	assert_int_equal(fixture_count(f, NOTE_UNKNOWN_KEY), 1);
}

static void without_a_memory_it_is_told_again(void **state) {
	struct fixture *f = *state;

	fixture_write(f, "home/.coi-profiles/p/config.toml", "");
	fixture_write(f, "home/.coi", "a file\n");
	assert_int_equal(seen(f), 1);
	assert_int_equal(seen(f), 1);
}

static void what_is_no_memory_is_replaced(void **state) {
	struct fixture *f = *state;
	struct stat st;

	fixture_write(f, "home/.coi-profiles/p/config.toml", "");
	fixture_write(f, "home/.coi/told", "garbage\n\n\x01\xff\n");
	assert_int_equal(seen(f), 1);
	assert_int_equal(seen(f), 0);
	assert_int_equal(fstatat(f->fd, "home/.coi/told", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	/* A link is not followed, neither to read nor to write. */
	assert_int_equal(unlinkat(f->fd, "home/.coi/told", 0), 0);
	fixture_write(f, "other/victim", "precious");
	assert_int_equal(symlinkat("../../other/victim", f->fd, "home/.coi/told"), 0);
	assert_int_equal(seen(f), 1);
	assert_int_equal(seen(f), 0);

	struct buf text;

	assert_int_equal(file_read_at(f->fd, "other/victim", 100, &text), 0);
	assert_string_equal(text.data, "precious");
	buf_done(&text);
}

static void the_memory_is_bounded(void **state) {
	struct fixture *f = *state;
	struct buf lines;
	struct stat st;

	buf_init(&lines, 1024 * 1024);
	for (int i = 0; i < 5000; i++)
		buf_addf(&lines, "%064d\n", i);
	fixture_write(f, "home/.coi/told", lines.data);
	buf_done(&lines);
	fixture_write(f, "home/.coi-profiles/p/config.toml", "");
	assert_int_equal(seen(f), 1);
	assert_int_equal(seen(f), 0);
	assert_int_equal(fstatat(f->fd, "home/.coi/told", &st, 0), 0);
	assert_true(st.st_size < 1000 * 65);
}

#define T(name) cmocka_unit_test_setup_teardown(name, fixture_make, fixture_remove)

int main(void) {
	const struct CMUnitTest tests[] = {
		T(old_layouts_once_and_the_lost_file_always),
		T(other_notes_stay),
		T(without_a_memory_it_is_told_again),
		T(what_is_no_memory_is_replaced),
		T(the_memory_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
