/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The host's packet filter while the container runs: the guard, and what is mended when
 * somebody else takes our rules away or sets up a firewall that has the last word.
 */
#include <errno.h>
#include <linux/netfilter.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "session/supervisor.h"

#define RULES_RETRY_MS 300
#define GUARD_DELAY_MS 200 /* a short run does not wait for it */
#define OTHERS_DELAY_MS 100 /* a firewall is set up in many transactions */

int supervisor_guard(struct supervisor *v, struct err *err) {
	int r = net_guard_take(v->net, &v->guard_fd, err);

	if (r < 0)
		return r;
	v->guard = (enum net_guard)r;
	v->guard_asked = true;
	return 0;
}

static void guard_watch(struct supervisor *v);
static void others_mend(void *data);

/* Whoever held the guard has gone: try for it, and see to what was his. */
static void on_guard(int fd, uint32_t events, void *data) {
	struct supervisor *v = data;
	struct err err = { 0 };

	(void)events;
	loop_remove(v->loop, v->guard_source);
	v->guard_source = NULL;
	v->guard_fd = -1;
	(void)close(fd);
	if (supervisor_guard(v, &err) < 0) {
		supervisor_complain(&err);
		return;
	}
	guard_watch(v);
	if (v->guard == NET_GUARD_HELD)
		others_mend(v);
}

static void guard_watch(struct supervisor *v) {
	if (v->guard == NET_GUARD_STANDBY && v->guard_fd >= 0)
		v->guard_source = loop_add_fd(v->loop, v->guard_fd, EPOLLIN, on_guard, v);
}

/* Once the container runs and nobody waits for us any more. */
static void guard_begin(void *data) {
	struct supervisor *v = data;
	struct err err = { 0 };

	if (!v->guard_asked && supervisor_guard(v, &err) < 0)
		supervisor_complain(&err);
	else
		guard_watch(v);
}

static char *legacy_text(const struct net_base *b) {
	const bool forward = b->legacy_closes & 1u << NF_INET_FORWARD;
	const bool input = b->legacy_closes & 1u << NF_INET_LOCAL_IN;
	autofree char *in = xasprintf("iptables-legacy -I INPUT -i %s -j ACCEPT", b->bridge);
	autofree char *through = xasprintf("iptables-legacy -I FORWARD -i %s -j ACCEPT and "
					   "iptables-legacy -I FORWARD -o %s -j ACCEPT",
					   b->bridge, b->bridge);

	return xasprintf("the host's iptables-legacy drops what containers send: %s%s%s let%s it "
			 "through, as far as coi's own rules do", forward ? through : "",
			 forward && input ? " and " : "", input ? in : "", forward ? "" : "s");
}

/* What we can do nothing about, once while it is so. */
void supervisor_tell_closed(struct supervisor *v) {
	const struct net_base *b = v->net;
	const bool is_closed = b->refused_by[0] || b->legacy_closes;
	autofree char *text = NULL;

	if (is_closed == v->is_told_closed)
		return;
	v->is_told_closed = is_closed;
	if (!is_closed)
		return;
	if (b->refused_by[0])
		text = xasprintf("the host's nftables table '%s' drops what containers send, and only "
				 "its owner can change it: let bridge '%s' through there (firewalld: "
				 "firewall-cmd --permanent --zone=trusted --add-interface=%s, and "
				 "--reload)", b->refused_by, b->bridge, b->bridge);
	else
		text = legacy_text(b);
	supervisor_say(v, text);
}

/* The base, and what is ours of it. What fails now is tried again: it is closed meanwhile. */
static void rules_mend(void *data) {
	struct supervisor *v = data;
	struct err err = { 0 };
	int base, port;

	v->mend_timer = NULL;
	base = net_base_ensure(v->net, &err);
	if (base < 0)
		supervisor_complain(&err);
	port = net_port_rules_ensure(v->net, &v->port, &err);
	if (port < 0)
		supervisor_complain(&err);
	if (base < 0 || port < 0)
		v->mend_timer = loop_add_timer(v->loop, RULES_RETRY_MS, 0, rules_mend, v);
	supervisor_tell_closed(v);
	if (base <= 0 && port <= 0)
		return;
	supervisor_note("somebody removed rules of ours from the host's nftables; they are back");
	supervisor_audit_network(v, true);
}

/* Other people's chains, which have the last word. */
static void others_mend(void *data) {
	struct supervisor *v = data;
	struct err err = { 0 };
	int r;

	v->others_timer = NULL;
	r = net_others_ensure(v->net, &err);
	if (r < 0)
		supervisor_complain(&err);
	supervisor_tell_closed(v);
	if (r > 0)
		supervisor_note("a firewall of this host dropped what containers send; rules that let "
				"bridge '%s' through are at the head of its chains", v->net->bridge);
}

/*
 * Whoever makes the base anew knows of the others' ports what is in their
 * claims, which is closed in mode allowlist: the list is its supervisor's, who
 * hears of the tables' deletion and puts its port back, with what was learnt.
 * Chains of others are seen to by one supervisor of the host, who has the guard.
 */
static void on_rules_changed(int fd, uint32_t events, void *data) {
	struct supervisor *v = data;
	int r = net_watch_read(v->net, v->port.index, fd);

	(void)events;
	if (r < 0)
		return;
	if (r & NET_WATCH_OURS && !v->mend_timer)
		rules_mend(v);
	if (r & NET_WATCH_OTHERS && !v->others_timer &&
	    !(v->guard_asked && v->guard == NET_GUARD_STANDBY))
		v->others_timer = loop_add_timer(v->loop, OTHERS_DELAY_MS, 0, others_mend, v);
}

int supervisor_rules_watch(struct supervisor *v, struct err *err) {
	if (!loop_add_timer(v->loop, GUARD_DELAY_MS, 0, guard_begin, v))
		return err_sys(err, -errno, "cannot watch the guard");
	v->watch_fd = net_watch_open(err);
	if (v->watch_fd < 0)
		return v->watch_fd;
	if (!loop_add_fd(v->loop, v->watch_fd, EPOLLIN, on_rules_changed, v))
		return err_sys(err, -errno, "cannot watch the host's nftables");
	/* What happened between the rules and the watch. */
	if (net_base_ensure(v->net, err) < 0)
		return err->code;
	return net_port_rules_ensure(v->net, &v->port, err) < 0 ? err->code : 0;
}
