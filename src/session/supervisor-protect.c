/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The supervisor's steps for protected paths: before its own mount namespace, and after. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/mem.h"
#include "session/immutable.h"
#include "session/placeholders.h"
#include "session/supervisor.h"

static void say(const char *line, void *data) {
	supervisor_say(data, line);
}

static void make_immutable(struct supervisor *v) {
	const struct protect_binds *b = &v->protect;
	autofree struct immutable_place *places = xcalloc(b->still_count + 1, sizeof(*places));
	struct err err = { 0 };

	if (!v->plan.protect.immutable)
		return;
	for (size_t i = 0; i < b->still_count; i++)
		places[i] = (struct immutable_place){ b->still[i].fd, b->still[i].path,
						      b->still[i].paths };
	if (immutable_set(&(struct immutable_spec){ .session = &v->session,
						    .container = v->c->name,
						    .places = places,
						    .place_count = b->still_count,
						    .spare = v->plan.protect.writable,
						    .durable = !v->c->delete_on_stop },
			  &err) < 0)
		say(err.msg, v);
}

int supervisor_protect(struct supervisor *v, struct err *err) {
	int r;

	for (size_t i = 0; i < v->plan.bind_count; i++)
		v->plan.binds[i].fd = v->plan.bind_fds[i];
	/* The host's mounts as they are now: soon we have our own. */
	v->host_mnt_fd = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
	if (v->host_mnt_fd < 0)
		return err_sys(err, -errno, "cannot open our mount namespace");
	r = protect_place(&(struct protect_input){ .session = &v->session,
						   .container = v->c->name,
						   .rules = &v->plan.protect,
						   .binds = v->plan.binds,
						   .bind_count = v->plan.bind_count,
						   .has_workspace = *v->c->workspace,
						   .common = v->plan.git_bind,
						   .common_own = v->plan.git_own,
						   .say = say,
						   .say_data = v },
			  &v->protect, err);
	if (r < 0)
		return r;
	supervisor_head_remember(v);
	make_immutable(v);
	return 0;
}

int supervisor_unprotect(struct supervisor *v, struct err *err) {
	/* What stays immutable must not keep the container from being cleaned up. */
	if (immutable_clear(&v->session, v->c->name, err) < 0)
		supervisor_complain(err);
	if (!supervisor_head_is_proper(v) && supervisor_head_put_back(v, err) < 0)
		supervisor_complain(err);
	return placeholders_release(&v->session, v->c->name, v->host_mnt_fd, err);
}
