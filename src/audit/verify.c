/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "audit/verify.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit/audit.h"
#include "audit/chain.h"
#include "audit/place.h"
#include "base/linereader.h"
#include "base/mem.h"
#include "base/strv.h"

struct check {
	struct audit_verdict *out;
	struct chain_head head;
	struct chain_mark at; /* of the last line */
	bool is_known;        /* its hash is what the next one builds on */
	const char *file;
	uint64_t line;        /* in the file */
};

void audit_verdict_done(struct audit_verdict *v) {
	strv_free(v->told);
	*v = (struct audit_verdict){ 0 };
}

__attribute__((format(printf, 2, 3))) static void tell(struct check *c, const char *fmt, ...) {
	va_list ap;

	if (c->out->problems++ >= AUDIT_PROBLEMS_MAX)
		return;
	va_start(ap, fmt);
	strv_take(&c->out->told, xvasprintf(fmt, ap));
	va_end(ap);
}

static void tell_missing(struct check *c, uint64_t from, uint64_t to) {
	if (from == to)
		tell(c, "record %" PRIu64 " is missing, before line %" PRIu64 " of %s", from, c->line,
		     c->file);
	else
		tell(c, "records %" PRIu64 " to %" PRIu64 " are missing, before line %" PRIu64 " of %s",
		     from, to, c->line, c->file);
}

/* A line that has a number and a hash. */
static void check_link(struct check *c, const char *line, const struct chain_mark *mark,
		       size_t body) {
	char want[HASH_HEX_SIZE];

	/* What is about to be dropped may still be there. */
	if (mark->seq <= c->head.floor.seq)
		return;
	if (!c->out->first) {
		c->out->first = mark->seq;
		c->is_known |= mark->seq == 1; /* CHAIN_START, head or not */
	}
	c->out->lines++;
	if (mark->seq <= c->at.seq) {
		tell(c, "line %" PRIu64 " of %s is record %" PRIu64 " once more", c->line, c->file,
		     mark->seq);
		return;
	}
	if (mark->seq != c->at.seq + 1) {
		if (c->is_known)
			tell_missing(c, c->at.seq + 1, mark->seq - 1);
		c->is_known = false;
	}
	if (c->is_known) {
		chain_hash(&c->at, line, body, want);
		if (strcmp(want, mark->hash) != 0)
			tell(c, "record %" PRIu64 " was changed, line %" PRIu64 " of %s", mark->seq,
			     c->line, c->file);
	}
	c->at = *mark;
	c->is_known = true;
	c->out->last = mark->seq;
}

static void check_line(struct check *c, const struct linereader *r) {
	struct chain_mark mark;
	size_t body;

	c->line++;
	if (!r->is_cut && chain_read(r->line, r->len, &mark, &body)) {
		check_link(c, r->line, &mark, body);
		return;
	}
	/* Before the chain began there may be lines: of another program, or of an older coi. */
	if (!c->out->lines && !c->head.floor.seq && !c->at.seq)
		c->out->unchained++;
	else
		tell(c, "line %" PRIu64 " of %s is no record: torn by a crash, or put there", c->line,
		     c->file);
}

static int check_file(struct check *c, int dir, const char *name, int fd, struct err *err) {
	auto_linereader struct linereader r = { 0 };
	autoclose int own = fd >= 0 ? -1 : openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK |
							     O_NOCTTY | O_CLOEXEC);
	int n;

	if (fd < 0 && own < 0)
		return errno == ENOENT ? 0 : err_sys(err, -errno, "cannot open '%s'", name);
	linereader_init(&r, fd >= 0 ? fd : own, AUDIT_LINE_MAX);
	c->file = name;
	c->line = 0;
	while ((n = linereader_next(&r)) == 1)
		check_line(c, &r);
	if (n == 0 && r.len)
		check_line(c, &r);
	return n < 0 ? err_sys(err, n, "cannot read '%s'", name) : 1;
}

/* The end, against what the head says. */
static void check_end(struct check *c) {
	const struct chain_mark *now = &c->head.now, *next = &c->head.next;

	if (!c->out->has_head)
		return;
	if (chain_same(&c->at, next))
		return;
	if (chain_same(&c->at, now)) {
		c->out->was_interrupted = true;
		return;
	}
	if (c->at.seq < now->seq)
		tell(c, now->seq - c->at.seq == 1
				? "the last record, %" PRIu64 ", is missing"
				: "the last records, up to %" PRIu64 ", are missing", now->seq);
	else
		tell(c, "the last record is not the one that was written: the chain ends with %" PRIu64,
		     now->seq);
}

/* The lock of those who write, so that the head fits. */
static int open_locked(int dir, const char *name) {
	int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct stat st;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && flock(fd, LOCK_SH) == 0)
		return fd;
	(void)close(fd);
	return -EINVAL;
}

static int check_all(struct check *c, const struct privilege *who, int dir, const char *stem,
		     struct err *err) {
	autofree char *name = xasprintf("%s.jsonl", stem), *head = xasprintf("%s.head", stem);
	autoclose int fd = open_locked(dir, name);
	int found = 0, r;

	if (fd < 0 && fd != -ENOENT)
		return err_sys(err, fd, "cannot open '%s/.coi/audit/%s'", who->home, name);
	c->out->has_head = chain_head_read(dir, head, who->uid, &c->head) == 1;
	c->at = c->head.floor;
	c->out->dropped = c->head.floor.seq;
	/* Without a head nobody knows what came before the first line. */
	c->is_known = c->out->has_head;
	for (unsigned n = AUDIT_KEEP; n > 0; n--) {
		autofree char *old = xasprintf("%s.%u", name, n);

		r = check_file(c, dir, old, -1, err);
		if (r < 0)
			return r;
		found |= r;
	}
	r = fd < 0 ? 0 : check_file(c, dir, name, fd, err);
	if (r < 0)
		return r;
	if (!found && r == 0 && !c->out->has_head)
		return err_set(err, ERR_MISSING, -ENOENT, "there are no records '%s/.coi/audit/%s'",
			       who->home, name);
	check_end(c);
	return 0;
}

int audit_verify(const struct privilege *who, const char *stem, struct audit_verdict *ret,
		 struct err *err) {
	struct audit_verdict v = { 0 };
	struct check c = { .out = &v };
	int dir, r;

	privilege_person_begin(who);
	dir = audit_open_directory(who, false, err);
	r = dir < 0 ? dir : check_all(&c, who, dir, stem, err);
	privilege_person_end(who);
	if (dir >= 0)
		(void)close(dir);
	if (r < 0) {
		audit_verdict_done(&v);
		return r;
	}
	*ret = v;
	return 0;
}
