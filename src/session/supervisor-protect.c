/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The supervisor's steps for protected paths: before its own mount namespace, and after. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/json.h"
#include "base/msg.h"
#include "session/placeholders.h"
#include "session/supervisor.h"

/* To whoever waits for the start. */
static void say(const char *line, void *data) {
	struct supervisor *v = data;

	supervisor_note("%s", line);
	if (v->command_fd >= 0)
		(void)msg_send(v->command_fd, "warning",
			       json_pack("{s:o}", "text", json_text(line)), NULL, 0);
}

int supervisor_protect(struct supervisor *v, struct err *err) {
	for (size_t i = 0; i < v->plan.bind_count; i++)
		v->plan.binds[i].fd = v->plan.bind_fds[i];
	/* The host's mounts as they are now: soon we have our own. */
	v->host_mnt_fd = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
	if (v->host_mnt_fd < 0)
		return err_sys(err, -errno, "cannot open our mount namespace");
	return protect_place(&(struct protect_input){ .session = &v->session,
						      .container = v->c->name,
						      .rules = &v->plan.protect,
						      .binds = v->plan.binds,
						      .bind_count = v->plan.bind_count,
						      .has_workspace = *v->c->workspace,
						      .say = say,
						      .say_data = v },
			     &v->protect, err);
}

int supervisor_unprotect(struct supervisor *v, struct err *err) {
	return placeholders_release(&v->session, v->c->name, v->host_mnt_fd, err);
}
