/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Settings: files, layers, trust, profiles.
 *
 * From weak to strong: built-in, ~/.coi/config.toml, <cwd>/.coi/config.toml,
 * $COI_CONFIG, environment variables, the profile, <workspace>/.coi/config.toml
 * of another directory, flags. What a layer leaves out it does not touch; what
 * it says replaces, also with false, 0, "" and []. Of a profile that is named by hand
 * [container] counts once more behind the workspace's file. The project's and the
 * workspace's files and the profiles beside them are untrusted: each row says
 * what they may do, measured against what all trusted layers say together.
 *
 * Nothing is printed here. What people should hear is a list of notes.
 */
#ifndef COI_CONFIG_CONFIG_H
#define COI_CONFIG_CONFIG_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/privilege.h"
#include "config/settings.h"

/* A setting from the command line: "container.image", "my-image". */
struct config_override {
	const char *path;
	const char *text;
	const char *flag; /* "--image", for messages; NULL: the path */
};

/*
 * A copy of @base in which each path of the list (none twice) has the value of
 * the list. All else is borrowed from @base. ERR_USAGE names the setting. Ends
 * with config_overlay_done() and the same list.
 */
int config_overlay(const struct settings *base, const struct config_override *list, size_t count,
		   struct settings *ret, struct err *err);
void config_overlay_done(struct settings *s, const struct config_override *list, size_t count);
/*
 * Values as a list takes them, "limits.cpu.count=2", of all settings whose path
 * begins with @prefix and that are one text, number or boolean; newly allocated strv.
 */
char **config_texts(const struct settings *s, const char *prefix);

/* The key that was probably meant by @path, which is none; NULL: none is near. Static. */
const char *config_nearest(const char *path);

struct config_inputs {
	const struct privilege *person; /* files are read as this person; NULL: as we are */
	const char *home;               /* absolute */
	const char *cwd;                /* absolute */
	const char *workspace;          /* absolute; NULL: cwd */
	char *const *environment;       /* COI_CONFIG, COI_TRUST_ALL, COI_LIMIT_… */
	const char *profile;            /* --profile; NULL: defaults.profile */
	const struct config_override *overrides;
	size_t override_count;
	/*
	 * The command starts something: what is wrong in a file is an error.
	 * Else it is a warning, and the value is left out.
	 */
	bool is_strict;
	/*
	 * What the profile and its ancestors say and no other file, for looking at
	 * profiles. Others still count as what an untrusted profile is measured against.
	 */
	bool is_profile_alone;
};

struct config;

/*
 * Load everything. Fails when strict and something is wrong; with a profile
 * that does not exist (strict, or named by --profile); with a bad flag value.
 * Not strict, a file that cannot be used is a note.
 */
int config_load(const struct config_inputs *in, struct config **ret, struct err *err);
/*
 * Look at one file that need not be in force: @path, a profile's when
 * @for_profile, as if it were trusted. All that there is to say is in the notes;
 * of @in only the person and the places count. Fails when there is no such file.
 */
int config_check(const struct config_inputs *in, const char *path, bool for_profile,
		 struct config **ret, struct err *err);
void config_free(struct config *c);
void config_free_ptr(struct config **c);
#define auto_config __attribute__((cleanup(config_free_ptr)))

/* Borrowed. */
const struct settings *config_settings(const struct config *c);

enum config_note_level {
	NOTE_INFO,
	NOTE_WARNING,
	NOTE_ERROR, /* would have failed a strict load */
};

enum config_note_kind {
	NOTE_SYNTAX,      /* no TOML */
	NOTE_FILE,        /* cannot be read, no regular file, too large */
	NOTE_UNKNOWN_KEY,
	NOTE_WRONG_TYPE,
	NOTE_BAD_VALUE,   /* range, choice, pattern */
	NOTE_REFUSED,     /* an untrusted file may not say this */
	NOTE_GATED,       /* waits for coi trust */
	NOTE_NOTED,       /* allowed to an untrusted file, but worth a word */
	NOTE_NOT_ACTED,   /* known, but this version does nothing with it */
	NOTE_DEPRECATED,
	NOTE_WRONG_FORM,  /* accepted in another spelling than the right one */
	NOTE_OLD_LAYOUT,
	NOTE_PROFILE,     /* a profile that is left out */
};

struct config_note {
	enum config_note_level level;
	enum config_note_kind kind;
	char *file; /* NULL: none */
	int line;   /* 0: the file as a whole */
	int column;
	char *key; /* "" or the setting's path */
	char *message;
	char *hint; /* "" or what to do: where to put it, which command */
	bool is_once; /* told to each person only once, see told.h */
};

/* Borrowed, in the order of the layers. */
const struct config_note *config_notes(const struct config *c, size_t *ret_count);
/* "file:line:column: message"; newly allocated, not escaped. */
char *config_note_text(const struct config_note *note);

/* Who said the value of @path; NULL for an unknown path. Borrowed. */
const struct setting_source *config_origin(const struct config *c, const char *path);
/*
 * Who said entry number @index of a list, table list or map; NULL past the end.
 * Order as in the struct settings.
 */
const struct setting_source *config_item_origin(const struct config *c, const char *path,
						size_t index);
/* Did any layer but the built-in one say it? */
bool config_is_set(const struct config *c, const char *path);
const char *config_layer_to_string(enum config_layer layer);
/* The profile in force; "" when there is none. */
const char *config_profile(const struct config *c);
/* The profile's context file (absolute path); "" when it has none. */
const char *config_profile_context(const struct config *c);
/*
 * Texts that stand in files of their own. Each file is opened once, as @person,
 * and read up to CONFIG_TEXT_MAX bytes; of an untrusted file it is what was judged
 * when the settings were loaded, whatever lies at the path now. *@ret is newly
 * allocated and may hold any bytes but NUL.
 */
#define CONFIG_TEXT_MAX (1024 * 1024)
/* container.build.script: 1; 0 when the settings name none. */
int config_build_script(const struct config *c, const struct privilege *person, char **ret,
			struct err *err);
/* A named prompt. ERR_MISSING names those that there are. */
int config_prompt(const struct config *c, const struct privilege *person, const char *name,
		  char **ret, struct err *err);
/* What the profile in force inherits from; "" when it does not. */
const char *config_profile_parent(const struct config *c);

/* The files that were looked for, from weak to strong. */
struct config_file {
	enum config_layer layer;
	const char *path;
	bool is_trusted;
	bool is_there;
};
/* Borrowed. */
const struct config_file *config_files(const struct config *c, size_t *ret_count);

/*
 * What an untrusted file asked for and what waits for approval (or has it).
 * Approved ones are also in the settings; the others are not.
 */
struct config_gated {
	const char *file; /* real path of the file that asks */
	int line;
	int column;
	const char *key;
	char *canonical; /* the line that goes into the fingerprint */
	char *what;      /* for people: "mount /etc at /x (read-only)" */
	bool is_approved;
};
const struct config_gated *config_gated(const struct config *c, size_t *ret_count);

#endif
