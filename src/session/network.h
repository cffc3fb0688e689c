/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a container may reach: from the settings, to the supervisor, and on disk.
 * While it runs its supervisor has the last word; network.json in the
 * container's run directory is for the one that takes over from it.
 */
#ifndef COI_SESSION_NETWORK_H
#define COI_SESSION_NETWORK_H

#include <jansson.h>

#include "net/allowed.h"
#include "net/hosts.h"
#include "net/policy.h"
#include "session/container.h"

#define NETWORK_DENIED_INSIDE "/run/coi/denied"
#define NETWORK_DENIED_FILE "denied" /* in the run directory */

/*
 * [network] allowed_domains in *@ret, with sets as what they have: "@registries" (those
 * that the image of @c was built from), "@providers", and those of domain_sets.
 * ERR_CONFIG names the key. A set that is empty is told by session_say() in mode allowlist.
 */
int network_allowed(const struct session *s, const struct container *c, struct net_allowed *ret,
		    struct err *err);
/* The same for what people say on a command line: newly allocated in *@ret. */
int network_expand(const struct session *s, const struct container *c, char *const *entries,
		   char ***ret, struct err *err);

/*
 * [[network.hosts]] into *@ret; dns_servers, which must suit the mode; allowed_ports, with
 * a note by session_say() for what is listed elsewhere and closed by them. ERR_CONFIG: the key.
 */
int network_hosts(const struct settings *set, struct net_hosts *ret, struct err *err);
int network_dns_servers(const struct settings *set, struct net_policy *p, struct err *err);
int network_ports(const struct session *s, struct net_policy *p, struct err *err);
/* The ports of @list (texts; NULL or empty: all) into @p. */
int network_ports_parse(char *const *list, struct net_policy *p, struct err *err);
/*
 * By a supervisor's answer (network_ask): do the ports that it keeps to leave one of
 * @ports (as behind the colon of an entry; NULL: all)?
 */
bool network_leaves_ports(const json_t *answer, const char *ports);
/* A list of {"ip", "hostnames", "ports"}; @h may be NULL. */
json_t *network_hosts_to_json(const struct net_hosts *h);
/* The same list as lines of hosts(5), newly allocated; "" for none. */
char *network_hosts_lines(const json_t *hosts);

/* A policy with its lists, as an object; and back: @allowed and @hosts are then borrowed by it. */
json_t *network_policy_to_json(const struct net_policy *p);
int network_policy_from_json(const json_t *j, struct net_policy *p, struct net_allowed *allowed,
			     struct net_hosts *hosts, struct err *err);
/*
 * Keep it for a supervisor to come, with the path of the network log (NULL: none):
 * 0 or -errno. And read it: 1, or 0 when there is none.
 */
int network_store(const struct session *s, const char *name, const struct net_policy *p,
		  const char *log_path);
int network_load(const struct session *s, const char *name, struct net_policy *p,
		 struct net_allowed *allowed, struct net_hosts *hosts, char **log_path,
		 struct err *err);

/*
 * Ask the supervisor of a running container: @body has "op" (show, allow, deny,
 * mode, ports) and, for those, "entries", "mode" or "ports". *@ret is its answer, a new
 * reference: what network_policy_to_json() says, "changed" (how many entries),
 * "learnt" (list of name, addresses) and "nowhere" (list of name, why: listed names that
 * lead to no address), both with "…_more": how many had no room. ERR_CONFLICT when it has no network.
 */
int network_ask(struct session *s, const struct container *c, json_t *body, json_t **ret,
		struct err *err);

#endif
