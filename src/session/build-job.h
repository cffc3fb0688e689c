/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Private to builds: a script in a container of a base image, and what it leaves as an image. */
#ifndef COI_SESSION_BUILD_JOB_H
#define COI_SESSION_BUILD_JOB_H

#include "image/recipe.h"
#include "session/build.h"

#define BUILD_DEFAULT_BASE "coi-default"

struct build_job {
	const struct image_info *base;
	const struct recipe_build *prepared;
	/* What becomes of it: alias, version, description, recipe, hash, registries. */
	struct image_publish_spec spec;
};

/*
 * Run prepared->argv as root in a container of the base, which has no network,
 * and publish its upper directory. Nothing is left of it when that fails.
 */
int build_job_run(struct session *s, const struct build_job *job,
		  const struct build_request *request, struct image_info **ret, struct err *err);

/*
 * The image @base that @alias is to stand on, with what to do where it is missing.
 */
int build_find_base(struct session *s, const char *alias, const char *base,
		    struct image_info **ret, struct err *err);

/* The pool that settings name must be there before anything is begun, though images are not in it. */
int build_check_pool(const struct session *s, struct err *err);

#endif
