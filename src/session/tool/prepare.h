/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Everything between a container that is ready and the tool's first instruction. */
#ifndef COI_SESSION_TOOL_PREPARE_H
#define COI_SESSION_TOOL_PREPARE_H

#include "session/container.h"
#include "session/tool/command.h"
#include "session/tool/tool.h"

struct tool_request {
	enum tool_start how;
	const char *id;      /* of the session */
	/* TOOL_RESUME: when it was there, and the name of the container that it was in. */
	struct conversation_window window;
	const char *was_in;
	bool is_certain;     /* this one is wanted; else the last one of its place will do */
	bool or_new;         /* a new one when it is not there */
	const char *prompt;  /* TOOL_PROMPT without prompt_stdin */
	bool is_known;       /* the container was used before: what it has is kept */
	bool is_shell;       /* a bash in the tool's place: it need not be there */
	const char *profile_context; /* file of the profile, absolute; NULL or "": none */
	char *const *environment;    /* what env_commands have given */
};

struct tool_prepared {
	char **argv;
	char **env; /* for exec_request.env: env_commands, PATH, then the tool's own */
};
void tool_prepared_done(struct tool_prepared *p);
#define auto_tool_prepared __attribute__((cleanup(tool_prepared_done)))

/*
 * Look whether the tool is there (ERR_MISSING, with how to build it in), copy the
 * person's files, merge settings, write the context, make its directories.
 */
int tool_prepare(struct session *s, const struct container *c, const struct tool *t,
		 const struct tool_request *request, struct tool_prepared *ret, struct err *err);
/* Only the text about the sandbox, for a session that goes on: what changed is in it. */
int tool_refresh(struct session *s, const struct container *c, const struct tool *t,
		 const struct tool_request *request, struct err *err);
/*
 * How a tool is to be started in a running container by somebody else, who has the
 * person's files and keys to himself.
 */
struct tool_spec_request {
	const char *id;           /* of the session */
	enum tool_start how;      /* TOOL_NEW or TOOL_RESUME */
	const char *conversation; /* TOOL_RESUME: this one, unseen; NULL: see the next */
	bool finds;               /* one is looked for, and when it is not there it is a new one */
	struct conversation_window window;
	const char *was_in;
	const char *first, *system; /* a first question, and more for its system prompt; NULL */
	const char *profile_context;
};
struct tool_spec {
	char **words; /* each as a shell wants it: joined by spaces they are a command */
	char **env;
	char *prompt; /* file inside with the question, when it is not in @words; NULL */
};
void tool_spec_done(struct tool_spec *spec);
#define auto_tool_spec __attribute__((cleanup(tool_spec_done)))
/*
 * Puts the texts into files inside (~/.coi/runs), makes the tool's directories and
 * writes the text about the sandbox; starts nothing of the tool, but may ask it for its
 * conversations.
 */
int tool_spec_make(struct session *s, const struct container *c, const struct tool *t,
		   const struct tool_spec_request *request, struct tool_spec *ret, struct err *err);
/*
 * Before a container is made: is the program in the image? A program that is a
 * path counts as there. ERR_MISSING as above.
 */
int tool_check_image(struct session *s, const struct tool *t, const char *image, struct err *err);
/* The directory {sessions} of a container's slot, absolute inside; newly allocated. */
char *tool_sessions_dir(const struct tool *t, const struct container *c);

#endif
