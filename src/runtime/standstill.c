/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runtime/standstill.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "base/mem.h"

#define FREEZE_TIMEOUT_MS 5000

/* In the keeper: what ends those who asked for it, and their terminal, is not for us. */
static void keep(const struct runtime_ref *ref, int end) {
	struct err ignored;
	char byte;

	(void)setsid();
	(void)signal(SIGINT, SIG_IGN);
	(void)signal(SIGTERM, SIG_IGN);
	(void)signal(SIGHUP, SIG_IGN);
	while (read(end, &byte, 1) < 0 && errno == EINTR)
		;
	(void)runtime_unfreeze(ref, &ignored);
	_exit(0);
}

static int start_keeper(const struct runtime_ref *ref, struct standstill *s, struct err *err) {
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_sys(err, -errno, "cannot freeze '%s'", runtime_ref_name(ref));
	s->end = ends[1];
	s->keeper = fork();
	if (s->keeper == 0) {
		(void)close(ends[1]);
		keep(ref, ends[0]);
	}
	(void)close(ends[0]);
	if (s->keeper > 0)
		return 0;
	s->keeper = 0;
	return err_sys(err, -errno, "cannot freeze '%s'", runtime_ref_name(ref));
}

int standstill_begin(const struct runtime_ref *ref, struct standstill *ret, struct err *err) {
	auto_standstill struct standstill s = STANDSTILL_NONE;
	int r;

	*ret = (struct standstill)STANDSTILL_NONE;
	if (runtime_is_frozen(ref) == 1)
		return 0;
	r = start_keeper(ref, &s, err);
	if (r == 0)
		r = runtime_freeze(ref, FREEZE_TIMEOUT_MS, err);
	if (r < 0)
		return r;
	*ret = s;
	s = (struct standstill)STANDSTILL_NONE;
	return 0;
}

void standstill_end(struct standstill *s) {
	mem_close_ptr(&s->end);
	if (s->keeper > 0)
		(void)proc_wait(s->keeper);
	*s = (struct standstill)STANDSTILL_NONE;
}
