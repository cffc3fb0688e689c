/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "session/protect-place.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/linux.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/strv.h"
#include "session/placeholders.h"

struct placing {
	const struct protect_input *in;
	const struct session *s;
	const struct protect_items *items;
	struct protect_area *areas; /* one for each bind */
	struct protect_binds out;
};

void protect_binds_done(struct protect_binds *b) {
	for (size_t i = 0; i < b->fd_count; i++)
		(void)close(b->fds[i]);
	free(b->fds);
	free(b->items);
	free(b->bases);
	free(b->bound);
	for (size_t i = 0; i < b->still_count; i++)
		strv_free(b->still[i].paths);
	free(b->still);
	strv_free(b->names);
	*b = (struct protect_binds){ 0 };
}

static void *grow(void *list, size_t count, size_t size) {
	return xreallocarray(list, count + 1, size);
}

void protect_binds_append(struct protect_binds *b, struct protect_binds *more) {
	for (size_t i = 0; i < more->bound_count; i++) {
		struct protect_bound bound = more->bound[i];

		bound.item += b->count;
		bound.base += b->base_count;
		b->bound = grow(b->bound, b->bound_count, sizeof(*b->bound));
		b->bound[b->bound_count++] = bound;
	}
	for (size_t i = 0; i < more->still_count; i++) {
		struct protect_still still = more->still[i];

		still.base += b->base_count;
		b->still = grow(b->still, b->still_count, sizeof(*b->still));
		b->still[b->still_count++] = still;
	}
	for (size_t i = 0; i < more->count; i++) {
		b->items = grow(b->items, b->count, sizeof(*b->items));
		b->items[b->count++] = more->items[i];
	}
	for (size_t i = 0; i < more->base_count; i++) {
		b->bases = grow(b->bases, b->base_count, sizeof(*b->bases));
		b->bases[b->base_count++] = more->bases[i];
	}
	for (size_t i = 0; i < more->fd_count; i++) {
		b->fds = grow(b->fds, b->fd_count, sizeof(*b->fds));
		b->fds[b->fd_count++] = more->fds[i];
	}
	for (char **name = more->names; name && *name; name++)
		strv_take(&b->names, *name);
	free(more->names);
	more->names = NULL;
	more->still_count = more->fd_count = 0;
	protect_binds_done(more);
}

/* ---- which bind shows what ---- */

static void area_plan(const struct placing *p, struct protect_area *a) {
	size_t len = strlen(a->key);

	a->readonly = a->bind->readonly || a->bind->hidden;
	for (size_t i = 0; i < p->items->count; i++) {
		const struct protect_item *item = &p->items->items[i];

		if (item->role == PROTECT_ROLE_READONLY &&
		    (!strcmp(a->key, item->key) ||
		     (!item->is_own && path_is_below(a->key, item->key))))
			a->readonly = true;
	}
	for (size_t i = 0; i < p->items->count; i++) {
		const struct protect_item *item = &p->items->items[i];

		if (!path_is_below(item->key, a->key) || !item->key[len] ||
		    (a->readonly && item->role != PROTECT_ROLE_HIDDEN))
			continue;
		protect_steps_add(&a->steps, item->key + len + 1, item->role);
	}
	protect_steps_settle(&a->steps);
}

static const struct protect_item *find_item(const struct placing *p, const struct protect_area *a,
					    const char *rel) {
	size_t len = strlen(a->key);

	for (size_t i = 0; i < p->items->count; i++) {
		const char *key = p->items->items[i].key;

		if (path_is_below(key, a->key) && key[len] && !strcmp(key + len + 1, rel))
			return &p->items->items[i];
	}
	return NULL;
}

static int make_placeholders(struct placing *p, struct err *err) {
	struct placeholder_want *wants = NULL;
	size_t count = 0;
	int r;

	for (size_t i = 0; i < p->in->bind_count; i++) {
		const struct protect_area *a = &p->areas[i];

		for (size_t k = 0; k < a->steps.count; k++) {
			const struct protect_item *item = find_item(p, a, a->steps.items[k].path);

			if (!item || a->steps.items[k].role != PROTECT_ROLE_READONLY ||
			    !protect_has_stand_in(item->kind))
				continue;
			wants = xreallocarray(wants, count + 1, sizeof(*wants));
			wants[count++] = (struct placeholder_want){ a->bind->fd, a->path,
								    a->steps.items[k].path,
								    item->kind };
		}
	}
	r = placeholders_make(p->s, p->in->container, wants, count, err);
	free(wants);
	return r;
}

/* ---- opening and binding ---- */

static int refuse(const struct protect_area *a, const struct protect_step *step, const char *why,
		  struct err *err) {
	bool hide = step->role == PROTECT_ROLE_HIDDEN;

	(void)err_set(err, ERR_TRUST, -EPERM, "cannot %s '%s/%s': %s", hide ? "hide" : "protect",
		      a->path, step->path, why);
	if (hide)
		return err_hint(err, "nothing was started. Put it right, or take it out of "
				     "security.secret_paths");
	return err_hint(err, "nothing was started. Put it right, or leave that path unprotected: "
			     "writable_paths = [\"%s\"] below [security] in ~/.coi/config.toml",
			step->path);
}

static uint64_t mount_id(int fd) {
	struct statx st = { 0 };

	return statx(fd, "", AT_EMPTY_PATH, STATX_MNT_ID, &st) == 0 ? st.stx_mnt_id : 0;
}

/* Nothing has to be done where nothing is, if nothing can come there. */
static bool may_be_missing(const struct protect_area *a, const struct protect_step *step,
			   const struct protect_item *item) {
	struct statvfs fs;

	if (step->role != PROTECT_ROLE_READONLY || (item && !protect_has_stand_in(item->kind)))
		return step->role != PROTECT_ROLE_HIDDEN;
	return fstatvfs(a->bind->fd, &fs) == 0 && (fs.f_flag & ST_RDONLY);
}

static const char *unfit(const struct protect_step *step, mode_t mode) {
	if (S_ISLNK(mode))
		return "it is a symbolic link";
	if (S_ISDIR(mode) || (S_ISREG(mode) && step->role != PROTECT_ROLE_PARENT))
		return NULL;
	return "it is neither a directory nor a file";
}

/* O_PATH descriptor; -ENOENT without a message when there is nothing to be done. */
static int open_step(const struct placing *p, const struct protect_area *a,
		     const struct protect_step *step, struct err *err) {
	const struct protect_item *item = find_item(p, a, step->path);
	autoclose int fd = -1;
	const char *why;
	struct stat st;

	privilege_person_begin(p->s->who);
	fd = open_beneath(a->bind->fd, step->path, O_PATH | O_NOFOLLOW, 0);
	privilege_person_end(p->s->who);
	if (fd == -ENOENT && may_be_missing(a, step, item))
		return -ENOENT;
	if (fd == -ELOOP)
		return refuse(a, step, "a symbolic link is on the way to it", err);
	if (fd == -ENOTDIR)
		return refuse(a, step, "what should be a directory is none", err);
	if (fd < 0)
		return refuse(a, step, strerror(-fd), err);
	if (fstat(fd, &st) < 0)
		return err_sys(err, -errno, "cannot look at '%s/%s'", a->path, step->path);
	why = unfit(step, st.st_mode);
	if (why)
		return refuse(a, step, why, err);
	if (mount_id(fd) != mount_id(a->bind->fd)) {
		/* Binds do not show what is mounted in them: what is ours is out of reach. */
		if (!item || item->is_own)
			return -ENOENT;
		return refuse(a, step, "something is mounted there on the host", err);
	}
	return steal_fd(&fd);
}

static void add_bind(struct placing *p, const struct runtime_bind *bind) {
	p->out.items = grow(p->out.items, p->out.count, sizeof(*p->out.items));
	p->out.items[p->out.count++] = *bind;
}

/* The path is the end of @source, which is kept. */
static void add_bound(struct placing *p, const struct protect_area *a, const struct protect_step *step,
		      const char *source) {
	const struct protect_item *item = find_item(p, a, step->path);

	p->out.bound = grow(p->out.bound, p->out.bound_count, sizeof(*p->out.bound));
	p->out.bound[p->out.bound_count++] = (struct protect_bound){
		.item = p->out.count,
		.base = (size_t)(a - p->areas),
		.path = source + strlen(source) - strlen(step->path),
		.role = step->role,
		.kind = item ? item->kind : PROTECT_NONE,
	};
}

static int bind_step(struct placing *p, const struct protect_area *a, const struct protect_step *step,
		     struct err *err) {
	int fd = open_step(p, a, step, err);
	struct runtime_bind bind = *a->bind;

	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	p->out.fds = grow(p->out.fds, p->out.fd_count, sizeof(*p->out.fds));
	p->out.fds[p->out.fd_count++] = fd;
	if (p->out.count >= PROTECT_BINDS_MAX)
		return err_set(err, ERR_CONFIG, -E2BIG, "more than %d paths are to be protected",
			       PROTECT_BINDS_MAX);
	bind.fd = fd;
	bind.source = path_join(a->path, step->path);
	strv_take(&p->out.names, (char *)bind.source);
	bind.target = path_join(a->bind->target, step->path);
	strv_take(&p->out.names, (char *)bind.target);
	bind.readonly = step->role == PROTECT_ROLE_READONLY;
	bind.hidden = step->role == PROTECT_ROLE_HIDDEN;
	/* What is shown there could be changed by another container meanwhile. */
	bind.strict_target = true;
	add_bound(p, a, step, bind.source);
	add_bind(p, &bind);
	return 0;
}

static int bind_area(struct placing *p, const struct protect_area *a, struct err *err) {
	struct runtime_bind bind = *a->bind;
	int r = 0;

	bind.readonly = a->readonly;
	add_bind(p, &bind);
	for (size_t k = 0; k < a->steps.count && r == 0; k++)
		r = bind_step(p, a, &a->steps.items[k], err);
	return r;
}

static int bind_all(struct placing *p, struct err *err) {
	size_t common = p->in->common;
	bool around = common && path_is_below(p->in->binds[0].target,
					      p->in->binds[common].target);
	int r = 0;

	/* A repository in which the workspace lies would cover it. */
	if (around)
		r = bind_area(p, &p->areas[common], err);
	for (size_t i = 0; i < p->in->bind_count && r == 0; i++)
		if (i != common || !around)
			r = bind_area(p, &p->areas[i], err);
	return r;
}

/* Each bind, by its number. */
static void note_bases(struct placing *p) {
	for (size_t i = 0; i < p->in->bind_count; i++) {
		char *path = xstrdup(p->areas[i].path), *target = xstrdup(p->in->binds[i].target);

		strv_take(&p->out.names, path);
		strv_take(&p->out.names, target);
		p->out.bases = grow(p->out.bases, p->out.base_count, sizeof(*p->out.bases));
		p->out.bases[p->out.base_count++] =
			(struct protect_base){ p->in->binds[i].fd, path, target, false };
	}
}

/* A mount that shows them again adds nothing. */
static void note_still(struct placing *p) {
	const size_t bases[] = { 0, p->in->common };

	for (size_t i = 0; p->in->has_workspace && i < (bases[1] ? 2 : 1); i++) {
		struct protect_still still = { .base = bases[i] };

		for (size_t k = 0; k < p->out.bound_count; k++) {
			const struct protect_bound *b = &p->out.bound[k];

			if (b->base == still.base && b->role == PROTECT_ROLE_READONLY &&
			    b->kind != PROTECT_LIVE)
				strv_add(&still.paths, b->path);
		}
		if (!still.paths)
			continue;
		p->out.still = grow(p->out.still, p->out.still_count, sizeof(*p->out.still));
		p->out.still[p->out.still_count++] = still;
	}
}

int protect_place(const struct protect_input *in, struct protect_area *areas,
		  const struct protect_items *items, struct protect_binds *ret, struct err *err) {
	struct placing p = { .in = in, .s = in->session, .items = items, .areas = areas };
	int r;

	for (size_t i = 0; i < in->bind_count; i++)
		area_plan(&p, &areas[i]);
	note_bases(&p);
	r = make_placeholders(&p, err);
	if (r == 0)
		r = bind_all(&p, err);
	if (r < 0) {
		protect_binds_done(&p.out);
		return r;
	}
	note_still(&p);
	*ret = p.out;
	return 0;
}
