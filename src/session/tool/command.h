/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a tool is started with: words and variables. Pure. */
#ifndef COI_SESSION_TOOL_COMMAND_H
#define COI_SESSION_TOOL_COMMAND_H

#include "session/tool/tool.h"

enum tool_start {
	TOOL_NEW,
	TOOL_RESUME, /* @conversation, or the newest one when that is NULL */
	TOOL_PROMPT, /* one question, without a terminal */
};

/* What the texts of a description are filled with. */
struct tool_place {
	const char *workspace; /* its path inside; "" when there is none */
	const char *home;      /* inside */
	const char *sessions;  /* the slot's directory for conversations */
	const char *id;        /* of the session; NULL: none */
	const char *conversation; /* the agent's own name of one; NULL: none is known */
	const char *file;      /* and its file, a path inside; NULL: it has none */
	const char *prompt;    /* TOOL_PROMPT; NULL: comes on standard input */
	const char *first;     /* a first question for another start; NULL: none */
	const char *system;    /* more for the system prompt; NULL: nothing */
	bool has_project_file; /* tool->project_file is in the workspace */
};

/*
 * The command line, newly allocated. COI_USE_DUMMY=1 replaces the program by
 * "dummy". ERR_USAGE for what the tool cannot do.
 */
int tool_command(const struct tool *t, const struct settings *set, enum tool_start how,
		 const struct tool_place *at, char ***ret, struct err *err);
/*
 * Put tool.pre_launch in front of a command line: a shell that runs each of the commands,
 * without input and for five minutes at most, and then is replaced by the program. What
 * they print goes to standard error, where the person sees it; a failure is told there.
 * ERR_CONFIG: longer than a command line may be.
 */
int tool_add_pre_launch(const struct settings *set, char ***argv, struct err *err);
/* Its variables, "NAME=value", newly allocated: its own, then those of its options. */
char **tool_environment(const struct tool *t, const struct settings *set,
			const struct tool_place *at);
/* What is run: the program of the settings, the tool's, or the dummy of tests; borrowed. */
const char *tool_program(const struct tool *t, const struct settings *set);
/* @text with its {names} filled in; newly allocated. @value is for {value}. */
char *tool_fill(const char *text, const struct tool_place *at, const char *value);
/* What the settings say of an option, "" when nothing; newly allocated. */
char *tool_option_value(const struct tool_option *o, const struct settings *set);

#endif
