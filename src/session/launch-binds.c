/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "session/launch-binds.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "session/git-pointer.h"

int launch_bind_workspace(struct session *s, const struct container *c, int fd,
			  struct wire_plan *plan, struct err *err) {
	enum runtime_bind_method method;
	int r = runtime_bind_check(fd, c->workspace_uid, c->workspace_gid, &method, err);

	if (r < 0)
		return err_wrap(err, "cannot mount the workspace '%s'", c->workspace);
	if (method == RUNTIME_BIND_HOLE)
		session_say(s, "The file system of '%s' has no id-mapped mounts: its owner gets a "
			       "place in the container's id map instead", c->workspace);
	wire_add_bind(plan,
		      &(struct runtime_bind){ .source = c->workspace,
					      .target = c->workspace_path,
					      .ids = RUNTIME_BIND_OWNER,
					      .owner_uid = c->workspace_uid,
					      .owner_gid = c->workspace_gid },
		      fcntl(fd, F_DUPFD_CLOEXEC, 3));
	return 0;
}

/* May the repository at @p be mounted where it lies on the host? */
static int check_git(const struct session *s, const struct container *c,
		     const struct git_pointer *p, const struct wire_plan *plan, struct err *err) {
	enum runtime_bind_method method;
	int r = workspace_check_owner(p->path, p->fd, err);

	if (r == 0 && workspace_place_is_taken(p->path))
		r = err_set(err, ERR_CONFLICT, -EEXIST,
			    "'%s' is where the container has things of its own", p->path);
	if (r == 0 && (path_is_below(s->layout->root, p->path) ||
		       path_is_below(p->path, s->layout->root)))
		r = err_set(err, ERR_CONFLICT, -EEXIST, "'%s' is where coi has its own state",
			    p->path);
	if (r == 0 && plan->bind_count >= WIRE_BINDS_MAX)
		r = err_set(err, ERR_CONFLICT, -E2BIG, "there are more than %d mounts",
			    WIRE_BINDS_MAX);
	if (r == 0)
		r = runtime_bind_check(p->fd, c->workspace_uid, c->workspace_gid, &method, err);
	return r;
}

void launch_bind_git(struct session *s, const struct container *c, int workspace_fd,
		     struct wire_plan *plan) {
	autofree char *real = workspace_real(workspace_fd);
	auto_git_pointer struct git_pointer p = GIT_POINTER_INIT;
	struct err err = { 0 };
	int r = real ? git_pointer_follow(s->who, workspace_fd, real, &p, &err) : 0;

	if (r == 0 && p.kind != GIT_POINTER_OUTSIDE)
		return;
	if (r == 0)
		r = check_git(s, c, &p, plan, &err);
	if (r < 0) {
		session_say(s, "Warning: the repository of this workspace lies elsewhere and is "
			       "not mounted, so git does not work in the container: %s", err.msg);
		return;
	}
	plan->git_bind = plan->bind_count;
	str_replace(&plan->git_own, p.own);
	wire_add_bind(plan,
		      &(struct runtime_bind){ .source = p.path,
					      .target = p.path,
					      .ids = RUNTIME_BIND_OWNER,
					      .owner_uid = c->workspace_uid,
					      .owner_gid = c->workspace_gid },
		      steal_fd(&p.fd));
}

int mount_open(const struct session *s, const struct container_mount *m, struct err *err) {
	int fd, r;

	privilege_person_begin(s->who);
	fd = open(m->source, O_PATH | O_CLOEXEC);
	r = fd < 0 ? -errno : fd;
	privilege_person_end(s->who);
	return r < 0 ? err_sys(err, r, "cannot mount '%s'", m->source) : r;
}

struct runtime_bind mount_bind(const struct container_mount *m) {
	return (struct runtime_bind){
		.fd = -1,
		.source = m->source,
		.target = m->path,
		.readonly = m->readonly,
		.ids = m->shift ? RUNTIME_BIND_OWNER : RUNTIME_BIND_PLAIN,
		.owner_uid = (uid_t)-1,
		.owner_gid = (gid_t)-1,
	};
}

int launch_bind_recorded(const struct session *s, const struct container *c,
			 struct wire_plan *plan, struct err *err) {
	for (size_t i = 0; i < c->mount_count; i++) {
		const struct container_mount *m = &c->mounts[i];
		struct runtime_bind bind = mount_bind(m);
		int fd;

		if (plan->bind_count >= WIRE_BINDS_MAX)
			return err_set(err, ERR_USAGE, -E2BIG,
				       "container '%s' has more than %d mounts", c->name,
				       WIRE_BINDS_MAX);
		fd = mount_open(s, m, err);
		if (fd < 0)
			return fd;
		wire_add_bind(plan, &bind, fd);
	}
	return 0;
}

static int bind_mount(struct session *s, const struct setting_mount *from, struct wire_plan *plan,
		      struct err *err) {
	struct container_mount m = { .source = from->host,
				     .path = from->container,
				     .readonly = from->readonly,
				     .shift = from->shift != TRI_FALSE };
	struct runtime_bind bind = mount_bind(&m);
	int fd = from->host_fd >= 0 ? fcntl(from->host_fd, F_DUPFD_CLOEXEC, 3) : -1;

	if (plan->bind_count >= WIRE_BINDS_MAX)
		return err_set(err, ERR_CONFIG, -E2BIG, "there are more than %d mounts", WIRE_BINDS_MAX);
	if (fd < 0 && !from->source.is_trusted) {
		/* What an untrusted file names is what was judged, or nothing. */
		session_say(s, "Warning: '%s' does not exist and is not mounted", m.source);
		return 0;
	}
	if (fd < 0 && access(m.source, F_OK) < 0 && errno == ENOENT) {
		if (m.readonly) {
			session_say(s, "Warning: '%s' does not exist and is not mounted", m.source);
			return 0;
		}
		privilege_person_begin(s->who);
		(void)mkdir_parents(m.source, 0755); /* opening it tells what went wrong */
		privilege_person_end(s->who);
	}
	if (fd < 0)
		fd = mount_open(s, &m, err);
	if (fd < 0)
		return fd;
	wire_add_bind(plan, &bind, fd);
	return 0;
}

int launch_bind_settings(struct session *s, const struct container *c, struct wire_plan *plan,
			 struct err *err) {
	const struct setting_mounts *mounts = &s->settings->mounts;
	size_t longest = 0;

	if (c->kind == KIND_BUILD || c->kind == KIND_LAUNCH)
		return 0;
	for (size_t i = 0; i < mounts->count; i++)
		if (strlen(mounts->items[i].container) > longest)
			longest = strlen(mounts->items[i].container);
	/* What lies in another comes behind it, or is hidden: a path is longer than those above it. */
	for (size_t len = 0; len <= longest; len++) {
		for (size_t i = 0; i < mounts->count; i++) {
			int r = strlen(mounts->items[i].container) == len
					? bind_mount(s, &mounts->items[i], plan, err)
					: 0;

			if (r < 0)
				return r;
		}
	}
	return 0;
}

int launch_bind_extra(const struct launch_request *request, struct wire_plan *plan,
		      struct err *err) {
	int fd;

	if (!request || !request->extra_source)
		return 0;
	fd = open(request->extra_source, O_PATH | O_CLOEXEC);
	if (fd < 0)
		return err_sys(err, -errno, "cannot mount '%s'", request->extra_source);
	wire_add_bind(plan,
		      &(struct runtime_bind){ .source = request->extra_source,
					      .target = request->extra_target,
					      .readonly = true,
					      .ids = RUNTIME_BIND_CONTAINER },
		      fd);
	return 0;
}
