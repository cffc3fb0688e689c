/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Profiles: places, ancestors, clashes. */
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

#include "base/mem.h"
#include "base/path.h"
#include "base/strv.h"
#include "config/load.h"
#include "config/profile.h"
#include "config/show.h"
#include "unit/config-fixture.h"

static void user(struct fixture *f, const char *name, const char *text) {
	autofree char *path = xasprintf("home/.coi/profiles/%s/config.toml", name);

	fixture_write(f, path, text);
}

static void project(struct fixture *f, const char *name, const char *text) {
	autofree char *path = xasprintf("ws/.coi/profiles/%s/config.toml", name);

	fixture_write(f, path, text);
}

static void chosen_by_hand_or_by_setting(void **state) {
	struct fixture *f = *state;

	user(f, "a", "[container]\nimage = \"a\"\n");
	user(f, "b", "[container]\nimage = \"b\"\n");
	fixture_user(f, "[defaults]\nprofile = \"a\"\n");
	assert_string_equal(fixture_settings(f)->container.image, "a");
	assert_string_equal(config_profile(f->config), "a");
	f->profile = "b";
	assert_string_equal(fixture_settings(f)->container.image, "b");
	f->profile = "";
	assert_string_equal(fixture_settings(f)->container.image, "coi-default");
	assert_string_equal(config_profile(f->config), "");
	/* A project does not choose. */
	f->profile = NULL;
	fixture_user(f, "");
	fixture_project(f, "[defaults]\nprofile = \"a\"\n");
	assert_string_equal(fixture_settings(f)->container.image, "coi-default");
	assert_non_null(fixture_note(f, NOTE_REFUSED, "defaults.profile"));
}

static void missing_ones(void **state) {
	struct fixture *f = *state;

	f->profile = "nope";
	assert_int_equal(fixture_load(f), -ENOENT);
	assert_int_equal(f->err.kind, ERR_MISSING);
	assert_non_null(strstr(f->err.hint, "coi profile list"));
	/* A wrong default fails what starts something, and nothing else. */
	f->profile = NULL;
	fixture_user(f, "[defaults]\nprofile = \"nope\"\n");
	assert_int_equal(fixture_load(f), 0);
	assert_non_null(fixture_note(f, NOTE_PROFILE, "nope"));
	f->is_strict = true;
	assert_true(fixture_load(f) < 0);
	assert_non_null(strstr(f->err.msg, "nope"));
}

static void bad_names(void **state) {
	static const char *const names[] = { "../x", "a/b", ".", "..", ".x", "a b", "a\n", "/etc" };
	struct fixture *f = *state;

	fixture_write(f, "home/.coi/config.toml", "");
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		f->profile = names[i];
		assert_true(fixture_load(f) < 0);
	}
}

static void ancestors(void **state) {
	struct fixture *f = *state;
	const struct settings *s;
	autofree char *script = path_join(f->home, ".coi/profiles/base/build.sh");
	autofree char *context = path_join(f->home, ".coi/profiles/mid/ctx.md");

	user(f, "base", "context = \"base.md\"\nforward_env = [\"A\", \"B\"]\n"
			"[environment]\nX = \"1\"\nY = \"2\"\n"
			"[container]\nimage = \"base\"\npersistent = true\n"
			"[container.build]\nscript = \"build.sh\"\n"
			"[[mounts]]\nhost = \"/one\"\ncontainer = \"/one\"\n");
	user(f, "mid", "inherits = \"base\"\ncontext = \"ctx.md\"\n[environment]\nY = \"\"\nZ = \"3\"\n"
		       "[container]\nimage = \"mid\"\n");
	user(f, "top", "inherits = \"mid\"\nforward_env = [\"C\"]\n"
		       "[[mounts]]\nhost = \"/two\"\ncontainer = \"/two\"\n");
	fixture_user(f, "[defaults]\nforward_env = [\"U\"]\nenvironment = {Y = \"user\"}\n");
	f->profile = "top";
	s = fixture_settings(f);
	autofree char *forward = strv_join(s->defaults.forward_env, " ");
	autofree char *environment = strv_join(s->defaults.environment.entries, " ");

	assert_string_equal(s->container.image, "mid");
	assert_true(s->container.persistent);
	assert_string_equal(s->container.build.script, script);
	/* Lists of a child stand for the parent's; the main file's are added to. */
	assert_string_equal(forward, "U C");
	assert_int_equal(s->mounts.count, 1);
	assert_string_equal(s->mounts.items[0].host, "/two");
	/* "" takes the parent's variable away, not the main file's. */
	assert_string_equal(environment, "Y=user X=1 Z=3");
	assert_string_equal(config_profile_context(f->config), context);
	assert_null(fixture_note(f, NOTE_UNKNOWN_KEY, NULL));
	/* Origin names the profile that said it. */
	assert_non_null(strstr(config_origin(f->config, "container.persistent")->file, "base"));
	assert_non_null(strstr(config_origin(f->config, "container.image")->file, "mid"));
}

static void cycles_and_depth(void **state) {
	struct fixture *f = *state;

	user(f, "self", "inherits = \"self\"\n");
	user(f, "a", "inherits = \"b\"\n");
	user(f, "b", "inherits = \"a\"\n");
	f->profile = "self";
	assert_int_equal(fixture_load(f), -ELOOP);
	f->profile = "a";
	assert_int_equal(fixture_load(f), -ELOOP);
	for (int i = 0; i < 12; i++) {
		autofree char *name = xasprintf("p%d", i);
		autofree char *text = xasprintf("inherits = \"p%d\"\n", i + 1);

		user(f, name, i < 11 ? text : "");
	}
	f->profile = "p2"; /* p2 … p11: ten */
	fixture_settings(f);
	f->profile = "p1";
	assert_int_equal(fixture_load(f), -ELOOP);
	user(f, "orphan", "inherits = \"nobody\"\n");
	f->profile = "orphan";
	assert_true(fixture_load(f) < 0);
	assert_non_null(strstr(f->err.msg, "'orphan' inherits 'nobody'"));
	/* Nobody else is bothered. */
	f->profile = NULL;
	f->is_strict = true;
	fixture_settings(f);
	user(f, "d", "inherits = \"default\"\n");
	f->profile = "d";
	fixture_settings(f);
}

static void built_in_ones(void **state) {
	struct fixture *f = *state;
	const struct settings *s;

	fixture_user(f, "[network]\nmode = \"open\"\n[ssh]\nforward_agent = true\n");
	f->profile = "hardened";
	s = fixture_settings(f);
	assert_int_equal(s->network.mode, MODE_RESTRICTED);
	assert_false(s->ssh.forward_agent);
	assert_true(s->monitoring.enabled);
	assert_true(s->security.reduce_kernel_surface);
	assert_true(s->limits.runtime.max_duration.ms == 4 * 3600000);
	assert_true(strv_contains(s->security.secret_paths, "secrets/**"));
	assert_int_equal(fixture_count(f, NOTE_BAD_VALUE), 0);
	assert_int_equal(fixture_count(f, NOTE_UNKNOWN_KEY), 0);
	/* It loosens nothing. */
	fixture_user(f, "[network]\nmode = \"allowlist\"\n[limits.runtime]\nmax_duration = \"1h\"\n");
	s = fixture_settings(f);
	assert_int_equal(s->network.mode, MODE_ALLOWLIST);
	assert_int_equal(config_origin(f->config, "network.mode")->layer, LAYER_USER);
	assert_true(s->limits.runtime.max_duration.ms == 3600000);
	assert_true(s->security.reduce_kernel_surface);
	fixture_user(f, "[network]\nmode = \"open\"\n");
	/* The person's own of that name stands for it, a project's does not. */
	project(f, "hardened", "[container]\nimage = \"project\"\n");
	assert_string_equal(fixture_settings(f)->container.image, "coi-default");
	assert_non_null(fixture_note(f, NOTE_PROFILE, "hardened"));
	user(f, "hardened", "[container]\nimage = \"mine\"\n");
	assert_string_equal(fixture_settings(f)->container.image, "mine");
	f->profile = "default";
	assert_int_equal(fixture_settings(f)->network.mode, MODE_OPEN);
}

static void clashes(void **state) {
	struct fixture *f = *state;

	user(f, "p", "[container]\nimage = \"user\"\n");
	project(f, "p", "[container]\nimage = \"project\"\n[\n");
	f->profile = "p";
	f->is_strict = true;
	assert_string_equal(fixture_settings(f)->container.image, "user");
	assert_non_null(fixture_note(f, NOTE_PROFILE, "p"));
	/* Two of the person's own: which is meant? */
	fixture_env_file(f, "");
	fixture_write(f, "env/profiles/p/config.toml", "");
	assert_int_equal(fixture_load(f), -EEXIST);
	fixture_write(f, "env/profiles/q/config.toml", "[container]\nimage = \"env\"\n");
	f->profile = "q";
	assert_string_equal(fixture_settings(f)->container.image, "env");
	assert_true(config_origin(f->config, "container.image")->is_trusted);
}

static void broken_ones_break_only_themselves(void **state) {
	struct fixture *f = *state;

	project(f, "bad", "[\n");
	user(f, "bad2", "[\n");
	user(f, "good", "[container]\nimage = \"good\"\n");
	f->is_strict = true;
	fixture_settings(f);
	f->profile = "good";
	assert_string_equal(fixture_settings(f)->container.image, "good");
	f->profile = "bad";
	assert_true(fixture_load(f) < 0);
	assert_non_null(strstr(f->err.msg, "bad/config.toml:1:"));
	f->profile = "bad2";
	assert_true(fixture_load(f) < 0);
}

/* A project may not pick one of the person's profiles, and so not by inheriting from it. */
static void untrusted_child_of_a_trusted_parent(void **state) {
	struct fixture *f = *state;
	const struct settings *s;
	const struct config_note *n;

	user(f, "loose", "forward_env = [\"TOKEN\"]\ncontext = \"ctx.md\"\n[network]\nmode = \"open\"\n"
			 "[container]\nsession_name = \"mine\"\npersistent = true\n"
			 "[env_commands]\nA = \"id\"\n"
			 "[[mounts]]\nhost = \"/etc\"\ncontainer = \"/x\"\n");
	fixture_write(f, "home/.coi/profiles/loose/ctx.md", "text\n");
	project(f, "child", "inherits = \"loose\"\n[container]\nimage = \"child\"\n");
	f->profile = "child";
	s = fixture_settings(f);
	assert_string_equal(s->container.image, "child");
	assert_true(s->container.persistent);
	assert_int_equal(s->network.mode, MODE_RESTRICTED);
	assert_string_equal(s->container.session_name, "");
	assert_null(s->defaults.env_commands.entries);
	assert_int_equal(strv_len(s->defaults.forward_env), 0);
	assert_int_equal(s->mounts.count, 0);
	assert_string_equal(config_profile_context(f->config), "");
	assert_false(config_origin(f->config, "container.persistent")->is_trusted);
	n = fixture_note(f, NOTE_REFUSED, "network.mode");
	assert_non_null(strstr(n->message, "what a project's profile inherits"));
	assert_non_null(strstr(n->file, "home/.coi/profiles/loose"));
	assert_non_null(strstr(n->hint, "--profile"));
	/* What can be approved can be approved; any change of the parent revokes it. */
	assert_int_equal(fixture_count(f, NOTE_GATED), 2);
	fixture_approve(f);
	s = fixture_settings(f);
	assert_int_equal(s->mounts.count, 1);
	assert_int_equal(s->network.mode, MODE_RESTRICTED);
	user(f, "loose", "[[mounts]]\nhost = \"/usr\"\ncontainer = \"/x\"\n");
	assert_int_equal(fixture_settings(f)->mounts.count, 0);
	/* Named by the person all of it holds, and so it does below a profile of the person's. */
	user(f, "loose", "[network]\nmode = \"open\"\n");
	user(f, "mine", "inherits = \"loose\"\n");
	f->profile = "loose";
	assert_int_equal(fixture_settings(f)->network.mode, MODE_OPEN);
	f->profile = "mine";
	assert_int_equal(fixture_settings(f)->network.mode, MODE_OPEN);
	/* Further up too; what is stricter is honoured, and the built-in ones are nobody's. */
	project(f, "child", "inherits = \"mine\"\n");
	f->profile = "child";
	assert_int_equal(fixture_settings(f)->network.mode, MODE_RESTRICTED);
	user(f, "strict", "[network]\nmode = \"allowlist\"\n");
	project(f, "child", "inherits = \"strict\"\n");
	assert_int_equal(fixture_settings(f)->network.mode, MODE_ALLOWLIST);
	project(f, "child", "inherits = \"hardened\"\n[security]\nreduce_kernel_surface = false\n");
	s = fixture_settings(f);
	assert_true(s->security.reduce_kernel_surface);
	assert_true(config_origin(f->config, "security.reduce_kernel_surface")->is_trusted);
	assert_non_null(fixture_note(f, NOTE_REFUSED, "security.reduce_kernel_surface"));
}

static void context_of_a_project(void **state) {
	struct fixture *f = *state;

	project(f, "in", "context = \"ctx.md\"\n");
	fixture_write(f, "ws/.coi/profiles/in/ctx.md", "hello\n");
	project(f, "out", "context = \"../../../../home/secret\"\n");
	fixture_write(f, "home/secret", "secret\n");
	f->profile = "in";
	fixture_settings(f);
	assert_non_null(strstr(config_profile_context(f->config), "/in/ctx.md"));
	f->profile = "out";
	fixture_settings(f);
	assert_string_equal(config_profile_context(f->config), "");
	assert_non_null(fixture_note(f, NOTE_REFUSED, "context"));
}

static void not_for_profiles(void **state) {
	struct fixture *f = *state;

	user(f, "p", "[defaults]\nforward_env = [\"A\"]\n[detection]\nsigma_dir = \"/x\"\n");
	f->profile = "p";
	assert_null(fixture_settings(f)->defaults.forward_env);
	assert_non_null(fixture_note(f, NOTE_UNKNOWN_KEY, "defaults"));
	assert_non_null(fixture_note(f, NOTE_UNKNOWN_KEY, "detection"));
}

static void listing(void **state) {
	struct fixture *f = *state;
	struct config_inputs in = { .person = &f->person, .home = f->home, .cwd = f->cwd };
	struct profile_entry *list;
	size_t count;

	user(f, "b", "[\n");
	user(f, "hardened", "");
	project(f, "b", "");
	project(f, "c", "");
	profile_list(&in, &list, &count);
	assert_int_equal(count, 5);
	assert_string_equal(list[0].name, "b");
	assert_false(list[0].is_project);
	assert_string_equal(list[1].name, "b");
	assert_true(list[1].is_project && list[1].is_shadowed);
	assert_string_equal(list[2].name, "c");
	assert_true(list[2].is_project && !list[2].is_shadowed);
	assert_string_equal(list[3].name, "default");
	assert_null(list[3].file);
	assert_string_equal(list[4].name, "hardened");
	assert_non_null(list[4].file);
	profile_list_free(list, count);
	/* In the home the project's place is the person's. */
	in.cwd = f->home;
	profile_list(&in, &list, &count);
	assert_int_equal(count, 3);
	profile_list_free(list, count);
}

static void alone(void **state) {
	struct fixture *f = *state;
	struct config_inputs in = {
		.person = &f->person,
		.home = f->home,
		.cwd = f->cwd,
		.profile = "a",
		.is_strict = true,
		.is_profile_alone = true,
	};
	auto_config struct config *c = NULL;
	const struct config_file *files;
	autofree char *dump = NULL;
	size_t count;

	/* Neither what others say nor what is wrong with them. */
	fixture_user(f, "[container]\nimage = \"main\"\nnonsense = 1\n[[mounts.default]]\n"
			"host = \"/main\"\ncontainer = \"/main\"\n[network]\nmode = \"open\"\n");
	fixture_project(f, "[");
	user(f, "parent", "[container]\npersistent = true\n");
	user(f, "a", "inherits = \"parent\"\nforward_env = [\"X\"]\n[[mounts]]\nhost = \"/a\"\n"
		     "container = \"/a\"\n");
	assert_int_equal(config_load(&in, &c, &f->err), 0);
	assert_false(config_is_set(c, "container.image"));
	assert_true(config_settings(c)->container.persistent);
	assert_int_equal(config_settings(c)->mounts.count, 1);
	assert_string_equal(config_profile_parent(c), "parent");
	config_notes(c, &count);
	assert_int_equal(count, 0);
	files = config_files(c, &count);
	while (count && files->layer != LAYER_PROFILE) {
		files++;
		count--;
	}
	assert_int_equal(count, 2);
	assert_true(strstr(files->path, "/profiles/a/") && files->is_trusted && files->is_there);
	/* As a profile spells it, so that it can be pasted. */
	dump = config_dump(c, CONFIG_DUMP_PROFILE);
	fixture_write(f, "home/.coi/profiles/b/config.toml", dump);
	f->profile = "b";
	f->is_strict = true;
	fixture_project(f, "");
	fixture_user(f, "");
	assert_true(fixture_settings(f)->container.persistent);
	assert_string_equal(config_settings(f->config)->defaults.forward_env[0], "X");
	assert_string_equal(config_settings(f->config)->mounts.items[0].host, "/a");
	config_notes(f->config, &count);
	assert_int_equal(count, 0);
}

/* The person's file is what a project's profile is measured against, also alone. */
static void alone_and_untrusted(void **state) {
	struct fixture *f = *state;
	struct config_inputs in = {
		.person = &f->person,
		.home = f->home,
		.cwd = f->cwd,
		.profile = "p",
		.is_strict = true,
		.is_profile_alone = true,
	};
	auto_config struct config *c = NULL;

	fixture_user(f, "[network]\nmode = \"allowlist\"\n");
	project(f, "p", "[network]\nmode = \"restricted\"\n");
	assert_int_equal(config_load(&in, &c, &f->err), 0);
	assert_false(config_is_set(c, "network.mode"));
	config_free(c);
	c = NULL;
	fixture_user(f, "[network]\nmode = \"open\"\n");
	assert_int_equal(config_load(&in, &c, &f->err), 0);
	assert_true(config_is_set(c, "network.mode"));
}

#define T(name) cmocka_unit_test_setup_teardown(name, fixture_make, fixture_remove)

int main(void) {
	const struct CMUnitTest tests[] = {
		T(chosen_by_hand_or_by_setting),
		T(missing_ones),
		T(bad_names),
		T(ancestors),
		T(cycles_and_depth),
		T(built_in_ones),
		T(clashes),
		T(broken_ones_break_only_themselves),
		T(untrusted_child_of_a_trusted_parent),
		T(context_of_a_project),
		T(not_for_profiles),
		T(listing),
		T(alone),
		T(alone_and_untrusted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
