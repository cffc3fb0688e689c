/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/resolve.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/strv.h"
#include "cli/killed.h"
#include "session/names.h"
#include "session/repair.h"

/* Does alias @word ("web" or "web-2") mean @c? */
static bool resolve_alias_fits(const struct container *c, const char *word) {
	size_t len = c->alias ? strlen(c->alias) : 0;
	int slot;

	if (len == 0 || strncmp(word, c->alias, len) != 0)
		return false;
	if (!word[len])
		return true;
	return word[len] == '-' && cli_number(word + len + 1, &slot) == 0 && slot == c->slot;
}

int resolve_name(struct cli *cli, const char *name, struct container **ret, struct err *err) {
	int r = repair_container(cli->session, name, err);

	if (r < 0 && r != -ENOENT)
		return r;
	r = container_load(cli->session, name, ret, err);
	return r == -ENOENT ? killed_explain(cli->who, name, err) : r;
}

/* What is known of one that is not there. */
static int gone(struct cli *cli, const char *word, struct err *err) {
	(void)err_hint(err, "'coi list' shows sessions, 'coi container list' all there are.");
	return killed_explain(cli->who, word, err);
}

static int by_name(struct cli *cli, const char *word, unsigned flags, struct container **ret,
		   struct err *err) {
	auto_container struct container *c = NULL;
	int r = resolve_name(cli, word, &c, err);

	if (r == -ENOENT) {
		(void)err_set(err, ERR_MISSING, -ENOENT, "no container '%s'", word);
		return gone(cli, word, err);
	}
	if (r < 0)
		return r;
	if (flags & RESOLVE_RUNNING && !container_is_running(cli->session, c))
		return killed_not_running(c, err);
	*ret = steal_ptr(c);
	return 0;
}

int resolve_container(struct cli *cli, const char *word, unsigned flags, struct container **ret,
		      struct err *err) {
	const char *prefix = cli->session->prefix;
	auto_container_list struct container_list list = { 0 };
	autostrv char **fitting = NULL;
	size_t found = 0;
	int r;

	if (strncmp(word, prefix, strlen(prefix)) == 0)
		return by_name(cli, word, flags, ret, err);
	r = container_list_load(cli->session, LIST_ALL_PREFIXES, &list, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < list.count; i++) {
		if (!resolve_alias_fits(list.items[i], word) ||
		    (flags & RESOLVE_RUNNING && !container_is_running(cli->session, list.items[i])))
			continue;
		found = i;
		strv_add(&fitting, list.items[i]->name);
	}
	if (strv_len(fitting) > 1) {
		autofree char *all = strv_join(fitting, ", ");

		return err_set(err, ERR_CONFLICT, -EEXIST,
			       "'%s' means several containers: %s (add the slot: '%s-N')", word, all,
			       word);
	}
	if (fitting) {
		*ret = steal_ptr(list.items[found]);
		return 0;
	}
	for (size_t i = 0; i < list.count; i++) {
		if (strcmp(list.items[i]->name, word) == 0)
			return by_name(cli, word, flags, ret, err);
	}
	(void)err_set(err, ERR_MISSING, -ENOENT, "no %scontainer has the name or alias '%s'",
		      flags & RESOLVE_RUNNING ? "running " : "", word);
	return gone(cli, word, err);
}

static int only_of_workspace(struct cli *cli, unsigned flags, struct container **ret,
			     struct err *err) {
	auto_container_list struct container_list list = { 0 };
	autofree char *identity = app_identity(cli), *all = NULL;
	autostrv char **names = NULL;
	size_t found = 0;
	int r = container_list_load(cli->session, 0, &list, err);

	if (r < 0)
		return r;
	for (size_t i = 0; i < list.count; i++) {
		if ((strcmp(list.items[i]->workspace, cli->workspace) != 0 &&
		     !name_is_of(list.items[i]->name, cli->session->prefix, identity)) ||
		    (flags & RESOLVE_RUNNING && !container_is_running(cli->session, list.items[i])))
			continue;
		found = i;
		strv_add(&names, list.items[i]->name);
	}
	if (strv_len(names) == 1) {
		*ret = steal_ptr(list.items[found]);
		return 0;
	}
	if (!names) {
		autofree char *was = NULL, *killed = killed_text_here(cli, &was);

		(void)err_set(err, ERR_MISSING, -ENOENT, "no %scontainer belongs to '%s'%s%s%s%s",
			      flags & RESOLVE_RUNNING ? "running " : "", cli->workspace,
			      killed ? "; of '" : "", killed ? was : "", killed ? "': " : "",
			      killed ? killed : "");
		return err_hint(err, "Name one; 'coi list' shows sessions, 'coi container list' all "
				     "there are.");
	}
	all = strv_join(names, ", ");
	(void)err_set(err, ERR_CONFLICT, -EEXIST, "several containers belong to '%s': %s",
		      cli->workspace, all);
	return err_hint(err, "Name one of them.");
}

int resolve_meant(struct cli *cli, const char *word, unsigned flags, struct container **ret,
		  struct err *err) {
	const char *variable = getenv("COI_CONTAINER");
	int r;

	if (word)
		return resolve_container(cli, word, flags, ret, err);
	if (!variable || !*variable)
		return only_of_workspace(cli, flags, ret, err);
	r = resolve_container(cli, variable, flags, ret, err);
	return r < 0 ? err_wrap(err, "$COI_CONTAINER") : 0;
}
