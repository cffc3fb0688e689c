/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "audit/kept.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "audit/audit.h"
#include "audit/chain.h"
#include "audit/place.h"
#include "base/fd.h"
#include "base/linereader.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/strv.h"

#define DAY 86400
#define JSONL ".jsonl"
#define CLOCK_NAME "clock"

/* Threats only have an id and, before anything foreign, a level. */
static bool is_worth_keeping(const char *line) {
	static const char *const levels[] = { "\"level\":\"warning\"", "\"level\":\"high\"",
					      "\"level\":\"critical\"" };

	if (strncmp(line, "{\"id\":", 6) != 0)
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(levels); i++)
		if (strstr(line, levels[i]))
			return true;
	return false;
}

void audit_keep_threats(const struct linefile *f, int fd) {
	autofree char *name = xasprintf("%s.kept", f->name);
	const struct linefile kept = {
		.dir = f->dir,
		.name = name,
		.shown = name,
		.owner = f->owner,
		.max = AUDIT_KEPT_MAX,
	};
	auto_linereader struct linereader r = { 0 };
	struct err err = { 0 };

	linereader_init(&r, fd, AUDIT_LINE_MAX);
	while (linereader_next(&r) == 1) {
		if (r.is_cut || r.len + 1 > r.max || !is_worth_keeping(r.line))
			continue;
		r.line[r.len] = '\n';
		if (linefile_append(&kept, r.line, r.len + 1, &err) < 0) {
			log_debug("%s", err.msg);
			return;
		}
	}
}

/* --- age */

struct prune {
	const struct privilege *who;
	int dir;
	time_t before;
	int removed;
};

static bool is_older(const struct prune *p, const char *name) {
	struct stat st;

	return fstatat(p->dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode) &&
	       st.st_mtime < p->before;
}

static void drop(struct prune *p, const char *stem, const char *suffix) {
	autofree char *name = xasprintf("%s%s", stem, suffix);

	if (unlinkat(p->dir, name, 0) == 0)
		p->removed++;
}

static void drop_all(struct prune *p, const char *stem) {
	for (unsigned n = AUDIT_KEEP; n > 0; n--) {
		autofree char *suffix = xasprintf(JSONL ".%u", n);

		drop(p, stem, suffix);
	}
	drop(p, stem, JSONL ".kept");
	drop(p, stem, JSONL ".kept.1");
	drop(p, stem, ".head");
	drop(p, stem, JSONL);
}

/* The chain begins behind the newest line that goes. */
static void drop_older(struct prune *p, const char *stem) {
	autofree char *head = xasprintf("%s.head", stem);

	for (unsigned n = AUDIT_KEEP; n > 0; n--) {
		autofree char *suffix = xasprintf(JSONL ".%u", n);
		autofree char *name = xasprintf("%s%s", stem, suffix);
		autoclose int fd = -1;
		struct chain_head marks;
		struct chain_mark last;
		struct stat st;

		if (!is_older(p, name))
			continue;
		fd = openat(p->dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
		if (fd < 0 || fstat(fd, &st) < 0)
			continue;
		if (chain_head_read(p->dir, head, p->who->uid, &marks) == 1 &&
		    chain_last(fd, st.st_size, &last) == 1) {
			marks.floor = last;
			(void)chain_head_write(p->dir, head, p->who->uid, &marks);
		}
		drop(p, stem, suffix);
	}
}

static void prune_one(struct prune *p, const char *name) {
	autofree char *stem = xstrndup(name, strlen(name) - (sizeof(JSONL) - 1));
	autoclose int fd = openat(p->dir, name,
				  O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

	/* Whoever has it writes into it just now; next time. */
	if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0)
		return;
	if (is_older(p, name))
		drop_all(p, stem);
	else
		drop_older(p, stem);
}

bool audit_clock_holds(struct audit_clock *c, int64_t now) {
	const int64_t last = c->last;

	c->last = now;
	/* It was put back: what it said in between counts for nothing. */
	if (c->leapt && now < c->leapt)
		c->leapt = 0;
	else if (c->leapt && now - c->leapt < DAY)
		return false;
	else if (!c->leapt && last && now - last > (int64_t)AUDIT_LEAP_DAYS * DAY)
		c->leapt = now;
	else
		c->leapt = 0;
	return !c->leapt;
}

static bool is_time(int64_t t) {
	return t >= 0 && t < INT64_MAX / 2;
}

/* A clock that is wrong for an hour must not cost a person all records. */
static bool clock_is_believed(int dir, time_t now) {
	struct audit_clock c = { 0 };
	autobuf struct buf text = { 0 };
	char out[64];
	bool holds;

	if (file_read_at(dir, CLOCK_NAME, sizeof(out), &text) == 0 &&
	    (sscanf(text.data, "%" SCNd64 " %" SCNd64, &c.last, &c.leapt) != 2 ||
	     !is_time(c.last) || !is_time(c.leapt)))
		c = (struct audit_clock){ 0 };
	holds = audit_clock_holds(&c, now);
	(void)snprintf(out, sizeof(out), "%" PRId64 " %" PRId64 "\n", c.last, c.leapt);
	if (file_write_quick_at(dir, CLOCK_NAME, out, strlen(out), 0600) < 0)
		log_debug("the time is not kept in '" CLOCK_NAME "'");
	return holds;
}

static int prune_as_person(struct prune *p, int days, time_t now, struct err *err) {
	autoclose int dir = audit_open_directory(p->who, false, err);
	autostrv char **names = NULL;
	int r;

	if (dir < 0)
		return dir == -ENOENT ? 0 : dir;
	r = dir_names(dir, &names);
	if (r < 0)
		return err_sys(err, r, "cannot read '%s/.coi/audit'", p->who->home);
	p->dir = dir;
	if (!clock_is_believed(dir, now))
		return 0;
	p->before = now - (time_t)days * DAY;
	for (char **name = names; name && *name; name++) {
		size_t len = strlen(*name);

		if (len > sizeof(JSONL) - 1 && !strcmp(*name + len - (sizeof(JSONL) - 1), JSONL))
			prune_one(p, *name);
	}
	return p->removed;
}

int audit_prune(const struct privilege *who, int days, time_t now, struct err *err) {
	struct prune p = { .who = who };
	int r;

	privilege_person_begin(who);
	r = prune_as_person(&p, days, now, err);
	privilege_person_end(who);
	return r;
}
