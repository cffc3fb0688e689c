/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Descriptions of tools: all of ours, the command lines that they give, custom ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/strv.h"
#include "session/context.h"
#include "session/tool/command.h"
#include "session/tool/tool.h"
#include "unit/config-fixture.h"

static const struct tool_place here = { .workspace = "/workspace",
					.home = "/home/code",
					.sessions = "/workspace/.s/slot-2",
					.id = "ID",
					.conversation = "CONV",
					.file = "/workspace/.s/f_CONV.jsonl" };

/* @settings: of the user's file; @want: argv, then the variables, joined by spaces. */
static const struct line {
	const char *tool;
	enum tool_start how;
	bool no_id;
	const char *settings;
	const char *want;
} lines[] = {
	/* claude */
	{ "claude", TOOL_NEW, false, "",
	  "claude --verbose --session-id ID --permission-mode bypassPermissions" },
	{ "claude", TOOL_NEW, false, "permission_mode = 'interactive'",
	  "claude --verbose --session-id ID" },
	{ "claude", TOOL_RESUME, false, "",
	  "claude --verbose --resume CONV --permission-mode bypassPermissions" },
	{ "claude", TOOL_RESUME, true, "",
	  "claude --verbose --continue --permission-mode bypassPermissions" },
	{ "claude", TOOL_PROMPT, false, "",
	  "claude -p --verbose --session-id ID --permission-mode bypassPermissions" },
	{ "claude", TOOL_NEW, false,
	  "permission_mode = 'interactive'\nclaude.model = 'opus'\nclaude.effort_level = 'high'",
	  "claude --verbose --session-id ID | ANTHROPIC_MODEL=opus CLAUDE_CODE_EFFORT_LEVEL=high" },
	/* pi has no permissions of its own, and its conversations are the slot's */
	{ "pi", TOOL_NEW, false, "", "pi | PI_CODING_AGENT_SESSION_DIR=/workspace/.s/slot-2" },
	{ "pi", TOOL_NEW, false, "permission_mode = 'interactive'",
	  "pi | PI_CODING_AGENT_SESSION_DIR=/workspace/.s/slot-2" },
	{ "pi", TOOL_RESUME, false, "",
	  "pi --session /workspace/.s/f_CONV.jsonl | PI_CODING_AGENT_SESSION_DIR=/workspace/.s/slot-2" },
	{ "pi", TOOL_RESUME, true, "",
	  "pi --continue | PI_CODING_AGENT_SESSION_DIR=/workspace/.s/slot-2" },
	{ "pi", TOOL_PROMPT, true, "",
	  "pi -p | PI_CODING_AGENT_SESSION_DIR=/workspace/.s/slot-2" },
	/* opencode */
	{ "opencode", TOOL_NEW, true, "",
	  "opencode | XDG_DATA_HOME=/workspace/.s/slot-2/share "
	  "XDG_STATE_HOME=/workspace/.s/slot-2/state" },
	{ "opencode", TOOL_RESUME, false, "",
	  "opencode --session CONV | XDG_DATA_HOME=/workspace/.s/slot-2/share "
	  "XDG_STATE_HOME=/workspace/.s/slot-2/state" },
	{ "opencode", TOOL_RESUME, true, "",
	  "opencode --continue | XDG_DATA_HOME=/workspace/.s/slot-2/share "
	  "XDG_STATE_HOME=/workspace/.s/slot-2/state" },
	{ "opencode", TOOL_PROMPT, true, "",
	  "opencode run | XDG_DATA_HOME=/workspace/.s/slot-2/share "
	  "XDG_STATE_HOME=/workspace/.s/slot-2/state" },
	/* codex */
	{ "codex", TOOL_NEW, false, "", "codex --dangerously-bypass-approvals-and-sandbox" },
	{ "codex", TOOL_NEW, false, "permission_mode = 'interactive'",
	  "codex -s workspace-write -a on-request" },
	{ "codex", TOOL_RESUME, false, "",
	  "codex resume CONV --dangerously-bypass-approvals-and-sandbox" },
	{ "codex", TOOL_RESUME, true, "",
	  "codex resume --last --dangerously-bypass-approvals-and-sandbox" },
	{ "codex", TOOL_PROMPT, true, "", "codex exec - --dangerously-bypass-approvals-and-sandbox" },
	{ "codex", TOOL_NEW, false, "codex.model = 'm/1'\ncodex.reasoning_effort = 'low'",
	  "codex --dangerously-bypass-approvals-and-sandbox -m m/1 -c model_reasoning_effort=low" },
	/* omp */
	{ "omp", TOOL_NEW, false, "", "omp | OMP_SESSION_DIR=/workspace/.s/slot-2" },
	{ "omp", TOOL_RESUME, false, "", "omp --continue | OMP_SESSION_DIR=/workspace/.s/slot-2" },
	{ "omp", TOOL_PROMPT, false, "", NULL },
	/* another program */
	{ "pi", TOOL_NEW, false, "binary = '/opt/pi'",
	  "/opt/pi | PI_CODING_AGENT_SESSION_DIR=/workspace/.s/slot-2" },
	/* one of the settings */
	{ "mine", TOOL_NEW, false, "custom.mine.binary = 'x'\ncustom.mine.new = ['a b', '{workspace}']",
	  "x a b /workspace" },
	{ "mine", TOOL_RESUME, false, "custom.mine = { resume = ['-c'], bypass = ['-y'] }",
	  "mine -c -y" },
	{ "mine", TOOL_RESUME, false, "custom.mine = { }", NULL },
	{ "mine", TOOL_NEW, false, "custom.mine.environment = ['A={home}/x', 'B=']",
	  "mine | A=/home/code/x B=" },
	/* ours may be replaced */
	{ "pi", TOOL_NEW, false, "custom.pi.binary = 'other'", "other" },
};

static void every_command_line(void **state) {
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		const struct line *l = &lines[i];
		autofree char *file = xasprintf("[tool]\n%s\n", l->settings);
		autofree char *got = NULL, *words = NULL, *vars = NULL;
		autostrv char **argv = NULL, **env = NULL;
		auto_tool struct tool *t = NULL;
		struct tool_place at = here;
		const struct settings *set;
		struct err err = { 0 };
		int r;

		fixture_user(f, file);
		set = fixture_settings(f);
		if (l->no_id)
			at.id = at.conversation = at.file = NULL;
		if (tool_load(set, l->tool, &t, &err) < 0)
			fail_msg("%s: %s", l->tool, err.msg);
		r = tool_command(t, set, l->how, &at, &argv, &err);
		if (!l->want) {
			assert_int_equal(err.kind, ERR_USAGE);
			continue;
		}
		assert_int_equal(r, 0);
		env = tool_environment(t, set, &at);
		words = strv_join(argv, " ");
		vars = env ? strv_join(env, " ") : NULL;
		got = xasprintf("%s%s%s", words, vars ? " | " : "", vars ? vars : "");
		assert_string_equal(got, l->want);
	}
}

#define UUID_A "0f0e0d0c-1111-4222-8333-a1b2c3d4e5f6"

static void names_of_conversations(void **state) {
	static const struct {
		const char *pattern, *name, *id; /* NULL: does not fit */
	} cases[] = {
		{ "{uuid}.jsonl", UUID_A ".jsonl", UUID_A },
		{ "*_{uuid}.jsonl", "2026-11-29T03-52-05-004Z_" UUID_A ".jsonl", UUID_A },
		{ "*_{uuid}.jsonl", "_" UUID_A ".jsonl", UUID_A },
		{ "rollout-*-{uuid}.jsonl", "rollout-2026-11-29T03-52-05-" UUID_A ".jsonl", UUID_A },
		{ "*", "anything", "" },
		{ "a*b*c", "a--b--b--c", "" },
		{ "{uuid}.jsonl", UUID_A ".json", NULL },
		{ "{uuid}.jsonl", UUID_A "x.jsonl", NULL },
		{ "{uuid}.jsonl", "0f0e0d0c-1111-4222-8333-a1b2c3d4e5.jsonl", NULL },
		{ "{uuid}.jsonl", "../../../../../../../etc/passwd.jsonl", NULL },
		{ "{uuid}.jsonl", "", NULL },
		{ "*_{uuid}.jsonl", UUID_A ".jsonl", NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char id[CONVERSATION_ID_MAX + 1] = "";
		bool fits = conversation_name_fits(cases[i].pattern, cases[i].name, id);

		assert_int_equal(fits, cases[i].id != NULL);
		if (fits)
			assert_string_equal(id, cases[i].id);
	}
	assert_true(conversation_id_is_plain("ses_dda91ae28ffeOIIuTig4GBtUdW"));
	assert_false(conversation_id_is_plain("--dangerous"));
	assert_false(conversation_id_is_plain(".."));
	assert_false(conversation_id_is_plain("a/b"));
	assert_false(conversation_id_is_plain("a b"));
	assert_false(conversation_id_is_plain(""));
}

static void the_conversation_of_a_session(void **state) {
	static const char list[] =
		"[{\"id\":\"old\",\"created\":100,\"updated\":900},"
		" {\"id\":\"mine\",\"created\":300,\"updated\":390},"
		" {\"id\":\"--evil\",\"created\":350,\"updated\":360},"
		" {\"id\":\"later\",\"created\":500,\"updated\":600},"
		" {\"id\":7}, 7, null]";
	static const struct {
		struct conversation_window window;
		const char *id;
	} cases[] = {
		{ { 250, 400 }, "mine" },
		{ { 450, 700 }, "later" },
		/* It only went on with an older one. */
		{ { 700, 950 }, "old" },
		{ { 0, 150 }, "old" },
		{ { 0, 50 }, "" },
		{ { 0, INT64_MAX }, "later" },
	};
	const struct conversation_store store = { .id_key = (char *)"id",
						  .created_key = (char *)"created",
						  .updated_key = (char *)"updated" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct conversation best = { 0 };

		conversation_parse(&store, list, strlen(list), &cases[i].window, &best);
		assert_string_equal(best.id, cases[i].id);
	}
	for (size_t len = 0; len < strlen(list); len++) {
		struct conversation best = { 0 };

		conversation_parse(&store, list, len, &cases[0].window, &best);
		assert_string_equal(best.id, "");
	}
}

static void all_of_ours_are_well_formed(void **state) {
	static const char *const names[] = { "claude", "codex", "omp", "opencode", "pi" };
	struct fixture *f = *state;
	const struct settings *set = fixture_settings(f);
	autostrv char **all = tool_names(set);

	assert_int_equal(strv_len(all), ARRAY_SIZE(names));
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		auto_tool struct tool *t = NULL;
		struct err err = { 0 };

		assert_string_equal(all[i], names[i]);
		if (tool_load(set, names[i], &t, &err) < 0)
			fail_msg("%s: %s", names[i], err.msg);
		assert_string_equal(t->name, names[i]);
		assert_non_null(t->directory);
		assert_non_null(t->saved);
		assert_int_not_equal(t->context, CONTEXT_NONE);
		/* What it takes from the settings is there. */
		for (size_t o = 0; o < t->option_count; o++)
			assert_non_null(settings_row(t->options[o].setting));
		for (size_t n = 0; n < t->file_count; n++)
			assert_true(strncmp(t->files[n].path, ".", 1) == 0);
	}
}

static void a_bad_description_is_refused(void **state) {
	static const char *const bad[] = {
		"", "[]", "{", "{\"format\":2}", "{\"format\":1}",
		"{\"format\":1,\"name\":\"x\",\"binary\":\"x\"}",
		"{\"format\":1,\"name\":\"x\",\"binary\":\"x\",\"command\":{\"new\":[]},"
		"\"directory\":\"/etc\"}",
		"{\"format\":1,\"name\":\"x\",\"binary\":\"x\",\"command\":{\"new\":[]},"
		"\"files\":[{\"path\":\"../x\"}]}",
		"{\"format\":1,\"name\":\"x\",\"binary\":\"x\",\"command\":{\"new\":[]},"
		"\"files\":[{\"path\":\"x\",\"mode\":\"4755\"}]}",
		"{\"format\":1,\"name\":\"x\",\"binary\":\"x\",\"command\":{\"new\":[]},"
		"\"merge\":[{\"file\":\"x\",\"set\":[]}]}",
		"{\"format\":1,\"name\":\"x\",\"binary\":\"x\",\"command\":{\"new\":[]},"
		"\"session\":{\"workspace\":\"../x\"}}",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		auto_tool struct tool *t = NULL;
		struct err err = { 0 };

		assert_true(tool_parse(bad[i], "test", &t, &err) < 0);
		assert_int_equal(err.kind, ERR_CONFIG);
		assert_null(t);
	}
}

static void an_unknown_tool_is_told_with_the_list(void **state) {
	static const char *const unknown[] = { "nix", "../pi", "PI", "a/b" };
	struct fixture *f = *state;
	const struct settings *set = fixture_settings(f);

	for (size_t i = 0; i < ARRAY_SIZE(unknown); i++) {
		auto_tool struct tool *t = NULL;
		struct err err = { 0 };

		assert_true(tool_load(set, unknown[i], &t, &err) < 0);
		assert_int_equal(err.kind, ERR_USAGE);
		assert_non_null(strstr(err.hint, "claude, codex, omp, opencode, pi"));
	}
}

static void a_project_brings_no_tools(void **state) {
	struct fixture *f = *state;
	auto_tool struct tool *t = NULL;
	struct err err = { 0 };

	fixture_project(f, "[tool.custom.evil]\nbinary = 'x'\nfiles = ['.ssh/id_rsa']\n");
	assert_true(tool_load(fixture_settings(f), "evil", &t, &err) < 0);
	assert_non_null(fixture_note(f, NOTE_REFUSED, "tool.custom"));
}

static void a_custom_tool_keeps_to_the_home(void **state) {
	struct fixture *f = *state;

	f->is_strict = true;
	fixture_user(f, "[tool.custom.x]\nfiles = ['../y']\n");
	assert_true(fixture_load(f) < 0);
	fixture_user(f, "[tool.custom.x]\ndirectory = '/etc'\n");
	assert_true(fixture_load(f) < 0);
	fixture_user(f, "[tool.custom.'a b']\nbinary = 'x'\n");
	assert_true(fixture_load(f) < 0);
	fixture_user(f, "[[tool.custom]]\nbinary = 'x'\n");
	assert_true(fixture_load(f) < 0);
	fixture_user(f, "[[tool.custom]]\nname = 'x'\n");
	assert_int_equal(fixture_load(f), 0);
}

static void a_project_prompt_does_not_hide_the_context(void **state) {
	struct fixture *f = *state;
	const struct settings *set = fixture_settings(f);
	struct tool_place at = here;
	auto_tool struct tool *t = NULL;
	autostrv char **argv = NULL;
	autofree char *words = NULL;
	struct err err = { 0 };

	at.has_project_file = true;
	assert_int_equal(tool_load(set, "pi", &t, &err), 0);
	assert_int_equal(tool_command(t, set, TOOL_NEW, &at, &argv, &err), 0);
	words = strv_join(argv, " ");
	assert_string_equal(words, "pi --append-system-prompt /workspace/.pi/APPEND_SYSTEM.md "
				   "--append-system-prompt /home/code/.pi/agent/APPEND_SYSTEM.md");
}

static void the_context_says_what_is_so(void **state) {
	char *allowed[] = { (char *)"a.test", NULL }, *protected[] = { (char *)".git/hooks", NULL };
	char *secret[] = { (char *)"x`y\n# no heading", NULL };
	struct context_mount mount = { .path = (char *)"/data", .readonly = true };
	struct context_facts f = {
		.container = (char *)"c", .tool = (char *)"pi", .workspace = (char *)"/workspace",
		.home = (char *)"/home/code", .user = (char *)"code", .os = (char *)"os",
		.arch = (char *)"arch", .timezone = (char *)"", .has_network = true,
		.network_mode = (char *)"allowlist", .allowed = allowed, .protected = protected,
		.secret = secret, .mounts = &mount, .mount_count = 1, .cpu = (char *)"2",
		.memory = (char *)"", .processes = (char *)"", .duration = (char *)"",
		.git = (char *)"A <a@b>", .is_git_fixed = true, .branches = protected,
	};
	autofree char *text = context_text(&f, "mine"), *json = context_json(&f);

	(void)state;
	assert_non_null(strstr(text, "- `a.test`\n"));
	assert_non_null(strstr(text, "- `.git/hooks`\n"));
	assert_non_null(strstr(text, "`/data` (read-only)"));
	assert_non_null(strstr(text, "| Processors | `2` |"));
	assert_non_null(strstr(text, "/run/coi/denied"));
	assert_non_null(strstr(text, "User-Provided Profile Context\n\nmine\n"));
	/* A name stays a name. */
	assert_null(strstr(text, "\n# no heading"));
	assert_null(strstr(text, "sudo"));
	assert_non_null(strstr(text, "by `A <a@b>`, which cannot be changed here"));
	assert_non_null(strstr(json, "\"git_identity\": \"A <a@b>\""));
	assert_null(strstr(text, "Memory"));
	assert_non_null(strstr(json, "\"schema_version\": 1"));
	assert_non_null(strstr(json, "\"mode\": \"allowlist\""));
	assert_non_null(strstr(json, "\"allowed_domains\": [\n      \"a.test\""));
	f.has_network = false;
	f.git = (char *)"";
	free(text);
	text = context_text(&f, NULL);
	assert_null(strstr(text, "denied"));
	assert_non_null(strstr(text, "Git has no identity here"));
	assert_null(strstr(text, "Profile"));
}

#define WITH_FILES(test_) cmocka_unit_test_setup_teardown(test_, fixture_make, fixture_remove)

int main(void) {
	const struct CMUnitTest tests[] = {
		WITH_FILES(every_command_line),
		WITH_FILES(all_of_ours_are_well_formed),
		cmocka_unit_test(names_of_conversations),
		cmocka_unit_test(the_conversation_of_a_session),
		cmocka_unit_test(a_bad_description_is_refused),
		WITH_FILES(an_unknown_tool_is_told_with_the_list),
		WITH_FILES(a_project_brings_no_tools),
		WITH_FILES(a_custom_tool_keeps_to_the_home),
		WITH_FILES(a_project_prompt_does_not_hide_the_context),
		cmocka_unit_test(the_context_says_what_is_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
