/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Ports and sockets of a container that runs. The listening sockets are kept
 * here, so that a relay that is started anew serves who waits in them.
 *
 * The sockets of the container lie in a directory of the host that it sees
 * read-only: nothing inside can put another thing in their place, and nothing is
 * made in a directory of the container by us. Where a socket is wanted inside, a
 * link leads to it, made by a process of the container.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/strv.h"
#include "runtime/attach.h"
#include "runtime/selinux.h"
#include "session/relays.h"
#include "session/supervisor.h"

#define RETRY_MS 500
#define LINK_TIMEOUT_MS 5000
#define TAKE_OVER_MS 3000 /* the relay of a dead supervisor lets go of its ports */
#define BACKLOG 128
#define RELAY_UID_FIRST 0x7ffe0000u /* and the number of the range of ids: nobody else's */

static bool has_sockets(const struct supervisor *v) {
	for (size_t i = 0; i < v->plan.relays.count; i++)
		if (v->plan.relays.items[i].kind == RELAY_SOCKET)
			return true;
	return false;
}

/* One whose number is fixed. The relay of a supervisor that died may still hold it. */
static int listen_at(const struct supervisor *v, const struct relay_item *t) {
	uint64_t end = clock_mono_ms() + (v->plan.adopt ? TAKE_OVER_MS : 0);
	int fd = relays_listen(t->listen, t->host);

	while (fd == -EADDRINUSE && clock_mono_ms() < end) {
		(void)poll(NULL, 0, 20);
		fd = relays_listen(t->listen, t->host);
	}
	return fd;
}

static int open_port(struct supervisor *v, struct relay_item *t, int *next, struct err *err) {
	int first = v->plan.relays.first_auto, fd = -EADDRINUSE;

	if (t->host) {
		fd = listen_at(v, t);
		return fd < 0 ? err_sys(err, fd, "cannot listen on port %d of %s", t->host, t->listen)
			      : fd;
	}
	for (; *next < RELAYS_AUTO_EACH; ++*next) {
		fd = relays_listen(t->listen, first + *next);
		if (fd == -EADDRINUSE)
			continue;
		if (fd < 0)
			return err_sys(err, fd, "cannot listen on port %d of %s", first + *next,
				       t->listen);
		t->host = first + (*next)++;
		t->container = t->container ? t->container : t->host;
		return fd;
	}
	return err_set(err, ERR_CONFLICT, -EADDRINUSE,
		       "the ports %d to %d, of which '%s' could have some, are in use", first,
		       first + RELAYS_AUTO_EACH - 1, v->c->name);
}

int supervisor_ports_open(struct supervisor *v, struct err *err) {
	struct relay_items *all = &v->plan.relays;
	int next = 0;

	if (v->plan.adopt) {
		int r;

		relay_items_done(all);
		r = relays_load(&v->session, v->c->name, all);
		if (r < 0)
			return err_sys(err, r, "cannot read the ports of '%s'", v->c->name);
	}
	for (size_t i = 0; i < all->count; i++) {
		if (all->items[i].kind != RELAY_PORT)
			continue;
		v->relay_fds[i] = open_port(v, &all->items[i], &next, err);
		if (v->relay_fds[i] < 0)
			return v->relay_fds[i];
	}
	if (!has_sockets(v) || v->plan.adopt)
		return 0;
	v->sockets_path = xasprintf("%s/%s/" RELAYS_SOCKETS_DIR, v->session.layout->run, v->c->name);
	return mkdir(v->sockets_path, 0755) < 0 && errno != EEXIST
		       ? err_sys(err, -errno, "cannot make '%s'", v->sockets_path)
		       : 0;
}

void supervisor_relays_bind(struct supervisor *v) {
	struct protect_binds *b = &v->protect;

	if (!v->sockets_path)
		return;
	b->items = xreallocarray(b->items, b->count + 1, sizeof(*b->items));
	b->items[b->count++] = (struct runtime_bind){ .fd = -1,
						      .source = v->sockets_path,
						      .target = RELAYS_SOCKETS_INSIDE,
						      .readonly = true,
						      .noexec = true,
						      .ids = RUNTIME_BIND_PLAIN };
}

/* What the container calls @inside, as the host does. */
static int outside_id(const struct supervisor *v, const char *map, uid_t inside, uid_t *ret) {
	autoclose int fd = proc_id_open_file(&v->c->init, map, O_RDONLY);
	autofclose FILE *f = fd < 0 ? NULL : fdopen(fd, "r");
	unsigned first, outside, count;

	if (f)
		(void)steal_fd(&fd);
	while (f && fscanf(f, "%u %u %u", &first, &outside, &count) == 3)
		if (inside >= first && inside - first < count) {
			*ret = outside + (inside - first);
			return 0;
		}
	return -EINVAL;
}

static int open_socket(struct supervisor *v, int dir, const char *name) {
	autoclose int fd = -1;
	uid_t uid, gid;
	int r;

	if (outside_id(v, "uid_map", v->c->code_uid, &uid) < 0 ||
	    outside_id(v, "gid_map", v->c->code_gid, &gid) < 0)
		return -EINVAL;
	r = selinux_sockets_begin(&v->c->ids);
	fd = r < 0 ? r : socket_make_at(dir, name, SOCK_STREAM | SOCK_NONBLOCK, 0600);
	selinux_sockets_end();
	if (fd < 0)
		return fd;
	(void)socket_refuse_descriptors(fd); /* before Linux 6.16 the relay closes them */
	if (fchownat(dir, name, uid, gid, AT_SYMLINK_NOFOLLOW) < 0 || listen(fd, BACKLOG) < 0)
		return -errno;
	return steal_fd(&fd);
}

/* As root of the container, in all of its namespaces. */
static int make_link(struct supervisor *v, const struct relay_item *t, struct err *err) {
	autofree char *target = xasprintf(RELAYS_SOCKETS_INSIDE "/%s", t->name);
	char *const argv[] = { (char *)"/run/coi/init", (char *)"link", target, t->inside, NULL };
	char *const env[] = { (char *)"PATH=/", NULL };
	const struct attach_spec spec = {
		.ref = container_ref(&v->session, v->c),
		.argv = argv,
		.env = env,
		.no_groups = true,
		.cwd = "/",
		.stdin_fd = -1,
		.stdout_fd = -1,
		.stderr_fd = -1,
	};
	autobuf struct buf out = { 0 }, err_out = { 0 };
	int r;

	buf_init(&out, 256);
	buf_init(&err_out, 256);
	r = attach_capture(&spec, LINK_TIMEOUT_MS, &out, &err_out, err);
	return r <= 0 ? r
		      : err_set(err, ERR_CONFLICT, -EEXIST, "something else is at '%s' in the container",
				t->inside);
}

static void drop_fd(struct supervisor *v, size_t i) {
	if (v->relay_fds[i] >= 0)
		(void)close(steal_fd(&v->relay_fds[i]));
}

static void drop_item(struct supervisor *v, size_t i) {
	struct relay_items *all = &v->plan.relays;
	struct relay_items gone = { .items = xmemdup(&all->items[i], sizeof(*all->items)),
				    .count = 1 };

	relay_items_done(&gone);
	drop_fd(v, i);
	all->count--;
	memmove(&all->items[i], &all->items[i + 1], (all->count - i) * sizeof(*all->items));
	memmove(&v->relay_fds[i], &v->relay_fds[i + 1], (all->count - i) * sizeof(int));
	v->relay_fds[all->count] = -1;
}

/* A variable tells of a socket only when it is there. */
static int open_sockets(struct supervisor *v, struct err *err) {
	autoclose int run = container_run_dir(&v->session, v->c->name);
	autoclose int dir = run < 0 ? run : open_beneath(run, RELAYS_SOCKETS_DIR,
							 O_RDONLY | O_DIRECTORY, 0);

	for (size_t i = 0; i < v->plan.relays.count;) {
		struct relay_item *t = &v->plan.relays.items[i];
		struct err why = { 0 };

		if (t->kind == RELAY_SOCKET) {
			v->relay_fds[i] = dir < 0 ? dir : open_socket(v, dir, t->name);
			if (v->relay_fds[i] < 0)
				return err_sys(err, v->relay_fds[i], "cannot make a socket for '%s'",
					       t->path);
			if (*t->inside && !v->plan.adopt && make_link(v, t, &why) < 0) {
				supervisor_say(v, why.msg);
				if (strcmp(t->name, RELAYS_AGENT_NAME) != 0) {
					drop_item(v, i);
					continue;
				}
			}
		}
		i++;
	}
	return 0;
}

static int start(struct supervisor *v, struct err *err) {
	const struct relay_items *all = &v->plan.relays;
	struct relay_target targets[RELAY_TARGETS_MAX];
	autoclose int netns = proc_id_open_file(&v->c->init, "ns/net", O_RDONLY);
	autoclose int empty = open_dir_make(v->session.layout->run_fd, "empty", 0555);

	if (netns < 0 || empty < 0)
		return err_sys(err, netns < 0 ? netns : empty, "cannot start the relay of '%s'",
			       v->c->name);
	for (size_t i = 0; i < all->count; i++)
		targets[i] = (struct relay_target){ .kind = all->items[i].kind,
						    .listen_fd = v->relay_fds[i],
						    .port = (uint16_t)all->items[i].container,
						    .path = all->items[i].path };
	v->relay_started_ms = clock_mono_ms();
	return relay_start(&(struct relay_spec){ .targets = targets,
						 .count = all->count,
						 .netns_fd = netns,
						 .empty_fd = empty,
						 .address = v->net ? v->port.address : 0,
						 .uid = RELAY_UID_FIRST + (v->c->ids.base >> 16),
						 .person_uid = all->uid,
						 .person_gid = all->gid,
						 .person = all->person },
			   &v->relay, err);
}

int supervisor_relays_start(struct supervisor *v, struct err *err) {
	int r;

	if (!v->plan.relays.count)
		return 0;
	r = open_sockets(v, err);
	if (r == 0 && v->plan.relays.count)
		r = start(v, err);
	if (r < 0)
		return r;
	r = relays_store(&v->session, v->c->name, &v->plan.relays);
	return r < 0 ? err_sys(err, r, "cannot keep the ports of '%s'", v->c->name) : 0;
}

void supervisor_relays_stop(struct supervisor *v) {
	relay_stop(&v->relay);
	for (size_t i = 0; i < RELAY_TARGETS_MAX; i++)
		drop_fd(v, i);
}

static void restart(void *data) {
	struct supervisor *v = data;
	struct err err = { 0 };

	if (v->is_stopping)
		return;
	if (start(v, &err) < 0) {
		supervisor_complain(&err);
		(void)loop_add_timer(v->loop, RETRY_MS, 0, restart, v);
		return;
	}
	supervisor_relays_watch(v);
}

static void on_relay_end(int fd, uint32_t events, void *data) {
	struct supervisor *v = data;
	uint64_t lived = clock_mono_ms() - v->relay_started_ms;

	(void)fd;
	(void)events;
	loop_remove(v->loop, v->relay_source);
	v->relay_source = NULL;
	relay_stop(&v->relay);
	supervisor_note_again("the relay of '%s' ended and is started again", v->c->name);
	/* One that dies at once must not keep us busy. */
	(void)loop_add_timer(v->loop, lived < RETRY_MS ? RETRY_MS : 0, 0, restart, v);
}

void supervisor_relays_watch(struct supervisor *v) {
	if (v->relay.pidfd >= 0)
		v->relay_source = loop_add_fd(v->loop, v->relay.pidfd, EPOLLIN, on_relay_end, v);
}
