/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>

#include "base/log.h"
#include "base/strv.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "cli/remove.h"
#include "session/lifecycle.h"

struct persist_args {
	struct remove_args which; /* first: its options are rows of ours */
	bool at_boot;
	bool not_at_boot;
};

static int persist_check(struct cli *cli, void *args, struct err *err) {
	struct persist_args *a = args;

	if (a->at_boot && a->not_at_boot)
		return err_set(err, ERR_USAGE, -EINVAL,
			       "--at-boot and --not-at-boot exclude each other");
	return remove_check(cli, &a->which, err);
}

static int persist_one(struct cli *cli, const struct persist_args *a, const char *name,
		       struct err *err) {
	int kept = a->not_at_boot ? 0 : lifecycle_persist(cli->session, name, err), r = kept;

	if (r >= 0 && (a->at_boot || a->not_at_boot))
		r = lifecycle_set_at_boot(cli->session, name, a->at_boot, err);
	if (r < 0)
		return r;
	if (!a->not_at_boot)
		output_line("'%s' is %s", name,
			    kept ? "kept when it stops ('coi shutdown' and 'coi kill' delete it "
				   "all the same)"
				 : "persistent already");
	if (a->at_boot || a->not_at_boot)
		output_line("'%s' is %sstarted when this machine has been", name,
			    a->at_boot ? "" : "not ");
	return 0;
}

static int persist_run(struct cli *cli, const void *args, struct err *err) {
	static const struct remove_words words = { .verb = "persist" };
	const struct persist_args *a = args;
	autostrv char **names = NULL;
	size_t done = 0, failed = 0;
	int r = remove_collect(cli, &a->which, &words, &names, err);

	if (r <= 0)
		return r;
	for (size_t i = 0; names && names[i]; i++) {
		struct err why = { 0 };

		r = persist_one(cli, a, names[i], &why);
		if (r < 0)
			log_warn("%s", why.msg);
		failed += r < 0;
		done += r >= 0;
	}
	if (!done)
		return err_set(err, ERR_MISSING, -ENOENT, "nothing was done to any container");
	return failed ? err_set(err, ERR_SYSTEM, -EIO, "nothing was done to %zu container%s", failed,
				failed == 1 ? "" : "s") : 0;
}

static const struct cli_option persist_options[] = {
	REMOVE_OPTIONS,
	{
		.name = "at-boot",
		CLI_BOOL(struct persist_args, at_boot),
		.help = "Start it again when this machine has been started (see 'coi container "
			"start --at-boot')",
	},
	{
		.name = "not-at-boot",
		CLI_BOOL(struct persist_args, not_at_boot),
		.help = "Take that back",
	},
	{ 0 },
};

static const struct cli_example persist_examples[] = {
	{ "coi persist coi-1a2b3c4d-1", "Keep it, with all that was installed in it." },
	{ "coi persist --at-boot coi-1a2b3c4d-1", "And have it run again after a reboot." },
	{ NULL },
};

const struct cli_command cmd_persist = {
	.name = "persist",
	.group = GROUP_SESSION,
	.summary = "keep a container when it stops",
	.description =
		"Makes an ephemeral container persistent, running or not: it is kept, stopped, when "
		"it is powered off, and 'coi shell --persistent' or --resume starts it again. 'coi "
		"shutdown' and 'coi kill' delete it all the same.",
	.arguments = remove_arguments,
	.options = persist_options,
	.examples = persist_examples,
	.args_size = sizeof(struct persist_args),
	.flags = COMMAND_SESSION,
	.check = persist_check,
	.run = persist_run,
};
