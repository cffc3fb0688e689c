/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "session/standstill.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/proc.h"
#include "base/strv.h"
#include "runtime/control.h"

#define FREEZE_TIMEOUT_MS 2000
/* What waits for a slow disk is not frozen before that has answered. */
#define COPY_TIMEOUT_MS 5000
/* A freeze comes before its mark, and goes after it. */
#define MARK_MS 500
#define WAIT_MS 10000
#define TELL_MS 1000
#define LOOK_MS 10

/* In the directory of the run. */
static const char *const marks[STANDSTILL_REASON_COUNT] = {
	[STANDSTILL_THREAT] = "still-threat",
	[STANDSTILL_PROTECT] = "still-protect",
	[STANDSTILL_COPY] = "still-copy.", /* and who it is */
};
#define NEW_MARK "still-new."

static const struct {
	const char *why;
	const char *command; /* of coi, about the container; NULL: there is none */
	const char *hint;
} texts[STANDSTILL_REASON_COUNT + 1] = {
	[STANDSTILL_THREAT] = { "monitoring has found a threat", "unfreeze",
				"says which and lets it go on" },
	[STANDSTILL_PROTECT] = { "protected paths of it are not in place", "logs",
				 "says which; it goes on when they are put right" },
	[STANDSTILL_COPY] = { "its files are copied", NULL, "it goes on when that is done" },
	[STANDSTILL_REASON_COUNT] = { "it was done by hand", "unfreeze", "lets it go on" },
};

/* Asked for, and not tried: others who look at the same time would take us for the copy. */
static bool is_locked(int run, const char *mark) {
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	autoclose int fd = openat(run, mark, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return errno != ENOENT;
	return fcntl(fd, F_OFD_GETLK, &lock) < 0 || lock.l_type != F_UNLCK;
}

/* The marks of copies that go on (@live), or whose owner has died, in a new strv. 0 or -errno. */
static int copies(int run, bool live, char ***ret) {
	autostrv char **names = NULL;
	const char *mark = marks[STANDSTILL_COPY];
	int r = dir_names(run, &names);

	*ret = NULL;
	for (size_t i = 0; r == 0 && names && names[i]; i++)
		if (!strncmp(names[i], mark, strlen(mark)) && is_locked(run, names[i]) == live)
			strv_add(ret, names[i]);
	return r;
}

static bool holds(int run, enum standstill_reason why) {
	autostrv char **live = NULL;

	if (why != STANDSTILL_COPY)
		return exists_at(run, marks[why]) != 0;
	return copies(run, true, &live) < 0 || live;
}

static bool is_left(int run) {
	autostrv char **left = NULL;

	return copies(run, false, &left) == 0 && left;
}

static void drop_left(int run) {
	autostrv char **left = NULL;

	(void)copies(run, false, &left);
	for (size_t i = 0; left && left[i]; i++)
		(void)unlinkat(run, left[i], 0);
}

/* The first that does, or STANDSTILL_REASON_COUNT. */
static enum standstill_reason held_by(int run) {
	enum standstill_reason i = 0;

	while (i < STANDSTILL_REASON_COUNT && !holds(run, i))
		i++;
	return i;
}

static bool is_held(int run) {
	return held_by(run) < STANDSTILL_REASON_COUNT;
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
	if (r == 0)
		drop_left(run);
	return r;
}

/* What has no mark yet has one in a moment, and what has none any more goes on. */
static bool is_by_hand(const struct runtime_ref *ref, int run) {
	uint64_t end = clock_mono_ms() + MARK_MS;

	for (;;) {
		if (runtime_is_frozen(ref) != 1 || is_held(run) || is_left(run))
			return false;
		if (clock_mono_ms() >= end)
			return true;
		(void)poll(NULL, 0, LOOK_MS);
	}
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

static int refuse(const struct container *c, enum standstill_reason why, struct err *err) {
	(void)err_set(err, ERR_CONFLICT, -EBUSY, "container '%s' is frozen: %s", c->name,
		      texts[why].why);
	return texts[why].command ? err_hint(err, "'coi %s %s' %s", texts[why].command, c->name,
					     texts[why].hint)
				  : err_hint(err, "%s", texts[why].hint);
}

int standstill_wait(const struct session *s, const struct container *c, struct err *err) {
	autoclose int run = container_run_dir(s, c->name);
	struct runtime_ref ref = container_ref(s, c);
	uint64_t begin = clock_mono_ms(), waited = 0;
	bool told = false, is_asked = false;

	if (run < 0)
		return err_sys(err, run, "cannot see why '%s' is frozen", c->name);
	while (runtime_is_frozen(&ref) == 1) {
		enum standstill_reason why = held_by(run);

		if (is_left(run) && settle(&ref, run, err) < 0)
			return err->code;
		if (why == STANDSTILL_THREAT || waited >= WAIT_MS || is_asked ||
		    (why == STANDSTILL_REASON_COUNT && is_by_hand(&ref, run)))
			return refuse(c, why, err);
		if (!told && waited >= TELL_MS && why < STANDSTILL_REASON_COUNT) {
			session_say(s, "Waiting for '%s', which is frozen: %s ...", c->name,
				    texts[why].why);
			told = true;
		}
		is_asked = poll(NULL, 0, LOOK_MS) < 0 || proc_is_asked_to_end();
		waited = clock_mono_ms() - begin;
	}
	return 0;
}

int standstill_repair(const struct session *s, const struct container *c, struct err *err) {
	autoclose int run = container_run_dir(s, c->name);
	struct runtime_ref ref = container_ref(s, c);

	return run >= 0 && is_left(run) ? settle(&ref, run, err) : 0;
}

/* Locked before anybody can see it. */
static int mark_copy(int run) {
	autofree char *who = xasprintf("%d.%" PRIu64, (int)getpid(), clock_mono_ms());
	autofree char *new = xasprintf(NEW_MARK "%s", who);
	autofree char *mark = xasprintf("%s%s", marks[STANDSTILL_COPY], who);
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	autoclose int fd = openat(run, new, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd < 0)
		return -errno;
	if (fcntl(fd, F_OFD_SETLK, &lock) < 0 || renameat(run, new, run, mark) < 0) {
		int r = -errno;

		(void)unlinkat(run, new, 0);
		return r;
	}
	return steal_fd(&fd);
}

/* In the keeper: what ends those who asked for it, and their terminal, is not for us. */
static void keep(const struct runtime_ref *ref, int run, int lock, int control, int end) {
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
	(void)close(control);
	_exit(0);
}

static int start_keeper(const struct runtime_ref *ref, int run, struct standstill *still,
			struct err *err) {
	autoclose int lock = mark_copy(run);
	/* Its end is how the supervisor hears of ours. */
	autoclose int control = socket_connect_at(run, "control", SOCK_SEQPACKET);
	int ends[2];

	if (lock < 0 || pipe2(ends, O_CLOEXEC) < 0)
		return err_sys(err, lock < 0 ? lock : -errno, "cannot freeze '%s'",
			       runtime_ref_name(ref));
	still->end = ends[1];
	still->keeper = fork();
	if (still->keeper == 0) {
		(void)close(ends[1]);
		keep(ref, run, steal_fd(&lock), steal_fd(&control), ends[0]);
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
	/* Nobody else would know that it was. */
	if (is_by_hand(&ref, run))
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
