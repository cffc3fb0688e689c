/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/shell-plan.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/escape.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/proc.h"
#include "base/strv.h"
#include "cli/output.h"
#include "cli/resume.h"
#include "session/names.h"
#include "session/tool/tool.h"

#define PLANS_MAX 65536

/* The container of the workspace that would be used: of the slot, else the lowest free one. */
static char *choose_name(const struct cli *cli) {
	const struct session *s = cli->session;
	autofree char *identity = app_identity(cli);
	int slot = cli->parsed.globals.slot;

	if (slot)
		return name_for(s->prefix, identity, slot);
	for (slot = 1; slot <= SLOT_MAX; slot++) {
		autofree char *name = name_for(s->prefix, identity, slot);

		if (exists_at(s->layout->containers_fd, name) != 1)
			return steal_ptr(name);
	}
	return NULL;
}

/* The supervisor knows its steps: "start:ids\tactundo\tclaim its user ids". */
static int read_plans(struct buf *out, struct err *err) {
	autofree char *program = layout_program("coi-supervisor");
	char *const argv[] = { (char *)"coi-supervisor", (char *)"--plans", NULL };
	const struct spawn_spec spec = { .path = program, .argv = argv, .uid = (uid_t)-1,
					 .gid = (gid_t)-1 };
	int r = proc_output(&spec, out, err);

	return r < 0 ? err_wrap(err, "reading the plan") : 0;
}

static int print_steps(struct err *err) {
	static const char start[] = "start:";
	autostrv char **lines = NULL;
	autobuf struct buf out;
	int r;

	buf_init(&out, PLANS_MAX);
	r = read_plans(&out, err);
	if (r < 0)
		return r;
	lines = strv_split(out.data, "\n");
	output_line("Steps:");
	for (char **line = lines; line && *line; line++) {
		const char *what = strrchr(*line, '\t');

		if (what && !strncmp(*line, start, strlen(start)))
			output_line("  %s", what + 1);
	}
	return 0;
}

int shell_plan_print(struct cli *cli, const struct saved_session *saved, struct err *err) {
	const struct settings *set = cli->settings;
	autofree char *workspace = escape_text(cli->workspace, PATH_MAX);
	auto_container struct container *own = NULL;
	auto_tool struct tool *tool = NULL;
	autofree char *name = NULL;
	int r = tool_load(set, NULL, &tool, err);

	if (r == 0 && saved)
		r = resume_container(cli, saved, &own, err);
	if (r < 0)
		return r;
	name = own ? xstrdup(own->name) : choose_name(cli);
	output_line("Session:   %s", saved ? saved->id : "a new one");
	output_line("Container: %s (%s)", name ? name : "no slot is free",
		    own ? container_status(cli->session, own) : "new");
	output_line("Image:     %s", set->container.image);
	output_line("Workspace: %s", workspace);
	output_line("Tool:      %s", tool->name);
	output_line("Mode:      %s, %s",
		    set->container.persistent || (saved && saved->persistent) ? "persistent"
									      : "ephemeral",
		    set->shell.use_tmux ? "tmux" : "no tmux");
	return own && container_is_running(cli->session, own) ? 0 : print_steps(err);
}
