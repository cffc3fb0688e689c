/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "update/index.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/download.h"
#include "base/json.h"
#include "base/mem.h"

#define FORMAT "coi-releases-1"
#define FILE_CHARACTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._+-/"

/* Becomes a part of an address: nothing that leads out of the directory. */
static bool is_file(const char *name) {
	return *name && strlen(name) <= 200 && *name != '/' && !strstr(name, "..") &&
	       name[strspn(name, FILE_CHARACTERS)] == '\0';
}

static int parse_release(const json_t *doc, const char *version, const char *arch,
			 struct release_index *index, struct err *err) {
	const json_t *archive = json_object_get(json_object_get(doc, "archives"), arch);
	const char *file = json_get_str(archive, "file", "");
	int64_t size = json_get_int(archive, "size", 0);
	struct release *one;
	struct err ignored = { 0 };

	if (!archive)
		return 0;
	index->items = xreallocarray(index->items, index->count + 1, sizeof(*index->items));
	one = &index->items[index->count];
	*one = (struct release){ 0 };
	if (!is_file(file) || size <= 0 || (uint64_t)size > ARCHIVE_MAX ||
	    download_sha256_parse(json_get_str(archive, "sha256", ""), one->sha256, &ignored) < 0)
		return err_set(err, ERR_SYSTEM, -EBADMSG,
			       "the list of releases says nothing sensible about version %s", version);
	(void)snprintf(one->version, sizeof(one->version), "%s", version);
	one->file = xstrdup(file);
	one->size = (uint64_t)size;
	index->count++;
	return 0;
}

static int parse(const json_t *doc, const char *arch, struct release_index *index, struct err *err) {
	const json_t *releases = json_object_get(doc, "releases");
	const char *latest = json_get_str(doc, "latest", "");

	if (strcmp(json_get_str(doc, "format", ""), FORMAT) != 0)
		return err_set(err, ERR_SYSTEM, -EPROTO, "the list of releases is none that this "
			       "version of coi can read");
	index->made = json_get_int(doc, "made", 0);
	index->expires = json_get_int(doc, "expires", 0);
	if (!version_is(latest) || index->made <= 0)
		return err_set(err, ERR_SYSTEM, -EBADMSG, "the list of releases does not say which "
			       "one is the latest, or when it was made");
	/* One that is said in another way than as a time is not one that never comes. */
	if (json_object_get(doc, "expires") && index->expires <= index->made)
		return err_set(err, ERR_SYSTEM, -EBADMSG,
			       "the list of releases says nothing sensible about when it expires");
	(void)snprintf(index->latest, sizeof(index->latest), "%s", latest);
	for (size_t i = 0; i < json_array_size(releases); i++) {
		const json_t *one = json_array_get(releases, i);
		const char *version = json_get_str(one, "version", "");
		int r = version_is(version) ? parse_release(one, version, arch, index, err) :
					      err_set(err, ERR_SYSTEM, -EBADMSG, "the list of releases "
						      "has one with the version '%.60s'", version);

		if (r < 0)
			return r;
	}
	return 0;
}

int index_parse(const char *text, size_t len, const char *arch, struct release_index *ret,
		struct err *err) {
	auto_index struct release_index index = { 0 };
	json_error_t why;
	auto_json json_t *doc = json_loadb(text, len, JSON_REJECT_DUPLICATES, &why);
	int r;

	if (!doc)
		return err_set(err, ERR_SYSTEM, -EBADMSG, "the list of releases is no JSON: line %d: %s",
			       why.line, why.text);
	r = parse(doc, arch, &index, err);
	if (r < 0)
		return r;
	*ret = index;
	index = (struct release_index){ 0 };
	return 0;
}

void index_done(struct release_index *index) {
	for (size_t i = 0; i < index->count; i++)
		free(index->items[i].file);
	free(index->items);
	*index = (struct release_index){ 0 };
}

const struct release *index_find(const struct release_index *index, const char *version) {
	for (size_t i = 0; i < index->count; i++)
		if (strcmp(index->items[i].version, version) == 0)
			return &index->items[i];
	return NULL;
}

char *index_date(int64_t when) {
	char text[32] = "?";
	time_t t = (time_t)when;
	struct tm tm;

	if (gmtime_r(&t, &tm))
		(void)strftime(text, sizeof(text), "%Y-%m-%d %H:%M UTC", &tm);
	return xstrdup(text);
}
