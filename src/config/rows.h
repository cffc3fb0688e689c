/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The table of settings: one row each, and everything else reads the row.
 *
 * Parsing, defaults, ranges, merge, trust, origin, `config show`, JSON Schema,
 * the starter file and the manual are generic over this table; nothing switches
 * over paths. A new setting is a member in settings.h and a row in rows.c.
 */
#ifndef COI_CONFIG_ROWS_H
#define COI_CONFIG_ROWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/formats.h"
#include "config/settings.h"

enum setting_type {
	SETTING_BOOL,     /* bool */
	SETTING_INT,      /* int */
	SETTING_FLOAT,    /* double */
	SETTING_STRING,   /* char * */
	SETTING_PATH,     /* char *; '~' and relative paths are resolved */
	SETTING_CHOICE,   /* an enum; .choices in its order */
	SETTING_DURATION, /* struct setting_duration, "2h30m" */
	SETTING_SIZE,     /* struct setting_size, "512MiB" or (FORMAT_SIZE_OR_SHARE) "50%" */
	SETTING_STRV,     /* char ** */
	SETTING_MAP,      /* struct setting_map, a table of strings, or of lists (.lists) */
	SETTING_TABLES,   /* struct setting_mounts and the like, an array of tables */
	SETTING_TRISTATE, /* enum setting_tristate; in fields of tables only */
	SETTING_TYPE_COUNT,
};

/* What a higher layer does to what lower ones said. */
enum setting_merge {
	MERGE_REPLACE,
	MERGE_UNION,  /* lists: new members at the end; [] empties */
	MERGE_APPEND, /* array of tables: more items; [] empties */
	MERGE_NAMED,  /* the same, and one of a name that is there replaces it */
	MERGE_KEYS,   /* maps: key by key */
};

/*
 * What a file that came with a project may do. 0 is no rule and does not
 * compile (the row macros want one).
 */
enum setting_trust {
	PROJECT_FREE = 1,
	PROJECT_NOTED,       /* free, and said */
	PROJECT_REFUSED,     /* never */
	PROJECT_ONLY_TRUE,   /* bool: true is the stricter */
	PROJECT_ONLY_FALSE,  /* bool: false is the stricter */
	PROJECT_ONLY_LOWER,  /* number, amount, choice: not above the trusted one */
	PROJECT_ONLY_HIGHER, /* not below the trusted one */
	PROJECT_ONLY_ADD,    /* list: members of the trusted one stay */
	PROJECT_ONLY_FEWER,  /* list: only members of the trusted one, if that has any */
	PROJECT_INSIDE,      /* path: only inside the workspace */
	PROJECT_GATED,       /* waits for coi trust */
	PROJECT_GATED_OUTSIDE, /* mounts: those outside of the workspace wait */
	PROJECT_DOMAINS,     /* network.allowed_domains, see trust.c */
};

enum setting_applies {
	APPLIES_COMMAND, /* to the command that reads it */
	APPLIES_CREATE,  /* when a container is made */
	APPLIES_START,   /* when it starts */
	APPLIES_LIVE,    /* to a running one too */
};

/* A member of one item of an array of tables. */
struct setting_field {
	const char *name; /* NULL ends the list */
	enum setting_type type;
	unsigned offset;
	bool is_required;
	const char *def;
	double min; /* INT; both 0: no range */
	double max;
	enum setting_format format;
	const char *summary;
};

struct setting_table {
	const char *noun; /* "mount" */
	size_t item_size;
	const struct setting_field *fields;
	unsigned fd_offset; /* of host_fd; 0: none */
	unsigned host_offset;
	const char *key_field; /* a table of tables does as well: its keys go into this field */
	const char *name_field; /* a text that no two items have the same; NULL: none */
	const char *either;     /* an item has this field, or all of @or_all, and not both */
	const char *const *or_all;
};

struct setting_row {
	const char *path;
	enum setting_type type;
	unsigned offset; /* in struct settings */
	unsigned size;
	enum setting_trust project;
	enum setting_merge merge;
	enum setting_applies applies;
	const char *def;              /* as text; NULL: false, 0, "" */
	const char *const *def_list;  /* SETTING_STRV */
	double min;                   /* numbers (ms for durations); both 0: no range */
	double max;
	const char *const *choices;   /* by enum value, NULL at the end */
	enum setting_format format;   /* of a text, of each member of a list, of a map's names */
	const char *unit;
	const char *env;              /* environment variable that sets it, as in 0.9 */
	const char *since;            /* version of the first coi that knew it */
	const char *acted_since;      /* NULL: known and not acted on yet */
	const char *without_effect;   /* NULL, or why it will never have one here */
	const char *deprecated;       /* NULL, or what to use */
	const char *profile_path;     /* in profiles, where another than .path */
	bool is_main_only;            /* not in profiles */
	bool profile_yields;          /* what a project's file says stays, whatever the profile says */
	bool is_secret;               /* values are not shown */
	bool zero_is_none;            /* 0 or "" is no limit: looser than any value */
	bool may_be_unset;            /* -1 stands for not said */
	bool takes_numbers;           /* a list of texts that may be written as integers */
	bool takes_files;             /* a map whose values may be { file = "path" } */
	enum setting_format lists;    /* of members: a map whose values are lists; kept with spaces */
	const struct setting_table *table; /* SETTING_TABLES */
	const char *summary;          /* one sentence, capital and full stop */
};

/* All rows, sorted as in rows.c: by section. Static storage. */
const struct setting_row *settings_rows(size_t *ret_count);
/* NULL when there is none. */
const struct setting_row *settings_row(const char *path);
/* As above for the spelling in a profile's file. */
const struct setting_row *settings_row_in_profile(const char *path);
/* Where the row stands: @row - settings_rows(). */
size_t settings_row_index(const struct setting_row *row);
/* The path in a profile's file; NULL where the row is not for profiles. */
const char *settings_profile_path(const struct setting_row *row);
const char *setting_type_name(enum setting_type type); /* "a boolean", for messages */

/* Keys that 0.8 moved: reading them is an error that names the new place. */
struct setting_moved {
	const char *path;
	const char *to;
	bool in_profile; /* in profiles too (without "defaults.") */
};
const struct setting_moved *settings_moved(size_t *ret_count);

#endif
