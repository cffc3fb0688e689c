/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "session/network-why.h"

#include <netinet/in.h>
#include <stdlib.h>

#include "base/mem.h"
#include "net/ranges.h"

void network_why_done(struct network_why *w) {
	free(w->remedy);
	*w = (struct network_why){ 0 };
}

static bool has_port(const struct net_denied *d) {
	return d->protocol == IPPROTO_TCP || d->protocol == IPPROTO_UDP;
}

/* The list takes a name with its port; what it leads to is allowed with it. */
static char *allow_command(const char *container, const char *what, uint16_t port) {
	return port ? xasprintf("coi network allow %s %s:%u", container, what, port)
		    : xasprintf("coi network allow %s %s", container, what);
}

/* Private ones are opened by a name of their own, whatever the mode. */
static char *hosts_command(const char *container, const char *address, uint16_t port) {
	autofree char *ports = port ? xasprintf(" --ports %u", port) : xstrdup("");
	autofree char *name = xasprintf("host-%s", address);

	for (char *p = name; *p; p++)
		if (*p == '.')
			*p = '-';
	return xasprintf("coi hosts add %s %s %s%s", container, address, name, ports);
}

/* What there is, and the one that is missing; where that cannot be said, all. */
static char *ports_command(const struct net_policy *p, const char *container,
			   const struct net_denied *d) {
	char now[NET_PORTS_TEXT];
	autofree char *more = xasprintf("%s%s%u", net_ports_text(&p->ports, now),
					p->ports.count ? "," : "", d->port);
	struct net_ports all = { 0 };
	struct err ignored;

	if (!has_port(d) || net_ports_parse(more, more, &all, &ignored) < 0 || !all.count)
		return xasprintf("coi network ports %s all", container);
	return xasprintf("coi network ports %s %s", container, net_ports_text(&all, now));
}

static bool is_capped(const struct net_policy *p, const struct net_denied *d) {
	if (!p->is_capped || d->is_echo)
		return false;
	return !has_port(d) || !d->port || !net_policy_port(p, d->port);
}

void network_why(const struct net_policy *p, const struct net_cidr *range, const char *container,
		 const struct net_denied *d, const char *name, struct network_why *ret) {
	const struct net_cidr c = { d->address, 32 };
	char address[NET_CIDR_TEXT];

	*ret = (struct network_why){ 0 };
	(void)net_cidr_text(&c, address);
	if (d->to_host || net_cidr_contains(range, d->address)) {
		ret->reason = "the host and other containers cannot be reached in any mode";
		return;
	}
	if (p->mode == NET_ALLOWLIST && !has_port(d) && !d->is_echo) {
		ret->reason = "mode allowlist lets TCP, UDP and echo requests through only "
			      "(network.mode)";
		return;
	}
	if (is_capped(p, d)) {
		ret->reason = has_port(d) ? "not one of the ports that may be reached "
					    "(network.allowed_ports)"
					  : "where ports are listed, other protocols than TCP, UDP "
					    "and echo requests are closed (network.allowed_ports)";
		ret->remedy = ports_command(p, container, d);
		return;
	}
	/* A broadcast, or what came in another's name. */
	if (p->mode == NET_OPEN) {
		ret->reason = "the host and other containers cannot be reached in any mode";
		return;
	}
	if (net_is_metadata(d->address))
		ret->reason = "link-local and metadata addresses are closed "
			      "(network.block_metadata_endpoint)";
	else if (net_is_private(d->address))
		ret->reason = "private networks are closed (network.block_private_networks, "
			      "network.allow_local_network_access)";
	else
		ret->reason = "not in the list of allowed names and addresses "
			      "(network.allowed_domains)";
	if (has_port(d) || d->is_echo)
		ret->remedy = p->mode == NET_ALLOWLIST
				      ? allow_command(container, name ? name : address, d->port)
				      : hosts_command(container, address, d->port);
}

void network_why_name(const char *container, const char *name, struct network_why *ret) {
	ret->reason = "not in the list of allowed names (network.allowed_domains)";
	ret->remedy = allow_command(container, name, 0);
}
