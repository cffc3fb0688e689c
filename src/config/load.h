/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Private to src/config: what loading is made of. */
#ifndef COI_CONFIG_LOAD_H
#define COI_CONFIG_LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

#include "base/err.h"
#include "config/config.h"
#include "config/member.h"
#include "config/rows.h"
#include "config/toml.h"

#define CONFIG_NOTES_MAX 256
#define CONFIG_PROFILE_DEPTH_MAX 10

/* Who said the value of one row. */
struct setting_state {
	struct setting_source source;
	struct member_sources items;
};

/* Settings as far as some layers say them. */
struct layer_target {
	struct settings settings;
	struct setting_state *states; /* one for each row; NULL: not in use */
};

/* One "path = text" of a flag or a variable. */
struct layer_text {
	const char *path;
	const char *text;
	const char *label; /* "--image", "COI_LIMIT_CPU" */
};

/* One file or set of texts, in the order in which they are applied. */
struct layer {
	enum config_layer layer;
	bool is_trusted;
	bool is_profile;       /* keys are spelled as in profiles */
	bool is_borrowed;      /* the person's profile, which a project's inherits: not trusted so */
	const char *file;      /* for messages; NULL for texts */
	const char *real_file; /* key of the trust store; NULL: built in */
	const char *dir;       /* of the file */
	const char *work_dir;
	const char *only;      /* NULL, or the one section that is applied once more */
	const struct toml_node *tree;
	struct toml_node *owned_tree;
	struct layer_text *texts;
	size_t text_count;
};

/* What of one untrusted file waits for approval. */
struct gate_part {
	const struct setting_row *row;
	union member member;
	struct member_sources sources;
	enum setting_merge merge;
	struct setting_source source;
	char *text; /* of the file that it names, as it was judged; NULL: none */
};
struct gate {
	struct gate_part *parts;
	size_t part_count;
	size_t first_item; /* in config.gated */
};

struct config {
	struct layer_target now;
	struct layer_target trusted; /* all trusted layers and no other */
	struct config_note *notes;
	size_t note_count;
	size_t error_count;
	struct config_gated *gated;
	size_t gated_count;
	struct layer *layers;
	size_t layer_count;
	char **names; /* interned texts */
	char *profile;
	char *profile_context;
	char *build_script_text;  /* of an untrusted file, as it was approved; or NULL */
	char *profile_parent;
	struct config_file *files;
	size_t file_count;
	char *home;
	char *cwd;
	char *workspace;
	char *workspace_real;
	int workspace_fd; /* O_PATH, or -1 */
	bool is_silent;   /* no notes: the trusted layers alone are applied */
	bool trust_all;
	bool is_profile_alone;
	const struct privilege *person; /* while loading only */
	struct err flag_error;          /* the first flag whose value makes no sense */
};

/* ---- notes.c ---- */
#define PLACE_HINT "put it in ~/.coi/config.toml, or in a file that COI_CONFIG names"
#define PLACE_HINT_PROFILE "put it in a profile below ~/.coi/profiles"
struct note_at {
	enum config_note_level level;
	enum config_note_kind kind;
	const char *file;
	int line;
	int column;
	const char *key;
	const char *hint;
	bool is_once;
};
void note_add(struct config *c, const struct note_at *at, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void notes_free(struct config *c);
/* A copy that lives as long as @c. */
const char *config_intern(struct config *c, const char *text);

/* ---- file.c: opening files that somebody else may have made ---- */
enum file_flags {
	FILE_UNTRUSTED = 1u << 0, /* the last component may be no link */
};
struct file_where {
	int dirfd; /* AT_FDCWD for an absolute path */
	const char *path;
	const char *shown; /* for messages; NULL: path */
};
struct file_text {
	char *text;
	size_t len;
	char *real; /* path without links */
	struct stat st;
};
/*
 * Read a regular file of at most TOML_TEXT_MAX bytes, once, as the person.
 * -ENOENT without a message when it is not there.
 */
int file_text_read(const struct privilege *person, const struct file_where *where, unsigned flags,
		   struct file_text *ret, struct err *err);
void file_text_done(struct file_text *f);
#define auto_file_text __attribute__((cleanup(file_text_done)))
/* Path of a descriptor without links; newly allocated, NULL when it cannot be told. */
char *file_real_path(int fd);
/*
 * Where @path leads: an O_PATH descriptor in *@ret_fd (-1 when nothing is
 * there), its path without links in *@ret_real (NULL when it cannot be told),
 * and whether that is inside of the workspace: below it, on the same mount, no
 * magic link on the way, no dangling link, no file with another hard link.
 */
bool file_is_inside(const struct config *c, const char *path, int *ret_fd, char **ret_real);
/* Are the two the same directory? */
bool file_same(const struct stat *a, const struct stat *b);
int file_open_dir(const struct privilege *person, const char *path, struct stat *st);

/* ---- trust.c: pure ---- */
enum trust_verdict {
	TRUST_ALLOW,
	TRUST_NOTE,   /* allow, and say so */
	TRUST_SAME,   /* refused, but it says what holds anyway */
	TRUST_REFUSE,
	TRUST_SPLIT,  /* parts of it, see gate.c */
};
/* May an untrusted file say @proposed where the trusted layers say @trusted? */
enum trust_verdict trust_judge(const struct setting_row *row, const void *trusted,
			       const void *proposed);
enum domain_verdict { DOMAIN_ALLOW, DOMAIN_GATE, DOMAIN_REFUSE };
/* One entry of allowed_domains. */
enum domain_verdict trust_judge_domain(const struct settings *trusted, const char *domain);

/* ---- gate.c ---- */
/*
 * Take out of *@proposed (and *@sources) what waits for approval or is refused;
 * what is left may be merged by @*merge.
 */
void gate_split(struct config *c, struct gate *g, const struct setting_row *row,
		const struct layer *layer, const struct setting_source *source, void *proposed,
		struct member_sources *sources, enum setting_merge *merge);
/* The file is read to its end: merge what is approved, note the rest. */
void gate_close(struct config *c, struct gate *g, const struct layer *layer);
/* Free the items of config.gated from number @first on. */
void gate_forget(struct config *c, size_t first);

/* ---- merge.c ---- */
void target_init(struct layer_target *t, const struct member_context *ctx);
void target_done(struct layer_target *t);
/* @member and @sources are taken over. */
void target_merge(struct layer_target *t, const struct setting_row *row, enum setting_merge merge,
		  const struct setting_source *source, void *member,
		  struct member_sources *sources);
void layer_apply(struct config *c, const struct layer *layer, struct layer_target *t);

/* ---- targets.c ---- */
/* Note and leave out mounts and sockets whose place in the container is none for them. */
void targets_check(struct config *c);

/* ---- nearest.c ---- */
/* The known key that @path was most likely meant to be; NULL when none is near. */
const char *nearest_key(const char *path, bool in_profile);

/* ---- profile.c ---- */
/*
 * Add the layers of a profile, ancestors first. -ENOENT (ERR_MISSING) when
 * there is none of that name; other failures are in the profile.
 */
int profile_add_layers(struct config *c, const struct config_inputs *in, const char *name,
		       struct err *err);
/* Note what is wrong with the keys that are no settings: inherits, context. */
void profile_check_keys(struct config *c, const struct layer *layer);

/* ---- layers.c ---- */
struct layer_file {
	enum config_layer layer;
	bool is_trusted;
	const char *path; /* absolute, for messages */
	const char *work_dir;
};
/* What is where, by device and inode: a spelling proves nothing. */
struct layer_places {
	bool has_user;
	struct stat user_dir; /* ~/.coi */
	bool has_env;
	struct stat env_file; /* the file that COI_CONFIG names */
};
struct layer *layer_add(struct config *c, enum config_layer layer, bool is_trusted);
void layers_free(struct config *c);
/* Remember that @path was looked for. */
void file_add(struct config *c, enum config_layer layer, bool is_trusted, const char *path,
	      bool is_there);
/* Add the layer of one file below @dirfd. 1: added; 0: not there, or noted as unusable. */
int layer_add_file(struct config *c, const struct layer_file *spec, int dirfd, const char *name);
/* All below the profile: user, project, COI_CONFIG, environment. Fills *@p. */
void layers_add_files(struct config *c, const struct config_inputs *in, struct layer_places *p);
/* <base>/.coi/config.toml of a project, unless it is a trusted file by another name. */
void layers_add_project(struct config *c, const char *base, enum config_layer layer,
			const struct layer_places *p);
void layers_add_overrides(struct config *c, const struct config_inputs *in);
/* Value of COI_CONFIG as an absolute path; NULL when it is not set. Newly allocated. */
char *load_env_file(const struct config_inputs *in);

/* ---- old-layout.c ---- */
void old_layouts_note(struct config *c);

#endif
