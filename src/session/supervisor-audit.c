/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/clock.h"
#include "base/strv.h"
#include "net/allowed.h"
#include "net/policy.h"
#include "session/supervisor.h"

void supervisor_audit_network(struct supervisor *v, bool repaired) {
	const struct net_policy *p = &v->plan.policy;
	autostrv char **allowed = p->mode == NET_ALLOWLIST ? net_allowed_texts(p->allowed) : NULL;
	struct err err = { 0 };

	if (audit_write(v->session.audit, AUDIT_NETWORK_APPLY, v->c->name,
			AUDIT_FIELDS(AUDIT_TEXT("mode", net_mode_to_string(v->plan.policy.mode)),
				     AUDIT_TEXT("address", v->c->address),
				     AUDIT_LIST("allowed", allowed),
				     AUDIT_BOOL("allow_local", p->allow_local_network),
				     AUDIT_BOOL("block_private", v->plan.policy.block_private),
				     AUDIT_BOOL("block_metadata", v->plan.policy.block_metadata),
				     AUDIT_BOOL("repaired", repaired)),
			&err) < 0)
		supervisor_complain(&err);
}

int supervisor_audit_start(struct supervisor *v, struct err *err) {
	return audit_write(v->session.audit, AUDIT_CONTAINER_START, v->c->name,
			   AUDIT_FIELDS(AUDIT_INT("pid", v->c->init.pid),
					AUDIT_INT("supervisor", v->c->supervisor.pid),
					AUDIT_TEXT("network", v->c->network_mode),
					AUDIT_TEXT("address", v->c->address)),
			   err);
}

void supervisor_audit_ready(struct supervisor *v) {
	struct err err = { 0 };

	if (audit_write(v->session.audit, AUDIT_CONTAINER_READY, v->c->name,
			AUDIT_FIELDS(AUDIT_INT("ms", (int64_t)(clock_mono_ms() - v->started_ms))),
			&err) < 0)
		supervisor_complain(&err);
}

void supervisor_audit_end(struct supervisor *v) {
	struct err err = { 0 };

	if (audit_write(v->session.audit, AUDIT_CONTAINER_STOP, v->c->name,
			AUDIT_FIELDS(AUDIT_TEXT("how", v->was_asked ? "shutdown" : "exit"),
				     AUDIT_TEXT("reason", !v->was_asked ? "the container itself"
							  : v->why	? v->why
									: "a command of coi")),
			&err) < 0)
		supervisor_complain(&err);
}

void supervisor_audit_delete(struct supervisor *v) {
	struct err err = { 0 };

	if (audit_write(v->session.audit, AUDIT_CONTAINER_DELETE, v->c->name, AUDIT_NO_FIELDS,
			&err) < 0)
		supervisor_complain(&err);
}
