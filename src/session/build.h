/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Building images from recipes, and publishing containers as images. */
#ifndef COI_SESSION_BUILD_H
#define COI_SESSION_BUILD_H

#include "image/image.h"
#include "session/session.h"

struct build_request {
	const char *recipe;      /* name below images/ ("coi-default") or a directory with a '/' */
	bool force;              /* also when the alias is there */
	char *const *agents;     /* NULL: settings, else the recipe's */
	/* Progress of the steps and notes; lines of foreign text. */
	void (*report)(const char *line, bool is_note, void *data);
	void *report_data;
};

struct build_result {
	bool existed;              /* nothing was done */
	struct image_info *image;  /* owned */
};

/* Build one; the alias is the recipe's name. The old image stays until image cleanup. */
int build_image(struct session *s, const struct build_request *request, struct build_result *ret,
		struct err *err);
/*
 * Build the image of the settings (container.image) from container.build.base,
 * by @script, the text of its script, else by container.build.commands. A script
 * of a project's file must be what was approved: config_build_script().
 */
int build_custom(struct session *s, const struct build_request *request, const char *script,
		 struct build_result *ret, struct err *err);
/*
 * Has the image that such an @image was built on been replaced since? What
 * container.stale_base_check wants: said, -ESTALE, or nothing.
 */
int build_check_base(struct session *s, const char *alias, const struct image_info *image,
		     struct err *err);
/* Names of the recipes that this installation has, default first; newly allocated. */
char **build_recipes(void);

/*
 * Make container @name an image with @alias. The source stays unless @consume;
 * a running one is frozen while its files are copied.
 */
int build_publish(struct session *s, const char *name, const char *alias, const char *description,
		  bool consume, const struct image_progress *progress, struct image_info **ret,
		  struct err *err);

#endif
