/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The documents of a layout. Runs in the cage of cage.h: the layout's
 * directory is all that there is.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/strv.h"
#include "image/archive/oci.h"
#include "image/archive/policy.h"

#define INDEX "application/vnd.oci.image.index.v1+json"
#define DOCKER_INDEX "application/vnd.docker.distribution.manifest.list.v2+json"
#define MANIFEST "application/vnd.oci.image.manifest.v1+json"
#define DOCKER_MANIFEST "application/vnd.docker.distribution.manifest.v2+json"

static int damaged(struct err *err, const char *what, const char *why) {
	return err_set(err, ERR_SYSTEM, -EBADMSG, "'%.200s' of the image %s", what, why);
}

/* ---- one document ---- */

static int open_file(int root, const char *path, struct stat *st, struct err *err) {
	autoclose int fd = open_in_root(root, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);

	if (fd < 0)
		return err_sys(err, fd, "cannot open '%.200s' of the image", path);
	if (fstat(fd, st) < 0)
		return err_sys(err, -errno, "cannot look at '%.200s' of the image", path);
	if (!S_ISREG(st->st_mode))
		return damaged(err, path, "is no file");
	return steal_fd(&fd);
}

/* Size and digest of @blob are compared, where it says them; else the digest is filled in. */
static int read_json(int root, struct oci_blob *blob, json_t **ret, struct err *err) {
	struct stat st;
	autoclose int fd = open_file(root, blob->path, &st, err);
	autobuf struct buf text;
	char digest[HASH_HEX_SIZE];
	int r;

	buf_init(&text, OCI_JSON_MAX);
	if (fd < 0)
		return fd;
	if (blob->size >= 0 && st.st_size != blob->size)
		return damaged(err, blob->path, "is not as long as it should be");
	r = fd_read_all(fd, &text);
	if (r == -EFBIG)
		return damaged(err, blob->path, "is too large");
	if (r < 0)
		return err_sys(err, r, "cannot read '%.200s' of the image", blob->path);
	hash_hex(text.data, text.len, digest);
	if (*blob->digest && strcmp(blob->digest, digest) != 0)
		return damaged(err, blob->path, "has another SHA-256 than it should have");
	memcpy(blob->digest, digest, sizeof(digest));
	*ret = json_loadb(text.data, text.len, JSON_REJECT_DUPLICATES, NULL);
	return *ret ? 0 : damaged(err, blob->path, "is no JSON");
}

static int blob_of(const json_t *descriptor, struct oci_blob *ret, struct err *err) {
	const char *digest = json_get_str(descriptor, "digest", "");
	const json_t *size = json_object_get(descriptor, "size");

	*ret = (struct oci_blob){ .size = json_is_integer(size) ? json_integer_value(size) : -1 };
	if (!oci_digest(digest, ret->digest))
		return err_set(err, ERR_SYSTEM, -EBADMSG, "the image is named by '%.100s', which is "
			       "no SHA-256", digest);
	if (ret->size < 0)
		return err_set(err, ERR_SYSTEM, -EBADMSG, "the size of '%.100s' is not said", digest);
	ret->path = xasprintf("blobs/sha256/%s", ret->digest);
	return 0;
}

/* ---- which images there are ---- */

static struct oci_image *add_image(struct oci_images *list) {
	list->items = xreallocarray(list->items, list->count + 1, sizeof(list->items[0]));
	list->items[list->count] = (struct oci_image){ .manifest = { .size = -1 } };
	return &list->items[list->count++];
}

static void add_name(char ***names, const char *name) {
	if (name && *name && strlen(name) <= OCI_NAME_MAX && !strv_contains(*names, name))
		strv_add(names, name);
}

static void add_names(char ***names, const json_t *descriptor) {
	static const char *const keys[] = { "io.containerd.image.name",
					    "org.opencontainers.image.ref.name" };
	const json_t *annotations = json_object_get(descriptor, "annotations");

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		add_name(names, json_get_str(annotations, keys[i], NULL));
}

static void take_platform(const json_t *from, struct oci_platform *ret) {
	(void)snprintf(ret->os, OCI_WORD, "%s", json_get_str(from, "os", ""));
	(void)snprintf(ret->arch, OCI_WORD, "%s", json_get_str(from, "architecture", ""));
	(void)snprintf(ret->variant, OCI_WORD, "%s", json_get_str(from, "variant", ""));
}

static int walk_index(int root, const json_t *index, char *const *names, int depth,
		      struct oci_images *list, struct err *err);

static int walk_nested(int root, const json_t *descriptor, char *const *names, int depth,
		       struct oci_images *list, struct err *err) {
	auto_json json_t *doc = NULL;
	struct oci_blob blob;
	int r = blob_of(descriptor, &blob, err);

	if (r == 0)
		r = read_json(root, &blob, &doc, err);
	free(blob.path);
	return r < 0 ? r : walk_index(root, doc, names, depth + 1, list, err);
}

static int take_descriptor(int root, const json_t *d, char *const *inherited, int depth,
			   struct oci_images *list, struct err *err) {
	const char *type = json_get_str(d, "mediaType", "");
	const json_t *platform = json_object_get(d, "platform");
	autostrv char **names = strv_copy(inherited);
	struct oci_image *image;

	add_names(&names, d);
	if (strcmp(type, INDEX) == 0 || strcmp(type, DOCKER_INDEX) == 0)
		return walk_nested(root, d, names, depth, list, err);
	/* Signatures and statements about how it was built lie beside images. */
	if ((strcmp(type, MANIFEST) != 0 && strcmp(type, DOCKER_MANIFEST) != 0) ||
	    strcmp(json_get_str(platform, "os", ""), "unknown") == 0)
		return 0;
	if (list->count == OCI_IMAGES_MAX)
		return err_set(err, ERR_SYSTEM, -EBADMSG, "it holds more than %d images",
			       OCI_IMAGES_MAX);
	image = add_image(list);
	image->names = steal_ptr(names);
	if (platform)
		take_platform(platform, &image->platform);
	return blob_of(d, &image->manifest, err);
}

static int walk_index(int root, const json_t *index, char *const *names, int depth,
		      struct oci_images *list, struct err *err) {
	const json_t *manifests = json_object_get(index, "manifests"), *d;
	size_t i;

	if (depth > OCI_DEPTH_MAX)
		return err_set(err, ERR_SYSTEM, -EBADMSG, "its indexes are nested too deeply");
	if (++list->indexes > OCI_INDEXES_MAX)
		return err_set(err, ERR_SYSTEM, -EBADMSG, "it names more than %d indexes",
			       OCI_INDEXES_MAX);
	if (!json_is_array(manifests))
		return err_set(err, ERR_SYSTEM, -EBADMSG, "an index of it lists no images");
	json_array_foreach(manifests, i, d) {
		int r = take_descriptor(root, d, names, depth, list, err);

		if (r < 0)
			return r;
	}
	return 0;
}

/* ---- manifests ---- */

static bool is_layer_type(const char *type) {
	static const char *const known[] = {
		"application/vnd.oci.image.layer.v1.tar",
		"application/vnd.oci.image.layer.v1.tar+gzip",
		"application/vnd.oci.image.layer.v1.tar+zstd",
		"application/vnd.oci.image.layer.nondistributable.v1.tar",
		"application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
		"application/vnd.oci.image.layer.nondistributable.v1.tar+zstd",
		"application/vnd.docker.image.rootfs.diff.tar",
		"application/vnd.docker.image.rootfs.diff.tar.gzip",
		"application/vnd.docker.image.rootfs.diff.tar.zstd",
		"application/vnd.docker.image.rootfs.foreign.diff.tar",
		"application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
	};

	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (strcmp(type, known[i]) == 0)
			return true;
	return false;
}

static int take_layers(const json_t *manifest, struct oci_plan *plan, struct err *err) {
	const json_t *layers = json_object_get(manifest, "layers"), *d;
	size_t i;

	if (json_array_size(layers) != plan->layer_count)
		return err_set(err, ERR_SYSTEM, -EBADMSG, "its manifest names %zu layers and its "
			       "config %zu", json_array_size(layers), plan->layer_count);
	json_array_foreach(layers, i, d) {
		const char *type = json_get_str(d, "mediaType", "");
		struct oci_blob blob;
		int r;

		if (!is_layer_type(type))
			return err_set(err, ERR_SYSTEM, -EBADMSG, "layer %zu is of the kind "
				       "'%.100s', which is not read here", i, type);
		r = blob_of(d, &blob, err);
		if (r < 0)
			return r;
		memcpy(blob.diff_id, plan->layers[i].diff_id, sizeof(blob.diff_id));
		plan->layers[i] = blob;
	}
	return 0;
}

static int read_manifest(int root, struct oci_image *image, struct oci_plan *plan, struct err *err) {
	auto_json json_t *manifest = NULL, *config = NULL;
	const json_t *d;
	const char *type;
	int r = read_json(root, &image->manifest, &manifest, err);

	if (r < 0)
		return r;
	d = json_object_get(manifest, "config");
	type = json_get_str(d, "mediaType", "");
	if (strcmp(type, "application/vnd.oci.image.config.v1+json") != 0 &&
	    strcmp(type, "application/vnd.docker.container.image.v1+json") != 0)
		return err_set(err, ERR_SYSTEM, -EBADMSG, "it is no image but '%.100s'", type);
	r = blob_of(d, &plan->config, err);
	if (r == 0)
		r = read_json(root, &plan->config, &config, err);
	if (r == 0)
		r = oci_parse_config(config, plan, err);
	return r < 0 ? r : take_layers(manifest, plan, err);
}

/* ---- docker save ---- */

/* A name in manifest.json: relative, and in newer ones that of a blob. */
static int docker_path(const char *raw, struct oci_blob *ret, struct err *err) {
	char clean[POLICY_NAME_MAX + 1];
	const char *why, *hex;
	size_t digits;

	*ret = (struct oci_blob){ .size = -1 };
	if (!raw || strlen(raw) > 1024 || policy_clean_name(raw, clean, &why) < 0 || !*clean)
		return err_set(err, ERR_SYSTEM, -EBADMSG, "manifest.json of the image names "
			       "'%.100s', which is no file", raw ? raw : "");
	hex = strncmp(clean, "blobs/sha256/", 13) == 0 ? clean + 13 : clean;
	digits = strspn(hex, "0123456789abcdef");
	/* A config lies at the top as "<digest>.json". */
	if (digits == HASH_HEX_SIZE - 1 && (!hex[digits] || strcmp(hex + digits, ".json") == 0)) {
		memcpy(ret->digest, hex, digits);
		ret->digest[digits] = '\0';
	}
	ret->path = xstrdup(clean);
	return 0;
}

static int read_docker(int root, const json_t *entry, struct oci_plan *plan, struct err *err) {
	const json_t *layers = json_object_get(entry, "Layers"), *item;
	auto_json json_t *config = NULL;
	size_t i;
	int r = docker_path(json_get_str(entry, "Config", NULL), &plan->config, err);

	if (r == 0)
		r = read_json(root, &plan->config, &config, err);
	if (r == 0)
		r = oci_parse_config(config, plan, err);
	if (r < 0)
		return r;
	if (json_array_size(layers) != plan->layer_count)
		return err_set(err, ERR_SYSTEM, -EBADMSG, "manifest.json names %zu layers and the "
			       "config %zu", json_array_size(layers), plan->layer_count);
	json_array_foreach(layers, i, item) {
		struct oci_blob blob;

		r = docker_path(json_string_value(item), &blob, err);
		if (r < 0)
			return r;
		memcpy(blob.diff_id, plan->layers[i].diff_id, sizeof(blob.diff_id));
		plan->layers[i] = blob;
	}
	return 0;
}

static int walk_docker(const json_t *doc, struct oci_images *list, struct err *err) {
	const json_t *entry;
	size_t i;

	json_array_foreach(doc, i, entry) {
		const json_t *name;
		struct oci_image *image;
		size_t n;

		if (list->count == OCI_IMAGES_MAX)
			return err_set(err, ERR_SYSTEM, -EBADMSG, "it holds more than %d images",
				       OCI_IMAGES_MAX);
		image = add_image(list);
		image->docker = entry;
		json_array_foreach(json_object_get(entry, "RepoTags"), n, name)
			add_name(&image->names, json_string_value(name));
	}
	return 0;
}

/* ---- all of it ---- */

static int read_image(int root, struct oci_image *image, struct oci_plan *plan, struct err *err) {
	return image->docker ? read_docker(root, image->docker, plan, err)
			     : read_manifest(root, image, plan, err);
}

/* Where the index does not say what an image is for, its config does. */
static int find_platforms(int root, struct oci_images *list, struct err *err) {
	for (size_t i = 0; i < list->count; i++) {
		struct oci_plan plan = { 0 };
		int r = 0;

		if (*list->items[i].platform.arch)
			continue;
		r = read_image(root, &list->items[i], &plan, err);
		list->items[i].platform = plan.platform;
		oci_plan_done(&plan);
		/* Among several the one that is wanted may be another. */
		if (r < 0 && list->count == 1)
			return r;
	}
	return 0;
}

static int choose_and_read(int root, struct oci_images *list, const struct oci_want *want,
			   struct oci_plan *ret, struct err *err) {
	const struct oci_image *chosen;
	struct oci_plan plan = { 0 };
	int r = find_platforms(root, list, err);

	if (r == 0)
		r = oci_choose(list, want, &chosen, err);
	if (r == 0)
		r = read_image(root, (struct oci_image *)chosen, &plan, err);
	if (r < 0) {
		oci_plan_done(&plan);
		return r;
	}
	plan.reference = xstrdup(want->reference ? want->reference :
				 chosen->names	 ? chosen->names[0] : "");
	for (size_t i = 0; i < list->count; i++) {
		autofree char *text = oci_platform_text(&list->items[i].platform);

		if (!strv_contains(plan.platforms, text))
			strv_add(&plan.platforms, text);
	}
	*ret = plan;
	return 0;
}

static bool is_file(int root, const char *name) {
	struct stat st;

	return fstatat(root, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode);
}

/* A root file system may have a manifest.json at its top that is something else. */
static bool is_docker(int root) {
	struct oci_blob blob = { .path = (char *)"manifest.json", .size = -1 };
	auto_json json_t *doc = NULL;
	const json_t *first;

	if (!is_file(root, blob.path) || read_json(root, &blob, &doc, NULL) < 0)
		return false;
	first = json_array_get(doc, 0);
	return json_is_string(json_object_get(first, "Config")) &&
	       json_is_array(json_object_get(first, "Layers"));
}

bool oci_is_there(int root) {
	return (is_file(root, "oci-layout") && is_file(root, "index.json")) || is_docker(root);
}

static int read_layout(int root, const struct oci_want *want, struct oci_plan *ret,
		       struct err *err) {
	struct oci_blob layout = { .path = (char *)"oci-layout", .size = -1 };
	struct oci_blob index = { .path = (char *)"index.json", .size = -1 };
	auto_json json_t *head = NULL, *doc = NULL;
	struct oci_images list = { 0 };
	int r = read_json(root, &layout, &head, err);

	if (r == 0 && strncmp(json_get_str(head, "imageLayoutVersion", ""), "1.", 2) != 0)
		return err_set(err, ERR_SYSTEM, -EBADMSG, "it is an image layout of version '%.20s', "
			       "which is not known", json_get_str(head, "imageLayoutVersion", ""));
	if (r == 0)
		r = read_json(root, &index, &doc, err);
	if (r == 0)
		r = walk_index(root, doc, NULL, 0, &list, err);
	if (r == 0)
		r = choose_and_read(root, &list, want, ret, err);
	oci_images_done(&list);
	return r;
}

int oci_read(int root, const struct oci_want *want, struct oci_plan *ret, struct err *err) {
	struct oci_blob blob = { .path = (char *)"manifest.json", .size = -1 };
	auto_json json_t *doc = NULL;
	struct oci_images list = { 0 };
	int r;

	if (is_file(root, "oci-layout"))
		return read_layout(root, want, ret, err);
	r = read_json(root, &blob, &doc, err);
	if (r == 0)
		r = walk_docker(doc, &list, err);
	if (r == 0)
		r = choose_and_read(root, &list, want, ret, err);
	oci_images_done(&list);
	return r;
}
