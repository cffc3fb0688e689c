/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Importing an OCI image: each of its layers becomes one of ours, put on those
 * below by the kernel's own overlay, so that what it removes is written as
 * overlayfs does. Its id is the hash of the archives up to it (the chain id of
 * the specification, marked as ours): what images have in common at the bottom
 * is there once.
 *
 * No file counts before its digest has been compared; a layer's archive is
 * hashed once more without its compression, since it is this hash that names it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fd.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/record.h"
#include "base/strv.h"
#include "image/import-private.h"

#define WORK_DIR "work"

struct layer {
	const struct helper_layer *from;
	char id[IMAGE_FINGERPRINT_SIZE];
	bool is_there;	/* in the store, from before */
	uint64_t size;	/* on disk */
	char content[HASH_HEX_SIZE];
	struct helper_result result;
};

struct layers {
	struct import *i;
	int dir; /* of the image; borrowed */
	struct helper_plan plan;
	struct layer *items;
	size_t count;
	uint64_t total, done; /* bytes of the files that are read */
};

static bool is_file(int dir, const char *name) {
	struct stat st;

	return fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode);
}

bool import_is_layers(int dir) {
	if (is_file(dir, "oci-layout") && is_file(dir, "index.json"))
		return true;
	/* A root file system may have a file of that name too. */
	return is_file(dir, "manifest.json") && exists_at(dir, "etc") != 1 &&
	       exists_at(dir, "usr") != 1 && exists_at(dir, "rootfs") != 1;
}

/* ---- files of the image ---- */

static int open_file(const struct layers *s, const char *path, struct stat *st, struct err *err) {
	autoclose int fd = open_in_root(s->dir, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);

	if (fd == -ENOENT)
		return err_set(err, ERR_MISSING, -ENOENT, "'%.200s' of the image is missing", path);
	if (fd < 0)
		return err_sys(err, fd, "cannot open '%.200s' of the image", path);
	if (fstat(fd, st) < 0)
		return err_sys(err, -errno, "cannot look at '%.200s' of the image", path);
	if (!S_ISREG(st->st_mode))
		return err_set(err, ERR_SYSTEM, -EBADMSG, "'%.200s' of the image is no file", path);
	return steal_fd(&fd);
}

static int tell(const struct layers *s, uint64_t done, struct err *err) {
	const struct image_progress *p = s->i->spec->progress;

	if (!p || !p->fn || p->fn(done, s->total, p->data) == 0)
		return 0;
	return err_set(err, ERR_SYSTEM, -ECANCELED, "stopped");
}

/* The whole file, from its beginning; it is at its beginning again afterwards. */
static int check_digest(const struct layers *s, const struct helper_layer *from, int fd,
			struct err *err) {
	char digest[HASH_HEX_SIZE];
	int r = hash_fd_hex(fd, digest);

	if (r == 0 && lseek(fd, 0, SEEK_SET) < 0)
		r = -errno;
	if (r < 0)
		return err_sys(err, r, "cannot read '%.200s' of the image", from->path);
	if (strcmp(digest, from->digest) != 0)
		return err_set(err, ERR_SYSTEM, -EBADMSG, "'%.200s' of the image has another SHA-256 "
			       "than it should have", from->path);
	return tell(s, s->done, err);
}

/* Opened, with the size and the digest that it should have. */
static int open_blob(const struct layers *s, const struct helper_layer *from, struct err *err) {
	struct stat st;
	autoclose int fd = open_file(s, from->path, &st, err);
	int r = 0;

	if (fd < 0)
		return fd;
	if (from->size >= 0 && st.st_size != from->size)
		return err_set(err, ERR_SYSTEM, -EBADMSG, "'%.200s' of the image has %lld bytes, "
			       "not %lld", from->path, (long long)st.st_size,
			       (long long)from->size);
	if (*from->digest)
		r = check_digest(s, from, fd, err);
	return r < 0 ? r : steal_fd(&fd);
}

/* ---- which layers there are already ---- */

static void name_layer(const struct layers *s, size_t n) {
	struct layer *l = &s->items[n];
	autofree char *text = xasprintf("coi oci layer\n%s\n%s\n", n ? s->items[n - 1].id : "",
					l->from->diff_id);

	hash_hex(text, strlen(text), l->id);
}

static uint64_t size_of(const struct layout *l, const char *id) {
	autofree char *name = xasprintf("%s/layer.ini", id);
	auto_record struct record *r = NULL;
	int64_t size = 0;

	if (record_load(l->layers_fd, name, IMAGE_FORMAT, &r, NULL) == 0)
		size = record_get_int(r, "", "size", 0);
	return size > 0 ? (uint64_t)size : 0;
}

static void find_layers(struct layers *s) {
	s->count = s->plan.count;
	s->items = xcalloc(s->count, sizeof(s->items[0]));
	for (size_t n = 0; n < s->count; n++) {
		struct layer *l = &s->items[n];
		autoclose int fd = -1;
		struct stat st;

		l->from = &s->plan.layers[n];
		name_layer(s, n);
		l->is_there = exists_at(s->i->l->layers_fd, l->id) == 1;
		if (l->is_there) {
			l->size = size_of(s->i->l, l->id);
			continue;
		}
		fd = open_file(s, l->from->path, &st, NULL);
		s->total += fd < 0 ? 0 : (uint64_t)st.st_size;
	}
}

/* ---- building one ---- */

static char *stage_name(size_t n, const char *what) {
	return xasprintf("%zu%s%s", n, *what ? "/" : "", what);
}

static int open_tree_of(const struct layers *s, size_t n) {
	autofree char *name = s->items[n].is_there ? xasprintf("%s/fs", s->items[n].id)
						   : stage_name(n, "fs");
	int parent = s->items[n].is_there ? s->i->l->layers_fd : s->i->stage.dir_fd;
	int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

static int make_dir(int parent, const char *name, mode_t mode) {
	autoclose int fd = -1;

	if (mkdirat(parent, name, mode) < 0)
		return -errno;
	fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	/* mkdir honours the caller's umask, an archive without a top entry must not. */
	if (fd < 0 || fchmod(fd, mode) < 0)
		return -errno;
	return steal_fd(&fd);
}

/* An overlay's top is as its uppermost directory: as below, if the layer does not say. */
static int inherit_top(const struct layers *s, size_t n, int upper) {
	autoclose int below = n ? open_tree_of(s, n - 1) : -1;
	struct timespec times[2];
	struct stat st;

	if (!n)
		return 0;
	if (below < 0 || fstat(below, &st) < 0)
		return below < 0 ? below : -errno;
	times[0] = st.st_atim;
	times[1] = st.st_mtim;
	if (fchown(upper, st.st_uid, st.st_gid) < 0 || fchmod(upper, st.st_mode & 07777) < 0 ||
	    futimens(upper, times) < 0)
		return -errno;
	return 0;
}

static int write_record(const struct layers *s, size_t n, int dir, struct err *err) {
	auto_record struct record *r = record_new(IMAGE_FORMAT);
	const struct layer *l = &s->items[n];

	record_set(r, "", "id", l->id);
	record_set(r, "", "source", "oci");
	record_setf(r, "", "size", "%llu", (unsigned long long)l->size);
	record_setf(r, "", "entries", "%llu", (unsigned long long)l->result.entries);
	record_set(r, "", "diff_id", l->from->diff_id);
	record_set(r, "", "content", l->content);
	return record_store(r, dir, "layer.ini", 0600, err);
}

static int apply(struct layers *s, size_t n, struct helper_apply *spec, struct err *err) {
	struct sha256_ctx hash;
	char diff_id[HASH_HEX_SIZE];
	int r;

	sha256_init(&hash);
	spec->hash = &hash;
	spec->is_packed = import_is_packed(spec->blob);
	r = helper_apply(spec, &s->items[n].result, err);
	if (r < 0)
		return r;
	hash_ctx_hex(&hash, diff_id);
	if (strcmp(diff_id, s->items[n].from->diff_id) != 0)
		return err_set(err, ERR_SYSTEM, -EBADMSG, "the archive in '%.200s' has another "
			       "SHA-256 than the image's config says", s->items[n].from->path);
	return 0;
}

static int finish_layer(struct layers *s, size_t n, int dir, int hashes, struct err *err) {
	struct content_sum sum;
	int r = tree_remove_at(dir, WORK_DIR);

	if (r < 0)
		return err_sys(err, r, "cannot finish a layer");
	r = content_write(dir, hashes, NULL, &sum, err);
	if (r < 0)
		return r;
	s->items[n].size = sum.size;
	memcpy(s->items[n].content, sum.digest, sizeof(sum.digest));
	return write_record(s, n, dir, err);
}

static int build_in(struct layers *s, size_t n, int dir, int blob, struct err *err) {
	autofree int *lower = xcalloc(n + 1, sizeof(*lower));
	autoclose int upper = make_dir(dir, "fs", 0755), work = make_dir(dir, WORK_DIR, 0700);
	autoclose int hashes = import_hashes(s->i, err);
	struct helper_apply spec = { .blob = blob, .lower = lower, .upper = upper, .work = work,
				     .hashes = hashes, .lock_fd = s->i->stage.lock_fd,
				     .total = s->total, .done = s->done,
				     .progress = s->i->spec->progress };
	int r = hashes < 0 ? hashes : upper < 0 ? upper : work < 0 ? work : inherit_top(s, n, upper);

	for (; r >= 0 && spec.lower_count < n; spec.lower_count++)
		r = lower[spec.lower_count] = open_tree_of(s, spec.lower_count);
	r = r < 0 ? err_sys(err, r, "cannot make a place for a layer") : apply(s, n, &spec, err);
	for (size_t i = 0; i < spec.lower_count; i++)
		mem_close_ptr(&lower[i]);
	return r < 0 ? r : finish_layer(s, n, dir, hashes, err);
}

static int build_layer(struct layers *s, size_t n, struct err *err) {
	autofree char *name = stage_name(n, "");
	autoclose int blob = open_blob(s, s->items[n].from, err);
	autoclose int dir = -1;
	struct stat st;
	int r;

	if (blob < 0)
		return blob;
	dir = make_dir(s->i->stage.dir_fd, name, 0700);
	r = dir < 0 ? err_sys(err, dir, "cannot make a place for a layer")
		    : build_in(s, n, dir, blob, err);
	s->done += fstat(blob, &st) == 0 ? (uint64_t)st.st_size : 0;
	return r < 0 ? err_wrap(err, "layer %zu of %zu", n + 1, s->count) : 0;
}

/* ---- the image ---- */

/* The newest os-release of the layers; a whiteout is no file, and so is passed over. */
static void find_os(const struct layers *s, struct image_info *info) {
	for (size_t n = s->count; n > 0 && !*info->os; n--) {
		autoclose int fs = open_tree_of(s, n - 1);

		import_os_release(fs, info);
	}
}

static int name_image(const struct layers *s, struct image_info *info, struct err *err) {
	struct stat st;
	autoclose int fd = open_file(s, s->plan.config, &st, err);
	int r = fd < 0 ? fd : hash_fd_hex(fd, info->fingerprint);

	return fd < 0 ? fd : r < 0 ? err_sys(err, r, "cannot read the image's config") : 0;
}

static int describe(struct layers *s, struct image_info *info, struct err *err) {
	s->i->metadata = s->plan.metadata;
	import_describe(s->i, info);
	find_os(s, info);
	str_replace(&info->reference, s->plan.reference);
	str_replace(&info->user, s->plan.user);
	str_replace(&info->dir, s->plan.dir);
	info->env = strv_copy(s->plan.env);
	info->entrypoint = strv_copy(s->plan.entrypoint);
	info->cmd = strv_copy(s->plan.cmd);
	for (size_t n = 0; n < s->count; n++) {
		image_info_add_layer(info, POOL_DEFAULT, s->items[n].id);
		info->size += s->items[n].size;
	}
	return name_image(s, info, err);
}

static int commit(struct layers *s, const struct image_info *info, bool *ret_existed,
		  struct err *err) {
	autofree struct store_part *parts = xcalloc(s->count, sizeof(*parts));
	const char *aliases[2] = { s->i->spec->alias, NULL };
	size_t count = 0;

	for (size_t n = 0; n < s->count; n++) {
		if (s->items[n].is_there)
			continue;
		(void)snprintf(parts[count].name, sizeof(parts[count].name), "%zu", n);
		memcpy(parts[count++].id, s->items[n].id, sizeof(s->items[n].id));
	}
	/* The trees are on disk before anything names them. */
	if (count && syncfs(s->i->stage.dir_fd) < 0)
		return err_sys(err, -errno, "cannot write the image to the disk");
	return store_commit(s->i->l, &s->i->stage, parts, count, info, aliases, ret_existed, err);
}

static void fill_result(struct layers *s, const char *machine, struct image_import_result *ret) {
	for (size_t n = 0; n < s->count; n++) {
		ret->shared += s->items[n].is_there;
		ret->entries += s->items[n].result.entries;
		ret->dropped_xattrs += s->items[n].result.dropped_xattrs;
		ret->skipped_devices += s->items[n].result.skipped_devices;
	}
	ret->is_foreign = strcmp(s->plan.metadata.architecture, machine) != 0;
	ret->platform = steal_ptr(s->plan.platform);
	ret->platforms = steal_ptr(s->plan.platforms);
}

static int import_plan(struct layers *s, const char *machine, struct image_import_result *ret,
		       struct err *err) {
	auto_image_info struct image_info *info = image_info_new(), *stored = NULL;
	struct image_import_result result = { 0 };
	int r = 0;

	find_layers(s);
	for (size_t n = 0; n < s->count && r == 0; n++)
		if (!s->items[n].is_there)
			r = build_layer(s, n, err);
	if (r == 0)
		r = describe(s, info, err);
	if (r == 0)
		r = commit(s, info, &result.existed, err);
	if (r == 0)
		r = image_find(s->i->l, info->fingerprint, &stored, err);
	if (r < 0)
		return r;
	fill_result(s, machine, &result);
	result.info = steal_ptr(stored);
	*ret = result;
	return 0;
}

/*
 * Has a layer gone that was counted on? Another image's deletion takes no notice
 * of an import that is under way.
 */
static bool has_lost_one(const struct layers *s) {
	for (size_t n = 0; n < s->count; n++)
		if (s->items[n].is_there && exists_at(s->i->l->layers_fd, s->items[n].id) != 1)
			return true;
	return false;
}

/* What was built stands on it: all over again. */
static int forget_layers(struct layers *s, struct err *err) {
	int r = 0;

	for (size_t n = 0; n < s->count && r == 0; n++) {
		autofree char *name = stage_name(n, "");

		r = tree_remove_at(s->i->stage.dir_fd, name);
	}
	free(s->items);
	s->items = NULL;
	s->count = 0;
	s->total = s->done = 0;
	return r < 0 ? err_sys(err, r, "cannot begin the import again") : 0;
}

int import_layers(struct import *i, int dir, struct image_import_result *ret, struct err *err) {
	struct layers s = { .i = i, .dir = dir };
	struct utsname host;
	int r = uname(&host) < 0 ? err_sys(err, -errno, "cannot tell what machine this is") : 0;

	if (r == 0)
		r = helper_plan(dir, host.machine, i->spec->reference, &s.plan, err);
	if (r == 0)
		r = import_plan(&s, host.machine, ret, err);
	for (int again = 0; again < 3 && r < 0 && has_lost_one(&s); again++) {
		r = forget_layers(&s, err);
		if (r == 0)
			r = import_plan(&s, host.machine, ret, err);
	}
	helper_plan_done(&s.plan);
	free(s.items);
	return r;
}
