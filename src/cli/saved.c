/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Everything below the home is opened with the person's rights, never through a link. */
#include "cli/saved.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/json.h"
#include "base/mem.h"

#define METADATA_MAX (256 * 1024)
#define SESSIONS_MAX 10000

void saved_list_done(struct saved_list *list) {
	for (size_t i = 0; i < list->count; i++) {
		free(list->items[i].id);
		free(list->items[i].saved_at);
		free(list->items[i].workspace);
	}
	free(list->items);
	*list = (struct saved_list){ 0 };
}

/* The directory of a tool's sessions, or -errno. */
static int open_sessions(const struct privilege *who, const char *tool) {
	autofree char *name = xasprintf(".coi/sessions-%s", tool);
	autoclose int home = open(who->home, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (home < 0)
		return -errno;
	return open_beneath(home, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
}

static void read_metadata(int dir, const char *id, struct saved_session *out) {
	autofree char *path = xasprintf("%s/metadata.json", id);
	autobuf struct buf b;
	auto_json json_t *meta = NULL;
	autoclose int fd = open_beneath(dir, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK, 0);

	buf_init(&b, METADATA_MAX);
	if (fd >= 0 && fd_read_all(fd, &b) == 0)
		meta = json_loadb(b.data, b.len, 0, NULL);
	*out = (struct saved_session){
		.id = xstrdup(id),
		.saved_at = xstrdup(meta ? json_get_str(meta, "saved_at", "") : ""),
		.workspace = xstrdup(meta ? json_get_str(meta, "workspace", "") : ""),
	};
}

static int newest_first(const void *a, const void *b) {
	return strcmp(((const struct saved_session *)b)->saved_at,
		      ((const struct saved_session *)a)->saved_at);
}

static int load(const struct privilege *who, const char *tool, struct saved_list *ret,
		struct err *err) {
	autoclosedir DIR *d = NULL;
	autoclose int fd = open_sessions(who, tool);
	struct saved_list list = { 0 };
	struct dirent *e;

	if (fd == -ENOENT)
		return 0;
	if (fd < 0)
		return err_sys(err, fd, "cannot read the saved sessions in '%s/.coi/sessions-%s'",
			       who->home, tool);
	d = fdopendir(fcntl(fd, F_DUPFD_CLOEXEC, 3));
	if (!d)
		return err_sys(err, -errno, "cannot read the saved sessions");
	while (list.count < SESSIONS_MAX && (e = readdir(d))) {
		if (e->d_name[0] == '.' || (e->d_type != DT_DIR && e->d_type != DT_UNKNOWN))
			continue;
		list.items = xreallocarray(list.items, list.count + 1, sizeof(*list.items));
		read_metadata(fd, e->d_name, &list.items[list.count++]);
	}
	if (list.count)
		qsort(list.items, list.count, sizeof(*list.items), newest_first);
	*ret = list;
	return 0;
}

int saved_list_load(const struct privilege *who, const char *tool, struct saved_list *ret,
		    struct err *err) {
	int r;

	privilege_person_begin(who);
	r = load(who, tool, ret, err);
	privilege_person_end(who);
	return r;
}

int saved_remove(const struct privilege *who, const char *tool, const char *id, struct err *err) {
	int fd, r;

	privilege_person_begin(who);
	fd = open_sessions(who, tool);
	r = fd < 0 ? fd : tree_remove_at(fd, id);
	privilege_person_end(who);
	if (fd >= 0)
		(void)close(fd);
	if (r < 0)
		return err_sys(err, r, "cannot remove the saved session '%s'", id);
	return 0;
}
