/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "session/host-mounts.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fd.h"
#include "base/linux.h"
#include "base/mem.h"
#include "base/path.h"

#define MOUNTINFO_MAX (16 * 1024 * 1024)
#define BLOCK 65536

void host_mounts_done(struct host_mounts *m) {
	for (size_t i = 0; i < m->count; i++) {
		free(m->items[i].root);
		free(m->items[i].point);
	}
	free(m->items);
	*m = (struct host_mounts){ 0 };
}

/* \040 and the like, in place. */
static void unescape(char *text) {
	char *to = text;

	for (const char *at = text; *at;) {
		if (at[0] == '\\' && at[1] >= '0' && at[1] <= '3' && at[2] >= '0' && at[2] <= '7' &&
		    at[3] >= '0' && at[3] <= '7') {
			*to++ = (char)((at[1] - '0') * 64 + (at[2] - '0') * 8 + (at[3] - '0'));
			at += 4;
		} else {
			*to++ = *at++;
		}
	}
	*to = '\0';
}

/* "36 35 98:0 /root /point options..." */
static bool parse_line(char *line, struct host_mount *ret) {
	enum { ID, PARENT, DEVICE, ROOT, POINT, FIELDS };
	char *field[FIELDS], *save = NULL;

	for (int i = 0; i < FIELDS; i++) {
		field[i] = strtok_r(i ? NULL : line, " ", &save);
		if (!field[i])
			return false;
	}
	unescape(field[ROOT]);
	unescape(field[POINT]);
	if (*field[ROOT] != '/' || *field[POINT] != '/')
		return false; /* what has no path: a namespace */
	*ret = (struct host_mount){
		.id = strtoull(field[ID], NULL, 10),
		.root = xasprintf("%s:%s", field[DEVICE], field[ROOT][1] ? field[ROOT] : ""),
		.point = xstrdup(field[POINT]),
	};
	return true;
}

void host_mounts_parse(const char *text, struct host_mounts *ret) {
	struct host_mounts m = { 0 };

	while (*text) {
		size_t len = strcspn(text, "\n");
		autofree char *line = xstrndup(text, len);
		struct host_mount one;

		if (parse_line(line, &one)) {
			m.items = xreallocarray(m.items, m.count + 1, sizeof(*m.items));
			m.items[m.count++] = one;
		}
		text += len + (text[len] == '\n');
	}
	*ret = m;
}

int host_mounts_read(int mountinfo_fd, struct host_mounts *ret, struct err *err) {
	autofree char *block = xmalloc(BLOCK);
	autobuf struct buf text = { 0 };
	ssize_t n;

	buf_init(&text, MOUNTINFO_MAX);
	if (lseek(mountinfo_fd, 0, SEEK_SET) < 0)
		return err_sys(err, -errno, "cannot read the host's mounts");
	while ((n = read(mountinfo_fd, block, BLOCK)) > 0)
		buf_add(&text, block, (size_t)n);
	if (n < 0 || text.overflow)
		return err_sys(err, n < 0 ? -errno : -EFBIG, "cannot read the host's mounts");
	host_mounts_parse(text.data, ret);
	return 0;
}

char *host_mounts_key_of(const struct host_mount *m, const char *path) {
	const char *rest = path + (m->point[1] ? strlen(m->point) : 0);

	if (!path_is_below(path, m->point))
		return NULL;
	return xasprintf("%s%s", m->root, strcmp(rest, "/") != 0 ? rest : "");
}

char *host_mounts_key(const struct host_mounts *m, int fd) {
	char link[32], path[PATH_MAX];
	struct statx st = { 0 };
	ssize_t n = readlink(fd_proc_path(fd, link), path, sizeof(path));

	if (n <= 0 || n >= (ssize_t)sizeof(path) ||
	    statx(fd, "", AT_EMPTY_PATH, STATX_MNT_ID, &st) < 0)
		return NULL;
	path[n] = '\0';
	for (size_t i = 0; i < m->count; i++)
		if (m->items[i].id == st.stx_mnt_id)
			return host_mounts_key_of(&m->items[i], path);
	return NULL;
}
