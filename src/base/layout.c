/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/layout.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

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

/* Was this program started from the build tree? */
static bool in_build_tree(void) {
	char self[4096];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (n <= 0)
		return false;
	self[n] = '\0';
	return path_is_below(self, COI_BUILD_DIR) && access(COI_BUILD_DIR "/config.status", F_OK) == 0;
}

char *layout_program(const char *name) {
	const char *dir = getenv("COI_LIBEXEC");

	if (dir && *dir == '/')
		return path_join(dir, name);
	return path_join(in_build_tree() ? COI_BUILD_DIR : COI_LIBEXECDIR, name);
}

char *layout_data(const char *name) {
	const char *dir = getenv("COI_DATA");

	if (dir && *dir == '/')
		return path_join(dir, name);
	return path_join(in_build_tree() ? COI_SOURCE_DIR : COI_DATADIR, name);
}
