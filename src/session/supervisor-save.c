/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is saved of a session when its container ends. Its root directory is
 * opened while it runs, so that it can still be read when its mounts are gone,
 * by a supervisor that took over as well.
 */
#include <unistd.h>

#include "base/mem.h"
#include "session/saved.h"
#include "session/supervisor.h"

bool supervisor_saves(const struct supervisor *v) {
	const struct container *c = v->c;

	return c->kind == KIND_SHELL && *c->session_id && *c->person_home && v->root_fd >= 0;
}

void supervisor_save_begin(struct supervisor *v) {
	int fd = v->c->kind == KIND_SHELL ? saved_open_root(v->c) : -1;

	if (v->c->kind == KIND_SHELL && fd < 0)
		supervisor_note("what '%s' has cannot be saved at its end", v->c->name);
	v->root_fd = fd < 0 ? -1 : fd;
}

int supervisor_save(struct supervisor *v, struct err *err) {
	unsigned skipped = 0;
	int r = saved_write(v->c, v->root_fd, NULL, &skipped, err);

	/* It would keep the file system mounted. */
	mem_close_ptr(&v->root_fd);
	v->c->unsaved = r < 0;
	if (r == 0)
		supervisor_log(v, "session %s is saved", v->c->session_id);
	if (r == 0 && skipped)
		supervisor_note("%u links, devices and too large files of '%s' were not saved",
				skipped, v->c->name);
	return r;
}
