/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "session/standstill.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/proc.h"
#include "runtime/control.h"

#define FREEZE_TIMEOUT_MS 2000
/* What waits for a slow disk is not frozen before that has answered. */
#define COPY_TIMEOUT_MS 5000

/* In the directory of the run. */
static const char *const marks[STANDSTILL_REASON_COUNT] = {
	[STANDSTILL_THREAT] = "still-threat",
	[STANDSTILL_PROTECT] = "still-protect",
	[STANDSTILL_COPY] = "still-copy",
};

/*
 * That of a copy holds as long as somebody has it locked. Asked for, and not tried: others who
 * look at the same time would take us for a copy, and none of us would let it go on.
 */
static bool holds(int run, enum standstill_reason why) {
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	autoclose int fd = -1;

	if (why != STANDSTILL_COPY)
		return exists_at(run, marks[why]) != 0;
	fd = openat(run, marks[why], O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return errno != ENOENT;
	return fcntl(fd, F_OFD_GETLK, &lock) < 0 || lock.l_type != F_UNLCK;
}

static bool is_held(int run) {
	for (enum standstill_reason i = 0; i < STANDSTILL_REASON_COUNT; i++)
		if (holds(run, i))
			return true;
	return false;
}

/*
 * It stands still if something holds it, and goes on if not. Others do the same at the same
 * time: whoever was the last to act sees here what was changed since he looked.
 */
static int settle(const struct runtime_ref *ref, int run, struct err *err) {
	bool held;
	int r;

	do {
		held = is_held(run);
		r = held ? runtime_freeze(ref, FREEZE_TIMEOUT_MS, err) : runtime_unfreeze(ref, err);
	} while (is_held(run) != held);
	return r;
}

bool standstill_holds(const struct session *s, const struct container *c,
		      enum standstill_reason why) {
	autoclose int run = container_run_dir(s, c->name);

	return run >= 0 && holds(run, why);
}

int standstill_hold(const struct session *s, const struct container *c, enum standstill_reason why,
		    struct err *err) {
	autoclose int run = container_run_dir(s, c->name);
	struct runtime_ref ref = container_ref(s, c);
	/* At once, and whether there is room for a mark or not. */
	int frozen = runtime_freeze(&ref, FREEZE_TIMEOUT_MS, err);
	int r = run < 0 ? run : file_write_quick_at(run, marks[why], "", 0, 0600);

	/* Somebody who did not see the mark yet may have let it go on. */
	if (r == 0)
		return settle(&ref, run, err);
	return frozen < 0 ? frozen : err_sys(err, r, "cannot note why '%s' is frozen", c->name);
}

int standstill_release(const struct session *s, const struct container *c,
		       enum standstill_reason why, struct err *err) {
	autoclose int run = container_run_dir(s, c->name);
	struct runtime_ref ref = container_ref(s, c);

	if (run < 0 || (unlinkat(run, marks[why], 0) < 0 && errno != ENOENT))
		return err_sys(err, run < 0 ? run : -errno, "cannot let '%s' go on", c->name);
	return settle(&ref, run, err);
}

/* In the keeper: what ends those who asked for it, and their terminal, is not for us. */
static void keep(const struct runtime_ref *ref, int run, int lock, int end) {
	struct err ignored;
	char byte;

	(void)setsid();
	(void)signal(SIGINT, SIG_IGN);
	(void)signal(SIGTERM, SIG_IGN);
	(void)signal(SIGHUP, SIG_IGN);
	while (read(end, &byte, 1) < 0 && errno == EINTR)
		;
	(void)close(lock);
	(void)settle(ref, run, &ignored);
	_exit(0);
}

static int start_keeper(const struct runtime_ref *ref, int run, struct standstill *still,
			struct err *err) {
	autoclose int lock = openat(run, marks[STANDSTILL_COPY],
				    O_RDONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	struct flock shared = { .l_type = F_RDLCK, .l_whence = SEEK_SET };
	int ends[2];

	if (lock < 0 || fcntl(lock, F_OFD_SETLK, &shared) < 0 || pipe2(ends, O_CLOEXEC) < 0)
		return err_sys(err, -errno, "cannot freeze '%s'", runtime_ref_name(ref));
	still->end = ends[1];
	still->keeper = fork();
	if (still->keeper == 0) {
		(void)close(ends[1]);
		keep(ref, run, steal_fd(&lock), ends[0]);
	}
	(void)close(ends[0]);
	if (still->keeper > 0)
		return 0;
	still->keeper = 0;
	return err_sys(err, -errno, "cannot freeze '%s'", runtime_ref_name(ref));
}

int standstill_begin(const struct session *s, const struct container *c, struct standstill *ret,
		     struct err *err) {
	auto_standstill struct standstill still = STANDSTILL_NONE;
	struct runtime_ref ref = container_ref(s, c);
	autoclose int run = container_run_dir(s, c->name);
	int r;

	*ret = (struct standstill)STANDSTILL_NONE;
	if (run < 0)
		return err_sys(err, run, "cannot freeze '%s'", c->name);
	/* By hand: nobody else would know that it was. */
	if (!is_held(run) && runtime_is_frozen(&ref) == 1)
		return 0;
	r = start_keeper(&ref, run, &still, err);
	if (r == 0)
		r = runtime_freeze(&ref, COPY_TIMEOUT_MS, err);
	if (r < 0)
		return r;
	*ret = still;
	still = (struct standstill)STANDSTILL_NONE;
	return 0;
}

void standstill_end(struct standstill *still) {
	mem_close_ptr(&still->end);
	if (still->keeper > 0)
		(void)proc_wait(still->keeper);
	*still = (struct standstill)STANDSTILL_NONE;
}
