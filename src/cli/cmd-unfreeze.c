/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <string.h>

#include "audit/reader.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "cli/app.h"
#include "cli/commands.h"
#include "cli/killed.h"
#include "cli/resolve.h"
#include "session/lifecycle.h"
#include "session/standstill.h"

static bool is_frozen(const struct cli *cli, const struct container *c) {
	return strcmp(container_status(cli->session, c), "Frozen") == 0;
}

/* What it was frozen for, when it was for a threat; and that a person has answered that. */
static int let_go(struct cli *cli, const struct container *c, struct err *err) {
	bool was_held = standstill_holds(cli->session, c, STANDSTILL_THREAT);
	struct privilege who = container_person(c);
	auto_json json_t *threat = NULL;
	autofree char *text = NULL;
	struct err second;
	int written, r = lifecycle_unfreeze(cli->session, c->name, err);

	/* It may stay frozen for something else: what a person has answered is answered. */
	if (r < 0 && !(r == -EBUSY && was_held))
		return r;
	if (audit_acted_for(&who, c->name, AUDIT_PAUSED, &threat) == 0)
		text = audit_text(threat);
	if (text)
		log_info("%s was frozen for: %s", c->name, text);
	written = audit_write(cli->session->audit, AUDIT_CONTAINER_UNFREEZE, c->name,
	                      AUDIT_FIELDS(AUDIT_TEXT("frozen_for", json_get_str(threat, "id", NULL))),
	                      r < 0 ? &second : err);
	return r < 0 ? r : written;
}

static int unfreeze_one(struct cli *cli, const char *word, struct err *err) {
	auto_container struct container *c = NULL;
	int r = resolve_container(cli, word, 0, &c, err);

	if (r < 0)
		return r;
	if (!is_frozen(cli, c)) {
		autofree char *killed = killed_text_of(cli, c);

		return err_set(err, ERR_CONFLICT, -EINVAL, "container '%s' is not frozen: %s%s",
		               c->name, killed ? killed : "it is ",
		               killed ? "" : container_status(cli->session, c));
	}
	r = let_go(cli, c, err);
	if (r < 0)
		return r;
	log_info("Unfroze %s", c->name);
	return 0;
}

static int unfreeze_run(struct cli *cli, const void *args, struct err *err) {
	auto_container_list struct container_list list = { 0 };
	size_t count = 0, failed = 0;
	int r;

	if (app_word(cli, 0))
		return unfreeze_one(cli, app_word(cli, 0), err);
	r = container_list_load(cli->session, 0, &list, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < list.count; i++) {
		if (!is_frozen(cli, list.items[i]))
			continue;
		struct err why = { 0 };

		/* The others do not wait for one that cannot. */
		r = let_go(cli, list.items[i], &why);
		if (r < 0)
			log_warn("%s", why.msg);
		failed += r < 0;
		count += r >= 0;
	}
	if (count)
		log_info("Unfroze %zu container%s", count, count == 1 ? "" : "s");
	else if (!failed)
		log_info("No frozen containers found");
	return failed ? err_set(err, ERR_SYSTEM, -EIO, "%zu container%s could not be unfrozen", failed,
				failed == 1 ? "" : "s") : 0;
}

static const struct cli_argument unfreeze_arguments[] = {
	{ "name", ARGUMENT_OPTIONAL, COMPLETE_RUNNING,
	  "A frozen container; all of them if left out" },
	{ NULL },
};

const struct cli_command cmd_unfreeze = {
	.name = "unfreeze",
	.group = GROUP_SESSION,
	.summary = "let frozen containers go on",
	.description =
		"A container is frozen when monitoring has found something that looks like an "
		"attack; that is shown. Look first ('coi audit NAME --level high'), then let it "
		"go on.",
	.arguments = unfreeze_arguments,
	.flags = COMMAND_SESSION,
	.run = unfreeze_run,
};
