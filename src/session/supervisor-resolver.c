/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the name service asks for, and whether it still turns. It reads what is
 * hostile, so it is taken for hostile: each wish is judged like a DNS answer
 * (net_port_learn), they are taken at a bounded rate, and one that does not
 * answer while the container asks is killed, to be started again.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/msg.h"
#include "session/supervisor.h"

#define WISHES_EACH_SECOND 500
#define NOWHERE_MAX 256 /* names that lead nowhere */
#define NOWHERE_TOLD_MAX 1024 /* lines about them */
#define PULSE_MS 500 /* to answer in, and then to be left alone */
#define PULSES_MISSED 4 /* in a row: a machine that is busy is not taken for one that hangs */

static struct nowhere *nowhere_find(const struct supervisor *v, const char *name) {
	for (size_t i = 0; i < v->nowhere_count; i++)
		if (!strcmp(v->nowhere[i].name, name))
			return &v->nowhere[i];
	return NULL;
}

static void nowhere_drop(struct supervisor *v, struct nowhere *n) {
	free(n->name);
	*n = v->nowhere[--v->nowhere_count];
}

void supervisor_nowhere_relist(struct supervisor *v) {
	for (size_t i = v->nowhere_count; i-- > 0;)
		if (!net_allowed_name(&v->plan.allowed, v->nowhere[i].name))
			nowhere_drop(v, &v->nowhere[i]);
}

void supervisor_nowhere_done(struct supervisor *v) {
	while (v->nowhere_count)
		nowhere_drop(v, &v->nowhere[0]);
	free(v->nowhere);
	v->nowhere = NULL;
}

/* Kept, and told once: to the log, and to the person as long as his command is there. */
static void leads_nowhere(struct supervisor *v, const struct net_resolver_event *e) {
	struct nowhere *n = nowhere_find(v, e->name);
	autofree char *text = NULL;

	if (n) {
		n->why = e->why;
		return;
	}
	if (!net_allowed_name(&v->plan.allowed, e->name) || v->nowhere_count >= NOWHERE_MAX)
		return;
	v->nowhere = xreallocarray(v->nowhere, v->nowhere_count + 1, sizeof(*v->nowhere));
	v->nowhere[v->nowhere_count++] = (struct nowhere){ xstrdup(e->name), e->why };
	if (v->nowhere_told++ >= NOWHERE_TOLD_MAX)
		return;
	text = xasprintf("network.allowed_domains: '%s' %s", e->name, e->why);
	supervisor_note("%s", text);
	if (v->command_fd >= 0)
		(void)msg_send(v->command_fd, "warning", json_pack("{s:s}", "text", text), NULL, 0);
}

/* It leads somewhere now. */
static void leads_here(struct supervisor *v, const char *name) {
	struct nowhere *n = nowhere_find(v, name);

	if (n)
		nowhere_drop(v, n);
}

static void take_wish(struct supervisor *v, const struct net_resolver_event *e) {
	struct err err = { 0 };
	int r;

	if (e->wish == NET_RESOLVER_ALIVE) {
		v->has_pulse = true;
		return;
	}
	if (e->wish == NET_RESOLVER_ASKED) {
		supervisor_monitor_asked(v, e);
		return;
	}
	if (e->wish == NET_RESOLVER_NOWHERE) {
		leads_nowhere(v, e);
		return;
	}
	if (e->wish == NET_RESOLVER_DENIED) {
		supervisor_denied_packet(v, &e->denied, e->name);
		return;
	}
	if (e->wish == NET_RESOLVER_REFUSED) {
		supervisor_denied_name(v, e->name);
		return;
	}
	leads_here(v, e->name);
	r = net_port_learn(v->net, &v->port, &v->learnt, e, &err);
	if (r < 0)
		supervisor_complain(&err);
	else if (supervisor_learnt_note(v, e) < 0)
		supervisor_note("cannot write down what '%s' leads to", e->name);
	net_resolver_learnt(&v->resolver, e->id, r == 0);
}

/* Not more than it takes: a list may be long, and it may be busy. */
static uint32_t wish_events(const struct supervisor *v) {
	return (v->wishes < WISHES_EACH_SECOND ? (uint32_t)EPOLLIN : 0) |
	       (v->owes_policy ? (uint32_t)EPOLLOUT : 0);
}

static void listen_again(void *data) {
	struct supervisor *v = data;

	v->wish_timer = NULL;
	v->wishes = 0;
	if (v->wish_source)
		loop_set_events(v->wish_source, wish_events(v));
}

void supervisor_network_policy(struct supervisor *v) {
	struct err err = { 0 };
	int r;

	if (v->resolver.pid <= 0)
		return; /* it is told when it starts */
	r = net_resolver_policy(&v->resolver, &v->port, &err);
	v->owes_policy = r == -EAGAIN && v->wish_source;
	if (v->wish_source)
		loop_set_events(v->wish_source, wish_events(v));
	if (r == 0 || v->owes_policy)
		return;
	/* One that cannot be told is started again, with what holds now. */
	supervisor_complain(&err);
	(void)kill(v->resolver.pid, SIGKILL);
}

/* So many in a second; the rest waits in the socket, and whoever writes there with it. */
static void on_resolver(int fd, uint32_t events, void *data) {
	struct supervisor *v = data;
	struct net_resolver_event e;
	int r;

	(void)fd;
	if (events & EPOLLOUT && v->owes_policy)
		supervisor_network_policy(v);
	if (!(events & ~(uint32_t)EPOLLOUT))
		return;
	r = net_resolver_read(&v->resolver, &e);
	/* Its end is told by its pidfd. */
	if (r < 0) {
		loop_remove(v->loop, v->wish_source);
		v->wish_source = NULL;
		return;
	}
	if (r > 0)
		take_wish(v, &e);
	if (!v->wish_timer)
		v->wish_timer = loop_add_timer(v->loop, 1000, 0, listen_again, v);
	if (++v->wishes < WISHES_EACH_SECOND || !v->wish_timer)
		return;
	log_debug("the name service of '%s' asks for too much", v->c->name);
	v->has_pulse = true; /* it may be waiting for us */
	loop_set_events(v->wish_source, wish_events(v));
}

static void pulse(struct supervisor *v);

/* What it has said may wait for us: we were busy, or take our time with it. */
static bool is_alive(struct supervisor *v) {
	if (!v->has_pulse && v->wishes < WISHES_EACH_SECOND)
		supervisor_network_hear(v);
	return v->has_pulse || v->wishes >= WISHES_EACH_SECOND;
}

static void on_pulse_end(void *data) {
	struct supervisor *v = data;
	bool asked = v->asked_meanwhile;

	v->pulse_timer = NULL;
	supervisor_monitor_dropped(v);
	if (v->resolver.pid <= 0)
		return;
	v->pulses_missed = is_alive(v) ? 0 : v->pulses_missed + 1;
	if (v->pulses_missed >= PULSES_MISSED) {
		supervisor_note("the name service of '%s' hangs and is ended", v->c->name);
		(void)kill(v->resolver.pid, SIGKILL);
		return;
	}
	if (asked || v->pulses_missed)
		pulse(v);
}

#define SERVERS_FILE "/etc/resolv.conf"

static bool same_file(const struct stat *a, const struct stat *b) {
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* A laptop wakes up elsewhere, a tunnel opens: others are to be asked from now on. */
static void servers_check(struct supervisor *v) {
	struct err err = { 0 };
	struct stat now = { 0 };

	if (v->plan.policy.dns_count)
		return;
	if (stat(SERVERS_FILE, &now) < 0 && errno != ENOENT)
		return;
	if (same_file(&now, &v->servers))
		return;
	if (net_resolver_reload(&v->resolver, &v->port, NULL, &err) < 0)
		supervisor_complain(&err);
	else
		v->servers = now;
}

/* Only while somebody asks: a container that sleeps costs nothing. */
static void pulse(struct supervisor *v) {
	servers_check(v);
	v->asked_meanwhile = false;
	v->has_pulse = false;
	if (net_resolver_ping(&v->resolver) < 0)
		log_debug("the name service of '%s' does not read", v->c->name);
	v->pulse_timer = loop_add_timer(v->loop, PULSE_MS, 0, on_pulse_end, v);
}

static void on_question(int fd, uint32_t events, void *data) {
	struct supervisor *v = data;

	(void)fd;
	(void)events;
	v->asked_meanwhile = true;
	if (!v->pulse_timer)
		pulse(v);
}

void supervisor_network_hear(struct supervisor *v) {
	struct net_resolver_event e;

	for (int i = 0; i < WISHES_EACH_SECOND && v->resolver.control_fd >= 0; i++) {
		if (net_resolver_read(&v->resolver, &e) != 1)
			break;
		take_wish(v, &e);
	}
}

/* A pulse more, behind which it has said all. */
void supervisor_network_last(struct supervisor *v) {
	uint64_t end = clock_mono_ms() + PULSE_MS, now;
	struct pollfd wait = { .fd = v->resolver.control_fd, .events = POLLIN };
	struct net_resolver_event e;
	int r = net_resolver_ping(&v->resolver);

	v->has_pulse = false;
	while (r >= 0 && !v->has_pulse && (now = clock_mono_ms()) < end) {
		r = poll(&wait, 1, (int)(end - now)) > 0 ? net_resolver_read(&v->resolver, &e) : 0;
		if (r > 0)
			take_wish(v, &e);
	}
	/* Of one that had ended already it was said. */
	if (!v->has_pulse && r != -EBADF)
		supervisor_monitor_unheard(v);
	supervisor_monitor_dropped(v);
}

void supervisor_network_resolver(struct supervisor *v, bool is_there) {
	loop_remove(v->loop, v->wish_source);
	loop_remove(v->loop, v->question_source);
	loop_remove(v->loop, v->wish_timer);
	loop_remove(v->loop, v->pulse_timer);
	v->wish_source = v->question_source = v->wish_timer = v->pulse_timer = NULL;
	v->wishes = v->pulses_missed = 0;
	v->owes_policy = false;
	if (!is_there || v->resolver.control_fd < 0)
		return;
	/* Which ones it has read is not sure: it is told once more. */
	v->servers = (struct stat){ 0 };
	v->wish_source = loop_add_fd(v->loop, v->resolver.control_fd, EPOLLIN, on_resolver, v);
	/* Edges: what has come is for the other process to read. */
	v->question_source = loop_add_fd(v->loop, v->resolver.udp_fd, EPOLLIN | EPOLLET,
					 on_question, v);
}
