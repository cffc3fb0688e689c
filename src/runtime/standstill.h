/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A running container that stands still while its files are copied. A child of ours
 * lets it go on when that is over, whatever ends us: a command can be killed, or its
 * terminal go.
 */
#ifndef COI_RUNTIME_STANDSTILL_H
#define COI_RUNTIME_STANDSTILL_H

#include <sys/types.h>

#include "runtime/control.h"

struct standstill {
	pid_t keeper; /* 0: it stood still before, and goes on doing so */
	int end;      /* what the keeper waits for: closed by us, or with us */
};

#define STANDSTILL_NONE { 0, -1 }
/* A container that is frozen already stays that. */
int standstill_begin(const struct runtime_ref *ref, struct standstill *ret, struct err *err);
/* It goes on before this returns; fine for one that did not begin. */
void standstill_end(struct standstill *s);
#define auto_standstill __attribute__((cleanup(standstill_end)))

#endif
