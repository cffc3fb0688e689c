/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The chain of records, what breaks it, what goes when there is no more room or time. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "audit/audit.h"
#include "audit/chain.h"
#include "audit/kept.h"
#include "audit/place.h"
#include "audit/threat.h"
#include "audit/verify.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/linereader.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/strv.h"

#define FILE_OF(name) ".coi/audit/" name ".jsonl"

struct place {
	char *home;
	int fd;
	struct privilege who;
};

static int place_make(void **state) {
	struct place *p = xcalloc(1, sizeof(*p));
	char template[] = "/var/tmp/coi-test-chain-XXXXXX";

	assert_non_null(mkdtemp(template));
	p->home = xstrdup(template);
	p->fd = open(template, O_DIRECTORY | O_CLOEXEC);
	p->who = (struct privilege){ .is_root = geteuid() == 0,
				     .uid = geteuid(),
				     .gid = getegid(),
				     .user = (char *)"ann",
				     .home = p->home };
	*state = p;
	return 0;
}

static int place_remove(void **state) {
	struct place *p = *state;
	autoclose int above = open("/var/tmp", O_DIRECTORY | O_CLOEXEC);

	close(p->fd);
	assert_int_equal(tree_remove_at(above, path_base(p->home)), 0);
	free(p->home);
	free(p);
	return 0;
}

static char *slurp(const struct place *p, const char *name, size_t *ret_len) {
	struct buf b;

	if (file_read_at(p->fd, name, AUDIT_FILE_MAX, &b) < 0)
		return NULL;
	*ret_len = b.len;
	return b.data;
}

static void spew(const struct place *p, const char *name, const char *data, size_t len) {
	autoclose int fd = openat(p->fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_int_equal(fd_write_all(fd, data, len), 0);
}

static void write_some(struct place *p, const char *container, int from, int to) {
	auto_audit struct audit *a = audit_open(&p->who);
	struct err err = { 0 };

	for (int i = from; i <= to; i++)
		assert_int_equal(audit_write(a, AUDIT_CONTAINER_READY, container,
					     AUDIT_FIELDS(AUDIT_INT("ms", i)), &err), 0);
}

static uint64_t problems(struct place *p, const char *stem, struct audit_verdict *v) {
	struct err err = { 0 };

	assert_int_equal(audit_verify(&p->who, stem, v, &err), 0);
	return v->problems;
}

/* Is one of the problems about @what? */
static bool is_told(const struct audit_verdict *v, const char *what) {
	for (char **t = v->told; t && *t; t++)
		if (strstr(*t, what))
			return true;
	return false;
}

/* ---- a line and its end */

static void a_line_says_what_it_is(void **state) {
	static const char line[] = "{\"a\":\"x\\\"}\"}\n";
	struct chain_mark m = CHAIN_START, before = m, read;
	autobuf struct buf out;
	char want[HASH_HEX_SIZE];
	size_t body;

	buf_init(&out, 1000);
	chain_seal(&m, line, sizeof(line) - 1, &out);
	assert_int_equal(m.seq, 1);
	assert_true(out.len - sizeof(line) + 1 <= CHAIN_END_MAX);
	assert_true(chain_read(out.data, out.len - 1, &read, &body));
	assert_true(chain_same(&m, &read));
	chain_hash(&before, out.data, body, want);
	assert_string_equal(want, m.hash);

	/* Whole JSON still, with all that was in it. */
	auto_json json_t *j = json_loadb(out.data, out.len, 0, NULL);

	assert_string_equal(json_get_str(j, "a", ""), "x\"}");
	assert_int_equal(json_get_int(j, "seq", 0), 1);

	/* No shorter and no other text is one. */
	for (size_t n = 0; n < out.len - 1; n++)
		assert_false(chain_read(out.data, n, &read, &body));
	assert_false(chain_read(out.data, out.len, &read, &body));
}

static void numbers_that_are_none(void **state) {
	static const char hex[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
	static const char *const starts[] = { "", "{\"seq\":1", "{,\"seq\":", "{,\"seq\":-",
					      "{,\"sek\":1", "{,\"seq\":12345678901234567890",
					      "{,\"seq\":1x" };
	struct chain_mark m;
	size_t body;

	for (size_t i = 0; i < ARRAY_SIZE(starts); i++) {
		autofree char *line = xasprintf("%s,\"chain\":\"%s\"}", starts[i], hex);

		assert_false(chain_read(line, strlen(line), &m, &body));
	}
	autofree char *upper = xasprintf("{,\"seq\":1,\"chain\":\"%.63sX\"}", hex);

	assert_false(chain_read(upper, strlen(upper), &m, &body));
}

/* ---- what breaks it */

static void a_whole_chain_is_whole(void **state) {
	struct place *p = *state;
	auto_audit_verdict struct audit_verdict v = { 0 };
	struct err err = { 0 };

	assert_int_equal(audit_verify(&p->who, "c", &v, &err), -ENOENT);
	write_some(p, "c", 1, 5);
	write_some(p, "c", 6, 9); /* another process */
	assert_int_equal(problems(p, "c", &v), 0);
	assert_int_equal(v.lines, 9);
	assert_int_equal(v.first, 1);
	assert_int_equal(v.last, 9);
	assert_true(v.has_head && !v.was_interrupted && !v.unchained);
}

static void each_changed_byte_is_found(void **state) {
	struct place *p = *state;
	size_t len;

	write_some(p, "c", 1, 4);

	autofree char *text = slurp(p, FILE_OF("c"), &len);
	autofree char *bad = xmemdup(text, len + 1);

	for (size_t i = 0; i < len; i++) {
		auto_audit_verdict struct audit_verdict v = { 0 };

		bad[i] = (char)(text[i] ^ 1);
		spew(p, FILE_OF("c"), bad, len);
		assert_true(problems(p, "c", &v) > 0);
		bad[i] = text[i];
	}
	spew(p, FILE_OF("c"), text, len);

	auto_audit_verdict struct audit_verdict v = { 0 };

	assert_int_equal(problems(p, "c", &v), 0);
}

static void each_cut_line_is_found(void **state) {
	struct place *p = *state;
	size_t len;

	write_some(p, "c", 1, 5);

	autofree char *text = slurp(p, FILE_OF("c"), &len);
	autostrv char **lines = strv_split(text, "\n");

	for (int gone = 0; gone < 5; gone++) {
		auto_audit_verdict struct audit_verdict v = { 0 };
		autobuf struct buf b;

		buf_init(&b, len);
		for (int i = 0; i < 5; i++)
			if (i != gone)
				buf_addf(&b, "%s\n", lines[i]);
		spew(p, FILE_OF("c"), b.data, b.len);
		assert_int_equal(problems(p, "c", &v), 1);

		autofree char *number = xasprintf("%d", gone + 1);

		assert_true(is_told(&v, "missing") && is_told(&v, number));
	}
	/* All of them; the file; half a line. */
	auto_audit_verdict struct audit_verdict v1 = { 0 }, v2 = { 0 }, v3 = { 0 };

	spew(p, FILE_OF("c"), "", 0);
	assert_int_equal(problems(p, "c", &v1), 1);
	assert_int_equal(unlinkat(p->fd, FILE_OF("c"), 0), 0);
	assert_int_equal(problems(p, "c", &v2), 1);
	spew(p, FILE_OF("c"), text, len - 10);
	assert_true(problems(p, "c", &v3) > 0);
}

static void other_orders_and_additions_are_found(void **state) {
	struct place *p = *state;
	auto_audit_verdict struct audit_verdict v1 = { 0 }, v2 = { 0 }, v3 = { 0 }, v4 = { 0 };
	size_t len;

	write_some(p, "c", 1, 3);

	autofree char *text = slurp(p, FILE_OF("c"), &len);
	autostrv char **l = strv_split(text, "\n");
	autofree char *swapped = xasprintf("%s\n%s\n%s\n", l[0], l[2], l[1]);
	autofree char *twice = xasprintf("%s\n%s\n%s\n%s\n", l[0], l[1], l[1], l[2]);
	autofree char *foreign = xasprintf("%s\n%s\nhello\n%s\n", l[0], l[1], l[2]);

	spew(p, FILE_OF("c"), swapped, strlen(swapped));
	assert_true(problems(p, "c", &v1) > 0);
	spew(p, FILE_OF("c"), twice, strlen(twice));
	assert_true(problems(p, "c", &v2) > 0);
	spew(p, FILE_OF("c"), foreign, strlen(foreign));
	assert_int_equal(problems(p, "c", &v3), 1);
	assert_true(is_told(&v3, "line 3"));

	/* A well made link at the end: the head does not know it. */
	struct chain_mark last, m;
	size_t body;
	autobuf struct buf forged;

	buf_init(&forged, 100000);
	buf_add(&forged, text, len);
	assert_true(chain_read(l[2], strlen(l[2]), &last, &body));
	m = last;
	chain_seal(&m, "{\"type\":\"container.ready\"}\n", 27, &forged);
	spew(p, FILE_OF("c"), forged.data, forged.len);
	assert_int_equal(problems(p, "c", &v4), 1);
	/* And the next line of ours does not build on it. */
	write_some(p, "c", 4, 4);

	auto_audit_verdict struct audit_verdict v5 = { 0 };

	assert_true(problems(p, "c", &v5) > 0);
}

static void what_was_cut_stays_found(void **state) {
	struct place *p = *state;
	auto_audit_verdict struct audit_verdict v = { 0 };
	size_t len;

	write_some(p, "c", 1, 4);

	autofree char *text = slurp(p, FILE_OF("c"), &len);
	autostrv char **l = strv_split(text, "\n");

	spew(p, FILE_OF("c"), text, strlen(l[0]) + 1);
	write_some(p, "c", 5, 6);
	assert_int_equal(problems(p, "c", &v), 1);
	assert_true(is_told(&v, "records 2 to 4 are missing"));
	assert_int_equal(v.last, 6);
}

static void without_a_head_it_says_so(void **state) {
	struct place *p = *state;
	auto_audit_verdict struct audit_verdict v1 = { 0 }, v2 = { 0 }, v3 = { 0 };
	struct stat st;

	write_some(p, "c", 1, 3);
	assert_int_equal(unlinkat(p->fd, ".coi/audit/c.head", 0), 0);
	assert_int_equal(problems(p, "c", &v1), 0);
	assert_false(v1.has_head);
	assert_int_equal(v1.lines, 3);
	/* It goes on from the last line. */
	write_some(p, "c", 4, 4);
	assert_int_equal(problems(p, "c", &v2), 0);
	assert_true(v2.has_head && v2.last == 4);
	/* One that leads away is not followed. */
	assert_int_equal(unlinkat(p->fd, ".coi/audit/c.head", 0), 0);
	assert_int_equal(symlinkat("../../victim", p->fd, ".coi/audit/c.head"), 0);
	write_some(p, "c", 5, 5);
	assert_int_equal(problems(p, "c", &v3), 0);
	assert_true(v3.has_head);
	assert_true(fstatat(p->fd, "victim", &st, 0) < 0);
}

static void a_death_in_between_is_no_cut(void **state) {
	struct place *p = *state;
	auto_audit_verdict struct audit_verdict v1 = { 0 }, v2 = { 0 }, v3 = { 0 };
	autoclose int dir = -1;
	struct chain_head head;

	write_some(p, "c", 1, 2);
	dir = openat(p->fd, ".coi/audit", O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(chain_head_read(dir, "c.head", p->who.uid, &head), 1);
	/* Died before the line. */
	head.next.seq = 3;
	assert_int_equal(chain_head_write(dir, "c.head", p->who.uid, &head), 0);
	assert_int_equal(problems(p, "c", &v1), 0);
	assert_true(v1.was_interrupted);
	write_some(p, "c", 3, 3);
	assert_int_equal(problems(p, "c", &v2), 0);
	assert_false(v2.was_interrupted);
	/* Died after the line, before the head heard of it. */
	assert_int_equal(chain_head_read(dir, "c.head", p->who.uid, &head), 1);
	head.now.seq = 2;
	assert_int_equal(chain_head_write(dir, "c.head", p->who.uid, &head), 0);
	write_some(p, "c", 4, 4);
	assert_int_equal(problems(p, "c", &v3), 0);
	assert_int_equal(v3.last, 4);
}

static void lines_of_before_are_counted(void **state) {
	struct place *p = *state;
	auto_audit_verdict struct audit_verdict v = { 0 };

	assert_int_equal(mkdirat(p->fd, ".coi", 0700), 0);
	assert_int_equal(mkdirat(p->fd, ".coi/audit", 0700), 0);
	spew(p, FILE_OF("c"), "{\"old\":1}\n{\"old\":2}\n", 20);
	write_some(p, "c", 1, 2);
	assert_int_equal(problems(p, "c", &v), 0);
	assert_int_equal(v.unchained, 2);
	assert_int_equal(v.lines, 2);
}

/* ---- room and time */

/* So much that the next line starts another file. */
static void fill_up(struct place *p) {
	auto_audit struct audit *a = audit_open(&p->who);
	autofree char *big = xcalloc(4001, 1);
	struct stat st = { 0 };

	memset(big, 'x', 4000);
	do {
		audit_hold(a);
		for (int i = 0; i < 200; i++)
			assert_int_equal(audit_write(a, AUDIT_STREAM_FILE, "c",
						     AUDIT_FIELDS(AUDIT_TEXT("path", big),
								  AUDIT_TEXT("op", "open")),
						     NULL), 0);
		assert_int_equal(audit_release(a, NULL), 0);
		assert_int_equal(fstatat(p->fd, FILE_OF("c"), &st, 0), 0);
	} while (st.st_size < AUDIT_FILE_MAX - 1000000);
}

static void threat(struct place *p, const char *title) {
	auto_audit struct audit *a = audit_open(&p->who);
	char *command[] = { (char *)"nc", (char *)"-e", (char *)"sh", NULL };
	const struct audit_threat t = {
		.level = AUDIT_HIGH,
		.category = AUDIT_PROCESS,
		.title = title,
		.description = "d",
		.evidence = AUDIT_EVIDENCE_PROCESS,
		.fields = AUDIT_FIELDS(AUDIT_INT("pid", 1), AUDIT_LIST("command", command)),
		.action = AUDIT_LOGGED,
	};
	struct err err;

	assert_int_equal(audit_threat(a, "c", &t, &err), 0);
}

static void a_flood_washes_no_threat_away(void **state) {
	struct place *p = *state;
	auto_audit_verdict struct audit_verdict v1 = { 0 }, v2 = { 0 };
	size_t len;

	threat(p, "the first one");
	fill_up(p);
	/* As if it were the oldest there may be. */
	assert_int_equal(renameat(p->fd, FILE_OF("c"), p->fd, FILE_OF("c") ".8"), 0);
	for (int i = 7; i > 0; i--) {
		autofree char *old = xasprintf(FILE_OF("c") ".%d", i);

		spew(p, old, "", 0);
	}
	fill_up(p);
	assert_int_equal(problems(p, "c", &v1), 0);
	assert_int_equal(v1.first, 1);
	fill_up(p);

	autofree char *kept = slurp(p, FILE_OF("c") ".kept", &len);

	assert_non_null(kept);
	assert_non_null(strstr(kept, "the first one"));
	assert_null(strstr(kept, "\"type\":\"file\""));
	assert_int_equal(problems(p, "c", &v2), 0);
	assert_true(v2.dropped > 1 && v2.first == v2.dropped + 1);
}

static void set_age(struct place *p, const char *name, int days) {
	const struct timespec ts[2] = { { .tv_sec = time(NULL) - days * 86400 },
					{ .tv_sec = time(NULL) - days * 86400 } };

	assert_int_equal(utimensat(p->fd, name, ts, 0), 0);
}

static void what_is_too_old_goes(void **state) {
	struct place *p = *state;
	auto_audit_verdict struct audit_verdict v = { 0 };
	struct err err = { 0 };
	struct stat st;

	assert_int_equal(audit_prune(&p->who, 30, time(NULL), &err), 0); /* there is nothing at all */
	write_some(p, "old", 1, 2);
	write_some(p, "c", 1, 3);
	assert_int_equal(renameat(p->fd, FILE_OF("c"), p->fd, FILE_OF("c") ".1"), 0);
	write_some(p, "c", 4, 6);
	spew(p, ".coi/audit/other.txt", "x", 1);
	set_age(p, FILE_OF("old"), 31);
	set_age(p, FILE_OF("c") ".1", 31);
	set_age(p, ".coi/audit/other.txt", 31);
	assert_int_equal(audit_prune(&p->who, 32, time(NULL), &err), 0);
	assert_int_equal(audit_prune(&p->who, 30, time(NULL), &err), 3);
	/* old.jsonl, old.head, c.jsonl.1 */
	assert_true(fstatat(p->fd, FILE_OF("old"), &st, 0) < 0);
	assert_true(fstatat(p->fd, ".coi/audit/old.head", &st, 0) < 0);
	assert_true(fstatat(p->fd, FILE_OF("c") ".1", &st, 0) < 0);
	assert_int_equal(fstatat(p->fd, ".coi/audit/other.txt", &st, 0), 0);
	assert_int_equal(problems(p, "c", &v), 0);
	assert_int_equal(v.dropped, 3);
	assert_int_equal(v.first, 4);
}

#define DAYS 86400

/* A clock that runs away for an hour costs no record; one that stays there does, later. */
static void a_clock_that_leaps_removes_nothing(void **state) {
	struct place *p = *state;
	const time_t now = time(NULL), far = now + 30000 * (time_t)DAYS;
	struct err err = { 0 };
	struct stat st;

	write_some(p, "c", 1, 2);
	assert_int_equal(audit_prune(&p->who, 30, now, &err), 0);
	assert_int_equal(audit_prune(&p->who, 30, far, &err), 0);
	assert_int_equal(audit_prune(&p->who, 30, far + 3600, &err), 0);
	/* Back, and on: it is as if nothing had been. */
	assert_int_equal(audit_prune(&p->who, 30, now + 7200, &err), 0);
	assert_int_equal(audit_prune(&p->who, 30, now - 400 * (time_t)DAYS, &err), 0);
	assert_int_equal(fstatat(p->fd, FILE_OF("c"), &st, 0), 0);
	/* What stands in its file may be anything. */
	spew(p, ".coi/audit/clock", "-9223372036854775808 x", 22);
	assert_int_equal(audit_prune(&p->who, 30, now, &err), 0);
	spew(p, ".coi/audit/clock", "9223372036854775807 -9223372036854775808", 41);
	assert_int_equal(audit_prune(&p->who, 30, now, &err), 0);
	/* A machine that was off for long: a day after that. */
	assert_int_equal(audit_prune(&p->who, 30, now + 40 * (time_t)DAYS, &err), 0);
	assert_int_equal(audit_prune(&p->who, 30, now + 41 * (time_t)DAYS, &err), 2);
	assert_true(fstatat(p->fd, FILE_OF("c"), &st, 0) < 0);
}

static void a_clock_that_is_believed(void **state) {
	struct audit_clock c = { 0 };
	(void)state;

	assert_true(audit_clock_holds(&c, 1000000));
	assert_true(audit_clock_holds(&c, 1000000 + AUDIT_LEAP_DAYS * DAYS));
	assert_true(audit_clock_holds(&c, 5)); /* far back */
	assert_false(audit_clock_holds(&c, 100 * DAYS));
	assert_false(audit_clock_holds(&c, 101 * DAYS - 1));
	assert_true(audit_clock_holds(&c, 101 * DAYS));
	assert_true(audit_clock_holds(&c, 102 * DAYS));
}

/* ---- many at once, and none at all */

static void held_lines_are_one_write(void **state) {
	struct place *p = *state;
	auto_audit struct audit *a = audit_open(&p->who);
	auto_audit_verdict struct audit_verdict v = { 0 };
	struct err err = { 0 };
	struct stat st;

	audit_set_session(a, "s1");
	audit_hold(a);
	for (int i = 0; i < 3; i++)
		assert_int_equal(audit_write(a, AUDIT_STREAM_EXEC, "c",
					     AUDIT_FIELDS(AUDIT_INT("pid", i)), &err), 0);
	assert_true(fstatat(p->fd, FILE_OF("c"), &st, 0) < 0);
	/* A threat does not wait behind what may be lost, and comes after it. */
	assert_int_equal(audit_write(a, AUDIT_CONTAINER_READY, "c", AUDIT_FIELDS(AUDIT_INT("ms", 1)),
				     &err), 0);
	assert_int_equal(audit_release(a, &err), 0);
	assert_int_equal(problems(p, "c", &v), 0);
	assert_int_equal(v.lines, 4);

	size_t len;
	autofree char *text = slurp(p, FILE_OF("c"), &len);

	assert_non_null(strstr(text, "\"sessionId\":\"s1\",\"container\":\"c\","
				     "\"type\":\"exec\",\"pid\":0"));
}

static void what_was_lost_is_said(void **state) {
	struct place *p = *state;
	auto_audit struct audit *a = audit_open(&p->who);
	auto_audit_verdict struct audit_verdict v = { 0 };
	struct err err = { 0 };
	size_t len;

	write_some(p, "c", 1, 1);
	assert_int_equal(renameat(p->fd, FILE_OF("c"), p->fd, "away"), 0);
	assert_int_equal(symlinkat("../../victim", p->fd, FILE_OF("c")), 0);
	audit_hold(a);
	for (int i = 0; i < 7; i++)
		assert_int_equal(audit_write(a, AUDIT_STREAM_EXEC, "c",
					     AUDIT_FIELDS(AUDIT_INT("pid", i)), &err), 0);
	assert_true(audit_release(a, &err) < 0);
	assert_non_null(strstr(err.msg, "c.jsonl"));
	assert_true(audit_write(a, AUDIT_STREAM_EXEC, "c", AUDIT_FIELDS(AUDIT_INT("pid", 1)), &err) < 0);
	assert_int_equal(renameat(p->fd, "away", p->fd, FILE_OF("c")), 0);
	assert_int_equal(audit_write(a, AUDIT_STREAM_EXEC, "c", AUDIT_FIELDS(AUDIT_INT("pid", 77)),
				     &err), 0);
	assert_int_equal(problems(p, "c", &v), 0);
	assert_int_equal(v.lines, 3);

	autofree char *text = slurp(p, FILE_OF("c"), &len);
	autostrv char **l = strv_split(text, "\n");
	auto_json json_t *lost = json_loads(l[1], 0, NULL), *next = json_loads(l[2], 0, NULL);

	assert_string_equal(json_get_str(lost, "msg", ""), "records.lost");
	assert_int_equal(json_get_int(lost, "count", 0), 8);
	assert_non_null(strstr(json_get_str(lost, "raw", ""), "c.jsonl"));
	assert_int_equal(json_get_int(next, "pid", 0), 77);
}

/* ---- lines out of a file */

static void lines_are_read_one_by_one(void **state) {
	struct place *p = *state;
	auto_linereader struct linereader r = { 0 };
	autoclose int fd = -1;

	spew(p, "lines", "one\n\n123456789\nrest", 19);
	fd = openat(p->fd, "lines", O_RDWR | O_CLOEXEC);
	linereader_init(&r, fd, 8);
	assert_int_equal(linereader_next(&r), 1);
	assert_string_equal(r.line, "one");
	assert_int_equal(linereader_next(&r), 1);
	assert_string_equal(r.line, "");
	assert_int_equal(linereader_next(&r), 1);
	assert_string_equal(r.line, "12345678");
	assert_true(r.is_cut);
	assert_int_equal(linereader_next(&r), 0);
	assert_string_equal(r.line, "rest");
	assert_int_equal(pwrite(fd, "ed\nx", 4, 19), 4);
	assert_int_equal(linereader_next(&r), 1);
	assert_string_equal(r.line, "rested");
	assert_int_equal(linereader_next(&r), 0);
	assert_string_equal(r.line, "x");
}

int main(void) {
#define WITH_PLACE(name_) cmocka_unit_test_setup_teardown(name_, place_make, place_remove)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_says_what_it_is),
		cmocka_unit_test(numbers_that_are_none),
		WITH_PLACE(a_whole_chain_is_whole),
		WITH_PLACE(each_changed_byte_is_found),
		WITH_PLACE(each_cut_line_is_found),
		WITH_PLACE(other_orders_and_additions_are_found),
		WITH_PLACE(what_was_cut_stays_found),
		WITH_PLACE(without_a_head_it_says_so),
		WITH_PLACE(a_death_in_between_is_no_cut),
		WITH_PLACE(lines_of_before_are_counted),
		WITH_PLACE(a_flood_washes_no_threat_away),
		WITH_PLACE(what_is_too_old_goes),
		WITH_PLACE(a_clock_that_leaps_removes_nothing),
		cmocka_unit_test(a_clock_that_is_believed),
		WITH_PLACE(held_lines_are_one_write),
		WITH_PLACE(what_was_lost_is_said),
		WITH_PLACE(lines_are_read_one_by_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
