/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/hold.h"

#include <stddef.h>

void hold_begin(sigset_t *before) {
	sigset_t set;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGINT);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGHUP);
	(void)sigprocmask(SIG_BLOCK, &set, before);
}

void hold_end(const sigset_t *before) {
	(void)sigprocmask(SIG_SETMASK, before, NULL);
}

bool hold_is_interrupted(void) {
	sigset_t pending;

	return sigpending(&pending) == 0 &&
	       (sigismember(&pending, SIGINT) == 1 || sigismember(&pending, SIGTERM) == 1);
}
