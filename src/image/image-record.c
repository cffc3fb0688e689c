/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An image as a record (image.ini) and back. Pure. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/strv.h"
#include "image/store.h"

/* The text fields: never NULL in the struct, absent in the record when empty. */
static const struct {
	const char *key;
	size_t offset;
} texts[] = {
	{ "description", offsetof(struct image_info, description) },
	{ "architecture", offsetof(struct image_info, architecture) },
	{ "os", offsetof(struct image_info, os) },
	{ "release", offsetof(struct image_info, release) },
	{ "recipe", offsetof(struct image_info, recipe) },
	{ "recipe_hash", offsetof(struct image_info, recipe_hash) },
	{ "version", offsetof(struct image_info, version) },
	{ "base", offsetof(struct image_info, base) },
	{ "base_alias", offsetof(struct image_info, base_alias) },
	{ "reference", offsetof(struct image_info, reference) },
	{ "user", offsetof(struct image_info, user) },
	{ "dir", offsetof(struct image_info, dir) },
};

/* Lists: a section of numbered keys each. */
static const struct {
	const char *section;
	size_t offset;
} lists[] = {
	{ "registries", offsetof(struct image_info, registries) },
	{ "env", offsetof(struct image_info, env) },
	{ "entrypoint", offsetof(struct image_info, entrypoint) },
	{ "cmd", offsetof(struct image_info, cmd) },
};

static char ***list_of(struct image_info *i, size_t row) {
	return (char ***)((char *)i + lists[row].offset);
}

static char **text_of(struct image_info *i, size_t row) {
	return (char **)((char *)i + texts[row].offset);
}

bool image_fingerprint_is_valid(const char *text) {
	return strspn(text, "0123456789abcdef") == IMAGE_FINGERPRINT_SIZE - 1 &&
	       strlen(text) == IMAGE_FINGERPRINT_SIZE - 1;
}

struct image_info *image_info_new(void) {
	struct image_info *i = xcalloc(1, sizeof(*i));

	for (size_t row = 0; row < ARRAY_SIZE(texts); row++)
		*text_of(i, row) = xstrdup("");
	return i;
}

void image_info_free(struct image_info *i) {
	if (!i)
		return;
	for (size_t row = 0; row < ARRAY_SIZE(texts); row++)
		free(*text_of(i, row));
	strv_free(i->aliases);
	for (size_t row = 0; row < ARRAY_SIZE(lists); row++)
		strv_free(*list_of(i, row));
	image_layers_free(i->layers, i->layer_count);
	free(i);
}

void image_info_free_ptr(struct image_info **i) {
	image_info_free(*i);
}

void image_list_done(struct image_list *list) {
	for (size_t i = 0; i < list->count; i++)
		image_info_free(list->items[i]);
	free(list->items);
	*list = (struct image_list){ 0 };
}

void image_info_add_layer(struct image_info *i, const char *pool, const char *id) {
	struct image_layer *layer;

	i->layers = xreallocarray(i->layers, i->layer_count + 1, sizeof(i->layers[0]));
	layer = &i->layers[i->layer_count++];
	layer->pool = xstrdup(pool);
	memcpy(layer->id, id, strnlen(id, sizeof(layer->id) - 1));
	layer->id[strnlen(id, sizeof(layer->id) - 1)] = '\0';
}

void image_info_inherit(struct image_info *i, const struct image_info *base) {
	str_replace(&i->architecture, base->architecture);
	str_replace(&i->os, base->os);
	str_replace(&i->release, base->release);
	str_replace(&i->user, base->user);
	str_replace(&i->dir, base->dir);
	for (size_t row = 0; row < ARRAY_SIZE(lists); row++) {
		char **from = *list_of((struct image_info *)base, row), ***to = list_of(i, row);

		/* Arguments may be the same twice; hosts are a set. */
		for (; from && *from; from++)
			if (to != &i->registries || !strv_contains(*to, *from))
				strv_add(to, *from);
	}
}

struct image_layer *image_layers_copy(const struct image_layer *layers, size_t count) {
	struct image_layer *copy = xcalloc(count ? count : 1, sizeof(*copy));

	for (size_t i = 0; i < count; i++) {
		copy[i] = layers[i];
		copy[i].pool = xstrdup(layers[i].pool);
	}
	return copy;
}

void image_layers_free(struct image_layer *layers, size_t count) {
	for (size_t i = 0; i < count; i++)
		free(layers[i].pool);
	free(layers);
}

struct record *image_to_record(const struct image_info *i) {
	struct record *r = record_new(IMAGE_FORMAT);
	char created[CLOCK_RFC3339_SIZE], key[24];

	record_set(r, "", "fingerprint", i->fingerprint);
	record_set(r, "", "created", clock_rfc3339(i->created, created));
	record_setf(r, "", "size", "%llu", (unsigned long long)i->size);
	for (size_t row = 0; row < ARRAY_SIZE(texts); row++) {
		const char *value = *text_of((struct image_info *)i, row);

		if (*value)
			record_set(r, "", texts[row].key, value);
	}
	for (size_t n = 0; n < i->layer_count; n++) {
		(void)snprintf(key, sizeof(key), "%zu", n);
		record_setf(r, "layers", key, "%s:%s", i->layers[n].pool, i->layers[n].id);
	}
	for (size_t row = 0; row < ARRAY_SIZE(lists); row++) {
		char **list = *list_of((struct image_info *)i, row);

		for (size_t n = 0; n < strv_len(list); n++) {
			(void)snprintf(key, sizeof(key), "%zu", n);
			record_set(r, lists[row].section, key, list[n]);
		}
	}
	return r;
}

static int take_layer(const char *key, const char *value, void *data) {
	struct image_info *i = data;
	const char *colon = strrchr(value, ':');
	autofree char *pool = NULL;

	/* The layers are numbered; other keys may come to stand beside them. */
	if (key[strspn(key, "0123456789")] != '\0')
		return 0;
	if (!colon || colon == value || !image_fingerprint_is_valid(colon + 1) ||
	    i->layer_count == IMAGE_LAYERS_MAX)
		return -EBADMSG;
	pool = xstrndup(value, (size_t)(colon - value));
	image_info_add_layer(i, pool, colon + 1);
	return 0;
}

static int take_item(const char *key, const char *value, void *data) {
	(void)key;
	strv_add(data, value);
	return 0;
}

int image_from_record(const struct record *r, const char *name, struct image_info **ret,
		      struct err *err) {
	auto_image_info struct image_info *i = image_info_new();
	const char *fingerprint = record_get(r, "", "fingerprint");
	const char *created = record_get(r, "", "created");
	int64_t size = record_get_int(r, "", "size", 0);

	if (!fingerprint || !image_fingerprint_is_valid(fingerprint))
		return err_set(err, ERR_SYSTEM, -EBADMSG, "'%s' has no valid fingerprint", name);
	memcpy(i->fingerprint, fingerprint, sizeof(i->fingerprint));
	i->created = created ? clock_parse_rfc3339(created) : -1;
	if (i->created == -1)
		return err_set(err, ERR_SYSTEM, -EBADMSG, "'%s' has no valid time", name);
	i->size = size > 0 ? (uint64_t)size : 0;
	for (size_t row = 0; row < ARRAY_SIZE(texts); row++) {
		const char *value = record_get(r, "", texts[row].key);

		if (value)
			str_replace(text_of(i, row), value);
	}
	if (record_each(r, "layers", take_layer, i) != 0 || i->layer_count == 0)
		return err_set(err, ERR_SYSTEM, -EBADMSG, "'%s' has no valid list of layers", name);
	for (size_t row = 0; row < ARRAY_SIZE(lists); row++)
		(void)record_each(r, lists[row].section, take_item, list_of(i, row));
	*ret = steal_ptr(i);
	return 0;
}
