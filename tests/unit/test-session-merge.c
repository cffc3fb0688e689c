/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Merging into files of others: what holds for every input, on made-up ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "base/mem.h"
#include "session/tool/merge.h"

#define ROUNDS 3000

static uint32_t seed;

/* The same inputs on every run: what fails can be looked at. */
static unsigned dice(unsigned sides) {
	seed = seed * 1664525u + 1013904223u;
	return (seed >> 8) % sides;
}

static json_t *random_value(unsigned depth);

static json_t *random_object(unsigned depth) {
	json_t *o = json_object();
	char key[8];

	for (unsigned n = dice(6); n > 0; n--) {
		(void)snprintf(key, sizeof(key), "k%u", dice(12));
		(void)json_object_set_new(o, key, random_value(depth + 1));
	}
	return o;
}

static json_t *random_value(unsigned depth) {
	json_t *list;

	switch (dice(depth < 4 ? 8 : 6)) {
	case 0:
		return json_integer((json_int_t)dice(1000) - 500);
	case 1:
		return json_real((double)dice(1000000) / (dice(999) + 1));
	case 2:
		return json_boolean(dice(2));
	case 3:
		return json_null();
	case 4:
		return json_string("ünd \"quotes\" / \\ \n \x01");
	case 5:
		list = json_array();
		for (unsigned n = dice(3); n > 0; n--)
			(void)json_array_append_new(list, json_integer((json_int_t)dice(9)));
		return list;
	default:
		return random_object(depth);
	}
}

/* Everything that @from says is in @into, at every level. */
static void assert_says(const json_t *into, const json_t *from) {
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)from, key, value) {
		const json_t *there = json_object_get(into, key);

		if (json_is_object(value) && json_is_object(there))
			assert_says(there, value);
		else
			assert_true(json_equal((json_t *)there, value));
	}
}

/* What @before has and @from does not name is in @after; keys keep their order. */
static void assert_kept(const json_t *after, const json_t *before, const json_t *from) {
	void *place = json_object_iter((json_t *)after);
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)before, key, value) {
		const json_t *ours = json_object_get(from, key), *there = json_object_get(after, key);

		assert_non_null(place);
		assert_string_equal(json_object_iter_key(place), key);
		place = json_object_iter_next((json_t *)after, place);
		if (json_is_object(value) && json_is_object(ours))
			assert_kept(there, value, ours);
		else if (!ours)
			assert_true(json_equal((json_t *)there, value));
	}
}

static void what_we_say_wins_and_the_rest_stays(void **state) {
	(void)state;
	for (seed = 1; seed < ROUNDS;) {
		uint32_t start = seed;
		auto_json json_t *before = random_object(0), *from = random_object(0);
		auto_json json_t *after = json_deep_copy(before);
		bool changed = merge_json(after, from, MERGE_OURS);

		assert_int_equal(changed, !json_equal(after, before));
		assert_says(after, from);
		assert_kept(after, before, from);
		assert_false(merge_json(after, from, MERGE_OURS)); /* once is enough */
		seed = start + 1;
	}
}

static void what_they_say_wins_where_it_is_only_a_default(void **state) {
	(void)state;
	for (seed = 1; seed < ROUNDS;) {
		uint32_t start = seed;
		auto_json json_t *before = random_object(0), *from = random_object(0);
		auto_json json_t *after = json_deep_copy(before);

		(void)merge_json(after, from, MERGE_THEIRS);
		assert_says(after, before);
		assert_kept(after, before, from);
		assert_false(merge_json(after, from, MERGE_THEIRS));
		seed = start + 1;
	}
}

static void text_comes_back_as_it_was(void **state) {
	(void)state;
	for (seed = 1; seed < ROUNDS;) {
		uint32_t start = seed;
		auto_json json_t *before = random_object(0), *back = NULL;
		autofree char *text = merge_text(before), *again = NULL;

		back = json_loads(text, 0, NULL);
		assert_true(json_equal(back, before));
		again = merge_text(back);
		assert_string_equal(again, text);
		seed = start + 1;
	}
}

static void numbers_stay_short(void **state) {
	auto_json json_t *j = json_loads("{\"a\":0.1,\"b\":1.5,\"c\":0.30000000000000004}", 0, NULL);
	autofree char *text = merge_text(j);

	(void)state;
	assert_non_null(strstr(text, "0.30000000000000004"));
	json_object_del(j, "c");
	free(text);
	text = merge_text(j);
	assert_string_equal(text, "{\n  \"a\": 0.1,\n  \"b\": 1.5\n}\n");
}

static void deep_settings_survive(void **state) {
	/* The story of a settings file that was overwritten. */
	auto_json json_t *theirs = json_loads(
		"{\"env\":{\"AWS_REGION\":\"x\"},\"permissions\":{\"allow\":[\"Bash(ls:*)\"],"
		"\"defaultMode\":\"ask\",\"deep\":{\"er\":{\"est\":1}}},\"apiKeyHelper\":\"h\"}",
		0, NULL);
	auto_json json_t *ours = json_loads(
		"{\"permissions\":{\"defaultMode\":\"bypass\",\"deep\":{\"er\":{\"new\":2}}}}", 0, NULL);
	autofree char *text = NULL;

	(void)state;
	assert_true(merge_json(theirs, ours, MERGE_OURS));
	text = json_dumps(theirs, JSON_COMPACT);
	assert_string_equal(text,
			    "{\"env\":{\"AWS_REGION\":\"x\"},\"permissions\":{\"allow\":[\"Bash(ls:*)"
			    "\"],\"defaultMode\":\"bypass\",\"deep\":{\"er\":{\"est\":1,\"new\":2}}},"
			    "\"apiKeyHelper\":\"h\"}");
}

static void a_list_gets_its_member_once(void **state) {
	auto_json json_t *j = json_loads("{\"i\":[\"a\"]}", 0, NULL);

	(void)state;
	assert_true(merge_list(j, "i", "b"));
	assert_false(merge_list(j, "i", "b"));
	assert_true(merge_list(j, "new", "b"));
	assert_int_equal(json_array_size(json_object_get(j, "i")), 2);
}

#define BEGIN "<!-- BEGIN COI Sandbox Context -->\n"
#define END "<!-- END COI Sandbox Context -->\n"

static void a_block_is_put_replaced_and_taken_away(void **state) {
	static const char *const texts[] = { "", "mine\n", "mine", "a\n\nb\n", "\n" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		autofree char *one = merge_block(texts[i], "first"), *same = merge_block(one, "first");
		autofree char *two = merge_block(one, "second\nline\n"), *none = merge_block(two, "");
		size_t len = strlen(texts[i]);

		assert_string_equal(one, same);
		assert_int_equal(strncmp(one, texts[i], len), 0);
		assert_non_null(strstr(one, BEGIN "first\n" END));
		assert_null(strstr(two, "first"));
		assert_non_null(strstr(two, BEGIN "second\nline\n" END));
		/* Nothing of ours is left, and nothing of theirs is gone but for the last newline. */
		assert_null(strstr(none, "COI"));
		assert_int_equal(strncmp(none, texts[i], len), 0);
		assert_in_range(strlen(none), len, len + 1);
	}
}

static void a_block_in_the_middle_keeps_its_place(void **state) {
	autofree char *r = merge_block("a\n" BEGIN "x\n" END "b\n", "y\n");
	autofree char *open = merge_block(BEGIN "no end\n", "y\n");
	/* Words in a sentence are no marker. */
	autofree char *said = merge_block("see " BEGIN, "y");

	(void)state;
	assert_string_equal(r, "a\n" BEGIN "y\n" END "b\n");
	assert_string_equal(open, BEGIN "no end\n\n" BEGIN "y\n" END);
	assert_string_equal(said, "see " BEGIN "\n" BEGIN "y\n" END);
}

static void a_line_is_there_once(void **state) {
	autofree char *a = merge_line("", "/x/"), *b = merge_line("y", "/x/"), *c = merge_line(b, "/x/");

	(void)state;
	assert_string_equal(a, "/x/\n");
	assert_string_equal(b, "y\n/x/\n");
	assert_string_equal(b, c);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_we_say_wins_and_the_rest_stays),
		cmocka_unit_test(what_they_say_wins_where_it_is_only_a_default),
		cmocka_unit_test(text_comes_back_as_it_was),
		cmocka_unit_test(numbers_stay_short),
		cmocka_unit_test(deep_settings_survive),
		cmocka_unit_test(a_list_gets_its_member_once),
		cmocka_unit_test(a_block_is_put_replaced_and_taken_away),
		cmocka_unit_test(a_block_in_the_middle_keeps_its_place),
		cmocka_unit_test(a_line_is_there_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
