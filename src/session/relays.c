/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "session/relays.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/strv.h"

#define FILE_NAME "relays.json"
#define FILE_MAX (256 * 1024)
#define LISTEN_BACKLOG 128
#define AGENT_INSIDE "/tmp/ssh-agent.sock" /* where coi 0.9 had it */
#define PATH_BYTES 4096

void relay_items_done(struct relay_items *r) {
	for (size_t i = 0; i < r->count; i++) {
		free(r->items[i].name);
		free(r->items[i].env);
		free(r->items[i].listen);
		free(r->items[i].path);
		free(r->items[i].inside);
	}
	free(r->items);
	free(r->person);
	*r = (struct relay_items){ 0 };
}

/* A copy of all texts, NULL as "". */
static void add(struct relay_items *r, const struct relay_item *item) {
	struct relay_item *to;

	r->items = xreallocarray(r->items, r->count + 1, sizeof(*r->items));
	to = &r->items[r->count++];
	*to = *item;
	to->name = xstrdup(item->name ? item->name : "");
	to->env = xstrdup(item->env ? item->env : "");
	to->listen = xstrdup(item->listen ? item->listen : "");
	to->path = xstrdup(item->path ? item->path : "");
	to->inside = xstrdup(item->inside ? item->inside : "");
}

/* --- ports */

/* 20000 + hash·100 + (slot - 1)·10; 0 for a slot that has no ports. Pure. */
static int relays_first_auto(const char *workspace, int slot) {
	char hex[HASH_HEX_SIZE];
	int block;

	if (!*workspace || slot < 1 || slot > RELAYS_AUTO_SLOTS)
		return 0;
	hash_hex(workspace, strlen(workspace), hex);
	hex[4] = '\0';
	block = (int)(strtoul(hex, NULL, 16) % RELAYS_AUTO_BLOCKS);
	return RELAYS_AUTO_FIRST +
	       (block * RELAYS_AUTO_SLOTS + slot - 1) * RELAYS_AUTO_EACH;
}

int relays_listen(const char *address, int port) {
	struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port) };
	bool is4 = inet_pton(AF_INET, address, &v4.sin_addr) == 1;
	autoclose int fd = -1;
	int one = 1;

	if (!is4 && inet_pton(AF_INET6, address, &v6.sin6_addr) != 1)
		return -EINVAL;
	fd = socket(is4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0 ||
	    (!is4 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one)) < 0))
		return -errno;
	if ((is4 ? bind(fd, (struct sockaddr *)&v4, sizeof(v4))
		 : bind(fd, (struct sockaddr *)&v6, sizeof(v6))) < 0 ||
	    listen(fd, LISTEN_BACKLOG) < 0)
		return -errno;
	return steal_fd(&fd);
}

/* COI_PORT_<NAME>: capitals and digits, '_' for the rest. */
static char *port_variable(const char *name) {
	char *env = xasprintf("COI_PORT_%s", name);

	for (char *p = env; *p; p++)
		*p = isascii((unsigned char)*p) && isalnum((unsigned char)*p)
			     ? (char)toupper((unsigned char)*p)
			     : '_';
	return env;
}

static int add_port(struct relay_items *r, const struct setting_port *p, struct err *err) {
	autofree char *env = port_variable(p->name);
	autoclose int probe = -1;

	for (size_t i = 0; i < r->count; i++)
		if (!strcmp(r->items[i].env, env))
			return err_set(err, ERR_CONFIG, -EEXIST,
				       "[[ports.map]]: '%s' and '%s' are both %s: rename one",
				       r->items[i].name, p->name, env);
	/* Known before anything is made. */
	probe = p->host ? relays_listen(p->listen, p->host) : -1;
	if (p->host && probe < 0) {
		(void)err_sys(err, probe, "cannot listen on port %d of %s for '%s'", p->host,
			      p->listen, p->name);
		return err_hint(err, "choose another 'host' in [[ports.map]], or leave it out");
	}
	add(r, &(struct relay_item){ .kind = RELAY_PORT, .name = p->name, .env = env,
				     .listen = p->listen, .host = p->host,
				     .container = p->container });
	return 0;
}

static int add_ports(const struct session *s, const struct container *c, struct relay_items *r,
		     struct err *err) {
	const struct settings *set = s->settings;
	int autos = set->ports.pool;

	for (size_t i = 0; i < set->ports.map.count; i++)
		autos += set->ports.map.items[i].host == 0;
	r->first_auto = relays_first_auto(c->workspace, c->slot);
	if (autos && !r->first_auto) {
		(void)err_set(err, ERR_CONFIG, -EINVAL,
			      "[ports]: ports are chosen for the slots 1 to %d of a workspace",
			      RELAYS_AUTO_SLOTS);
		return err_hint(err, "give each one its 'host' in [[ports.map]], or use such a slot");
	}
	if (autos > RELAYS_AUTO_EACH) {
		(void)err_set(err, ERR_CONFIG, -E2BIG,
			      "[ports]: %d ports are to be chosen, and %d can be", autos,
			      RELAYS_AUTO_EACH);
		return err_hint(err, "give the others their 'host' in [[ports.map]]");
	}
	for (int i = 0; i < set->ports.pool; i++)
		add(r, &(struct relay_item){ .kind = RELAY_PORT, .listen = (char *)"127.0.0.1" });
	for (size_t i = 0; i < set->ports.map.count; i++) {
		int n = add_port(r, &set->ports.map.items[i], err);

		if (n < 0)
			return n;
	}
	return 0;
}

/* --- sockets */

/*
 * The path of what is there, as the person sees it and without links: what it
 * leads to is decided once. -ENOTSOCK for what is none.
 */
static int socket_path(const struct session *s, const char *host, int host_fd, char **ret) {
	autoclose int own = -1;
	char link[32], path[PATH_BYTES];
	int fd = host_fd, r = 0;
	struct stat st;
	ssize_t n;

	if (fd < 0) {
		privilege_person_begin(s->who);
		own = open(host, O_PATH | O_CLOEXEC);
		r = own < 0 ? -errno : 0;
		privilege_person_end(s->who);
		fd = own;
	}
	if (r < 0 || fstat(fd, &st) < 0)
		return r < 0 ? r : -errno;
	if (!S_ISSOCK(st.st_mode))
		return -ENOTSOCK;
	n = readlink(fd_proc_path(fd, link), path, sizeof(path) - 1);
	if (n <= 0 || path[0] != '/')
		return n < 0 ? -errno : -ENOENT;
	path[n] = '\0';
	*ret = xstrdup(path);
	return 0;
}

static void tell_missing(const struct session *s, const char *what, const char *host, int r) {
	session_say(s, "Warning: %s '%s' is not forwarded: %s", what, host,
		    r == -ENOTSOCK ? "it is no socket" : strerror(-r));
}

static void add_agent(const struct session *s, struct relay_items *r) {
	const char *host = getenv("SSH_AUTH_SOCK");
	autofree char *path = NULL;
	int n;

	if (!s->settings->ssh.forward_agent)
		return;
	if (!host || !*host) {
		session_say(s, "Warning: there is no SSH agent to forward: SSH_AUTH_SOCK is not set%s",
			    s->who->via_sudo ? " (sudo --preserve-env=SSH_AUTH_SOCK keeps it)" : "");
		return;
	}
	n = socket_path(s, host, -1, &path);
	if (n < 0) {
		tell_missing(s, "the SSH agent", host, n);
		return;
	}
	add(r, &(struct relay_item){ .kind = RELAY_SOCKET, .name = (char *)RELAYS_AGENT_NAME,
				     .env = (char *)"SSH_AUTH_SOCK", .path = path,
				     .inside = (char *)AGENT_INSIDE });
}

static int add_sockets(const struct session *s, struct relay_items *r, struct err *err) {
	const struct setting_sockets *all = &s->settings->sockets;

	add_agent(s, r);
	for (size_t i = 0; i < all->count; i++) {
		const struct setting_socket *from = &all->items[i];
		autofree char *path = NULL, *name = xasprintf("%zu", i);
		int n = -ENOENT;

		if (path_is_below(from->container, RELAYS_SOCKETS_INSIDE) ||
		    path_is_below(RELAYS_SOCKETS_INSIDE, from->container))
			return err_set(err, ERR_CONFIG, -EINVAL,
				       "[[sockets]]: '%s' is where coi has its own",
				       from->container);
		/* What an untrusted file names is what was judged, or nothing. */
		if (from->host_fd >= 0 || from->source.is_trusted)
			n = socket_path(s, from->host, from->host_fd, &path);
		if (n < 0) {
			tell_missing(s, "the socket", from->host, n);
			continue;
		}
		add(r, &(struct relay_item){ .kind = RELAY_SOCKET, .name = name, .env = from->env,
					     .path = path, .inside = from->container });
	}
	return 0;
}

int relays_from_settings(const struct session *s, const struct container *c,
			 struct relay_items *ret, struct err *err) {
	struct relay_items all = { .uid = s->who->uid,
				   .gid = s->who->gid,
				   .person = xstrdup(s->who->user) };
	bool wanted = c->kind == KIND_RUN || c->kind == KIND_SHELL;
	int r = wanted ? add_ports(s, c, &all, err) : 0;

	if (r == 0 && wanted)
		r = add_sockets(s, &all, err);
	if (r == 0 && all.count > RELAY_TARGETS_MAX)
		r = err_set(err, ERR_CONFIG, -E2BIG, "there are more than %d ports and sockets",
			    RELAY_TARGETS_MAX);
	if (r < 0)
		relay_items_done(&all);
	*ret = all;
	return r;
}

/* --- on disk */

json_t *relays_to_json(const struct relay_items *r) {
	json_t *all = json_array();

	for (size_t i = 0; i < r->count; i++) {
		const struct relay_item *t = &r->items[i];

		json_array_append_new(all, json_pack("{s:s, s:s, s:s, s:s, s:i, s:i, s:o, s:s}",
						     "kind", t->kind == RELAY_PORT ? "port" : "socket",
						     "name", t->name, "env", t->env, "listen",
						     t->listen, "host", t->host, "container",
						     t->container, "path", json_text(t->path),
						     "inside", t->inside));
	}
	return json_pack("{s:i, s:I, s:I, s:s, s:o}", "first_auto", r->first_auto, "uid",
			 (json_int_t)r->uid, "gid", (json_int_t)r->gid, "person",
			 r->person ? r->person : "", "items", all);
}

void relays_from_json(const json_t *j, struct relay_items *ret) {
	const json_t *all = json_object_get(j, "items");
	struct relay_items r = { .first_auto = (int)json_get_int(j, "first_auto", 0),
				 .uid = (uid_t)json_get_int(j, "uid", 65534),
				 .gid = (gid_t)json_get_int(j, "gid", 65534),
				 .person = xstrdup(json_get_str(j, "person", "")) };

	for (size_t i = 0; i < json_array_size(all) && r.count < RELAY_TARGETS_MAX; i++) {
		const json_t *t = json_array_get(all, i);
		bool is_port = !strcmp(json_get_str(t, "kind", ""), "port");

		add(&r, &(struct relay_item){
				.kind = is_port ? RELAY_PORT : RELAY_SOCKET,
				.name = (char *)json_get_str(t, "name", ""),
				.env = (char *)json_get_str(t, "env", ""),
				.listen = (char *)json_get_str(t, "listen", ""),
				.host = (int)json_get_int(t, "host", 0),
				.container = (int)json_get_int(t, "container", 0),
				.path = (char *)json_get_str(t, "path", ""),
				.inside = (char *)json_get_str(t, "inside", "") });
	}
	*ret = r;
}

int relays_store(const struct session *s, const char *name, const struct relay_items *r) {
	auto_json json_t *j = relays_to_json(r);

	return container_run_put(s, name, FILE_NAME, j);
}

int relays_load(const struct session *s, const char *name, struct relay_items *ret) {
	auto_json json_t *j = NULL;
	int r = container_run_get(s, name, FILE_NAME, FILE_MAX, &j);

	*ret = (struct relay_items){ 0 };
	if (r > 0)
		relays_from_json(j, ret);
	return r < 0 ? r : 0;
}

/* --- what people and programs see of them */

void relays_environment(const struct session *s, const struct container *c, char ***env) {
	autostrv char **pool = NULL;
	struct relay_items all;

	if (relays_load(s, c->name, &all) < 0)
		return;
	for (size_t i = 0; i < all.count; i++) {
		const struct relay_item *t = &all.items[i];
		autofree char *number = xasprintf("%d", t->host);
		autofree char *place = strcmp(t->name, RELAYS_AGENT_NAME) != 0
					       ? xstrdup(t->inside)
					       : xasprintf(RELAYS_SOCKETS_INSIDE "/%s", t->name);

		if (t->kind == RELAY_PORT && !*t->name)
			strv_add(&pool, number);
		else if (*t->env)
			env_set(env, t->env, t->kind == RELAY_PORT ? number : place);
	}
	if (pool) {
		autofree char *text = strv_join(pool, " ");

		env_set(env, "COI_PORTS", text);
	}
	relay_items_done(&all);
}

char **relays_port_texts(const struct session *s, const struct container *c) {
	struct relay_items all;
	char **texts = NULL;

	if (relays_load(s, c->name, &all) < 0)
		return NULL;
	for (size_t i = 0; i < all.count; i++) {
		const struct relay_item *t = &all.items[i];
		bool is_local = !strcmp(t->listen, "127.0.0.1");

		if (t->kind != RELAY_PORT)
			continue;
		if (!*t->name)
			strv_addf(&texts, "%d", t->host);
		else
			strv_addf(&texts, "%s:%s%s%d->%d", t->name, is_local ? "" : t->listen,
				  is_local ? "" : ":", t->host, t->container);
	}
	relay_items_done(&all);
	return texts;
}
