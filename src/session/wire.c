/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "session/wire.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/json.h"
#include "base/mem.h"
#include "session/network.h"

void wire_add_bind(struct wire_plan *p, const struct runtime_bind *bind, int fd) {
	struct runtime_bind *b = &p->binds[p->bind_count];

	assert(p->bind_count < WIRE_BINDS_MAX);
	*b = *bind;
	b->source = xstrdup(bind->source);
	b->target = xstrdup(bind->target);
	p->bind_fds[p->bind_count++] = fd;
}

void wire_plan_done(struct wire_plan *p) {
	for (size_t i = 0; i < p->bind_count; i++) {
		free((char *)p->binds[i].source);
		free((char *)p->binds[i].target);
		if (p->bind_fds[i] >= 0)
			(void)close(p->bind_fds[i]);
	}
	free(p->name);
	free(p->prefix);
	free(p->network_log);
	free(p->git_own);
	limits_done(&p->limits);
	free(p->timezone);
	net_allowed_done(&p->allowed);
	net_hosts_done(&p->hosts);
	protect_rules_done(&p->protect);
	relay_items_done(&p->relays);
	git_setup_done(&p->git);
	monitoring_done(&p->monitoring);
	free(p->who.user);
	free(p->who.home);
	*p = (struct wire_plan){ 0 };
}

json_t *wire_bind_to_json(const struct runtime_bind *b) {
	return json_pack("{s:o, s:o, s:b, s:b, s:b, s:b, s:i, s:I, s:I}", "source",
			 json_text(b->source), "target", json_text(b->target), "readonly",
			 b->readonly, "strict_target", b->strict_target, "noexec", b->noexec,
			 "hidden", b->hidden, "ids", (int)b->ids, "uid", (json_int_t)b->owner_uid,
			 "gid", (json_int_t)b->owner_gid);
}

json_t *wire_plan_to_json(const struct wire_plan *p) {
	json_t *binds = json_array(), *j;

	for (size_t i = 0; i < p->bind_count; i++)
		json_array_append_new(binds, wire_bind_to_json(&p->binds[i]));
	j = json_pack("{s:o, s:o, s:{s:b, s:b, s:I, s:I, s:o, s:o}, s:b, s:b, s:b, s:i, s:i,"
			 " s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:I, s:o, s:o}",
			 "name", json_text(p->name), "prefix", json_text(p->prefix), "who",
			 "is_root", p->who.is_root, "via_sudo", p->who.via_sudo, "uid",
			 (json_int_t)p->who.uid, "gid", (json_int_t)p->who.gid, "user",
			 json_text(p->who.user), "home", json_text(p->who.home), "adopt", p->adopt,
			 "is_new", p->is_new, "is_lease", p->is_lease, "ready_timeout_ms",
			 p->ready_timeout_ms,
			 "stop_timeout_ms", p->stop_timeout_ms, "policy",
			 network_policy_to_json(&p->policy), "limits", limits_to_json(&p->limits),
			 "timezone", json_text(p->timezone ? p->timezone : ""),
			 "binds", binds, "protect",
			 protect_rules_to_json(&p->protect), "relays",
			 relays_to_json(&p->relays), "network_log",
			 json_text(p->network_log ? p->network_log : ""), "git_bind",
			 (json_int_t)p->git_bind, "git_own",
			 json_text(p->git_own ? p->git_own : ""), "git",
			 git_setup_to_json(&p->git));
	json_object_set_new(j, "monitoring", monitoring_to_json(&p->monitoring));
	json_object_set_new(j, "surface", json_string(surface_to_string(p->surface)));
	return j;
}

void wire_bind_from_json(const json_t *j, struct runtime_bind *ret) {
	*ret = (struct runtime_bind){
		.fd = -1,
		.source = json_get_str(j, "source", ""),
		.target = json_get_str(j, "target", ""),
		.readonly = json_get_bool(j, "readonly", true),
		.strict_target = json_get_bool(j, "strict_target", true),
		.noexec = json_get_bool(j, "noexec", false),
		.hidden = json_get_bool(j, "hidden", false),
		.ids = (enum runtime_bind_ids)json_get_int(j, "ids", RUNTIME_BIND_PLAIN),
		.owner_uid = (uid_t)json_get_int(j, "uid", (uid_t)-1),
		.owner_gid = (gid_t)json_get_int(j, "gid", (gid_t)-1),
	};
}

int wire_plan_from_json(const json_t *j, struct wire_plan *ret, struct err *err) {
	const json_t *who = json_object_get(j, "who"), *binds = json_object_get(j, "binds");
	const json_t *policy = json_object_get(j, "policy");
	struct wire_plan p = { 0 };

	if (!json_get_str(j, "name", NULL) || !who || !policy ||
	    json_array_size(binds) > WIRE_BINDS_MAX)
		return err_set(err, ERR_BUG, -EBADMSG, "the supervisor got a plan it cannot read");
	p.name = xstrdup(json_get_str(j, "name", ""));
	p.prefix = xstrdup(json_get_str(j, "prefix", ""));
	p.who = (struct privilege){
		.is_root = json_get_bool(who, "is_root", false),
		.via_sudo = json_get_bool(who, "via_sudo", false),
		.uid = (uid_t)json_get_int(who, "uid", 0),
		.gid = (gid_t)json_get_int(who, "gid", 0),
		.user = xstrdup(json_get_str(who, "user", "")),
		.home = xstrdup(json_get_str(who, "home", "/")),
	};
	if (*json_get_str(j, "network_log", ""))
		p.network_log = xstrdup(json_get_str(j, "network_log", ""));
	p.git_bind = (size_t)json_get_int(j, "git_bind", 0);
	if (p.git_bind >= json_array_size(binds))
		p.git_bind = 0;
	p.git_own = xstrdup(json_get_str(j, "git_own", ""));
	p.adopt = json_get_bool(j, "adopt", false);
	p.is_new = json_get_bool(j, "is_new", false);
	p.is_lease = json_get_bool(j, "is_lease", false);
	p.ready_timeout_ms = (int)json_get_int(j, "ready_timeout_ms", 30000);
	p.stop_timeout_ms = (int)json_get_int(j, "stop_timeout_ms", 60000);
	limits_from_json(json_object_get(j, "limits"), &p.limits);
	p.timezone = xstrdup(json_get_str(j, "timezone", ""));
	p.surface = surface_from_string(json_get_str(j, "surface", ""));
	protect_rules_from_json(json_object_get(j, "protect"), &p.protect);
	relays_from_json(json_object_get(j, "relays"), &p.relays);
	git_setup_from_json(json_object_get(j, "git"), &p.git);
	monitoring_from_json(json_object_get(j, "monitoring"), &p.monitoring);
	for (size_t i = 0; i < json_array_size(binds); i++) {
		struct runtime_bind bind;

		wire_bind_from_json(json_array_get(binds, i), &bind);
		wire_add_bind(&p, &bind, -1);
	}
	*ret = p;
	return network_policy_from_json(policy, &ret->policy, &ret->allowed, &ret->hosts, err);
}
