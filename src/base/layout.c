/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/layout.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/build.h"
#include "base/fd.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/pool.h"

#define DEFAULT_ROOT "/var/lib/coi"
#define DEFAULT_RUN "/run/coi"

static int open_one(const char *path, mode_t mode, int *ret, struct err *err) {
	int fd = open_dir_make(AT_FDCWD, path, mode);
	int r = 0;

	if (fd >= 0) {
		*ret = fd;
		return 0;
	}
	r = err_sys(err, fd, "cannot use the state directory '%s'", path);
	if (fd == -EACCES || fd == -EPERM || fd == -EROFS)
		(void)err_hint(err, "run coi as root (sudo), or point COI_ROOT to a directory on a "
				    "writable file system");
	return r;
}

static int open_below(const struct layout *l, const char *name, int *ret, struct err *err) {
	autofree char *path = path_join(l->root, name);

	return open_one(path, 0700, ret, err);
}

int layout_check_writable(const struct layout *l, struct err *err) {
	if (faccessat(l->containers_fd, ".", W_OK, AT_EACCESS) == 0)
		return 0;
	(void)err_sys(err, -errno, "cannot write to the state directory '%s'", l->root);
	return err_hint(err, "make it writable, or point COI_ROOT to another directory");
}

int layout_open(struct layout **ret, struct err *err) {
	auto_layout struct layout *l = xcalloc(1, sizeof(*l));
	const char *root = getenv("COI_ROOT");
	char hex[HASH_HEX_SIZE];
	int r;

	l->root_fd = l->run_fd = l->containers_fd = l->images_fd = l->layers_fd = -1;
	if (root && *root && *root != '/')
		return err_set(err, ERR_CONFIG, -EINVAL, "COI_ROOT is '%s', not an absolute path",
			       root);
	l->pools = pool_list_new();
	l->root = path_clean(root && *root ? root : DEFAULT_ROOT);
	if (root && *root && strcmp(l->root, DEFAULT_ROOT) != 0) {
		l->run = path_join(l->root, "run");
		hash_hex(l->root, strlen(l->root), hex);
		memcpy(l->tag, hex, 6);
	} else {
		l->run = xstrdup(DEFAULT_RUN);
	}
	r = open_one(l->root, 0711, &l->root_fd, err);
	if (r == 0)
		r = open_one(l->run, 0711, &l->run_fd, err);
	if (r == 0)
		r = open_below(l, "containers", &l->containers_fd, err);
	if (r == 0)
		r = open_below(l, "images", &l->images_fd, err);
	if (r == 0)
		r = open_below(l, "layers", &l->layers_fd, err);
	if (r < 0)
		return r;
	*ret = steal_ptr(l);
	return 0;
}

void layout_free(struct layout *l) {
	if (!l)
		return;
	mem_close_ptr(&l->root_fd);
	mem_close_ptr(&l->run_fd);
	mem_close_ptr(&l->containers_fd);
	mem_close_ptr(&l->images_fd);
	mem_close_ptr(&l->layers_fd);
	pool_list_free(l->pools);
	free(l->root);
	free(l->run);
	free(l);
}

void layout_free_ptr(struct layout **l) {
	layout_free(*l);
}

/* ---- what belongs to the program ---- */

/*
 * The directory of the program that runs, without links (proc(5)), and with it what a
 * person who may only start it, by sudo(8), cannot change: "" when that is not known.
 */
static char *self_dir(void) {
	char self[4096];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *slash;

	self[n > 0 ? n : 0] = '\0';
	slash = strrchr(self, '/');
	return xstrndup(self, slash ? (size_t)(slash - self) : 0);
}

/* A build tree says where its source is; NULL: that is none. */
static char *source_of(const char *dir) {
	autofree char *status = path_join(dir, "config.status");
	autofree char *file = path_join(dir, "source-tree");
	char *source = NULL;

	if (access(status, F_OK) < 0 || file_read_line_at(AT_FDCWD, file, &source) < 0)
		return NULL;
	return source;
}

/* The tree of "bin/coi" or "libexec/coi/coi-…"; NULL: it lies otherwise. */
static char *tree_of(const char *dir) {
	static const char *const places[] = { "/bin", "/libexec/coi" };
	size_t len = strlen(dir);

	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		size_t tail = strlen(places[i]);

		if (len > tail && strcmp(dir + len - tail, places[i]) == 0)
			return xstrndup(dir, len - tail);
	}
	return NULL;
}

char *layout_tree(void) {
	autofree char *dir = self_dir();

	return build.is_relocatable ? tree_of(dir) : NULL;
}

bool layout_in_build_tree(void) {
	autofree char *dir = self_dir();
	autofree char *source = source_of(dir);

	return source != NULL;
}

/* Where a kind of files of ours lies: programs, data. */
struct place {
	const char *variable; /* of the environment, says it before all others */
	bool is_built;	      /* a build tree has them itself, else its source has */
	const char *below;    /* a tree of a relocatable build */
	const char *configured;
};

static char *find_in(const struct place *p, const char *name) {
	const char *given = getenv(p->variable);
	autofree char *dir = NULL, *source = NULL, *tree = NULL, *below = NULL;

	if (given && *given == '/')
		return path_join(given, name);
	dir = self_dir();
	source = source_of(dir);
	if (source)
		return path_join(p->is_built ? dir : source, name);
	tree = layout_tree();
	below = tree ? path_join(tree, p->below) : xstrdup(p->configured);
	return path_join(below, name);
}

char *layout_program(const char *name) {
	static const struct place programs = { "COI_LIBEXEC", true, "libexec/coi", COI_LIBEXECDIR };

	return find_in(&programs, name);
}

char *layout_data(const char *name) {
	static const struct place data = { "COI_DATA", false, "share/coi", COI_DATADIR };

	return find_in(&data, name);
}
