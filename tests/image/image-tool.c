/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The image library as a command, for tests/image/: image-tool VERB ARGUMENTS. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/strv.h"
#include "image/image.h"
#include "image/recipe.h"

static uint64_t stop_at; /* COI_TEST_STOP_AT: cancel when so many bytes are done */

static int on_progress(uint64_t done, uint64_t total, void *data) {
	(void)total;
	(void)data;
	return stop_at && done >= stop_at;
}
static const struct image_progress progress = { on_progress, NULL };

/* COI_TEST_USER="NAME FINGERPRINT LAYER": one container that uses an image. */
static int collect(struct image_uses *out, void *data, struct err *err) {
	const char *text = getenv("COI_TEST_USER");
	char by[64], fingerprint[80], layer[80];

	(void)data;
	(void)err;
	if (text && sscanf(text, "%63s %79s %79s", by, fingerprint, layer) == 3)
		image_uses_add(out, by, fingerprint, layer);
	return 0;
}
static const struct image_users users = { collect, NULL };

static void print_info(const struct image_info *i) {
	printf("fingerprint %s\n", i->fingerprint);
	for (size_t n = 0; i->aliases && i->aliases[n]; n++)
		printf("alias %s\n", i->aliases[n]);
	for (size_t n = 0; n < i->layer_count; n++)
		printf("layer %s:%s\n", i->layers[n].pool, i->layers[n].id);
	printf("size %llu\narchitecture %s\nos %s\nrelease %s\ndescription %s\n",
	       (unsigned long long)i->size, i->architecture, i->os, i->release, i->description);
	printf("created %lld\n", (long long)i->created);
	for (size_t n = 0; i->env && i->env[n]; n++)
		printf("env %s\n", i->env[n]);
	for (size_t n = 0; i->entrypoint && i->entrypoint[n]; n++)
		printf("entrypoint %s\n", i->entrypoint[n]);
	for (size_t n = 0; i->cmd && i->cmd[n]; n++)
		printf("cmd %s\n", i->cmd[n]);
	printf("user %s\ndir %s\nreference %s\n", i->user, i->dir, i->reference);
}

static int do_import(const struct layout *l, char **args, struct err *err) {
	struct image_import_spec spec = { .fd = -1, .progress = &progress };
	struct image_import_result result;
	int r;

	if (strcmp(args[0], "-") == 0)
		spec.fd = 0;
	else
		spec.path = args[0];
	spec.alias = args[1] && strcmp(args[1], "-") != 0 ? args[1] : NULL;
	spec.rootfs_path = args[1] ? args[2] : NULL;
	spec.reference = getenv("COI_TEST_REFERENCE");
	r = image_import(l, &spec, &result, err);
	if (r < 0)
		return r;
	print_info(result.info);
	printf("existed %d\nentries %llu\ndropped %llu\nskipped %llu\n", result.existed,
	       (unsigned long long)result.entries, (unsigned long long)result.dropped_xattrs,
	       (unsigned long long)result.skipped_devices);
	printf("platform %s\nshared %zu\n", result.platform ? result.platform : "-", result.shared);
	image_import_result_done(&result);
	return 0;
}

static int do_publish(const struct layout *l, char **args, bool consume, struct err *err) {
	auto_image_info struct image_info *base = NULL, *made = NULL;
	autoclose int parent = -1;
	struct image_publish_spec spec = { .upper_name = args[1], .consume = consume,
					   .alias = args[3], .progress = &progress };
	int r = image_find(l, args[2], &base, err);

	if (r < 0)
		return r;
	parent = open(args[0], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	spec.upper_parent = parent;
	spec.base_layers = base->layers;
	spec.base_count = base->layer_count;
	spec.base = base->fingerprint;
	r = image_publish(l, &spec, &made, err);
	if (r == 0)
		print_info(made);
	return r;
}

static int do_cleanup(const struct layout *l, char **args, struct err *err) {
	struct image_cleanup_result result;
	int r = image_cleanup(l, args[0], strtoul(args[1], NULL, 10), &users, &result, err);

	if (r < 0)
		return r;
	for (size_t i = 0; result.deleted && result.deleted[i]; i++)
		printf("deleted %s\n", result.deleted[i]);
	for (size_t i = 0; result.kept && result.kept[i]; i++)
		printf("kept %s\n", result.kept[i]);
	for (size_t i = 0; result.in_use && result.in_use[i]; i++)
		printf("in-use %s\n", result.in_use[i]);
	image_cleanup_result_done(&result);
	return 0;
}

static int do_list(const struct layout *l, struct err *err) {
	auto_image_list struct image_list list = { 0 };
	int r = image_list_load(l, &list, err);

	for (size_t i = 0; r == 0 && i < list.count; i++)
		print_info(list.items[i]);
	return r;
}

static int do_paths(const struct layout *l, char **args, struct err *err) {
	auto_image_info struct image_info *info = NULL;
	autostrv char **paths = NULL;
	int r = image_find(l, args[0], &info, err);

	if (r == 0)
		r = image_layer_paths(l, info->layers, info->layer_count, &paths, err);
	for (size_t i = 0; r == 0 && paths[i]; i++)
		printf("%s\n", paths[i]);
	return r;
}

static void on_damage(const char *path, const char *what, void *data) {
	printf("%s %s: %s\n", (const char *)data, path, what);
}

/* Damage and a summary for each layer; fails when something is not as it was. */
static int do_verify(const struct layout *l, char **args, struct err *err) {
	auto_image_info struct image_info *info = NULL;
	int r = image_find(l, args[0], &info, err), bad = 0;

	for (size_t i = 0; r == 0 && i < info->layer_count; i++) {
		struct image_verify_spec spec = { .progress = &progress, .report = on_damage,
						  .data = info->layers[i].id };
		struct image_verify_result result;

		r = image_verify(l, &info->layers[i], &spec, &result, err);
		if (r < 0)
			break;
		printf("verified %.12s objects %llu differences %llu%s\n", info->layers[i].id,
		       (unsigned long long)result.objects, (unsigned long long)result.differences,
		       result.is_unknown ? " unknown" : "");
		bad |= result.differences || result.is_unknown;
	}
	return r < 0 || !bad ? r : err_set(err, ERR_SYSTEM, -EBADMSG, "it is not as it was");
}

static int do_copy(char **args, struct err *err) {
	autoclose int from = open(args[0], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	autoclose int to = open(args[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return image_copy_tree(from, to, &progress, err);
}

static void on_report(const char *line, bool is_note, void *data) {
	(void)data;
	fprintf(stderr, "%s%s\n", is_note ? "note: " : "  ", line);
}
static const struct recipe_report report = { on_report, NULL };

/* DIRECTORY: the base as an image. */
static int do_base(const struct layout *l, char **args, struct err *err) {
	auto_recipe struct recipe *recipe = NULL;
	auto_image_info struct image_info *info = NULL;
	int r = recipe_load(args[0], &recipe, err);

	if (r == 0)
		r = recipe_fetch_base(l, recipe, &report, &info, err);
	if (r == 0)
		print_info(info);
	for (size_t i = 0; r == 0 && info->registries && info->registries[i]; i++)
		printf("registry %zu\n", i);
	return r == 0 ? recipe_prune_bases(l, recipe, &users, err) : r;
}

/* DIRECTORY COPY [AGENT…]: the build directory, copied to COPY; argv and environment to stdout. */
static int do_prepare(const struct layout *l, char **args, struct err *err) {
	auto_recipe struct recipe *recipe = NULL;
	auto_recipe_build struct recipe_build *build = NULL;
	autoclose int from = -1, to = -1;
	int r = recipe_load(args[0], &recipe, err);

	if (r == 0)
		r = recipe_prepare(l, recipe, NULL, args[2] ? args + 2 : NULL, getenv("HOME"), &report,
				   &build, err);
	if (r < 0)
		return r;
	for (size_t i = 0; build->env[i]; i++)
		printf("env %s\n", build->env[i]);
	for (size_t i = 0; build->argv[i]; i++)
		printf("argv %s\n", build->argv[i]);
	for (size_t i = 0; build->left_out && build->left_out[i]; i++)
		printf("%s\n", build->left_out[i]);
	from = open(build->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	to = open(args[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return image_copy_tree(from, to, NULL, err);
}

static int do_hash(char **args, struct err *err) {
	auto_recipe struct recipe *recipe = NULL;
	char hash[IMAGE_FINGERPRINT_SIZE];
	int r = recipe_load(args[0], &recipe, err);

	if (r == 0)
		r = recipe_hash(recipe, args[1] ? args + 1 : NULL, hash, err);
	if (r == 0)
		printf("%s\n", hash);
	return r;
}

static int run(const struct layout *l, const char *verb, char **args, struct err *err) {
	size_t removed = 0;
	int r;

	if (strcmp(verb, "import") == 0)
		return do_import(l, args, err);
	if (strcmp(verb, "export") == 0)
		return image_export(l, args[0], STDOUT_FILENO, args[1], &progress, NULL, err);
	if (strcmp(verb, "publish-move") == 0 || strcmp(verb, "publish-copy") == 0)
		return do_publish(l, args, strcmp(verb, "publish-move") == 0, err);
	if (strcmp(verb, "list") == 0)
		return do_list(l, err);
	if (strcmp(verb, "paths") == 0)
		return do_paths(l, args, err);
	if (strcmp(verb, "copy") == 0)
		return do_copy(args, err);
	if (strcmp(verb, "recipe-base") == 0)
		return do_base(l, args, err);
	if (strcmp(verb, "recipe-prepare") == 0)
		return do_prepare(l, args, err);
	if (strcmp(verb, "recipe-hash") == 0)
		return do_hash(args, err);
	if (strcmp(verb, "exists") == 0) {
		r = image_exists(l, args[0], err);
		return r < 0 ? r : r == 1 ? 0 : -ENOENT;
	}
	if (strcmp(verb, "verify") == 0)
		return do_verify(l, args, err);
	if (strcmp(verb, "alias") == 0)
		return image_alias_set(l, args[0], args[1], err);
	if (strcmp(verb, "unalias") == 0)
		return image_alias_remove(l, args[0], err);
	if (strcmp(verb, "delete") == 0)
		return image_delete(l, args[0], &users, err);
	if (strcmp(verb, "cleanup") == 0)
		return do_cleanup(l, args, err);
	if (strcmp(verb, "repair") == 0) {
		r = image_repair(l, &users, false, &removed, err);
		printf("removed %zu\n", removed);
		return r;
	}
	return err_set(err, ERR_USAGE, -EINVAL, "unknown verb '%s'", verb);
}

int main(int argc, char **argv) {
	auto_layout struct layout *l = NULL;
	const char *stop = getenv("COI_TEST_STOP_AT");
	struct err err = { 0 };
	int r;

	if (argc < 2)
		return 2;
	stop_at = stop ? strtoull(stop, NULL, 10) : 0;
	r = layout_open(&l, &err);
	if (r == 0)
		r = run(l, argv[1], argv + 2, &err);
	if (r < 0 && err.code)
		log_error(&err);
	return r < 0;
}
