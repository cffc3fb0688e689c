/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * stuckfs DIR [names]: a file system that never answers, run by container root; with "names"
 * only to what asks for one. Prints "mounted", and "asked" for the questions that it leaves
 * open.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <stdio.h>
#include <sys/mount.h>
#include <unistd.h>

static int answer_init(int fd, const struct fuse_in_header *in) {
	struct {
		struct fuse_out_header head;
		struct fuse_init_out init;
	} out = {
		.head = { .len = sizeof(out), .unique = in->unique },
		.init = { .major = FUSE_KERNEL_VERSION, .minor = FUSE_KERNEL_MINOR_VERSION,
			  .max_write = 4096 },
	};

	return write(fd, &out, sizeof(out)) == (ssize_t)sizeof(out) ? 0 : 1;
}

/* An empty directory. */
static void answer(int fd, const struct fuse_in_header *in) {
	struct {
		struct fuse_out_header head;
		union {
			struct fuse_statfs_out statfs;
			struct fuse_attr_out attr;
		};
	} out = { .head = { .len = sizeof(out.head), .unique = in->unique } };

	if (in->opcode == FUSE_FORGET)
		return;
	if (in->opcode == FUSE_STATFS) {
		out.statfs.st.namelen = 255;
		out.head.len += sizeof(out.statfs);
	} else if (in->opcode == FUSE_GETATTR) {
		out.attr.attr = (struct fuse_attr){ .ino = 1, .mode = 040755, .nlink = 2 };
		out.head.len += sizeof(out.attr);
	} else {
		out.head.error = -ENOSYS;
	}
	(void)!write(fd, &out, out.head.len);
}

int main(int argc, char **argv) {
	static char data[1 << 18];
	const struct fuse_in_header *in = (const void *)data;
	int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	char options[128];

	if (argc < 2 || argc > 3 || fd < 0)
		return 2;
	(void)snprintf(options, sizeof(options),
		       "fd=%d,rootmode=40000,user_id=0,group_id=0,allow_other", fd);
	if (mount("stuck", argv[1], "fuse", 0, options) < 0 || read(fd, data, sizeof(data)) < 0 ||
	    in->opcode != FUSE_INIT || answer_init(fd, in)) {
		perror("stuckfs");
		return 1;
	}
	printf("mounted\n");
	(void)fflush(stdout);
	for (;;) {
		if (read(fd, data, sizeof(data)) < 0)
			return 0;
		if (argc == 3 && in->opcode != FUSE_LOOKUP) {
			answer(fd, in);
			continue;
		}
		printf("asked\n");
		(void)fflush(stdout);
	}
}
