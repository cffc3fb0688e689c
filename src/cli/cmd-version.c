/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>

#include "base/build.h"
#include "base/json.h"
#include "base/mem.h"
#include "cli/app.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "cli/version.h"

/* Where to read on: the project's address, else what has been installed of it. */
static const char *address(void) {
	return *PACKAGE_URL ? PACKAGE_URL : "file://" COI_DOCDIR;
}

void version_print_line(void) {
	(void)printf("coi v%s\n", build.version);
}

static int version_run(struct cli *cli, const void *args, struct err *err) {
	if (cli->json) {
		autofree char *version = xasprintf("v%s", build.version);
		auto_json json_t *doc = json_pack("{s:s, s:s}", "version", version,
						  "url", address());
		int r = json_print(doc, JSON_PRINT_LINE);

		return r < 0 ? output_lost(r, err) : 0;
	}
	version_print_line();
	(void)printf("%s\n", address());
	return 0;
}

const struct cli_command cmd_version = {
	.name = "version",
	.group = GROUP_OTHER,
	.summary = "print the version",
	.flags = COMMAND_FORMAT,
	.run = version_run,
};
