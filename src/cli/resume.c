/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/resume.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "cli/resolve.h"
#include "session/names.h"

const char *resume_wanted(const struct cli *cli) {
	const struct cli_globals *g = &cli->parsed.globals;

	return g->continue_ ? g->continue_ : g->resume;
}

bool resume_is_certain(const struct cli *cli) {
	const char *wanted = resume_wanted(cli);

	return wanted && strcmp(wanted, "auto") != 0;
}

struct conversation_window resume_window(const struct saved_session *saved, bool is_there) {
	struct conversation_window window = CONVERSATION_ANY_TIME;
	time_t until = saved->saved_at ? clock_parse_rfc3339(saved->saved_at) : (time_t)-1;

	window.since_ms = saved->started_ms;
	/* What was never saved may have gone on until now. */
	if (is_there || !saved->has_data)
		return window;
	if (saved->saved_ms)
		window.until_ms = saved->saved_ms;
	else if (until != (time_t)-1)
		window.until_ms = (int64_t)until * 1000 + 999;
	return window;
}

int resume_check(const struct cli *cli, struct err *err) {
	return resume_is_certain(cli) ? saved_id_check(resume_wanted(cli), err) : 0;
}

/* Its container is there, so it can go on even when nothing of it was saved yet. */
static bool has_container(struct cli *cli, const struct saved_session *one) {
	auto_container struct container *c = NULL;
	struct err ignored = { 0 };

	return resume_container(cli, one, &c, &ignored) == 1;
}

/* The newest one of that identity: 1, or 0. */
static int newest_of(struct cli *cli, const char *tool, const struct saved_list *list,
		     const char *identity, struct saved_session *ret, struct err *err) {
	for (size_t i = 0; i < list->count; i++) {
		const struct saved_session *one = &list->items[i];
		int r;

		if (!name_is_of(one->container, cli->session->prefix, identity) ||
		    !(one->has_data || has_container(cli, one)))
			continue;
		r = saved_load(cli->who, tool, one->id, ret, err);
		return r < 0 ? r : 1;
	}
	return 0;
}

/* Of the name that the settings give it, else of the path, which it had before. */
static int find_newest(struct cli *cli, const char *tool, struct saved_session *ret,
		       struct err *err) {
	autofree char *identity = app_identity(cli);
	auto_saved_list struct saved_list list = { 0 };
	int r = saved_list_load(cli->who, tool, &list, err);

	if (r == 0)
		r = newest_of(cli, tool, &list, identity, ret, err);
	if (r == 0 && strcmp(identity, cli->workspace) != 0)
		r = newest_of(cli, tool, &list, cli->workspace, ret, err);
	if (r != 0)
		return r < 0 ? r : 0;
	(void)err_set(err, ERR_MISSING, -ENOENT, "no session of '%s' is saved for workspace '%s'",
		      tool, cli->workspace);
	return err_hint(err, "start one with 'coi shell'; 'coi list --all' shows those of other "
			     "workspaces, which --resume=ID takes");
}

static int take_settings(struct cli *cli, const struct saved_session *one, struct err *err) {
	if (!cli->parsed.globals.slot)
		cli->parsed.globals.slot = name_slot(one->container);
	if (!*one->profile || cli->parsed.globals.profile)
		return 0;
	free(cli->alias_profile);
	cli->parsed.globals.profile = cli->alias_profile = xstrdup(one->profile);
	return app_change_workspace(cli, cli->workspace, err);
}

int resume_find(struct cli *cli, struct saved_session *ret, struct err *err) {
	const char *wanted = resume_wanted(cli), *tool = cli->settings->tool.name;
	int r = strcmp(wanted, "auto") ? saved_load(cli->who, tool, wanted, ret, err)
				       : find_newest(cli, tool, ret, err);

	if (r < 0)
		return r;
	if (!ret->has_metadata)
		log_warn("the session '%s' tells nothing about itself; what is there is put back",
			 ret->id);
	else if (strcmp(ret->workspace, cli->workspace) != 0 &&
		 !*cli->settings->container.session_name)
		log_warn("the session '%s' is of workspace '%s'", ret->id, ret->workspace);
	return take_settings(cli, ret, err);
}

int resume_container(struct cli *cli, const struct saved_session *saved, struct container **ret,
		     struct err *err) {
	auto_container struct container *c = NULL;
	int r = *saved->container ? resolve_name(cli, saved->container, &c, err) : -ENOENT;

	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return r;
	if (strcmp(c->session_id, saved->id) != 0 || c->state == STATE_DELETING)
		return 0;
	*ret = steal_ptr(c);
	return 1;
}
