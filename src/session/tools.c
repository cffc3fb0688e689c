/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "session/tools.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/strv.h"

struct tool {
	const char *name;
	const char *binary;
	const char *bypass[4]; /* further words unless permission_mode is interactive */
};

static const struct tool tools[] = {
	{ "claude", "claude", { "--permission-mode", "bypassPermissions" } },
	{ "opencode", "opencode", { NULL } },
	{ "pi", "pi", { NULL } },
};

const char *const tool_names[] = { "claude", "opencode", "pi", NULL };

int tool_command(const struct session *s, const char *name, char ***ret, struct err *err) {
	const struct tool *tool = NULL;
	const char *dummy = getenv("COI_USE_DUMMY");
	char **argv = NULL;

	if (!name || !*name)
		name = s->settings->tool.name;
	for (size_t i = 0; i < ARRAY_SIZE(tools); i++)
		if (!strcmp(name, tools[i].name))
			tool = &tools[i];
	if (!tool) {
		(void)err_set(err, ERR_USAGE, -EINVAL, "there is no tool '%s'", name);
		return err_hint(err, "the tools are claude, opencode and pi");
	}
	if (dummy && !strcmp(dummy, "1"))
		strv_add(&argv, "dummy");
	else
		strv_add(&argv, *s->settings->tool.binary ? s->settings->tool.binary : tool->binary);
	if (s->settings->tool.permission_mode == PERMISSION_BYPASS)
		for (size_t i = 0; i < ARRAY_SIZE(tool->bypass) && tool->bypass[i]; i++)
			strv_add(&argv, tool->bypass[i]);
	*ret = argv;
	return 0;
}
