/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An agent as a description: tools/<name>.json of the data directory, or
 * [tool.custom.NAME] of a trusted settings file. Nothing in the code knows one
 * of them by name; a further one is a further description.
 *
 * Texts in it may hold {workspace} (its path inside), {home}, {sessions} (the
 * slot's own directory for conversations), {id} (of the session), {conversation} and
 * {file} (of the agent's own that belongs to it), {slug} (the workspace's path as some
 * agents name directories by it), {prompt} and {value} (of an option).
 */
#ifndef COI_SESSION_TOOL_TOOL_H
#define COI_SESSION_TOOL_TOOL_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/err.h"
#include "config/settings.h"
#include "session/tool/conversation.h"

/* A file of the person's that a session gets a copy of. */
struct tool_file {
	char *path;  /* below the home, on both sides */
	mode_t mode; /* 0: as it is outside */
	bool newer;  /* the one that changed last wins: tokens are refreshed inside too */
};

/* A setting that the agent is told. */
struct tool_option {
	char *setting; /* path of a row: "tool.codex.model" */
	char *env;     /* NULL: no variable */
	char **words;  /* with {value} */
	char *file;    /* NULL, or the JSON file in which @key gets the value */
	char *key;
};

enum tool_when { WHEN_ALWAYS, WHEN_BYPASS, WHEN_INTERACTIVE };

/* What a JSON file of the agent has to say in a sandbox. */
struct tool_merge {
	char *file; /* below the home */
	enum tool_when when;
	bool create;       /* when there is none */
	json_t *set;       /* ours wins; NULL: nothing */
	json_t *defaults;  /* the person's wins */
};

enum tool_context {
	CONTEXT_NONE,
	CONTEXT_BLOCK, /* its text between marker lines of @context_file */
	CONTEXT_LIST,  /* its path in the list @context_key of the JSON file @context_file */
};

struct tool {
	char *name;
	char *summary;
	char *binary;
	char *agent;           /* its name in container.build.agents; NULL: in no recipe */
	bool is_custom;
	char *directory;       /* of its settings, below the home; NULL: none */
	bool directory_always; /* made though the person has none */
	struct tool_file *files;
	size_t file_count;
	char **start;          /* words after the program */
	char **resume;         /* the newest conversation; NULL: it cannot */
	char **resume_id;      /* a certain one; NULL: as @resume */
	char **prompt;         /* one question without a terminal; NULL: it cannot */
	bool prompt_stdin;     /* which it then reads; else {prompt} */
	char **first;          /* a first question in a terminal, last; NULL: it takes none */
	char **system;         /* more for its system prompt, {system}; NULL: it takes none */
	char **bypass;         /* words for tool.permission_mode */
	char **interactive;
	char **environment;    /* "NAME=text" */
	char **paths;          /* below the home, in front of PATH */
	struct tool_option *options;
	size_t option_count;
	struct tool_merge *merges;
	size_t merge_count;
	enum tool_context context;
	char *context_file;    /* below the home */
	char *context_key;
	/* A file of the workspace that would hide @context_file, and what puts it in again. */
	char *project_file;
	char **project_words;
	char **saved;          /* below the home: what a saved session consists of */
	char *sessions;        /* in the workspace: {sessions} is there; NULL: none */
	char **exclude;        /* what of the workspace git need not see */
	struct conversation_store conversations;
	char **offline_hosts;  /* what it asks when it starts */
	char *offline_env;     /* variable that is 1 where they cannot be reached */
};

void tool_free(struct tool *t);
void tool_free_ptr(struct tool **t);
#define auto_tool __attribute__((cleanup(tool_free_ptr)))

/* Parse a description; @name is for messages. ERR_CONFIG says what is wrong with it. */
int tool_parse(const char *text, const char *name, struct tool **ret, struct err *err);
/*
 * The tool @name (NULL or "": settings.tool.name); a custom one goes before one
 * that is ours. ERR_USAGE with the list of tools for an unknown one.
 */
int tool_load(const struct settings *set, const char *name, struct tool **ret, struct err *err);
/* All names, sorted; newly allocated. */
char **tool_names(const struct settings *set);

#endif
