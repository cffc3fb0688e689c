/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "session/protect-state.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/strv.h"

static json_t *base_to_json(const struct protect_base *base) {
	struct stat st = { 0 };

	(void)fstat(base->fd, &st);
	return json_pack("{s:o, s:o, s:b, s:I, s:I}", "path", json_text(base->path), "target",
			 json_text(base->target), "late", base->is_late, "dev",
			 (json_int_t)st.st_dev, "ino", (json_int_t)st.st_ino);
}

static json_t *bound_to_json(const struct protect_binds *b, const struct protect_bound *bound) {
	const struct runtime_bind *bind = &b->items[bound->item];

	return json_pack("{s:I, s:o, s:i, s:i, s:o, s:b, s:b, s:b, s:i, s:I, s:I}", "base",
			 (json_int_t)bound->base, "path", json_text(bound->path), "role",
			 (int)bound->role, "kind", (int)bound->kind, "target",
			 json_text(bind->target), "readonly", bind->readonly, "hidden",
			 bind->hidden, "noexec", bind->noexec, "ids", (int)bind->ids, "uid",
			 (json_int_t)bind->owner_uid, "gid", (json_int_t)bind->owner_gid);
}

json_t *protect_binds_to_json(const struct protect_binds *b) {
	json_t *bases = json_array(), *bound = json_array();

	for (size_t i = 0; i < b->base_count; i++)
		(void)json_array_append_new(bases, base_to_json(&b->bases[i]));
	for (size_t i = 0; i < b->bound_count; i++)
		(void)json_array_append_new(bound, bound_to_json(b, &b->bound[i]));
	return json_pack("{s:o, s:o}", "bases", bases, "bound", bound);
}

static char *keep(struct protect_binds *b, const char *text) {
	char *copy = xstrdup(text);

	strv_take(&b->names, copy);
	return copy;
}

static int open_base(const json_t *j) {
	autoclose int fd = open(json_get_str(j, "path", ""), O_PATH | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0 || (json_int_t)st.st_dev != json_get_int(j, "dev", -1) ||
	    (json_int_t)st.st_ino != json_get_int(j, "ino", -1))
		return -1;
	return steal_fd(&fd);
}

static void read_base(const json_t *j, struct protect_binds *b, char ***lost) {
	struct protect_base base = {
		.fd = open_base(j),
		.path = keep(b, json_get_str(j, "path", "")),
		.target = keep(b, json_get_str(j, "target", "/")),
		.is_late = json_get_bool(j, "late", false),
	};

	if (base.fd < 0) {
		strv_add(lost, base.path);
	} else {
		b->fds = xreallocarray(b->fds, b->fd_count + 1, sizeof(*b->fds));
		b->fds[b->fd_count++] = base.fd;
	}
	b->bases = xreallocarray(b->bases, b->base_count + 1, sizeof(*b->bases));
	b->bases[b->base_count++] = base;
}

static void read_bound(const json_t *j, struct protect_binds *b) {
	size_t base = (size_t)json_get_int(j, "base", -1);
	struct runtime_bind bind = {
		.fd = -1,
		.readonly = json_get_bool(j, "readonly", true),
		.hidden = json_get_bool(j, "hidden", false),
		.noexec = json_get_bool(j, "noexec", false),
		.strict_target = true,
		.ids = (enum runtime_bind_ids)json_get_int(j, "ids", RUNTIME_BIND_PLAIN),
		.owner_uid = (uid_t)json_get_int(j, "uid", (uid_t)-1),
		.owner_gid = (gid_t)json_get_int(j, "gid", (gid_t)-1),
	};
	char *path;

	if (base >= b->base_count || b->bases[base].fd < 0 || b->count >= PROTECT_BINDS_MAX)
		return;
	path = path_join(b->bases[base].path, json_get_str(j, "path", ""));
	strv_take(&b->names, path);
	bind.source = path;
	bind.target = keep(b, json_get_str(j, "target", "/"));
	b->bound = xreallocarray(b->bound, b->bound_count + 1, sizeof(*b->bound));
	b->bound[b->bound_count++] = (struct protect_bound){
		.item = b->count,
		.base = base,
		.path = keep(b, json_get_str(j, "path", "")),
		.role = (enum protect_role)json_get_int(j, "role", PROTECT_ROLE_READONLY),
		.kind = (enum protect_kind)json_get_int(j, "kind", PROTECT_NONE),
	};
	b->items = xreallocarray(b->items, b->count + 1, sizeof(*b->items));
	b->items[b->count++] = bind;
}

void protect_binds_from_json(const json_t *j, struct protect_binds *ret, char ***lost) {
	struct protect_binds b = { 0 };
	const json_t *one;
	size_t i;

	json_array_foreach(json_object_get(j, "bases"), i, one)
		read_base(one, &b, lost);
	json_array_foreach(json_object_get(j, "bound"), i, one)
		read_bound(one, &b);
	*ret = b;
}
