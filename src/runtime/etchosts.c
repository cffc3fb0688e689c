/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runtime/etchosts.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/fd.h"
#include "base/mem.h"
#include "runtime/inside.h"

static const char *behind_line(const char *line) {
	const char *end = strchr(line, '\n');

	return end ? end + 1 : line + strlen(line);
}

/* The line @text in @from, as a whole line; NULL. */
static const char *find_line(const char *from, const char *text) {
	size_t len = strlen(text);

	for (const char *p = from; *p; p = behind_line(p))
		if (!strncmp(p, text, len) && (p[len] == '\n' || !p[len]))
			return p;
	return NULL;
}

char *etc_hosts_text(const char *before, const char *lines) {
	struct buf out;
	const char *begin, *end;

	buf_init(&out, 2 * ETC_HOSTS_MAX);
	while ((begin = find_line(before, ETC_HOSTS_BEGIN)) &&
	       (end = find_line(begin, ETC_HOSTS_END))) {
		buf_add(&out, before, (size_t)(begin - before));
		before = behind_line(end);
	}
	buf_adds(&out, before);
	if (lines && *lines) {
		if (out.len && out.data[out.len - 1] != '\n')
			buf_addc(&out, '\n');
		buf_addf(&out, "%s\n%s%s\n", ETC_HOSTS_BEGIN, lines, ETC_HOSTS_END);
	}
	return buf_steal(&out);
}

/* 1; 0 when a link, or nothing, or what is no file has its place, which a new one takes. */
static int read_own(int etc, struct buf *out) {
	autoclose int fd = open_beneath(etc, "hosts", O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0);
	struct stat st;

	buf_init(out, ETC_HOSTS_MAX);
	if (fd == -ENOENT || fd == -ELOOP || (fd >= 0 && fstat(fd, &st) == 0 && !S_ISREG(st.st_mode))) {
		buf_adds(out, "127.0.0.1\tlocalhost\n");
		return 0;
	}
	if (fd < 0)
		return fd;
	buf_adds(out, ""); /* a text, also of an empty file */
	return fd_read_all(fd, out) < 0 ? -EFBIG : 1;
}

/* In the child: container root in its own mounts, so a name leads nowhere of the host's. */
static int place(int pidfd, void *data, struct buf *text, struct err *err) {
	const char *lines = *(const char **)data;
	autobuf struct buf before = { 0 };
	autofree char *after = NULL;
	autoclose int root = -1, etc = -1;
	int r = inside_become_root(pidfd, err);

	(void)text;
	if (r == 0)
		r = inside_enter_mounts(pidfd, &root, err);
	if (r < 0)
		return r;
	etc = open_beneath(root, "etc", O_RDONLY | O_DIRECTORY, 0);
	if (etc < 0)
		return err_sys(err, etc, "cannot open '/etc' of the container");
	(void)umask(022);
	r = read_own(etc, &before);
	if (r < 0)
		return err_sys(err, r, "cannot read '/etc/hosts' of the container");
	after = etc_hosts_text(before.data, lines);
	if (r > 0 && !strcmp(before.data, after))
		return 0;
	r = file_write_quick_at(etc, "hosts", after, strlen(after), 0644);
	return r < 0 ? err_sys(err, r, "cannot write '/etc/hosts' of the container") : 0;
}

int etc_hosts_place(const struct runtime_ref *ref, const char *lines, struct err *err) {
	return inside_run(&(struct inside_job){ .ref = ref, .act = place, .data = &lines }, NULL, err);
}
