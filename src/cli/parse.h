/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From argv to a command and its arguments, as users of coi 0.9 are used to it:
 * flags may stand anywhere, --name=value, clustered letters, "--" ends flags.
 * Pure: nothing is printed or looked up.
 */
#ifndef COI_CLI_PARSE_H
#define COI_CLI_PARSE_H

#include "cli/cli.h"
#include "config/config.h"

struct cli_parsed {
	const struct cli_command *path[CLI_DEPTH_MAX]; /* "coi", "image", "list" */
	size_t depth;
	const struct cli_command *command; /* the last of the path */
	struct cli_globals globals;
	struct cli_format format;
	void *args;   /* of command->args_size bytes; NULL when that is 0 */
	char **words; /* positional arguments, strv */
	size_t word_count;
	const struct cli_option *given[CLI_OPTIONS_MAX];
	size_t given_count;
	struct config_override overrides[CLI_OPTIONS_MAX];
	char *override_flags[CLI_OPTIONS_MAX];
	size_t override_count;
};

enum cli_verdict {
	CLI_RUN,
	CLI_HELP,            /* of parsed->command */
	CLI_VERSION,
	CLI_BAD_FLAGS,       /* @err; the usage of parsed->command belongs below it: exit 1 */
	CLI_UNKNOWN_COMMAND, /* @err; exit 1 */
	CLI_BAD_VALUE,       /* @err; a choice that is none: exit 2 */
};

/* @argv without the program's name; must outlive @ret. @ret is to be freed in every case. */
enum cli_verdict cli_parse(const struct cli_command *root, char *const *argv,
			   struct cli_parsed *ret, struct err *err);
void cli_parsed_done(struct cli_parsed *p);
#define auto_parsed __attribute__((cleanup(cli_parsed_done)))

/* Was that option of the command or of the globals given? */
bool cli_parsed_has(const struct cli_parsed *p, const char *name);
/* "coi image list"; newly allocated. */
char *cli_parsed_name(const struct cli_parsed *p);

/* The number that @text is, all of it; -EINVAL or -ERANGE. */
int cli_number(const char *text, int *ret);

#endif
