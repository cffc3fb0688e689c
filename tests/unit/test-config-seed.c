/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The lines of the migration guide of 0.9 that are about settings, one test each. */
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
#include "config/show.h"
#include "unit/config-fixture.h"

static void seed_out_of_workspace_mount_waits(void **state) {
	struct fixture *f = *state;
	const struct config_note *n;

	fixture_project(f, "[[mounts.default]]\nhost = \"~/.claude/skills\"\n"
			   "container = \"/home/code/.claude/skills\"\nreadonly = true\n");
	assert_int_equal(fixture_settings(f)->mounts.count, 0);
	n = fixture_note(f, NOTE_GATED, "mounts.default");
	assert_non_null(strstr(n->hint, "coi trust"));
	assert_non_null(strstr(n->hint, "COI_TRUST_ALL"));
	assert_non_null(strstr(n->message, ".claude/skills"));
	/* The same in trusted files is never gated. */
	fixture_user(f, "[[mounts.default]]\nhost = \"~/.claude/skills\"\n"
			"container = \"/home/code/.claude/skills\"\nreadonly = true\n");
	fixture_project(f, "");
	assert_int_equal(fixture_settings(f)->mounts.count, 1);
	fixture_user(f, "");
	fixture_env_file(f, "[[mounts.default]]\nhost = \"/etc\"\ncontainer = \"/x\"\n");
	assert_int_equal(fixture_settings(f)->mounts.count, 1);
	assert_int_equal(fixture_count(f, NOTE_GATED), 0);
}

/* "Your own ~/.coi/config.toml (and anything pointed to by $COI_CONFIG) is unaffected." */
static void seed_own_files_are_unaffected(void **state) {
	static const char text[] = "[[mounts.default]]\nhost = \"/etc\"\ncontainer = \"/x\"\n"
				   "[[sockets]]\nhost = \"/run/b.sock\"\ncontainer = \"/b.sock\"\n"
				   "[defaults]\nforward_env = [\"TOKEN\"]\n"
				   "[defaults.env_commands]\nA = \"mint\"\n"
				   "[network]\nmode = \"open\"\nblock_private_networks = false\n"
				   "block_metadata_endpoint = false\nallow_local_network_access = true\n"
				   "[ssh]\nforward_agent = true\n[git]\nwritable_hooks = true\n";
	struct fixture *f = *state;

	f->is_strict = true;
	for (int which = 0; which < 2; which++) {
		const struct settings *s;
		size_t notes;

		if (which == 0)
			fixture_user(f, text);
		else
			fixture_env_file(f, text);
		s = fixture_settings(f);
		(void)config_notes(f->config, &notes);
		assert_int_equal(notes, 0);
		assert_int_equal(s->mounts.count, 1);
		assert_int_equal(s->sockets.count, 1);
		assert_string_equal(s->defaults.forward_env[0], "TOKEN");
		assert_string_equal(s->defaults.env_commands.entries[0], "A=mint");
		assert_int_equal(s->network.mode, MODE_OPEN);
		assert_false(s->network.block_private_networks);
		assert_true(s->network.allow_local_network_access);
		assert_true(s->ssh.forward_agent && s->git.writable_hooks);
		fixture_user(f, "");
	}
}

/* The guide's own commands: mkdir -p .coi; mv .coi.toml .coi/config.toml; and the directories. */
static void seed_moved_as_the_guide_says(void **state) {
	struct fixture *f = *state;

	fixture_write(f, "ws/.coi.toml", "[container]\nimage = \"moved\"\n");
	fixture_write(f, "home/.coi-profiles/a/config.toml", "[container]\nalias = \"a\"\n");
	fixture_write(f, "ws/.coi-profiles/b/config.toml", "[container]\nalias = \"b\"\n");
	assert_string_equal(fixture_settings(f)->container.image, "coi-default");
	assert_int_equal(mkdirat(f->fd, "ws/.coi", 0755), 0);
	assert_int_equal(mkdirat(f->fd, "home/.coi", 0755), 0);
	assert_int_equal(renameat(f->fd, "ws/.coi.toml", f->fd, "ws/.coi/config.toml"), 0);
	assert_int_equal(renameat(f->fd, "ws/.coi-profiles", f->fd, "ws/.coi/profiles"), 0);
	assert_int_equal(renameat(f->fd, "home/.coi-profiles", f->fd, "home/.coi/profiles"), 0);
	f->profile = "a";
	assert_string_equal(fixture_settings(f)->container.image, "moved");
	assert_string_equal(config_settings(f->config)->container.alias, "a");
	f->profile = "b";
	assert_string_equal(fixture_settings(f)->container.alias, "b");
	assert_null(fixture_note(f, NOTE_OLD_LAYOUT, NULL));
}

static void seed_project_profile_is_gated_too(void **state) {
	struct fixture *f = *state;

	fixture_write(f, "ws/.coi/profiles/rust/config.toml",
		      "[[mounts]]\nhost = \"~/.cargo\"\ncontainer = \"/home/code/.cargo\"\n");
	f->profile = "rust";
	assert_int_equal(fixture_settings(f)->mounts.count, 0);
	assert_int_equal(fixture_count(f, NOTE_GATED), 1);
	fixture_approve(f);
	assert_int_equal(fixture_settings(f)->mounts.count, 1);
}

static void seed_in_workspace_mount_is_never_gated(void **state) {
	struct fixture *f = *state;

	fixture_write(f, "ws/data/x", "");
	fixture_project(f, "[[mounts.default]]\nhost = \"data\"\ncontainer = \"/data\"\n"
			   "[[mounts.default]]\nhost = \"not/yet/there\"\ncontainer = \"/new\"\n");
	assert_int_equal(fixture_settings(f)->mounts.count, 2);
	assert_int_equal(fixture_count(f, NOTE_GATED), 0);
	assert_int_equal(config_settings(f->config)->mounts.items[1].host_fd, -1);
}

static void seed_network_downgrades_are_refused(void **state) {
	static const struct {
		const char *line;
		const char *key;
	} list[] = {
		{ "mode = \"open\"", "network.mode" },
		{ "block_private_networks = false", "network.block_private_networks" },
		{ "block_metadata_endpoint = false", "network.block_metadata_endpoint" },
		{ "allow_local_network_access = true", "network.allow_local_network_access" },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(list); i++) {
		autofree char *text = xasprintf("[network]\n%s\n", list[i].line);
		const struct config_note *n;

		fixture_user(f, "");
		fixture_project(f, text);
		fixture_settings(f);
		n = fixture_note(f, NOTE_REFUSED, list[i].key);
		assert_non_null(n);
		assert_int_equal(n->line, 2);
		assert_non_null(strstr(n->hint, "~/.coi/config.toml"));
		assert_non_null(strstr(n->hint, "COI_CONFIG"));
		assert_false(config_is_set(f->config, list[i].key));
		/* "Move them to ~/.coi/config.toml" works. */
		fixture_user(f, text);
		fixture_project(f, "");
		fixture_settings(f);
		assert_true(config_is_set(f->config, list[i].key));
		assert_int_equal(fixture_count(f, NOTE_REFUSED), 0);
	}
}

static void seed_strengthening_is_honoured(void **state) {
	struct fixture *f = *state;
	const struct settings *s;

	fixture_user(f, "[network]\nmode = \"open\"\nblock_private_networks = false\n"
			"block_metadata_endpoint = false\nallow_local_network_access = true\n");
	fixture_project(f, "[network]\nmode = \"restricted\"\nblock_private_networks = true\n"
			   "block_metadata_endpoint = true\nallow_local_network_access = false\n");
	s = fixture_settings(f);
	assert_int_equal(s->network.mode, MODE_RESTRICTED);
	assert_true(s->network.block_private_networks);
	assert_true(s->network.block_metadata_endpoint);
	assert_false(s->network.allow_local_network_access);
	assert_int_equal(fixture_count(f, NOTE_REFUSED), 0);
}

static void seed_default_protected_paths(void **state) {
	static const char *const want[] = { ".git/hooks", ".git/config", ".git/config.worktree",
					    ".git/info/attributes", ".husky", ".vscode", ".coi" };
	struct fixture *f = *state;
	char *const *list = fixture_settings(f)->security.protected_paths;

	for (size_t i = 0; i < ARRAY_SIZE(want); i++)
		assert_true(strv_contains(list, want[i]));
	assert_int_equal(strv_len(list), ARRAY_SIZE(want));
}

static void seed_sockets_wait(void **state) {
	struct fixture *f = *state;

	fixture_project(f, "[[sockets]]\nhost = \"/run/broker.sock\"\ncontainer = \"/tmp/b.sock\"\n"
			   "env = \"BROKER\"\n");
	assert_int_equal(fixture_settings(f)->sockets.count, 0);
	assert_int_equal(fixture_count(f, NOTE_GATED), 1);
	fixture_setenv(f, "COI_TRUST_ALL", "1");
	assert_int_equal(fixture_settings(f)->sockets.count, 1);
	assert_string_equal(config_settings(f->config)->sockets.items[0].env, "BROKER");
}

static void seed_env_commands_are_for_trusted_files(void **state) {
	static const char text[] = "[defaults.env_commands]\nTOKEN = \"mint\"\n";
	struct fixture *f = *state;

	fixture_project(f, text);
	assert_null(fixture_settings(f)->defaults.env_commands.entries);
	assert_non_null(fixture_note(f, NOTE_REFUSED, "defaults.env_commands"));
	fixture_project(f, "");
	fixture_user(f, text);
	assert_string_equal(fixture_settings(f)->defaults.env_commands.entries[0], "TOKEN=mint");
}

static void seed_env_file_in_the_workspace_is_said_loudly(void **state) {
	struct fixture *f = *state;
	autofree char *path = path_join(f->cwd, ".coi/config.toml");

	fixture_project(f, "[network]\nmode = \"open\"\n");
	fixture_setenv(f, "COI_CONFIG", path);
	assert_int_equal(fixture_settings(f)->network.mode, MODE_OPEN);
	assert_non_null(strstr(fixture_note(f, NOTE_FILE, NULL)->message, "in the workspace"));
	/* By another name of the workspace; by a link in it that somebody may turn. */
	assert_int_equal(symlinkat("ws", f->fd, "alias"), 0);
	{
		autofree char *alias = path_join(f->base, "alias/.coi/config.toml");
		autofree char *link = path_join(f->cwd, "link.toml");
		autofree char *mine = path_join(f->base, "mine.toml");

		fixture_write(f, "mine.toml", "");
		assert_int_equal(symlink(mine, link), 0);
		fixture_setenv(f, "COI_CONFIG", alias);
		fixture_settings(f);
		assert_non_null(strstr(fixture_note(f, NOTE_FILE, NULL)->message, "in the workspace"));
		fixture_setenv(f, "COI_CONFIG", link);
		fixture_settings(f);
		assert_non_null(strstr(fixture_note(f, NOTE_FILE, NULL)->message, "in the workspace"));
		fixture_setenv(f, "COI_CONFIG", mine);
		fixture_settings(f);
		assert_null(fixture_note(f, NOTE_FILE, NULL));
	}
}

static void seed_old_project_file_warns(void **state) {
	struct fixture *f = *state;
	const struct config_note *n;

	fixture_write(f, "ws/.coi.toml", "[network]\nmode = \"open\"\n");
	f->is_strict = true; /* never an error: a repository could block its users */
	assert_int_equal(fixture_settings(f)->network.mode, MODE_RESTRICTED);
	n = fixture_note(f, NOTE_OLD_LAYOUT, NULL);
	assert_non_null(n);
	assert_non_null(strstr(n->hint, "mkdir -p"));
	assert_non_null(strstr(n->hint, "mv "));
	fixture_project(f, "");
	fixture_settings(f);
	assert_null(fixture_note(f, NOTE_OLD_LAYOUT, NULL));
}

/* What would be moved through a link of the project could become the person's own. */
static void old_layout_is_not_moved_through_a_link(void **state) {
	struct fixture *f = *state;

	fixture_write(f, "ws/.coi.toml", "[network]\nmode = \"open\"\n");
	fixture_write(f, "ws/.coi-profiles/evil/config.toml", "[network]\nmode = \"open\"\n");
	assert_int_equal(symlinkat("../home/.coi", f->fd, "ws/.coi"), 0);
	for (int i = 0; i < 2; i++) {
		size_t count, old = 0;
		const struct config_note *notes;

		fixture_settings(f);
		notes = config_notes(f->config, &count);
		for (size_t k = 0; k < count; k++) {
			if (notes[k].kind != NOTE_OLD_LAYOUT)
				continue;
			old++;
			assert_non_null(strstr(notes[k].hint, "is a symbolic link"));
			assert_null(strstr(notes[k].hint, "mv "));
		}
		assert_int_equal(old, 2);
		/* And when it leads to something. */
		fixture_write(f, "home/.coi/profiles/p/config.toml", "");
	}
}

static void seed_old_profile_directories_warn(void **state) {
	struct fixture *f = *state;

	fixture_write(f, "home/.coi-profiles/a/config.toml", "");
	fixture_write(f, "ws/.coi-profiles/a/config.toml", "");
	fixture_write(f, "home/.config/coi/config.toml", "[network]\nmode = \"open\"\n");
	assert_int_equal(fixture_settings(f)->network.mode, MODE_RESTRICTED);
	assert_int_equal(fixture_count(f, NOTE_OLD_LAYOUT), 3);
}

static void seed_mount_key_in_the_main_file(void **state) {
	struct fixture *f = *state;

	fixture_user(f, "[[mounts.default]]\nhost = \"~/.claude/skills\"\ncontainer = \"/s\"\n");
	assert_int_equal(fixture_settings(f)->mounts.count, 1);
	assert_null(fixture_note(f, NOTE_WRONG_FORM, NULL));
	/* The profile's form: never lost in silence. */
	fixture_user(f, "[[mounts]]\nhost = \"~/.cargo\"\ncontainer = \"/c\"\n");
	assert_int_equal(fixture_settings(f)->mounts.count, 1);
	assert_non_null(strstr(fixture_note(f, NOTE_WRONG_FORM, NULL)->message, "[[mounts.default]]"));
}

static void seed_mount_key_in_a_profile(void **state) {
	struct fixture *f = *state;

	f->profile = "p";
	fixture_write(f, "home/.coi/profiles/p/config.toml",
		      "[[mounts]]\nhost = \"~/.cargo\"\ncontainer = \"/c\"\n");
	assert_int_equal(fixture_settings(f)->mounts.count, 1);
	assert_null(fixture_note(f, NOTE_WRONG_FORM, NULL));
	fixture_write(f, "home/.coi/profiles/p/config.toml",
		      "[[mounts.default]]\nhost = \"~/.cargo\"\ncontainer = \"/c\"\n");
	assert_int_equal(fixture_settings(f)->mounts.count, 1);
	assert_non_null(strstr(fixture_note(f, NOTE_WRONG_FORM, NULL)->message, "[[mounts]]"));
}

static void seed_omitted_booleans_overwrite_nothing(void **state) {
	struct fixture *f = *state;
	const struct settings *s;

	fixture_user(f, "[network]\nblock_private_networks = true\n[monitoring]\nenabled = true\n"
			"auto_pause_on_high = true\nauto_kill_on_critical = true\n");
	fixture_project(f, "[network]\nmode = \"allowlist\"\n[monitoring]\ncanaries = true\n");
	fixture_env_file(f, "[network]\nrefresh_interval_minutes = 0\n");
	s = fixture_settings(f);
	assert_true(s->network.block_private_networks);
	assert_true(s->monitoring.enabled);
	assert_true(s->monitoring.auto_pause_on_high);
	assert_true(s->monitoring.auto_kill_on_critical);
	assert_int_equal(s->network.refresh_interval_minutes, 0);
}

static void seed_code_uid(void **state) {
	struct fixture *f = *state;

	fixture_user(f, "[incus]\ncode_uid = 1234\n");
	assert_int_equal(fixture_settings(f)->incus.code_uid, 1234);
}

static void seed_no_format_changes_from_0_8(void **state) {
	struct fixture *f = *state;

	f->is_strict = true;
	fixture_user(f, "[container]\nimage = \"mine\"\npersistent = true\n"
			"[tool]\nname = \"pi\"\n[network]\nmode = \"restricted\"\n"
			"[limits.cpu]\ncount = \"2\"\n[limits.memory]\nlimit = \"4GiB\"\n"
			"[limits.disk]\nread = \"10MB/s\"\n[limits.runtime]\nmax_duration = \"2h\"\n");
	fixture_settings(f);
	/* Keys that 0.8 moved: all in one message, with their new places. */
	fixture_user(f, "[defaults]\nimage = \"x\"\npersistent = true\n[build]\nscript = \"x\"\n");
	assert_true(fixture_load(f) < 0);
	assert_non_null(strstr(f->err.msg, "'container.image'"));
	assert_non_null(strstr(f->err.msg, "'container.persistent'"));
	assert_non_null(strstr(f->err.msg, "'container.build'"));
	f->is_strict = false;
	fixture_settings(f);
	assert_int_equal(fixture_count(f, NOTE_DEPRECATED), 1);
}

static void seed_trust_store_place(void **state) {
	struct fixture *f = *state;
	struct stat st;

	fixture_project(f, "[[mounts.default]]\nhost = \"/etc\"\ncontainer = \"/x\"\n");
	fixture_settings(f);
	assert_true(fstatat(f->fd, "home/.coi/trust.toml", &st, 0) < 0);
	fixture_approve(f);
	assert_int_equal(fstatat(f->fd, "home/.coi/trust.toml", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
}

#define T(name) cmocka_unit_test_setup_teardown(name, fixture_make, fixture_remove)

int main(void) {
	const struct CMUnitTest tests[] = {
		T(seed_out_of_workspace_mount_waits),
		T(seed_own_files_are_unaffected),
		T(seed_moved_as_the_guide_says),
		T(seed_project_profile_is_gated_too),
		T(seed_in_workspace_mount_is_never_gated),
		T(seed_network_downgrades_are_refused),
		T(seed_strengthening_is_honoured),
		T(seed_default_protected_paths),
		T(seed_sockets_wait),
		T(seed_env_commands_are_for_trusted_files),
		T(seed_env_file_in_the_workspace_is_said_loudly),
		T(seed_old_project_file_warns),
		T(old_layout_is_not_moved_through_a_link),
		T(seed_old_profile_directories_warn),
		T(seed_mount_key_in_the_main_file),
		T(seed_mount_key_in_a_profile),
		T(seed_omitted_booleans_overwrite_nothing),
		T(seed_code_uid),
		T(seed_no_format_changes_from_0_8),
		T(seed_trust_store_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
