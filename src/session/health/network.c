/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The way out, our own part of it, and what others do beside us. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "net/net.h"
#include "session/health/checks.h"
#include "session/health/verdict.h"

#define FORWARD "/proc/sys/net/ipv4/ip_forward"
#define FILE_MAX 65536

static void look_bridge(const struct health_subject *s, struct health_result *ret) {
	auto_net_base struct net_base *base = NULL;
	struct net_look look = { 0 };
	struct err err = { 0 };
	char gateway[INET_ADDRSTRLEN];
	struct in_addr a;

	if (health_needs_session(s, ret))
		return;
	if (net_base_open(s->session->layout, &base, &err) < 0 ||
	    net_base_look(base, &look, &err) < 0) {
		health_from_err(ret, HEALTH_FAILED, &err);
		return;
	}
	a.s_addr = htonl(base->gateway);
	(void)inet_ntop(AF_INET, &a, gateway, sizeof(gateway));
	verdict_bridge(base->bridge, gateway, &look, ret);
}

static int mend_bridge(const struct health_subject *s, bool dry_run, char **ret_done,
		       struct err *err) {
	auto_net_base struct net_base *base = NULL;
	int r = s->session ? net_base_open(s->session->layout, &base, err) :
			     err_set(err, ERR_PERMISSION, -EPERM, "needs root");

	if (r == 0 && !dry_run)
		r = net_base_ensure(base, err);
	if (r < 0)
		return r;
	*ret_done = xstrdup("the rules of the bridge put back");
	return 0;
}

static void look_forwarding(const struct health_subject *s, struct health_result *ret) {
	long long on = health_number(FORWARD);

	if (on == 1)
		health_ok(ret, "on");
	else if (access(FORWARD, W_OK) == 0)
		health_ok(ret, "off, and switched on while containers run");
	else if (!s->who->is_root)
		health_skip(ret, "needs root");
	else
		health_fail(ret, "off, and '%s' cannot be written", FORWARD);
	if (ret->status == HEALTH_FAILED)
		health_remedy(ret, "sysctl -w net.ipv4.ip_forward=1");
}

static void look_nft(const struct health_subject *s, struct health_result *ret) {
	auto_net_base struct net_base *base = NULL;
	struct net_look look = { 0 };
	struct err err = { 0 };

	if (health_needs_session(s, ret))
		return;
	/* The range is another row's. */
	if (net_base_open(s->session->layout, &base, &err) < 0 ||
	    (net_base_look(base, &look, &err) < 0 && err.kind != ERR_CONFLICT)) {
		health_from_err(ret, HEALTH_FAILED, &err);
		if (err.code == -EPERM)
			health_remedy(ret, "run coi as root of the machine, with CAP_NET_ADMIN");
		else
			health_remedy(ret, "use a kernel that was built with CONFIG_NF_TABLES");
		return;
	}
	health_ok(ret, "nftables answers");
}

static void look_forward_rules(const struct health_subject *s, struct health_result *ret) {
	auto_net_base struct net_base *base = NULL;
	struct net_look look = { 0 };

	if (health_needs_session(s, ret))
		return;
	if (net_base_open(s->session->layout, &base, NULL) < 0 ||
	    net_base_look(base, &look, NULL) < 0) {
		health_skip(ret, "see the rows above");
		return;
	}
	verdict_forward_rules(base->bridge, &look, ret);
}

/* Keys of coi 0.9: what stood in its way does not in ours. */
static void look_docker(const struct health_subject *s, struct health_result *ret) {
	health_ok(ret, "%s", access("/run/docker.sock", F_OK) == 0 ?
				     "docker runs; its policy is passed (see Bridge forward)" :
				     "no docker");
}

static void look_ufw(const struct health_subject *s, struct health_result *ret) {
	autobuf struct buf b = { 0 };
	bool on = file_read_at(AT_FDCWD, "/etc/ufw/ufw.conf", FILE_MAX, &b) == 0 &&
		  strstr(b.data, "ENABLED=yes");

	health_ok(ret, "%s", on ? "ufw is active; its policy is passed (see Bridge forward)" :
				  "ufw is not active");
}

/* A route to everywhere: a line of /proc/net/route with destination and mask 0. */
static void look_uplink(const struct health_subject *s, struct health_result *ret) {
	autobuf struct buf b = { 0 };
	char *save = NULL;

	if (file_read_at(AT_FDCWD, "/proc/net/route", 1 << 20, &b) == 0) {
		for (char *line = strtok_r(b.data, "\n", &save); line;
		     line = strtok_r(NULL, "\n", &save)) {
			char *word = NULL, *name = strtok_r(line, "\t", &word);
			const char *destination = strtok_r(NULL, "\t", &word);

			if (!name || !destination || strcmp(destination, "00000000") != 0)
				continue;
			health_ok(ret, "%s", name);
			health_detail(ret, "interface", json_text(name));
			return;
		}
	}
	health_warn(ret, "no default route: containers reach nothing outside");
	health_remedy(ret, "connect this machine to a network");
}

static void look_resolver(const struct health_subject *s, struct health_result *ret) {
	autobuf struct buf b = { 0 };

	if (s->settings->network.dns_servers) {
		health_ok(ret, "network.dns_servers");
		return;
	}
	if (file_read_at(AT_FDCWD, "/etc/resolv.conf", FILE_MAX, &b) == 0 &&
	    (strncmp(b.data, "nameserver", 10) == 0 || strstr(b.data, "\nnameserver"))) {
		health_ok(ret, "/etc/resolv.conf names servers");
		return;
	}
	health_warn(ret, "/etc/resolv.conf names no server: no name is found in containers");
	health_remedy(ret, "set network.dns_servers, or mend /etc/resolv.conf");
}

static void look_conntrack(const struct health_subject *s, struct health_result *ret) {
	verdict_conntrack(health_number("/proc/sys/net/netfilter/nf_conntrack_count"),
			  health_number("/proc/sys/net/netfilter/nf_conntrack_max"), ret);
}

const struct health_check health_network_checks[] = {
	{ "network_bridge", "Network bridge", HEALTH_NETWORKING, look_bridge, mend_bridge },
	{ "ip_forwarding", "IP forwarding", HEALTH_NETWORKING, look_forwarding, NULL },
	{ "nft", "nft firewall", HEALTH_NETWORKING, look_nft, NULL },
	{ "bridge_forward_rules", "Bridge forward", HEALTH_NETWORKING, look_forward_rules, NULL },
	{ "docker_forward_policy", "Docker FORWARD", HEALTH_NETWORKING, look_docker, NULL },
	{ "ufw_conflict", "UFW conflict", HEALTH_NETWORKING, look_ufw, NULL },
	{ "uplink", "Uplink", HEALTH_NETWORKING, look_uplink, NULL },
	{ "name_servers", "Name servers", HEALTH_NETWORKING, look_resolver, NULL },
	{ "conntrack", "Connections", HEALTH_NETWORKING, look_conntrack, NULL },
	{ "container_connectivity", "Container connect", HEALTH_NETWORKING, health_by_trial, NULL },
	{ "network_restriction", "Network restriction", HEALTH_NETWORKING, health_by_trial,
	  mend_bridge },
	{ 0 },
};
