/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/remove.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/strv.h"
#include "cli/output.h"
#include "cli/prompts.h"
#include "cli/resolve.h"
#include "session/lifecycle.h"

const struct cli_argument remove_arguments[] = {
	{ "name", ARGUMENT_ANY, COMPLETE_CONTAINER, "Containers, by name or alias" },
	{ NULL },
};

int remove_check(struct cli *cli, void *args, struct err *err) {
	const struct remove_args *a = args;

	if (a->all && cli->parsed.word_count) {
		return err_set(err, ERR_USAGE, -EINVAL, "'--all' and names exclude each other");
	}
	if (!a->all && cli->parsed.word_count == 0) {
		err_set(err, ERR_USAGE, -EINVAL, "no container is named");
		return err_hint(err, "Name one, or say --all. 'coi list' shows sessions, 'coi "
				     "container list' all there are.");
	}
	return 0;
}

static int collect_all(struct cli *cli, char ***ret, struct err *err) {
	auto_container_list struct container_list list = { 0 };
	int r = container_list_load(cli->session, 0, &list, err);

	if (r < 0)
		return r;
	for (size_t i = 0; i < list.count; i++)
		strv_add(ret, list.items[i]->name);
	return 0;
}

/* One that is not there is told and left out. */
static void collect_named(struct cli *cli, char ***ret) {
	for (size_t i = 0; i < cli->parsed.word_count; i++) {
		auto_container struct container *c = NULL;
		struct err why = { 0 };

		if (resolve_container(cli, cli->parsed.words[i], 0, &c, &why) < 0)
			log_warn("%s", why.msg);
		else if (!strv_contains(*ret, c->name))
			strv_add(ret, c->name);
	}
}

static bool may_go_on(char *const *names, const struct remove_words *words) {
	autofree char *question = NULL;
	size_t count = strv_len(names);

	output_line("Containers to %s:", words->verb);
	for (size_t i = 0; i < count; i++)
		output_line("  %s", names[i]);
	question = xasprintf("%c%s %zu container%s?", words->verb[0] - 'a' + 'A', words->verb + 1,
			     count, count == 1 ? "" : "s");
	return prompt_yes(stdout, question);
}

int remove_collect(struct cli *cli, const struct remove_args *args,
		   const struct remove_words *words, char ***ret, struct err *err) {
	autostrv char **names = NULL;

	if (args->all) {
		int r = collect_all(cli, &names, err);

		if (r < 0)
			return r;
		if (!names) {
			output_line("No containers to %s", words->verb);
			return 0;
		}
	} else {
		collect_named(cli, &names);
	}
	if (!args->force && names && (args->all || cli->parsed.word_count > 1) &&
	    !may_go_on(names, words))
		return 0;
	*ret = steal_ptr(names);
	return 1;
}

int remove_containers(struct cli *cli, const struct remove_args *args,
		      const struct remove_words *words, int timeout_ms, struct err *err) {
	autostrv char **names = NULL;
	size_t done = 0, failed = 0;
	int r = remove_collect(cli, args, words, &names, err);

	if (r <= 0)
		return r;
	for (size_t i = 0; names && names[i]; i++) {
		struct err why = { 0 };

		output_line("%s %s...", words->doing, names[i]);
		(void)fflush(stdout);
		r = lifecycle_remove(cli->session, names[i], timeout_ms, &why);
		if (r == -EINTR) {
			*err = why;
			return r;
		}
		if (r < 0)
			log_warn("%s%s%s", why.msg, *why.hint ? "; " : "", why.hint);
		failed += r < 0;
		done += r >= 0;
	}
	if (done == 0)
		return err_set(err, ERR_MISSING, -ENOENT, "no container was removed");
	output_line("%s %zu container%s", words->done, done, done == 1 ? "" : "s");
	/* One that was not there is as it should be; one that is there still is not. */
	return failed ? err_set(err, ERR_SYSTEM, -EIO, "%zu container%s could not be removed", failed,
				failed == 1 ? "" : "s") : 0;
}
