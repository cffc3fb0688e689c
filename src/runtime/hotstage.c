/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The topmost mount of what is attached somewhere is never locked. So there are
 * three of them, one upon the other, of which only the last can be reached by a
 * name, and that one is locked:
 *
 *  - the first is attached in our private namespace and shared with its copy in
 *    the one of the container's user namespace, where it is opened;
 *  - a helper that stayed behind with the host's rights then attaches the other
 *    two on it, which appear on the copy as well: the kernel locks what comes
 *    from a namespace with more rights, but again not its topmost one;
 *  - all three are taken through the descriptor of the first.
 */
#include "runtime/hotstage.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/linux.h"
#include "base/mem.h"
#include "base/path.h"
#include "runtime/mount.h"

#define FIRST "m"
#define OTHERS "n"

/* A place of @m's type in the tmpfs. */
static int make_place(int tmp, const char *name, bool dir) {
	autoclose int fd = -1;

	if (dir)
		return mkdirat(tmp, name, 0755) < 0 ? -errno : 0;
	fd = openat(tmp, name, O_CREAT | O_EXCL | O_RDONLY | O_CLOEXEC, 0644);
	return fd < 0 ? -errno : 0;
}

static int open_place(int tmp, const char *name) {
	int fd = openat(tmp, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

/* Attach @mount_fd at @name; a descriptor of its top. */
static int place(int tmp, const char *name, bool dir, int mount_fd) {
	autoclose int at = -1;
	int r = make_place(tmp, name, dir);

	at = r < 0 ? r : open_place(tmp, name);
	if (at < 0)
		return steal_fd(&at);
	r = mount_attach(mount_fd, at);
	return r < 0 ? r : open_place(tmp, name);
}

/* A clone of the mount that @fd is the top of, with all that is mounted in it. */
static int clone_all(int fd) {
	int m = open_tree(fd, "", AT_EMPTY_PATH | AT_RECURSIVE | OPEN_TREE_CLONE |
					  OPEN_TREE_CLOEXEC);

	return m < 0 ? -errno : m;
}

static int set_propagation(int fd, uint64_t propagation, unsigned flags) {
	struct mount_attr attr = { .propagation = propagation };

	return mount_setattr(fd, "", AT_EMPTY_PATH | flags, &attr, sizeof(attr)) < 0 ? -errno : 0;
}

/* The helper: once it is asked. */
static void help(int sock, int first, int others) {
	autoclose int m = -1;
	char c;
	int r = 0;

	if (read(sock, &c, 1) != 1)
		_exit(1);
	m = clone_all(others);
	r = m < 0 ? m : mount_attach(m, first);
	(void)fd_write_all(sock, &r, sizeof(r));
	_exit(0);
}

/* The second and the third, beside the first; and the helper, when all are there. */
static int make_others(struct hotstage *s, const struct bind_mount *m, int tmp, int first) {
	autoclose int second = mount_clone(first), third = mount_clone(first), top = -1;
	int socks[2], r;
	pid_t pid;

	if (second < 0 || third < 0)
		return second < 0 ? second : third;
	top = place(tmp, OTHERS, m->is_dir, second);
	r = top < 0 ? top : mount_attach(third, top);
	if (r == 0)
		r = set_propagation(first, MS_SHARED, 0);
	if (r == 0 && socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, socks) < 0)
		r = -errno;
	if (r < 0)
		return r;
	/* Nobody waits for it: it ends with us, and is init's. */
	pid = fork();
	if (pid == 0) {
		(void)close(socks[0]);
		help(socks[1], first, top);
	}
	r = pid < 0 ? -errno : 0;
	(void)close(socks[1]);
	s->helper = socks[0];
	return r;
}

/* @m in the first one, which is attached. */
static int place_inner(int tmp, const char *around, const struct bind_mount *m, struct err *err) {
	autofree char *outer = path_clean(around), *clean = path_clean(m->bind->target);
	autofree char *rel = NULL;
	autoclose int at = -1;
	int r;

	if (!path_is_below(clean, outer) || !strcmp(clean, outer))
		return err_set(err, ERR_BUG, -EINVAL, "'%s' does not lie in '%s'", clean, outer);
	rel = path_join(FIRST, clean + strlen(outer) + 1);
	at = open_beneath(tmp, rel, O_PATH | O_NOFOLLOW, 0);
	r = at < 0 ? at : mount_attach(m->fd, at);
	return r < 0 ? err_sys(err, r, "cannot attach '%s'", m->bind->source) : 0;
}

int hotstage_make(struct hotstage *s, const struct bind_mount *m, size_t inner, bool locked,
		  struct err *err) {
	autoclose int tmp = -1, root = -1, first = -1;
	int r;

	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0)
		return err_sys(err, -errno, "cannot make a mount namespace");
	tmp = mount_tmpfs("64k", "0755", 0, 0, MOUNT_NOSUID | MOUNT_NODEV);
	root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	r = tmp < 0 ? tmp : root < 0 ? -errno : mount_attach(tmp, root);
	if (r == 0 && fchdir(tmp) < 0)
		r = -errno;
	if (r < 0)
		return err_sys(err, r, "cannot make a tmpfs");
	first = place(tmp, FIRST, m->is_dir, m->fd);
	r = first < 0 ? first : 0;
	if (r == 0 && locked)
		r = make_others(s, m, tmp, first);
	if (r < 0)
		return err_sys(err, r, "cannot attach '%s'", m->bind->source);
	for (size_t i = 1; i <= inner && r == 0; i++)
		r = place_inner(tmp, m->bind->target, &m[i], err);
	return r;
}

static int ask_helper(struct hotstage *s) {
	int r = -EPIPE;

	if (write(s->helper, "", 1) != 1 || read(s->helper, &r, sizeof(r)) != sizeof(r))
		r = -EPIPE;
	(void)close(s->helper);
	s->helper = -1;
	return r;
}

int hotstage_take(struct hotstage *s, struct bind_mount *m, struct err *err) {
	autoclose int first = -1;
	bool locked = s->helper >= 0;
	int r;

	if (unshare(CLONE_NEWNS) < 0)
		return err_sys(err, -errno, "cannot make the container's copy");
	first = open_place(AT_FDCWD, FIRST);
	r = first < 0 ? first : locked ? ask_helper(s) : 0;
	if (r < 0)
		return err_sys(err, r, "cannot lock the mount of '%s'", m->bind->source);
	(void)close(m->fd);
	m->fd = clone_all(first);
	r = m->fd < 0 ? m->fd : set_propagation(m->fd, MS_PRIVATE, AT_RECURSIVE);
	return r < 0 ? err_sys(err, r, "cannot take the mount of '%s'", m->bind->source) : 0;
}
