/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a running command works with. */
#ifndef COI_CLI_APP_H
#define COI_CLI_APP_H

#include "cli/cli.h"
#include "cli/parse.h"
#include "session/session.h"

struct cli {
	struct cli_parsed parsed;
	char *alias_profile; /* owned, what an alias brought along; NULL: none */
	char *workspace; /* absolute; what -w says, else the working directory */
	bool json;       /* --format json or --json */
	bool checked;    /* the command line makes sense: what is wrong now is no usage error */
	const char *say_prefix; /* before each line of narration: "[setup] "; NULL: none */
	struct privilege *who;
	struct config *config;           /* NULL when none was read */
	const struct settings *settings; /* of the above */
	struct session *session;         /* for commands with COMMAND_SESSION */
};

/*
 * Parse, load, open, run, print what went wrong: the whole of main(). Returns
 * the exit status.
 */
int app_main(char *const *argv);

/* Number @i of the words behind the command's name, or NULL. */
const char *app_word(const struct cli *cli, size_t i);

/* Load the settings and open the session, when that has not been done; app_main() does so too. */
int app_load_config(struct cli *cli, bool is_strict, struct err *err);
int app_open_session(struct cli *cli, struct err *err);

/*
 * The same for who has to go on whatever is wrong: then @ret_wrong says what, and
 * the settings are those of the files alone, without profile, flags and environment.
 */
int app_load_config_anyhow(struct cli *cli, struct err *ret_wrong, struct err *err);

/*
 * Another workspace than that of the command line: the settings are read
 * again, with those of the project there.
 */
int app_change_workspace(struct cli *cli, const char *workspace, struct err *err);

/* What names of this workspace's containers are made of (names.h); newly allocated. */
char *app_identity(const struct cli *cli);

/*
 * sudo(8) takes variables away that the settings want to forward: names those,
 * with the option that keeps them.
 */
void app_tell_sudo(const struct cli *cli);

/*
 * What has been printed to standard output is there: 0, or the error of the
 * write (a full disk). app_main() ends with it.
 */
int app_flush(struct err *err);

#endif
