/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/linux.h"
#include "base/mem.h"

int fd_read_all(int fd, struct buf *out) {
	char block[1 << 14];

	for (;;) {
		ssize_t n = read(fd, block, sizeof(block));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return 0;
		buf_add(out, block, (size_t)n);
		if (out->overflow)
			return -EFBIG;
	}
}

int fd_write_all(int fd, const void *data, size_t len) {
	const char *p = data;

	while (len) {
		ssize_t n = write(fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN) {
			struct pollfd pfd = { .fd = fd, .events = POLLOUT };

			(void)poll(&pfd, 1, -1);
			continue;
		}
		if (n < 0)
			return -errno;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

int fd_set_nonblock(int fd, bool on) {
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0 || fcntl(fd, F_SETFL, on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK) < 0)
		return -errno;
	return 0;
}

int fd_set_cloexec(int fd, bool on) {
	return fcntl(fd, F_SETFD, on ? FD_CLOEXEC : 0) < 0 ? -errno : 0;
}

void fd_fill_stdio(void) {
	for (int fd = 0; fd < 3; fd++)
		if (fcntl(fd, F_GETFD) < 0 && errno == EBADF)
			/* For the wrong direction: who uses it is told so, as without. */
			(void)open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY);
}

int fd_above_stdio(int fd) {
	int moved;

	if (fd < 0 || fd > 2)
		return fd;
	moved = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	if (moved < 0)
		moved = -errno;
	(void)close(fd);
	return moved;
}

union control {
	char room[CMSG_SPACE(sizeof(int) * FD_SEND_MAX)];
	struct cmsghdr align;
};

int fd_send(int sock, const void *data, size_t len, const int *fds, size_t count) {
	union control control = { 0 };
	struct iovec iov = { .iov_base = (void *)data, .iov_len = len };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t n;

	if (count > FD_SEND_MAX)
		return -EINVAL;
	if (count) {
		struct cmsghdr *c;

		m.msg_control = control.room;
		m.msg_controllen = CMSG_SPACE(sizeof(int) * count);
		c = CMSG_FIRSTHDR(&m);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int) * count);
		memcpy(CMSG_DATA(c), fds, sizeof(int) * count);
	}
	do
		n = sendmsg(sock, &m, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : 0;
}

/* All descriptors of a packet into @fds, at most @room; those behind are closed. How many came. */
static size_t take_descriptors(struct msghdr *m, int *fds, size_t room) {
	size_t all = 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		size_t count;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < count; i++, all++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(fd));
			if (all < room)
				fds[all] = fd;
			else
				(void)close(fd);
		}
	}
	return all;
}

ssize_t fd_receive(int sock, void *data, size_t max, int flags, int *fds, size_t *count) {
	union control control;
	struct iovec iov = { .iov_base = data, .iov_len = max };
	struct msghdr m = { .msg_iov = &iov,
			    .msg_iovlen = 1,
			    .msg_control = control.room,
			    .msg_controllen = sizeof(control.room) };
	size_t room = *count, came;
	ssize_t n;

	*count = 0;
	/*
	 * A peer that closes without having read everything leaves an error, which the
	 * kernel tells before the messages that it has sent, and once only.
	 */
	do
		n = recvmsg(sock, &m, MSG_CMSG_CLOEXEC | flags);
	while (n < 0 && (errno == EINTR || errno == ECONNRESET));
	if (n < 0)
		return -errno;
	came = take_descriptors(&m, fds, room);
	/* Nothing, with descriptors, is not the end: nobody would look whether there are any. */
	if (came <= room && (n > 0 || !came) && !(m.msg_flags & (MSG_TRUNC | MSG_CTRUNC))) {
		*count = came;
		return n;
	}
	for (size_t i = 0; i < came && i < room; i++)
		(void)close(steal_fd(&fds[i]));
	return -EBADMSG;
}

/* Through the descriptor, however deep that lies: sun_path has room for 108 bytes only. */
static int address_of(int dirfd, const char *name, struct sockaddr_un *ret) {
	char link[32];
	int n;

	*ret = (struct sockaddr_un){ .sun_family = AF_UNIX };
	n = snprintf(ret->sun_path, sizeof(ret->sun_path), "%s%s%s",
		     dirfd == AT_FDCWD ? "" : fd_proc_path(dirfd, link),
		     dirfd == AT_FDCWD || !*name ? "" : "/", name);
	return (size_t)n < sizeof(ret->sun_path) ? 0 : -ENAMETOOLONG;
}

int socket_make_at(int dirfd, const char *name, int type, mode_t mode) {
	autoclose int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
	struct sockaddr_un addr;
	int r = fd < 0 ? -errno : address_of(dirfd, name, &addr);

	if (r < 0)
		return r;
	(void)unlinkat(dirfd, name, 0);
	if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0 ||
	    fchmodat(dirfd, name, mode, 0) < 0)
		return -errno;
	return steal_fd(&fd);
}

int socket_refuse_descriptors(int sock) {
	const int off = 0;

	return setsockopt(sock, SOL_SOCKET, SO_PASSRIGHTS, &off, sizeof(off)) < 0 ? -errno : 0;
}

int socket_connect_at(int dirfd, const char *name, int type) {
	autoclose int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
	struct sockaddr_un addr;
	int r = fd < 0 ? -errno : address_of(dirfd, name, &addr);

	if (r < 0)
		return r;
	return connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0 ? -errno : steal_fd(&fd);
}

int64_t fd_copy(int from, int to) {
	static const size_t step = 1 << 24;
	char block[1 << 16];
	int64_t total = 0;

	for (;;) {
		ssize_t n = copy_file_range(from, NULL, to, NULL, step, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n == 0)
			return total;
		if (n < 0)
			break; /* not for these files: by hand, from where it stands */
		total += n;
	}
	for (;;) {
		ssize_t n = read(from, block, sizeof(block));
		int r;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return total;
		r = fd_write_all(to, block, (size_t)n);
		if (r < 0)
			return r;
		total += n;
	}
}

int file_read_at(int dirfd, const char *name, size_t max, struct buf *out) {
	/* Not blocking: a FIFO that somebody put there must not hold us up. */
	autoclose int fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;
	int r;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (S_ISDIR(st.st_mode))
		return -EISDIR;
	if (!S_ISREG(st.st_mode))
		return -ENXIO;
	if (st.st_size > 0 && (uint64_t)st.st_size > max)
		return -EFBIG;
	buf_init(out, max);
	r = fd_read_all(fd, out);
	if (r < 0)
		buf_done(out);
	return r;
}

int file_read_line_at(int dirfd, const char *name, char **ret) {
	struct buf b;
	int r = file_read_at(dirfd, name, 1 << 16, &b);

	if (r < 0)
		return r;
	b.data[strcspn(b.data, "\n")] = '\0';
	*ret = b.data;
	return 0;
}

int file_write_value_at(int dirfd, const char *name, const char *value) {
	autoclose int fd = openat(dirfd, name, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
	ssize_t n;

	if (fd < 0)
		return -errno;
	do
		n = write(fd, value, strlen(value));
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	return (size_t)n == strlen(value) ? 0 : -EIO;
}

/* A new file ".<name>.tmp-<random>" below @dirfd; the name goes to *@ret_name. */
static int open_temporary(int dirfd, const char *name, mode_t mode, char **ret_name) {
	for (int try = 0; try < 16; try++) {
		uint64_t random = 0;
		autofree char *tmp = NULL;
		int fd;

		if (getrandom(&random, sizeof(random), 0) < 0)
			return -errno;
		tmp = xasprintf(".%s.tmp-%016llx", name, (unsigned long long)random);
		fd = openat(dirfd, tmp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
		if (fd >= 0) {
			*ret_name = steal_ptr(tmp);
			return fd;
		}
		if (errno != EEXIST)
			return -errno;
	}
	return -EEXIST;
}

struct new_file {
	const void *data;
	size_t len;
	mode_t mode;
	uid_t uid;
	gid_t gid;
	bool durable;
};

static int fill_file(int fd, const struct new_file *new) {
	int r = fd_write_all(fd, new->data, new->len);

	if (r < 0)
		return r;
	if (fchmod(fd, new->mode) < 0)
		return -errno;
	if ((new->uid != (uid_t)-1 || new->gid != (gid_t)-1) && fchown(fd, new->uid, new->gid) < 0)
		return -errno;
	return new->durable && fsync(fd) < 0 ? -errno : 0;
}

static int replace_file(int dirfd, const char *name, const struct new_file *new) {
	autofree char *tmp = NULL;
	autoclose int fd = open_temporary(dirfd, name, new->mode, &tmp);
	int r;

	if (fd < 0)
		return fd;
	r = fill_file(fd, new);
	if (r == 0 && renameat(dirfd, tmp, dirfd, name) < 0)
		r = -errno;
	if (r < 0) {
		(void)unlinkat(dirfd, tmp, 0);
		return r;
	}
	if (new->durable && dirfd >= 0 && fsync(dirfd) < 0)
		return -errno;
	return 0;
}

int file_write_atomic_at(int dirfd, const char *name, const void *data, size_t len, mode_t mode,
			 uid_t uid, gid_t gid) {
	return replace_file(dirfd, name, &(struct new_file){ data, len, mode, uid, gid, true });
}

int file_write_quick_at(int dirfd, const char *name, const void *data, size_t len, mode_t mode) {
	return replace_file(dirfd, name,
			    &(struct new_file){ data, len, mode, (uid_t)-1, (gid_t)-1, false });
}

static int open_resolved(int dirfd, const char *path, int flags, mode_t mode, uint64_t resolve) {
	struct open_how how = {
		.flags = (uint64_t)(flags | O_CLOEXEC),
		.mode = flags & (O_CREAT | O_TMPFILE) ? mode : 0,
		.resolve = resolve,
	};

	for (int try = 0;; try++) {
		long fd = syscall(SYS_openat2, dirfd, path, &how, sizeof(how));

		if (fd >= 0)
			return (int)fd;
		/* EAGAIN: a rename raced with ".." (openat2(2)). */
		if (errno != EINTR && !(errno == EAGAIN && try < 64))
			return -errno;
	}
}

int open_beneath(int dirfd, const char *path, int flags, mode_t mode) {
	return open_resolved(dirfd, path, flags, mode,
			     RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS);
}

int open_beneath_here(int dirfd, const char *path, int flags, mode_t mode) {
	return open_resolved(dirfd, path, flags, mode,
			     RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS |
				     RESOLVE_NO_XDEV);
}

int open_in_root(int dirfd, const char *path, int flags, mode_t mode) {
	return open_resolved(dirfd, path, flags, mode, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
}

int open_mkdir_beneath(int dirfd, const char *path, mode_t mode) {
	autofree char *copy = xstrdup(path);
	char *save = NULL;
	int at = fcntl(dirfd, F_DUPFD_CLOEXEC, 3);

	if (at < 0)
		return -errno;
	for (char *part = strtok_r(copy, "/", &save); part; part = strtok_r(NULL, "/", &save)) {
		int next;

		if (mkdirat(at, part, mode) < 0 && errno != EEXIST) {
			next = -errno;
			(void)close(at);
			return next;
		}
		next = open_beneath(at, part, O_RDONLY | O_DIRECTORY, 0);
		(void)close(at);
		if (next < 0)
			return next;
		at = next;
	}
	return at;
}

int mkdir_parents(const char *path, mode_t mode) {
	autofree char *copy = xstrdup(path);

	for (char *p = copy + 1; *copy && (p = strchr(p, '/')); p++) {
		*p = '\0';
		if (mkdir(copy, mode) < 0 && errno != EEXIST)
			return -errno;
		*p = '/';
	}
	return mkdir(path, mode) < 0 && errno != EEXIST ? -errno : 0;
}

int open_dir_make(int dirfd, const char *path, mode_t mode) {
	int fd = openat(dirfd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd >= 0)
		return fd;
	if (errno != ENOENT)
		return -errno;
	if (*path == '/') {
		int r = mkdir_parents(path, mode);

		if (r < 0)
			return r;
	} else if (mkdirat(dirfd, path, mode) < 0 && errno != EEXIST) {
		return -errno;
	}
	fd = openat(dirfd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int exists_at(int dirfd, const char *name) {
	struct stat st;

	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return 1;
	return errno == ENOENT || errno == ENOTDIR ? 0 : -errno;
}

char *fd_proc_path(int fd, char out[32]) {
	(void)snprintf(out, 32, "/proc/self/fd/%d", fd);
	return out;
}
