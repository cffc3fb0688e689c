/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "session/network.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/msg.h"
#include "base/strv.h"
#include "session/session.h"
#include "session/spawn.h"

#define FILE_NAME "network.json"
#define FILE_MAX (256 * 1024)

int network_ports_parse(char *const *list, struct net_policy *p, struct err *err) {
	autofree char *text = list && list[0] ? strv_join((char **)list, ",") : NULL;
	struct net_ports ports = { 0 };
	int r = text ? net_ports_parse(text, text, &ports, err) : 0;

	if (r < 0)
		return r;
	p->ports = ports;
	/* All of them is the same as no list. */
	p->is_capped = ports.count > 0;
	return 0;
}

bool network_leaves_ports(const json_t *answer, const char *ports) {
	autostrv char **capped = json_get_strv(answer, "allowed_ports");
	struct net_policy p = net_policy_default();
	struct net_ports own = { 0 };
	struct err ignored;

	if (network_ports_parse(capped, &p, &ignored) < 0 || !p.is_capped || !ports)
		return true;
	return net_ports_parse(ports, ports, &own, &ignored) < 0 || net_ports_overlap(&own, &p.ports);
}

/* One for each address with its ports. */
json_t *network_hosts_to_json(const struct net_hosts *h) {
	json_t *all = json_array();

	for (size_t i = 0; h && i < h->open.count; i++) {
		const struct net_entry *e = &h->open.entries[i];
		autofree char *text = net_entry_text(&h->open, e);
		char *colon = strchr(text, ':');
		autostrv char **ports = colon ? strv_split(colon + 1, ",") : NULL;
		json_t *names = json_array();

		if (colon)
			*colon = '\0';
		for (size_t k = 0; k < h->count; k++)
			if (h->names[k].address == e->cidr.address)
				json_array_append_new(names, json_string(h->names[k].name));
		json_array_append_new(all, json_pack("{s:s, s:o, s:o}", "ip", text, "hostnames",
						     names, "ports",
						     ports ? json_from_strv(ports) : json_array()));
	}
	return all;
}

char *network_hosts_lines(const json_t *hosts) {
	struct buf out;

	buf_init(&out, 2 * NET_HOSTS_TEXT_MAX);
	for (size_t i = 0; i < json_array_size(hosts); i++) {
		const json_t *one = json_array_get(hosts, i);
		const char *ip = json_get_str(one, "ip", "");
		autostrv char **names = json_get_strv(one, "hostnames");
		autofree char *text = strv_join(names, " ");
		bool again = false;

		/* One address may be open with several lists of ports, and has all names each time. */
		for (size_t k = 0; k < i; k++)
			again |= !strcmp(json_get_str(json_array_get(hosts, k), "ip", ""), ip);
		if (!again && names)
			buf_addf(&out, "%s\t%s\n", ip, text);
	}
	return buf_steal(&out);
}

static int hosts_from_json(const json_t *list, struct net_hosts *ret, struct err *err) {
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *one = json_array_get(list, i);
		autostrv char **names = json_get_strv(one, "hostnames");
		autostrv char **ports = json_get_strv(one, "ports");
		int r = net_hosts_add(ret, json_get_str(one, "ip", ""), names, ports, err);

		if (r < 0)
			return r;
	}
	return 0;
}

json_t *network_policy_to_json(const struct net_policy *p) {
	autostrv char **texts = net_allowed_texts(p->allowed), **ports = NULL;
	json_t *servers = json_array();
	char capped[NET_PORTS_TEXT];

	if (p->is_capped)
		ports = strv_split(net_ports_text(&p->ports, capped), ",");
	for (size_t i = 0; i < p->dns_count; i++) {
		const struct net_cidr c = { p->dns_servers[i], 32 };
		char text[NET_CIDR_TEXT];

		json_array_append_new(servers, json_string(net_cidr_text(&c, text)));
	}
	return json_pack("{s:s, s:b, s:b, s:b, s:I, s:o, s:o, s:o, s:o}", "mode",
			 net_mode_to_string(p->mode), "block_private", p->block_private,
			 "block_metadata", p->block_metadata, "allow_local_network",
			 p->allow_local_network, "refresh_s", (json_int_t)p->refresh_s, "allowed",
			 texts ? json_from_strv(texts) : json_array(), "hosts",
			 network_hosts_to_json(p->hosts), "dns_servers", servers, "allowed_ports",
			 ports ? json_from_strv(ports) : json_array());
}

static void servers_from_json(const json_t *list, struct net_policy *p) {
	for (size_t i = 0; i < json_array_size(list) && i < NET_DNS_SERVERS_MAX; i++) {
		const char *text = json_string_value(json_array_get(list, i));
		struct net_cidr c;

		if (text && net_cidr_parse(text, &c) == 0)
			p->dns_servers[p->dns_count++] = c.address;
	}
}

int network_policy_from_json(const json_t *j, struct net_policy *p, struct net_allowed *allowed,
			     struct net_hosts *hosts, struct err *err) {
	autostrv char **texts = json_get_strv(j, "allowed");
	autostrv char **ports = json_get_strv(j, "allowed_ports");
	int mode = net_mode_from_string(json_get_str(j, "mode", ""));
	int r;

	if (mode < 0)
		return err_set(err, ERR_BUG, -EBADMSG, "a network policy without a mode");
	r = net_allowed_parse(allowed, texts, err);
	if (r < 0)
		return r;
	*p = (struct net_policy){
		.mode = (enum net_mode)mode,
		.block_private = json_get_bool(j, "block_private", true),
		.block_metadata = json_get_bool(j, "block_metadata", true),
		.allow_local_network = json_get_bool(j, "allow_local_network", false),
		.refresh_s = (uint32_t)json_get_int(j, "refresh_s", 0),
		.allowed = allowed,
		.hosts = hosts,
		.ask_ahead = true,
	};
	servers_from_json(json_object_get(j, "dns_servers"), p);
	r = network_ports_parse(ports, p, err);
	if (r < 0)
		return r;
	return hosts_from_json(json_object_get(j, "hosts"), hosts, err);
}

int network_store(const struct session *s, const char *name, const struct net_policy *p,
		  const char *log_path) {
	auto_json json_t *j = network_policy_to_json(p);

	if (j && log_path)
		json_object_set_new(j, "log", json_text(log_path));
	return container_run_put(s, name, FILE_NAME, j);
}

int network_load(const struct session *s, const char *name, struct net_policy *p,
		 struct net_allowed *allowed, struct net_hosts *hosts, char **log_path,
		 struct err *err) {
	auto_json json_t *j = NULL;
	int r = container_run_get(s, name, FILE_NAME, FILE_MAX, &j);

	if (r == 0)
		return 0;
	if (r < 0)
		return err_sys(err, r, "cannot read the network policy of '%s'", name);
	r = network_policy_from_json(j, p, allowed, hosts, err);
	if (r == 0 && log_path && json_get_str(j, "log", NULL))
		*log_path = xstrdup(json_get_str(j, "log", ""));
	return r < 0 ? err_wrap(err, "reading the network policy of '%s'", name) : 1;
}

int network_ask(struct session *s, const struct container *c, json_t *body, json_t **ret,
		struct err *err) {
	return spawn_ask(s, c, "network", body, -1, ret, err);
}
