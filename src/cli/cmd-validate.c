/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <jansson.h>
#include <string.h>
#include <sys/stat.h>

#include "base/escape.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/strv.h"
#include "cli/app.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "cli/profiles.h"

#define EXIT_INVALID 1
#define ISSUE_SHOWN_MAX 4096

static json_t *issues_json(char *const *issues) {
	json_t *list = json_array();

	for (; issues && *issues; issues++) {
		size_t len = strcspn(*issues, "\t");
		autofree char *pointer = xstrndup(*issues, len);

		(void)json_array_append_new(list, json_pack("{s:o, s:o}", "path", json_text(pointer),
							    "message", json_text(*issues + len + 1)));
	}
	return list;
}

static void tell(const char *kind, char *const *issues) {
	for (; issues && *issues; issues++) {
		size_t len = strcspn(*issues, "\t");

		autofree char *pointer = xstrndup(*issues, len);
		autofree char *line = xasprintf("%s%s: %s", kind, pointer, *issues + len + 1);
		autofree char *safe = escape_text(line, ISSUE_SHOWN_MAX);

		log_info("%s", safe);
	}
}

/* A profile is known by its directory too. */
static char *file_of(const struct cli *cli, const char *word) {
	autofree char *path = path_absolute(word);
	struct stat st;
	bool is_dir;

	privilege_person_begin(cli->who);
	is_dir = stat(path, &st) == 0 && S_ISDIR(st.st_mode);
	privilege_person_end(cli->who);
	return is_dir ? path_join(path, "config.toml") : steal_ptr(path);
}

static int validate(struct cli *cli, bool is_profile, struct err *err) {
	autostrv char **errors = NULL, **warnings = NULL;
	autofree char *path = NULL;
	/* The settings are not read: they may be what is broken. */
	int r = privilege_detect(&cli->who, err);

	if (r < 0)
		return r;
	path = file_of(cli, app_word(cli, 0));
	r = profiles_check(cli, path, is_profile, &errors, &warnings, err);
	if (r < 0)
		return r;
	if (cli->json) {
		json_t *doc = json_pack("{s:b, s:o, s:o}", "valid", errors == NULL, "errors",
					issues_json(errors), "warnings", issues_json(warnings));

		r = output_document(doc, err);
		return r < 0 ? r : errors ? EXIT_INVALID : 0;
	}
	tell("", errors);
	tell("Warning: ", warnings);
	if (errors)
		return EXIT_INVALID;
	output_line("%s is valid.", is_profile ? "Profile" : "Config");
	return 0;
}

static int profile_run(struct cli *cli, const void *args, struct err *err) {
	(void)args;
	return validate(cli, true, err);
}

static int config_run(struct cli *cli, const void *args, struct err *err) {
	(void)args;
	return validate(cli, false, err);
}

static const struct cli_argument file_argument[] = {
	{ "path", ARGUMENT_REQUIRED, COMPLETE_FILE, "The config.toml, or the directory it is in" },
	{ NULL },
};

static const struct cli_example profile_examples[] = {
	{ "coi validate profile ~/.coi/profiles/rust/config.toml", "Say what is wrong in it." },
	{ NULL },
};

static const struct cli_command cmd_validate_profile = {
	.name = "profile",
	.group = GROUP_OTHER,
	.summary = "check a profile's config.toml",
	.description = "Prints what is wrong, each with its place as a JSON pointer, on standard error, "
		       "and exits with 1. No settings are read for it.",
	.arguments = file_argument,
	.examples = profile_examples,
	.flags = COMMAND_FORMAT,
	.run = profile_run,
};

static const struct cli_command cmd_validate_config = {
	.name = "config",
	.group = GROUP_OTHER,
	.summary = "check a config.toml that is no profile's",
	.description =
		"As 'coi validate profile'. The file is taken as one of your own: what a project's "
		"file may not say is seen with 'coi config show'.",
	.arguments = file_argument,
	.flags = COMMAND_FORMAT,
	.run = config_run,
};

static const struct cli_command *const validate_children[] = {
	&cmd_validate_profile,
	&cmd_validate_config,
	NULL,
};

const struct cli_command cmd_validate = {
	.name = "validate",
	.group = GROUP_OTHER,
	.summary = "check a settings file",
	.children = validate_children,
};
