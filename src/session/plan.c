/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "session/plan.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"

void plan_crash_point(const char *plan, const char *step, const char *phase) {
	const char *wanted = getenv("COI_CRASH_AT");
	autofree char *here = NULL;

	if (!wanted)
		return;
	here = xasprintf("%s:%s:%s", plan, step, phase);
	if (!strcmp(wanted, here))
		(void)raise(SIGKILL);
}

int plan_undo(const struct plan *p, void *ctx, size_t from,
	      void (*trouble)(void *ctx, const struct plan_step *step, const struct err *err),
	      struct err *err) {
	int result = 0;

	for (size_t i = from; i > 0; i--) {
		const struct plan_step *step = &p->steps[i - 1];
		struct err one = { 0 };
		int r;

		if (!step->undo)
			continue;
		log_debug("undo %s: %s", p->name, step->name);
		plan_crash_point(p->name, step->name, "undo");
		r = step->undo(ctx, &one);
		if (r >= 0)
			continue;
		if (trouble)
			trouble(ctx, step, &one);
		if (result == 0) {
			result = r;
			if (err)
				*err = one;
		}
		if (p->stop_at_failure)
			break;
	}
	return result;
}

int plan_run(const struct plan *p, void *ctx,
	     void (*trouble)(void *ctx, const struct plan_step *step, const struct err *err),
	     struct err *err) {
	for (size_t i = 0; i < p->count; i++) {
		const struct plan_step *step = &p->steps[i];
		int r = p->on_step ? p->on_step(ctx, step) : 0;

		if (r != 0) {
			r = err_set(err, ERR_SYSTEM, -ECANCELED, "stopped before '%s'", step->what);
		} else {
			log_debug("%s: %s", p->name, step->name);
			plan_crash_point(p->name, step->name, "before");
			r = step->act ? step->act(ctx, err) : 0;
			plan_crash_point(p->name, step->name, "after");
		}
		if (r >= 0)
			continue;
		if (!p->keep_on_failure)
			(void)plan_undo(p, ctx, i + 1, trouble, NULL);
		return r;
	}
	return 0;
}
