/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Importing: archive or directory → stage → layer, record, alias. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/record.h"
#include "base/strv.h"
#include "image/import-private.h"

#define UNPACK_DIR "in"
#define METADATA_DIR "meta"

struct source {
	int fd;
	const char *name; /* for messages */
	struct stat st;
};

/* ---- what is given ---- */

static int open_source(const char *path, int fd, struct source *ret, struct err *err) {
	ret->name = path ? path : "standard input";
	ret->fd = path ? open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY)
		       : fcntl(fd, F_DUPFD_CLOEXEC, 3);
	if (ret->fd < 0 || fstat(ret->fd, &ret->st) < 0)
		return err_sys(err, -errno, "cannot open '%s'", ret->name);
	return 0;
}

/* Formats that people try, told by their first bytes; what they hold is not looked at. */
static int refuse_other_formats(const struct source *s, struct err *err) {
	unsigned char magic[8] = { 0 };

	if (!S_ISREG(s->st.st_mode))
		return 0;
	if (s->st.st_size == 0)
		return err_set(err, ERR_SYSTEM, -EBADMSG, "'%s' is empty", s->name);
	if (pread(s->fd, magic, sizeof(magic), 0) < 4)
		return err_set(err, ERR_SYSTEM, -EBADMSG, "'%s' is no image: it is too short",
			       s->name);
	if (memcmp(magic, "hsqs", 4) == 0) {
		(void)err_set(err, ERR_SYSTEM, -EBADMSG, "'%s' is a squashfs, which is not read "
			      "here", s->name);
		return err_hint(err, "unpack it first: unsquashfs -d DIRECTORY %s (package "
				"squashfs-tools), then import the directory", s->name);
	}
	if (memcmp(magic, "QFI\xfb", 4) == 0)
		return err_set(err, ERR_SYSTEM, -EBADMSG, "'%s' is the disk of a virtual machine, "
			       "not a container image", s->name);
	return 0;
}

bool import_is_packed(int fd) {
	static const struct {
		unsigned char bytes[6];
		size_t size;
	} magics[] = {
		{ { 0x1f, 0x8b }, 2 },
		{ { 0xfd, '7', 'z', 'X', 'Z', 0 }, 6 },
		{ { 0x28, 0xb5, 0x2f, 0xfd }, 4 },
	};
	unsigned char head[6] = { 0 };

	if (pread(fd, head, sizeof(head), 0) != (ssize_t)sizeof(head))
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(magics); i++)
		if (memcmp(head, magics[i].bytes, magics[i].size) == 0)
			return true;
	return false;
}

int import_hashes(const struct import *i, struct err *err) {
	int fd = openat(i->stage.dir_fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	return fd < 0 ? err_sys(err, -errno, "cannot make a file for hashes") : fd;
}

/* ---- unpacking one source into a directory of the stage ---- */

static int unpack_source(struct import *i, const struct source *s, const char *dir,
			 struct helper_result *ret, struct err *err) {
	struct helper_unpack unpack = {
		.feed = { .in = s->fd, .file = -1, .total = i->total, .done = i->done,
			  .hash = &i->hash, .progress = i->spec->progress },
		.is_plain = S_ISREG(s->st.st_mode) && !import_is_packed(s->fd),
		.hashes = i->hashes,
		.lock_fd = i->stage.lock_fd,
	};
	autoclose int target = -1;
	int r;

	if (mkdirat(i->stage.dir_fd, dir, 0755) < 0)
		return err_sys(err, -errno, "cannot make a directory to unpack to");
	target = openat(i->stage.dir_fd, dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	/* mkdir honours the caller's umask, an archive without a top entry must not. */
	if (target < 0 || fchmod(target, 0755) < 0)
		return err_sys(err, -errno, "cannot open the directory to unpack to");
	unpack.target = target;
	r = S_ISDIR(s->st.st_mode) ? helper_repack(s->fd, &unpack, ret, err)
				   : helper_unpack(&unpack, ret, err);
	i->done += S_ISREG(s->st.st_mode) ? (uint64_t)s->st.st_size : 0;
	return r < 0 ? err_wrap(err, "importing '%s'", s->name) : 0;
}

static int move_to_fs(struct import *i, const char *from, struct err *err) {
	struct stat st;

	if (fstatat(i->stage.dir_fd, from, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(err, -errno, "cannot find what was unpacked");
	if (!S_ISDIR(st.st_mode))
		return err_set(err, ERR_SYSTEM, -EBADMSG, "rootfs of the image is no directory");
	if (renameat(i->stage.dir_fd, from, i->stage.dir_fd, "fs") < 0)
		return err_sys(err, -errno, "cannot move what was unpacked");
	return 0;
}

static int import_single(struct import *i, const struct source *s, struct err *err) {
	int r = unpack_source(i, s, UNPACK_DIR, &i->result, err);

	if (r < 0)
		return r;
	i->metadata = i->result.metadata;
	switch (i->result.layout) {
	case HELPER_METADATA:
		(void)err_set(err, ERR_USAGE, -EINVAL, "'%s' is only the metadata half of a split "
			      "image", s->name);
		return err_hint(err, "give the root file system's tarball as the second file");
	case HELPER_UNIFIED:
		r = move_to_fs(i, UNPACK_DIR "/rootfs", err);
		return r < 0 ? r : tree_remove_at(i->stage.dir_fd, UNPACK_DIR);
	case HELPER_OCI:
		return 0; /* of that the layers come next */
	default:
		return move_to_fs(i, UNPACK_DIR, err);
	}
}

static int import_split(struct import *i, const struct source *meta, const struct source *root,
			struct err *err) {
	struct helper_result about;
	int r;

	if (S_ISDIR(meta->st.st_mode) || S_ISDIR(root->st.st_mode))
		return err_set(err, ERR_USAGE, -EINVAL, "a split image consists of two files, not of "
			       "directories");
	r = unpack_source(i, meta, METADATA_DIR, &about, err);
	if (r == 0 && about.layout == HELPER_ROOTFS)
		return err_set(err, ERR_SYSTEM, -EBADMSG, "'%s' holds no metadata.yaml", meta->name);
	if (r == 0 && about.layout == HELPER_UNIFIED)
		return err_set(err, ERR_USAGE, -EINVAL, "'%s' is a whole image; a second file is not "
			       "wanted", meta->name);
	if (r == 0)
		r = unpack_source(i, root, UNPACK_DIR, &i->result, err);
	if (r == 0 && i->result.layout != HELPER_ROOTFS)
		return err_set(err, ERR_USAGE, -EINVAL, "'%s' is no plain root file system",
			       root->name);
	if (r == 0)
		r = tree_remove_at(i->stage.dir_fd, METADATA_DIR);
	if (r < 0)
		return r;
	i->metadata = about.metadata;
	i->result.dropped_xattrs += about.dropped_xattrs;
	i->result.skipped_devices += about.skipped_devices;
	return move_to_fs(i, UNPACK_DIR, err);
}

/* ---- what is recorded ---- */

/* A root file system says what it is; without a file that does, it stays unsaid. */
void import_os_release(int fs, struct image_info *info) {
	autoclose int fd = fs < 0 ? -1 : open_in_root(fs, "etc/os-release", O_RDONLY | O_NONBLOCK, 0);
	auto_record struct record *r = NULL;
	autobuf struct buf text;
	struct stat st;
	const char *id, *version;

	buf_init(&text, 65536);
	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || fd_read_all(fd, &text) < 0 ||
	    strlen(text.data) != text.len || record_parse(text.data, "os-release", 0, &r, NULL) < 0)
		return;
	id = record_get(r, "", "ID");
	version = record_get(r, "", "VERSION_CODENAME");
	if (!version || !*version)
		version = record_get(r, "", "VERSION_ID");
	if (id && !*info->os)
		str_replace(&info->os, id);
	if (version && !*info->release)
		str_replace(&info->release, version);
}

static void replace_if(char **field, const char *value) {
	if (value && *value)
		str_replace(field, value);
}

void import_describe(const struct import *i, struct image_info *info) {
	struct utsname host;

	/* The archive says it: nothing that the record could not hold. */
	info->created = i->metadata.creation_date > 0 &&
					i->metadata.creation_date <= CLOCK_RFC3339_LAST ?
				(time_t)i->metadata.creation_date : time(NULL);
	replace_if(&info->architecture, i->metadata.architecture);
	replace_if(&info->os, i->metadata.os);
	replace_if(&info->release, i->metadata.release);
	replace_if(&info->description, i->metadata.description);
	if (!*info->architecture && uname(&host) == 0)
		str_replace(&info->architecture, host.machine);
	replace_if(&info->description, i->spec->description);
	replace_if(&info->recipe, i->spec->recipe);
	replace_if(&info->recipe_hash, i->spec->recipe_hash);
	replace_if(&info->base_alias, i->spec->base_alias);
	strv_add_all(&info->registries, i->spec->registries);
}

static struct image_info *describe(struct import *i) {
	autoclose int fs = openat(i->stage.dir_fd, "fs", O_RDONLY | O_DIRECTORY | O_NOFOLLOW |
				  O_CLOEXEC);
	struct image_info *info = image_info_new();
	struct sha256_ctx hash = i->hash;

	hash_ctx_hex(&hash, info->fingerprint);
	image_info_add_layer(info, POOL_DEFAULT, info->fingerprint);
	info->size = i->content.size;
	import_describe(i, info);
	import_os_release(fs, info);
	return info;
}

/* layer.ini is for people who look into the directory, and for later formats. */
static int write_layer_record(struct import *i, const struct image_info *info, struct err *err) {
	auto_record struct record *r = record_new(IMAGE_FORMAT);

	record_set(r, "", "id", info->layers[0].id);
	record_set(r, "", "source", "import");
	record_setf(r, "", "size", "%llu", (unsigned long long)info->size);
	record_setf(r, "", "entries", "%llu", (unsigned long long)i->result.entries);
	record_set(r, "", "content", i->content.digest);
	return record_store(r, i->stage.dir_fd, "layer.ini", 0600, err);
}

/* An empty directory, or an archive of one: what somebody has given by mistake. */
static int refuse_nothing(const struct import *i, const struct source *s, struct err *err) {
	autoclose int fs = openat(i->stage.dir_fd, "fs", O_RDONLY | O_DIRECTORY | O_NOFOLLOW |
				  O_CLOEXEC);
	autostrv char **names = NULL;
	int r = fs < 0 ? -errno : dir_names(fs, &names);

	if (r < 0)
		return err_sys(err, r, "cannot look at what was unpacked");
	return names ? 0 : err_set(err, ERR_SYSTEM, -EBADMSG, "'%s' is empty", s->name);
}

static int finish(struct import *i, struct image_import_result *ret, struct err *err) {
	auto_image_info struct image_info *info = NULL;
	const char *aliases[2] = { i->spec->alias, NULL };
	struct image_info *stored = NULL;
	struct store_part part;
	bool existed = false;
	int r = content_write(i->stage.dir_fd, i->hashes, NULL, &i->content, err);

	if (r < 0)
		return r;
	info = describe(i);
	r = write_layer_record(i, info, err);
	store_part_whole(&part, info->layers[0].id);
	/* The tree is on disk before anything names it. */
	if (r == 0 && syncfs(i->stage.dir_fd) < 0)
		r = err_sys(err, -errno, "cannot write the image to the disk");
	if (r == 0)
		r = store_commit(i->l, &i->stage, &part, 1, info, aliases, &existed, err);
	if (r == 0)
		r = image_find(i->l, info->fingerprint, &stored, err);
	if (r < 0)
		return r;
	*ret = (struct image_import_result){
		.info = stored,
		.existed = existed,
		.entries = i->result.entries,
		.dropped_xattrs = i->result.dropped_xattrs,
		.skipped_devices = i->result.skipped_devices,
	};
	return 0;
}

/* What was unpacked, or was a directory already, consists of layers. */
static int finish_layers(struct import *i, const struct source *s, struct image_import_result *ret,
			 struct err *err) {
	autoclose int dir = openat(i->stage.dir_fd, UNPACK_DIR, O_RDONLY | O_DIRECTORY | O_NOFOLLOW |
				   O_CLOEXEC);
	bool is_dir = S_ISDIR(s->st.st_mode);
	int r;

	if (!is_dir && dir < 0)
		return err_sys(err, -errno, "cannot open what was unpacked");
	r = import_layers(i, is_dir ? s->fd : dir, ret, err);
	return r < 0 ? err_wrap(err, "importing '%s'", s->name) : 0;
}

static int run(struct import *i, const struct source *first, const struct source *second,
	       struct image_import_result *ret, struct err *err) {
	bool is_dir = S_ISDIR(first->st.st_mode);
	int r = is_dir ? 0 : refuse_other_formats(first, err);

	if (r == 0 && second->fd >= 0)
		r = refuse_other_formats(second, err);
	if (r < 0)
		return r;
	if (S_ISREG(first->st.st_mode) && (second->fd < 0 || S_ISREG(second->st.st_mode)))
		i->total = (uint64_t)first->st.st_size +
			   (second->fd < 0 ? 0 : (uint64_t)second->st.st_size);
	sha256_init(&i->hash);
	r = stage_begin(i->l, i->l->layers_fd, &i->stage, err);
	if (r == 0)
		r = i->hashes = import_hashes(i, err);
	if (r < 0)
		return r;
	/* The files of such a directory are read where they lie. */
	if (second->fd < 0 && is_dir && import_is_layers(first->fd))
		return finish_layers(i, first, ret, err);
	r = second->fd < 0 ? import_single(i, first, err) : import_split(i, first, second, err);
	if (r == 0 && i->result.layout == HELPER_OCI)
		return finish_layers(i, first, ret, err);
	if (r == 0)
		r = refuse_nothing(i, second->fd < 0 ? first : second, err);
	if (r == 0 && i->spec->reference)
		r = err_set(err, ERR_USAGE, -EINVAL, "'%s' is one root file system; there is nothing "
			    "to choose from", first->name);
	return r < 0 ? r : finish(i, ret, err);
}

int image_import(const struct layout *l, const struct image_import_spec *spec,
		 struct image_import_result *ret, struct err *err) {
	struct import i = { .l = l, .spec = spec, .stage = STAGE_NONE, .hashes = -1 };
	struct source first = { .fd = -1 }, second = { .fd = -1 };
	int r = 0;

	if (spec->alias && !image_alias_is_valid(spec->alias))
		return err_set(err, ERR_USAGE, -EINVAL, "'%s' is no valid name for an image",
			       spec->alias);
	/* What an import that was killed left goes before the disk is needed again. */
	(void)image_repair(l, NULL, false, NULL, NULL);
	*ret = (struct image_import_result){ 0 };
	r = open_source(spec->path, spec->fd, &first, err);
	if (r == 0 && spec->rootfs_path)
		r = open_source(spec->rootfs_path, -1, &second, err);
	if (r == 0)
		r = run(&i, &first, &second, ret, err);
	stage_abort(&i.stage);
	mem_close_ptr(&i.hashes);
	mem_close_ptr(&first.fd);
	mem_close_ptr(&second.fd);
	return r;
}

void image_import_result_done(struct image_import_result *r) {
	image_info_free(r->info);
	strv_free(r->platforms);
	free(r->platform);
	*r = (struct image_import_result){ 0 };
}
