/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "session/teardown.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "image/layer.h"
#include "net/port.h"
#include "session/canary.h"
#include "session/immutable.h"
#include "session/placeholders.h"
#include "session/plan.h"
#include "session/snapshot.h"
#include "session/storage.h"

struct teardown {
	struct session *s;
	struct container *c;
	bool delete_it;
};

static int undo_processes(void *ctx, struct err *err) {
	struct teardown *t = ctx;
	struct runtime_ref ref = container_ref(t->s, t->c);
	int r = proc_id_kill(&t->c->resolver, 1000);

	if (r < 0)
		return err_sys(err, r, "cannot end the name service");
	r = runtime_leftovers_remove(&ref, err);
	/* Not before nothing runs any more that it kept out. */
	if (proc_id_kill(&t->c->block, 1000) < 0 && r == 0)
		r = err_sys(err, -ETIMEDOUT, "cannot end what refused opens");
	return r;
}

static int undo_network(void *ctx, struct err *err) {
	struct teardown *t = ctx;
	auto_net_base struct net_base *net = NULL;
	int r = net_base_open(t->s->layout, &net, err);

	if (r == 0)
		r = net_port_undo(net, t->c->name, err);
	return r < 0 ? r : net_base_remove(net, -1, err);
}

static int undo_ids(void *ctx, struct err *err) {
	struct teardown *t = ctx;

	return ids_release(NULL, t->s->layout->root, t->c->name, err);
}

static int undo_protect(void *ctx, struct err *err) {
	struct teardown *t = ctx;

	/* What stays immutable must not keep it from being deleted. */
	if (immutable_clear(t->s, t->c->name, err) < 0)
		session_say(t->s, "Warning: %s", err->msg);
	return placeholders_release(t->s, t->c->name, -1, err);
}

int teardown_remove(struct session *s, const struct container *c, struct err *err) {
	struct image_users users = container_image_users(s);
	struct image_layer *layers = NULL;
	struct err why = { 0 };
	size_t count = 0;
	int r;

	if (snapshot_layers_of(s, c, &layers, &count, &why) < 0)
		/* A damaged record: the next repair finds the layers. */
		session_say(s, "Warning: %s", why.msg);
	r = storage_remove(s, c, err);
	if (r == 0 && layers && layers_drop(s->layout, layers, count, &users, &why) < 0)
		session_say(s, "Warning: %s", why.msg);
	image_layers_free(layers, count);
	return r;
}

static int undo_canaries(void *ctx, struct err *err) {
	struct teardown *t = ctx;
	int r = canary_remove(t->s, t->c->name);

	return r < 0 ? err_sys(err, r, "cannot remove the canaries of '%s'", t->c->name) : 0;
}

static int undo_record(void *ctx, struct err *err) {
	struct teardown *t = ctx;

	if (t->delete_it)
		return teardown_remove(t->s, t->c, err);
	container_forget_run(t->c);
	t->c->state = STATE_STOPPED;
	return container_store(t->s, t->c, err);
}

/* Undone from the last to the first. */
static const struct plan_step steps[] = {
	{ "record", "its record", NULL, undo_record },
	{ "canaries", "its canaries", NULL, undo_canaries },
	{ "protect", "what protected paths of its workspace", NULL, undo_protect },
	{ "ids", "its user ids", NULL, undo_ids },
	{ "network", "its network", NULL, undo_network },
	{ "processes", "its processes", NULL, undo_processes },
};

const struct plan teardown_plan = {
	.name = "teardown",
	.steps = steps,
	.count = ARRAY_SIZE(steps),
	.stop_at_failure = true, /* the record goes last, when all before it went well */
};

int teardown(struct session *s, struct container *c, bool delete_it, int lock_fd,
	     struct err *err) {
	struct teardown t = { .s = s, .c = c, .delete_it = delete_it };
	autoclose int lock = lock_fd;
	int r = delete_it && c->pool ? storage_check_pool(s, c, err) : 0;

	if (r < 0)
		return r;
	if (c->record) { /* else there is nothing that could say it */
		c->state = delete_it ? STATE_DELETING : STATE_STOPPING;
		c->owner = (struct proc_id){ 0 };
		r = container_store(s, c, err);
		if (r < 0)
			return r;
	}
	r = plan_undo(&teardown_plan, &t, teardown_plan.count, NULL, err);
	if (r < 0)
		return err_wrap(err, "cannot clean up container '%s'", c->name);
	(void)tree_remove_at(s->layout->run_fd, c->name);
	container_lock_remove(s, c->name, steal_fd(&lock));
	return 0;
}
