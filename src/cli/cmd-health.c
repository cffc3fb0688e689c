/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/escape.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "cli/app.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "session/health/health.h"

#define LABEL_WIDTH 20
#define TEXT_MAX 4096

struct health_args {
	bool verbose;
	bool fix;
	bool dry_run;
};

static int health_check(struct cli *cli, void *args, struct err *err) {
	const struct health_args *a = args;

	if (a->dry_run && !a->fix)
		return err_set(err, ERR_USAGE, -EINVAL, "--dry-run is for --fix");
	return 0;
}

/* What --fix did about a row, or would do. */
enum fix_action { FIX_PLAN, FIX_DONE, FIX_MANUAL, FIX_FAIL };
struct fix {
	const char *key, *label; /* of the row; static */
	enum fix_action action;
	char *text;
};
struct fixes {
	struct fix *v;
	size_t count;
};

static void fixes_done(struct fixes *f) {
	for (size_t i = 0; i < f->count; i++)
		free(f->v[i].text);
	free(f->v);
}

static void fixes_add(struct fixes *f, const struct health_row *row, enum fix_action action,
		      const char *text) {
	f->v = xreallocarray(f->v, f->count + 1, sizeof(*f->v));
	f->v[f->count++] = (struct fix){ row->key, row->label, action, xstrdup(text) };
}

/* About each row that is not well; true: something is other than it was. */
static bool mend(const struct health_subject *s, const struct health_report *r, bool dry_run,
		 struct fixes *fixes) {
	bool is_changed = false;

	for (size_t i = 0; i < r->count; i++) {
		const struct health_row *row = &r->rows[i];
		autofree char *done = NULL;
		struct err err = { 0 };

		if (row->result.status == HEALTH_OK)
			continue;
		if (row->can_mend && health_mend(s, row, dry_run, &done, &err) == 0) {
			fixes_add(fixes, row, dry_run ? FIX_PLAN : FIX_DONE, done);
			is_changed |= !dry_run;
			continue;
		}
		if (row->can_mend)
			fixes_add(fixes, row, FIX_FAIL, err.msg);
		if (err.hint[0] || row->result.remedy)
			fixes_add(fixes, row, FIX_MANUAL, err.hint[0] ? err.hint : row->result.remedy);
	}
	return is_changed;
}

static void print_fixes(const struct fixes *f) {
	static const char *const marks[] = { "[PLAN]", "[DONE]", "[MANUAL]", "[FAIL]" };

	for (size_t i = 0; i < f->count; i++) {
		autofree char *safe = escape_text(f->v[i].text, TEXT_MAX);

		(void)printf("%s %s: %s\n", marks[f->v[i].action], f->v[i].label, safe);
	}
	if (f->count)
		(void)printf("\n");
}

static void print_report(const struct health_report *r) {
	static const char *const marks[] = { "[OK]", "[WARN]", "[FAIL]" };
	static const char *const words[] = { "HEALTHY", "DEGRADED", "UNHEALTHY" };
	enum health_category category = HEALTH_CATEGORY_COUNT;

	(void)printf("coi health\n==========\n");
	for (size_t i = 0; i < r->count; i++) {
		const struct health_row *row = &r->rows[i];
		autofree char *text = escape_text(row->result.message, TEXT_MAX);

		if (row->category != category) {
			category = row->category;
			(void)printf("\n%s\n", health_category_to_string(category));
		}
		(void)printf("  %-6s %-*s: %s\n", marks[row->result.status], LABEL_WIDTH,
			     row->label, text);
		if (row->result.status != HEALTH_OK && row->result.remedy) {
			autofree char *remedy = escape_text(row->result.remedy, TEXT_MAX);

			(void)printf("         %-*s  → %s\n", LABEL_WIDTH, "", remedy);
		}
	}
	(void)printf("\nSTATUS: %s\n", words[health_overall(r)]);
	if (r->totals[HEALTH_OK] == r->count)
		(void)printf("All %zu checks passed\n", r->count);
	else
		(void)printf("%zu passed, %zu with warnings, %zu failed, of %zu checks\n",
			     r->totals[HEALTH_OK], r->totals[HEALTH_WARNING],
			     r->totals[HEALTH_FAILED], r->count);
}

static json_t *checks_json(const struct health_report *r) {
	json_t *checks = json_object();

	for (size_t i = 0; i < r->count; i++) {
		const struct health_row *row = &r->rows[i];
		json_t *one = json_pack("{s:s, s:s, s:o}", "name", row->label, "status",
					health_status_to_string(row->result.status), "message",
					json_text(row->result.message));

		if (row->result.remedy)
			(void)json_object_set_new(one, "remedy", json_text(row->result.remedy));
		if (row->result.details)
			(void)json_object_set(one, "details", row->result.details);
		(void)json_object_set_new(checks, row->key, one);
	}
	return checks;
}

static json_t *fixes_json(const struct fixes *f) {
	static const char *const actions[] = { "planned", "done", "manual", "failed" };
	json_t *list = json_array();

	for (size_t i = 0; i < f->count; i++)
		(void)json_array_append_new(list, json_pack("{s:s, s:s, s:o}", "check", f->v[i].key,
							    "action", actions[f->v[i].action], "text",
							    json_text(f->v[i].text)));
	return list;
}

/* @fixes: NULL without --fix. Its form: health-schema.c. */
static int print_json(const struct health_report *r, const struct fixes *fixes, struct err *err) {
	static const char *const words[] = { "healthy", "degraded", "unhealthy" };
	json_t *j = json_pack("{s:s, s:o, s:o, s:{s:i, s:i, s:i, s:i}}", "status",
			      words[health_overall(r)], "timestamp", output_time_rfc3339(time(NULL)),
			      "checks", checks_json(r), "summary", "total", (int)r->count, "passed",
			      (int)r->totals[HEALTH_OK], "warnings", (int)r->totals[HEALTH_WARNING],
			      "failed", (int)r->totals[HEALTH_FAILED]);

	if (fixes)
		(void)json_object_set_new(j, "fixes", fixes_json(fixes));
	return output_document(j, err);
}

/* Nothing that fails here is the end of it: it is what the report is about. */
static int health_run(struct cli *cli, const void *args, struct err *err) {
	const struct health_args *a = args;
	auto_health_report struct health_report report = { 0 };
	__attribute__((cleanup(fixes_done))) struct fixes fixes = { 0 };
	struct err config_err = { 0 }, session_err = { 0 };
	struct health_subject subject = { .verbose = a->verbose };
	int r = app_load_config_anyhow(cli, &config_err, err);

	if (r < 0)
		return r;
	if (cli->who->is_root)
		(void)app_open_session(cli, &session_err);
	subject.who = cli->who;
	subject.session = cli->session;
	subject.session_error = session_err.msg;
	subject.settings = cli->settings;
	subject.config = cli->config;
	subject.config_error = config_err.msg[0] ? config_err.msg : NULL;
	subject.workspace = cli->workspace;
	health_look(&subject, &report);
	if (a->fix && mend(&subject, &report, a->dry_run, &fixes)) {
		health_report_done(&report);
		health_look(&subject, &report);
	}
	if (cli->json) {
		r = print_json(&report, a->fix ? &fixes : NULL, err);
		if (r < 0)
			return r;
	} else {
		print_fixes(&fixes);
		print_report(&report);
	}
	return (int)health_overall(&report);
}

static const struct cli_option health_options[] = {
	{
		.name = "verbose",
		.letter = 'v',
		CLI_BOOL(struct health_args, verbose),
		.help = "Optional checks too",
	},
	{
		.name = "fix",
		CLI_BOOL(struct health_args, fix),
		.help = "Mend what can be mended, and say what you have to type for the rest",
	},
	{
		.name = "dry-run",
		CLI_BOOL(struct health_args, dry_run),
		.help = "With --fix: only say what would be done",
	},
	{ 0 },
};

static const struct cli_example health_examples[] = {
	{ "sudo coi health", "Everything, in about a second." },
	{ "sudo coi health --fix --dry-run", "What would be mended?" },
	{ "coi health --format json | jq .status", "For scripts." },
	{ NULL },
};

const struct cli_command cmd_health = {
	.name = "health",
	.group = GROUP_OTHER,
	.summary = "check whether this machine is fit for coi, and coi well on it",
	.description =
		"Looks at the kernel, the rights, the network, the disk, the settings and what is "
		"left of crashes, and starts a container of its own for what only shows in one. "
		"Changes nothing without --fix. Works without root and with broken settings; what "
		"cannot be looked at then is a warning.\n\n"
		"The exit status is 0 when all is well, 1 with warnings, 2 when something failed.",
	.options = health_options,
	.examples = health_examples,
	.args_size = sizeof(struct health_args),
	.flags = COMMAND_FORMAT | COMMAND_PERSON,
	.check = health_check,
	.run = health_run,
};
