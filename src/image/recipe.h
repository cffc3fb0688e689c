/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Recipes: how an image is built from Debian packages, npm packages and a script.
 *
 * A recipe is a directory with image.ini (INI without `format`), the package
 * lists and the script that it names; `shared` is a second directory to look
 * for them. Lists are separated by blanks.
 *
 *   [image]  name, description, shared, script, agents (list)
 *   [base]   packages, optional_packages (lists of files: a name a line, '#'
 *            comments), variant, components, suite, mirror: empty ones are the
 *            host's; image: the alias of an image to stand on, which gets the
 *            packages that it lacks, in place of a base of its own
 *   [npm]    items (list), registry
 *   [npm:X]  kind = runtime | tool | agent, bin = COMMAND=FILE … (a list), and
 *            version, package, integrity, each also as KEY.ARCH (uname -m),
 *            which wins; no package: not to be had for this machine
 *
 * Everything from outside is fetched on the host side, before the build
 * container starts, which has no network. The order for whoever builds:
 *
 *   recipe_load → recipe_fetch_base (an image with alias "<name>-base"), or the
 *   image that the recipe stands on
 *   → recipe_prepare (npm packages, Debian's for such an image, build directory)
 *   → run build->argv as root with build->env in a container of the base image,
 *     build->dir bound read-only at RECIPE_BUILD_DIR
 *   → image_publish() of its upper directory with recipe_*() data in the record.
 */
#ifndef COI_IMAGE_RECIPE_H
#define COI_IMAGE_RECIPE_H

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#include "base/err.h"
#include "base/layout.h"
#include "image/image.h"

/* Where the build container sees the directory of recipe_prepare(). */
#define RECIPE_BUILD_DIR "/run/coi/build"

enum recipe_item_kind {
	RECIPE_RUNTIME, /* always installed: node, npm */
	RECIPE_TOOL,    /* installed when it can be had, else reported in one line */
	RECIPE_AGENT,   /* installed when asked for; missing then fails the build */
};

struct recipe_item {
	char *name; /* "pi" */
	char *bin;  /* "pi=dist/bundle/cli.js …" */
	enum recipe_item_kind kind;
	char *package; /* npm name for this machine; NULL: none for its architecture */
	char *version;
	char *integrity; /* "sha512-…" */
};

struct recipe {
	char *dir;    /* absolute */
	char *shared; /* absolute, or NULL */
	char *name;
	char *description;
	char *script; /* absolute */
	char **agents; /* what is installed unless the caller says otherwise */
	char *image; /* what it stands on; NULL: a base of its own */
	char *suite, *mirror, *components, *variant; /* NULL: the host's */
	char **packages;
	char **optional_packages; /* may be NULL; left out, with a note, where the suite has none */
	char *npm_registry; /* NULL: from npm's own configuration */
	struct recipe_item *items;
	size_t item_count;
};

/* @dir: absolute, for example layout_data("images/coi-default"). */
int recipe_load(const char *dir, struct recipe **ret, struct err *err);
void recipe_free(struct recipe *r);
void recipe_free_ptr(struct recipe **r);
#define auto_recipe __attribute__((cleanup(recipe_free_ptr)))

/* Agents that the recipe knows; ERR_CONFIG naming them when one of @agents is none of them. */
int recipe_check_agents(const struct recipe *r, char *const *agents, struct err *err);
/* SHA-256 over all that the recipe says and its files hold, and @agents (NULL: the default). */
int recipe_hash(const struct recipe *r, char *const *agents, char out[IMAGE_FINGERPRINT_SIZE],
		struct err *err);

/*
 * What is told while fetching: @line is one line of progress or, with @is_note,
 * something that a person should read (a package that was left out). May hold
 * foreign text. NULL is fine.
 */
struct recipe_report {
	void (*fn)(const char *line, bool is_note, void *data);
	void *data;
};

/*
 * The base from Debian packages, by mmdebstrap, debootstrap where that is
 * missing, as an image with the alias "<name>-base" (one layer). Needs root.
 * Suite and mirror: the recipe's, else the host's apt configuration.
 * *@ret_registries (may be NULL): hosts that it came from.
 */
int recipe_fetch_base(const struct layout *l, const struct recipe *r,
		      const struct recipe_report *report, struct image_info **ret, struct err *err);

/*
 * The base that an earlier recipe_fetch_base() has left, when it is of the same
 * recipe and not older than @max_age seconds: 1 with *@ret, 0 when there is none.
 */
int recipe_find_base(const struct layout *l, const struct recipe *r, time_t max_age,
		     struct image_info **ret, struct err *err);

/*
 * Delete the bases of earlier builds of @r, which lost their alias to a newer
 * one. Layers that an image or a container stands on stay. To be called when a
 * build is over. In use is no failure.
 */
int recipe_prune_bases(const struct layout *l, const struct recipe *r,
		       const struct image_users *users, struct err *err);

/* What to run in the build container. */
struct recipe_build {
	char *dir;         /* on the host; bind it read-only at RECIPE_BUILD_DIR */
	char **argv;       /* as root, cwd "/" */
	char **env;        /* whole environment: PATH, HOME, COI_AGENTS, COI_NAME, … */
	char **registries; /* hosts of the npm registry and of packages; may be NULL */
	char **left_out;   /* what could not be had: one reason a line; may be NULL */
};

/*
 * Fetch the npm packages for @agents (NULL: the recipe's own list) into the
 * cache ($COI_ROOT/cache/npm), check each against its hash, and lay out the
 * build directory. @home: whose npm configuration counts (may be NULL). @on: the
 * image that a recipe with `image` stands on, whose missing packages come into
 * debs/; NULL for others.
 */
int recipe_prepare(const struct layout *l, const struct recipe *r, const struct image_info *on,
		   char *const *agents, const char *home, const struct recipe_report *report,
		   struct recipe_build **ret, struct err *err);
/*
 * The same for a script of a person's own, without a recipe: @text is run as it
 * is when it begins with "#!", else by bash where the image has it, else by sh.
 */
int recipe_prepare_script(const struct layout *l, const char *name, const char *text,
			  struct recipe_build **ret, struct err *err);
/* Removes the directory too. */
void recipe_build_free(struct recipe_build *b);
void recipe_build_free_ptr(struct recipe_build **b);
#define auto_recipe_build __attribute__((cleanup(recipe_build_free_ptr)))

#endif
