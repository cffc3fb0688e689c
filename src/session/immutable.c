/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "session/immutable.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/lock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/proc.h"
#include "base/strv.h"
#include "session/names.h"

#define RECORD_NAME "immutable.json"
#define RECORD_MAX (1024 * 1024)
#define COPIES_DIR ".coi/immutable-locks"
#define LOCK_NAME ".immutable.lock" /* no container can have that name */
#define DEPTH_MAX 64

/* ---- the marks ---- */

struct walk {
	bool set;
	char *const *spare; /* not even looked at */
	char *const *keep;  /* clearing: were so before */
	char **found;       /* setting: are so already */
	uid_t only;         /* clearing: of this owner only; (uid_t)-1: all */
	unsigned count;
};

static int mark_fd(struct walk *w, int fd, const char *path) {
	int flags;

	if (ioctl(fd, FS_IOC_GETFLAGS, &flags) < 0)
		return -errno;
	if (w->set && (flags & FS_IMMUTABLE_FL)) {
		strv_add(&w->found, path);
		return 0;
	}
	if (!w->set && (!(flags & FS_IMMUTABLE_FL) || strv_contains(w->keep, path)))
		return 0;
	flags = w->set ? flags | FS_IMMUTABLE_FL : flags & ~FS_IMMUTABLE_FL;
	if (ioctl(fd, FS_IOC_SETFLAGS, &flags) == 0)
		return 0;
	/* Nobody writes there anyway. */
	return errno == EROFS ? 0 : -errno;
}

static int walk_one(struct walk *w, int parent, const char *name, const char *path, int depth);

static int walk_dir(struct walk *w, int fd, const char *path, int depth) {
	autoclosedir DIR *dir = NULL;
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3), r = 0;
	struct dirent *e;

	dir = copy < 0 ? NULL : fdopendir(copy);
	if (!dir)
		return -errno;
	for (errno = 0; r == 0 && (e = readdir(dir)); errno = 0) {
		autofree char *inner = NULL;

		if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
			continue;
		inner = path_join(path, e->d_name);
		r = walk_one(w, fd, e->d_name, inner, depth + 1);
	}
	return r == 0 && errno ? -errno : r; /* half a directory would protect half of it */
}

/* Files before the directory that they are in. Links and the like have no such mark. */
static int walk_one(struct walk *w, int parent, const char *name, const char *path, int depth) {
	autoclose int fd = -1;
	struct stat st;
	int r = 0;

	if (strv_contains(w->spare, path))
		return 0;
	if (fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))
		return 0;
	if (w->set && (++w->count > IMMUTABLE_FILES_MAX || depth > DEPTH_MAX))
		return -EOVERFLOW;
	fd = open_beneath(parent, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0);
	if (fd < 0)
		return fd == -ENOENT || fd == -ELOOP ? 0 : fd;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (S_ISDIR(st.st_mode) && depth <= DEPTH_MAX)
		r = walk_dir(w, fd, path, depth);
	if (r < 0 || (w->only != (uid_t)-1 && st.st_uid != w->only))
		return r;
	return mark_fd(w, fd, path);
}

static int walk_path(struct walk *w, int base, const char *path) {
	const char *name = path_base(path);
	autofree char *up = name == path ? xstrdup(".")
					 : xstrndup(path, (size_t)(name - path) - 1);
	autoclose int parent = open_beneath(base, up, O_RDONLY | O_DIRECTORY, 0);

	if (parent < 0)
		return parent == -ENOENT || parent == -ENOTDIR ? 0 : parent;
	return walk_one(w, parent, name, path, 0);
}

/* ---- records ---- */

static json_t *record_read(int dir, const char *name) {
	struct buf b;
	json_t *j;

	if (dir < 0 || file_read_at(dir, name, RECORD_MAX, &b) < 0)
		return NULL;
	j = json_loadb(b.data, b.len, JSON_REJECT_DUPLICATES, NULL);
	buf_done(&b);
	if (j && !json_is_object(j)) {
		json_decref(j);
		return NULL;
	}
	return j;
}

/* What of one directory is marked: the record itself, and each of its list "more". */
static json_t *place_make(const struct immutable_place *place) {
	struct stat st;

	if (fstat(place->fd, &st) < 0)
		return NULL;
	return json_pack("{s:o, s:I, s:I, s:o, s:[]}", "workspace", json_text(place->path), "dev",
			 (json_int_t)st.st_dev, "ino", (json_int_t)st.st_ino, "paths",
			 json_from_strv(place->paths), "kept");
}

static size_t place_count(const json_t *record) {
	return record ? 1 + json_array_size(json_object_get(record, "more")) : 0;
}

static json_t *place_at(const json_t *record, size_t i) {
	return i ? json_array_get(json_object_get(record, "more"), i - 1) : (json_t *)record;
}

static json_t *record_make(const struct immutable_spec *spec) {
	const struct privilege *who = spec->session->who;
	char when[CLOCK_RFC3339_SIZE];
	auto_json json_t *first = place_make(&spec->places[0]), *more = json_array();
	json_t *record = json_pack("{s:o, s:s, s:s, s:o, s:I, s:I, s:o}", "container_name",
				   json_text(spec->container), "applied_at",
				   clock_rfc3339(time(NULL), when), "boot", boot_id(), "root",
				   json_text(spec->session->layout->root), "uid",
				   (json_int_t)who->uid, "gid", (json_int_t)who->gid, "home",
				   json_text(who->home));

	for (size_t i = 1; i < spec->place_count; i++) {
		json_t *place = place_make(&spec->places[i]);

		if (place)
			(void)json_array_append_new(more, place);
	}
	if (!first || json_object_update(record, first) < 0 ||
	    place_count(record) + json_array_size(more) != spec->place_count) {
		json_decref(record);
		return NULL;
	}
	if (json_array_size(more))
		(void)json_object_set(record, "more", more);
	return record;
}

static struct privilege person_of(const json_t *j) {
	return (struct privilege){
		.uid = (uid_t)json_get_int(j, "uid", 0),
		.gid = (gid_t)json_get_int(j, "gid", 0),
		.home = (char *)json_get_str(j, "home", "/"),
	};
}

/* As the person: what leads there is the person's. */
static int copies_open(const struct privilege *person, bool make) {
	autofree char *path = path_join(person->home, COPIES_DIR);
	int fd;

	privilege_person_begin(person);
	if (make)
		fd = open_dir_make(AT_FDCWD, path, 0700);
	else
		fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (!make && fd < 0)
		fd = -errno;
	privilege_person_end(person);
	return fd;
}

static int copy_store(const struct privilege *person, const char *container, const char *text) {
	autofree char *file = xasprintf("%s.json", container);
	autoclose int dir = copies_open(person, true);
	int r = dir;

	if (dir < 0)
		return dir;
	privilege_person_begin(person);
	r = file_write_quick_at(dir, file, text, strlen(text), 0600);
	privilege_person_end(person);
	return r;
}

static void copy_remove(const struct privilege *person, const char *container) {
	autofree char *file = xasprintf("%s.json", container);
	autoclose int dir = copies_open(person, false);

	if (dir < 0)
		return;
	privilege_person_begin(person);
	(void)unlinkat(dir, file, 0);
	privilege_person_end(person);
}

static int record_store(const struct immutable_spec *spec, const json_t *j, struct err *err) {
	autoclose int dir = container_dir(spec->session, spec->container);
	autofree char *text = json_dumps(j, JSON_INDENT(2));
	int r = dir;

	if (!text)
		return err_set(err, ERR_BUG, -EINVAL, "cannot write the record");
	if (dir >= 0)
		r = spec->durable ? file_write_atomic_at(dir, RECORD_NAME, text, strlen(text), 0600,
							 (uid_t)-1, (gid_t)-1)
				  : file_write_quick_at(dir, RECORD_NAME, text, strlen(text), 0600);
	if (r < 0)
		return err_sys(err, r, "cannot note what is made immutable");
	r = copy_store(spec->session->who, spec->container, text);
	if (r < 0)
		log_debug("no copy of the record for the person: %s", strerror(-r));
	return 0;
}

/* What a record has marked, absolute. */
static void add_marked(char ***list, const json_t *record) {
	for (size_t i = 0; i < place_count(record); i++) {
		const json_t *place = place_at(record, i);
		const char *dir = json_get_str(place, "workspace", "/");
		autostrv char **paths = json_get_strv(place, "paths");

		for (char **path = paths; path && *path; path++)
			strv_take(list, path_join(dir, *path));
	}
}

/* What other containers have marked. */
static char **paths_of_others(const struct session *s, const char *container) {
	autostrv char **names = NULL;
	char **out = NULL;

	if (dir_names(s->layout->containers_fd, &names) < 0)
		return NULL;
	for (size_t i = 0; names && names[i]; i++) {
		const char *name = names[i];

		if (name_is_plain(name) && strcmp(name, container) != 0) {
			autoclose int dir = container_dir(s, name);
			auto_json json_t *j = record_read(dir, RECORD_NAME);

			add_marked(&out, j);
		}
	}
	return out;
}

static bool overlaps(char *const *paths, const char *path) {
	for (; paths && *paths; paths++)
		if (path_is_below(path, *paths) || path_is_below(*paths, path))
			return true;
	return false;
}

/* ---- clearing and setting ---- */

/* Devices may have other numbers since the machine was started anew. */
static bool is_place(const json_t *place, const struct stat *st, bool same_boot) {
	return (int64_t)st->st_ino == json_get_int(place, "ino", -1) &&
	       (!same_boot || (int64_t)st->st_dev == json_get_int(place, "dev", -1));
}

static int clear_place(const json_t *place, char *const *others, uid_t only, bool same_boot) {
	const char *dir = json_get_str(place, "workspace", "");
	autostrv char **paths = json_get_strv(place, "paths"), **kept = json_get_strv(place, "kept");
	autoclose int base = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct walk w = { .keep = kept, .only = only };
	struct stat st;
	int result = 0;

	if (base < 0 || fstat(base, &st) < 0 || !is_place(place, &st, same_boot))
		return 0; /* it has gone, or another directory has that name */
	for (char **path = paths; path && *path; path++) {
		autofree char *whole = path_join(dir, *path);
		int r = overlaps(others, whole) ? 0 : walk_path(&w, base, *path);

		if (r < 0 && result == 0)
			result = r;
	}
	return result;
}

/* All of a record but what others hold too. The first failure, after trying everything. */
static int clear_record(const json_t *record, char *const *others, uid_t only) {
	bool same_boot = !strcmp(json_get_str(record, "boot", ""), boot_id());
	int result = 0;

	for (size_t i = 0; i < place_count(record); i++) {
		int r = clear_place(place_at(record, i), others, only, same_boot);

		if (r < 0 && result == 0)
			result = r;
	}
	return result;
}

static int set_place(const struct immutable_place *from, char *const *others, struct walk *w,
		     json_t *place) {
	int r = 0;

	for (char *const *path = from->paths; path && *path && r == 0; path++) {
		autofree char *whole = path_join(from->path, *path);

		if (!overlaps(others, whole))
			r = walk_path(w, from->fd, *path);
	}
	if (w->found)
		json_object_set_new(place, "kept", json_from_strv(w->found));
	strv_free(w->found);
	w->found = NULL;
	return r;
}

static int set_all(const struct immutable_spec *spec, char *const *others, json_t *record,
		   bool *keeps) {
	struct walk w = { .set = true, .spare = spec->spare, .only = (uid_t)-1 };
	int r = 0;

	for (size_t i = 0; i < spec->place_count && r == 0; i++) {
		json_t *place = place_at(record, i);

		r = set_place(&spec->places[i], others, &w, place);
		*keeps |= json_array_size(json_object_get(place, "kept")) > 0;
	}
	return r;
}

static int failed(int r, struct err *err) {
	if (r == -EOVERFLOW)
		return err_set(err, ERR_CONFLICT, r,
			       "protected paths are not made immutable on the host: there are more "
			       "than %d files in them", IMMUTABLE_FILES_MAX);
	if (r == -ENOTTY || r == -EOPNOTSUPP || r == -ENOSYS)
		return err_set(err, ERR_CONFLICT, r,
			       "protected paths are not made immutable on the host: the file system "
			       "of the workspace has no such mark");
	return err_sys(err, r, "protected paths are not made immutable on the host");
}

int immutable_set(const struct immutable_spec *spec, struct err *err) {
	const struct session *s = spec->session;
	autoclose int lock = -1;
	auto_json json_t *record = NULL;
	autostrv char **others = NULL;
	bool keeps = false;
	int r;

	if (!spec->place_count)
		return 0;
	lock = lock_take(s->layout->run_fd, LOCK_NAME, 0, err);
	if (lock < 0)
		return lock;
	record = record_make(spec);
	if (!record)
		return err_set(err, ERR_SYSTEM, -EIO, "cannot look at the workspace");
	others = paths_of_others(s, spec->container);
	r = record_store(spec, record, err);
	if (r < 0)
		return r;
	r = set_all(spec, others, record, &keeps);
	if (r == 0 && keeps)
		return record_store(spec, record, err);
	if (r < 0) {
		autoclose int dir = container_dir(s, spec->container);

		(void)clear_record(record, others, (uid_t)-1);
		if (dir >= 0)
			(void)unlinkat(dir, RECORD_NAME, 0);
		copy_remove(s->who, spec->container);
		return failed(r, err);
	}
	return 0;
}

int immutable_clear(const struct session *s, const char *container, struct err *err) {
	autoclose int dir = container_dir(s, container), lock = -1;
	auto_json json_t *record = NULL;
	autostrv char **others = NULL;
	struct privilege person;
	int r;

	if (dir < 0 || exists_at(dir, RECORD_NAME) != 1)
		return 0;
	lock = lock_take(s->layout->run_fd, LOCK_NAME, 0, err);
	if (lock < 0)
		return lock;
	record = record_read(dir, RECORD_NAME);
	if (!record) {
		(void)unlinkat(dir, RECORD_NAME, 0); /* torn by a power cut: nothing was marked */
		return 0;
	}
	others = paths_of_others(s, container);
	person = person_of(record);
	r = clear_record(record, others, (uid_t)-1);
	(void)unlinkat(dir, RECORD_NAME, 0);
	if (r < 0)
		return err_sys(err, r, "files in '%s' stay immutable",
			       json_get_str(record, "workspace", "?"));
	copy_remove(&person, container);
	return 0;
}

int immutable_again(const struct session *s, const char *container, const char *dir,
		    const char *path, int fd, struct err *err) {
	autoclose int own = container_dir(s, container), lock = -1;
	auto_json json_t *record = NULL;
	autostrv char **marked = NULL;
	autofree char *whole = path_join(dir, path);
	struct walk w = { .set = true, .only = (uid_t)-1 };
	int r;

	if (own < 0 || exists_at(own, RECORD_NAME) != 1)
		return 0;
	lock = lock_take(s->layout->run_fd, LOCK_NAME, 0, err);
	if (lock < 0)
		return lock;
	record = record_read(own, RECORD_NAME);
	add_marked(&marked, record);
	if (!strv_contains(marked, whole))
		return 0;
	r = walk_path(&w, fd, path);
	strv_free(w.found); /* marked by us before */
	return r < 0 ? failed(r, err) : 0;
}

/* ---- copies whose container has gone ---- */

static bool sweep_one(const struct session *s, int dir, const char *file, const char *container,
		      bool dry_run) {
	auto_json json_t *j = record_read(dir, file);
	autostrv char **others = NULL;

	if (!j || strcmp(json_get_str(j, "root", ""), s->layout->root) != 0 ||
	    strcmp(json_get_str(j, "container_name", ""), container) != 0 ||
	    exists_at(s->layout->containers_fd, container) != 0)
		return false;
	/* Who writes that file may have files of root's in it: only the person's own count. */
	others = paths_of_others(s, container);
	if (!dry_run && clear_record(j, others, s->who->uid ? s->who->uid : (uid_t)-1) == 0)
		(void)unlinkat(dir, file, 0);
	return true;
}

int immutable_sweep(const struct session *s, bool dry_run,
		    void (*found)(const char *container, void *data), void *data) {
	autoclose int dir = copies_open(s->who, false);
	autostrv char **names = NULL;
	int count = 0;

	if (dir < 0 || dir_names(dir, &names) < 0)
		return 0;
	for (size_t i = 0; names && names[i]; i++) {
		const char *file = names[i], *dot = strrchr(file, '.');
		autofree char *container = dot && !strcmp(dot, ".json")
						   ? xstrndup(file, (size_t)(dot - file))
						   : NULL;

		if (container && name_is_plain(container) &&
		    sweep_one(s, dir, file, container, dry_run)) {
			count++;
			if (found)
				found(container, data);
		}
	}
	return count;
}
