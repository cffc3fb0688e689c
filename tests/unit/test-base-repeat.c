/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/repeat.h"

#define MINUTE 60000

static void test_once_a_minute(void **state) {
	struct repeat r = { 0 };
	unsigned silent = 99;

	(void)state;
	assert_true(repeat_tells(&r, "it fails", 1000, MINUTE, &silent));
	assert_int_equal(silent, 0);
	for (int i = 1; i < 60; i++)
		assert_false(repeat_tells(&r, "it fails", 1000 + 1000 * (uint64_t)i, MINUTE, &silent));
	assert_true(repeat_tells(&r, "it fails", 1000 + MINUTE, MINUTE, &silent));
	assert_int_equal(silent, 59);
	assert_false(repeat_tells(&r, "it fails", 2000 + MINUTE, MINUTE, &silent));
	assert_true(repeat_tells(&r, "it fails", 1000 + 2 * MINUTE, MINUTE, &silent));
	assert_int_equal(silent, 1);
	repeat_done(&r);
}

static void test_others_are_told(void **state) {
	struct repeat r = { 0 };
	unsigned silent;

	(void)state;
	assert_true(repeat_tells(&r, "one", 0, MINUTE, &silent));
	assert_true(repeat_tells(&r, "two", 0, MINUTE, &silent));
	assert_false(repeat_tells(&r, "one", 1, MINUTE, &silent));
	assert_false(repeat_tells(&r, "two", 1, MINUTE, &silent));
	repeat_done(&r);
}

static void test_oldest_is_forgotten(void **state) {
	struct repeat r = { 0 };
	unsigned silent;
	char text[16];

	(void)state;
	for (uint64_t i = 0; i <= REPEAT_REMEMBERED; i++) {
		(void)snprintf(text, sizeof(text), "line %u", (unsigned)i);
		assert_true(repeat_tells(&r, text, i, MINUTE, &silent));
	}
	assert_false(repeat_tells(&r, "line 1", 100, MINUTE, &silent));
	assert_false(repeat_tells(&r, text, 100, MINUTE, &silent));
	assert_true(repeat_tells(&r, "line 0", 100, MINUTE, &silent));
	assert_int_equal(silent, 0);
	repeat_done(&r);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_once_a_minute),
		cmocka_unit_test(test_others_are_told),
		cmocka_unit_test(test_oldest_is_forgotten),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
