/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Images of a person's own: a base, and a script or commands of [container.build]. */
#include <errno.h>
#include <nettle/sha2.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/strv.h"
#include "session/build-job.h"

#define COMMANDS_MAX (4u << 20)

/* As 0.9: one shell for all of them, which ends at the first that fails. */
static char *text_of_commands(char *const *commands) {
	struct buf text;

	buf_init(&text, COMMANDS_MAX);
	buf_adds(&text, "set -e\n");
	for (; commands && *commands; commands++)
		buf_addf(&text, "%s\n", *commands);
	return buf_steal(&text);
}

/* What it is made of: another base or script is another image. */
static void hash_of(const struct image_info *base, const char *text,
		    char out[IMAGE_FINGERPRINT_SIZE]) {
	struct sha256_ctx ctx;

	sha256_init(&ctx);
	sha256_update(&ctx, strlen("coi build 1"), (const uint8_t *)"coi build 1");
	sha256_update(&ctx, strlen(base->fingerprint), (const uint8_t *)base->fingerprint);
	sha256_update(&ctx, strlen(text), (const uint8_t *)text);
	hash_ctx_hex(&ctx, out);
}

static void tell_audit(struct session *s, const struct image_info *image, const char *alias,
		       const struct image_info *base) {
	struct err err = { 0 };

	if (audit_write(s->audit, AUDIT_IMAGE_BUILD, NULL,
			AUDIT_FIELDS(AUDIT_TEXT("fingerprint", image->fingerprint),
				     AUDIT_TEXT("alias", alias), AUDIT_TEXT("recipe", ""),
				     AUDIT_TEXT("base", base->fingerprint),
				     AUDIT_LIST("agents", NULL), AUDIT_LIST("sources", NULL),
				     AUDIT_INT("bytes", (int64_t)image->size)),
			&err) < 0)
		session_say(s, "Warning: %s", err.msg);
}

int build_custom(struct session *s, const struct build_request *request, const char *script,
		 struct build_result *ret, struct err *err) {
	const char *alias = s->settings->container.image;
	const char *base_name = s->settings->container.build.base;
	auto_recipe_build struct recipe_build *prepared = NULL;
	auto_image_info struct image_info *base = NULL;
	autofree char *text = script ? xstrdup(script)
				     : text_of_commands(s->settings->container.build.commands);
	char hash[IMAGE_FINGERPRINT_SIZE];
	struct image_info *image = NULL;
	int r;

	if (!*base_name)
		base_name = BUILD_DEFAULT_BASE;
	if (!image_alias_is_valid(alias))
		return err_set(err, ERR_CONFIG, -EINVAL, "'%s' is no name for an image", alias);
	if (!request->force && image_find(s->layout, alias, &image, err) == 0) {
		*ret = (struct build_result){ .existed = true, .image = image };
		return 0;
	}
	r = build_check_pool(s, err);
	if (r == 0)
		r = build_find_base(s, alias, base_name, &base, err);
	if (r == 0)
		r = recipe_prepare_script(s->layout, alias, text, &prepared, err);
	if (r < 0)
		return r;
	hash_of(base, text, hash);

	struct build_job job = {
		.base = base,
		.prepared = prepared,
		.spec = { .alias = alias, .recipe_hash = hash, .base_alias = base_name },
	};

	r = build_job_run(s, &job, request, &image, err);
	if (r < 0)
		return r;
	tell_audit(s, image, alias, base);
	*ret = (struct build_result){ .image = image };
	return 0;
}

/* The "NAME-base" of recipe_fetch_base(). */
static bool is_own_base(const struct image_info *image) {
	size_t len = strlen(image->recipe);

	return len && strncmp(image->base_alias, image->recipe, len) == 0 &&
	       strcmp(image->base_alias + len, "-base") == 0;
}

int build_check_base(struct session *s, const char *alias, const struct image_info *image,
		     struct err *err) {
	auto_image_info struct image_info *base = NULL;
	enum setting_stale check = s->settings->container.stale_base_check;
	struct err ignored = { 0 };

	/* A base that a recipe made for itself is its own affair; one that is gone cannot be newer. */
	if (check == STALE_OFF || is_own_base(image) || !*image->recipe_hash ||
	    !*image->base_alias ||
	    image_find(s->layout, image->base_alias, &base, &ignored) < 0 ||
	    strcmp(base->fingerprint, image->base) == 0)
		return 0;
	if (check == STALE_WARN) {
		session_say(s, "Warning: image '%s' was built on an older '%s': 'coi build --force%s%s' "
			       "builds it again", alias, image->base_alias,
			    *image->recipe ? " " : "", image->recipe);
		return 0;
	}
	(void)err_set(err, ERR_CONFLICT, -ESTALE, "image '%s' was built on an older '%s'", alias,
		      image->base_alias);
	return err_hint(err, "Build it again with 'coi build --force%s%s', or set "
			     "container.stale_base_check to \"warn\".", *image->recipe ? " " : "",
			image->recipe);
}
