/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The network of a container that runs: what its name service asks for, what
 * it was denied, and what people change. Owns the list of what is allowed, what
 * was learnt for it, the log group and the file of refusals, which the container
 * sees read-only as /run/coi/denied.
 *
 * The name service and the log tell what comes from inside: it is checked
 * here, and goes into the file in plain letters only.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
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

#define DENIED_MAX_BYTES (32 * 1024)
#define DENIED_AGAIN_MS 60000
#define DENIED_EACH_SECOND 5
#define LOG_AT_ONCE 64

int supervisor_network_begin(struct supervisor *v, struct err *err) {
	autoclose int dir = container_run_dir(&v->session, v->c->name);
	int r;

	v->port.policy = v->plan.policy;
	v->port.learnt = &v->learnt;
	if (dir < 0)
		return err_sys(err, dir, "cannot open the run directory of '%s'", v->c->name);
	r = network_store(&v->session, v->c->name, &v->plan.policy);
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
	v->log_fd = net_port_log_open(&v->port, err);
	if (v->log_fd < 0) {
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
	mem_close_ptr(&v->denied_fd);
	mem_close_ptr(&v->log_fd);
	mem_close_ptr(&v->learnt_fd);
	free(v->denied_path);
	net_learnt_done(&v->learnt);
}

/* --- the file of refusals */

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

static void denied_line(struct supervisor *v, const char *what, const char *why) {
	char when[CLOCK_RFC3339_SIZE];
	struct stat st;

	if (v->denied_fd < 0 || !is_worth_a_line(v, what))
		return;
	if (fstat(v->denied_fd, &st) == 0 && st.st_size > DENIED_MAX_BYTES)
		(void)!ftruncate(v->denied_fd, 0);
	(void)dprintf(v->denied_fd, "%s %s: %s\n", clock_rfc3339(time(NULL), when), what, why);
	log_debug("denied to '%s': %s", v->c->name, what);
}

void supervisor_denied_name(struct supervisor *v, const char *name) {
	autofree char *what = xasprintf("name %s", name);
	autofree char *why = xasprintf("not in the list of allowed names; whoever runs this "
				       "container can allow it outside with 'coi network allow %s "
				       "%s' or in network.allowed_domains", v->c->name, name);

	denied_line(v, what, why);
}

static const char *why_denied(const struct supervisor *v, const struct net_denied *d) {
	const struct net_policy *p = &v->plan.policy;

	if (net_cidr_contains(&v->net->range, d->address))
		return "the host and other containers cannot be reached in any mode";
	if (p->mode == NET_OPEN)
		return "the host cannot be reached in any mode";
	if (p->mode == NET_ALLOWLIST && net_policy_may_learn(p, d->address))
		return "not in the list of allowed names and addresses; it can be allowed outside "
		       "with 'coi network allow' or in network.allowed_domains";
	if (net_is_metadata(d->address))
		return "link-local and metadata addresses are closed (network.block_metadata_endpoint)";
	if (net_is_private(d->address))
		return "private networks are closed (network.block_private_networks, "
		       "network.allow_local_network_access)";
	return "the host cannot be reached in any mode";
}

static void denied_address(struct supervisor *v, const struct net_denied *d) {
	char address[INET_ADDRSTRLEN];
	const struct in_addr in = { htonl(d->address) };
	autofree char *what = NULL;

	inet_ntop(AF_INET, &in, address, sizeof(address));
	if (d->port)
		what = xasprintf("connection to %s port %u/%s", address, d->port,
				 d->protocol == IPPROTO_TCP ? "tcp" : "udp");
	else
		what = xasprintf("packet to %s of protocol %u", address, d->protocol);
	denied_line(v, what, why_denied(v, d));
}

static void on_log(int fd, uint32_t events, void *data) {
	struct supervisor *v = data;
	struct net_denied all[LOG_AT_ONCE];
	int n = net_port_log_read(fd, all, LOG_AT_ONCE);

	(void)events;
	for (int i = 0; i < n; i++)
		denied_address(v, &all[i]);
}

int supervisor_network_watch(struct supervisor *v, struct err *err) {
	if (v->log_fd >= 0 && !loop_add_fd(v->loop, v->log_fd, EPOLLIN, on_log, v))
		return err_sys(err, -errno, "cannot watch the log of '%s'", v->c->name);
	return 0;
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
	r = network_store(&v->session, v->c->name, &v->plan.policy);
	if (r < 0)
		r = err_sys(err, r, "cannot keep the network policy of '%s'", v->c->name);
	if (r == 0)
		r = net_port_rules_put(v->net, &v->port, err);
	if (r < 0) {
		hold(v, &old);
		(void)network_store(&v->session, v->c->name, &v->plan.policy);
		if (net_port_rules_put(v->net, &v->port, &ignored) < 0)
			supervisor_complain(&ignored);
		return r;
	}
	change_done(&old);
	new->allowed = (struct net_allowed){ 0 };
	new->hosts = (struct net_hosts){ 0 };
	/* One that cannot be told is started again, with the new list. */
	if (net_resolver_policy(&v->resolver, &v->port, &ignored) < 0 && v->resolver.pid > 0)
		(void)kill(v->resolver.pid, SIGKILL);
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

/* How many entries are different now, or what was wrong with the request. */
static int change_one(struct change *c, const json_t *body, struct err *err) {
	const char *op = json_get_str(body, "op", "");
	int mode;

	if (!strcmp(op, "allow") || !strcmp(op, "deny"))
		return change_entries(&c->allowed, body, !strcmp(op, "allow"), err);
	if (!strcmp(op, "hosts-add") || !strcmp(op, "hosts-remove"))
		return change_hosts(&c->hosts, body, !strcmp(op, "hosts-add"), err);
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

static json_t *learnt_to_json(const struct net_learnt *l) {
	json_t *all = json_array();
	uint64_t now = clock_mono_ms();

	for (size_t i = 0; i < l->count; i++) {
		json_t *addresses = json_array();

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

void supervisor_network_message(struct supervisor *v, int fd, const json_t *body) {
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
	json_object_set_new(answer, "learnt", learnt_to_json(&v->learnt));
	if (msg_send(fd, "network", answer, NULL, 0) < 0) {
		(void)err_set(&err, ERR_SYSTEM, -EMSGSIZE, "the answer is too long");
		(void)msg_send_err(fd, &err);
	}
}
