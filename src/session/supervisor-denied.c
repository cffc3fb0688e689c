/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a container was refused, and who is told: the container, in a file that
 * it sees read-only as /run/coi/denied, and the person, in the network log.
 *
 * Both get what is wrong, and the command that the person would have to give.
 * What the name service tells, which reads the log group too, comes from inside: it
 * is checked, and goes on in plain letters only. A flood is told in part: the same
 * thing once a minute inside, and once a second, with a count, to the person.
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "net/ranges.h"
#include "runtime/control.h"
#include "session/network-log.h"
#include "session/network-why.h"
#include "session/network.h"
#include "session/supervisor.h"

#define DENIED_MAX_BYTES (32 * 1024)
#define DENIED_AGAIN_MS 60000
#define DENIED_EACH_SECOND 5
#define LOG_AGAIN_MS 1000

/* --- the container's file */

/* The same one is told once a minute, and a flood of different ones only in part. */
static bool is_worth_a_line(struct supervisor *v, const char *key) {
	uint64_t now = clock_mono_ms();
	struct denied_line *oldest = &v->denied[0];

	for (size_t i = 0; i < DENIED_REMEMBERED; i++) {
		struct denied_line *d = &v->denied[i];

		if (!strcmp(d->key, key) && now - d->told_ms < DENIED_AGAIN_MS)
			return false;
		if (d->told_ms < oldest->told_ms)
			oldest = d;
	}
	if (now - v->denied_since_ms >= 1000) {
		v->denied_since_ms = now;
		v->denied_count = 0;
	}
	if (v->denied_count++ >= DENIED_EACH_SECOND)
		return false;
	snprintf(oldest->key, sizeof(oldest->key), "%s", key);
	oldest->told_ms = now;
	return true;
}

static void tell_inside(struct supervisor *v, const struct network_refusal *r) {
	autofree char *what = network_refusal_text(r);
	char when[CLOCK_RFC3339_SIZE];
	struct stat st;

	if (v->denied_fd < 0 || !is_worth_a_line(v, what))
		return;
	if (fstat(v->denied_fd, &st) == 0 && st.st_size > DENIED_MAX_BYTES)
		(void)!ftruncate(v->denied_fd, 0);
	(void)dprintf(v->denied_fd, "%s %s: %s%s%s\n", clock_rfc3339(time(NULL), when), what,
		      r->reason,
		      r->remedy ? "; whoever runs this container can allow it outside: " : "",
		      r->remedy ? r->remedy : "");
	log_debug("denied to '%s': %s", v->c->name, what);
}

/* --- the person's log */

static void log_write(struct supervisor *v, struct denied_seen *s) {
	char when[CLOCK_RFC3339_SIZE];
	struct err err = { 0 };
	int r;

	json_object_set_new(s->line, "count", json_integer(s->count));
	json_object_set_new(s->line, "ts", json_string(clock_rfc3339(time(NULL), when)));
	s->count = 0;
	s->told_ms = clock_mono_ms();
	r = network_log_append(&v->plan.who, v->plan.network_log, s->line, &err);
	/* Once: a log that cannot be written is no reason to fill another one. */
	if (r < 0 && !v->log_failed)
		supervisor_complain(&err);
	v->log_failed = r < 0;
}

static void log_flush(void *data);

static void log_flush_later(struct supervisor *v) {
	if (!v->seen_timer && v->loop)
		v->seen_timer = loop_add_timer(v->loop, LOG_AGAIN_MS, 0, log_flush, v);
}

/* What was only counted in the last second. */
static void log_flush(void *data) {
	struct supervisor *v = data;
	uint64_t now = clock_mono_ms();

	v->seen_timer = NULL;
	for (size_t i = 0; i < DENIED_REMEMBERED; i++) {
		struct denied_seen *s = &v->seen[i];

		if (s->count && now - s->told_ms >= LOG_AGAIN_MS)
			log_write(v, s);
		else if (s->count)
			log_flush_later(v);
	}
}

static void seen_forget(struct supervisor *v, struct denied_seen *s) {
	if (s->count)
		log_write(v, s);
	json_decref(s->line);
	*s = (struct denied_seen){ 0 };
}

/* Its place, or that of the one that was told longest ago. */
static struct denied_seen *seen_find(struct supervisor *v, const struct network_refusal *r) {
	struct denied_seen *oldest = &v->seen[0];

	for (size_t i = 0; i < DENIED_REMEMBERED; i++) {
		struct denied_seen *s = &v->seen[i];

		if (s->line && s->address == r->address && s->port == r->port &&
		    s->protocol == r->protocol &&
		    (r->address || !strcmp(s->name, r->name)))
			return s;
		if (s->told_ms < oldest->told_ms)
			oldest = s;
	}
	seen_forget(v, oldest);
	oldest->address = r->address;
	oldest->port = r->port;
	oldest->protocol = r->protocol;
	if (!r->address)
		snprintf(oldest->name, sizeof(oldest->name), "%s", r->name);
	return oldest;
}

static void tell_outside(struct supervisor *v, const struct network_refusal *r) {
	struct denied_seen *s;

	if (!v->plan.network_log)
		return;
	s = seen_find(v, r);
	json_decref(s->line);
	s->line = network_refusal_to_json(r, "");
	s->count++;
	if (s->told_ms == 0 || clock_mono_ms() - s->told_ms >= LOG_AGAIN_MS)
		log_write(v, s);
	else
		log_flush_later(v);
}

/* --- what is heard */

/* @room: what @r borrows then. */
static void add_process(struct supervisor *v, const struct net_denied *d, struct net_process *room,
			struct network_refusal *r) {
	if (!net_who_find(&v->who, d, room))
		return;
	r->process = room->name[0] ? room->name : NULL;
	r->pid = room->pid;
}

void supervisor_denied_name(struct supervisor *v, const char *name) {
	auto_network_why struct network_why why = { 0 };
	const struct net_denied question = { .address = v->net->gateway,
					     .port = 53,
					     .protocol = IPPROTO_UDP };
	struct net_process process = { 0 };
	struct network_refusal r = { .container = v->c->name, .name = name, .count = 1 };

	network_why_name(v->c->name, name, &why);
	r.reason = why.reason;
	r.remedy = why.remedy;
	/* Whoever has asked the name service last. */
	add_process(v, &question, &process, &r);
	tell_inside(v, &r);
	tell_outside(v, &r);
}

void supervisor_who_begin(struct supervisor *v) {
	const struct runtime_ref ref = container_ref(&v->session, v->c);
	autoclose int cgroup = -1;
	struct err err = { 0 };

	if (v->who.init)
		return;
	v->who.init = v->c->init.pid;
	cgroup = runtime_cgroup_open(&ref);
	if (cgroup < 0 || net_who_open(cgroup, v->c->init.pid, &v->who, &err) < 0)
		log_debug("processes that are refused are looked for later: %s",
			  cgroup < 0 ? "no control group" : err.msg);
}

void supervisor_denied_packet(struct supervisor *v, const struct net_denied *d, const char *asked) {
	/* A name that the list has is one that it can have with another port. */
	const char *learnt = net_learnt_name(&v->learnt, d->address);
	auto_network_why struct network_why why = { 0 };
	struct net_process process = { 0 };
	struct network_refusal r = {
		.container = v->c->name,
		.name = learnt ? learnt : *asked ? asked : NULL,
		.address = d->address,
		.port = d->port,
		.protocol = d->protocol,
		.count = 1,
	};

	network_why(&v->plan.policy, &v->net->range, v->c->name, d, learnt, &why);
	add_process(v, d, &process, &r);
	r.reason = why.reason;
	r.remedy = why.remedy;
	tell_inside(v, &r);
	tell_outside(v, &r);
	supervisor_monitor_denied(v, d);
}

void supervisor_denied_done(struct supervisor *v) {
	for (size_t i = 0; i < DENIED_REMEMBERED; i++)
		seen_forget(v, &v->seen[i]);
}
