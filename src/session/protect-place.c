/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "session/protect-place.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/strv.h"
#include "session/placeholders.h"
#include "session/protect-git.h"
#include "session/secret.h"

/* One thing on the host, and what is to happen wherever a mount shows it. */
struct item {
	char *path; /* absolute, without links */
	enum protect_role role;
	enum protect_kind kind;
	bool is_own; /* of coi itself: a mount of something in it is meant so */
};

/* What is done to one of the binds. */
struct area {
	const struct runtime_bind *bind;
	char *path; /* its source without links */
	bool readonly;
	struct protect_steps steps;
};

struct placing {
	const struct protect_input *in;
	const struct session *s;
	struct item *items;
	size_t item_count;
	struct area *areas; /* one for each bind */
	struct protect_binds out;
};

void protect_binds_done(struct protect_binds *b) {
	for (size_t i = 0; i < b->fd_count; i++)
		(void)close(b->fds[i]);
	free(b->fds);
	free(b->items);
	free(b->bound);
	for (size_t i = 0; i < b->still_count; i++)
		strv_free(b->still[i].paths);
	free(b->still);
	strv_free(b->names);
	*b = (struct protect_binds){ 0 };
}

static void placing_done(struct placing *p) {
	for (size_t i = 0; i < p->item_count; i++)
		free(p->items[i].path);
	free(p->items);
	for (size_t i = 0; p->areas && i < p->in->bind_count; i++) {
		free(p->areas[i].path);
		protect_steps_done(&p->areas[i].steps);
	}
	free(p->areas);
	protect_binds_done(&p->out);
}

static void say(const struct placing *p, char *line) {
	if (p->in->say)
		p->in->say(line, p->in->say_data);
	free(line);
}

static void add_item(struct placing *p, char *path, enum protect_role role,
		     enum protect_kind kind, bool is_own) {
	p->items = xreallocarray(p->items, p->item_count + 1, sizeof(*p->items));
	p->items[p->item_count++] = (struct item){ path, role, kind, is_own };
}

/* ---- ours ---- */

/* @path with its directory's links resolved; NULL when there is no such directory. */
static char *resolve_parent(const char *path) {
	autofree char *up = xstrndup(path, (size_t)(path_base(path) - path));
	autofree char *real = realpath(*up ? up : "/", NULL);

	return real ? path_join(real, path_base(path)) : NULL;
}

static void add_own(char ***list, const char *path) {
	autofree char *name = resolve_parent(path), *target = realpath(path, NULL);

	if (name)
		strv_add(list, name);
	/* A link, and what it leads to. */
	if (name && target && strcmp(name, target) != 0)
		strv_add(list, target);
}

char **protect_own_paths(const struct session *s) {
	autofree char *home = path_join(s->who->home, ".coi");
	const char *config = getenv("COI_CONFIG");
	char **list = NULL;

	add_own(&list, home);
	add_own(&list, s->layout->root);
	if (config && *config) {
		autofree char *absolute = path_absolute(config);

		if (access(absolute, F_OK) == 0)
			add_own(&list, absolute);
	}
	return list;
}

/* ---- the workspace ---- */

static void add_inside(struct placing *p, const char *workspace, char *const *paths,
		       enum protect_role role) {
	for (; paths && *paths; paths++)
		add_item(p, path_join(workspace, *paths), role, protect_kind_of(*paths), false);
}

/* What cannot be hidden must not be taken for hidden. */
static int add_secrets(struct placing *p, struct err *err) {
	const char *workspace = p->areas[0].path;
	autostrv char **found = NULL;

	for (char **pattern = p->in->rules->secret; pattern && *pattern; pattern++) {
		autostrv char **outside = NULL;
		int n = secret_find(p->s->who, p->in->binds[0].fd, workspace, *pattern, &found,
				    &outside, err);

		if (n < 0)
			return n;
		for (char **path = outside; path && *path; path++)
			say(p, xasprintf("'%s' of security.secret_paths leads to '%s', outside of "
					 "the workspace, and is not hidden", *pattern, *path));
		if (n == 0 && !outside)
			say(p, xasprintf("nothing in the workspace matches '%s' of "
					 "security.secret_paths: nothing is hidden by it", *pattern));
	}
	add_inside(p, workspace, found, PROTECT_ROLE_HIDDEN);
	return 0;
}

/* What its repository needs beyond the list. */
static int add_git(struct placing *p, char ***paths, struct err *err) {
	autofree struct git_base *bases = xcalloc(p->in->bind_count, sizeof(*bases));
	size_t common = p->in->common;
	auto_git_paths struct git_paths found = { 0 };
	int r;

	for (size_t i = 0; i < p->in->bind_count; i++)
		bases[i] = (struct git_base){ p->in->binds[i].fd, p->areas[i].path };
	r = protect_git_find(&(struct protect_git){
				     .who = p->s->who,
				     .tree = bases[0],
				     .seen = p->in->binds[0].target,
				     .common = common ? bases[common] : (struct git_base){ -1, "" },
				     .common_own = p->in->common_own,
				     .bases = bases,
				     .base_count = p->in->bind_count,
				     .writable = p->in->rules->writable,
			     },
			     paths, &found, err);
	for (size_t i = 0; i < found.count; i++)
		add_item(p, steal_ptr(found.items[i].path), found.items[i].role,
			 found.items[i].kind, false);
	return r;
}

static int add_workspace(struct placing *p, struct err *err) {
	const struct protect_rules *rules = p->in->rules;
	autostrv char **paths = strv_copy(rules->paths), **kept = NULL;
	int r;

	r = add_secrets(p, err);
	if (r < 0 || !paths)
		return r;
	r = add_git(p, &paths, err);
	if (r < 0)
		return r;
	kept = protect_select(paths, rules->writable);
	add_inside(p, p->areas[0].path, kept, PROTECT_ROLE_READONLY);
	add_inside(p, p->areas[0].path, rules->writable, PROTECT_ROLE_WRITABLE);
	return 0;
}

/* ---- which bind shows what ---- */

static void area_plan(struct placing *p, struct area *a) {
	size_t len = strlen(a->path);

	a->readonly = a->bind->readonly || a->bind->hidden;
	for (size_t i = 0; i < p->item_count; i++) {
		const struct item *item = &p->items[i];

		if (item->role == PROTECT_ROLE_READONLY &&
		    (!strcmp(a->path, item->path) ||
		     (!item->is_own && path_is_below(a->path, item->path))))
			a->readonly = true;
	}
	for (size_t i = 0; i < p->item_count; i++) {
		const struct item *item = &p->items[i];

		if (!path_is_below(item->path, a->path) || !item->path[len] ||
		    (a->readonly && item->role != PROTECT_ROLE_HIDDEN))
			continue;
		protect_steps_add(&a->steps, item->path + len + 1, item->role);
	}
	protect_steps_settle(&a->steps);
}

static const struct item *find_item(const struct placing *p, const struct area *a,
				    const char *rel) {
	size_t len = strlen(a->path);

	for (size_t i = 0; i < p->item_count; i++)
		if (path_is_below(p->items[i].path, a->path) && p->items[i].path[len] &&
		    !strcmp(p->items[i].path + len + 1, rel))
			return &p->items[i];
	return NULL;
}

static int make_placeholders(struct placing *p, struct err *err) {
	struct placeholder_want *wants = NULL;
	size_t count = 0;
	int r;

	for (size_t i = 0; i < p->in->bind_count; i++) {
		const struct area *a = &p->areas[i];

		for (size_t k = 0; k < a->steps.count; k++) {
			const struct item *item = find_item(p, a, a->steps.items[k].path);

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

static int refuse(const struct area *a, const struct protect_step *step, const char *why,
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
static bool may_be_missing(const struct area *a, const struct protect_step *step,
			   const struct item *item) {
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
static int open_step(const struct placing *p, const struct area *a,
		     const struct protect_step *step, struct err *err) {
	const struct item *item = find_item(p, a, step->path);
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
	p->out.items = xreallocarray(p->out.items, p->out.count + 1, sizeof(*p->out.items));
	p->out.items[p->out.count++] = *bind;
}

/* The path is the end of @source, which is kept. */
static void add_bound(struct placing *p, const struct area *a, const struct protect_step *step,
		      const char *source) {
	const struct item *item = find_item(p, a, step->path);
	char *base = xstrdup(a->path);

	strv_take(&p->out.names, base);
	p->out.bound = xreallocarray(p->out.bound, p->out.bound_count + 1,
				     sizeof(*p->out.bound));
	p->out.bound[p->out.bound_count++] = (struct protect_bound){
		.item = p->out.count,
		.base_fd = a->bind->fd,
		.base_path = base,
		.path = source + strlen(source) - strlen(step->path),
		.role = step->role,
		.kind = item ? item->kind : PROTECT_NONE,
	};
}

static int bind_step(struct placing *p, const struct area *a, const struct protect_step *step,
		     struct err *err) {
	int fd = open_step(p, a, step, err);
	struct runtime_bind bind = *a->bind;

	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	p->out.fds = xreallocarray(p->out.fds, p->out.fd_count + 1, sizeof(*p->out.fds));
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

static int bind_area(struct placing *p, const struct area *a, struct err *err) {
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

/* A mount that shows them again adds nothing. */
static void note_still(struct placing *p) {
	size_t areas[] = { 0, p->in->common };

	for (size_t i = 0; p->in->has_workspace && i < (areas[1] ? 2 : 1); i++) {
		const struct area *a = &p->areas[areas[i]];
		struct protect_still still = { .fd = a->bind->fd };

		for (size_t k = 0; k < p->out.bound_count; k++) {
			const struct protect_bound *b = &p->out.bound[k];

			if (b->base_fd == still.fd && b->role == PROTECT_ROLE_READONLY &&
			    b->kind != PROTECT_LIVE)
				strv_add(&still.paths, b->path);
		}
		if (!still.paths)
			continue;
		still.path = xstrdup(a->path);
		strv_take(&p->out.names, (char *)still.path);
		p->out.still = xreallocarray(p->out.still, p->out.still_count + 1,
					     sizeof(*p->out.still));
		p->out.still[p->out.still_count++] = still;
	}
}

static int open_areas(struct placing *p, struct err *err) {
	p->areas = xcalloc(p->in->bind_count + 1, sizeof(*p->areas));
	for (size_t i = 0; i < p->in->bind_count; i++) {
		char link[32], real[PATH_MAX];
		ssize_t n;

		p->areas[i].bind = &p->in->binds[i];
		n = readlink(fd_proc_path(p->in->binds[i].fd, link), real, sizeof(real));
		if (n <= 0 || n >= (ssize_t)sizeof(real) || real[0] != '/')
			return err_set(err, ERR_SYSTEM, -EINVAL, "cannot tell where '%s' lies",
				       p->in->binds[i].source);
		p->areas[i].path = xstrndup(real, (size_t)n);
	}
	return 0;
}

int protect_place(const struct protect_input *in, struct protect_binds *ret, struct err *err) {
	__attribute__((cleanup(placing_done))) struct placing p = { .in = in, .s = in->session };
	int r = open_areas(&p, err);

	for (char **own = in->rules->own; own && *own; own++)
		add_item(&p, xstrdup(*own), PROTECT_ROLE_READONLY, PROTECT_DIR, true);
	if (r == 0 && in->has_workspace)
		r = add_workspace(&p, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < in->bind_count; i++)
		area_plan(&p, &p.areas[i]);
	r = make_placeholders(&p, err);
	if (r == 0)
		r = bind_all(&p, err);
	if (r < 0)
		return r;
	note_still(&p);
	*ret = p.out;
	p.out = (struct protect_binds){ 0 };
	return 0;
}
