/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Descriptors and files. All descriptors that are made here are close-on-exec.
 * Functions return 0, a count or a descriptor, or -errno.
 */
#ifndef COI_BASE_FD_H
#define COI_BASE_FD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"

/* Read until end of file into @out, which keeps its maximum: -EFBIG past it. */
int fd_read_all(int fd, struct buf *out);
/* Write everything; restarts on EINTR, waits on EAGAIN. SIGPIPE is the caller's to ignore. */
int fd_write_all(int fd, const void *data, size_t len);
int fd_set_nonblock(int fd, bool on);
int fd_set_cloexec(int fd, bool on);
/*
 * 0, 1 and 2 that were not given are taken, and stay unusable: else the next file
 * to be opened is what messages are written to. At the start of a program.
 */
void fd_fill_stdio(void);
/* Move @fd to a number of at least 3 if it is below (closes the old one). */
int fd_above_stdio(int fd);
/* Copy @from to @to until end of file, in the kernel where it can. Bytes copied or -errno. */
int64_t fd_copy(int from, int to);

/*
 * A UNIX socket of @type (SOCK_NONBLOCK may be in it) that is @name below @dirfd, with that
 * @mode, in the place of one that was there. Not listened to yet; close-on-exec.
 */
int socket_make_at(int dirfd, const char *name, int type, mode_t mode);
/*
 * Who sends descriptors to it, or to what it accepts from now on, is refused (EPERM). Else
 * they are whoever's who reads, if only to be closed, which may take as long as who made them
 * wants (socket(7), SO_LINGER). -ENOPROTOOPT before Linux 6.16.
 */
int socket_refuse_descriptors(int sock);
/*
 * One that is connected to @name below @dirfd; to @dirfd itself when that is "", or to a
 * whole path with AT_FDCWD, which may have 107 bytes.
 */
int socket_connect_at(int dirfd, const char *name, int type);

/* Most descriptors that one packet carries. */
#define FD_SEND_MAX 16
/*
 * One packet, or piece of a stream, over a UNIX socket, with @count descriptors, which
 * stay the caller's. Never SIGPIPE. 0, -EINVAL (more than FD_SEND_MAX) or -errno.
 */
int fd_send(int sock, const void *data, size_t len, const int *fds, size_t count);
/*
 * The other end of it: bytes in @data, 0 when the peer is gone. *@count is the room in @fds
 * and becomes what came, which is the caller's then and close-on-exec. -EBADMSG for what was
 * cut (data or descriptors), for more descriptors than there is room and for some without a
 * byte: all that came are closed. @flags as MSG_DONTWAIT, or 0. *@count is 0 when it fails.
 */
ssize_t fd_receive(int sock, void *data, size_t max, int flags, int *fds, size_t *count);

/*
 * The whole file below @dirfd; initialises @out on success only. -EFBIG past
 * @max, -EISDIR, -ENXIO for what is no regular file.
 */
int file_read_at(int dirfd, const char *name, size_t max, struct buf *out);
/* One line without its newline, for /proc and /sys files. Newly allocated in *@ret. */
int file_read_line_at(int dirfd, const char *name, char **ret);
/* Write a short value to an existing file in one write(2): /proc, /sys, cgroup files. */
int file_write_value_at(int dirfd, const char *name, const char *value);
/*
 * Replace file @name below @dirfd: a temporary file beside it, fsync, rename,
 * fsync of the directory. @uid and @gid may be -1 (unchanged). A crash leaves
 * the old file or the new one, and at most a ".<name>.tmp-*" beside it.
 */
int file_write_atomic_at(int dirfd, const char *name, const void *data, size_t len, mode_t mode,
			 uid_t uid, gid_t gid);
/* As above without the two fsyncs: for volatile things. */
int file_write_quick_at(int dirfd, const char *name, const void *data, size_t len, mode_t mode);

/*
 * Open @path below @dirfd with openat2(2) (Linux 5.6), for names that somebody
 * else chose. beneath: no "..", no absolute path, no symlink, no magic link
 * leads out or anywhere. in_root: symlinks and ".." are followed as if @dirfd
 * were "/", magic links never.
 */
int open_beneath(int dirfd, const char *path, int flags, mode_t mode);
/* As beneath, and not into another mount either: -EXDEV there. */
int open_beneath_here(int dirfd, const char *path, int flags, mode_t mode);
int open_in_root(int dirfd, const char *path, int flags, mode_t mode);
/* mkdir -p below @dirfd without following a symlink; returns an O_DIRECTORY descriptor. */
int open_mkdir_beneath(int dirfd, const char *path, mode_t mode);

/* mkdir -p of an absolute path that we trust (follows symlinks). */
int mkdir_parents(const char *path, mode_t mode);
/* O_DIRECTORY descriptor of a path that we trust, made (0700 by @mode) when missing. */
int open_dir_make(int dirfd, const char *path, mode_t mode);
/*
 * Remove @name below @dirfd with all that is in it. Never follows a symlink,
 * never crosses into another mount (-EBUSY there). A missing one is success.
 */
int tree_remove_at(int dirfd, const char *name);
/* Bytes used by a tree (st_blocks); hard links counted once per link. */
int64_t tree_size_at(int dirfd, const char *name);
/* The names in directory @fd but "." and "..", sorted: a strv, NULL when there are none. */
int dir_names(int fd, char ***ret);
/* Does @name exist below @dirfd (not following a symlink)? 1, 0 or -errno. */
int exists_at(int dirfd, const char *name);

/* /proc/self/fd/N into @out (at least 32 bytes). */
char *fd_proc_path(int fd, char out[32]);

#endif
