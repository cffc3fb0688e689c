/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Private to image/: packages of the npm registry, as archives with a pinned hash. */
#ifndef COI_IMAGE_NPM_H
#define COI_IMAGE_NPM_H

#include "base/err.h"
#include "image/recipe.h"

struct npm {
	const struct layout *layout;
	const struct recipe *recipe;
	const char *home; /* whose configuration counts; may be NULL */
	int cache_fd;	  /* directory of archives that have been checked */
	char *cache;	  /* its path */
	char *registry;	  /* URL, NULL until it was needed */
};

/*
 * The archive of @item is in the cache afterwards, and has the hash of the
 * recipe; its file name there goes to *@ret_file (newly allocated).
 */
int npm_fetch(struct npm *n, const struct recipe_item *item, char **ret_file, struct err *err);
/* The registry's URL: the recipe's, else npm's own configuration. */
int npm_find_registry(struct npm *n, struct err *err);
void npm_done(struct npm *n);

/* "sha512-" and base64 of all that @fd has; newly allocated in *@ret. */
int npm_integrity(int fd, char **ret, struct err *err);
/* The registry's address of a package's archive; newly allocated. */
char *npm_url(const char *registry, const char *package, const char *version);
/* The registry that a .npmrc names; NULL when it names none. */
char *npmrc_registry(const char *text);

#endif
