/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Watching the network of a container: connections that the watcher tells of, packets that
 * the rules have refused, names that its name service was asked for ([monitoring.nft]).
 *
 * They are judged here, since only here is known what the policy says of an address; what
 * they are made of are numbers, and names in printable letters.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "audit/threat.h"
#include "audit/typed.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "monitor/protocol.h"
#include "monitor/wire.h"
#include "net/ranges.h"
#include "session/supervisor.h"

#define LOST_COUNTED_MAX 10000 /* more than any threshold needs in one second */

/* Of one that is taken over, what its supervisor had written down. */
void supervisor_monitor_rate(struct supervisor *v) {
	struct monitoring_plan *m = &v->plan.monitoring;

	if (v->plan.adopt)
		(void)monitoring_load(&v->session, v->c->name, m); /* said by the next step */
	v->port.watch_rate = m->watches_net ? m->net_rate : 0;
}

/* Built like what the watcher says of its sources. */
static void record(struct supervisor *v, enum watch_state state, uint64_t count,
                   const char *detail) {
	const struct watch_event e = { .kind = WATCH_STATE,
		                       .status = { .state = state,
		                                   .source = "names",
		                                   .backend = "resolver",
		                                   .count = count,
		                                   .detail = detail } };
	auto_json json_t *event = wire_event(&e);
	struct err err = { 0 };

	if (audit_write_typed(v->session.audit, AUDIT_STREAM_AUDIT, v->c->name, event, &err) < 0)
		supervisor_complain(&err);
}

void supervisor_monitor_net(struct supervisor *v) {
	if (!v->plan.monitoring.watches_net)
		return;
	if (v->net)
		record(v, WATCH_STARTED, 0,
		       "names that other name servers are asked for, or over TLS and HTTPS; "
		       "more a second than monitoring.nft.rate_limit_per_second, also of refused "
		       "packets");
	else
		record(v, WATCH_UNAVAILABLE, 0, "the container has no network");
}

void supervisor_monitor_unheard(struct supervisor *v) {
	if (v->plan.monitoring.watches_net)
		record(v, WATCH_ENDED, 0, "its name service ended: names that it had read and not "
		                          "told of yet are not recorded");
}

static uint32_t ipv4(const struct watch_connect *c) {
	return (uint32_t)c->address[0] << 24 | (uint32_t)c->address[1] << 16 |
	       (uint32_t)c->address[2] << 8 | c->address[3];
}

/* A private address that settings, a list or a fixed name have opened. */
static bool is_opened(const struct supervisor *v, const struct watch_connect *c) {
	return c->is_private && v->plan.policy.mode != NET_OPEN;
}

static void judge(const struct supervisor *v, struct watch_connect *c) {
	const struct net_policy *p = &v->plan.policy;
	uint32_t address = ipv4(c);

	if (!v->net || c->family != AF_INET) {
		c->verdict = WATCH_REFUSED; /* there is no IPv6, and perhaps no network at all */
		return;
	}
	c->is_private = net_is_private(address);
	c->is_own = address == v->net->gateway;
	if (net_cidr_contains(&v->net->range, address))
		c->verdict = WATCH_REFUSED;
	else if (!net_learnt_passes(p, &v->learnt, address, c->port, clock_mono_ms()))
		c->verdict = WATCH_REFUSED;
	else
		c->verdict = is_opened(v, c) ? WATCH_OPENED : WATCH_PASSED;
}

static void of_network(const struct supervisor *v, const struct finding *f,
                       struct audit_threat *t) {
	t->is_network = true;
	t->src = v->c->address;
	t->rule = f->rule;
	t->iif = v->port.name;
}

void supervisor_monitor_feed(struct supervisor *v, struct watch_event *e) {
	struct findings all;

	e->when_ms = clock_mono_ms();
	detector_feed(v->net_detector, e, &all);
	for (size_t i = 0; i < all.count; i++) {
		auto_json json_t *body = wire_threat(&all.items[i], e);
		struct audit_threat t;

		/* Its equals come without the connection that they were about. */
		if (all.items[i].count || !wire_threat_read(body, &t))
			continue;
		of_network(v, &all.items[i], &t);
		supervisor_monitor_threat(v, &t, body);
	}
}

/* The verdict goes into its record; what it means, behind that. */
void supervisor_monitor_connect(struct supervisor *v, json_t *event, struct watch_event *ret) {
	const char *state;

	*ret = (struct watch_event){ .kind = WATCH_CONNECT,
		                     .pid = (pid_t)json_get_int(event, "pid", 0),
		                     .uid = json_get_int(event, "uid", -1),
		                     .at_us = (uint64_t)json_get_int(event, "at_us", 0) };
	if (!wire_connect(event, &ret->connect)) {
		ret->kind = WATCH_STATE;
		return;
	}
	judge(v, &ret->connect);
	state = ret->connect.verdict == WATCH_REFUSED ? "refused" : "connect";
	json_object_set_new(event, "state", json_string(state));
}

void supervisor_monitor_source(struct supervisor *v, const json_t *event) {
	if (!strcmp(json_get_str(event, "msg", ""), watch_state_to_string(WATCH_ENDED)))
		v->watch_is_over = true;
	if (!strcmp(json_get_str(event, "source", ""), "connect") &&
	    !strcmp(json_get_str(event, "msg", ""), watch_state_to_string(WATCH_STARTED)))
		v->records_denied =
			!strcmp(json_get_str(event, "backend", ""), WATCH_BACKEND_CONNTRACK);
}

/* As if the watcher had told of it. */
static void record_denied(struct supervisor *v, const struct watch_event *denied) {
	struct watch_event e = *denied;
	auto_json json_t *event = NULL;
	struct err err = { 0 };

	e.kind = WATCH_CONNECT;
	event = wire_event(&e);
	json_object_set_new(event, "state", json_string("refused"));
	/* A full disk is told once, by the watcher's records. */
	if (audit_write_typed(v->session.audit, AUDIT_STREAM_NET, v->c->name, event, &err) < 0)
		log_debug("%s", err.msg);
}

void supervisor_monitor_denied(struct supervisor *v, const struct net_denied *d) {
	struct watch_event e = { .kind = WATCH_DENIED, .uid = -1 };

	if (!v->net_detector || d->is_echo)
		return;
	e.connect = (struct watch_connect){ .family = AF_INET,
		                            .protocol = d->protocol,
		                            .port = d->port };
	e.connect.address[0] = (uint8_t)(d->address >> 24);
	e.connect.address[1] = (uint8_t)(d->address >> 16);
	e.connect.address[2] = (uint8_t)(d->address >> 8);
	e.connect.address[3] = (uint8_t)d->address;
	e.connect.is_private = net_is_private(d->address);
	e.connect.is_own = v->net && d->address == v->net->gateway;
	e.connect.verdict = WATCH_REFUSED;
	if (v->records_denied)
		record_denied(v, &e);
	supervisor_monitor_feed(v, &e);
}

/* --- names */

static void record_query(struct supervisor *v, const struct watch_event *e) {
	const struct finding f = {
		.rule = "network.query",
		.level = AUDIT_INFO,
		.category = AUDIT_NETWORK,
		.title = e->query.is_refused ? "Name refused" : "Name asked for",
		.description = "its name service was asked (monitoring.nft.log_dns_queries)",
		.evidence = AUDIT_EVIDENCE_NETWORK,
	};
	auto_json json_t *body = wire_threat(&f, e);
	struct audit_threat t;

	if (!wire_threat_read(body, &t))
		return;
	of_network(v, &f, &t);
	supervisor_monitor_threat(v, &t, body);
}

/* Those that were only counted are many names, too. */
static void feed_lost(struct supervisor *v, uint64_t count) {
	for (uint64_t i = 0; i < count && i < LOST_COUNTED_MAX; i++)
		supervisor_monitor_feed(v, &(struct watch_event){ .kind = WATCH_QUERY, .uid = -1,
		                                                  .query = { .name = "" } });
}

void supervisor_monitor_dropped(struct supervisor *v) {
	uint32_t questions, packets, more_questions, more_packets;

	if (!v->net_detector || !v->plan.monitoring.watches_net)
		return;
	net_resolver_dropped(&v->resolver, &questions, &packets);
	more_questions = questions - v->questions_dropped;
	more_packets = packets - v->packets_dropped;
	v->questions_dropped = questions;
	v->packets_dropped = packets;
	if (more_questions) {
		feed_lost(v, more_questions);
		record(v, WATCH_LOST, more_questions,
		       "queries were not seen, nor answered: too many at once for its name service");
	}
	if (more_packets)
		record(v, WATCH_LOST, more_packets,
		       "refused packets were not seen: too many at once");
}

void supervisor_monitor_asked(struct supervisor *v, const struct net_resolver_event *e) {
	struct err err = { 0 };

	if (!v->net_detector || !v->plan.monitoring.watches_net)
		return;
	audit_hold(v->session.audit);
	for (size_t i = 0; i < e->asked_count; i++) {
		struct watch_event one = { .kind = WATCH_QUERY,
			                   .uid = -1,
			                   .query = { .name = e->asked[i].name,
			                              .type = e->asked[i].type,
			                              .is_refused = e->asked[i].is_refused } };

		if (v->plan.monitoring.logs_queries)
			record_query(v, &one);
		supervisor_monitor_feed(v, &one);
	}
	feed_lost(v, e->lost);
	if (audit_release(v->session.audit, &err) < 0)
		supervisor_complain(&err);
	if (e->lost)
		record(v, WATCH_LOST, e->lost,
		       "names over monitoring.nft.rate_limit_per_second");
	if (e->packets_lost)
		record(v, WATCH_LOST, e->packets_lost,
		       "refused packets: too many to be told one by one");
	supervisor_monitor_dropped(v);
}
