/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a watcher tells its supervisor, and texts of the kernel that it reads. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "audit/typed.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/strv.h"
#include "monitor/counters.h"
#include "monitor/source/process.h"
#include "monitor/wire.h"

static struct audit *memory_audit(struct audit_sink **ret) {
	const struct privilege who = { .user = (char *)"ann", .home = (char *)"/" };
	struct audit *a = audit_new(&who);

	*ret = audit_sink_memory();
	audit_add_sink(a, *ret);
	return a;
}

static void an_exec_arrives_whole(void **state) {
	char *argv[] = { (char *)"sh", (char *)"-c", (char *)"a\nb\033\377 --password x", NULL };
	const struct watch_event e = {
		.kind = WATCH_EXEC,
		.pid = 7,
		.ppid = 6,
		.uid = 1000,
		.exec = { .exe = "/tmp/sh",
		          .file = "bash",
		          .comm = "s\nh",
		          .argv = argv,
		          .argc = 3,
		          .args_bytes = 99,
		          .is_cut = true,
		          .streams = { WATCH_STREAM_REMOTE, WATCH_STREAM_PIPE,
		                       WATCH_STREAM_OTHER } },
	};
	struct audit_sink *sink;
	auto_audit struct audit *a = memory_audit(&sink);
	auto_json json_t *j = wire_event(&e);
	enum audit_type type = audit_stream_from_string(json_get_str(j, "type", ""));
	struct err err;
	const json_t *r;

	(void)state;
	assert_int_equal(type, AUDIT_STREAM_EXEC);
	assert_int_equal(audit_write_typed(a, type, "c", j, &err), 0);
	r = audit_memory_get(sink, 0);
	assert_int_equal(json_get_int(r, "pid", 0), 7);
	assert_int_equal(json_get_int(r, "ppid", 0), 6);
	assert_int_equal(json_get_int(r, "uid", 0), 1000);
	assert_string_equal(json_get_str(r, "comm", ""), "s\\x0ah");
	assert_string_equal(json_get_str(r, "exe", ""), "bash");
	assert_string_equal(json_get_str(r, "args", ""),
	                    "sh -c 'a\\x0ab\\x1b\\xff --password ***'");
	assert_int_equal(json_get_int(r, "args_bytes", 0), 99);
	assert_string_equal(json_get_str(r, "stdio", ""), "remote pipe other");
}

/* Whatever words and however many: one message, and no more than a record holds. */
static void a_giant_is_cut(void **state) {
	autofree char *big = xcalloc(300000, 1);
	char *argv[1001];
	struct watch_event e = { .kind = WATCH_EXEC, .pid = 1, .uid = -1 };

	(void)state;
	memset(big, '\001', 299999);
	for (size_t i = 0; i < 1000; i++)
		argv[i] = big;
	argv[1000] = NULL;
	e.exec = (struct watch_exec){ .exe = big,
		                      .file = big,
		                      .comm = "x",
		                      .argv = argv,
		                      .argc = 1000,
		                      .args_bytes = 300000000 };

	auto_json json_t *j = wire_event(&e);
	autofree char *text = json_dumps(j, JSON_COMPACT);

	assert_true(strlen(text) < 64 * 1024);
	assert_true(json_get_int(j, "args_bytes", 0) == 300000000);
}

static void a_connection_comes_back(void **state) {
	struct watch_event e = { .kind = WATCH_CONNECT, .pid = 7, .uid = 0, .comm = "curl" };
	struct watch_connect c;

	(void)state;
	e.connect = (struct watch_connect){ .family = AF_INET,
		                            .protocol = IPPROTO_TCP,
		                            .address = { 203, 0, 113, 10 },
		                            .port = 443 };

	auto_json json_t *j = wire_event(&e);

	assert_true(wire_connect(j, &c));
	assert_memory_equal(c.address, e.connect.address, sizeof(c.address));
	assert_int_equal(c.port, 443);
	assert_int_equal(c.family, AF_INET);
	assert_string_equal(json_get_str(j, "peer", ""), "203.0.113.10:443");
	assert_string_equal(json_get_str(j, "proto", ""), "tcp");
}

static void no_connection_is_made_up(void **state) {
	static const char *const texts[] = {
		"{}",
		"{\"raw\":{}}",
		"{\"raw\":{\"family\":3,\"protocol\":6,\"port\":1,\"address\":[1,2,3,4,0,0,0,0,0,0,"
		"0,0,0,0,0,0]}}",
		"{\"raw\":{\"family\":2,\"protocol\":6,\"port\":65536,\"address\":[1,2,3,4,0,0,0,0,"
		"0,0,0,0,0,0,0,0]}}",
		"{\"raw\":{\"family\":2,\"protocol\":-1,\"port\":1,\"address\":[1,2,3,4,0,0,0,0,0,"
		"0,0,0,0,0,0,0]}}",
		"{\"raw\":{\"family\":2,\"protocol\":6,\"port\":1,\"address\":[1,2,3,4]}}",
		"{\"raw\":{\"family\":2,\"protocol\":6,\"port\":1,\"address\":[256,2,3,4,0,0,0,0,0,"
		"0,0,0,0,0,0,0]}}",
		"{\"raw\":{\"family\":2,\"protocol\":6,\"port\":1,\"address\":[\"1\",2,3,4,0,0,0,0,"
		"0,0,0,0,0,0,0,0]}}",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		auto_json json_t *j = json_loads(texts[i], 0, NULL);
		struct watch_connect c;

		assert_non_null(j);
		assert_false(wire_connect(j, &c));
	}
}

/* Each kind of evidence fits the table of the records. */
static void threats_of_each_kind_are_recorded(void **state) {
	char *argv[] = { (char *)"nc", (char *)"-e", NULL };
	static const enum watch_kind kinds[AUDIT_EVIDENCE_COUNT] = {
		[AUDIT_EVIDENCE_PROCESS] = WATCH_EXEC,
		[AUDIT_EVIDENCE_PROC_EVENT] = WATCH_EXEC,
		[AUDIT_EVIDENCE_NETWORK] = WATCH_CONNECT,
		[AUDIT_EVIDENCE_FILESYSTEM] = WATCH_COUNTERS,
		[AUDIT_EVIDENCE_FILE_WRITE] = WATCH_COUNTERS,
		[AUDIT_EVIDENCE_DISK_SPACE] = WATCH_COUNTERS,
		[AUDIT_EVIDENCE_PROCESS_COUNT] = WATCH_COUNTERS,
		[AUDIT_EVIDENCE_AUTH_LOG] = WATCH_LINE,
		[AUDIT_EVIDENCE_SENSITIVE_FILE] = WATCH_FILE,
	};

	(void)state;
	for (int k = 0; k < AUDIT_EVIDENCE_COUNT; k++) {
		struct watch_event e = { .kind = kinds[k], .pid = 7, .uid = 0, .at_us = 5 };
		const struct finding f = { .rule = "rule",
			                   .level = AUDIT_HIGH,
			                   .category = AUDIT_PROCESS,
			                   .title = "title",
			                   .description = "description",
			                   .evidence = (enum audit_evidence)k,
			                   .indicator = "in\033d",
			                   .amount = 61.5,
			                   .rate = 2,
			                   .threshold = 50,
			                   .over_ms = 2000 };
		struct audit_sink *sink;
		auto_audit struct audit *a = memory_audit(&sink);
		struct audit_threat t;
		struct err err;

		if (e.kind == WATCH_EXEC)
			e.exec = (struct watch_exec){
				.exe = "", .file = "", .comm = "", .argv = argv, .argc = 2
			};
		else if (e.kind == WATCH_CONNECT)
			e.connect = (struct watch_connect){ .family = AF_INET };
		else if (e.kind == WATCH_LINE)
			e.line = (struct watch_line){ .file = "auth.log", .text = "failed\033" };
		else if (e.kind == WATCH_FILE)
			e.file = (struct watch_file){ .path = "/etc/shadow" };

		auto_json json_t *j = wire_threat(&f, &e);
		auto_json json_t *again = wire_threat_again(j, 9);
		autofree char *text = json_dumps(j, JSON_COMPACT);

		assert_null(strchr(text, '\033'));
		assert_true(wire_threat_read(j, &t));
		assert_int_equal(t.level, AUDIT_HIGH);
		assert_int_equal(t.evidence, k);
		assert_int_equal(json_get_int(j, "at_us", 0), 5);
		assert_int_equal(audit_threat_typed(a, "c", &t, json_object_get(j, "fields"), &err),
		                 0);
		assert_int_equal(audit_memory_count(sink), 1);
		assert_true(wire_threat_read(again, &t));
		assert_int_equal(t.count, 9);
	}
}

static void threats_that_are_none(void **state) {
	static const char *const texts[] = {
		"{}",
		"{\"level\":\"grave\",\"category\":\"process\",\"title\":\"t\",\"description\":"
		"\"d\",\"evidence\":\"process\"}",
		"{\"level\":\"high\",\"category\":\"x\",\"title\":\"t\",\"description\":\"d\","
		"\"evidence\":\"process\"}",
		"{\"level\":\"high\",\"category\":\"process\",\"description\":\"d\",\"evidence\":"
		"\"process\"}",
		"{\"level\":\"high\",\"category\":\"process\",\"title\":1,\"description\":\"d\","
		"\"evidence\":\"process\"}",
		"{\"level\":\"high\",\"category\":\"process\",\"title\":\"t\",\"description\":"
		"\"d\",\"evidence\":\"guess\"}",
	};
	static const char good[] = "{\"level\":\"high\",\"category\":\"process\",\"title\":\"t\","
				   "\"description\":\"d\",\"evidence\":\"process\"}";
	struct audit_sink *sink;
	auto_audit struct audit *a = memory_audit(&sink);
	auto_json json_t *j = json_loads(good, 0, NULL);
	auto_json json_t *half = json_loads("{\"pid\":\"7\",\"command\":7}", 0, NULL);
	struct audit_threat t;
	struct err err = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		auto_json json_t *bad = json_loads(texts[i], 0, NULL);

		assert_false(wire_threat_read(bad, &t));
	}
	/* Evidence of other kinds than the table has is none, and no reason to die. */
	assert_true(wire_threat_read(j, &t));
	assert_int_equal(audit_threat_typed(a, "c", &t, half, &err), -EBADMSG);
	assert_int_equal(audit_threat_typed(a, "c", &t, NULL, &err), -EBADMSG);
	assert_int_equal(audit_write_typed(a, AUDIT_STREAM_EXEC, "c", half, &err), -EBADMSG);
	assert_int_equal(audit_memory_count(sink), 0);
	assert_int_equal(audit_stream_from_string("container.delete"), AUDIT_TYPE_COUNT);
	assert_int_equal(audit_stream_from_string(""), AUDIT_TYPE_COUNT);
}

static void states_are_records(void **state) {
	(void)state;
	for (int s = 0; s < WATCH_STATE_COUNT; s++) {
		const struct watch_event e = { .kind = WATCH_STATE,
			                       .status = { .state = (enum watch_state)s,
			                                   .source = "exec",
			                                   .backend = "bpf",
			                                   .count = 3,
			                                   .detail = "why" } };
		struct audit_sink *sink;
		auto_audit struct audit *a = memory_audit(&sink);
		auto_json json_t *j = wire_event(&e);
		struct err err;

		assert_int_equal(audit_write_typed(a, AUDIT_STREAM_AUDIT, "c", j, &err), 0);
		assert_string_equal(json_get_str(audit_memory_get(sink, 0), "msg", ""),
		                    watch_state_to_string((enum watch_state)s));
		assert_int_equal(json_get_int(audit_memory_get(sink, 0), "count", 0), 3);
	}
}

static void settings_come_back(void **state) {
	const struct detect_settings set = {
		DETECT_ONE_LINERS_WARN, 50.5, 10.25, 100, 200, 300, true
	};
	auto_json json_t *j = wire_settings(&set), *none = json_object();
	struct detect_settings back;

	(void)state;
	wire_settings_read(j, &back);
	assert_int_equal(back.one_liners, DETECT_ONE_LINERS_WARN);
	assert_true(back.read_mb == 50.5 && back.read_mb_per_s == 10.25);
	assert_int_equal(back.processes, 100);
	assert_int_equal(back.spawns_per_s, 200);
	assert_int_equal(back.queries_per_minute, 300);
	assert_true(back.is_allowlist);
	json_object_set_new(none, "one_liners", json_integer(77));
	wire_settings_read(none, &back);
	assert_int_equal(back.one_liners, DETECT_ONE_LINERS_CRITICAL);
	assert_int_equal(back.processes, 0);
}

/* ---- texts of the kernel */

static void counters_of_both_versions(void **state) {
	uint64_t r, w;

	(void)state;
	counters_read_io("8:0 Read 4096\n8:0 Write 8192\n8:0 Sync 0\n8:0 Total 12288\n"
	                 "254:1 Read 1\nTotal 12289\n",
	                 &r, &w);
	assert_int_equal(r, 4097);
	assert_int_equal(w, 8192);
	counters_read_io("8:0 rbytes=10 wbytes=20 rios=1 wios=1 dbytes=0 dios=0\n"
	                 "254:1 rbytes=5 wbytes=0 rios=0\n",
	                 &r, &w);
	assert_int_equal(r, 15);
	assert_int_equal(w, 20);
	counters_read_io("", &r, &w);
	assert_true(!r && !w);
	counters_read_io("8:0 \n:::\n8:0 Read x\n", &r, &w);
	assert_true(!r && !w);
	counters_read_links("Inter-|   Receive\n face |bytes\n"
	                    "    lo: 1 2 3 4 5 6 7 8 900 10 11 12 13 14 15 16\n"
	                    "  eth0: 1 2 3 4 5 6 7 8 500 10 11 12 13 14 15 16\n"
	                    "docker0: 2 2 3 4 5 6 7 8 7 10 11 12 13 14 15 16\n",
	                    &r, &w);
	assert_int_equal(r, 3);
	assert_int_equal(w, 507);
	counters_read_links("", &r, &w);
	assert_true(!r && !w);
	assert_int_equal(counters_read_cpu("5000\n"), 5);
	assert_int_equal(counters_read_cpu("usage_usec 77\nuser_usec 1\n"), 77);
	assert_int_equal(counters_read_cpu("x"), UINT64_MAX);
}

static void words_of_a_process(void **state) {
	char text[] = "a\0b c\0\0d";
	size_t argc;
	autofree char **argv = process_argv(text, sizeof(text), &argc);
	char none[] = "";
	size_t count;
	autofree char **empty = process_argv(none, 0, &count);

	(void)state;
	assert_int_equal(argc, 4);
	assert_string_equal(argv[1], "b c");
	assert_string_equal(argv[2], "");
	assert_string_equal(argv[3], "d");
	assert_null(argv[4]);
	assert_int_equal(count, 0);
	assert_true(!empty || !empty[0]);
}

static void our_own_process_is_read(void **state) {
	autoclose int proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct process p;

	(void)state;
	assert_int_equal(process_read(proc, getpid(), &p), 0);
	assert_int_equal(p.ppid, getppid());
	assert_int_equal(p.uid, geteuid());
	assert_true(p.start > 0 && p.args.len > 0 && p.args_bytes == p.args.len);
	process_done(&p);
	assert_true(process_read(proc, 0x7ffffff0, &p) < 0);
	process_done(&p);
	assert_int_equal(process_is_in(proc, getpid(), "no-such-container"), 0);
	assert_true(process_is_in(proc, 0x7ffffff0, "x") < 0);
}

/* A child that does @what, stops, and is there until it is killed. */
static pid_t child_that(void (*what)(void)) {
	pid_t pid = fork();

	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		what();
		(void)raise(SIGSTOP);
		_exit(0);
	}
	assert_int_equal(waitid(P_PID, (id_t)pid, &(siginfo_t){ 0 }, WSTOPPED | WEXITED | WNOWAIT),
	                 0);
	return pid;
}

/*
 * Where they are, on the first thread's stack, which may be in use on that page. All up to its
 * top, where the program's name is (getauxval(3)): what is left above would grow down again.
 */
static void *unmap_words(void *data) {
	const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), top = getauxval(AT_EXECFN);
	const uintptr_t from = (uintptr_t)program_invocation_name / page * page;

	(void)data;
	(void)munmap((void *)from, (top + strlen((const char *)top)) / page * page + page - from);
	(void)kill(getpid(), SIGSTOP);
	return NULL;
}

static void forget_words(void) {
	pthread_t thread;

	if (pthread_create(&thread, NULL, unmap_words, NULL) == 0)
		(void)pthread_join(thread, NULL);
}

static void end(void) {
	_exit(0);
}

static struct {
	int count;
	bool is_gone;
	size_t argc;
} told;

static void on_event(const struct watch_event *e, void *data) {
	(void)data;
	told.count++;
	told.is_gone = e->exec.is_gone;
	told.argc = e->exec.argc;
}

static void who_has_no_words_has_ended_or_not(void **state) {
	const struct watch_sink sink = { .event = on_event };
	const struct watch_target target = { 0 };
	autoclose int proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	static const struct {
		void (*what)(void);
		bool is_gone;
	} all[] = { { forget_words, false }, { end, true } };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		pid_t pid = child_that(all[i].what);
		struct process p;

		assert_int_equal(process_read(proc, pid, &p), 0);
		process_tell(&p, &target, false, &sink);
		process_done(&p);
		assert_int_equal(told.count, i + 1);
		assert_int_equal(told.argc, 0);
		assert_int_equal(told.is_gone, all[i].is_gone);
		(void)kill(pid, SIGKILL);
		assert_int_equal(waitpid(pid, NULL, 0), pid);
		/* And when nothing of it is left. */
		assert_true(process_read(proc, pid, &p) < 0);
		process_tell(&p, &target, false, &sink);
		process_done(&p);
		assert_true(told.is_gone);
		told.count--;
	}
}

static void count_one(pid_t pid, void *data) {
	*(int *)data += pid;
}

/* Whoever makes groups in groups does not hide in them without a word. */
static void groups_that_are_too_deep_are_counted(void **state) {
	char top[] = "/tmp/coi-unit.XXXXXX";
	int fds[20], sum = 0;

	(void)state;
	assert_non_null(mkdtemp(top));
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
		int above = i ? fds[i - 1] : open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		assert_int_equal(mkdirat(above, "g", 0700), 0);
		fds[i] = openat(above, "g", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		assert_int_equal(file_write_quick_at(fds[i], "cgroup.procs", "1\n", 2, 0600), 0);
	}
	assert_int_equal(process_each(fds[0], count_one, &sum), 1);
	assert_int_equal(sum, 17);
	sum = 0;
	assert_int_equal(process_each(fds[5], count_one, &sum), 0);
	assert_int_equal(sum, 15);
	for (size_t i = ARRAY_SIZE(fds); i-- > 0;) {
		assert_int_equal(unlinkat(fds[i], "cgroup.procs", 0), 0);
		if (i)
			assert_int_equal(unlinkat(fds[i - 1], "g", AT_REMOVEDIR), 0);
	}
	/* One that has gone is none that was missed. */
	assert_int_equal(process_each(fds[19], count_one, &sum), 0);
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		assert_int_equal(close(fds[i]), 0);
}

static void *thread_with_a_name(void *data) {
	autoclose int proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	(void)prctl(PR_SET_NAME, "a)\nTgid:\t1");
	process_who(proc, (pid_t)syscall(SYS_gettid), data);
	return NULL;
}

static void a_thread_is_of_a_process(void **state) {
	autoclose int proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct process p;
	pthread_t thread;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, thread_with_a_name, &p), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(p.pid, getpid());
	assert_int_equal(p.uid, geteuid());
	assert_string_equal(p.comm, "a)\nTgid:\t1");
	process_who(proc, 0x7ffffff0, &p);
	assert_int_equal(p.pid, 0x7ffffff0);
	assert_int_equal(p.uid, -1);
	assert_string_equal(p.comm, "");
}

static void numbers_of_users(void **state) {
	const struct watch_target t = { .uid_base = 100000, .uid_count = 65536 };

	(void)state;
	assert_int_equal(watch_uid(&t, 100000), 0);
	assert_int_equal(watch_uid(&t, 101000), 1000);
	assert_int_equal(watch_uid(&t, 165535), 65535);
	assert_int_equal(watch_uid(&t, 165536), -1);
	assert_int_equal(watch_uid(&t, 0), -1);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_exec_arrives_whole),
		cmocka_unit_test(a_giant_is_cut),
		cmocka_unit_test(a_connection_comes_back),
		cmocka_unit_test(no_connection_is_made_up),
		cmocka_unit_test(threats_of_each_kind_are_recorded),
		cmocka_unit_test(threats_that_are_none),
		cmocka_unit_test(states_are_records),
		cmocka_unit_test(settings_come_back),
		cmocka_unit_test(counters_of_both_versions),
		cmocka_unit_test(words_of_a_process),
		cmocka_unit_test(our_own_process_is_read),
		cmocka_unit_test(who_has_no_words_has_ended_or_not),
		cmocka_unit_test(groups_that_are_too_deep_are_counted),
		cmocka_unit_test(a_thread_is_of_a_process),
		cmocka_unit_test(numbers_of_users),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
