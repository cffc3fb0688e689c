/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Private to image/: where packages come from, by the host's apt or by the recipe. */
#ifndef COI_IMAGE_APT_H
#define COI_IMAGE_APT_H

#include "base/err.h"
#include "image/recipe.h"

struct apt_sources {
	char *suite;  /* "bookworm" */
	char *mirror; /* of the suite itself */
	char **lines; /* of a sources.list */
	char **hosts; /* names of the servers, without doubles */
	char **options; /* NAME "value"; of the host's apt that a build needs: proxy, date checks */
};

/* ERR_CONFIG with what to put into the recipe where the host says nothing. */
int apt_sources_find(const struct recipe *r, struct apt_sources *ret, struct err *err);
void apt_sources_done(struct apt_sources *s);

/* The host in a URL, without user and port; newly allocated, NULL when there is none. */
char *url_host(const char *url);

/*
 * Private, for the unit test: take what `apt-get indextargets` prints, lines
 * "URI|release|component|origin", for a host of release @codename.
 */
int apt_sources_parse(const struct recipe *r, const char *codename, const char *targets,
		      struct apt_sources *ret, struct err *err);

#endif
