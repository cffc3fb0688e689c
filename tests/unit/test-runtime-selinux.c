/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/mem.h"
#include "runtime/selinux.h"

#define PLACES 65536u /* ranges of ids that there can be */
#define POLICY_CATEGORIES 1024

static void labels_of(uint32_t base, char process[SELINUX_LABEL_SIZE], char file[SELINUX_LABEL_SIZE]) {
	const struct id_range ids = { .base = base, .count = IDS_COUNT_PLAIN };

	selinux_process_label(&ids, process);
	selinux_file_label(&ids, file);
}

static void test_labels(void **state) {
	static const struct {
		uint32_t base;
		const char *level;
	} rows[] = {
		{ 65536, "s0:c0,c2" },	 { 2 * 65536, "s0:c1,c2" },	{ 100000, "s0:c0,c2" },
		{ 1048576, "s0:c1,c6" }, { 4294901760u, "s0:c194,c362" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char process[SELINUX_LABEL_SIZE], file[SELINUX_LABEL_SIZE], want[SELINUX_LABEL_SIZE];

		labels_of(rows[i].base, process, file);
		(void)snprintf(want, sizeof(want), "system_u:system_r:coi_container_t:s0-%s",
			       rows[i].level);
		assert_string_equal(process, want);
		(void)snprintf(want, sizeof(want), "system_u:object_r:coi_container_file_t:%s",
			       rows[i].level);
		assert_string_equal(file, want);
	}
}

/* No two containers have the same pair, and neither dominates the other's: both have two. */
static void test_each_range_its_own(void **state) {
	static unsigned char seen[POLICY_CATEGORIES][POLICY_CATEGORIES];

	(void)state;
	for (uint32_t place = 1; place < PLACES; place++) {
		char process[SELINUX_LABEL_SIZE], file[SELINUX_LABEL_SIZE];
		unsigned low = 0, high = 0;

		/* Wherever in its place it begins. */
		labels_of(place * IDS_COUNT_PLAIN + place % IDS_COUNT_PLAIN, process, file);
		assert_int_equal(sscanf(strchr(file, ','), ",c%u", &high), 1);
		assert_int_equal(sscanf(strstr(file, ":s0:c"), ":s0:c%u", &low), 1);
		assert_true(low < high && high < POLICY_CATEGORIES);
		assert_false(seen[low][high]);
		seen[low][high] = 1;
	}
}

/* A file in the kernel's place: what it says to a write is the answer. */
static void test_answers(void **state) {
	static const char asked[] = "system_u:object_r:coi_container_file_t:";
	char path[] = "/tmp/coi-selinux.XXXXXX", text[256] = "";
	enum selinux is = SELINUX_OFF;
	struct err err;
	int fd;

	(void)state;
	fd = mkostemp(path, O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(selinux_look(path, &is, &err), 0);
	assert_int_equal(is, SELINUX_ON);
	/* It was asked of both, of this one last. */
	assert_true(pread(fd, text, sizeof(text) - 1, 0) > 0);
	assert_memory_equal(text, asked, strlen(asked));
	(void)close(fd);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(selinux_look(path, &is, &err), 0);
	assert_int_equal(is, SELINUX_OFF);
	/* It refuses what is no number (EINVAL), as selinuxfs refuses a label that it has not. */
	assert_int_equal(selinux_look("/proc/self/oom_score_adj", &is, &err), 0);
	assert_int_equal(is, SELINUX_NO_TYPE);
	/* Not to know is not "no". */
	is = SELINUX_ON;
	assert_int_equal(selinux_look("/dev/full", &is, &err), -ENOSPC);
	assert_int_equal(is, SELINUX_ON);
	assert_non_null(strstr(err.msg, "cannot ask SELinux"));
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_labels),
		cmocka_unit_test(test_each_range_its_own),
		cmocka_unit_test(test_answers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
