/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The network of a container that runs, and what people change of it. Owns the
 * list of what is allowed, what was learnt for it, the log group and the file of
 * refusals (supervisor-denied.c).
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/msg.h"
#include "base/strv.h"
#include "net/ranges.h"
#include "session/network.h"
#include "session/supervisor.h"

int supervisor_network_begin(struct supervisor *v, struct err *err) {
	autoclose int dir = container_run_dir(&v->session, v->c->name);
	int r;

	v->port.policy = v->plan.policy;
	supervisor_monitor_rate(v);
	v->port.learnt = &v->learnt;
	if (dir < 0)
		return err_sys(err, dir, "cannot open the run directory of '%s'", v->c->name);
	r = network_store(&v->session, v->c->name, &v->plan.policy, v->plan.network_log);
	if (r < 0)
		return err_sys(err, r, "cannot keep the network policy of '%s'", v->c->name);
	r = supervisor_learnt_begin(v);
	if (r < 0)
		return err_sys(err, r, "cannot keep what names of '%s' lead to", v->c->name);
	/* The same file for a supervisor that takes over: the container has it bound. */
	v->denied_fd = openat(dir, NETWORK_DENIED_FILE,
			      O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0444);
	if (v->denied_fd < 0)
		return err_sys(err, -errno, "cannot open the list of refusals of '%s'", v->c->name);
	v->denied_path = xasprintf("%s/%s/" NETWORK_DENIED_FILE, v->session.layout->run, v->c->name);
	/* Without it everything is refused as before, only nobody is told. */
	v->resolver.log_fd = net_port_log_open(&v->port, err);
	if (v->resolver.log_fd < 0) {
		supervisor_complain(err);
		v->port.log_group = 0;
	}
	return 0;
}

void supervisor_network_bind(struct supervisor *v) {
	struct protect_binds *b = &v->protect;

	if (!v->denied_path)
		return;
	b->items = xreallocarray(b->items, b->count + 1, sizeof(*b->items));
	b->items[b->count++] = (struct runtime_bind){ .fd = -1,
						      .source = v->denied_path,
						      .target = NETWORK_DENIED_INSIDE,
						      .readonly = true,
						      .noexec = true,
						      .ids = RUNTIME_BIND_PLAIN };
}

void supervisor_network_done(struct supervisor *v) {
	supervisor_denied_done(v);
	net_who_close(&v->who);
	mem_close_ptr(&v->denied_fd);
	mem_close_ptr(&v->learnt_fd);
	free(v->denied_path);
	net_learnt_done(&v->learnt);
	supervisor_nowhere_done(v);
}

/* --- changes */

/* A policy that is to hold, with the lists that it borrows. */
struct change {
	struct net_policy policy;
	struct net_allowed allowed;
	struct net_hosts hosts;
};

static void change_done(struct change *c) {
	net_allowed_done(&c->allowed);
	net_hosts_done(&c->hosts);
}

static void hold(struct supervisor *v, const struct change *c) {
	v->plan.allowed = c->allowed;
	v->plan.hosts = c->hosts;
	v->plan.policy = c->policy;
	v->plan.policy.allowed = &v->plan.allowed;
	v->plan.policy.hosts = &v->plan.hosts;
	v->port.policy = v->plan.policy;
}

/* Rules first; what fails leaves the old policy in force. Takes the lists of @new on success. */
static int apply(struct supervisor *v, struct change *new, struct err *err) {
	struct change old = { v->plan.policy, v->plan.allowed, v->plan.hosts };
	struct err ignored;
	int r = net_policy_check(&new->policy, err);

	if (r < 0)
		return r;
	hold(v, new);
	net_learnt_relist(&v->learnt, &v->plan.allowed);
	r = network_store(&v->session, v->c->name, &v->plan.policy, v->plan.network_log);
	if (r < 0)
		r = err_sys(err, r, "cannot keep the network policy of '%s'", v->c->name);
	if (r == 0)
		r = net_port_rules_put(v->net, &v->port, err);
	if (r < 0) {
		hold(v, &old);
		(void)network_store(&v->session, v->c->name, &v->plan.policy,
				    v->plan.network_log);
		if (net_port_rules_put(v->net, &v->port, &ignored) < 0)
			supervisor_complain(&ignored);
		return r;
	}
	change_done(&old);
	new->allowed = (struct net_allowed){ 0 };
	new->hosts = (struct net_hosts){ 0 };
	supervisor_nowhere_relist(v);
	supervisor_network_policy(v);
	if (net_port_cut(v->net, &v->port, &ignored) < 0)
		supervisor_complain(&ignored);
	str_replace(&v->c->network_mode, net_mode_to_string(new->policy.mode));
	if (supervisor_store(v, v->c->state, &ignored) < 0)
		supervisor_complain(&ignored);
	supervisor_audit_network(v, false);
	return 0;
}

/* @adds or else takes away; how many entries were changed. */
static int change_entries(struct net_allowed *allowed, const json_t *body, bool adds,
			  struct err *err) {
	autostrv char **entries = json_get_strv(body, "entries");
	int changed = 0;

	for (size_t i = 0; entries && entries[i]; i++) {
		int r = adds ? net_allowed_add(allowed, entries[i], err)
			     : net_allowed_remove(allowed, entries[i], err);

		if (r < 0)
			return r;
		if (r == 0 && !adds)
			return err_set(err, ERR_MISSING, -ENOENT, "'%s' is not in the list",
				       entries[i]);
		changed += r;
	}
	return changed;
}

/* As they hold now, to be changed: through their text, since they own what they have. */
static int change_begin(const struct supervisor *v, struct change *c, struct err *err) {
	auto_json json_t *now = network_policy_to_json(&v->plan.policy);

	return network_policy_from_json(now, &c->policy, &c->allowed, &c->hosts, err);
}

static int change_hosts(struct net_hosts *hosts, const json_t *body, bool adds, struct err *err) {
	autostrv char **names = json_get_strv(body, "hostnames");
	autostrv char **ports = json_get_strv(body, "ports");
	int changed = 0;

	if (adds)
		return net_hosts_add(hosts, json_get_str(body, "ip", ""), names, ports, err);
	for (size_t i = 0; names && names[i]; i++) {
		if (!net_hosts_remove(hosts, names[i]))
			return err_set(err, ERR_MISSING, -ENOENT, "'%s' is not in the list",
				       names[i]);
		changed++;
	}
	return changed;
}

static int change_ports(struct net_policy *p, const json_t *body, struct err *err) {
	autostrv char **list = json_get_strv(body, "ports");
	struct net_policy old = *p;
	char was[NET_PORTS_TEXT], is[NET_PORTS_TEXT];
	int r = network_ports_parse(list, p, err);

	if (r < 0)
		return r;
	return strcmp(net_ports_text(&old.ports, was), net_ports_text(&p->ports, is)) != 0;
}

/* How many entries are different now, or what was wrong with the request. */
static int change_one(struct change *c, const json_t *body, struct err *err) {
	const char *op = json_get_str(body, "op", "");
	int mode;

	if (!strcmp(op, "allow") || !strcmp(op, "deny"))
		return change_entries(&c->allowed, body, !strcmp(op, "allow"), err);
	if (!strcmp(op, "hosts-add") || !strcmp(op, "hosts-remove"))
		return change_hosts(&c->hosts, body, !strcmp(op, "hosts-add"), err);
	if (!strcmp(op, "ports"))
		return change_ports(&c->policy, body, err);
	if (strcmp(op, "mode") != 0)
		return err_set(err, ERR_CONFLICT, -EPROTO,
			       "the supervisor does not know '%s': it is of another version", op);
	mode = net_mode_from_string(json_get_str(body, "mode", ""));
	if (mode < 0)
		return err_set(err, ERR_USAGE, -EINVAL, "there is no such network mode");
	if ((int)c->policy.mode == mode)
		return 0;
	c->policy.mode = (enum net_mode)mode;
	return 1;
}

static int change(struct supervisor *v, const json_t *body, struct err *err) {
	struct change c = { 0 };
	int r, changed = 0;

	if (!strcmp(json_get_str(body, "op", ""), "show"))
		return 0;
	r = change_begin(v, &c, err);
	if (r == 0)
		r = changed = change_one(&c, body, err);
	if (r > 0)
		r = apply(v, &c, err);
	change_done(&c);
	return r < 0 ? r : changed;
}

/* Together with the lists of the policy it has to fit into one message. */
#define LEARNT_ROOM (32 * 1024)
#define NOWHERE_ROOM (8 * 1024)

/* *@more: how many had no room. */
static json_t *learnt_to_json(const struct net_learnt *l, size_t *more) {
	json_t *all = json_array();
	uint64_t now = clock_mono_ms();
	size_t room = LEARNT_ROOM;

	for (size_t i = 0; i < l->count; i++) {
		size_t need = strlen(l->names[i].name) + 40 + l->names[i].count * NET_CIDR_TEXT;
		json_t *addresses;

		if (need > room) {
			*more += 1;
			continue;
		}
		room -= need;
		addresses = json_array();

		for (size_t k = 0; k < l->names[i].count; k++) {
			const struct net_learnt_address *a = &l->names[i].addresses[k];
			const struct net_cidr c = { a->address, 32 };
			char text[NET_CIDR_TEXT];

			if (a->until > now)
				json_array_append_new(addresses,
						      json_string(net_cidr_text(&c, text)));
		}
		json_array_append_new(all, json_pack("{s:s, s:o}", "name", l->names[i].name,
						     "addresses", addresses));
	}
	return all;
}

static json_t *nowhere_to_json(const struct supervisor *v, size_t *more) {
	json_t *all = json_array();
	size_t room = NOWHERE_ROOM;

	for (size_t i = 0; i < v->nowhere_count; i++) {
		const struct nowhere *n = &v->nowhere[i];
		size_t need = strlen(n->name) + strlen(n->why) + 24;

		if (need > room) {
			*more += 1;
			continue;
		}
		room -= need;
		json_array_append_new(all, json_pack("{s:s, s:s}", "name", n->name, "why", n->why));
	}
	return all;
}

void supervisor_network_message(struct supervisor *v, int fd, const json_t *body) {
	size_t learnt_more = 0, nowhere_more = 0;
	struct err err = { 0 };
	json_t *answer;
	int r;

	if (!v->net || v->is_stopping)
		r = err_set(&err, ERR_CONFLICT, -ENETDOWN, "container '%s' has no network",
			    v->c->name);
	else
		r = change(v, body, &err);
	if (r < 0) {
		(void)msg_send_err(fd, &err);
		return;
	}
	answer = network_policy_to_json(&v->plan.policy);
	json_object_set_new(answer, "address", json_string(v->port.address_text));
	json_object_set_new(answer, "changed", json_integer(r));
	net_learnt_expire(&v->learnt, clock_mono_ms());
	json_object_set_new(answer, "learnt", learnt_to_json(&v->learnt, &learnt_more));
	json_object_set_new(answer, "learnt_more", json_integer((json_int_t)learnt_more));
	json_object_set_new(answer, "nowhere", nowhere_to_json(v, &nowhere_more));
	json_object_set_new(answer, "nowhere_more", json_integer((json_int_t)nowhere_more));
	if (msg_send(fd, "network", answer, NULL, 0) < 0) {
		(void)err_set(&err, ERR_SYSTEM, -EMSGSIZE, "the answer is too long");
		(void)msg_send_err(fd, &err);
	}
}
