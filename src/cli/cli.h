/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Commands as data: what the parser, help, the manual page and completion read.
 *
 * A command is one file that ends in one const descriptor. Options are rows
 * with an offset into the command's struct of arguments, which the parser
 * fills; a row that mirrors a setting goes to the settings instead. Nothing
 * here has a switch over commands or options.
 */
#ifndef COI_CLI_CLI_H
#define COI_CLI_CLI_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

enum cli_option_type {
	OPTION_BOOL,     /* bool: --name, --name=false */
	OPTION_INT,      /* int */
	OPTION_TEXT,     /* const char *, NULL when it was not given; borrowed from argv */
	OPTION_OPTIONAL, /* as text; a value only with '=', without one "auto" */
	OPTION_LIST,     /* char **: a strv, owned by the parser; may be repeated */
};

/* What completion offers where a word or a value is wanted. */
enum cli_complete {
	COMPLETE_NONE,
	COMPLETE_FILE,
	COMPLETE_DIRECTORY,
	COMPLETE_CONTAINER, /* any name that is recorded */
	COMPLETE_RUNNING,   /* those that run by their record */
	COMPLETE_IMAGE,     /* aliases */
	COMPLETE_RECIPE,
	COMPLETE_PROFILE,
	COMPLETE_TOOL,    /* agents that are built in */
	COMPLETE_MODE,    /* of the network */
	COMPLETE_STATUS,  /* of a container */
	COMPLETE_COMMAND, /* our own commands: help */
};

enum cli_option_flags {
	OPTION_HIDDEN = 1u << 0,
	OPTION_REQUIRED = 1u << 1,
	OPTION_RESUMES = 1u << 2, /* of every command, and shown for those that act on it */
};

struct cli_option {
	const char *name;    /* without dashes; NULL ends the list */
	char letter;         /* 0: none */
	enum cli_option_type type;
	const char *value;   /* what the value is called: "SECONDS" */
	const char *help;    /* one sentence without a full stop */
	size_t offset;       /* into the struct of arguments, by the macros below */
	bool bool_default;
	int int_default;
	int int_min;         /* both 0: any */
	int int_max;
	const char *const *choices; /* NULL-terminated; another value is a usage error: 2 */
	const char *setting; /* path of the setting that it overrides: offset is not used */
	enum cli_complete complete;
	unsigned flags;
};

/* Offset of a member, refused by the compiler when its type does not fit the row's. */
#define CLI_OFFSET(struct_, member_, type_)                                                 \
	(offsetof(struct_, member_) +                                                       \
	 0 * sizeof(char[__builtin_types_compatible_p(__typeof__(((struct_ *)0)->member_), \
						      type_)                                \
				 ? 1                                                        \
				 : -1]))
#define CLI_BOOL(struct_, member_) \
	.type = OPTION_BOOL, .offset = CLI_OFFSET(struct_, member_, bool)
#define CLI_INT(struct_, member_, value_) \
	.type = OPTION_INT, .value = (value_), .offset = CLI_OFFSET(struct_, member_, int)
#define CLI_TEXT(struct_, member_, value_)             \
	.type = OPTION_TEXT, .value = (value_),        \
	.offset = CLI_OFFSET(struct_, member_, const char *)
#define CLI_OPTIONAL(struct_, member_, value_)         \
	.type = OPTION_OPTIONAL, .value = (value_),    \
	.offset = CLI_OFFSET(struct_, member_, const char *)
#define CLI_LIST(struct_, member_, value_) \
	.type = OPTION_LIST, .value = (value_), .offset = CLI_OFFSET(struct_, member_, char **)

enum cli_argument_count {
	ARGUMENT_REQUIRED,
	ARGUMENT_OPTIONAL,
	ARGUMENT_ANY,      /* the last one: none or more */
	ARGUMENT_REPEATED, /* the last one: one or more */
};

struct cli_argument {
	const char *name; /* NULL ends the list */
	enum cli_argument_count count;
	enum cli_complete complete;
	const char *help;
};

struct cli_example {
	const char *command; /* a line for a shell; NULL ends the list */
	const char *meaning;
};

enum cli_group {
	GROUP_SESSION,
	GROUP_IMAGE,
	GROUP_CONTAINER,
	GROUP_OTHER,
	GROUP_COUNT,
};

enum cli_command_flags {
	COMMAND_SESSION = 1u << 0, /* works on the state directory: needs root */
	COMMAND_CONFIG = 1u << 1,  /* reads the settings; --profile makes each command do so */
	COMMAND_STARTS = 1u << 2,  /* starts something: what is wrong in a settings file is fatal */
	COMMAND_FORMAT = 1u << 3,  /* takes --format text|json and --json */
	COMMAND_HIDDEN = 1u << 4,
	COMMAND_RAW = 1u << 5,     /* no flags at all: every word is an argument */
	COMMAND_INNER = 1u << 6,   /* its arguments are a command, which may have flags */
	COMMAND_PERSON = 1u << 8,  /* wants to know for whom and where, and does the rest itself */
	COMMAND_LOOKS = 1u << 7,   /* changes nothing: a read-only state directory will do */
	COMMAND_RESUMES = 1u << 9, /* --resume and --continue mean something to it */
	COMMAND_EXPLAINS = 1u << 10, /* is about the settings: tells what is refused */
};

struct cli;

struct cli_command {
	const char *name;
	const char *const *aliases; /* NULL-terminated, or NULL */
	enum cli_group group;
	const char *summary;     /* no full stop */
	const char *description; /* paragraphs with '\n\n' between; may be NULL */
	const struct cli_argument *arguments; /* may be NULL: none */
	const struct cli_option *options;     /* may be NULL */
	const struct cli_example *examples;   /* may be NULL */
	size_t args_size;
	const struct cli_command *const *children; /* NULL-terminated, or NULL */
	const char *const *absent; /* children that coi 0.9 has and we do not; or NULL */
	unsigned flags;
	/*
	 * May be NULL. Before anything is loaded or opened: refuses impossible
	 * combinations (ERR_USAGE), may set cli->workspace.
	 */
	int (*check)(struct cli *cli, void *args, struct err *err);
	/* The exit status (0…255), or -errno with @err set. */
	int (*run)(struct cli *cli, const void *args, struct err *err);
};

/* Flags that every command takes. */
struct cli_globals {
	const char *workspace;
	const char *profile;
	const char *resume;
	const char *continue_; /* wins over resume */
	int slot;
	bool help;
	bool version;
};
extern const struct cli_option cli_global_options[];
/* --format and --json, for commands with COMMAND_FORMAT. */
struct cli_format {
	const char *format;
	bool json;
};
extern const struct cli_option cli_format_options[];

#define CLI_DEPTH_MAX 4   /* words of a command's name, "coi" included */
#define CLI_OPTIONS_MAX 64 /* options given in one command line */

/* "coi" with everything below it. */
extern const struct cli_command cli_root;

/* The heading of a group in help; static. */
const char *cli_group_to_string(enum cli_group group);
/* In one list (may be NULL), by name or, with @len 0, by letter. */
const struct cli_option *cli_option_in(const struct cli_option *list, const char *name, size_t len,
				       char letter);
/* Is it shown in the help of @c? @c NULL: of all commands together. */
bool cli_option_shows(const struct cli_option *o, const struct cli_command *c);
/* The child of that name or alias, NULL when there is none. */
const struct cli_command *cli_child(const struct cli_command *parent, const char *word);

#endif
