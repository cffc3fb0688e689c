/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The supervisor's side: start, end. */
#include "relay/relay.h"

#include <errno.h>
#include <signal.h>
#include <sys/socket.h>

#include "base/fd.h"
#include "base/json.h"
#include "base/layout.h"
#include "base/mem.h"
#include "base/msg.h"
#include "base/proc.h"
#include "relay/protocol.h"

#define END_TIMEOUT_MS 2000

static int tell(const struct relay_spec *spec, int control) {
	int r = 0;

	for (size_t i = 0; r == 0 && i < spec->count; i++) {
		const struct relay_target *t = &spec->targets[i];

		r = msg_send(control, RELAY_MSG_TARGET,
			     json_pack("{s:i, s:i, s:s}", "kind", (int)t->kind, "port",
				       (int)t->port, "path", t->path ? t->path : ""),
			     &t->listen_fd, 1);
	}
	if (r < 0)
		return r;
	return msg_send(control, RELAY_MSG_START,
			json_pack("{s:I, s:I, s:I, s:s, s:I}", "uid", (json_int_t)spec->uid,
				  "person_uid", (json_int_t)spec->person_uid, "person_gid",
				  (json_int_t)spec->person_gid, "person", spec->person, "address",
				  (json_int_t)spec->address),
			&spec->netns_fd, 1);
}

int relay_start(const struct relay_spec *spec, struct relay *ret, struct err *err) {
	autofree char *path = layout_program("coi-relay");
	autoclose int ours = -1, theirs = -1;
	char *const argv[] = { (char *)"coi-relay", NULL };
	char *const env[] = { NULL };
	int pair[2], r;

	if (spec->count > RELAY_TARGETS_MAX)
		return err_set(err, ERR_CONFIG, -E2BIG, "there are more than %d ports and sockets",
			       RELAY_TARGETS_MAX);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return err_sys(err, -errno, "cannot make a socket pair");
	ours = pair[0];
	theirs = pair[1];
	/* All of it fits, and we never wait for a process of that kind. */
	(void)fd_set_nonblock(ours, true);
	r = tell(spec, ours);
	if (r < 0)
		return err_sys(err, r, "cannot tell the relay");
	r = proc_spawn(&(struct spawn_spec){
			       .path = path,
			       .argv = argv,
			       .env = env,
			       .fds = (const struct spawn_fd[]){ { theirs, RELAY_FD_CONTROL },
								 { spec->empty_fd, RELAY_FD_ROOT } },
			       .fd_count = 2,
			       .new_session = true,
			       .null_stdio = true,
			       .cwd = "/",
			       .uid = (uid_t)-1,
			       .gid = (gid_t)-1,
		       },
		       &ret->pid, &ret->pidfd, err);
	if (r < 0)
		return err_wrap(err, "starting the relay");
	ret->control_fd = steal_fd(&ours);
	return 0;
}

void relay_stop(struct relay *r) {
	mem_close_ptr(&r->control_fd);
	if (r->pid > 0) {
		/* It ends by itself when the control socket closes; unless it hangs. */
		if (r->pidfd < 0 || pidfd_wait_gone(r->pidfd, END_TIMEOUT_MS) < 0)
			(void)kill(r->pid, SIGKILL);
		(void)proc_wait(r->pid);
	}
	mem_close_ptr(&r->pidfd);
	*r = (struct relay)RELAY_INIT;
}
