/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config/trust-store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/strv.h"
#include "config/load.h"

#define STORE_MAX (1024 * 1024)

static int open_coi(const char *home, bool make, struct err *err) {
	autoclose int dir = open(home, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (dir < 0)
		return err_sys(err, -errno, "cannot open home directory '%s'", home);
	if (make && mkdirat(dir, ".coi", 0700) < 0 && errno != EEXIST)
		return err_sys(err, -errno, "cannot make '%s/.coi'", home);

	int coi = openat(dir, ".coi", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (coi < 0 && errno == ENOENT)
		return -ENOENT;
	if (coi < 0)
		return err_sys(err, -errno, "cannot open '%s/.coi'", home);
	return coi;
}

static bool is_fingerprint(const char *text) {
	return strlen(text) == HASH_HEX_SIZE - 1 && strspn(text, "0123456789abcdef") == strlen(text);
}

static int parse_store(const struct file_text *f, const char *path, struct trust_store *ret,
		       struct err *err) {
	auto_toml struct toml_node *root = NULL;
	int r = toml_parse(f->text, f->len, path, &root, err);

	if (r < 0)
		return r;

	const struct toml_node *approvals = toml_get(root, "approvals");

	if (approvals && approvals->type != TOML_TABLE)
		return err_set(err, ERR_CONFIG, -EBADMSG, "%s: 'approvals' is no table", path);
	for (size_t i = 0; approvals && i < approvals->count; i++) {
		const struct toml_node *n = &approvals->items[i];

		if (n->type == TOML_STRING && is_fingerprint(n->text))
			trust_store_set(ret, n->key, n->text);
	}
	return 0;
}

int trust_store_load(const struct privilege *person, const char *home, struct trust_store *ret,
		     struct err *err) {
	autofree char *path = xasprintf("%s/.coi/trust.toml", home);
	struct file_where where = { AT_FDCWD, path, NULL };
	auto_file_text struct file_text f = { 0 };
	struct trust_store store = { 0 };
	int r;

	*ret = store;
	r = file_text_read(person, &where, FILE_UNTRUSTED, &f, err);
	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return r;
	if ((f.st.st_mode & 022) || (person && f.st.st_uid != person->uid && f.st.st_uid != 0))
		return err_set(err, ERR_CONFIG, -EPERM,
			       "'%s' can be written by others and approves nothing", path);
	r = parse_store(&f, path, &store, err);
	if (r < 0) {
		trust_store_done(&store);
		return r;
	}
	*ret = store;
	return 0;
}

static int save_as_person(const struct privilege *person, const char *home, const char *text,
			  size_t len, struct err *err) {
	autoclose int dir = open_coi(home, true, err);

	if (dir < 0)
		return dir;

	int r = file_write_atomic_at(dir, "trust.toml", text, len, 0600, (uid_t)-1, (gid_t)-1);

	if (r < 0)
		return err_sys(err, r, "cannot write '%s/.coi/trust.toml'", home);
	return 0;
}

int trust_store_save(const struct privilege *person, const char *home,
		     const struct trust_store *store, struct err *err) {
	struct buf text;
	int r;

	buf_init(&text, STORE_MAX);
	buf_adds(&text, "# What was approved with coi trust. Do not edit: any change revokes.\n"
			"[approvals]\n");
	for (size_t i = 0; i < store->count; i++) {
		toml_quote(store->entries[i].file, &text);
		buf_addf(&text, " = \"%s\"\n", store->entries[i].fingerprint);
	}
	if (text.overflow) {
		buf_done(&text);
		return err_set(err, ERR_CONFIG, -EFBIG, "too many approvals");
	}
	if (person)
		privilege_person_begin(person);
	r = save_as_person(person, home, text.data, text.len, err);
	if (person)
		privilege_person_end(person);
	buf_done(&text);
	return r;
}

void trust_store_done(struct trust_store *store) {
	for (size_t i = 0; i < store->count; i++)
		free(store->entries[i].file);
	free(store->entries);
	*store = (struct trust_store){ 0 };
}

static struct trust_entry *find(const struct trust_store *store, const char *file) {
	for (size_t i = 0; i < store->count; i++)
		if (strcmp(store->entries[i].file, file) == 0)
			return &store->entries[i];
	return NULL;
}

const char *trust_store_get(const struct trust_store *store, const char *file) {
	const struct trust_entry *e = find(store, file);

	return e ? e->fingerprint : NULL;
}

static int compare_entries(const void *a, const void *b) {
	return strcmp(((const struct trust_entry *)a)->file, ((const struct trust_entry *)b)->file);
}

void trust_store_set(struct trust_store *store, const char *file, const char *fingerprint) {
	struct trust_entry *e = find(store, file);

	if (!e) {
		store->entries = xreallocarray(store->entries, store->count + 1,
					       sizeof(*store->entries));
		e = &store->entries[store->count++];
		*e = (struct trust_entry){ .file = xstrdup(file) };
	}
	memcpy(e->fingerprint, fingerprint, HASH_HEX_SIZE - 1);
	e->fingerprint[HASH_HEX_SIZE - 1] = '\0';
	qsort(store->entries, store->count, sizeof(*store->entries), compare_entries);
}

bool trust_store_remove(struct trust_store *store, const char *file) {
	struct trust_entry *e = find(store, file);

	if (!e)
		return false;
	free(e->file);
	*e = store->entries[store->count - 1];
	store->count--;
	if (store->count)
		qsort(store->entries, store->count, sizeof(*store->entries), compare_entries);
	return true;
}

void trust_fingerprint(const struct config_gated *items, size_t count, const char *file,
		       char out[HASH_HEX_SIZE]) {
	autostrv char **lines = NULL;
	autofree char *joined = NULL;

	for (size_t i = 0; i < count; i++)
		if (strcmp(items[i].file, file) == 0)
			strv_add(&lines, items[i].canonical);
	if (lines)
		strv_sort(lines);
	joined = strv_join(lines, "\n");
	hash_hex(joined, strlen(joined), out);
}

int trust_approve(const struct config *c, const struct privilege *person, const char *home,
		  const char *only, size_t *ret_files, struct err *err) {
	auto_trust_store struct trust_store store = { 0 };
	struct err ignored;
	autostrv char **done = NULL;
	size_t count, files = 0;
	const struct config_gated *items = config_gated(c, &count);

	/* A garbled one is replaced: it approves nothing, so nothing is lost. */
	if (trust_store_load(person, home, &store, &ignored) == -EPERM) {
		*err = ignored;
		return err->code;
	}
	for (size_t i = 0; i < count; i++) {
		char fingerprint[HASH_HEX_SIZE];

		if ((only && strcmp(only, items[i].file) != 0) || strv_contains(done, items[i].file))
			continue;
		trust_fingerprint(items, count, items[i].file, fingerprint);
		trust_store_set(&store, items[i].file, fingerprint);
		strv_add(&done, items[i].file);
		files++;
	}
	if (files) {
		int r = trust_store_save(person, home, &store, err);

		if (r < 0)
			return r;
	}
	*ret_files = files;
	return 0;
}
