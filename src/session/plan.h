/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A plan: named steps, each with an undo, walked forth and back.
 *
 * Undos are repeatable and succeed when there is nothing to undo, so the step
 * that failed, or in which a process died, is undone like the finished ones.
 *
 * For tests: COI_CRASH_AT=<plan>:<step>:<before|after|undo> ends the process by
 * SIGKILL at that point. Production never sets it.
 */
#ifndef COI_SESSION_PLAN_H
#define COI_SESSION_PLAN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

struct plan_step {
	const char *name; /* "link" */
	const char *what; /* for people: "connect it to the bridge" */
	int (*act)(void *ctx, struct err *err); /* NULL: only there for its undo */
	int (*undo)(void *ctx, struct err *err); /* NULL: nothing to undo */
};

struct plan {
	const char *name;
	const struct plan_step *steps;
	size_t count;
	bool stop_at_failure; /* an undo that fails ends the undoing */
	bool keep_on_failure; /* nothing is undone when a step fails */
	/* Told before each step; NULL: nobody. Non-zero stops the plan: -ECANCELED. */
	int (*on_step)(void *ctx, const struct plan_step *step);
};

/*
 * All steps in order. On failure those that were begun are undone, the message
 * is that of the step, and what an undo could not do goes to @trouble.
 */
int plan_run(const struct plan *p, void *ctx,
	     void (*trouble)(void *ctx, const struct plan_step *step, const struct err *err),
	     struct err *err);
/*
 * The undos of the first @from steps in reverse. Goes on after a failure (unless
 * stop_at_failure) and returns the first one.
 */
int plan_undo(const struct plan *p, void *ctx, size_t from,
	      void (*trouble)(void *ctx, const struct plan_step *step, const struct err *err),
	      struct err *err);

/* The crash point of a plan that is not a list of steps (a command's own acts). */
void plan_crash_point(const char *plan, const char *step, const char *phase);

#endif
