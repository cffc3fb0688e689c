/* SPDX-License-Identifier: GPL-2.0-or-later */
/* coi run --prompt…: one question to the agent, without a terminal. */
#ifndef COI_CLI_RUN_PROMPT_H
#define COI_CLI_RUN_PROMPT_H

#include "cli/app.h"
#include "session/launch.h"
#include "session/saved.h"
#include "session/tool/tool.h"

struct run_args {
	const char *prompt;
	const char *prompt_file;
	const char *prompt_name;
	const char *format; /* with a prompt only; NULL: text */
};

struct run_prompt {
	char *text;
	struct tool *tool;
	bool json;
	char id[SAVED_ID_SIZE]; /* of the conversation */
};
void run_prompt_done(struct run_prompt *p);
#define auto_run_prompt __attribute__((cleanup(run_prompt_done)))

/* Is there one on the command line? */
bool run_prompt_wanted(const struct run_args *args);
/* ERR_USAGE for what excludes each other. */
int run_prompt_check(const struct cli *cli, const struct run_args *args, struct err *err);
/*
 * The text, and the tool that it is for: before anything is made. ERR_USAGE when
 * there is no such prompt or text, or the tool cannot be asked so.
 */
int run_prompt_load(struct cli *cli, const struct run_args *args, struct run_prompt *ret,
		    struct err *err);
/* Ask it in the running container: the agent's exit status, or -errno. */
int run_prompt_ask(struct cli *cli, const struct run_prompt *p, const struct launched *l,
		   char *const *env, int grace_ms, struct err *err);

#endif
