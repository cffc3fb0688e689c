/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The canaries of a container (canary.h), from its start to its end. */
#include "base/json.h"
#include "base/mem.h"
#include "base/strv.h"
#include "session/canary.h"
#include "session/supervisor.h"

#define FILE_NAME "canaries.json" /* in the run directory */
#define FILE_MAX 65536

static void without(struct supervisor *v, const char *why) {
	autofree char *line = xasprintf("'%s' has no canaries: %s", v->c->name, why);

	supervisor_say(v, line);
}

void supervisor_canary_make(struct supervisor *v) {
	struct err err = { 0 };
	char *path = NULL;

	if (!v->plan.monitoring.has_canaries)
		return;
	if (strv_len(v->layers) >= RUNTIME_LAYERS_MAX)
		without(v, "it has as many layers as there can be");
	else if (canary_make(&v->session, v->c, &path, &err) < 0)
		without(v, err.msg);
	else
		strv_take(&v->layers, path); /* the oldest: all others hide it */
}

void supervisor_canary_look(struct supervisor *v) {
	auto_json json_t *j = NULL;

	if (!v->plan.monitoring.has_canaries)
		return;
	v->canaries = canary_seen(&v->session, v->c, runtime_rootfs_fd(v->rt));
	j = json_pack("{s:o}", "paths", json_from_strv(v->canaries));
	if (container_run_put(&v->session, v->c->name, FILE_NAME, j) < 0)
		supervisor_note("the canaries of '%s' cannot be kept", v->c->name);
}

void supervisor_canary_adopt(struct supervisor *v) {
	auto_json json_t *j = NULL;

	if (!v->plan.monitoring.has_canaries)
		return;
	if (container_run_get(&v->session, v->c->name, FILE_NAME, FILE_MAX, &j) > 0)
		v->canaries = json_get_strv(j, "paths");
}

void supervisor_canary_done(struct supervisor *v) {
	int r = canary_remove(&v->session, v->c->name);
	struct err err;

	if (r < 0) {
		(void)err_sys(&err, r, "cannot remove the canaries of '%s'", v->c->name);
		supervisor_complain(&err);
	}
}
