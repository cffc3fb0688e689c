/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "session/build.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/path.h"
#include "base/pool.h"
#include "base/strv.h"
#include "image/recipe.h"
#include "session/build-job.h"
#include "session/lifecycle.h"
#include "session/repair.h"
#include "session/snapshot.h"
#include "session/standstill.h"
#include "session/storage.h"

#define DEFAULT_RECIPE "coi-default"
#define BASE_MAX_AGE_S (24 * 3600)

static int has_recipe(const char *dir, const char *name) {
	autofree char *file = xasprintf("%s/%s/image.ini", dir, name);

	return access(file, R_OK) == 0;
}

char **build_recipes(void) {
	autofree char *dir = layout_data("images");
	autoclosedir DIR *d = opendir(dir);
	struct dirent *entry;
	autostrv char **others = NULL;
	char **names = NULL;

	if (has_recipe(dir, DEFAULT_RECIPE))
		strv_add(&names, DEFAULT_RECIPE);
	while (d && (entry = readdir(d)))
		if (entry->d_name[0] != '.' && strcmp(entry->d_name, DEFAULT_RECIPE) != 0 &&
		    has_recipe(dir, entry->d_name))
			strv_add(&others, entry->d_name);
	strv_sort(others);
	strv_add_all(&names, others);
	return names;
}

static char *recipe_dir(const char *name) {
	autofree char *relative = NULL;

	if (strchr(name, '/'))
		return path_absolute(name);
	relative = xasprintf("images/%s", name);
	return layout_data(relative);
}

struct build {
	struct recipe *recipe;
	struct recipe_build *prepared;
	struct image_info *base;
	char **agents;     /* borrowed; NULL: the recipe's */
	char **registries; /* of base and npm */
	char hash[IMAGE_FINGERPRINT_SIZE];
};

static int in_container(struct session *s, const struct build_request *request,
			const struct build *b, struct image_info **ret, struct err *err) {
	autofree char *version = image_version_alias(b->recipe->name, time(NULL));
	struct build_job job = {
		.base = b->base,
		.prepared = b->prepared,
		.spec = {
			.alias = b->recipe->name,
			.version = version,
			.description = b->recipe->description,
			.recipe = b->recipe->name,
			.recipe_hash = b->hash,
			.base_alias = b->recipe->image,
			.registries = b->registries,
		},
	};

	return build_job_run(s, &job, request, ret, err);
}

static void build_done(struct build *b) {
	recipe_build_free(b->prepared);
	recipe_free(b->recipe);
	image_info_free(b->base);
	strv_free(b->registries);
}

static int do_build(struct session *s, const struct build_request *request, struct build *b,
		    struct image_info **ret, struct err *err) {
	struct recipe_report report = { request->report, request->report_data };
	int r = recipe_hash(b->recipe, b->agents, b->hash, err);

	if (r == 0 && b->recipe->image)
		r = build_find_base(s, b->recipe->name, b->recipe->image, &b->base, err);
	/* After a script that failed the same packages need not be fetched again. */
	else if (r == 0 && (request->force || recipe_find_base(s->layout, b->recipe, BASE_MAX_AGE_S,
							  &b->base, err) != 1))
		r = recipe_fetch_base(s->layout, b->recipe, &report, &b->base, err);
	if (r == 0)
		r = recipe_prepare(s->layout, b->recipe, b->recipe->image ? b->base : NULL,
				   b->agents, s->who->home, &report, &b->prepared, err);
	if (r < 0)
		return r;
	b->registries = strv_copy(b->base->registries);
	for (char **h = b->prepared->registries; h && *h; h++)
		if (!strv_contains(b->registries, *h))
			strv_add(&b->registries, *h);
	for (char **line = b->prepared->left_out; request->report && line && *line; line++)
		request->report(*line, true, request->report_data);
	return in_container(s, request, b, ret, err);
}

static void tell_audit(struct session *s, const struct build *b, const struct image_info *image) {
	struct err err = { 0 };

	if (audit_write(s->audit, AUDIT_IMAGE_BUILD, NULL,
			AUDIT_FIELDS(AUDIT_TEXT("fingerprint", image->fingerprint),
				     AUDIT_TEXT("alias", b->recipe->name),
				     AUDIT_TEXT("recipe", b->recipe->dir),
				     AUDIT_TEXT("base", b->base->fingerprint),
				     AUDIT_LIST("agents", b->agents ? b->agents : b->recipe->agents),
				     AUDIT_LIST("sources", image->registries),
				     AUDIT_INT("bytes", (int64_t)image->size)),
			&err) < 0)
		session_say(s, "Warning: %s", err.msg);
}

int build_check_pool(const struct session *s, struct err *err) {
	const char *set = s->settings->container.storage_pool;
	const struct pool *pool;

	return *set ? pool_use(s->layout, set, &pool, err) : 0;
}

int build_image(struct session *s, const struct build_request *request, struct build_result *ret,
		struct err *err) {
	autofree char *dir = recipe_dir(request->recipe);
	struct build b = { .agents = (char **)request->agents };
	struct image_info *image = NULL;
	int r = build_check_pool(s, err);

	if (r == 0)
		r = recipe_load(dir, &b.recipe, err);
	/* Those of the image that it stands on are that one's. */
	if (r == 0 && !b.agents && !b.recipe->image && s->settings->container.build.agents)
		b.agents = s->settings->container.build.agents;
	if (r == 0 && b.agents)
		r = recipe_check_agents(b.recipe, b.agents, err);
	if (r == 0 && !request->force && image_find(s->layout, b.recipe->name, &image, err) == 0) {
		*ret = (struct build_result){ .existed = true, .image = image };
		build_done(&b);
		return 0;
	}
	if (r == 0)
		r = do_build(s, request, &b, &image, err);
	if (r == 0) {
		struct image_users users = container_image_users(s);
		struct err prune = { 0 };

		tell_audit(s, &b, image);
		if (recipe_prune_bases(s->layout, b.recipe, &users, &prune) < 0)
			session_say(s, "Warning: %s", prune.msg);
		*ret = (struct build_result){ .image = image };
	}
	build_done(&b);
	return r;
}

/*
 * By copy, also when the source is deleted afterwards: a crash between the
 * rename of an upper directory and the image's record would lose it, and these
 * are files that nobody can build again.
 */
static int publish_upper(struct session *s, const struct container *c, const char *alias,
			 const char *description, const struct image_progress *progress,
			 struct image_info **ret, struct err *err) {
	auto_storage struct storage storage = STORAGE_INIT;
	autofree char *path = NULL;
	struct image_publish_spec spec = {
		.upper_name = "upper",
		.base_layers = c->layers,
		.base_count = c->layer_count,
		.alias = alias,
		.description = description,
		.base = c->fingerprint,
		.base_alias = c->image,
		.progress = progress,
	};
	int r = storage_open(s, c, &storage, err);

	if (r < 0)
		return r;
	path = path_join(storage.path, "upper");
	spec.upper_parent = storage.fd;
	spec.upper_path = path;
	return image_publish(s->layout, &spec, ret, err);
}

/* Its files must not change while they are copied. */
static int publish_locked(struct session *s, const struct container *c, const char *alias,
			  const char *description, const struct image_progress *progress,
			  struct image_info **ret, struct err *err) {
	auto_standstill struct standstill still = STANDSTILL_NONE;
	int r = container_is_running(s, c) ? standstill_begin(s, c, &still, err) : 0;

	return r < 0 ? r : publish_upper(s, c, alias, description, progress, ret, err);
}

int build_publish(struct session *s, const char *name, const char *alias, const char *description,
		  bool consume, const struct image_progress *progress, struct image_info **ret,
		  struct err *err) {
	auto_container struct container *c = NULL;
	autoclose int lock = -1;
	struct err audit_err = { 0 };
	int r = repair_container(s, name, err);

	if (r >= 0)
		r = container_load(s, name, &c, err);
	if (r < 0)
		return r;
	if (!image_alias_is_valid(alias))
		return err_set(err, ERR_USAGE, -EINVAL, "'%s' is no name for an image", alias);
	if (consume && c->state != STATE_STOPPED) {
		r = lifecycle_stop(s, name, 0, err);
		if (r < 0)
			return r;
	}
	lock = container_lock(s, name, 0, err);
	if (lock < 0)
		return lock;
	container_free(c);
	c = NULL;
	r = container_load(s, name, &c, err);
	if (r == 0 && c->state != STATE_STOPPED && (consume || c->state != STATE_RUNNING))
		r = err_set(err, ERR_CONFLICT, -EBUSY, "container '%s' is %s", name,
			    container_state_to_string(c->state));
	if (r == 0)
		r = snapshot_pending_check(c, err);
	if (r == 0) {
		r = publish_locked(s, c, alias, description, progress, ret, err);
		if (r < 0)
			(void)err_wrap(err, "publishing container '%s' as '%s'", name, alias);
	}
	(void)close(steal_fd(&lock));
	if (r < 0)
		return r;
	if (audit_write(s->audit, AUDIT_IMAGE_PUBLISH, name,
			AUDIT_FIELDS(AUDIT_TEXT("fingerprint", (*ret)->fingerprint),
				     AUDIT_TEXT("alias", alias)),
			&audit_err) < 0)
		session_say(s, "Warning: %s", audit_err.msg);
	return consume ? lifecycle_delete(s, name, true, err) : 0;
}
