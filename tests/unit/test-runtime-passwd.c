/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/mem.h"
#include "runtime/passwd.h"

static const char passwd[] = "root:x:0:0:root:/root:/bin/bash\n"
			     "broken:x:1000\n"
			     "toomany:x:1000:1000:a:b:c:d\n"
			     "neg:x:-1:0:::\n"
			     "code:x:1000:1001:Code,,,:/home/code:/bin/zsh\n"
			     "second:x:1000:5::/x:/y\n"
			     "nohome:x:2000:2000:::\n"
			     "last:x:3000:3000::/last:/bin/sh";

static void test_passwd(void **state) {
	struct passwd_entry e;

	(void)state;
	assert_true(passwd_find(passwd, 1000, &e));
	assert_string_equal(e.name, "code");
	assert_int_equal(e.gid, 1001);
	assert_string_equal(e.home, "/home/code");
	assert_string_equal(e.shell, "/bin/zsh");
	assert_true(passwd_find(passwd, 0, &e));
	assert_true(passwd_find(passwd, 2000, &e));
	assert_string_equal(e.home, "");
	assert_true(passwd_find(passwd, 3000, &e));
	assert_string_equal(e.shell, "/bin/sh");
	assert_false(passwd_find(passwd, 4294967295u, &e));
	assert_false(passwd_find("", 0, &e));
	assert_false(passwd_find("::::::\n", 0, &e));
	assert_false(passwd_find(":x:0:0:::\n", 0, &e));
}

static void test_passwd_too_long(void **state) {
	autofree char *line = xmalloc(5000);
	struct passwd_entry e;

	(void)state;
	memset(line, 'a', 4999);
	line[4999] = '\0';
	memcpy(line + 4000, ":x:0:0::/:/\n", 12);
	assert_false(passwd_find(line, 0, &e));
}

static void test_groups(void **state) {
	static const char text[] = "root:x:0:\n"
				   "sudo:x:27:code\n"
				   "a:x:5:bob,code,eve\n"
				   "b:x:6:codex,xcode\n"
				   "c:x:7:,,code\n"
				   "d:x:x:code\n"
				   "e:x:8\n"
				   "own:x:1000:code\n"
				   "none:x:4294967295:code\n"
				   "f:x:9:code";
	gid_t g[16];

	(void)state;
	assert_int_equal(group_list(text, "code", 1000, g, 16), 5);
	assert_int_equal(g[0], 1000);
	assert_int_equal(g[1], 27);
	assert_int_equal(g[2], 5);
	assert_int_equal(g[3], 7);
	assert_int_equal(g[4], 9);
	assert_int_equal(group_list(text, "code", 1000, g, 3), 3);
	assert_int_equal(group_list(text, "code", 1000, g, 0), 0);
	assert_int_equal(group_list("", "code", 4, g, 16), 1);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_passwd),
		cmocka_unit_test(test_passwd_too_long),
		cmocka_unit_test(test_groups),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
