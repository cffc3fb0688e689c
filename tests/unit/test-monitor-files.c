/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What an event about a file means, and what is read to find out. */
#include <fcntl.h>
#include <linux/fanotify.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"
#include "base/mem.h"
#include "monitor/source/files.h"

static const struct {
	const char *name, *text;
} of_seven[] = {
	{ "cgroup", "0::/lxc.payload.c1/x\n" },
	{ "stat", "7 (cat) S 1 7 7 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 100 4096 1\n" },
	{ "status", "Name:\tcat\nTgid:\t7\nUid:\t1005\t1005\t1005\t1005\n" },
};

static unsigned told;

static void on_event(const struct watch_event *e, void *data) {
	(void)data;
	told++;
	assert_int_equal(e->kind, WATCH_FILE);
	assert_int_equal(e->pid, 7);
	assert_int_equal(e->uid, 5);
	assert_string_equal(e->comm, "cat");
	assert_string_equal(e->file.path, "/root/.ssh/id_rsa");
}

/* Its words are in its memory, and reading that may take as long as it wants. */
static void nothing_is_read_of_its_memory(void **state) {
	const struct watch_sink sink = { .event = on_event };
	char top[] = "/tmp/coi-unit.XXXXXX";
	struct mark mark = { .path = (char *)"/root/.ssh/id_rsa", .is_file = true };
	const struct told t = { .mask = FAN_OPEN, .pid = 7, .file = &mark };
	struct files f = { .sink = &sink,
		           .target = { .lxc_name = "c1", .uid_base = 1000, .uid_count = 10 } };
	int proc, seven;

	(void)state;
	assert_non_null(mkdtemp(top));
	proc = f.target.proc_fd = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(mkdirat(proc, "7", 0700), 0);
	seven = openat(proc, "7", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (size_t i = 0; i < ARRAY_SIZE(of_seven); i++)
		assert_int_equal(file_write_quick_at(seven, of_seven[i].name, of_seven[i].text,
		                               strlen(of_seven[i].text), 0600),
		                 0);
	/* Nobody ever writes into it. */
	assert_int_equal(mkfifoat(seven, "cmdline", 0600), 0);
	(void)alarm(20);
	files_judge(&f, &t);
	assert_int_equal(told, 1);
	(void)alarm(0);
	for (size_t i = 0; i < ARRAY_SIZE(of_seven); i++)
		assert_int_equal(unlinkat(seven, of_seven[i].name, 0), 0);
	assert_int_equal(unlinkat(seven, "cmdline", 0), 0);
	assert_int_equal(unlinkat(proc, "7", AT_REMOVEDIR), 0);
	assert_int_equal(rmdir(top), 0);
	assert_int_equal(close(seven) || close(proc), 0);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_read_of_its_memory),
	};

	return cmocka_run_group_tests_name("monitor-files", tests, NULL, NULL);
}
