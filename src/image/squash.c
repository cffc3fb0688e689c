/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Many layers made one: what changes between the tree below them and the tree
 * with them is written as a layer of its own, deletions as whiteouts (character
 * device 0:0, as overlayfs has them).
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/strv.h"
#include "image/layer.h"
#include "image/store.h"

struct squash {
	struct image_copier *copier;
	int to;	      /* top of the new layer */
	int tree;     /* top of what it has to become */
	char **dirs;  /* made there, before what is in them: their attributes come last */
	size_t dir_count, dir_room;
	char *last;   /* directory of the change before, which is there */
};

static void remember_dir(struct squash *s, const char *path) {
	if (s->dir_count == s->dir_room) { /* doubled: there may be very many */
		s->dir_room = s->dir_room ? 2 * s->dir_room : 64;
		s->dirs = xreallocarray(s->dirs, s->dir_room, sizeof(s->dirs[0]));
	}
	s->dirs[s->dir_count++] = xstrdup(path);
}

static char *parent_of(const char *path) {
	const char *slash = strrchr(path, '/');

	return slash ? xstrndup(path, (size_t)(slash - path)) : xstrdup("");
}

/* The directories on the way to @dir, in the new layer, as a descriptor of the last one. */
static int make_parents(struct squash *s, const char *dir) {
	autofree char *path = xstrdup(dir);
	autoclose int at = open_beneath(s->to, ".", O_PATH | O_DIRECTORY, 0);

	for (char *part = path; at >= 0 && *part;) {
		char *end = strchrnul(part, '/');
		bool is_last = !*end;
		int next;

		*end = '\0';
		if (mkdirat(at, part, 0700) == 0)
			remember_dir(s, path);
		else if (errno != EEXIST)
			return -errno;
		next = open_beneath(at, part, O_PATH | O_DIRECTORY, 0);
		(void)close(at);
		at = next;
		if (is_last)
			break;
		*end = '/';
		part = end + 1;
	}
	return steal_fd(&at);
}

static int open_parent(struct squash *s, const char *path, struct err *err) {
	autofree char *dir = parent_of(path);
	int fd;

	if (s->last && strcmp(s->last, dir) == 0)
		fd = open_beneath(s->to, *dir ? dir : ".", O_RDONLY | O_DIRECTORY, 0);
	else
		fd = make_parents(s, dir);
	if (fd < 0)
		return err_sys(err, fd, "cannot make '%.300s' in the new layer", dir);
	str_replace(&s->last, dir);
	return fd;
}

/* A directory is made empty: what is in it comes as changes of its own. */
static int take_dir(struct squash *s, int parent, const struct layer_change *change,
		    struct err *err) {
	struct stat st;

	if (fstatat(parent, change->name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISCHR(st.st_mode) &&
	    unlinkat(parent, change->name, 0) < 0)
		return err_sys(err, -errno, "cannot replace '%.300s'", change->path);
	if (mkdirat(parent, change->name, 0700) < 0)
		return err_sys(err, -errno, "cannot make '%.300s'", change->path);
	remember_dir(s, change->path);
	return 0;
}

static int take_change(const struct layer_change *change, void *data, struct err *err) {
	struct squash *s = data;
	autoclose int parent = open_parent(s, change->path, err);

	if (parent < 0)
		return parent;
	if (change->kind == CHANGE_DELETED) {
		if (mknodat(parent, change->name, S_IFCHR, makedev(0, 0)) < 0)
			return err_sys(err, -errno, "cannot write that '%.300s' was deleted",
				       change->path);
		return 0;
	}
	if (S_ISDIR(change->st->st_mode))
		return take_dir(s, parent, change, err);
	return image_copier_object(s->copier, change->new_parent, parent, change->name,
				   change->path, err);
}

/* The deepest first: what is put into a directory changes its times. */
static int finish_dirs(struct squash *s, struct err *err) {
	int r = 0;

	for (size_t i = s->dir_count; i > 0 && r == 0; i--) {
		const char *path = s->dirs[i - 1];
		autofree char *dir = parent_of(path);
		autoclose int from = open_beneath(s->tree, *dir ? dir : ".",
						  O_RDONLY | O_DIRECTORY, 0);
		autoclose int to = open_beneath(s->to, *dir ? dir : ".", O_RDONLY | O_DIRECTORY, 0);

		if (from < 0 || to < 0)
			return err_sys(err, from < 0 ? from : to, "cannot open '%.300s'", dir);
		r = image_copier_attributes(s->copier, from, to, path_base(path), path, err);
	}
	return r < 0 ? r : image_copier_attributes(s->copier, s->tree, s->to, ".", "", err);
}

int layers_squash(const struct layout *l, const struct layers_squash *what, int to,
		  struct err *err) {
	autoclose int before = layers_view(l, what->chain, what->below, NULL, err);
	autoclose int after =
		before < 0 ? before : layers_view(l, what->chain, what->count, what->upper, err);
	struct squash s = { .tree = after, .to = to };
	int r;

	if (after < 0)
		return after;
	s.copier = image_copier_new(to, what->progress);
	r = layers_compare(before, after, LAYERS_COMPARE_LINKS, take_change, &s, err);
	if (r == 0)
		r = finish_dirs(&s, err);
	if (r == 0 && syncfs(to) < 0)
		r = err_sys(err, -errno, "cannot write the new layer to the disk");
	image_copier_free(s.copier);
	for (size_t i = 0; i < s.dir_count; i++)
		free(s.dirs[i]);
	free(s.dirs);
	free(s.last);
	return r;
}
