/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>

#include "base/log.h"
#include "base/strv.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "cli/remove.h"
#include "session/lifecycle.h"

static int persist_run(struct cli *cli, const void *args, struct err *err) {
	static const struct remove_words words = { .verb = "persist" };
	autostrv char **names = NULL;
	size_t done = 0;
	int r = remove_collect(cli, args, &words, &names, err);

	if (r <= 0)
		return r;
	for (size_t i = 0; names && names[i]; i++) {
		r = lifecycle_persist(cli->session, names[i], err);
		if (r < 0) {
			log_warn("%s", err->msg);
			continue;
		}
		output_line("'%s' is %s", names[i],
			    r ? "kept when it stops ('coi shutdown' and 'coi kill' delete it "
				"all the same)"
			      : "persistent already");
		done++;
	}
	return done ? 0 : err_set(err, ERR_MISSING, -ENOENT, "no container was made persistent");
}

static const struct cli_option persist_options[] = {
	REMOVE_OPTIONS,
	{ 0 },
};

static const struct cli_example persist_examples[] = {
	{ "coi persist coi-1a2b3c4d-1", "Keep it, with all that was installed in it." },
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
	.args_size = sizeof(struct remove_args),
	.flags = COMMAND_SESSION,
	.check = remove_check,
	.run = persist_run,
};
