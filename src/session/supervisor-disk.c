/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The disk of the container, while it runs: no more is written to it than there
 * is room for below (runtime/disk-bound.c), whoever else writes there.
 */
#include <string.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/size.h"
#include "runtime/disk.h"
#include "session/storage.h"
#include "session/supervisor.h"

#define TICK_MS 1000
#define SLOW_TICK_MS 5000
#define ENOUGH (UINT64_C(256) << 20) /* so that it is not said again and again */
#define PLENTY (UINT64_C(8) << 30) /* then others cannot fill it within a slow tick */

/* What it has to say, once until it is over. */
static void tell(struct supervisor *v, const struct disk_bound *b) {
	char text[2][SIZE_TEXT];
	autofree char *line = NULL;
	bool is_short = b->below < b->inside + (v->disk_is_short ? ENOUGH : 0);

	if (is_short == v->disk_is_short)
		return;
	v->disk_is_short = is_short;
	line = is_short ? xasprintf("the disk of '%s' (limits.disk.size) has %s left, but storage "
				    "pool '%s' has room for %s only: that is what can be written",
				    v->c->name, size_text(b->inside, text[0]), v->c->pool,
				    size_text(b->below, text[1])) :
			  xasprintf("storage pool '%s' has room for all of the disk of '%s' again",
				    v->c->pool, v->c->name);
	supervisor_say(v, line);
}

/* How long until it is to be looked at again. */
static uint64_t bound(struct supervisor *v) {
	struct disk_bound b;
	int r = disk_bound(v->disk_fd, v->disk_home_fd, STORAGE_DISK, &b);

	if (r < 0) {
		if (!v->disk_failed)
			supervisor_note("cannot bound the disk of '%s' by the room below it: %s",
					v->c->name, strerror(-r));
		v->disk_failed = true;
		return SLOW_TICK_MS;
	}
	tell(v, &b);
	return b.below > b.inside && b.below - b.inside > PLENTY ? SLOW_TICK_MS : TICK_MS;
}

static void on_tick(void *data) {
	struct supervisor *v = data;

	(void)loop_add_timer(v->loop, bound(v), 0, on_tick, v);
}

int supervisor_disk_begin(struct supervisor *v, struct err *err) {
	int64_t size;

	v->disk_home_fd = storage_home(&v->session, v->c, err);
	if (v->disk_home_fd < 0)
		return v->disk_home_fd;
	size = disk_size(v->disk_home_fd, STORAGE_DISK);
	if (size < 0)
		return 0; /* it has none */
	v->disk_fd = disk_mount(v->disk_home_fd, STORAGE_DISK, err);
	if (v->disk_fd < 0)
		return v->disk_fd;
	(void)bound(v);
	return 0;
}

void supervisor_disk_watch(struct supervisor *v) {
	struct err err = { 0 };

	/* One that took over has not mounted it. */
	if (v->disk_home_fd < 0 && supervisor_disk_begin(v, &err) < 0)
		supervisor_complain(&err);
	if (v->disk_fd >= 0)
		on_tick(v);
}

void supervisor_disk_end(struct supervisor *v) {
	mem_close_ptr(&v->disk_fd);
	mem_close_ptr(&v->disk_home_fd);
}
