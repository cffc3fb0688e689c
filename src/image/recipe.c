/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reading a recipe, and its hash. Recipes come with coi or from the person: trusted. */
#include "image/recipe.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <nettle/sha2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fd.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/record.h"
#include "base/strv.h"

#define RECIPE_FILE_MAX (1u << 20)
#define RECIPE_NAME_MAX (IMAGE_ALIAS_MAX - 16)
#define LINE_MAX_BYTES 198
#define BLANKS " \t\n"

void recipe_free(struct recipe *r) {
	if (!r)
		return;
	free(r->dir);
	free(r->shared);
	free(r->name);
	free(r->description);
	free(r->script);
	strv_free(r->agents);
	free(r->image);
	free(r->suite);
	free(r->mirror);
	free(r->components);
	free(r->variant);
	strv_free(r->packages);
	strv_free(r->optional_packages);
	free(r->npm_registry);
	for (size_t i = 0; i < r->item_count; i++) {
		free(r->items[i].name);
		free(r->items[i].bin);
		free(r->items[i].package);
		free(r->items[i].version);
		free(r->items[i].integrity);
	}
	free(r->items);
	free(r);
}

void recipe_free_ptr(struct recipe **r) {
	recipe_free(*r);
}

static int faulty(const struct recipe *r, struct err *err, const char *what, const char *subject) {
	return err_set(err, ERR_CONFIG, -EINVAL, "recipe '%s': %s '%s'", r->dir, what, subject);
}

/* NULL for what is absent or empty. */
static char *text(const struct record *rec, const char *section, const char *key) {
	const char *value = record_get(rec, section, key);

	return value && *value ? xstrdup(value) : NULL;
}

/* The recipe's own file, else the shared one. */
static char *find_file(const struct recipe *r, const char *name) {
	autofree char *own = path_join(r->dir, name);

	if (access(own, R_OK) == 0 || !r->shared)
		return steal_ptr(own);
	return path_join(r->shared, name);
}

/* Debian's rule for a package's name (policy 5.6.1), with ":arch" allowed behind it. */
static bool is_package_name(const char *s) {
	return islower((unsigned char)*s) || isdigit((unsigned char)*s)
		       ? s[strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789+-.:")] == '\0'
		       : false;
}

static int read_list(const struct recipe *r, const char *name, char ***ret, struct err *err) {
	autofree char *path = find_file(r, name);
	autostrv char **lines = NULL;
	struct buf b;
	int code = file_read_at(AT_FDCWD, path, RECIPE_FILE_MAX, &b);

	if (code < 0)
		return err_sys(err, code, "recipe '%s': cannot read the list '%s'", r->dir, name);
	lines = strv_split(b.data, "\n");
	buf_done(&b);
	for (size_t i = 0; lines && lines[i]; i++) {
		autostrv char **words = NULL;

		lines[i][strcspn(lines[i], "#")] = '\0';
		words = strv_split(lines[i], " \t\r");
		for (size_t n = 0; words && words[n]; n++) {
			if (!is_package_name(words[n]))
				return faulty(r, err, "this is no name of a package:", words[n]);
			strv_add(ret, words[n]);
		}
	}
	return 0;
}

static int read_lists(const struct recipe *r, const struct record *rec, const char *key,
		      char ***ret, struct err *err) {
	const char *value = record_get(rec, "base", key);
	autostrv char **names = strv_split(value ? value : "", BLANKS);
	int code = 0;

	for (size_t i = 0; code == 0 && names && names[i]; i++)
		code = read_list(r, names[i], ret, err);
	return code;
}

/* KEY.ARCH, else KEY. */
static char *for_machine(const struct record *rec, const char *section, const char *key,
			 const char *machine) {
	autofree char *special = xasprintf("%s.%s", key, machine);
	char *value = text(rec, section, special);

	return value ? value : text(rec, section, key);
}

static int read_item(const struct recipe *r, const struct record *rec, struct recipe_item *item,
		     struct err *err) {
	autofree char *section = xasprintf("npm:%s", item->name);
	const char *kind = record_get(rec, section, "kind");
	struct utsname host;

	if (uname(&host) < 0)
		return err_sys(err, -errno, "cannot find out the machine");
	if (!kind)
		return faulty(r, err, "this section is missing or has no kind:", section);
	if (strcmp(kind, "runtime") == 0)
		item->kind = RECIPE_RUNTIME;
	else if (strcmp(kind, "tool") == 0)
		item->kind = RECIPE_TOOL;
	else if (strcmp(kind, "agent") == 0)
		item->kind = RECIPE_AGENT;
	else
		return faulty(r, err, "kind is not runtime, tool or agent in", section);
	item->bin = text(rec, section, "bin");
	item->package = for_machine(rec, section, "package", host.machine);
	item->version = for_machine(rec, section, "version", host.machine);
	item->integrity = for_machine(rec, section, "integrity", host.machine);
	if (item->package &&
	    (!item->version || !item->integrity || strncmp(item->integrity, "sha512-", 7) != 0))
		return faulty(r, err, "version or integrity (sha512-…) is missing in", section);
	if (item->package && item->package[0] == '-')
		return faulty(r, err, "this is no package:", item->package);
	return 0;
}

static int read_items(struct recipe *r, const struct record *rec, struct err *err) {
	const char *value = record_get(rec, "npm", "items");
	autostrv char **names = strv_split(value ? value : "", BLANKS);
	int code = 0;

	r->npm_registry = text(rec, "npm", "registry");
	r->items = xcalloc(strv_len(names) + 1, sizeof(r->items[0]));
	for (size_t i = 0; code == 0 && names && names[i]; i++) {
		r->items[r->item_count].name = xstrdup(names[i]);
		code = read_item(r, rec, &r->items[r->item_count++], err);
	}
	return code;
}

static int fill(struct recipe *r, const struct record *rec, struct err *err) {
	autofree char *shared = text(rec, "image", "shared");
	autofree char *script = text(rec, "image", "script");
	const char *agents = record_get(rec, "image", "agents");
	int code;

	r->name = text(rec, "image", "name");
	if (!r->name || !image_alias_is_valid(r->name))
		return faulty(r, err, "[image] has no valid name:", r->name ? r->name : "");
	/* Known before the work: each build has an alias with its time behind the name. */
	if (strlen(r->name) > RECIPE_NAME_MAX)
		return err_set(err, ERR_CONFIG, -EINVAL, "recipe '%s': [image] name is longer than %d",
			       r->dir, RECIPE_NAME_MAX);
	r->description = text(rec, "image", "description");
	if (shared) {
		autofree char *joined = *shared == '/' ? xstrdup(shared) : path_join(r->dir, shared);

		r->shared = path_clean(joined);
	}
	if (!script)
		return faulty(r, err, "[image] names no", "script");
	r->script = find_file(r, script);
	if (access(r->script, R_OK) < 0)
		return err_sys(err, -errno, "recipe '%s': cannot read '%s'", r->dir, r->script);
	r->agents = strv_split(agents ? agents : "", BLANKS);
	r->image = text(rec, "base", "image");
	if (r->image && (!image_alias_is_valid(r->image) || strcmp(r->image, r->name) == 0))
		return faulty(r, err, "[base] stands on no other image:", r->image);
	r->suite = text(rec, "base", "suite");
	r->mirror = text(rec, "base", "mirror");
	r->components = text(rec, "base", "components");
	r->variant = text(rec, "base", "variant");
	code = read_lists(r, rec, "packages", &r->packages, err);
	if (code == 0)
		code = read_lists(r, rec, "optional_packages", &r->optional_packages, err);
	if (code == 0)
		code = read_items(r, rec, err);
	return code < 0 ? code : recipe_check_agents(r, r->agents, err);
}

/* Of a longer line inih takes what comes behind for a line of its own. */
static int check_lines(const char *text, const char *file, struct err *err) {
	for (int n = 1; *text; n++) {
		size_t len = strcspn(text, "\n");

		if (len > LINE_MAX_BYTES) {
			(void)err_set(err, ERR_CONFIG, -EINVAL, "line %d of '%s' is longer than %d "
				      "bytes", n, file, LINE_MAX_BYTES);
			return err_hint(err, "a value goes on in lines that begin with a blank");
		}
		text += len + (text[len] == '\n');
	}
	return 0;
}

int recipe_load(const char *dir, struct recipe **ret, struct err *err) {
	auto_recipe struct recipe *r = xcalloc(1, sizeof(*r));
	autofree char *file = path_join(dir, "image.ini");
	auto_record struct record *rec = NULL;
	struct buf b;
	int code = file_read_at(AT_FDCWD, file, RECIPE_FILE_MAX, &b);

	if (code < 0)
		return err_sys(err, code, "cannot read the recipe '%s'", file);
	code = check_lines(b.data, file, err);
	if (code == 0)
		code = record_parse(b.data, file, 0, &rec, err);
	buf_done(&b);
	if (code < 0)
		return code;
	r->dir = path_clean(dir);
	code = fill(r, rec, err);
	if (code < 0)
		return code;
	*ret = steal_ptr(r);
	return 0;
}

int recipe_check_agents(const struct recipe *r, char *const *agents, struct err *err) {
	autostrv char **known = NULL;
	autofree char *list = NULL;

	for (size_t i = 0; i < r->item_count; i++)
		if (r->items[i].kind == RECIPE_AGENT)
			strv_add(&known, r->items[i].name);
	for (size_t i = 0; i < strv_len(agents); i++) {
		if (strv_contains(known, agents[i]))
			continue;
		list = strv_join(known, ", ");
		return err_set(err, ERR_CONFIG, -EINVAL, "image '%s' knows no agent '%s'; it knows %s",
			       r->name, agents[i], list && *list ? list : "none");
	}
	return 0;
}

/* ---- hash ---- */

static void hash_text(struct sha256_ctx *ctx, const char *s) {
	sha256_update(ctx, strlen(s) + 1, (const uint8_t *)s);
}

/* Regular files of one directory, by name; recipes have no directories below. */
static int hash_dir(struct sha256_ctx *ctx, const char *dir, struct err *err) {
	autoclosedir DIR *d = opendir(dir);
	autostrv char **names = NULL;
	struct dirent *entry;

	if (!d)
		return err_sys(err, -errno, "cannot read the directory '%s'", dir);
	while ((entry = readdir(d)))
		if (entry->d_name[0] != '.')
			strv_add(&names, entry->d_name);
	strv_sort(names);
	for (size_t i = 0; names && names[i]; i++) {
		struct buf b;
		int r = file_read_at(dirfd(d), names[i], RECIPE_FILE_MAX, &b);

		if (r == -EISDIR || r == -ENXIO)
			continue;
		if (r < 0)
			return err_sys(err, r, "cannot read '%s/%s'", dir, names[i]);
		hash_text(ctx, names[i]);
		sha256_update(ctx, b.len, (const uint8_t *)b.data);
		hash_text(ctx, "");
		buf_done(&b);
	}
	return 0;
}

int recipe_hash(const struct recipe *r, char *const *agents, char out[IMAGE_FINGERPRINT_SIZE],
		struct err *err) {
	autofree char *list = strv_join(agents ? agents : r->agents, " ");
	struct sha256_ctx ctx;
	struct utsname host;
	int code;

	if (uname(&host) < 0)
		return err_sys(err, -errno, "cannot find out the machine");
	sha256_init(&ctx);
	hash_text(&ctx, "coi recipe 1");
	hash_text(&ctx, host.machine);
	hash_text(&ctx, list ? list : "");
	code = hash_dir(&ctx, r->dir, err);
	if (code == 0 && r->shared)
		code = hash_dir(&ctx, r->shared, err);
	if (code < 0)
		return code;
	hash_ctx_hex(&ctx, out);
	return 0;
}
