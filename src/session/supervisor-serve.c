/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * While the container runs: who may ask what, and what is mended.
 *
 * A graceful stop does not block: init is asked, a timer kills, and a second,
 * more urgent request shortens the wait. What is heard on the control socket
 * comes from root on this host (the directory is 0700, SO_PEERCRED is checked).
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/msg.h"
#include "base/timeline.h"
#include "session/standstill.h"
#include "session/supervisor.h"

#define KILL_TIMEOUT_MS 10000
#define RESOLVER_RETRY_MS 1000
#define LEFT_MS 50
#define PROTECT_DELAY_MS 200 /* a short run does not wait for it */

static void begin_kill(void *data) {
	struct supervisor *v = data;
	struct runtime_ref ref = container_ref(&v->session, v->c);
	struct err err = { 0 };

	v->was_late = v->stop_timer != NULL;
	v->stop_timer = NULL;
	log_debug("killing '%s'", v->c->name);
	if (runtime_kill(&ref, KILL_TIMEOUT_MS, &err) < 0)
		supervisor_complain(&err);
	log_debug("killed '%s'", v->c->name);
}

/* @timeout_ms 0: kill at once. A later request can only shorten the wait. */
void supervisor_stop(struct supervisor *v, int timeout_ms) {
	struct runtime_ref ref = container_ref(&v->session, v->c);
	struct err err = { 0 };

	if (!v->is_stopping && supervisor_store(v, STATE_STOPPING, &err) < 0)
		supervisor_complain(&err);
	if (timeout_ms > 0 && !v->is_stopping) {
		if (runtime_poweroff(&ref, &err) < 0) {
			supervisor_complain(&err);
			timeout_ms = 0;
		}
	}
	v->is_stopping = true;
	v->was_asked = true;
	if (timeout_ms <= 0) {
		v->was_killed = true;
		loop_remove(v->loop, v->stop_timer);
		v->stop_timer = NULL;
		begin_kill(v);
	} else if (!v->stop_timer || clock_mono_ms() + (uint64_t)timeout_ms < v->stop_at_ms) {
		loop_remove(v->loop, v->stop_timer);
		v->stop_at_ms = clock_mono_ms() + (uint64_t)timeout_ms;
		v->stop_timer = loop_add_timer(v->loop, (uint64_t)timeout_ms, 0, begin_kill, v);
	}
}

static void on_init_end(int fd, uint32_t events, void *data) {
	struct supervisor *v = data;

	(void)fd;
	(void)events;
	loop_stop(v->loop, 0);
}

static void drop_command(struct supervisor *v) {
	loop_remove(v->loop, v->command_source);
	v->command_source = NULL;
	(void)close(v->command_fd);
	v->command_fd = -1;
}

static void on_command(int fd, uint32_t events, void *data) {
	struct supervisor *v = data;
	struct msg m;
	int r = msg_recv(fd, &m);

	(void)events;
	if (r == 1 && !strcmp(m.type, "finish")) {
		v->wants_keep = json_get_bool(m.body, "keep", false);
		supervisor_why(v, "its command has ended");
		supervisor_stop(v, v->c->systemd && v->wants_keep ? v->plan.stop_timeout_ms : 0);
	}
	/* It gave up while we were about to say that the container runs. */
	if (r == 1 && !strcmp(m.type, "cancel")) {
		v->wants_delete |= v->plan.is_new;
		supervisor_why(v, "its start was interrupted");
		supervisor_stop(v, 0);
	}
	if (r == 1) {
		msg_done(&m);
		return;
	}
	/* The command is gone. A lease was its word to stay. */
	drop_command(v);
	if (!v->plan.is_lease)
		return;
	supervisor_why(v, "the command that started it has gone");
	supervisor_stop(v, 0);
}

static void find_left(void *data) {
	struct supervisor *v = data;
	struct err err = { 0 };

	v->left_timer = NULL;
	if (!v->is_stopping && standstill_repair(&v->session, v->c, &err) < 0)
		supervisor_complain(&err);
}

/* It may have been a copy that was killed. Its lock goes with the rest of it, a moment later. */
static void drop_client(struct supervisor *v, int i) {
	if (!v->left_timer)
		v->left_timer = loop_add_timer(v->loop, LEFT_MS, 0, find_left, v);
	loop_remove(v->loop, v->client_sources[i]);
	(void)close(v->clients[i]);
	v->clients[i] = -1;
	v->client_sources[i] = NULL;
}

static void on_client(int fd, uint32_t events, void *data) {
	struct supervisor *v = data;
	struct msg m;
	int i = 0, r = msg_recv(fd, &m);

	(void)events;
	while (i < SUPERVISOR_CLIENTS_MAX && v->clients[i] != fd)
		i++;
	if (r != 1) {
		if (i < SUPERVISOR_CLIENTS_MAX)
			drop_client(v, i);
		return;
	}
	if (!strcmp(m.type, "stop")) {
		v->wants_delete |= json_get_bool(m.body, "delete", false);
		v->wants_keep |= !json_get_bool(m.body, "delete", false);
		supervisor_why(v, "%s wants it %s", json_get_str(m.body, "by", "somebody"),
			       v->wants_delete ? "deleted" : "stopped");
		supervisor_stop(v, (int)json_get_int(m.body, "timeout_ms", v->plan.stop_timeout_ms));
	} else if (!strcmp(m.type, "network")) {
		supervisor_network_message(v, fd, m.body);
	} else if (!strcmp(m.type, "mount")) {
		supervisor_mount_message(v, fd, &m);
	} else {
		struct err err;

		(void)err_set(&err, ERR_CONFLICT, -EPROTO,
			      "the supervisor does not know '%s': it is of another version", m.type);
		(void)msg_send_err(fd, &err);
	}
	msg_done(&m);
}

static void on_control(int fd, uint32_t events, void *data) {
	struct supervisor *v = data;
	struct ucred peer = { 0 };
	socklen_t len = sizeof(peer);
	int client = accept4(fd, NULL, NULL, SOCK_CLOEXEC), i = 0;

	(void)events;
	if (client < 0)
		return;
	while (i < SUPERVISOR_CLIENTS_MAX && v->clients[i] >= 0)
		i++;
	if (i == SUPERVISOR_CLIENTS_MAX ||
	    getsockopt(client, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0 || peer.uid != 0) {
		(void)close(client);
		return;
	}
	v->clients[i] = client;
	v->client_sources[i] = loop_add_fd(v->loop, client, EPOLLIN, on_client, v);
	if (!v->client_sources[i]) {
		(void)close(client);
		v->clients[i] = -1;
	}
}

static void on_sigterm(int signo, void *data) {
	struct supervisor *v = data;

	(void)signo;
	supervisor_why(v, "somebody ended its supervisor (SIGTERM)");
	supervisor_stop(v, v->plan.stop_timeout_ms);
}

static void resolver_watch(struct supervisor *v);

static void resolver_restart(void *data) {
	struct supervisor *v = data;
	struct err err = { 0 };
	int r = net_resolver_start(v->net, &v->port, NULL, &v->resolver, &err);

	if (r < 0) {
		supervisor_complain(&err);
		(void)loop_add_timer(v->loop, RESOLVER_RETRY_MS, 0, resolver_restart, v);
		return;
	}
	v->resolver_started_ms = clock_mono_ms();
	resolver_watch(v);
	supervisor_monitor_net(v);
}

static void on_resolver_end(int fd, uint32_t events, void *data) {
	struct supervisor *v = data;
	uint64_t lived = clock_mono_ms() - v->resolver_started_ms;

	(void)fd;
	(void)events;
	loop_remove(v->loop, v->resolver_source);
	v->resolver_source = NULL;
	supervisor_network_hear(v);
	supervisor_network_resolver(v, false);
	net_resolver_end(&v->resolver);
	supervisor_monitor_unheard(v);
	supervisor_note_again("the name service of '%s' ended and is started again", v->c->name);
	/* One that dies at once must not keep us busy. */
	(void)loop_add_timer(v->loop, lived < RESOLVER_RETRY_MS ? RESOLVER_RETRY_MS : 0, 0,
			     resolver_restart, v);
}

static void resolver_watch(struct supervisor *v) {
	if (v->resolver.pidfd >= 0)
		v->resolver_source =
			loop_add_fd(v->loop, v->resolver.pidfd, EPOLLIN, on_resolver_end, v);
	supervisor_network_resolver(v, true);
}

static int open_control(struct supervisor *v, struct err *err) {
	autoclose int dir = container_run_dir(&v->session, v->c->name);
	autoclose int fd = -1;
	int r;

	if (dir < 0)
		return err_sys(err, dir, "cannot open the run directory of '%s'", v->c->name);
	fd = socket_make_at(dir, "control", SOCK_SEQPACKET, 0600);
	r = fd < 0 ? fd : listen(fd, 16) < 0 ? -errno : 0;
	if (r < 0)
		return err_sys(err, r, "cannot listen for commands about '%s'", v->c->name);
	v->control_fd = steal_fd(&fd);
	return 0;
}

static int add_sources(struct supervisor *v, struct err *err) {
	v->loop = loop_new();
	if (!v->loop || !loop_add_fd(v->loop, v->init_pidfd, EPOLLIN, on_init_end, v) ||
	    !loop_add_signal(v->loop, SIGTERM, on_sigterm, v))
		return err_sys(err, -errno, "cannot watch the container");
	if (v->control_fd >= 0 && !loop_add_fd(v->loop, v->control_fd, EPOLLIN, on_control, v))
		return err_sys(err, -errno, "cannot watch the control socket");
	if (v->command_fd >= 0)
		v->command_source = loop_add_fd(v->loop, v->command_fd, EPOLLIN, on_command, v);
	supervisor_watch_protected(v, v->plan.adopt ? 0 : PROTECT_DELAY_MS);
	if (supervisor_time_watch(v, err) < 0)
		return err->code;
	supervisor_relays_watch(v);
	supervisor_disk_watch(v);
	supervisor_monitor_watch(v);
	supervisor_block_watch(v);
	if (!v->net)
		return 0;
	resolver_watch(v);
	supervisor_who_begin(v); /* of one that was taken over */
	return supervisor_rules_watch(v, err);
}

/* @why: it has ended, and that is why it was not deleted; NULL: all went well. */
static void tell_all(struct supervisor *v, const struct err *why) {
	if (v->command_fd >= 0)
		(void)msg_send(v->command_fd, "stopped", NULL, NULL, 0);
	for (int i = 0; i < SUPERVISOR_CLIENTS_MAX; i++) {
		if (v->clients[i] < 0)
			continue;
		if (why)
			(void)msg_send_err(v->clients[i], why);
		else
			(void)msg_send(v->clients[i], "stopped", NULL, NULL, 0);
	}
}

/*
 * The record says "stopping" until what is saved is on the disk, so that a death
 * in between keeps the container. One that was to be deleted is kept as well when
 * the save fails, unless it was killed.
 */
static int save(struct supervisor *v, struct err *err) {
	struct runtime_ref ref = container_ref(&v->session, v->c);
	struct err ignored = { 0 };
	int r;

	if (!supervisor_saves(v))
		return 0;
	if (!v->is_stopping && supervisor_store(v, STATE_STOPPING, &ignored) < 0)
		supervisor_complain(&ignored);
	if (runtime_kill(&ref, KILL_TIMEOUT_MS, &ignored) < 0)
		supervisor_complain(&ignored);
	r = supervisor_save(v, err);
	if (r == 0)
		return 0;
	supervisor_complain(err);
	(void)err_hint(err, "the container is kept, stopped; 'coi kill %s' deletes it all the same",
		       v->c->name);
	return r;
}

/*
 * Ready is told only now: from here on every request is heard. For a lease the
 * container's end is also told before the slow part of the clean-up.
 */
int supervisor_serve(struct supervisor *v, struct err *err) {
	struct runtime_ref ref;
	struct err unsaved = { 0 };
	bool delete_it, is_saved;
	json_t *marks;
	int r = open_control(v, err);

	if (r == 0)
		r = add_sources(v, err);
	if (r < 0)
		return r;
	supervisor_save_begin(v);
	if (v->net)
		supervisor_network_hear(v);
	timeline_mark(TIMELINE_OWN, "watch it");
	marks = timeline_to_json();
	if (v->command_fd >= 0 &&
	    msg_send(v->command_fd, "ready", marks ? json_pack("{s:o}", "timeline", marks) : NULL, NULL,
		     0) < 0)
		log_debug("the command that started '%s' has gone", v->c->name);
	supervisor_log_start(v);
	r = loop_run(v->loop);
	if (r < 0)
		return err_sys(err, r, "cannot watch the container");
	if (v->net && (v->plan.monitoring.watches_net || v->plan.network_log))
		supervisor_network_last(v);
	supervisor_monitor_finish(v);
	supervisor_block_finish(v);
	supervisor_audit_end(v);
	supervisor_log_end(v);
	is_saved = save(v, &unsaved) == 0;
	delete_it = v->wants_delete ||
		    (v->c->delete_on_stop && !v->wants_keep && !v->evidence);
	if (!is_saved && !(v->wants_delete && v->was_killed))
		delete_it = false;
	/* Before anybody is told: the record says it, and nothing of it runs. */
	if (supervisor_store(v, delete_it ? STATE_DELETING : STATE_STOPPING, err) < 0)
		supervisor_complain(err);
	log_debug("noted that '%s' has ended", v->c->name);
	ref = container_ref(&v->session, v->c);
	if (runtime_kill(&ref, KILL_TIMEOUT_MS, err) < 0)
		supervisor_complain(err);
	/* What the person does next may be about these paths. */
	if (supervisor_unprotect(v, err) < 0)
		supervisor_complain(err);
	plan_crash_point("serve", "ended", "before");
	tell_all(v, is_saved || delete_it ? NULL : &unsaved);
	log_debug("told that '%s' has ended", v->c->name);
	plan_crash_point("serve", "ended", "after");
	return delete_it;
}
