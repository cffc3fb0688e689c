/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "audit/kept.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
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

static int prune_as_person(struct prune *p, int days, struct err *err) {
	autoclose int dir = audit_open_directory(p->who, false, err);
	autostrv char **names = NULL;
	int r;

	if (dir < 0)
		return dir == -ENOENT ? 0 : dir;
	r = dir_names(dir, &names);
	if (r < 0)
		return err_sys(err, r, "cannot read '%s/.coi/audit'", p->who->home);
	p->dir = dir;
	p->before = time(NULL) - (time_t)days * DAY;
	for (char **name = names; name && *name; name++) {
		size_t len = strlen(*name);

		if (len > sizeof(JSONL) - 1 && !strcmp(*name + len - (sizeof(JSONL) - 1), JSONL))
			prune_one(p, *name);
	}
	return p->removed;
}

int audit_prune(const struct privilege *who, int days, struct err *err) {
	struct prune p = { .who = who };
	int r;

	privilege_person_begin(who);
	r = prune_as_person(&p, days, err);
	privilege_person_end(who);
	return r;
}
