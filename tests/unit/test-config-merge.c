/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Every row in every layer by every rule of merging, out of the table: what layers
 * say is laid on each other here once more, in plain words, and compared.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/path.h"
#include "base/strv.h"
#include "config/load.h"
#include "unit/config-fixture.h"

#define SILENT (-1)
#define SAMPLES 3
#define TEXT_SIZE (1024 * 1024)

/* From weak to strong. */
enum place {
	AT_USER,
	AT_PROJECT,
	AT_ENV_FILE,
	AT_ENVIRONMENT,
	AT_PROFILE,         /* the person's, or the project's: one of the two is in force */
	AT_PROJECT_PROFILE,
	AT_WORKSPACE,
	AT_FLAG,
	PLACE_COUNT,
};

static const struct {
	enum config_layer layer;
	const char *file; /* NULL: none */
	bool is_trusted;
	bool in_profile;
} places[PLACE_COUNT] = {
	[AT_USER] = { LAYER_USER, "home/.coi/config.toml", true, false },
	[AT_PROJECT] = { LAYER_PROJECT, "ws/.coi/config.toml", false, false },
	[AT_ENV_FILE] = { LAYER_ENV_FILE, "env/my.toml", true, false },
	[AT_ENVIRONMENT] = { LAYER_ENVIRONMENT, NULL, true, false },
	[AT_PROFILE] = { LAYER_PROFILE, "home/.coi/profiles/mine/config.toml", true, true },
	[AT_PROJECT_PROFILE] = { LAYER_PROFILE, "ws/.coi/profiles/theirs/config.toml", false, true },
	[AT_WORKSPACE] = { LAYER_WORKSPACE, "other/.coi/config.toml", false, false },
	[AT_FLAG] = { LAYER_FLAG, NULL, true, false },
};

static const struct setting_row *rows;
static size_t row_count;

/* May the row be said there, whatever others say? */
static bool is_for(const struct setting_row *row, enum place p, int which) {
	autofree char *text = p == AT_ENVIRONMENT || p == AT_FLAG ? fixture_text(row, which) : NULL;

	if (places[p].in_profile && !settings_profile_path(row))
		return false;
	if (p == AT_ENVIRONMENT)
		return row->env && text && *text;
	if (p == AT_FLAG)
		return text != NULL;
	return places[p].is_trusted || row->project == PROJECT_FREE || row->project == PROJECT_NOTED;
}

/* What each layer says: a sample, or nothing. */
struct said {
	int which[PLACE_COUNT];
};

static int says(const struct setting_row *row, const struct said *said, enum place p) {
	int which = said->which[p];

	return which != SILENT && is_for(row, p, which) ? which : SILENT;
}

/* ---- what must come of it ---- */

static void member_of_sample(const struct setting_row *row, int which, union member *out) {
	struct member_context ctx = { .home = "/", .file_dir = "/", .work_dir = "/" };
	autofree char *value = fixture_sample(row, which);
	autofree char *text = xasprintf("k = %s", value);
	auto_toml struct toml_node *root = NULL;
	struct member_problem problem;
	struct err err;

	memset(out, 0, sizeof(*out));
	assert_int_equal(toml_parse(text, strlen(text), "t", &root, &err), 0);
	if (member_from_toml(row, &root->items[0], &ctx, out, NULL, &problem) < 0)
		fail_msg("%s = %s %s", row->path, value, problem.message);
}

static void lay_union(char ***below, char *const *above) {
	for (; above && *above; above++)
		if (!strv_contains(*below, *above))
			strv_add(below, *above);
}

static void lay_keys(char ***below, char *const *above) {
	for (; above && *above; above++) {
		size_t len = strcspn(*above, "=<"), i = 0;

		while (*below && (*below)[i] && (strcspn((*below)[i], "=<") != len ||
						 strncmp((*below)[i], *above, len) != 0))
			i++;
		if (*below && (*below)[i])
			str_replace(&(*below)[i], *above);
		else
			strv_add(below, *above);
	}
}

/* A mount or socket that is there already is not there twice. */
static bool has_item(const struct setting_row *row, const union member *list,
		     const union member *of, size_t i) {
	struct member_tables one = { tables_item(row->table, of, i), 1 };

	if (strcmp(row->path, "mounts.default") != 0 && strcmp(row->path, "sockets") != 0)
		return false;
	for (size_t k = 0; k < list->mounts.count; k++) {
		struct member_tables other = { tables_item(row->table, list, k), 1 };

		if (tables_equal(row->table, &one, &other))
			return true;
	}
	return false;
}

static void lay_items(const struct setting_row *row, union member *below, union member *above) {
	while (above->mounts.count) {
		struct member_tables twice = { 0 };

		if (has_item(row, below, above, 0))
			tables_move(row->table, &twice, above, 0);
		else
			tables_move(row->table, below, above, 0);
		tables_free(row->table, &twice);
	}
}

static void lay_named(const struct setting_row *row, union member *below, union member *above) {
	while (above->mounts.count) {
		const char *name = tables_name(row->table, tables_item(row->table, above, 0));
		size_t at = 0;

		while (at < below->mounts.count &&
		       strcmp(tables_name(row->table, tables_item(row->table, below, at)), name) != 0)
			at++;
		if (at < below->mounts.count) {
			struct member_tables rest = { 0 }, gone = { 0 };

			/* In the place of the one of its name. */
			tables_move(row->table, &gone, below, at);
			while (below->mounts.count > at)
				tables_move(row->table, &rest, below, at);
			tables_move(row->table, below, above, 0);
			while (rest.count)
				tables_move(row->table, below, &rest, 0);
			tables_free(row->table, &gone);
			free(rest.items);
		} else {
			tables_move(row->table, below, above, 0);
		}
	}
}

/* @above is used up. */
static void lay(const struct setting_row *row, union member *below, union member *above,
		bool is_trusted) {
	bool empty = member_is_empty(row, above);

	switch (row->merge) {
	case MERGE_KEYS:
		lay_keys(&below->map.entries, above->map.entries);
		member_free(row, above);
		return;
	case MERGE_UNION:
		if (!empty)
			lay_union(&below->list, above->list);
		break;
	case MERGE_APPEND:
		if (!empty)
			lay_items(row, below, above);
		break;
	case MERGE_NAMED:
		if (!empty)
			lay_named(row, below, above);
		break;
	case MERGE_REPLACE:
		empty = true;
		is_trusted = true; /* what is free may be emptied by anybody */
		break;
	}
	/* Of lists that grow, only a trusted layer takes away. */
	if (empty && is_trusted) {
		member_free(row, below);
		*below = *above;
		memset(above, 0, sizeof(*above));
		return;
	}
	member_free(row, above);
}

/* [container] of a profile that is named by hand counts once more. */
static bool is_said_again(const struct setting_row *row, enum place p) {
	return places[p].in_profile && strncmp(row->path, "container.", 10) == 0;
}

/* The layers in the order in which they count; *@ret_again: only what is said again. */
static enum place step(int i, bool *ret_again) {
	static const enum place order[] = { AT_USER,	AT_PROJECT,	    AT_ENV_FILE, AT_ENVIRONMENT,
					    AT_PROFILE, AT_PROJECT_PROFILE, AT_WORKSPACE, AT_PROFILE,
					    AT_PROJECT_PROFILE, AT_FLAG };

	*ret_again = i == 7 || i == 8;
	return order[i];
}
#define STEPS 10

/* What must come of it, and of which layer it is in the end (PLACE_COUNT: of none). */
static enum place fold(const struct setting_row *row, const struct said *said, union member *sum) {
	enum place top = PLACE_COUNT;

	for (int i = 0; i < STEPS; i++) {
		bool again;
		enum place p = step(i, &again);
		int which = says(row, said, p);
		union member one;

		if (which == SILENT || (again && !is_said_again(row, p)))
			continue;
		/* The alias of a project beats that of a profile. */
		if (strcmp(row->path, "container.alias") == 0 && places[p].in_profile &&
		    (top == AT_PROJECT || top == AT_WORKSPACE))
			continue;
		member_of_sample(row, which, &one);
		lay(row, sum, &one, places[p].is_trusted);
		top = p;
	}
	return top;
}

static void expect_row(const struct fixture *f, const struct setting_row *row,
		       const struct said *said, const char *what) {
	struct member_context ctx = { .home = f->home, .file_dir = f->cwd };
	const void *is = member_of_const(row, config_settings(f->config));
	const struct setting_source *source = config_origin(f->config, row->path);
	union member sum = { 0 };
	enum place top;

	member_default(row, &ctx, &sum, NULL);
	top = fold(row, said, &sum);
	if (!member_equal(row, &sum, is)) {
		struct buf want, got;

		buf_init(&want, 4096);
		buf_init(&got, 4096);
		member_to_toml(row, &sum, true, &want);
		member_to_toml(row, is, true, &got);
		fail_msg("%s: %s is %s, not %s", what, row->path, got.data, want.data);
	}
	/* An empty list of a project's takes nothing away, and says nothing then. */
	if (top < PLACE_COUNT && (places[top].is_trusted || row->merge == MERGE_REPLACE)) {
		if (source->layer != places[top].layer || source->is_trusted != places[top].is_trusted)
			fail_msg("%s: %s is from layer %d", what, row->path, source->layer);
	} else if (top == PLACE_COUNT) {
		assert_int_equal(source->layer, LAYER_BUILTIN);
	}
	member_free(row, &sum);
}

/* ---- saying it ---- */

static void write_place(struct fixture *f, enum place p, const struct said *said) {
	struct buf text;

	buf_init(&text, TEXT_SIZE);
	for (size_t i = 0; i < row_count; i++) {
		int which = says(&rows[i], said, p);
		autofree char *value = which == SILENT ? NULL : fixture_sample(&rows[i], which);
		autofree char *line = value ? fixture_line(&rows[i], places[p].in_profile, value) : NULL;

		if (line)
			buf_adds(&text, line);
	}
	fixture_write(f, places[p].file, text.data);
	buf_done(&text);
}

static size_t collect_flags(const struct said *said, struct config_override *flags, char ***texts) {
	size_t count = 0;

	for (size_t i = 0; i < row_count; i++) {
		int which = says(&rows[i], said, AT_FLAG);

		if (which == SILENT)
			continue;
		strv_take(texts, fixture_text(&rows[i], which));
		flags[count++] = (struct config_override){ .path = rows[i].path };
	}
	for (size_t i = 0; i < count; i++)
		flags[i].text = (*texts)[i];
	return count;
}

static void try_all_rows(struct fixture *f, const struct said *said, const char *what) {
	struct config_override *flags = xcalloc(row_count, sizeof(*flags));
	autofree char *env_path = path_join(f->base, places[AT_ENV_FILE].file);
	autostrv char **texts = NULL;
	size_t flag_count;

	strv_free(f->env);
	f->env = NULL;
	fixture_setenv(f, "COI_CONFIG", env_path);
	for (int p = 0; p < PLACE_COUNT; p++)
		if (places[p].file)
			write_place(f, (enum place)p, said);
	for (size_t i = 0; i < row_count; i++) {
		int which = says(&rows[i], said, AT_ENVIRONMENT);
		autofree char *text = which == SILENT ? NULL : fixture_text(&rows[i], which);

		if (text)
			fixture_setenv(f, rows[i].env, text);
	}
	f->profile = said->which[AT_PROJECT_PROFILE] != SILENT ? "theirs" : "mine";
	f->workspace = f->other;
	flag_count = collect_flags(said, flags, &texts);
	if (fixture_load_with(f, flags, flag_count) < 0)
		fail_msg("%s: %s", what, f->err.msg);
	for (size_t i = 0; i < row_count; i++)
		expect_row(f, &rows[i], said, what);
	free(flags);
}

static struct said silence(void) {
	struct said said;

	for (int p = 0; p < PLACE_COUNT; p++)
		said.which[p] = SILENT;
	return said;
}

static void every_row_in_every_layer_alone(void **state) {
	struct fixture *f = *state;

	for (int p = 0; p < PLACE_COUNT; p++) {
		for (int which = 0; which < SAMPLES; which++) {
			struct said said = silence();
			autofree char *what = xasprintf("layer %d says %d", p, which);

			said.which[p] = which;
			try_all_rows(f, &said, what);
		}
	}
}

static void every_row_by_every_pair_of_layers(void **state) {
	struct fixture *f = *state;

	for (int low = 0; low < PLACE_COUNT; low++) {
		for (int high = low + 1; high < PLACE_COUNT; high++) {
			for (int k = 0; k < SAMPLES * SAMPLES; k++) {
				struct said said = silence();
				autofree char *what =
					xasprintf("layer %d says %d, layer %d says %d", low,
						  k / SAMPLES, high, k % SAMPLES);

				/* Only one profile is in force. */
				if (low == AT_PROFILE && high == AT_PROJECT_PROFILE)
					continue;
				said.which[low] = k / SAMPLES;
				said.which[high] = k % SAMPLES;
				try_all_rows(f, &said, what);
			}
		}
	}
}

static void every_row_by_all_layers_together(void **state) {
	struct fixture *f = *state;
	uint32_t seed = 4;

	for (int round = 0; round < 60; round++) {
		struct said said;
		struct buf what;

		buf_init(&what, 200);
		for (int p = 0; p < PLACE_COUNT; p++) {
			seed = seed * 1664525u + 1013904223u;
			said.which[p] = (int)((seed >> 16) % (SAMPLES + 1)) - 1;
			buf_addf(&what, " %d", said.which[p]);
		}
		said.which[round % 2 ? AT_PROFILE : AT_PROJECT_PROFILE] = SILENT;
		try_all_rows(f, &said, what.data);
		buf_done(&what);
	}
}

/* Who said each member of a list that grows, or each key of a map. */
static void members_know_who_said_them(void **state) {
	struct fixture *f = *state;

	for (size_t i = 0; i < row_count; i++) {
		const struct setting_row *row = &rows[i];
		autofree char *low = fixture_sample(row, 1), *high = fixture_sample(row, 2);
		autofree char *low_line = fixture_line(row, false, low);
		autofree char *high_line = fixture_line(row, false, high);
		size_t count, from_user = 0, from_env = 0;
		const struct setting_source *s;

		if (row->type != SETTING_STRV && row->type != SETTING_MAP && row->type != SETTING_TABLES)
			continue;
		fixture_user(f, low_line);
		fixture_env_file(f, high_line);
		f->profile = NULL;
		if (strcmp(row->path, "defaults.profile") == 0)
			continue;
		fixture_settings(f);
		for (count = 0; (s = config_item_origin(f->config, row->path, count)); count++) {
			assert_int_equal(s->line, 1);
			assert_true(s->column > 1);
			from_user += s->layer == LAYER_USER;
			from_env += s->layer == LAYER_ENV_FILE;
		}
		if (from_user + from_env != count || count == 0)
			fail_msg("%s: %zu members of somebody else", row->path, count);
		if (row->merge == MERGE_REPLACE ? from_user != 0 : from_user == 0)
			fail_msg("%s: %zu members of the lower layer", row->path, from_user);
		if (row->merge != MERGE_UNION && from_env == 0)
			fail_msg("%s: none of the higher layer", row->path);
	}
}

static int get_rows(void **state) {
	(void)state;
	rows = settings_rows(&row_count);
	return 0;
}

#define T(name) cmocka_unit_test_setup_teardown(name, fixture_make, fixture_remove)

int main(void) {
	const struct CMUnitTest tests[] = {
		T(every_row_in_every_layer_alone),
		T(every_row_by_every_pair_of_layers),
		T(every_row_by_all_layers_together),
		T(members_know_who_said_them),
	};

	return cmocka_run_group_tests(tests, get_rows, NULL);
}
