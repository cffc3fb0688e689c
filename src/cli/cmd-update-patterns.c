/* SPDX-License-Identifier: GPL-2.0-or-later */
/* coi update patterns: rules of others, by which programs are judged too. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/progress.h"
#include "cli/app.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "cli/update.h"
#include "config/config.h"
#include "monitor/pattern/update.h"

#define SHORT_COMMIT 12
#define TOLD_MAX 20 /* skipped files; the rest is in JSON */

struct update_args {
	bool dry_run;
};

static void source_of(const struct settings *set, enum pattern_kind kind,
		      struct pattern_source *ret) {
	bool is_sigma = kind == PATTERN_SIGMA;

	*ret = (struct pattern_source){
		.kind = kind,
		.url = is_sigma ? set->detection.sigma_source : set->detection.gtfobins_source,
		.dir = is_sigma ? set->detection.sigma_dir : set->detection.gtfobins_dir,
	};
}

struct telling {
	const char *name;
	struct progress *progress;
};

static void on_step(const char *what, void *data) {
	struct telling *t = data;
	autofree char *line = xasprintf("%s: %s", t->name, what);

	progress_end(t->progress, NULL);
	t->progress = progress_begin(line, 0);
	progress_update(t->progress, 0, NULL);
}

/* --- what is told */

static void tell_skipped(const struct pattern_change *c) {
	size_t count = json_array_size(c->skipped);

	for (size_t i = 0; i < count && i < TOLD_MAX; i++) {
		const json_t *one = json_array_get(c->skipped, i);
		long long line = (long long)json_get_int(one, "line", 0);
		autofree char *place = line ? xasprintf(", line %lld", line) : xstrdup("");

		output_line("  skipped: %s%s: %s", json_get_str(one, "file", ""), place,
			    json_get_str(one, "reason", ""));
	}
	if (count > TOLD_MAX)
		output_line("  and %zu more (--format json has all)", count - TOLD_MAX);
}

static void tell(const char *name, const struct pattern_change *c, bool is_dry) {
	size_t skipped = json_array_size(c->skipped);

	if (c->is_same)
		output_line("%s: nothing new: %zu rules of commit %.*s are there, %zu skipped", name,
			    c->rules, SHORT_COMMIT, c->commit, skipped);
	else
		output_line("%s: %zu rules%s of commit %.*s (%zu new, %zu changed, %zu gone), %zu "
			    "skipped, %zu of no weight", name, c->rules,
			    is_dry ? " would be taken" : "", SHORT_COMMIT, c->commit, c->added,
			    c->changed, c->removed, skipped, c->ignored);
	if (c->kept)
		output_line("  the clone that was there is not ours: it is kept as '%s'", c->kept);
	if (!c->is_same)
		tell_skipped(c);
}

static json_t *change_json(const struct pattern_source *s, const struct pattern_change *c) {
	return json_pack("{s:s, s:o, s:o, s:s, s:s, s:b, s:I, s:I, s:I, s:I, s:I, s:O}", "source",
			 pattern_kind_to_string(s->kind), "url", json_text(s->url), "dir",
			 json_text(s->dir), "commit", c->commit, "before", c->before, "is_same",
			 c->is_same, "rules", (json_int_t)c->rules, "added", (json_int_t)c->added,
			 "changed", (json_int_t)c->changed, "removed", (json_int_t)c->removed,
			 "ignored", (json_int_t)c->ignored, "skipped", c->skipped);
}

/* --- running */

/* 1: something has changed. */
static int update_one(struct cli *cli, const struct pattern_source *s, bool is_dry, json_t *list,
		      struct err *err) {
	struct telling telling = { .name = pattern_kind_to_string(s->kind) };
	struct pattern_change change = { 0 };
	int r;

	r = pattern_update(s, cli->who, is_dry, cli->json ? NULL : on_step, &telling, &change, err);
	progress_end(telling.progress, NULL);
	if (r < 0)
		return err_wrap(err, "%s", telling.name);
	if (list)
		json_array_append_new(list, change_json(s, &change));
	else
		tell(telling.name, &change, is_dry);
	r = !change.is_same;
	pattern_change_done(&change);
	return r;
}

int update_patterns(struct cli *cli, bool is_dry, struct err *err) {
	auto_json json_t *list = cli->json ? json_array() : NULL;
	struct err first = { 0 };
	size_t count = 0, changed = 0;

	for (int kind = 0; kind < PATTERN_KIND_COUNT; kind++) {
		struct pattern_source source;
		struct err why = { 0 };
		int r;

		source_of(cli->settings, (enum pattern_kind)kind, &source);
		if (!source.url || !*source.url)
			continue;
		count++;
		r = update_one(cli, &source, is_dry, list, &why);
		changed += r > 0;
		if (r >= 0)
			continue;
		/* The other one does not depend on it. */
		if (first.code)
			log_warn("%s", first.msg);
		first = why;
	}
	if (list && output_document(json_incref(list), err) < 0)
		return -EIO;
	if (first.code) {
		*err = first;
		return err->code;
	}
	if (!count)
		return err_set(err, ERR_CONFIG, -ENOENT,
			       "there is no source: detection.gtfobins_source and "
			       "detection.sigma_source are empty");
	if (!list && !is_dry && changed)
		log_info("Containers that start from now on are watched by them.");
	return 0;
}

static int update_patterns_run(struct cli *cli, const void *args, struct err *err) {
	const struct update_args *a = args;

	return update_patterns(cli, a->dry_run, err);
}

static const struct cli_option update_patterns_options[] = {
	{ "dry-run", 0, CLI_BOOL(struct update_args, dry_run),
	  .help = "Fetch and read, say what would change, and change nothing" },
	{ 0 },
};

static const struct cli_example update_patterns_examples[] = {
	{ "coi update patterns --dry-run", "What would be new." },
	{ NULL },
};

const struct cli_command cmd_update_patterns = {
	.name = "patterns",
	.group = GROUP_OTHER,
	.summary = "fetch the rules of GTFOBins and Sigma",
	.description =
		"Fetches the newest commit of the two repositories that detection.gtfobins_source "
		"and detection.sigma_source name, over https and from no other host, reads all "
		"rules in a process without rights, and puts them in place of the old ones in one "
		"step. A rule that cannot be used is skipped, and said with its file, line and "
		"reason.\n\n"
		"Taken are Sigma's rules for programs on Linux of level high (here: warning) and "
		"critical (here: high; 'experimental' ones are only recorded), and of GTFOBins "
		"shells over the network (high) and shells out of programs that run as root "
		"(warning). None of them kills. 'coi monitor patterns list' shows them, 'coi "
		"monitor patterns test' which would fire.",
	.options = update_patterns_options,
	.examples = update_patterns_examples,
	.args_size = sizeof(struct update_args),
	.flags = COMMAND_CONFIG | COMMAND_FORMAT,
	.run = update_patterns_run,
};
