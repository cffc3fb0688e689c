/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Ports and sockets of a container: from the settings, to the supervisor, and on
 * disk. While it runs, relays.json in its run directory has those that are there;
 * variables, lists and a supervisor that takes over read it.
 */
#ifndef COI_SESSION_RELAYS_H
#define COI_SESSION_RELAYS_H

#include <jansson.h>
#include <stdbool.h>

#include "relay/relay.h"
#include "session/container.h"

#define RELAYS_SOCKETS_DIR "sockets" /* in the run directory; bound read-only … */
#define RELAYS_SOCKETS_INSIDE "/run/coi/sockets"
#define RELAYS_AGENT_NAME "ssh-agent"

#define RELAYS_AUTO_FIRST 20000
#define RELAYS_AUTO_BLOCKS 400 /* of 100 ports, one for a workspace */
#define RELAYS_AUTO_SLOTS 10   /* of ten ports each */
#define RELAYS_AUTO_EACH 10

struct relay_item {
	enum relay_kind kind;
	char *name;   /* of [[ports.map]], "" for one of the pool; file of the socket */
	char *env;    /* its variable, "" for none (the pool has COI_PORTS) */
	/* Ports. */
	char *listen; /* address of the host */
	int host;     /* 0: chosen when it is opened */
	int container; /* 0: the host's number */
	/* Sockets. */
	char *path;   /* on the host, without symbolic links */
	char *inside; /* where it is wanted in the container, a link to the socket; "": nowhere */
};
struct relay_items {
	struct relay_item *items;
	size_t count;
	int first_auto; /* where ports are chosen from; 0: none can be */
	uid_t uid;      /* as whom sockets of the host are used */
	gid_t gid;
	char *person;   /* NULL when there are no items */
};
void relay_items_done(struct relay_items *r);

/*
 * What the settings want of @c. Sockets that are not there are left out and told
 * by session_say(). ERR_CONFIG: too many, two of one name, no slot to choose
 * ports for; ERR_CONFLICT: a port that was asked for by number is in use.
 */
int relays_from_settings(const struct session *s, const struct container *c,
			 struct relay_items *ret, struct err *err);

/* A listening TCP socket, non-blocking; -EADDRINUSE and the like. */
int relays_listen(const char *address, int port);

/* As an object, a new reference; and back. */
json_t *relays_to_json(const struct relay_items *r);
/* What cannot be read is left out. */
void relays_from_json(const json_t *j, struct relay_items *ret);
/* 0 or -errno. Loading where there are none gives none. */
int relays_store(const struct session *s, const char *name, const struct relay_items *r);
int relays_load(const struct session *s, const char *name, struct relay_items *ret);

/* COI_PORTS, COI_PORT_<NAME>, and the variables of sockets. */
void relays_environment(const struct session *s, const struct container *c, char ***env);
/* "20000", "web:8080->3000", "web:0.0.0.0:8080->3000"; newly allocated. */
char **relays_port_texts(const struct session *s, const struct container *c);

#endif
