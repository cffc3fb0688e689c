/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the settings say of the network, judged before anything is started. */
#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "base/strv.h"
#include "config/domain-sets.h"
#include "image/image.h"
#include "session/network.h"
#include "session/session.h"

/* An image that has been deleted while its layers are in use tells nothing any more. */
static int registries_of(const struct session *s, const struct container *c, char ***ret,
			 struct err *err) {
	auto_image_info struct image_info *image = NULL;
	int r = image_find(s->layout, c->fingerprint, &image, err);

	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return r;
	strv_add_all(ret, image->registries);
	return 0;
}

static int no_such_set(const struct session *s, const char *name, struct err *err) {
	autostrv char **own = domain_set_names(s->settings);
	autofree char *all = strv_join(own, ", ");

	(void)err_set(err, ERR_CONFIG, -ENOENT, "there is no set of names '%.100s'", name);
	return err_hint(err, "There are @registries, @providers%s%s; [network.domain_sets] of a "
			     "trusted settings file defines others", own ? ", " : "", all);
}

static int expand(const struct session *s, const struct container *c, char *const *entries,
		  unsigned depth, char ***ret, struct err *err);

static int expand_set(const struct session *s, const struct container *c, const char *name,
		      unsigned depth, char ***ret, struct err *err) {
	autostrv char **members = NULL;

	if (!strcmp(name, "@providers")) {
		strv_add_all(ret, (char *const *)net_providers);
		return 0;
	}
	if (!strcmp(name, "@registries"))
		return registries_of(s, c, ret, err);
	if (!domain_set_members(s->settings, name, &members))
		return no_such_set(s, name, err);
	if (depth >= DOMAIN_SETS_DEPTH)
		return err_set(err, ERR_CONFIG, -ELOOP, "network.domain_sets: '%.100s' is in a set "
			       "that it has itself, or more than %d deep", name, DOMAIN_SETS_DEPTH);
	return expand(s, c, members, depth + 1, ret, err);
}

static int expand(const struct session *s, const struct container *c, char *const *entries,
		  unsigned depth, char ***ret, struct err *err) {
	for (size_t i = 0; entries && entries[i]; i++) {
		size_t before = strv_len(*ret);
		int r;

		if (entries[i][0] != '@') {
			strv_add(ret, entries[i]);
			continue;
		}
		r = expand_set(s, c, entries[i], depth, ret, err);
		if (r < 0)
			return r;
		if (strv_len(*ret) > before)
			continue;
		if (!strcmp(entries[i], "@registries"))
			session_say(s, "Note: the image of '%s' names no registries, so '%s' allows "
				       "nothing", c->name, entries[i]);
		else
			session_say(s, "Note: the set '%s' is empty and allows nothing", entries[i]);
	}
	return 0;
}

int network_expand(const struct session *s, const struct container *c, char *const *entries,
		   char ***ret, struct err *err) {
	autostrv char **all = NULL;
	char **given;
	int r = expand(s, c, entries, 0, &all, err);

	if (r < 0)
		return r;
	given = *ret;
	*ret = steal_ptr(all);
	strv_free(given);
	return 0;
}

int network_allowed(const struct session *s, const struct container *c, struct net_allowed *ret,
		    struct err *err) {
	const struct settings *set = s->settings;
	struct session silent = *s;
	autostrv char **all = NULL;
	int r;

	/* In the other modes the list waits for `coi network mode`. */
	if (set->network.mode != MODE_ALLOWLIST)
		silent.say = NULL;
	r = network_expand(&silent, c, set->network.allowed_domains, &all, err);
	if (r == 0)
		r = net_allowed_parse(ret, all, err);
	return r < 0 ? err_wrap(err, "network.allowed_domains") : 0;
}

int network_hosts(const struct settings *set, struct net_hosts *ret, struct err *err) {
	for (size_t i = 0; i < set->network.hosts.count; i++) {
		const struct setting_host *h = &set->network.hosts.items[i];
		int r = net_hosts_add(ret, h->ip, h->hostnames, h->ports, err);

		if (r < 0)
			return err_wrap(err, "network.hosts");
	}
	return 0;
}

int network_dns_servers(const struct settings *set, struct net_policy *p, struct err *err) {
	char *const *list = set->network.dns_servers;

	p->dns_count = 0;
	for (size_t i = 0; list && list[i]; i++) {
		struct net_cidr c;

		if (i == NET_DNS_SERVERS_MAX)
			return err_set(err, ERR_CONFIG, -E2BIG,
				       "network.dns_servers: more than %d are not asked",
				       NET_DNS_SERVERS_MAX);
		if (net_cidr_parse(list[i], &c) < 0 || c.bits != 32)
			return err_set(err, ERR_CONFIG, -EINVAL,
				       "network.dns_servers: '%.100s' is no IPv4 address", list[i]);
		p->dns_servers[p->dns_count++] = c.address;
	}
	return net_policy_check(p, err);
}

/* What somebody has listed with ports of which none is left. */
static void say_capped(const struct session *s, const struct net_policy *p,
		       const struct net_allowed *a, const char *key) {
	for (size_t i = 0; a && p->is_capped && i < a->count; i++) {
		const struct net_ports *own = &a->ports[a->entries[i].ports];
		autofree char *text = NULL;

		if (!own->count || net_ports_overlap(own, &p->ports))
			continue;
		text = net_entry_text(a, &a->entries[i]);
		session_say(s, "Note: '%s' in %s stays closed: network.allowed_ports has none of "
			       "its ports", text, key);
	}
}

int network_ports(const struct session *s, struct net_policy *p, struct err *err) {
	int r = network_ports_parse(s->settings->network.allowed_ports, p, err);

	if (r < 0)
		return err_wrap(err, "network.allowed_ports");
	if (p->mode == NET_ALLOWLIST)
		say_capped(s, p, p->allowed, "network.allowed_domains");
	say_capped(s, p, p->hosts ? &p->hosts->open : NULL, "network.hosts");
	return 0;
}
