/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Layers, merging, origins, mistakes in files. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/strv.h"
#include "config/load.h"
#include "config/show.h"
#include "unit/config-fixture.h"

/* ---- every row in every trusted layer ---- */

static const struct {
	enum config_layer layer;
	const char *file; /* below base */
	bool in_profile;
} trusted_layers[] = {
	{ LAYER_USER, "home/.coi/config.toml", false },
	{ LAYER_ENV_FILE, "env/my.toml", false },
	{ LAYER_PROFILE, "home/.coi/profiles/p/config.toml", true },
};

static void clear_files(struct fixture *f) {
	for (size_t i = 0; i < ARRAY_SIZE(trusted_layers); i++)
		fixture_write(f, trusted_layers[i].file, "");
	fixture_env_file(f, "");
}

/* The value of the row as a member; @value is TOML. */
static void member_of_text(const struct fixture *f, const struct setting_row *row,
			   const char *value, union member *out) {
	struct member_context ctx = { .home = f->home, .file_dir = f->cwd, .work_dir = f->cwd };
	struct member_problem problem;
	struct err err;
	autofree char *text = xasprintf("k = %s", value);
	auto_toml struct toml_node *root = NULL;

	assert_int_equal(toml_parse(text, strlen(text), "t", &root, &err), 0);
	memset(out, 0, sizeof(*out));
	if (member_from_toml(row, &root->items[0], &ctx, out, NULL, &problem) < 0)
		fail_msg("%s = %s %s", row->path, value, problem.message);
}

static void check_value(const struct fixture *f, const struct setting_row *row,
			const char *value, const char *what) {
	union member want;

	member_of_text(f, row, value, &want);
	if (!member_equal(row, &want, member_of_const(row, config_settings(f->config))))
		fail_msg("%s: %s is not %s", what, row->path, value);
	member_free(row, &want);
}

static void every_row_in_every_trusted_layer(void **state) {
	struct fixture *f = *state;
	size_t count;
	const struct setting_row *rows = settings_rows(&count);

	clear_files(f);
	f->profile = "p";
	for (size_t i = 0; i < count; i++) {
		for (size_t l = 0; l < ARRAY_SIZE(trusted_layers); l++) {
			autofree char *value = fixture_sample(&rows[i], 1);
			autofree char *line = value ? fixture_line(&rows[i],
								   trusted_layers[l].in_profile,
								   value) : NULL;
			autofree char *text = line ? xasprintf("\n\n%s", line) : NULL;
			autofree char *path = path_join(f->base, trusted_layers[l].file);
			const struct setting_source *source;

			if (!line || strcmp(rows[i].path, "defaults.profile") == 0)
				continue;
			fixture_write(f, trusted_layers[l].file, text);
			fixture_settings(f);
			check_value(f, &rows[i], value, trusted_layers[l].file);
			source = config_origin(f->config, rows[i].path);
			assert_int_equal(source->layer, trusted_layers[l].layer);
			assert_true(source->is_trusted);
			assert_string_equal(source->file, path);
			assert_int_equal(source->line, 3);
			assert_true(source->column > 3);
			assert_true(config_is_set(f->config, rows[i].path));
			fixture_write(f, trusted_layers[l].file, "");
		}
	}
}

/* Left out: what a lower layer said stays. Said, even as nothing: it counts. */
static void merge_is_exact_for_every_row(void **state) {
	struct fixture *f = *state;
	size_t count;
	const struct setting_row *rows = settings_rows(&count);

	for (size_t i = 0; i < count; i++) {
		autofree char *other = fixture_sample(&rows[i], 1);
		autofree char *nothing = fixture_sample(&rows[i], 0);
		autofree char *low = other ? fixture_line(&rows[i], false, other) : NULL;
		autofree char *high = nothing ? fixture_line(&rows[i], false, nothing) : NULL;
		const char *neutral = strcmp(rows[i].path, "shell.use_tmux") == 0
					      ? "tool.name = \"pi\"\n" : "shell.use_tmux = false\n";
		bool is_empty_text = rows[i].type == SETTING_STRING || rows[i].type == SETTING_PATH;

		if (!low || strcmp(rows[i].path, "defaults.profile") == 0)
			continue;
		fixture_user(f, low);
		fixture_env_file(f, neutral);
		fixture_settings(f);
		check_value(f, &rows[i], other, "left out above");
		fixture_env_file(f, high);
		fixture_settings(f);
		/* A map is merged key by key: an empty one takes nothing away. */
		check_value(f, &rows[i], rows[i].type == SETTING_MAP ? other : nothing, "said above");
		/* And "" where the form allows it. */
		if (is_empty_text && format_matches(rows[i].format, "")) {
			free(high);
			high = fixture_line(&rows[i], false, "\"\"");
			fixture_env_file(f, high);
			fixture_settings(f);
			check_value(f, &rows[i], "\"\"", "emptied above");
		}
	}
}

static void nothing_is_said(void **state) {
	struct fixture *f = *state;
	const struct settings *s = fixture_settings(f);
	size_t count;

	assert_string_equal(s->container.image, "coi-default");
	assert_false(s->container.persistent);
	assert_int_equal(s->container.shutdown_timeout, 60);
	assert_int_equal(s->container.ready_timeout, 30);
	assert_int_equal(s->network.mode, MODE_RESTRICTED);
	assert_true(s->network.block_private_networks);
	assert_true(s->network.block_metadata_endpoint);
	assert_false(s->network.allow_local_network_access);
	assert_int_equal(s->incus.code_uid, 1000);
	assert_string_equal(s->incus.code_user, "code");
	assert_int_equal(strv_len(s->security.protected_paths), 7);
	assert_true(s->defaults.env_command_timeout.ms == 30000);
	assert_true(s->shell.use_tmux);
	assert_int_equal(s->monitoring.process_spawn_rate_threshold, -1);
	autofree char *sessions = path_join(f->home, ".coi/sessions");

	assert_string_equal(s->paths.sessions_dir, sessions);
	(void)config_notes(f->config, &count);
	assert_int_equal(count, 0);
	assert_int_equal(config_origin(f->config, "container.image")->layer, LAYER_BUILTIN);
	assert_false(config_is_set(f->config, "container.image"));
	assert_null(config_origin(f->config, "no.such"));
}

static void layers_in_their_order(void **state) {
	struct fixture *f = *state;
	const struct config_override flag = { "container.image", "flag", "--image" };
	const struct {
		const char *file;
		const char *text;
		const char *want;
		enum config_layer layer;
	} steps[] = {
		{ "home/.coi/config.toml", "[container]\nimage = \"user\"\n", "user", LAYER_USER },
		{ "ws/.coi/config.toml", "[container]\nimage = \"project\"\n", "project",
		  LAYER_PROJECT },
		{ "env/my.toml", "[container]\nimage = \"env-file\"\n", "env-file", LAYER_ENV_FILE },
		{ NULL, NULL, "variable", LAYER_ENVIRONMENT },
		{ "home/.coi/profiles/p/config.toml", "[container]\nimage = \"profile\"\n",
		  "profile", LAYER_PROFILE },
		{ "other/.coi/config.toml", "[container]\nimage = \"overlay\"\n", "overlay",
		  LAYER_WORKSPACE },
	};

	fixture_env_file(f, "");
	fixture_write(f, "home/.coi/profiles/p/config.toml", "");
	f->workspace = f->other;
	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		if (steps[i].layer == LAYER_WORKSPACE)
			/* Chosen in a file: the workspace beats it. */
			fixture_user(f, "[container]\nimage = \"user\"\n[defaults]\nprofile = \"p\"\n");
		else if (steps[i].layer == LAYER_PROFILE)
			f->profile = "p";
		if (steps[i].file)
			fixture_write(f, steps[i].file, steps[i].text);
		else
			fixture_setenv(f, "CLAUDE_ON_INCUS_IMAGE", "variable");
		if (steps[i].layer == LAYER_WORKSPACE)
			f->profile = NULL;
		assert_string_equal(fixture_settings(f)->container.image, steps[i].want);
		assert_int_equal(config_origin(f->config, "container.image")->layer, steps[i].layer);
	}
	/* Chosen by hand, the profile's [container] beats the workspace. */
	f->profile = "p";
	assert_string_equal(fixture_settings(f)->container.image, "profile");
	assert_int_equal(fixture_load_with(f, &flag, 1), 0);
	assert_string_equal(config_settings(f->config)->container.image, "flag");
	assert_string_equal(config_origin(f->config, "container.image")->file, "--image");
}

/* Of a profile that is named by hand nothing is said twice, and lists do not grow. */
static void a_profile_named_by_hand_counts_once(void **state) {
	struct fixture *f = *state;

	fixture_write(f, "home/.coi/profiles/p/config.toml",
		      "[container]\nimage = 3\nnonsense = 1\nbuild.base = \"mine\"\n"
		      "build.agents = [\"pi\"]\n[network]\nmode = \"allowlist\"\n");
	fixture_write(f, "other/.coi/config.toml", "[container]\nbuild.base = \"theirs\"\n"
						   "build.agents = [\"claude\", \"codex\"]\n");
	f->workspace = f->other;
	f->profile = "p";
	assert_string_equal(fixture_settings(f)->container.build.base, "mine");
	assert_int_equal(strv_len(config_settings(f->config)->container.build.agents), 1);
	assert_int_equal(fixture_count(f, NOTE_WRONG_TYPE), 1);
	assert_int_equal(fixture_count(f, NOTE_UNKNOWN_KEY), 1);
}

static void environment_variables(void **state) {
	static const struct {
		const char *name;
		const char *value;
		const char *path;
		const char *want;
	} list[] = {
		{ "CLAUDE_ON_INCUS_IMAGE", "x", "container.image", "\"x\"" },
		{ "CLAUDE_ON_INCUS_PERSISTENT", "1", "container.persistent", "true" },
		{ "CLAUDE_ON_INCUS_PERSISTENT", "true", "container.persistent", "true" },
		{ "CLAUDE_ON_INCUS_SESSIONS_DIR", "/s", "paths.sessions_dir", "\"/s\"" },
		{ "CLAUDE_ON_INCUS_STORAGE_DIR", "/t", "paths.storage_dir", "\"/t\"" },
		{ "COI_LIMIT_CPU", "0-1", "limits.cpu.count", "\"0-1\"" },
		{ "COI_LIMIT_CPU_ALLOWANCE", "50%", "limits.cpu.allowance", "\"50%\"" },
		{ "COI_LIMIT_MEMORY", "2GiB", "limits.memory.limit", "\"2GiB\"" },
		{ "COI_LIMIT_MEMORY_SWAP", "false", "limits.memory.swap", "\"false\"" },
		{ "COI_LIMIT_DISK_READ", "10MB/s", "limits.disk.read", "\"10MB/s\"" },
		{ "COI_LIMIT_DISK_WRITE", "100iops", "limits.disk.write", "\"100iops\"" },
		{ "COI_LIMIT_DURATION", "2h30m", "limits.runtime.max_duration", "\"2h30m\"" },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(list); i++) {
		strv_free(f->env);
		f->env = NULL;
		fixture_setenv(f, list[i].name, list[i].value);
		fixture_settings(f);

		const struct setting_row *row = settings_row(list[i].path);
		autobuf struct buf got;

		buf_init(&got, 4096);
		member_to_toml(row, member_of_const(row, config_settings(f->config)), true, &got);
		assert_string_equal(got.data, list[i].want);
		assert_string_equal(config_origin(f->config, list[i].path)->file, list[i].name);
	}
	fixture_setenv(f, "COI_LIMIT_CPU", "lots");
	fixture_settings(f);
	assert_non_null(fixture_note(f, NOTE_BAD_VALUE, "limits.cpu.count"));
	f->is_strict = true;
	assert_true(fixture_load(f) < 0);
	assert_non_null(strstr(f->err.msg, "COI_LIMIT_CPU"));
}

static void flags(void **state) {
	struct fixture *f = *state;
	const struct config_override bad = { "network.mode", "shut", "--network" };
	const struct config_override unknown = { "no.such", "1", NULL };
	const struct config_override list = { "network.allowed_domains", "a.com,b.com:443", NULL };
	const struct config_override yes = { "container.persistent", "yes", NULL };
	const struct config_override maybe = { "container.persistent", "maybe", NULL };
	const struct config_override map = { "defaults.environment", "A=1", NULL };

	assert_int_equal(fixture_load_with(f, &bad, 1), -EINVAL);
	assert_int_equal(f->err.kind, ERR_USAGE);
	assert_non_null(strstr(f->err.msg, "--network"));
	assert_non_null(strstr(f->err.msg, "restricted"));
	assert_int_equal(fixture_load_with(f, &unknown, 1), -EINVAL);
	assert_int_equal(fixture_load_with(f, &list, 1), 0);
	assert_int_equal(strv_len(config_settings(f->config)->network.allowed_domains), 2);
	assert_int_equal(fixture_load_with(f, &yes, 1), 0);
	assert_true(config_settings(f->config)->container.persistent);
	assert_int_equal(fixture_load_with(f, &maybe, 1), -EINVAL);
	assert_int_equal(fixture_load_with(f, &map, 1), 0);
	assert_string_equal(config_settings(f->config)->defaults.environment.entries[0], "A=1");
}

static void lists_and_maps(void **state) {
	struct fixture *f = *state;
	const struct settings *s;

	fixture_user(f, "[defaults]\nforward_env = [\"A\", \"B\"]\n"
			"[defaults.environment]\nX = \"1\"\nY = \"2\"\n"
			"[security]\nadditional_protected_paths = [\"a\"]\n"
			"[network]\nallowed_domains = [\"a.com\"]\n"
			"[[mounts.default]]\nhost = \"~/one\"\ncontainer = \"/one\"\n");
	fixture_env_file(f, "[defaults]\nforward_env = [\"B\", \"C\"]\n"
			    "[defaults.environment]\nY = \"\"\nZ = \"3\"\n"
			    "[security]\nadditional_protected_paths = [\"b\", \"a\"]\n"
			    "[network]\nallowed_domains = []\n"
			    "[[mounts.default]]\nhost = \"two\"\ncontainer = \"/two\"\n"
			    "readonly = true\nshift = false\n");
	s = fixture_settings(f);
	autofree char *forward = strv_join(s->defaults.forward_env, " ");
	autofree char *environment = strv_join(s->defaults.environment.entries, " ");
	autofree char *paths = strv_join(s->security.additional_protected_paths, " ");
	autofree char *one = path_join(f->home, "one"), *two = path_join(f->cwd, "two");

	assert_string_equal(forward, "A B C");
	assert_string_equal(environment, "X=1 Y= Z=3");
	assert_string_equal(paths, "a b");
	assert_int_equal(strv_len(s->network.allowed_domains), 0);
	assert_int_equal(s->mounts.count, 2);
	assert_string_equal(s->mounts.items[0].host, one);
	assert_string_equal(s->mounts.items[1].host, two);
	assert_true(s->mounts.items[1].readonly);
	assert_int_equal(s->mounts.items[0].shift, TRI_UNSET);
	assert_int_equal(s->mounts.items[1].shift, TRI_FALSE);
	assert_int_equal(s->mounts.items[1].host_fd, -1);
	assert_int_equal(s->mounts.items[1].source.line, 10);
	/* Each entry knows who said it. */
	assert_int_equal(config_item_origin(f->config, "defaults.forward_env", 1)->layer, LAYER_USER);
	assert_int_equal(config_item_origin(f->config, "defaults.forward_env", 2)->layer,
			 LAYER_ENV_FILE);
	assert_int_equal(config_item_origin(f->config, "defaults.forward_env", 2)->column, 21);
	assert_int_equal(config_item_origin(f->config, "defaults.environment", 1)->layer,
			 LAYER_ENV_FILE);
	assert_int_equal(config_item_origin(f->config, "mounts.default", 0)->layer, LAYER_USER);
	assert_null(config_item_origin(f->config, "mounts.default", 2));
	/* A trusted layer may empty a list that lower ones add to. */
	fixture_env_file(f, "sockets = []\n[defaults]\nforward_env = []\n[mounts]\ndefault = []\n");
	s = fixture_settings(f);
	assert_int_equal(strv_len(s->defaults.forward_env), 0);
	assert_int_equal(s->mounts.count, 0);
}

/* As in 0.9 the alias of a project is not its profile's. */
static void a_profile_yields_to_the_alias_of_a_project(void **state) {
	struct fixture *f = *state;

	fixture_write(f, "home/.coi/profiles/p/config.toml", "[container]\nalias = \"profile\"\n");
	f->profile = "p";
	assert_string_equal(fixture_settings(f)->container.alias, "profile");
	fixture_project(f, "[container]\nalias = \"project\"\n");
	assert_string_equal(fixture_settings(f)->container.alias, "project");
	fixture_project(f, "[container]\nalias = \"\"\n");
	assert_string_equal(fixture_settings(f)->container.alias, "");
	fixture_project(f, "");
	fixture_user(f, "[container]\nalias = \"user\"\n");
	assert_string_equal(fixture_settings(f)->container.alias, "profile");
}

static void relative_paths(void **state) {
	struct fixture *f = *state;
	const struct settings *s;
	autofree char *script = path_join(f->base, "env/build.sh");
	autofree char *home = path_join(f->home, "x");

	fixture_env_file(f, "[container.build]\nscript = \"./a/../build.sh\"\n"
			    "[tool]\ncontext_file = \"~/x\"\n[paths]\nlogs_dir = \"/a//b/\"\n");
	s = fixture_settings(f);
	assert_string_equal(s->container.build.script, script);
	assert_string_equal(s->tool.context_file, home);
	assert_string_equal(s->paths.logs_dir, "/a/b");
}

/* ---- mistakes ---- */

static void mistakes_have_a_place(void **state) {
	static const struct {
		const char *text;
		enum config_note_kind kind;
		const char *key;
		int line;
		int column;
		const char *words;
	} list[] = {
		{ "[network]\nmode = \"shut\"\n", NOTE_BAD_VALUE, "network.mode", 2, 8, "'restricted'" },
		{ "[network]\nmode = 1\n", NOTE_WRONG_TYPE, "network.mode", 2, 8, "a string" },
		{ "network = 1\n", NOTE_WRONG_TYPE, "network", 1, 11, "a table" },
		{ "container.persistent = \"yes\"\n", NOTE_WRONG_TYPE, "container.persistent", 1, 24,
		  "true or false" },
		{ "[container]\nready_timeout = 0\n", NOTE_BAD_VALUE, "container.ready_timeout", 2, 17,
		  "from 1 to 3600 s" },
		{ "[limits.cpu]\ncount = \"many\"\n", NOTE_BAD_VALUE, "limits.cpu.count", 2, 9, "0-3" },
		{ "[limits.runtime]\nmax_duration = \"0s\"\n", NOTE_BAD_VALUE,
		  "limits.runtime.max_duration", 2, 16, "longer" },
		{ "[limits.runtime]\nmax_duration = \"-1h\"\n", NOTE_BAD_VALUE,
		  "limits.runtime.max_duration", 2, 16, "duration" },
		{ "[defaults]\nforward_env = [\"A\", \"B C\"]\n", NOTE_BAD_VALUE, "defaults.forward_env",
		  2, 21, "variable" },
		{ "[defaults]\nforward_env = \"A\"\n", NOTE_WRONG_TYPE, "defaults.forward_env", 2, 15,
		  "array" },
		{ "[defaults.environment]\n\"A B\" = \"1\"\n", NOTE_BAD_VALUE, "defaults.environment", 2,
		  1, "A B" },
		{ "[defaults.environment]\nA = 1\n", NOTE_WRONG_TYPE, "defaults.environment", 2, 5,
		  "'A'" },
		{ "[[mounts.default]]\nhost = \"/x\"\n", NOTE_BAD_VALUE, "mounts.default", 1, 1,
		  "'container'" },
		{ "[[mounts.default]]\nhost = \"/x\"\ncontainer = \"x\"\n", NOTE_BAD_VALUE,
		  "mounts.default", 3, 13, "absolute" },
		{ "[[mounts.default]]\nhost = \"/x\"\ncontainer = \"/x\"\nread_only = true\n",
		  NOTE_BAD_VALUE, "mounts.default", 4, 1, "read_only" },
		{ "[[mounts.default]]\nhost = 1\ncontainer = \"/x\"\n", NOTE_WRONG_TYPE,
		  "mounts.default", 2, 8, "'host'" },
		{ "mounts.default = {host = \"/x\", container = \"/x\"}\n", NOTE_WRONG_TYPE,
		  "mounts.default", 1, 18, "array of tables" },
		{ "[[credentials]]\nhost = \"/k\"\n", NOTE_BAD_VALUE, "credentials", 1, 1,
		  "either 'bundle', or 'host' and 'container'" },
		{ "[[credentials]]\nbundle = \"pi\"\nhost = \"/k\"\ncontainer = \"/k\"\n",
		  NOTE_BAD_VALUE, "credentials", 1, 1, "either 'bundle'" },
		{ "[[credentials]]\nmode = \"0600\"\n", NOTE_BAD_VALUE, "credentials", 1, 1,
		  "either 'bundle'" },
		{ "[[ports.map]]\nname = \"a\"\ncontainer = 1\n[[ports.map]]\nname = \"a\"\n"
		  "container = 2\n", NOTE_BAD_VALUE, "ports.map", 4, 1, "two of the name 'a'" },
		{ "[[tool.custom]]\nname = \"a\"\n[[tool.custom]]\nname = \"a\"\n", NOTE_BAD_VALUE,
		  "tool.custom", 3, 1, "two of the name 'a'" },
		{ "[[ports.map]]\nname = \"a\"\ncontainer = 1\nlisten = \"999.1.1.1\"\n",
		  NOTE_BAD_VALUE, "ports.map", 4, 10, "an IP address" },
		{ "[[network.hosts]]\nip = \"1.2.3.256\"\nhostnames = [\"a\"]\n", NOTE_BAD_VALUE,
		  "network.hosts", 2, 6, "an IPv4 address" },
		{ "mounts.default = [1]\n", NOTE_WRONG_TYPE, "mounts.default", 1, 19, "tables" },
		{ "a = \n", NOTE_SYNTAX, "", 1, 5, "value" },
		{ "[network]\nmode = \"open\"\nmode = \"open\"\n", NOTE_SYNTAX, "", 3, 6, "redefine" },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(list); i++) {
		const struct config_note *n;
		autofree char *place = NULL;

		fixture_user(f, list[i].text);
		f->is_strict = false;
		fixture_settings(f);
		n = fixture_note(f, list[i].kind, list[i].key);
		if (!n)
			fail_msg("no note for %s", list[i].text);
		assert_int_equal(n->level, NOTE_ERROR);
		if (!strstr(n->message, list[i].words) || n->line != list[i].line ||
		    (n->column != list[i].column && n->kind != NOTE_SYNTAX))
			fail_msg("%s: %d:%d: %s", list[i].text, n->line, n->column, n->message);
		/* The value is left out, not half taken. */
		if (*list[i].key && settings_row(list[i].key))
			assert_false(config_is_set(f->config, list[i].key));
		/* Commands that start something there fail, with the place. */
		f->is_strict = true;
		assert_true(fixture_load(f) < 0);
		assert_null(f->config);
		assert_int_equal(f->err.kind, ERR_CONFIG);
		place = xasprintf("%s/.coi/config.toml:%d:", f->home, list[i].line);
		if (strncmp(f->err.msg, place, strlen(place)) != 0)
			fail_msg("%s: %s", list[i].text, f->err.msg);
	}
}

static void unknown_keys_name_the_nearest(void **state) {
	struct fixture *f = *state;
	const struct config_note *n;

	f->is_strict = true; /* a warning even then */
	fixture_user(f, "[network]\nmod = \"open\"\n[netwrk]\nmode = \"open\"\n[xyzzy]\nq = 1\n"
			"[container]\n\"build.base\" = \"x\"\nImage = \"x\"\n");
	fixture_settings(f);
	n = fixture_note(f, NOTE_UNKNOWN_KEY, "network.mod");
	assert_non_null(n);
	assert_non_null(strstr(n->message, "'network.mode'"));
	assert_int_equal(n->line, 2);
	assert_int_equal(n->column, 1);
	assert_non_null(fixture_note(f, NOTE_UNKNOWN_KEY, "netwrk"));
	assert_non_null(fixture_note(f, NOTE_UNKNOWN_KEY, "xyzzy"));
	/* One quoted key is not two, and letters have a case. */
	assert_non_null(fixture_note(f, NOTE_UNKNOWN_KEY, "container.build.base"));
	assert_non_null(fixture_note(f, NOTE_UNKNOWN_KEY, "container.Image"));
	assert_int_equal(config_settings(f->config)->network.mode, MODE_RESTRICTED);
	assert_string_equal(config_settings(f->config)->container.image, "coi-default");
}

static void notes_are_bounded(void **state) {
	struct fixture *f = *state;
	struct buf text;
	size_t count;

	buf_init(&text, 1024 * 1024);
	for (int i = 0; i < 5000; i++)
		buf_addf(&text, "key%d = 1\n", i);
	fixture_user(f, text.data);
	buf_done(&text);
	fixture_settings(f);
	(void)config_notes(f->config, &count);
	assert_true(count <= CONFIG_NOTES_MAX + 1);
}

static void known_but_not_acted_on(void **state) {
	struct fixture *f = *state;
	size_t count, notes = 0;
	const struct setting_row *rows = settings_rows(&count);

	for (size_t i = 0; i < count; i++) {
		autofree char *value = fixture_sample(&rows[i], 1);
		autofree char *line = value ? fixture_line(&rows[i], false, value) : NULL;
		const struct config_note *n;

		if (!line || strcmp(rows[i].path, "defaults.profile") == 0)
			continue;
		fixture_user(f, line);
		fixture_settings(f);
		n = fixture_note(f, NOTE_NOT_ACTED, rows[i].path);
		/* That no program is called through sudo is true whatever is said. */
		if (strcmp(rows[i].path, "network.use_sudo") == 0)
			continue;
		if ((n == NULL) != (rows[i].acted_since || rows[i].deprecated))
			fail_msg("%s is set in silence", rows[i].path);
		notes += n != NULL;
		if (n)
			assert_int_equal(n->line, 1);
		if (rows[i].deprecated)
			assert_non_null(fixture_note(f, NOTE_DEPRECATED, rows[i].path));
		if (rows[i].without_effect)
			assert_non_null(strstr(n->message, rows[i].without_effect));
	}
	/* Of a key that never has an effect its default is no loss. */
	fixture_user(f, "incus.project = \"default\"\nnetwork.use_sudo = true\n"
			"paths.sessions_dir = \"~/.coi/sessions\"\nincus.disable_shift = false\n");
	fixture_settings(f);
	assert_null(fixture_note(f, NOTE_NOT_ACTED, NULL));
	assert_true(notes > 0);
}

/* ---- files that are none ---- */

static void config_that_is_no_file(void **state) {
	struct fixture *f = *state;
	autofree char *path = path_join(f->home, ".coi/config.toml");
	autofree char *big = xmalloc(10 * 1024 * 1024 + 1);

	memset(big, '#', 10 * 1024 * 1024);
	big[10 * 1024 * 1024] = '\0';
	for (int which = 0; which < 4; which++) {
		const struct config_note *n;

		fixture_write(f, "home/.coi/x", "");
		(void)unlink(path);
		(void)rmdir(path);
		if (which == 0)
			assert_int_equal(mkfifo(path, 0644), 0);
		else if (which == 1)
			assert_int_equal(mkdir(path, 0755), 0);
		else if (which == 2)
			assert_int_equal(symlink("/dev/zero", path), 0);
		else
			fixture_user(f, big);
		f->is_strict = false;
		assert_int_equal(fixture_load(f), 0);
		n = fixture_note(f, NOTE_FILE, NULL);
		assert_non_null(n);
		assert_non_null(strstr(n->message, path));
		f->is_strict = true;
		assert_true(fixture_load(f) < 0);
	}
}

static void unreadable_as_the_person(void **state) {
	struct fixture *f = *state;

	/* In a user namespace there may be nobody of that number. */
	if (geteuid() != 0 || fchown(f->fd, 1234, 1234) < 0)
		skip();
	/* Root's file, by a link in a person's project: read as the person, so not at all. */
	fixture_write(f, "secret", "[network]\nmode = \"allowlist\"\n");
	assert_int_equal(fchmodat(f->fd, "secret", 0600, 0), 0);
	fixture_write(f, "home/.coi/x", "");
	assert_int_equal(symlinkat("../../secret", f->fd, "home/.coi/config.toml"), 0);
	assert_int_equal(fchmod(f->fd, 0755), 0);
	assert_int_equal(fixture_settings(f)->network.mode, MODE_ALLOWLIST);
	f->person.uid = 1234;
	f->person.gid = 1234;
	assert_int_equal(fixture_settings(f)->network.mode, MODE_RESTRICTED);
	assert_non_null(fixture_note(f, NOTE_FILE, NULL));
	assert_int_equal(geteuid(), 0);
}

/* What the person has said and cannot be read is not the same as nothing. */
static void settings_that_are_out_of_reach(void **state) {
	struct fixture *f = *state;
	static const struct {
		const char *name; /* below base */
		const char *target;
		const char *words;
	} links[] = {
		{ "home/.coi/config.toml", "/nonexistent/config.toml", "leads nowhere" },
		{ "home/.coi/config.toml", "config.toml", "Too many levels" },
		{ "home/.coi", "/nonexistent", "cannot read the settings" },
		{ "home/.coi", ".coi", "cannot read the settings" },
		{ "home/.coi", "/etc/passwd", "cannot read the settings" },
		{ "ws/.coi", ".coi", "cannot read the settings" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(links); i++) {
		const struct config_note *n;

		(void)unlinkat(f->fd, "home/.coi/config.toml", 0);
		(void)unlinkat(f->fd, "home/.coi", 0);
		(void)unlinkat(f->fd, "home/.coi", AT_REMOVEDIR);
		if (strstr(links[i].name, "config.toml"))
			fixture_write(f, "home/.coi/config.toml", "");
		(void)unlinkat(f->fd, "home/.coi/config.toml", 0);
		assert_int_equal(symlinkat(links[i].target, f->fd, links[i].name), 0);
		f->is_strict = false;
		fixture_settings(f);
		n = fixture_note(f, NOTE_FILE, NULL);
		if (!n || !strstr(n->message, links[i].words))
			fail_msg("%s -> %s: %s", links[i].name, links[i].target,
				 n ? n->message : "silence");
		f->is_strict = true;
		assert_true(fixture_load(f) < 0);
	}
}

static void env_file_that_is_missing(void **state) {
	struct fixture *f = *state;

	fixture_setenv(f, "COI_CONFIG", "/nonexistent/x.toml");
	fixture_settings(f);
	assert_non_null(strstr(fixture_note(f, NOTE_FILE, NULL)->message, "/nonexistent/x.toml"));
	fixture_setenv(f, "COI_CONFIG", "");
	fixture_settings(f);
	assert_null(fixture_note(f, NOTE_FILE, NULL));
}

static void same_file_by_two_names_counts_once(void **state) {
	struct fixture *f = *state;
	autofree char *path = path_join(f->home, ".coi/../.coi/config.toml");

	fixture_user(f, "[[mounts.default]]\nhost = \"/a\"\ncontainer = \"/a\"\n");
	fixture_setenv(f, "COI_CONFIG", path);
	assert_int_equal(fixture_settings(f)->mounts.count, 1);
	/* Home as working directory: the file is the person's, and read once. */
	strv_free(f->env);
	f->env = NULL;
	free(f->cwd);
	f->cwd = xstrdup(f->home);
	assert_int_equal(fixture_settings(f)->mounts.count, 1);
	assert_true(config_origin(f->config, "mounts.default")->is_trusted);
	/* And by a link to the home. */
	assert_int_equal(symlinkat("home", f->fd, "link"), 0);
	free(f->cwd);
	f->cwd = path_join(f->base, "link");
	assert_int_equal(fixture_settings(f)->mounts.count, 1);
	assert_true(config_origin(f->config, "mounts.default")->is_trusted);
}

/* ---- what holds, as text ---- */

/* ---- texts in files of their own ---- */

static void check_prompt(struct fixture *f, const char *name, const char *want) {
	autofree char *text = NULL;

	if (config_prompt(f->config, NULL, name, &text, &f->err) != 1)
		fail_msg("prompt %s: %s", name, f->err.msg);
	assert_string_equal(text, want);
}

static void prompts_are_texts_or_files(void **state) {
	struct fixture *f = *state;
	autofree char *text = NULL;

	fixture_write(f, "home/.coi/long.md", "from a file\n");
	fixture_user(f, "[prompts]\nreview-it = \"a < b = c\"\nlong = { file = \"long.md\" }\n"
			"gone = { file = \"gone.md\" }\n");
	f->is_strict = true;
	fixture_settings(f);
	check_prompt(f, "review-it", "a < b = c");
	check_prompt(f, "long", "from a file\n");
	assert_int_equal(config_prompt(f->config, NULL, "gone", &text, &f->err), -ENOENT);
	assert_non_null(strstr(f->err.msg, "gone.md"));
	assert_int_equal(config_prompt(f->config, NULL, "lon", &text, &f->err), -ENOENT);
	assert_non_null(strstr(f->err.hint, "gone, long, review-it"));

	/* A higher layer's text stands for the file, and the other way round. */
	fixture_env_file(f, "prompts.long = \"short\"\nprompts.review-it = { file = \"/dev/null\" }\n");
	fixture_settings(f);
	check_prompt(f, "long", "short");
	assert_true(config_prompt(f->config, NULL, "review-it", &text, &f->err) < 0);
	assert_non_null(strstr(f->err.msg, "no regular file"));
}

static void prompts_that_are_none(void **state) {
	struct fixture *f = *state;
	static const char *const bad[] = {
		"a = { file = 1 }", "a = { }", "a = { file = \"\" }", "a = { file = \"x\", b = 1 }",
		"a = { other = \"x\" }", "a = [\"x\"]", "\"a b\" = \"x\"", "\"\" = \"x\"",
		"\"a<b\" = \"x\"",
	};

	f->is_strict = true;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		autofree char *text = xasprintf("[prompts]\n%s\n", bad[i]);

		fixture_user(f, text);
		if (fixture_load(f) == 0)
			fail_msg("%s was taken", bad[i]);
		assert_non_null(strstr(f->err.msg, "config.toml:2:"));
	}
	/* Variables have no such form. */
	fixture_user(f, "defaults.environment = { A = { file = \"x\" } }\n");
	assert_int_equal(fixture_load(f), -EINVAL);
}

static void texts_have_limits(void **state) {
	struct fixture *f = *state;
	autofree char *path = path_join(f->home, ".coi/fifo"), *text = NULL;
	autofree char *large = xcalloc(CONFIG_TEXT_MAX + 2, 1);

	memset(large, 'x', CONFIG_TEXT_MAX + 1);
	fixture_write(f, "home/.coi/large", large);
	fixture_user(f, "container.build.script = \"large\"\nprompts.p = { file = \"fifo\" }\n");
	assert_int_equal(mkfifo(path, 0600), 0);
	fixture_settings(f);
	assert_true(config_build_script(f->config, NULL, &text, &f->err) < 0);
	assert_non_null(strstr(f->err.msg, "is larger than"));
	assert_true(config_prompt(f->config, NULL, "p", &text, &f->err) < 0);
	assert_non_null(strstr(f->err.msg, "no regular file"));
	fixture_user(f, "");
	fixture_settings(f);
	assert_int_equal(config_build_script(f->config, NULL, &text, &f->err), 0);
}

static void dump_is_a_fixpoint(void **state) {
	struct fixture *f = *state;
	size_t count;
	const struct setting_row *rows = settings_rows(&count);
	struct buf text;

	buf_init(&text, 1024 * 1024);
	for (size_t i = 0; i < count; i++) {
		autofree char *value = fixture_sample(&rows[i], 1);
		autofree char *line = value ? fixture_line(&rows[i], false, value) : NULL;

		if (line && strcmp(rows[i].path, "defaults.profile") != 0)
			buf_adds(&text, line);
	}
	fixture_user(f, text.data);
	buf_done(&text);
	f->is_strict = true;
	fixture_settings(f);

	autofree char *first = config_dump(f->config, CONFIG_DUMP_SECRETS);

	fixture_user(f, first);
	fixture_settings(f);

	autofree char *second = config_dump(f->config, CONFIG_DUMP_SECRETS);

	assert_string_equal(first, second);
	assert_true(strlen(first) > 2000);

	/* All of it, defaults too, is a file that loads. */
	autofree char *all = config_dump(f->config, CONFIG_DUMP_ALL | CONFIG_DUMP_ORIGIN |
						    CONFIG_DUMP_SECRETS);

	fixture_user(f, all);
	fixture_settings(f);

	autofree char *third = config_dump(f->config, CONFIG_DUMP_SECRETS | CONFIG_DUMP_ALL);
	autofree char *plain = NULL;

	fixture_user(f, third);
	fixture_settings(f);
	plain = config_dump(f->config, CONFIG_DUMP_SECRETS | CONFIG_DUMP_ALL);
	assert_string_equal(third, plain);
}

static void dump_masks_and_places(void **state) {
	struct fixture *f = *state;

	fixture_user(f, "[defaults.environment]\nTOKEN = \"hunter2\"\n[network]\nmode = \"open\"\n");
	fixture_settings(f);

	autofree char *text = config_dump(f->config, CONFIG_DUMP_ORIGIN);
	autofree char *line = xasprintf("mode = \"open\" # user %s/.coi/config.toml:4:8\n", f->home);
	auto_json json_t *json = config_dump_json(f->config, 0);
	autofree char *json_text_ = json_dumps(json, 0);

	assert_null(strstr(text, "hunter2"));
	assert_null(strstr(json_text_, "hunter2"));
	assert_non_null(strstr(text, "TOKEN = \"***\""));
	assert_non_null(strstr(text, line));
	assert_int_equal(json_array_size(json), 2);
}

/* ---- one file, and which there are ---- */

static size_t errors_of(struct fixture *f, const char *text, bool for_profile) {
	struct config_inputs in = { .person = &f->person, .home = f->home, .cwd = f->cwd };
	autofree char *path = path_join(f->base, "one.toml");
	size_t count, errors = 0;
	const struct config_note *notes;

	fixture_write(f, "one.toml", text);
	config_free(f->config);
	f->config = NULL;
	assert_int_equal(config_check(&in, path, for_profile, &f->config, &f->err), 0);
	notes = config_notes(f->config, &count);
	for (size_t i = 0; i < count; i++)
		errors += notes[i].level == NOTE_ERROR;
	return errors;
}

static void one_file_is_checked_by_itself(void **state) {
	struct fixture *f = *state;
	struct config_inputs in = { .person = &f->person, .home = f->home, .cwd = f->cwd };
	autofree char *none = path_join(f->base, "none.toml");
	struct config *c = NULL;

	fixture_user(f, "[");
	assert_int_equal(errors_of(f, "[container]\nimage = \"x\"\n", false), 0);
	assert_int_equal(errors_of(f, "[", false), 1);
	assert_int_equal(errors_of(f, "[container]\nimage = 1\npersistent = 1\n", false), 2);
	assert_int_equal(errors_of(f, "inherits = \"a\"\ncontext = \"b\"\n", true), 0);
	assert_int_equal(errors_of(f, "inherits = 1\ncontext = []\n", true), 2);
	assert_int_equal(errors_of(f, "inherits = \"a/b\"\n", true), 1);
	assert_int_equal(errors_of(f, "inherits = \"\"\n", true), 0);
	assert_int_equal(config_check(&in, none, false, &c, &f->err), -ENOENT);
	assert_null(c);
	assert_int_equal(config_check(&in, f->base, false, &c, &f->err), 0);
	config_free(c);
}

static void which_files_are_looked_for(void **state) {
	struct fixture *f = *state;
	static const enum config_layer layers[] = { LAYER_USER, LAYER_PROJECT, LAYER_ENV_FILE,
						    LAYER_WORKSPACE };
	const struct config_file *files;
	size_t count;

	fixture_project(f, "");
	fixture_env_file(f, "");
	f->workspace = f->other;
	(void)fixture_settings(f);
	files = config_files(f->config, &count);
	assert_int_equal(count, ARRAY_SIZE(layers));
	for (size_t i = 0; i < count; i++) {
		assert_int_equal(files[i].layer, layers[i]);
		assert_int_equal(files[i].is_trusted,
				 layers[i] == LAYER_USER || layers[i] == LAYER_ENV_FILE);
		assert_int_equal(files[i].is_there,
				 layers[i] == LAYER_PROJECT || layers[i] == LAYER_ENV_FILE);
	}
}

#define T(name) cmocka_unit_test_setup_teardown(name, fixture_make, fixture_remove)

int main(void) {
	const struct CMUnitTest tests[] = {
		T(nothing_is_said),
		T(every_row_in_every_trusted_layer),
		T(merge_is_exact_for_every_row),
		T(layers_in_their_order),
		T(a_profile_named_by_hand_counts_once),
		T(environment_variables),
		T(flags),
		T(lists_and_maps),
		T(a_profile_yields_to_the_alias_of_a_project),
		T(relative_paths),
		T(mistakes_have_a_place),
		T(unknown_keys_name_the_nearest),
		T(notes_are_bounded),
		T(known_but_not_acted_on),
		T(config_that_is_no_file),
		T(unreadable_as_the_person),
		T(settings_that_are_out_of_reach),
		T(env_file_that_is_missing),
		T(same_file_by_two_names_counts_once),
		T(prompts_are_texts_or_files),
		T(prompts_that_are_none),
		T(texts_have_limits),
		T(dump_is_a_fixpoint),
		T(dump_masks_and_places),
		T(one_file_is_checked_by_itself),
		T(which_files_are_looked_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
