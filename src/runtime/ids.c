/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Owns the files below the claims directory: one a claimed or resting range,
 * "<base>-<count>", first line the boot id, second the state ("claimed" or
 * "rests"), then root directory and container name. Everything is read and
 * written under the directory's lock. A file of another boot means nothing.
 */
#include "runtime/ids.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/lock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/proc.h"
#include "base/strv.h"
#include "runtime/subid.h"

#define CLAIMS_DIR "/run/coi-ids"
#define SUBID_FILE_MAX (1024 * 1024)
#define CLAIM_FILE_MAX 16384
/* Where a fresh machine has room: above the ranges that adduser gives to people. */
#define SUGGEST_FROM 1000000u
/* Room for 256 containers with docker. */
#define SUGGEST_COUNT (256u * IDS_COUNT_NESTED)

struct claim {
	struct id_range range;
	bool rests;
	char *root;
	char *name;
};

struct claims {
	struct claim *v;
	size_t count;
};

static void claims_done(struct claims *c) {
	for (size_t i = 0; i < c->count; i++) {
		free(c->v[i].root);
		free(c->v[i].name);
	}
	free(c->v);
}

static const char *pick(const char *given, const char *env, const char *standard) {
	const char *v;

	if (given)
		return given;
	v = secure_getenv(env);
	return v && *v ? v : standard;
}

static struct ids_files files_resolve(const struct ids_files *f) {
	static const struct ids_files none;

	f = f ? f : &none;
	return (struct ids_files){
		.subuid = pick(f->subuid, "COI_SUBUID_FILE", "/etc/subuid"),
		.subgid = pick(f->subgid, "COI_SUBGID_FILE", "/etc/subgid"),
		.claims_dir = pick(f->claims_dir, "COI_IDS_DIR", CLAIMS_DIR),
	};
}

static int subid_load(const char *path, char **ret, struct err *err) {
	struct buf b;
	int r = file_read_at(AT_FDCWD, path, SUBID_FILE_MAX, &b);

	if (r == -ENOENT) {
		*ret = xstrdup("");
		return 0;
	}
	if (r < 0)
		return err_sys(err, r, "cannot read '%s'", path);
	*ret = buf_steal(&b);
	buf_done(&b);
	return 0;
}

static bool has_room(const struct id_ranges *r, uint32_t count) {
	struct id_range place;

	return id_ranges_place(r, NULL, 0, count, &place) == 0;
}

/* Which file lacks the line, and the line that overlaps nobody's in both files. */
static int room_missing(const struct ids_files *f, const char *uid_text, const char *gid_text,
			const struct id_ranges *users, const struct id_ranges *groups,
			uint32_t count, struct err *err) {
	autofree char *both = xasprintf("%s\n%s", uid_text, gid_text);
	bool no_users = !has_room(users, count), no_groups = !has_room(groups, count);
	uint32_t base = subid_suggest(both, SUGGEST_FROM, SUGGEST_COUNT);
	/* Where one file has a range, the other one should say the same. */
	const struct id_ranges *have = !no_users ? users : !no_groups ? groups : NULL;
	uint32_t line_count = SUGGEST_COUNT;

	if (have && no_users != no_groups && have->count == 1) {
		base = have->v[0].base;
		line_count = have->v[0].count;
	}
	if (!no_users && !no_groups) {
		no_users = no_groups = true;
		err_set(err, ERR_CONFIG, -ENOENT,
			"'%s' and '%s' give root no common range of %" PRIu32 " ids", f->subuid,
			f->subgid, count);
	} else {
		err_set(err, ERR_CONFIG, -ENOENT, "%s%s%s gives root no range of %" PRIu32 " ids",
			no_users ? f->subuid : f->subgid, no_users && no_groups ? " and " : "",
			no_users && no_groups ? f->subgid : "", count);
	}
	return err_hint(err, "add the line 'root:%" PRIu32 ":%" PRIu32 "' to %s%s%s", base,
			line_count, no_users ? f->subuid : f->subgid,
			no_users && no_groups ? " and to " : "",
			no_users && no_groups ? f->subgid : "");
}

/* What root has in both files. */
static int room_load(const struct ids_files *f, uint32_t count, struct id_ranges *ret,
		     struct err *err) {
	autofree char *uid_text = NULL, *gid_text = NULL;
	auto_id_ranges struct id_ranges users = { 0 }, groups = { 0 }, room = { 0 };
	int r = subid_load(f->subuid, &uid_text, err);

	if (r == 0)
		r = subid_load(f->subgid, &gid_text, err);
	if (r < 0)
		return r;
	subid_parse(uid_text, "root", 0, &users);
	subid_parse(gid_text, "root", 0, &groups);
	id_ranges_intersect(&users, &groups, &room);
	if (!has_room(&room, count))
		return room_missing(f, uid_text, gid_text, &users, &groups, count, err);
	*ret = room;
	room = (struct id_ranges){ 0 };
	return 0;
}

int ids_check(const struct ids_files *files, uint32_t count, struct err *err) {
	struct ids_files f = files_resolve(files);
	auto_id_ranges struct id_ranges room = { 0 };

	return room_load(&f, count, &room, err);
}

static void claim_name(const struct id_range *r, char out[32]) {
	(void)snprintf(out, 32, "%" PRIu32 "-%" PRIu32, r->base, r->count);
}

/* 0: no claim, of another boot, or damaged (then the range counts as free). -errno: who knows. */
static int claim_load(int dir, const char *file, struct claim *ret) {
	unsigned long long base, count; /* their sum has more than 32 bits */
	char *end;
	struct buf b;
	int r = 0;

	base = strtoull(file, &end, 10);
	if (end == file || *end != '-')
		return 0;
	count = strtoull(end + 1, &end, 10);
	if (*end || base == 0 || count == 0 || base > UINT32_MAX || count > UINT32_MAX ||
	    base + count > UINT32_MAX)
		return 0;
	r = file_read_at(dir, file, CLAIM_FILE_MAX, &b);
	if (r < 0)
		return r;
	autostrv char **line = strv_split(b.data, "\n");
	if (strv_len(line) == 4 && !strcmp(line[0], boot_id())) {
		*ret = (struct claim){
			.range = { .base = (uint32_t)base, .count = (uint32_t)count },
			.rests = !strcmp(line[1], "rests"),
			.root = xstrdup(line[2]),
			.name = xstrdup(line[3]),
		};
		r = 1;
	}
	buf_done(&b);
	return r;
}

static int claims_load(const char *path, int dir, struct claims *ret, struct err *err) {
	autostrv char **names = NULL;
	int r = dir_names(dir, &names);

	for (size_t i = 0; r >= 0 && names && names[i]; i++) {
		struct claim one;

		if (names[i][0] < '1' || names[i][0] > '9')
			continue;
		r = claim_load(dir, names[i], &one);
		if (r == 0)
			(void)unlinkat(dir, names[i], 0);
		if (r != 1)
			continue;
		ret->v = xreallocarray(ret->v, ret->count + 1, sizeof(*ret->v));
		ret->v[ret->count++] = one;
	}
	return r < 0 ? err_sys(err, r, "cannot read the claims of ids in '%s'", path) : 0;
}

static int claim_store(int dir, const struct id_range *r, bool rests, const char *root,
		       const char *name) {
	char file[32];
	autofree char *text = xasprintf("%s\n%s\n%s\n%s\n", boot_id(),
					rests ? "rests" : "claimed", root, name);

	claim_name(r, file);
	return file_write_quick_at(dir, file, text, strlen(text), 0600);
}

/*
 * Does a process have a user id of the range? The directory of a process
 * belongs to its effective user, or, while it cannot be dumped, to the root of
 * the user namespace that it was executed in: for a container's in the range too.
 */
static bool range_in_use(const struct id_range *r) {
	autoclosedir DIR *d = opendir("/proc");
	struct dirent *e;

	if (!d)
		return true; /* nobody knows */
	while ((e = readdir(d))) {
		struct stat st;

		if (e->d_name[0] < '1' || e->d_name[0] > '9')
			continue;
		if (fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		    st.st_uid >= r->base && st.st_uid - r->base < r->count)
			return true;
	}
	return false;
}

static int claims_open(const struct ids_files *f, int *ret_dir, int *ret_lock, struct err *err) {
	autoclose int dir = open_dir_make(AT_FDCWD, f->claims_dir, 0700);
	int lock;

	if (dir < 0)
		return err_sys(err, dir, "cannot open '%s'", f->claims_dir);
	lock = lock_take(dir, "lock", 0, err);
	if (lock < 0)
		return lock;
	*ret_lock = lock;
	*ret_dir = steal_fd(&dir);
	return 0;
}

/*
 * A claim whose container's directory is gone was left by somebody who removed
 * a whole state directory by hand.
 */
static bool claim_is_orphan(const struct claim *c) {
	autofree char *dir = xasprintf("%s/containers/%s", c->root, c->name);

	return exists_at(AT_FDCWD, dir) == 0;
}

static int place_find(int dir, const struct id_ranges *room, struct claims *c, uint32_t count,
		      struct id_range *ret, struct err *err) {
	autofree struct id_range *taken = xcalloc(c->count + 256, sizeof(*taken));
	size_t n = 0;
	struct id_range r;

	for (size_t i = 0; i < c->count; i++) {
		struct claim *one = &c->v[i];
		char file[32];

		if ((one->rests || claim_is_orphan(one)) && !range_in_use(&one->range)) {
			claim_name(&one->range, file);
			(void)unlinkat(dir, file, 0);
			continue;
		}
		taken[n++] = one->range;
	}
	while (id_ranges_place(room, taken, n, count, &r) == 0 && n < c->count + 256) {
		/* Somebody else (another container manager) may use root's range too. */
		if (!range_in_use(&r)) {
			*ret = r;
			return 0;
		}
		log_debug("ids %" PRIu32 "+%" PRIu32 " are in use by others", r.base, r.count);
		taken[n++] = r;
	}
	err_set(err, ERR_CONFLICT, -ENOSPC,
		"all ranges of %" PRIu32 " ids that root has are taken", count);
	return err_hint(err, "stop a container, or give root a larger range in /etc/subuid and "
			     "/etc/subgid");
}

int ids_claim(const struct ids_files *files, uint32_t count, const char *owner_root,
	      const char *owner_name, struct id_range *ret, struct err *err) {
	struct ids_files f = files_resolve(files);
	auto_id_ranges struct id_ranges room = { 0 };
	__attribute__((cleanup(claims_done))) struct claims c = { 0 };
	autoclose int dir = -1, lock = -1;
	struct id_range place;
	int r;

	if (count == 0 || strchr(owner_root, '\n') || strchr(owner_name, '\n'))
		return err_set(err, ERR_BUG, -EINVAL, "malformed claim of ids");
	r = room_load(&f, count, &room, err);
	if (r == 0)
		r = claims_open(&f, &dir, &lock, err);
	if (r < 0)
		return r;
	r = claims_load(f.claims_dir, dir, &c, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < c.count; i++)
		if (!c.v[i].rests && c.v[i].range.count == count &&
		    !strcmp(c.v[i].root, owner_root) && !strcmp(c.v[i].name, owner_name)) {
			*ret = c.v[i].range;
			return 0;
		}
	r = place_find(dir, &room, &c, count, &place, err);
	if (r < 0)
		return r;
	r = claim_store(dir, &place, false, owner_root, owner_name);
	if (r < 0)
		return err_sys(err, r, "cannot write a claim of ids in '%s'", f.claims_dir);
	*ret = place;
	return 0;
}

int ids_release(const struct ids_files *files, const char *owner_root, const char *owner_name,
		struct err *err) {
	struct ids_files f = files_resolve(files);
	__attribute__((cleanup(claims_done))) struct claims c = { 0 };
	autoclose int dir = -1, lock = -1;
	int r = claims_open(&f, &dir, &lock, err);

	if (r == 0)
		r = claims_load(f.claims_dir, dir, &c, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < c.count; i++) {
		const struct claim *one = &c.v[i];
		char file[32];

		if (strcmp(one->root, owner_root) || strcmp(one->name, owner_name))
			continue;
		claim_name(&one->range, file);
		if (range_in_use(&one->range))
			r = claim_store(dir, &one->range, true, owner_root, owner_name);
		else if (unlinkat(dir, file, 0) < 0 && errno != ENOENT)
			r = -errno;
		if (r < 0)
			return err_sys(err, r, "cannot let go of ids in '%s'", f.claims_dir);
	}
	return 0;
}

int ids_sweep(const struct ids_files *files, const char *owner_root, bool dry_run,
	      void (*found)(const char *name, void *data), void *data, struct err *err) {
	struct ids_files f = files_resolve(files);
	__attribute__((cleanup(claims_done))) struct claims c = { 0 };
	autoclose int dir = -1, lock = -1;
	int r = claims_open(&f, &dir, &lock, err), count = 0;

	if (r == 0)
		r = claims_load(f.claims_dir, dir, &c, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < c.count; i++) {
		const struct claim *one = &c.v[i];
		char file[32];

		if (strcmp(one->root, owner_root) != 0 || !claim_is_orphan(one) ||
		    range_in_use(&one->range))
			continue;
		claim_name(&one->range, file);
		if (!dry_run && unlinkat(dir, file, 0) < 0 && errno != ENOENT)
			return err_sys(err, -errno, "cannot let go of ids in '%s'", f.claims_dir);
		/* One that was let go of while somebody still had its ids is in order. */
		if (one->rests)
			continue;
		count++;
		if (found)
			found(one->name, data);
	}
	return count;
}
