/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "session/container.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/lock.h"
#include "base/mem.h"
#include "base/strv.h"
#include "session/names.h"
#include "session/repair.h"
#include "session/snapshot.h"

int container_dir(const struct session *s, const char *name) {
	int fd = openat(s->layout->containers_fd, name,
			O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

int container_run_dir(const struct session *s, const char *name) {
	return open_mkdir_beneath(s->layout->run_fd, name, 0700);
}

int container_run_put(const struct session *s, const char *name, const char *file,
		      const json_t *document) {
	autoclose int dir = container_run_dir(s, name);
	autofree char *text = document ? json_dumps(document, JSON_COMPACT) : NULL;

	if (dir < 0)
		return dir;
	return text ? file_write_quick_at(dir, file, text, strlen(text), 0600) : -EINVAL;
}

int container_run_get(const struct session *s, const char *name, const char *file, size_t max,
		      json_t **ret) {
	autoclose int dir = open_beneath(s->layout->run_fd, name, O_RDONLY | O_DIRECTORY, 0);
	autobuf struct buf text = { 0 };
	int r = dir < 0 ? dir : file_read_at(dir, file, max, &text);

	if (r < 0)
		return r == -ENOENT ? 0 : r;
	*ret = json_loadb(text.data, text.len, 0, NULL);
	return *ret ? 1 : -EBADMSG;
}

int container_lock(const struct session *s, const char *name, unsigned flags, struct err *err) {
	autofree char *file = xasprintf("%s.lock", name);

	return lock_take(s->layout->run_fd, file, flags, err);
}

void container_lock_remove(const struct session *s, const char *name, int lock_fd) {
	autofree char *file = xasprintf("%s.lock", name);

	lock_remove(s->layout->run_fd, file, lock_fd);
}

/*
 * A POSIX record lock, not flock(2): it belongs to the process alone, so that
 * liblxc's monitor, forked from the supervisor, does not go on holding it.
 */
int container_alive_take(const struct session *s, const char *name) {
	struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	autoclose int dir = container_run_dir(s, name);
	int fd;

	if (dir < 0)
		return dir;
	fd = openat(dir, "alive", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	if (fcntl(fd, F_SETLK, &whole) < 0) {
		int r = -errno;

		(void)close(fd);
		return r;
	}
	return 0; /* open as long as the process lives */
}

bool container_supervisor_alive(const struct session *s, const struct container *c) {
	struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	autofree char *path = xasprintf("%s/alive", c->name);
	autoclose int fd = -1;

	if (!proc_id_alive(&c->supervisor) || !c->boot_id || strcmp(c->boot_id, boot_id()) != 0)
		return false;
	fd = openat(s->layout->run_fd, path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	return fd >= 0 && fcntl(fd, F_GETLK, &whole) == 0 && whole.l_type != F_UNLCK;
}

int container_wait_cleaned(const struct container *c, int timeout_ms) {
	autoclose int pidfd = proc_id_open(&c->supervisor);

	return pidfd < 0 ? 0 : pidfd_wait_gone(pidfd, timeout_ms);
}

bool container_is_elsewhere(const struct container *c) {
	uint64_t here = 0;

	if (!c->boot_id || strcmp(c->boot_id, boot_id()) != 0 || !c->netns)
		return false;
	if (!proc_id_alive(&c->supervisor) && !proc_id_alive(&c->init))
		return false;
	return ns_inode(0, "net", &here) == 0 && here != c->netns;
}

struct privilege container_person(const struct container *c) {
	return (struct privilege){
		.is_root = true,
		.via_sudo = c->person_uid != 0,
		.uid = c->person_uid,
		.gid = c->person_gid,
		.user = c->person,
		.home = c->person_home,
	};
}

struct runtime_ref container_ref(const struct session *s, const struct container *c) {
	return (struct runtime_ref){
		.name = c->name,
		.lxc_name = c->lxc_name,
		.lxcpath = s->lxcpath,
		.init = c->init,
		.monitor = c->monitor,
		.boot_id = c->boot_id && *c->boot_id ? c->boot_id : NULL,
		.surface = c->surface,
	};
}

bool container_is_running(const struct session *s, const struct container *c) {
	struct runtime_ref ref = container_ref(s, c);

	return c->state == STATE_RUNNING && c->init.pid && runtime_alive(&ref);
}

int container_is_busy(const struct container *c, struct err *err) {
	/* Running, says the record, and nothing of it is: it has just ended. */
	(void)err_set(err, ERR_CONFLICT, -EBUSY, "container '%s' is %s", c->name,
		      container_state_to_string(c->state == STATE_RUNNING ? STATE_STOPPING
									  : c->state));
	return err_hint(err, "do it again in a moment");
}

const char *container_status(const struct session *s, const struct container *c) {
	struct runtime_ref ref = container_ref(s, c);

	switch (c->state) {
	case STATE_CREATING:
	case STATE_STARTING:
		return "Starting";
	case STATE_STOPPING:
	case STATE_DELETING:
		return "Stopping";
	case STATE_STOPPED:
		return "Stopped";
	default:
		break;
	}
	if (container_is_elsewhere(c) || !runtime_alive(&ref))
		return "Error";
	return runtime_is_frozen(&ref) == 1 ? "Frozen" : "Running";
}

void container_list_done(struct container_list *list) {
	for (size_t i = 0; i < list->count; i++)
		container_free(list->items[i]);
	free(list->items);
	*list = (struct container_list){ 0 };
}

static void list_one(struct session *s, const char *name, unsigned flags,
		     struct container_list *list) {
	struct container *c = NULL;
	struct err err = { 0 };

	if (repair_container(s, name, &err) < 0)
		session_say(s, "Warning: %s", err.msg);
	if (!(flags & LIST_ALL_PREFIXES) && strncmp(name, s->prefix, strlen(s->prefix)) != 0)
		return;
	if (container_load(s, name, &c, &err) < 0) {
		if (err.kind != ERR_MISSING)
			session_say(s, "Warning: %s", err.msg);
		return;
	}
	if (c->state == STATE_DELETING && !(flags & LIST_DELETING)) {
		container_free(c);
		return;
	}
	list->items = xreallocarray(list->items, list->count + 1, sizeof(struct container *));
	list->items[list->count++] = c;
}

int container_list_load(struct session *s, unsigned flags, struct container_list *ret,
			struct err *err) {
	struct container_list list = { 0 };
	autostrv char **names = NULL;
	int r = dir_names(s->layout->containers_fd, &names);

	if (r < 0)
		return err_sys(err, r, "cannot list the containers of '%s'", s->layout->root);
	for (size_t i = 0; names && names[i]; i++) {
		if (name_is_plain(names[i]))
			list_one(s, names[i], flags, &list);
	}
	*ret = list;
	return 0;
}

/* Records are read as they are: a broken one keeps everything, by failing the call. */
static int collect_uses(struct image_uses *out, void *data, struct err *err) {
	const struct session *s = data;
	autostrv char **names = NULL;
	int r = dir_names(s->layout->containers_fd, &names);

	if (r < 0)
		return err_sys(err, r, "cannot list the containers of '%s'", s->layout->root);
	for (size_t i = 0; r == 0 && names && names[i]; i++) {
		auto_container struct container *c = NULL;
		int one;

		if (!name_is_plain(names[i]))
			continue;
		one = container_load(s, names[i], &c, err);
		if (one < 0 && one != -ENOENT)
			r = one;
		/* One that is being deleted mounts nothing any more. */
		for (size_t k = 0; one == 0 && c->state != STATE_DELETING &&
				   k < c->layer_count; k++)
			image_uses_add(out, c->name, c->fingerprint, c->layers[k].id);
		if (one == 0 && c->state != STATE_DELETING)
			r = snapshot_uses(s, c, out, err);
	}
	return r;
}

struct image_users container_image_users(const struct session *s) {
	return (struct image_users){ .collect = collect_uses, .data = (void *)s };
}
