/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Everything below the home is opened with the person's rights, never through a link. */
#include "session/saved.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/mem.h"
#include "session/saved-dir.h"

#define METADATA_MAX (256 * 1024)
#define SESSIONS_MAX 10000
#define ID_MAX 64

void saved_session_done(struct saved_session *one) {
	free(one->id);
	free(one->saved_at);
	free(one->workspace);
	free(one->container);
	free(one->profile);
	*one = (struct saved_session){ 0 };
}

void saved_list_done(struct saved_list *list) {
	for (size_t i = 0; i < list->count; i++)
		saved_session_done(&list->items[i]);
	free(list->items);
	*list = (struct saved_list){ 0 };
}

int saved_id_check(const char *id, struct err *err) {
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				      "._-";
	size_t len = strlen(id);

	if (len >= 1 && len <= ID_MAX && strspn(id, allowed) == len && *id != '.')
		return 0;
	(void)err_set(err, ERR_USAGE, -EINVAL, "'%s' is no session id", id);
	return err_hint(err, "'coi list --all' shows the saved sessions");
}

void saved_id_new(char ret[SAVED_ID_SIZE]) {
	uint8_t b[16];

	if (getrandom(b, sizeof(b), 0) != (ssize_t)sizeof(b))
		abort(); /* the kernel gives 16 bytes always */
	b[6] = (uint8_t)((b[6] & 0x0f) | 0x40);
	b[8] = (uint8_t)((b[8] & 0x3f) | 0x80);
	(void)snprintf(ret, SAVED_ID_SIZE,
		       "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0],
		       b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12],
		       b[13], b[14], b[15]);
}

char *saved_path(const struct privilege *who, const char *tool, const char *id) {
	return xasprintf("%s/.coi/sessions-%s/%s", who->home, tool, id);
}

int saved_dir_open(const struct privilege *who, const char *tool, bool make) {
	autofree char *name = xasprintf(".coi/sessions-%s", tool);
	autoclose int home = open(who->home, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (home < 0)
		return -errno;
	return make ? open_mkdir_beneath(home, name, 0700) :
		      open_beneath(home, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
}

int saved_metadata_read(int session_fd, json_t **ret) {
	autobuf struct buf b;
	autoclose int fd =
		open_beneath(session_fd, SAVED_METADATA, O_RDONLY | O_CLOEXEC | O_NONBLOCK, 0);
	json_t *meta;
	int r;

	buf_init(&b, METADATA_MAX);
	r = fd < 0 ? fd : fd_read_all(fd, &b);
	if (r < 0)
		return r;
	meta = json_loadb(b.data, b.len, 0, NULL);
	if (!json_is_object(meta)) {
		json_decref(meta);
		return -EBADMSG;
	}
	*ret = meta;
	return 0;
}

static bool has_data(int session_fd) {
	autoclosedir DIR *d = saved_dir_stream(session_fd);
	struct dirent *e;

	while (d && (e = readdir(d)))
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0 &&
		    strcmp(e->d_name, SAVED_METADATA) != 0)
			return true;
	return false;
}

static int read_one(int sessions_fd, const char *id, struct saved_session *out) {
	autoclose int fd = open_beneath(sessions_fd, id, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
	auto_json json_t *meta = NULL;

	if (fd < 0)
		return fd;
	if (saved_metadata_read(fd, &meta) < 0)
		meta = NULL;
	*out = (struct saved_session){
		.id = xstrdup(id),
		.saved_at = xstrdup(meta ? json_get_str(meta, "saved_at", "") : ""),
		.started_ms = meta ? json_get_int(meta, "started_ms", 0) : 0,
		.saved_ms = meta ? json_get_int(meta, "saved_ms", 0) : 0,
		.workspace = xstrdup(meta ? json_get_str(meta, "workspace", "") : ""),
		.container = xstrdup(meta ? json_get_str(meta, "container_name", "") : ""),
		.profile = xstrdup(meta ? json_get_str(meta, "profile_name", "") : ""),
		.persistent = meta && json_get_bool(meta, "persistent", false),
		.has_metadata = meta != NULL,
		.has_data = has_data(fd),
		.format = meta ? (int)json_get_int(meta, "format", 0) : 0,
	};
	return 0;
}

/* The moment and not the text, whose offsets differ. */
static int64_t saved_moment(const struct saved_session *one) {
	return one->saved_ms ? one->saved_ms : (int64_t)clock_parse_rfc3339(one->saved_at) * 1000;
}

static int newest_first(const void *a, const void *b) {
	const struct saved_session *one = a, *two = b;
	int64_t at = saved_moment(one), other = saved_moment(two);

	return at == other ? strcmp(two->id, one->id) : at < other ? 1 : -1;
}

static int load_all(const struct privilege *who, const char *tool, struct saved_list *ret,
		    struct err *err) {
	autoclosedir DIR *d = NULL;
	autoclose int fd = saved_dir_open(who, tool, false);
	struct saved_list list = { 0 };
	struct dirent *e;

	if (fd == -ENOENT)
		return 0;
	if (fd < 0)
		return err_sys(err, fd, "cannot read the saved sessions in '%s/.coi/sessions-%s'",
			       who->home, tool);
	saved_dir_recover(fd);
	d = saved_dir_stream(fd);
	if (!d)
		return err_sys(err, -errno, "cannot read the saved sessions");
	while (list.count < SESSIONS_MAX && (e = readdir(d))) {
		if (e->d_name[0] == '.' || (e->d_type != DT_DIR && e->d_type != DT_UNKNOWN))
			continue;
		list.items = xreallocarray(list.items, list.count + 1, sizeof(*list.items));
		if (read_one(fd, e->d_name, &list.items[list.count]) == 0)
			list.count++;
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
	r = load_all(who, tool, ret, err);
	privilege_person_end(who);
	return r;
}

static int load_id(const struct privilege *who, const char *tool, const char *id,
		   struct saved_session *ret) {
	autoclose int fd = saved_dir_open(who, tool, false);

	if (fd < 0)
		return fd;
	saved_dir_recover(fd);
	return read_one(fd, id, ret);
}

int saved_load(const struct privilege *who, const char *tool, const char *id,
	       struct saved_session *ret, struct err *err) {
	auto_saved_session struct saved_session one = { 0 };
	int r = saved_id_check(id, err);

	if (r < 0)
		return r;
	privilege_person_begin(who);
	r = load_id(who, tool, id, &one);
	privilege_person_end(who);
	if (r == -ENOENT) {
		(void)err_set(err, ERR_MISSING, r, "there is no saved session '%s' of '%s'", id,
			      tool);
		return err_hint(err, "'coi list --all' shows the saved sessions");
	}
	if (r < 0)
		return err_sys(err, r, "cannot read the saved session '%s'", id);
	if (one.format > SAVED_FORMAT)
		return err_set(err, ERR_CONFLICT, -EPROTO,
			       "the session '%s' was saved by a later version of coi (its format is "
			       "%d, this version knows %d)", id, one.format, SAVED_FORMAT);
	*ret = one;
	one = (struct saved_session){ 0 };
	return 0;
}

int64_t saved_size(const struct privilege *who, const char *tool, const char *id) {
	int64_t size;
	int fd;

	privilege_person_begin(who);
	fd = saved_dir_open(who, tool, false);
	size = fd < 0 ? fd : tree_size_at(fd, id);
	privilege_person_end(who);
	if (fd >= 0)
		(void)close(fd);
	return size;
}

int saved_remove(const struct privilege *who, const char *tool, const char *id, struct err *err) {
	int fd, r;

	privilege_person_begin(who);
	fd = saved_dir_open(who, tool, false);
	r = fd < 0 ? fd : tree_remove_at(fd, id);
	privilege_person_end(who);
	if (fd >= 0)
		(void)close(fd);
	if (r < 0)
		return err_sys(err, r, "cannot remove the saved session '%s'", id);
	return 0;
}
