/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Records of a container: what it did, what looked like an attack, what coi
 * did. Out of the person's files alone, so a container that has gone is shown
 * too, nothing is needed inside, and who the records belong to needs no root.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "audit/place.h"
#include "audit/reader.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/strv.h"
#include "cli/app.h"
#include "cli/audited.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "cli/tail.h"

struct audit_args {
	bool follow;
	const char *file;
	const char *since;
	const char *level;
	char **category;
};

/* One of a container's files with its older ones, and the next line of it. */
struct stream {
	struct tail tail;
	json_t *record; /* NULL: none is there now */
	struct audit_about about;
};

struct reader {
	struct stream streams[2]; /* the container's own, and the network's */
	size_t count;
	time_t since;
	enum audit_level level;
	char **categories; /* NULL: all */
	bool is_json;
	uint64_t unknown;  /* lines that are no records */
};

/* Up to the next line that is a record. 1: there is one. */
static int advance(struct reader *l, struct stream *s, struct err *err) {
	int r = 0;

	while (!s->record && (r = tail_next(&s->tail, err)) == 1) {
		s->record = s->tail.reader.is_cut
				    ? NULL
				    : json_loadb(s->tail.reader.line, s->tail.reader.len, 0, NULL);
		if (s->record && audit_about(s->record, &s->about))
			return 1;
		json_decref(s->record);
		s->record = NULL;
		l->unknown++;
	}
	return s->record ? 1 : r;
}

static bool is_wanted(const struct reader *l, const struct audit_about *a) {
	return a->level >= l->level && (l->since == 0 || a->when >= l->since) &&
	       (!l->categories || strv_contains(l->categories, a->category));
}

/* JSON as it is in the file: it was escaped when it was written, and parsed just now. */
static void show(const struct reader *l, const struct stream *s) {
	autofree char *text = NULL;

	if (!is_wanted(l, &s->about))
		return;
	if (l->is_json) {
		output_line("%s", s->tail.reader.line);
		return;
	}
	text = audit_text(s->record);
	if (text)
		output_line("%s", text);
}

/* What there is now, in the order of time. */
static int show_all(void *data, struct err *err) {
	struct reader *l = data;

	for (;;) {
		struct stream *next = NULL;

		for (size_t i = 0; i < l->count; i++) {
			struct stream *s = &l->streams[i];
			int r = advance(l, s, err);

			if (r < 0)
				return r;
			if (r == 1 && (!next || s->about.when < next->about.when))
				next = s;
		}
		if (!next)
			break;
		show(l, next);
		json_decref(next->record);
		next->record = NULL;
	}
	return 0;
}

static void add_stream(struct reader *l, const struct privilege *who, const char *path,
		       char *const *older) {
	struct stream *s = &l->streams[l->count++];

	*s = (struct stream){ 0 };
	tail_init(&s->tail, who, path, older, AUDIT_LINE_MAX);
}

static void reader_done(struct reader *l) {
	for (size_t i = 0; i < l->count; i++) {
		json_decref(l->streams[i].record);
		tail_done(&l->streams[i].tail);
	}
}

/* Suffixes of older files, oldest first. */
static char **older_suffixes(void) {
	char **v = NULL;

	strv_add(&v, ".kept.1");
	strv_add(&v, ".kept");
	for (unsigned n = AUDIT_KEEP; n > 0; n--)
		strv_addf(&v, ".%u", n);
	return v;
}

static int run_reader(struct reader *l, const struct cli *cli, const struct audit_args *a,
		      const char *what, struct err *err) {
	bool is_there = false;

	for (size_t i = 0; i < l->count; i++) {
		int r = tail_open(&l->streams[i].tail, err);

		if (r < 0)
			return r;
		is_there |= l->streams[i].tail.was_there;
	}
	if (!is_there && !a->follow) {
		(void)err_set(err, ERR_MISSING, -ENOENT, "there are no records of '%s'", what);
		return audited_hint(cli, err);
	}
	if (a->follow)
		return tail_follow(l->streams[0].tail.who, l->streams[0].tail.path, show_all, l, err);
	return show_all(l, err);
}

static int audit_check_args(struct cli *cli, void *args, struct err *err) {
	const struct audit_args *a = args;
	time_t ignored;

	(void)cli;
	for (char **c = a->category; c && *c; c++) {
		autostrv char **all = audit_categories();
		autofree char *joined = strv_join(all, ", ");

		if (!audit_is_category(*c))
			return err_set(err, ERR_USAGE, -EINVAL, "'%s' is no category: %s", *c, joined);
	}
	return a->since ? tail_parse_since(a->since, &ignored, err) : 0;
}

static int audit_run(struct cli *cli, const void *args, struct err *err) {
	const struct audit_args *a = args;
	autostrv char **older = older_suffixes();
	auto_audited struct audited of = { 0 };
	struct reader l = { .categories = a->category };
	struct err none;
	int r = 0;

	l.is_json = cli->json || (!cli->parsed.format.format && !isatty(STDOUT_FILENO));
	if (a->since)
		(void)tail_parse_since(a->since, &l.since, &none);
	if (a->level)
		l.level = audit_level_from_string(a->level);
	if (a->file) {
		add_stream(&l, cli->who, a->file, NULL);
	} else {
		r = audited_find(cli, app_word(cli, 0), &of, err);
		if (r < 0)
			return r;

		autofree char *dir = xasprintf("%s/.coi/audit", of.who.home);
		autofree char *own = xasprintf("%s/%s.jsonl", dir, of.name);
		autofree char *network = xasprintf("%s/%s-nft.jsonl", dir, of.name);

		add_stream(&l, &of.who, own, older);
		add_stream(&l, &of.who, network, older);
	}
	r = run_reader(&l, cli, a, a->file ? a->file : of.name, err);
	reader_done(&l);
	if (r == 0 && l.unknown)
		audited_tell_unknown(l.unknown);
	return r;
}

static const struct cli_argument audit_arguments[] = {
	{ "container", ARGUMENT_OPTIONAL, COMPLETE_CONTAINER,
	  "A container or its alias, also one that has gone; the workspace's if left out" },
	{ NULL },
};

static const char *const levels[] = { "info", "warning", "high", "critical", NULL };

static const struct cli_option audit_options[] = {
	{ .name = "follow", .letter = 'f', CLI_BOOL(struct audit_args, follow),
	  .help = "Go on with what comes, until Ctrl-C" },
	{ .name = "file", CLI_TEXT(struct audit_args, file, "PATH"),
	  .help = "Read this file instead of a container's", .complete = COMPLETE_FILE },
	{ .name = "since", CLI_TEXT(struct audit_args, since, "TIME"),
	  .help = "Only what came after it: 10m, 2h, 1d, or an RFC 3339 time" },
	{ .name = "level", CLI_TEXT(struct audit_args, level, "LEVEL"), .choices = levels,
	  .help = "Only this level and above" },
	{ .name = "category", CLI_LIST(struct audit_args, category, "CATEGORY"),
	  .help = "Only this category, such as process or network; may be repeated" },
	{ .name = NULL },
};

static const struct cli_command *const audit_children[] = { &cmd_audit_verify, NULL };

static const struct cli_example audit_examples[] = {
	{ "coi audit", "all that the workspace's container did" },
	{ "coi audit web -f --level warning", "what looks like an attack, as it happens" },
	{ "coi audit coi-1a2b3c4d-1 --format json | jq .title", "of one that may be gone" },
	{ "coi audit verify web", "was a record changed or cut away?" },
	{ NULL },
};

const struct cli_command cmd_audit = {
	.name = "audit",
	.group = GROUP_CONTAINER,
	.summary = "show the records of a container",
	.description =
		"Programs that it ran, connections, watched files that were touched, threats and what "
		"was done about them, and what coi did with it, out of ~/.coi/audit. The files "
		"outlive the container for monitoring.audit_log_retention_days.\n\n"
		"On a terminal one line for people each; elsewhere, and with --format json, the "
		"records as they are, one JSON object on each line.",
	.arguments = audit_arguments,
	.options = audit_options,
	.examples = audit_examples,
	.children = audit_children,
	.args_size = sizeof(struct audit_args),
	.flags = COMMAND_CONFIG | COMMAND_FORMAT | COMMAND_LOOKS,
	.check = audit_check_args,
	.run = audit_run,
};
