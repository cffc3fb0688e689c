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
	const char *fresh;     /* before the id of a new session; NULL: it takes none */
	const char *resume;    /* of one that goes on */
	bool resume_id;        /* the id follows */
	const char *state[3];  /* below the home */
};

static const struct tool tools[] = {
	{
		.name = "claude",
		.binary = "claude",
		.bypass = { "--permission-mode", "bypassPermissions" },
		.fresh = "--session-id",
		.resume = "--resume",
		.resume_id = true,
		.state = { ".claude", ".claude.json" },
	},
	{
		.name = "opencode",
		.binary = "opencode",
		.resume = "--continue",
		.state = { ".config/opencode", ".local/share/opencode" },
	},
	{
		.name = "pi",
		.binary = "pi",
		.resume = "--continue",
		.state = { ".pi/agent" },
	},
};

const char *const tool_names[] = { "claude", "opencode", "pi", NULL };

static const struct tool *find(const char *name) {
	for (size_t i = 0; i < ARRAY_SIZE(tools); i++)
		if (!strcmp(name, tools[i].name))
			return &tools[i];
	return NULL;
}

const char *const *tool_state_paths(const char *name) {
	static const char *const none[] = { NULL };
	const struct tool *tool = find(name);

	return tool ? tool->state : none;
}

static void add_session(const struct tool *tool, const struct tool_session *session,
			char ***argv) {
	if (!session->id)
		return;
	if (session->is_resumed) {
		strv_add(argv, tool->resume);
		if (tool->resume_id)
			strv_add(argv, session->id);
	} else if (tool->fresh) {
		strv_add(argv, tool->fresh);
		strv_add(argv, session->id);
	}
}

int tool_command(const struct session *s, const char *name, const struct tool_session *session,
		 char ***ret, struct err *err) {
	const struct tool *tool;
	const char *dummy = getenv("COI_USE_DUMMY");
	char **argv = NULL;

	if (!name || !*name)
		name = s->settings->tool.name;
	tool = find(name);
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
	add_session(tool, session, &argv);
	*ret = argv;
	return 0;
}
