/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Publishing: a container's upper directory becomes the newest layer of an image. */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fd.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/strv.h"
#include "image/content.h"
#include "image/layer.h"
#include "image/store.h"

char *image_version_alias(const char *name, time_t when) {
	struct tm tm;
	char text[32];

	if (!gmtime_r(&when, &tm) || !strftime(text, sizeof(text), "%Y%m%d-%H%M%S", &tm))
		(void)snprintf(text, sizeof(text), "19700101-000000");
	return xasprintf("%s-%s", name, text);
}

bool image_alias_is_version(const char *alias) {
	static const char pattern[] = "-00000000-000000";
	size_t len = strlen(alias), want = sizeof(pattern) - 1;

	if (len <= want)
		return false;
	alias += len - want;
	for (size_t i = 0; i < want; i++)
		if (pattern[i] == '0' ? !isdigit((unsigned char)alias[i]) : alias[i] != pattern[i])
			return false;
	return true;
}

/* How many of the layers below may be the image's too. */
static size_t shared_count(const struct image_publish_spec *spec) {
	size_t n = 0;

	while (n < spec->base_count && !strcmp(spec->base_layers[n].pool, POOL_DEFAULT))
		n++;
	return n;
}

/* An identity (image.h says why), unique by its random part. */
static int make_fingerprint(const struct image_publish_spec *spec, time_t now, char *out,
			    struct err *err) {
	autobuf struct buf text = { 0 };
	unsigned char random[32];

	if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
		return err_set(err, ERR_SYSTEM, -EIO, "no random numbers");
	buf_init(&text, 1 << 16);
	buf_addf(&text, "coi image 1\n%lld\n", (long long)now);
	for (size_t i = 0; i < shared_count(spec); i++)
		buf_addf(&text, "%s:%s\n", spec->base_layers[i].pool, spec->base_layers[i].id);
	buf_add(&text, random, sizeof(random));
	hash_hex(text.data, text.len, out);
	return 0;
}

static void replace_if(char **field, const char *value) {
	if (value && *value)
		str_replace(field, value);
}

static int describe(const struct layout *l, const struct image_publish_spec *spec,
		    struct image_info *info, struct err *err) {
	int r;

	info->created = time(NULL);
	r = make_fingerprint(spec, info->created, info->fingerprint, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < shared_count(spec); i++)
		image_info_add_layer(info, spec->base_layers[i].pool, spec->base_layers[i].id);
	image_info_add_layer(info, POOL_DEFAULT, info->fingerprint);
	replace_if(&info->description, spec->description);
	replace_if(&info->recipe, spec->recipe);
	replace_if(&info->recipe_hash, spec->recipe_hash);
	replace_if(&info->version, spec->version);
	replace_if(&info->base, spec->base);
	replace_if(&info->base_alias, spec->base_alias);
	strv_add_all(&info->registries, spec->registries);
	if (spec->base) {
		auto_image_info struct image_info *base = NULL;

		/* Gone meanwhile: its layers are what counts. */
		if (store_find(l, spec->base, &base, NULL) == 0)
			image_info_inherit(info, base);
	}
	return 0;
}

/* An empty "fs" in the stage, opened. */
static int make_tree(const struct stage *s, struct err *err) {
	int fd = mkdirat(s->dir_fd, "fs", 0700) < 0 ?
			 -1 :
			 openat(s->dir_fd, "fs", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	return fd < 0 ? err_sys(err, -errno, "cannot make the new layer") : fd;
}

static int take_changes(const struct layout *l, const struct image_publish_spec *spec,
			struct stage *s, struct err *err) {
	struct layers_squash what = {
		.chain = spec->base_layers,
		.below = shared_count(spec),
		.count = spec->base_count,
		.upper = spec->upper_path,
		.progress = spec->progress,
	};
	autoclose int to = make_tree(s, err);

	return to < 0 ? to : layers_squash(l, &what, to, err);
}

/* Move or copy the upper directory to "fs" of the stage. *@moved tells which. */
static int take_upper(const struct layout *l, const struct image_publish_spec *spec,
		      struct stage *s, bool *moved, struct err *err) {
	autoclose int from = -1, to = -1;
	struct stat st;

	*moved = false;
	from = openat(spec->upper_parent, spec->upper_name,
		      O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (from < 0 || fstat(from, &st) < 0)
		return err_sys(err, -errno, "cannot open the directory '%s' to publish",
			       spec->upper_name);
	if (shared_count(spec) < spec->base_count)
		return take_changes(l, spec, s, err);
	if (spec->consume) {
		if (renameat(spec->upper_parent, spec->upper_name, s->dir_fd, "fs") == 0) {
			*moved = true;
			return 0;
		}
		if (errno != EXDEV)
			return err_sys(err, -errno, "cannot move '%s' into the store",
				       spec->upper_name);
	}
	to = make_tree(s, err);
	return to < 0 ? to : image_copy_tree(from, to, spec->progress, err);
}

/* All layers, since size is what the image takes when nothing is shared. */
static void add_sizes(const struct layout *l, uint64_t own, struct image_info *info) {
	info->size = own;
	for (size_t i = 0; i + 1 < info->layer_count; i++) {
		autofree char *name = xasprintf("%s/layer.ini", info->layers[i].id);
		auto_record struct record *r = NULL;
		int64_t size = 0;

		if (record_load(l->layers_fd, name, IMAGE_FORMAT, &r, NULL) == 0)
			size = record_get_int(r, "", "size", 0);
		info->size += size > 0 ? (uint64_t)size : 0;
	}
}

static int write_layer_record(const struct stage *s, const struct image_info *info,
			      const struct content_sum *content, struct err *err) {
	auto_record struct record *r = record_new(IMAGE_FORMAT);

	record_set(r, "", "id", info->fingerprint);
	record_set(r, "", "source", "publish");
	record_setf(r, "", "size", "%llu", (unsigned long long)content->size);
	record_set(r, "", "content", content->digest);
	return record_store(r, s->dir_fd, "layer.ini", 0600, err);
}

/* The layers below may be those of snapshots, of which nobody has written that down yet. */
static int write_contents(const struct layout *l, const struct image_publish_spec *spec,
			  struct stage *s, const struct image_info *info,
			  struct content_sum *ret, struct err *err) {
	int r = content_write(s->dir_fd, -1, spec->progress, ret, err);

	for (size_t i = 0; r == 0 && i + 1 < info->layer_count; i++)
		r = content_ensure(l, &info->layers[i], spec->progress, err);
	return r;
}

static int publish(const struct layout *l, const struct image_publish_spec *spec, struct stage *s,
		   struct image_info *info, struct err *err) {
	const char *aliases[2] = { spec->alias, spec->version };
	struct content_sum content;
	struct store_part part;
	bool existed;
	int r = write_contents(l, spec, s, info, &content, err);

	if (r < 0)
		return r;
	add_sizes(l, content.size, info);
	r = write_layer_record(s, info, &content, err);
	store_part_whole(&part, info->fingerprint);
	if (r == 0 && syncfs(s->dir_fd) < 0)
		r = err_sys(err, -errno, "cannot write the image to the disk");
	return r < 0 ? r : store_commit(l, s, &part, 1, info, aliases, &existed, err);
}

/* A moved upper goes back to where it was when its image could not be added. */
static void give_back(const struct image_publish_spec *spec, struct stage *s) {
	if (s->dir_fd >= 0)
		(void)renameat(s->dir_fd, "fs", spec->upper_parent, spec->upper_name);
}

int image_publish(const struct layout *l, const struct image_publish_spec *spec,
		  struct image_info **ret, struct err *err) {
	auto_image_info struct image_info *info = image_info_new();
	auto_stage struct stage s = STAGE_NONE;
	bool moved = false;
	int r;

	if (spec->base_count + 1 > IMAGE_LAYERS_MAX)
		return err_set(err, ERR_SYSTEM, -E2BIG, "the image would have more than %d layers",
			       IMAGE_LAYERS_MAX);
	for (size_t i = 0; i < 2; i++) {
		const char *alias = i ? spec->version : spec->alias;

		if (alias && !image_alias_is_valid(alias))
			return err_set(err, ERR_USAGE, -EINVAL, "'%s' is no valid name for an image",
				       alias);
	}
	r = describe(l, spec, info, err);
	if (r == 0)
		r = stage_begin(l, l->layers_fd, &s, err);
	if (r == 0)
		r = take_upper(l, spec, &s, &moved, err);
	if (r == 0)
		r = publish(l, spec, &s, info, err);
	if (r < 0) {
		if (moved)
			give_back(spec, &s);
		return r;
	}
	return image_find(l, info->fingerprint, ret, err);
}
