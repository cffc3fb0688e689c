/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/mem.h"
#include "runtime/caps.h"
#include "session/security.h"

#define STATUS(seccomp, bounding) \
	"Name:\tinit\nCapEff:\t000001ffffffffff\nCapBnd:\t" bounding "\nCapAmb:\t0\n" seccomp

/* What the kernel says of a process, and whether that is what was meant. */
static void test_status(void **state) {
	static const struct {
		const char *text;
		bool is_told, is_as_meant;
	} all[] = {
		{ STATUS("Seccomp:\t2\nSeccomp_filters:\t1\n", "00000000a8ec7dfb"), true, true },
		{ STATUS("Seccomp:\t2\n", "00000000a8ec7dfb"), true, true },
		{ STATUS("Seccomp:\t2\n", "0000000000000000"), true, true },
		/* No policy; another mode; one capability too many, or one of a kernel to come. */
		{ STATUS("Seccomp:\t0\n", "00000000a8ec7dfb"), true, false },
		{ STATUS("Seccomp:\t1\n", "00000000a8ec7dfb"), true, false },
		{ STATUS("Seccomp:\t2\n", "00000000a8ed7dfb"), true, false },
		{ STATUS("Seccomp:\t2\n", "00000200a8ec7dfb"), true, false },
		{ STATUS("", "00000000a8ec7dfb"), false, false },
		{ STATUS("Seccomp:\tx\n", "00000000a8ec7dfb"), false, false },
		{ "Name:\tinit\nSeccomp:\t2\n", false, false },
		{ "", false, false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		struct security_seen seen = { 0 };

		assert_int_equal(security_status_parse(all[i].text, &seen), all[i].is_told);
		assert_int_equal(seen.is_as_meant, all[i].is_as_meant);
	}
}

static void test_surface_of_settings(void **state) {
	struct settings set = { 0 };

	(void)state;
	assert_int_equal(security_surface(&set), SURFACE_DEFAULT);
	set.security.reduce_kernel_surface = true;
	assert_int_equal(security_surface(&set), SURFACE_REDUCED);
	/* The strict one is enough by itself. */
	set.security.reduce_kernel_surface_strict = true;
	assert_int_equal(security_surface(&set), SURFACE_STRICT);
	set.security.reduce_kernel_surface = false;
	assert_int_equal(security_surface(&set), SURFACE_STRICT);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_status),
		cmocka_unit_test(test_surface_of_settings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
