/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a command tells the supervisor that it starts: the body of the first
 * message ("plan"), with the descriptors of the binds in the same order.
 *
 * From command to supervisor: plan, then on a lease finish {"keep":bool}.
 * From supervisor to command: warning {"text"}, ready {"timeline"}, error,
 * stopped {}.
 * On the control socket: stop {"timeout_ms","delete","by"} → stopped {} or error;
 * network (see network.h) → network or error; mount, a bind with its descriptor →
 * mounted {} or error.
 */
#ifndef COI_SESSION_WIRE_H
#define COI_SESSION_WIRE_H

#include <jansson.h>
#include <stdbool.h>

#include "base/err.h"
#include "base/privilege.h"
#include "net/allowed.h"
#include "net/hosts.h"
#include "net/policy.h"
#include "runtime/runtime.h"
#include "session/git-setup.h"
#include "session/limits.h"
#include "session/monitoring.h"
#include "session/protect.h"
#include "session/relays.h"

#define WIRE_BINDS_MAX 16

struct wire_plan {
	char *name;   /* of the container, whose record is written */
	char *prefix;
	struct privilege who;
	bool adopt;   /* it runs already and lost its supervisor */
	bool is_new;   /* just created: deleted when it does not start */
	bool is_lease; /* the end of the command is the end of the container */
	int ready_timeout_ms;
	int stop_timeout_ms;
	struct net_policy policy; /* its list is the next one */
	struct net_allowed allowed;
	struct net_hosts hosts; /* and the next */
	char *network_log; /* NULL: none is kept */
	struct monitoring_plan monitoring;
	struct limits_plan limits;
	char *timezone; /* "" when adopted */
	enum surface surface; /* not of an adopted one */
	struct protect_rules protect;
	struct relay_items relays;
	struct git_setup git;
	struct runtime_bind binds[WIRE_BINDS_MAX]; /* source and target are owned */
	size_t bind_count;
	size_t git_bind;   /* the one of the workspace's repository; 0: it has none */
	char *git_own;     /* of this work tree in there (git-pointer.h); or NULL */
	int bind_fds[WIRE_BINDS_MAX]; /* owned by whoever made or read the plan */
};

/* A new reference; the descriptors do not go in. */
json_t *wire_plan_to_json(const struct wire_plan *p);
/* ERR_BUG when it is no plan. All in *@ret is owned; bind_fds are -1. */
int wire_plan_from_json(const json_t *j, struct wire_plan *ret, struct err *err);
/* One bind, without its descriptor; texts are borrowed from @j. */
json_t *wire_bind_to_json(const struct runtime_bind *b);
void wire_bind_from_json(const json_t *j, struct runtime_bind *ret);
/* Closes the descriptors too. */
void wire_plan_done(struct wire_plan *p);
/* Copies @bind, owns @fd. Asserts that there is room: WIRE_BINDS_MAX. */
void wire_add_bind(struct wire_plan *p, const struct runtime_bind *bind, int fd);

#endif
