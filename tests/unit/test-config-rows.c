/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The table of settings, walked. */
#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/strv.h"
#include "config/load.h"
#include "config/show.h"
#include "unit/config-fixture.h"

static const struct setting_row *rows;
static size_t row_count;

static int get_rows(void **state) {
	rows = settings_rows(&row_count);
	return 0;
}

static void every_row_is_complete(void **state) {
	for (size_t i = 0; i < row_count; i++) {
		const struct setting_row *r = &rows[i];
		size_t len = r->summary ? strlen(r->summary) : 0;

		if (!r->path || len < 8 || r->summary[len - 1] != '.' ||
		    !isupper((unsigned char)r->summary[0]))
			fail_msg("row %zu (%s) has no proper summary", i, r->path);
		if (r->project < PROJECT_FREE || r->project > PROJECT_DOMAINS)
			fail_msg("%s has no trust rule", r->path);
		assert_non_null(r->since);
		if (r->without_effect && (r->acted_since || r->deprecated))
			fail_msg("%s has an effect and none", r->path);
		assert_true(r->type < SETTING_TYPE_COUNT && r->type != SETTING_TRISTATE);
		assert_int_equal(r->type == SETTING_CHOICE, r->choices != NULL);
		assert_int_equal(r->type == SETTING_TABLES, r->table != NULL);
		assert_true(r->min <= r->max);
		/* Rules that are about another type than the row's are mistakes. */
		if (r->project == PROJECT_ONLY_TRUE || r->project == PROJECT_ONLY_FALSE)
			assert_int_equal(r->type, SETTING_BOOL);
		if (r->project == PROJECT_ONLY_ADD || r->project == PROJECT_ONLY_FEWER)
			assert_int_equal(r->type, SETTING_STRV);
		if (r->project == PROJECT_INSIDE)
			assert_int_equal(r->type, SETTING_PATH);
		if (r->project == PROJECT_GATED_OUTSIDE)
			assert_int_equal(r->type, SETTING_TABLES);
		if (r->project == PROJECT_ONLY_LOWER && r->type == SETTING_STRING) {
			double n;
			int kind;

			assert_false(format_measure(r->format, "no amount", &n, &kind));
			assert_true(r->format != FORMAT_ANY);
		}
		if (r->merge == MERGE_KEYS)
			assert_int_equal(r->type, SETTING_MAP);
		if (r->merge == MERGE_UNION)
			assert_int_equal(r->type, SETTING_STRV);
		if (r->merge == MERGE_APPEND)
			assert_int_equal(r->type, SETTING_TABLES);
		assert_ptr_equal(settings_row(r->path), r);
		assert_int_equal(settings_row_index(r), i);
		for (size_t k = 0; k < i; k++) {
			assert_string_not_equal(rows[k].path, r->path);
			if (settings_profile_path(r) && settings_profile_path(&rows[k]))
				assert_string_not_equal(settings_profile_path(&rows[k]),
							settings_profile_path(r));
			if (r->env && rows[k].env)
				assert_string_not_equal(rows[k].env, r->env);
		}
	}
}

static void sections_stand_together(void **state) {
	for (size_t i = 0; i < row_count; i++) {
		const char *dot = strrchr(rows[i].path, '.');
		size_t len = dot ? (size_t)(dot - rows[i].path) : 0;
		bool left = false;

		for (size_t k = i + 1; dot && k < row_count; k++) {
			const char *d = strrchr(rows[k].path, '.');
			bool same = d && (size_t)(d - rows[k].path) == len &&
				    strncmp(d - len, rows[i].path, len) == 0;

			if (same && left)
				fail_msg("section of %s is in two places", rows[i].path);
			left |= !same;
		}
	}
}

static void defaults_fit_their_rows(void **state) {
	struct member_context ctx = { .home = "/home/ann" };

	for (size_t i = 0; i < row_count; i++) {
		const struct setting_row *r = &rows[i];
		struct member_problem problem;
		union member m = { 0 };

		if (r->type == SETTING_STRV) {
			for (size_t k = 0; r->def_list && r->def_list[k]; k++)
				assert_true(format_matches(r->format, r->def_list[k]));
			continue;
		}
		if (r->type == SETTING_MAP || r->type == SETTING_TABLES || r->may_be_unset) {
			assert_true(r->may_be_unset || !r->def);
			continue;
		}
		/* Numbers and truths say theirs; a text may be empty. */
		if (!r->def && (r->type == SETTING_BOOL || r->type == SETTING_INT ||
				r->type == SETTING_FLOAT || r->type == SETTING_CHOICE))
			fail_msg("%s has no default", r->path);
		if (member_from_text(r, r->def ? r->def : "", &ctx, &m, NULL, &problem) < 0)
			fail_msg("%s: default %s", r->path, problem.message);
		member_free(r, &m);
	}
}

static void values_survive_a_round(void **state) {
	struct member_context ctx = { .home = "/home/ann", .file_dir = "/f", .work_dir = "/w" };

	for (size_t i = 0; i < row_count; i++) {
		const struct setting_row *r = &rows[i];

		for (int which = 0; which < 3; which++) {
			autofree char *value = fixture_sample(r, which);
			autofree char *text = xasprintf("k = %s", value);
			auto_toml struct toml_node *root = NULL, *again_root = NULL;
			struct member_sources sources = { 0 };
			struct member_problem problem;
			union member m = { 0 }, again = { 0 }, copy = { 0 };
			struct err err;
			struct buf out;

			assert_int_equal(toml_parse(text, strlen(text), "t", &root, &err), 0);
			if (member_from_toml(r, &root->items[0], &ctx, &m, &sources, &problem) < 0)
				fail_msg("%s = %s: %s", r->path, value, problem.message);
			buf_init(&out, 4096);
			buf_adds(&out, "k = ");
			member_to_toml(r, &m, true, &out);
			if (toml_parse(out.data, out.len, "t", &again_root, &err) < 0)
				fail_msg("%s: %s: %s", r->path, out.data, err.msg);
			if (member_from_toml(r, &again_root->items[0], &ctx, &again, NULL, &problem) < 0)
				fail_msg("%s: %s: %s", r->path, out.data, problem.message);
			assert_true(member_equal(r, &m, &again));
			member_copy(r, &copy, &m);
			assert_true(member_equal(r, &m, &copy));
			member_free(r, &copy);
			member_free(r, &m);
			member_free(r, &again);
			free(sources.items);
			buf_done(&out);
		}
	}
}

/* Each row refuses every type of value that is not its own, and says what it wants. */
static void wrong_types_are_refused(void **state) {
	static const char text[] = "v = [1, 1.5, true, \"s\", [], {}, 1979-05-27, [1], [[]], {a=1}]";
	struct member_context ctx = { .home = "/", .file_dir = "/", .work_dir = "/" };
	auto_toml struct toml_node *root = NULL;
	struct err err;

	assert_int_equal(toml_parse(text, strlen(text), "t", &root, &err), 0);
	for (size_t i = 0; i < row_count; i++) {
		const struct setting_row *r = &rows[i];
		size_t refused = 0;

		for (size_t k = 0; k < root->items[0].count; k++) {
			struct member_problem problem = { 0 };
			struct member_sources sources = { 0 };
			union member m = { 0 };

			if (member_from_toml(r, &root->items[0].items[k], &ctx, &m, &sources,
					     &problem) == 0) {
				member_free(r, &m);
				free(sources.items);
				continue;
			}
			refused++;
			assert_true(problem.message[0]);
			assert_int_equal(problem.line, 1);
			assert_null(sources.items);
		}
		assert_true(refused >= 7);
	}
}

static void ranges_hold_at_their_ends(void **state) {
	struct member_context ctx = { .home = "/" };

	for (size_t i = 0; i < row_count; i++) {
		const struct setting_row *r = &rows[i];
		struct toml_node n = { .type = TOML_INT, .line = 3, .column = 5 };
		struct member_problem problem;
		int out = 0;

		if (r->type != SETTING_INT)
			continue;
		assert_true(r->max > r->min);
		n.integer = (int64_t)r->min;
		assert_int_equal(member_from_toml(r, &n, &ctx, &out, NULL, &problem), 0);
		n.integer = (int64_t)r->max;
		assert_int_equal(member_from_toml(r, &n, &ctx, &out, NULL, &problem), 0);
		n.integer = (int64_t)r->min - 1;
		assert_true(member_from_toml(r, &n, &ctx, &out, NULL, &problem) < 0);
		n.integer = (int64_t)r->max + 1;
		assert_true(member_from_toml(r, &n, &ctx, &out, NULL, &problem) < 0);
		n.integer = INT64_MIN;
		assert_true(member_from_toml(r, &n, &ctx, &out, NULL, &problem) < 0);
		assert_int_equal(out, (int)r->max);
	}
}

static void nearest_keys(void **state) {
	assert_string_equal(nearest_key("network.mod", false), "network.mode");
	assert_string_equal(nearest_key("netwrok.mode", false), "network.mode");
	assert_string_equal(nearest_key("contianer.image", false), "container.image");
	assert_string_equal(nearest_key("image", false), "container.image");
	assert_string_equal(nearest_key("defaults.forward_env", true), "forward_env");
	assert_null(nearest_key("something.else.entirely", false));
}

static void schema_has_every_row(void **state) {
	for (int profile = 0; profile < 2; profile++) {
		auto_json json_t *schema = config_schema(profile);

		for (size_t i = 0; i < row_count; i++) {
			const char *path = profile ? settings_profile_path(&rows[i]) : rows[i].path;
			const json_t *at = schema;

			if (!path)
				continue;
			autostrv char **parts = strv_split(path, ".");

			for (size_t k = 0; parts[k]; k++)
				at = json_object_get(json_object_get(at, "properties"), parts[k]);
			if (!at || !json_object_get(at, "type"))
				fail_msg("%s is not in the schema", path);
			assert_string_equal(json_get_str(at, "description", ""), rows[i].summary);
		}
	}
}

/* With every '#' before a key taken away the starter file says exactly the defaults. */
static void starter_is_the_defaults(void **state) {
	for (int profile = 0; profile < 2; profile++) {
		autofree char *text = config_starter(profile);
		auto_toml struct toml_node *root = NULL;
		autostrv char **lines = strv_split(text, "\n");
		struct err err;
		struct buf live;
		size_t keys = 0;

		if (toml_parse(text, strlen(text), "starter", &root, &err) < 0)
			fail_msg("%s", err.msg);
		buf_init(&live, 1024 * 1024);
		for (size_t i = 0; lines[i]; i++) {
			const char *l = lines[i];

			/* Arrays of tables end the part with one default each. */
			if (strncmp(l, "# [[", 4) == 0)
				break;
			if (strncmp(l, "# ", 2) == 0 && strstr(l, " = ")) {
				l += 2;
				keys++;
			}
			if (strncmp(l, "context =", 9) == 0 || strncmp(l, "inherits =", 10) == 0)
				continue;
			buf_addf(&live, "%s\n", l);
		}
		toml_free(root);
		root = NULL;
		if (toml_parse(live.data, live.len, "starter", &root, &err) < 0)
			fail_msg("%s", err.msg);
		assert_true(keys > 80);
		for (size_t i = 0; i < row_count; i++) {
			const char *path = profile ? settings_profile_path(&rows[i]) : rows[i].path;
			struct member_context ctx = { .home = "/home/ann" };
			struct member_problem problem;
			const struct toml_node *n = root;
			union member m = { 0 }, def = { 0 };

			if (!path || rows[i].type == SETTING_TABLES || rows[i].deprecated ||
			    rows[i].may_be_unset)
				continue;
			autostrv char **parts = strv_split(path, ".");

			for (size_t k = 0; parts[k]; k++)
				n = toml_get(n, parts[k]);
			if (!n)
				fail_msg("%s is not in the starter file", path);
			if (member_from_toml(&rows[i], n, &ctx, &m, NULL, &problem) < 0)
				fail_msg("%s %s", path, problem.message);
			member_default(&rows[i], &ctx, &def, NULL);
			assert_true(member_equal(&rows[i], &m, &def));
			member_free(&rows[i], &m);
			member_free(&rows[i], &def);
		}
		buf_done(&live);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_row_is_complete),
		cmocka_unit_test(sections_stand_together),
		cmocka_unit_test(defaults_fit_their_rows),
		cmocka_unit_test(values_survive_a_round),
		cmocka_unit_test(wrong_types_are_refused),
		cmocka_unit_test(ranges_hold_at_their_ends),
		cmocka_unit_test(nearest_keys),
		cmocka_unit_test(schema_has_every_row),
		cmocka_unit_test(starter_is_the_defaults),
	};

	return cmocka_run_group_tests(tests, get_rows, NULL);
}
