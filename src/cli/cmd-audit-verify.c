/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "audit/place.h"
#include "audit/verify.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/strv.h"
#include "cli/app.h"
#include "cli/audited.h"
#include "cli/commands.h"
#include "cli/output.h"

struct row {
	const char *name;
	const struct audit_verdict *v;
};

static const struct audit_verdict *of(const void *row) {
	return ((const struct row *)row)->v;
}

static json_t *get_name(const void *row) {
	return json_text(((const struct row *)row)->name);
}

static json_t *get_whole(const void *row) {
	return json_boolean(of(row)->problems == 0);
}

static json_t *get_records(const void *row) {
	return json_integer((json_int_t)of(row)->lines);
}

static json_t *get_first(const void *row) {
	return json_integer((json_int_t)of(row)->first);
}

static json_t *get_last(const void *row) {
	return json_integer((json_int_t)of(row)->last);
}

static json_t *get_dropped(const void *row) {
	return json_integer((json_int_t)of(row)->dropped);
}

static json_t *get_unchained(const void *row) {
	return json_integer((json_int_t)of(row)->unchained);
}

static json_t *get_end(const void *row) {
	return json_boolean(of(row)->has_head);
}

static json_t *get_problems(const void *row) {
	return json_from_strv(of(row)->told);
}

static json_t *get_count(const void *row) {
	return json_integer((json_int_t)of(row)->problems);
}

static const struct output_column columns[] = {
	{ "name", NULL, get_name, NULL },
	{ "whole", NULL, get_whole, NULL },
	{ "records", NULL, get_records, NULL },
	{ "first", NULL, get_first, NULL },
	{ "last", NULL, get_last, NULL },
	{ "dropped", NULL, get_dropped, NULL },
	{ "unchained", NULL, get_unchained, NULL },
	{ "end_known", NULL, get_end, NULL },
	{ "problem_count", NULL, get_count, NULL },
	{ "problems", NULL, get_problems, NULL },
	{ 0 },
};

static void tell(const char *name, const struct audit_verdict *v) {
	output_line("%s: %s, %" PRIu64 " record%s (%" PRIu64 " to %" PRIu64 ")", name,
		    v->problems ? "NOT WHOLE" : "whole", v->lines, v->lines == 1 ? "" : "s", v->first,
		    v->last);
	for (char **t = v->told; t && *t; t++)
		output_line("  %s", *t);
	if (v->problems > AUDIT_PROBLEMS_MAX)
		output_line("  … and %" PRIu64 " more", v->problems - AUDIT_PROBLEMS_MAX);
	if (v->dropped)
		output_line("  records up to %" PRIu64 " were dropped for their age or for room",
			    v->dropped);
	if (v->unchained)
		output_line("  %" PRIu64 " line%s before the chain began cannot be judged",
			    v->unchained, v->unchained == 1 ? "" : "s");
	if (!v->has_head)
		output_line("  nobody knows whether its end was cut off: its head is missing");
	if (v->was_interrupted)
		output_line("  the last write was interrupted: what it was about is not there");
}

/* 1: it is not whole; 0; -errno. */
static int verify_one(const struct privilege *who, const char *stem, json_t *all,
		      struct err *err) {
	auto_audit_verdict struct audit_verdict v = { 0 };
	const struct row row = { stem, &v };
	int r = audit_verify(who, stem, &v, err);

	if (r < 0)
		return r;
	if (all)
		json_array_append_new(all, output_json_row(columns, &row));
	else
		tell(stem, &v);
	return v.problems ? 1 : 0;
}

/* The container's own records, and those of its network where there are some. */
static int stems_of(struct cli *cli, struct audited *of, char ***ret, struct err *err) {
	autostrv char **all = audited_all(cli);
	autofree char *own = NULL, *network = NULL;
	int r;

	of->who = *cli->who;
	if (!app_word(cli, 0)) {
		if (!all)
			return err_set(err, ERR_MISSING, -ENOENT,
				       "there are no records in '%s/.coi/audit'", cli->who->home);
		*ret = steal_ptr(all);
		return 0;
	}
	r = audited_find(cli, app_word(cli, 0), of, err);
	if (r < 0)
		return r;
	own = audit_stem(of->name, false);
	network = audit_stem(of->name, true);
	strv_add(ret, own);
	if (strv_contains(all, network))
		strv_add(ret, network);
	return 0;
}

static int verify_run(struct cli *cli, const void *args, struct err *err) {
	auto_audited struct audited of = { 0 };
	autostrv char **stems = NULL;
	auto_json json_t *all = cli->json ? json_array() : NULL;
	int status = 0, r = stems_of(cli, &of, &stems, err);

	(void)args;
	if (r < 0)
		return r;
	for (char **stem = stems; *stem; stem++) {
		r = verify_one(&of.who, *stem, all, err);
		if (r == -ENOENT && app_word(cli, 0))
			return audited_hint(cli, err);
		if (r < 0)
			return r;
		status |= r;
	}
	if (all) {
		r = output_document(json_incref(all), err);
		if (r < 0)
			return r;
	}
	return status;
}

static const struct cli_argument verify_arguments[] = {
	{ "container", ARGUMENT_OPTIONAL, COMPLETE_CONTAINER,
	  "A container or its alias, also one that has gone; all that have records if left out" },
	{ NULL },
};

const struct cli_command cmd_audit_verify = {
	.name = "verify",
	.group = GROUP_CONTAINER,
	.summary = "find out whether records were changed or cut away",
	.description =
		"Each record has a number and a hash over all records before it, and how far they go "
		"is kept beside them. What was changed, taken away, added or put in another order is "
		"named by its number and line; the exit status is then 1. There is no key in it: who "
		"can write your files can make another chain, which no container can.",
	.arguments = verify_arguments,
	.flags = COMMAND_CONFIG | COMMAND_FORMAT | COMMAND_LOOKS,
	.run = verify_run,
};
