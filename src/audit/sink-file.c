/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * JSON Lines below the person's home, each a link of a chain (chain.h).
 *
 * Owns nothing between two events but what it holds back: directory and file
 * are opened for each, as the person, never following a link in the last two
 * components. Several processes (a command, a supervisor) append to one file
 * (linefile.h); whoever has its lock knows where the chain goes on.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "audit/chain.h"
#include "audit/kept.h"
#include "audit/place.h"
#include "audit/sink.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/linefile.h"
#include "base/log.h"
#include "base/mem.h"

#define HELD_MAX (1024 * 1024)
#define SEALED_MAX (4 * HELD_MAX)
/* Room that is taken ahead of need, and how much of it streams leave to the rest. */
#define RESERVE (256 * 1024)
#define RESERVE_LEAST (128 * 1024)

/* Lines for one file. */
struct lines {
	char *container; /* NULL: none */
	bool is_network;
	bool sync;
	bool may_be_lost; /* all of them */
	size_t count;
	struct buf text;
};

struct file_sink {
	struct audit_sink base;
	struct privilege who;
	bool is_holding;
	struct lines held;
	/* Of the container of `held`, or the last one: lines that could not be written. */
	uint64_t lost;
	char lost_since[CLOCK_RFC3339_SIZE];
	char lost_why[256];
};

/* One append, and what it has to know. */
struct append {
	const struct file_sink *sink;
	int dir;
	char *head; /* names */
	char *file;
	struct chain_head marks;
};

/* --- the chain */

static int head_write(struct append *a, const struct chain_mark *now, const struct chain_mark *next) {
	a->marks.now = *now;
	a->marks.next = *next;
	return chain_head_write(a->dir, a->head, a->sink->who.uid, &a->marks);
}

/* An old file has to go: the chain begins behind it, and its threats are kept. */
static void on_drop(const struct linefile *f, const char *old) {
	struct append *a = f->data;
	autoclose int fd = openat(f->dir, old, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct chain_mark last;
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return;
	audit_keep_threats(f, fd);
	(void)chain_head_read(a->dir, a->head, a->sink->who.uid, &a->marks);
	if (chain_last(fd, st.st_size, &last) == 1) {
		a->marks.floor = last;
		(void)chain_head_write(a->dir, a->head, a->sink->who.uid, &a->marks);
	}
}

/* The last line of the file, or of the one before it. */
static bool last_line(const struct append *a, int fd, off_t size, struct chain_mark *ret) {
	autofree char *name = xasprintf("%s.1", a->file);
	autoclose int old = -1;
	struct stat st;

	if (chain_last(fd, size, ret) == 1)
		return true;
	if (size > 0)
		return false;
	old = openat(a->dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	return old >= 0 && fstat(old, &st) == 0 && S_ISREG(st.st_mode) &&
	       chain_last(old, st.st_size, ret) == 1;
}

/*
 * Where the chain goes on. The head knows; it lags behind by what was being
 * written when somebody died. What else differs was done by others: then it
 * goes on where it was, and a check of the chain finds the break.
 */
static struct chain_mark chain_from(const struct append *a, bool has_head,
				    const struct chain_mark *last) {
	if (!has_head)
		return last ? *last : CHAIN_START;
	return last && chain_same(last, &a->marks.next) ? a->marks.next : a->marks.now;
}

static void seal_all(struct chain_mark *m, const struct buf *lines, struct buf *out) {
	const char *at = lines->data, *end = lines->data + lines->len;

	while (at < end) {
		const char *nl = memchr(at, '\n', (size_t)(end - at));
		size_t len = (size_t)(nl - at) + 1;

		chain_seal(m, at, len, out);
		at += len;
	}
}

/* --- room */

/*
 * Keep some room of the disk for the file, behind its end. 0; -ENOSPC when
 * there is no more to be had and what is left is not for these lines.
 */
static int reserve(int fd, const struct stat *st, const struct lines *l) {
	off_t ahead = (off_t)st->st_blocks * 512 - st->st_size;

	if (ahead >= RESERVE_LEAST + (off_t)l->text.len)
		return 0;
	if (fallocate(fd, FALLOC_FL_KEEP_SIZE, st->st_size, RESERVE + (off_t)l->text.len) == 0)
		return 0;
	/* Another file system cannot do it; then whatever it has must do. */
	return errno == ENOSPC || errno == EDQUOT ? (l->may_be_lost ? -errno : 0) : 0;
}

/* --- one append */

static int append_locked(struct append *a, const struct linefile *file, int fd,
			 const struct stat *st, const struct lines *l, struct err *err) {
	struct chain_mark last, from, to;
	bool has_head, has_last = last_line(a, fd, st->st_size, &last);
	autobuf struct buf out;
	int r = reserve(fd, st, l);

	if (r < 0)
		return err_sys(err, r, "cannot write %s", file->shown);
	has_head = chain_head_read(a->dir, a->head, a->sink->who.uid, &a->marks) == 1;
	from = to = chain_from(a, has_head, has_last ? &last : NULL);
	buf_init(&out, SEALED_MAX);
	seal_all(&to, &l->text, &out);
	r = head_write(a, &from, &to);
	if (r < 0)
		log_debug("cannot write the head of %s: %s", file->shown, strerror(-r));
	r = linefile_write(file, fd, st->st_size, out.data, out.len, err);
	(void)head_write(a, r < 0 ? &from : &to, r < 0 ? &from : &to);
	return r;
}

static int append_as_person(const struct file_sink *f, const struct lines *l, struct err *err) {
	autofree char *stem = audit_stem(l->container, l->is_network);
	autofree char *name = xasprintf("%s.jsonl", stem);
	autofree char *head = xasprintf("%s.head", stem);
	autofree char *shown = xasprintf("audit file '%s/.coi/audit/%s'", f->who.home, name);
	autoclose int dir = -1, fd = -1;
	struct append a = { .sink = f, .file = name, .head = head };
	struct linefile file = {
		.name = name,
		.shown = shown,
		.owner = f->who.uid,
		.max = AUDIT_FILE_MAX,
		.keep = AUDIT_KEEP,
		.on_drop = on_drop,
		.data = &a,
		.sync = l->sync,
	};
	struct stat st;

	if (l->container && !audit_is_stem(l->container))
		return err_set(err, ERR_BUG, -EINVAL, "'%s' is no name for an audit file", l->container);
	dir = audit_open_directory(&f->who, true, err);
	if (dir < 0)
		return dir;
	a.dir = file.dir = dir;
	fd = linefile_open(&file, l->text.len + l->count * CHAIN_END_MAX, &st, err);
	return fd < 0 ? fd : append_locked(&a, &file, fd, &st, l, err);
}

/* The first line that fits again says what did not. */
static void add_lost(struct file_sink *f, struct lines *l) {
	const struct audit_context context = { .who = &f->who, .stamp = f->lost_since };
	char now[CLOCK_RFC3339_SIZE];
	autofree char *line = NULL;
	auto_json json_t *body = NULL;
	size_t len = 0;

	body = audit_encode(&context, AUDIT_STREAM_AUDIT, l->container,
			    AUDIT_FIELDS(AUDIT_TEXT("msg", "records.lost"),
					 AUDIT_TEXT("level", "warning"),
					 AUDIT_INT("count", (int64_t)f->lost),
					 AUDIT_TEXT("since", f->lost_since),
					 AUDIT_TEXT("raw", f->lost_why)));
	json_object_set_new(body, "ts", json_string(clock_rfc3339(time(NULL), now)));
	line = audit_line(body, &len);
	if (!line)
		return;

	struct buf all;

	buf_init(&all, l->text.max + len);
	buf_add(&all, line, len);
	buf_add(&all, l->text.data, l->text.len);
	buf_done(&l->text);
	l->text = all;
	l->count++;
}

static int write_lines(struct file_sink *f, struct lines *l, struct err *err) {
	struct err why = { 0 };
	uint64_t before = f->lost;
	size_t count = l->count;
	int r;

	if (!count)
		return 0;
	if (f->lost)
		add_lost(f, l);
	privilege_person_begin(&f->who);
	r = append_as_person(f, l, &why);
	privilege_person_end(&f->who);
	f->lost = r < 0 ? before + count : 0;
	if (r < 0 && !before) {
		(void)clock_rfc3339(time(NULL), f->lost_since);
		(void)snprintf(f->lost_why, sizeof(f->lost_why), "%.255s", why.msg);
	}
	if (r < 0 && err)
		*err = why;
	return r;
}

static void lines_done(struct lines *l) {
	free(l->container);
	buf_done(&l->text);
	*l = (struct lines){ 0 };
}

static int flush(struct file_sink *f, struct err *err) {
	int r = write_lines(f, &f->held, err);

	lines_done(&f->held);
	return r;
}

static bool goes_with(const struct lines *l, const struct audit_record *record) {
	const char *a = l->container ? l->container : "", *b = record->container ? record->container
										   : "";

	return l->count && !strcmp(a, b) && l->is_network == record->is_network &&
	       l->may_be_lost == record->may_be_lost && l->text.len + record->len <= HELD_MAX;
}

static int file_write(struct audit_sink *sink, const struct audit_record *record,
		      struct err *err) {
	struct file_sink *f = (struct file_sink *)sink;
	int r = 0;

	if (!goes_with(&f->held, record)) {
		r = flush(f, err);
		f->held.container = xstrdup(record->container);
		f->held.is_network = record->is_network;
		f->held.may_be_lost = record->may_be_lost;
		buf_init(&f->held.text, HELD_MAX);
	}
	buf_add(&f->held.text, record->line, record->len);
	f->held.sync |= record->sync;
	f->held.count++;
	if (f->is_holding)
		return r;
	return r < 0 ? r : flush(f, err);
}

static void file_hold(struct audit_sink *sink) {
	((struct file_sink *)sink)->is_holding = true;
}

static int file_release(struct audit_sink *sink, struct err *err) {
	struct file_sink *f = (struct file_sink *)sink;

	f->is_holding = false;
	return flush(f, err);
}

static void file_free(struct audit_sink *sink) {
	struct file_sink *f = (struct file_sink *)sink;

	(void)flush(f, NULL);
	free(f->who.user);
	free(f->who.home);
	free(f);
}

static const struct audit_sink_ops file_ops = {
	.name = "file",
	.write = file_write,
	.hold = file_hold,
	.release = file_release,
	.free = file_free,
};

struct audit_sink *audit_sink_file(const struct privilege *who) {
	struct file_sink *f = xcalloc(1, sizeof(*f));

	f->base.ops = &file_ops;
	f->who = *who;
	f->who.user = xstrdup(who->user);
	f->who.home = xstrdup(who->home);
	return &f->base;
}
