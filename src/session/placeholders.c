/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "session/placeholders.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/lock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/proc.h"
#include "base/record.h"
#include "base/strv.h"
#include "session/names.h"

#define MANIFEST_NAME "placeholders.ini"
#define MANIFEST_FORMAT 1
#define LOCK_NAME ".placeholders.lock" /* no container can have that name */
#define PLACEHOLDERS_MAX 800 /* what a record can hold of them */

struct placeholder {
	char *base_path;
	uint64_t dev, ino; /* of the base; dev 0: of an earlier boot, which numbered them anew */
	char *path;
	enum protect_kind kind;
};
struct manifest {
	struct placeholder *items; /* an outer one before what is in it */
	size_t count;
};

static void manifest_done(struct manifest *m) {
	for (size_t i = 0; i < m->count; i++) {
		free(m->items[i].base_path);
		free(m->items[i].path);
	}
	free(m->items);
	*m = (struct manifest){ 0 };
}
#define auto_manifest __attribute__((cleanup(manifest_done)))

static const char *const kind_names[] = {
	[PROTECT_DIR] = "dir",
	[PROTECT_FILE] = "file",
	[PROTECT_COMMONDIR] = "commondir",
};

static enum protect_kind kind_from_string(const char *word) {
	for (size_t i = 0; i < ARRAY_SIZE(kind_names); i++)
		if (!strcmp(kind_names[i], word))
			return (enum protect_kind)i;
	return PROTECT_DIR; /* is taken away when it is an empty one only */
}

/* What is in such a file. */
static const char *content_of(enum protect_kind kind) {
	return kind == PROTECT_COMMONDIR ? ".\n" : "";
}

/* Two bases may lie in one another: what counts is the whole path. */
static bool same_place(const struct placeholder *a, const struct placeholder *b) {
	autofree char *x = path_join(a->base_path, a->path), *y = path_join(b->base_path, b->path);

	return !strcmp(x, y);
}

static bool manifest_has(const struct manifest *m, const struct placeholder *p) {
	for (size_t i = 0; i < m->count; i++)
		if (same_place(&m->items[i], p))
			return true;
	return false;
}

static void manifest_add(struct manifest *m, const struct placeholder *p) {
	if (manifest_has(m, p))
		return;
	m->items = xreallocarray(m->items, m->count + 1, sizeof(*m->items));
	m->items[m->count++] = (struct placeholder){
		xstrdup(p->base_path), p->dev, p->ino, xstrdup(p->path), p->kind,
	};
}

/* What is there of it is added to *@m. Nothing there is no failure. */
static int manifest_load(int dir, struct manifest *m, struct err *err) {
	auto_record struct record *r = NULL;
	struct err own = { 0 };
	const char *boot;
	bool same_boot;
	int64_t count;
	int e = record_load(dir, MANIFEST_NAME, MANIFEST_FORMAT, &r, &own);

	if (e < 0) {
		if (own.kind == ERR_MISSING)
			return 0;
		if (err)
			*err = own;
		return e;
	}
	boot = record_get(r, "", "boot");
	same_boot = boot && !strcmp(boot, boot_id());
	count = record_get_int(r, "", "count", 0);
	for (int64_t i = 0; i < count && i < PLACEHOLDERS_MAX; i++) {
		autofree char *section = xasprintf("%d", (int)i);
		const char *base = record_get(r, section, "base");
		const char *path = record_get(r, section, "path");
		const char *kind = record_get(r, section, "kind");

		if (!base || *base != '/' || !path || *path == '/' || !kind)
			return err_set(err, ERR_SYSTEM, -EBADMSG,
				       "the record of placeholders is damaged");
		manifest_add(m, &(struct placeholder){
				.base_path = (char *)base,
				.dev = same_boot ? (uint64_t)record_get_int(r, section, "dev", 0)
						 : 0,
				.ino = (uint64_t)record_get_int(r, section, "ino", 0),
				.path = (char *)path,
				.kind = kind_from_string(kind),
			});
	}
	return 0;
}

/* Not to the disk: after a power cut an empty directory too much does no harm. */
static int manifest_store(int dir, const struct manifest *m, struct err *err) {
	auto_record struct record *r = record_new(MANIFEST_FORMAT);

	record_setf(r, "", "count", "%zu", m->count);
	record_set(r, "", "boot", boot_id());
	for (size_t i = 0; i < m->count; i++) {
		const struct placeholder *p = &m->items[i];
		autofree char *section = xasprintf("%zu", i);

		record_set(r, section, "base", p->base_path);
		record_setf(r, section, "dev", "%" PRIu64, p->dev);
		record_setf(r, section, "ino", "%" PRIu64, p->ino);
		record_set(r, section, "path", p->path);
		record_set(r, section, "kind", kind_names[p->kind]);
	}
	return record_store_quick(r, dir, MANIFEST_NAME, 0600, err);
}

/* Those of all containers but one. A record that cannot be read has none. */
static void load_others(const struct session *s, const char *container, struct manifest *m) {
	autostrv char **names = NULL;

	if (dir_names(s->layout->containers_fd, &names) < 0)
		return;
	for (size_t i = 0; names && names[i]; i++) {
		const char *name = names[i];

		if (name_is_plain(name) && strcmp(name, container) != 0) {
			autoclose int dir = container_dir(s, name);

			if (dir >= 0)
				(void)manifest_load(dir, m, NULL);
		}
	}
}

/* ---- making ---- */

struct maker {
	const struct session *s;
	struct manifest others;
	struct manifest mine;
};

/* As the owner of the base: what is made belongs to whom the workspace belongs. */
static struct privilege owner_of(const struct stat *base) {
	return (struct privilege){ .uid = base->st_uid, .gid = base->st_gid };
}

/* Note what of a want is missing, or is there since another container wanted it. */
static int plan_want(struct maker *k, const struct placeholder_want *want, struct err *err) {
	autofree char *so_far = xstrdup(want->path);
	bool missing = false;
	struct stat st;

	if (fstat(want->base_fd, &st) < 0)
		return err_sys(err, -errno, "cannot look at '%s'", want->base_path);
	for (char *at = so_far; at;) {
		char *slash = strchr(at, '/');
		struct placeholder p = { (char *)want->base_path, st.st_dev, st.st_ino, so_far,
					 slash ? PROTECT_DIR : want->kind };

		if (slash)
			*slash = '\0';
		if (!missing) {
			autoclose int fd = -1;

			privilege_person_begin(k->s->who);
			fd = open_beneath(want->base_fd, so_far, O_PATH | O_NOFOLLOW, 0);
			privilege_person_end(k->s->who);
			if (fd < 0 && fd != -ENOENT)
				return 0; /* whoever opens it tells */
			missing = fd == -ENOENT;
		}
		if (missing || manifest_has(&k->others, &p))
			manifest_add(&k->mine, &p);
		if (slash)
			*slash = '/';
		at = slash ? slash + 1 : NULL;
	}
	return 0;
}

/* Who reads the directory meanwhile finds a file that is whole, where that can be had. */
static int make_file(int parent, const char *name, const char *content) {
	autoclose int fd = *content ? openat(parent, ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0644)
				    : -1;
	char path[32];
	int r;

	if (fd >= 0) {
		r = fd_write_all(fd, content, strlen(content));
		if (r == 0 && linkat(AT_FDCWD, fd_proc_path(fd, path), parent, name,
				     AT_SYMLINK_FOLLOW) < 0)
			r = -errno;
		return r;
	}
	fd = openat(parent, name, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (fd < 0)
		return -errno;
	return fd_write_all(fd, content, strlen(content));
}

static int make_entry(int parent, const char *name, enum protect_kind kind) {
	if (kind == PROTECT_DIR)
		return mkdirat(parent, name, 0755) < 0 ? -errno : 0;
	return make_file(parent, name, content_of(kind));
}

static int open_parent(int base, const char *path, const char **ret_name) {
	const char *name = path_base(path);
	autofree char *up = name == path ? xstrdup(".")
					 : xstrndup(path, (size_t)(name - path) - 1);

	*ret_name = name;
	return open_beneath(base, up, O_PATH | O_DIRECTORY | O_NOFOLLOW, 0);
}

static int make_one(const struct session *s, int base, const char *path, enum protect_kind kind,
		    struct err *err) {
	const char *name;
	autoclose int parent = -1;
	struct privilege owner;
	struct stat st;
	int r;

	if (fstat(base, &st) < 0)
		return err_sys(err, -errno, "cannot look at the workspace");
	owner = owner_of(&st);
	privilege_person_begin(s->who);
	parent = open_parent(base, path, &name);
	privilege_person_end(s->who);
	if (parent < 0)
		return err_sys(err, parent, "cannot make the placeholder '%s'", path);
	privilege_person_begin(&owner);
	r = make_entry(parent, name, kind);
	privilege_person_end(&owner);
	if (r == -EACCES) { /* a directory whose owner took the right away from himself */
		r = make_entry(parent, name, kind);
		if (r == 0 && fchownat(parent, name, owner.uid, owner.gid,
				       AT_SYMLINK_NOFOLLOW) < 0)
			r = -errno;
	}
	/* On a file system that nobody can write there is nothing to protect. */
	if (r < 0 && r != -EEXIST && r != -EROFS)
		return err_sys(err, r, "cannot make the placeholder '%s'", path);
	return 0;
}

static int make_all(struct maker *k, const struct placeholder_want *wants, size_t count,
		    struct err *err) {
	for (size_t i = 0; i < k->mine.count; i++) {
		const struct placeholder *p = &k->mine.items[i];
		int base = -1, r;

		for (size_t w = 0; w < count && base < 0; w++)
			if (!strcmp(wants[w].base_path, p->base_path))
				base = wants[w].base_fd;
		if (base < 0)
			continue; /* of an earlier start that did not come to its end */
		r = make_one(k->s, base, p->path, p->kind, err);
		if (r < 0)
			return r;
	}
	return 0;
}

int placeholders_make(const struct session *s, const char *container,
		      const struct placeholder_want *wants, size_t count, struct err *err) {
	autoclose int dir = container_dir(s, container), lock = -1;
	auto_manifest struct manifest others = { 0 };
	struct maker k = { .s = s };
	int r;

	if (!count)
		return 0;
	if (dir < 0)
		return err_sys(err, dir, "cannot open container '%s'", container);
	lock = lock_take(s->layout->run_fd, LOCK_NAME, 0, err);
	if (lock < 0)
		return lock;
	load_others(s, container, &others);
	k.others = others;
	r = manifest_load(dir, &k.mine, err);
	for (size_t i = 0; i < count && r == 0; i++)
		r = plan_want(&k, &wants[i], err);
	if (r == 0 && k.mine.count > PLACEHOLDERS_MAX)
		r = err_set(err, ERR_CONFIG, -E2BIG, "more than %d placeholders are wanted",
			    PLACEHOLDERS_MAX);
	if (r == 0 && k.mine.count)
		r = manifest_store(dir, &k.mine, err);
	if (r == 0)
		r = make_all(&k, wants, count, err);
	manifest_done(&k.mine);
	return r;
}

/* ---- taking away ---- */

static bool is_untouched(int parent, const char *name, enum protect_kind kind) {
	const char *content = content_of(kind);
	size_t len = strlen(content);
	struct stat st;
	struct buf b;
	bool same;

	if (fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode) ||
	    st.st_size != (off_t)len || st.st_nlink != 1)
		return false;
	if (!len)
		return true;
	if (file_read_at(parent, name, len, &b) < 0)
		return false;
	same = b.len == len && !memcmp(b.data, content, len);
	buf_done(&b);
	return same;
}

static void remove_one(const struct placeholder *p) {
	autoclose int base = open(p->base_path, O_PATH | O_DIRECTORY | O_CLOEXEC), parent = -1;
	struct privilege owner;
	const char *name;
	struct stat st;
	int r = 0;

	if (base < 0 || fstat(base, &st) < 0 || (p->dev && st.st_dev != p->dev) ||
	    st.st_ino != p->ino)
		return; /* another directory has that name now */
	parent = open_parent(base, p->path, &name);
	if (parent < 0)
		return;
	owner = owner_of(&st);
	/* A directory in which something is stays by itself. */
	if (p->kind != PROTECT_DIR && !is_untouched(parent, name, p->kind))
		return;
	for (int try = 0; try < 2; try++) {
		if (try == 0)
			privilege_person_begin(&owner);
		r = unlinkat(parent, name, p->kind == PROTECT_DIR ? AT_REMOVEDIR : 0) < 0 ? -errno
											   : 0;
		if (try == 0)
			privilege_person_end(&owner);
		if (r != -EACCES)
			break;
	}
	if (r < 0 && r != -ENOENT)
		log_debug("placeholder '%s/%s' stays: %s", p->base_path, p->path, strerror(-r));
}

static int release(const struct session *s, const char *container, struct err *err) {
	autoclose int dir = container_dir(s, container), lock = -1;
	auto_manifest struct manifest mine = { 0 }, others = { 0 };
	int r;

	if (dir < 0 || exists_at(dir, MANIFEST_NAME) != 1)
		return 0;
	lock = lock_take(s->layout->run_fd, LOCK_NAME, 0, err);
	if (lock < 0)
		return lock;
	r = manifest_load(dir, &mine, err);
	if (r < 0)
		return err_wrap(err, "container '%s'", container);
	load_others(s, container, &others);
	for (size_t i = mine.count; i > 0; i--) {
		const struct placeholder *p = &mine.items[i - 1];

		if (!manifest_has(&others, p))
			remove_one(p);
	}
	if (unlinkat(dir, MANIFEST_NAME, 0) < 0 && errno != ENOENT)
		return err_sys(err, -errno, "cannot forget the placeholders of '%s'", container);
	return 0;
}

int placeholders_release(const struct session *s, const char *container, int mnt_fd,
			 struct err *err) {
	autoclose int dir = container_dir(s, container);
	int status;
	pid_t pid;

	if (dir < 0 || exists_at(dir, MANIFEST_NAME) != 1)
		return 0;
	if (mnt_fd < 0)
		return release(s, container, err);
	/* What is mounted on in one's own namespace cannot be removed; in another's it can. */
	pid = fork();
	if (pid < 0)
		return err_sys(err, -errno, "cannot make a process");
	if (pid == 0) {
		struct err own = { 0 };
		int r = setns(mnt_fd, CLONE_NEWNS) < 0 ? -errno : release(s, container, &own);

		if (r < 0)
			log_debug("placeholders: %s", own.msg);
		_exit(r < 0);
	}
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return err_sys(err, -errno, "cannot wait for a process");
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	return err_set(err, ERR_SYSTEM, -EIO, "cannot take away the placeholders of '%s'",
		       container);
}
