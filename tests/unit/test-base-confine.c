/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The lists of system calls in the sources, against libseccomp's tables of the machines
 * that coi is built for: each call has to be there under one of its names, and a call
 * that a machine of 32 bits has beside it, for wider numbers, has to be allowed with it.
 */
#include "base/confine.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/proc.h"

#define SOURCE_MAX (1 << 20)
#define NAMES_MAX 128
#define CALL "SCMP_SYS("

static const struct {
	uint32_t arch;
	const char *name;
} machines[] = {
	{ SCMP_ARCH_X86_64, "amd64" },	  { SCMP_ARCH_X86, "i386" },
	{ SCMP_ARCH_AARCH64, "arm64" },	  { SCMP_ARCH_ARM, "armhf" },
	{ SCMP_ARCH_RISCV64, "riscv64" }, { SCMP_ARCH_S390X, "s390x" },
	{ SCMP_ARCH_PPC64LE, "ppc64el" },
};

/* What a file allows: its calls, and these with their other names. */
struct policy {
	char *calls[NAMES_MAX], *allowed[NAMES_MAX * CONFINE_NAMES_MAX];
	size_t call_count, allowed_count;
};

static size_t policies, faults;

static void policy_done(struct policy *p) {
	for (size_t i = 0; i < p->call_count; i++)
		free(p->calls[i]);
	for (size_t i = 0; i < p->allowed_count; i++)
		free(p->allowed[i]);
}

static void policy_read(const char *text, struct policy *p) {
	for (const char *at = strstr(text, CALL); at; at = strstr(at, CALL)) {
		int names[CONFINE_NAMES_MAX];
		size_t n;

		at += strlen(CALL);
		assert_true(p->call_count < NAMES_MAX);
		p->calls[p->call_count] = xstrndup(at, strcspn(at, ")"));
		n = confine_names(seccomp_syscall_resolve_name(p->calls[p->call_count++]), names);
		for (size_t i = 0; i < n; i++) {
			char *name = seccomp_syscall_resolve_num_arch(seccomp_arch_native(), names[i]);

			assert_non_null(name);
			p->allowed[p->allowed_count++] = name;
		}
	}
}

/* Below -100 are those that libseccomp finds within socketcall(2), where there is one. */
static bool has(uint32_t arch, const char *name) {
	int number = seccomp_syscall_resolve_name_arch(arch, name);

	/* One number has both names on ARM, and libseccomp knows the other one. */
	if (number < 0 && !strcmp(name, "arm_sync_file_range"))
		return has(arch, "sync_file_range2");
	return number >= 0 || (number <= -101 && number >= -120);
}

static bool allows(const struct policy *p, const char *name) {
	for (size_t i = 0; i < p->allowed_count; i++)
		if (!strcmp(p->allowed[i], name))
			return true;
	return false;
}

/* One of the names of @call. */
static bool has_any(uint32_t arch, const char *call) {
	int names[CONFINE_NAMES_MAX];
	size_t n = confine_names(seccomp_syscall_resolve_name(call), names);
	bool is_there = false;

	for (size_t i = 0; i < n; i++) {
		char *name = seccomp_syscall_resolve_num_arch(seccomp_arch_native(), names[i]);

		is_there |= name && has(arch, name);
		free(name);
	}
	return is_there;
}

static void policy_check(const char *path, const struct policy *p, size_t machine) {
	static const char *const wider[] = { "%s64", "%s_time64", "%s32", "_l%s" };
	uint32_t arch = machines[machine].arch;

	for (size_t i = 0; i < p->call_count; i++) {
		if (!has_any(arch, p->calls[i])) {
			print_error("%s: there is no '%s' on %s\n", path, p->calls[i],
				    machines[machine].name);
			faults++;
		}
		for (size_t k = 0; k < ARRAY_SIZE(wider); k++) {
			char name[64];

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
			(void)snprintf(name, sizeof(name), wider[k], p->calls[i]);
#pragma GCC diagnostic pop
			if (has(arch, name) && !allows(p, name)) {
				print_error("%s: not '%s' with '%s' on %s\n", path, name, p->calls[i],
					    machines[machine].name);
				faults++;
			}
		}
	}
}

static void check_source(const char *path) {
	struct policy p = { 0 };
	autobuf struct buf text = { 0 };

	assert_int_equal(file_read_at(AT_FDCWD, path, SOURCE_MAX, &text), 0);
	if (strstr(text.data, "int confine_allow("))
		return; /* the other names themselves */
	policy_read(text.data, &p);
	policies += p.call_count > 0;
	for (size_t i = 0; i < ARRAY_SIZE(machines); i++)
		policy_check(path, &p, i);
	policy_done(&p);
}

static void check_below(const char *path) {
	DIR *dir = opendir(path);
	struct dirent *e;

	assert_non_null(dir);
	while ((e = readdir(dir))) {
		autofree char *below = xasprintf("%s/%s", path, e->d_name);
		size_t len = strlen(e->d_name);

		if (*e->d_name == '.')
			continue;
		if (e->d_type == DT_DIR)
			check_below(below);
		else if (len > 2 && !strcmp(e->d_name + len - 2, ".c"))
			check_source(below);
	}
	closedir(dir);
}

static void lists_are_true_on_every_machine(void **state) {
	const char *src = getenv("COI_TEST_SRC");
	autofree char *path = xasprintf("%s/src", src ? src : ".");

	(void)state;
	check_below(path);
	assert_true(policies >= 7);
	assert_int_equal(faults, 0);
}

static void a_call_has_its_other_names(void **state) {
	int names[CONFINE_NAMES_MAX];

	(void)state;
	assert_int_equal(confine_names(SCMP_SYS(close), names), 1);
	assert_int_equal(names[0], SCMP_SYS(close));
	assert_int_equal(confine_names(SCMP_SYS(lseek), names), 2);
	assert_int_equal(names[1], SCMP_SYS(_llseek));
}

/* The filter itself, as the kernel would get it. */
static void a_list_becomes_rules(void **state) {
	static const int calls[] = { SCMP_SYS(fork), SCMP_SYS(fcntl), SCMP_SYS(poll) };
	static const char *const expected[] = { "clone", "ppoll", "fcntl", "mprotect" };
	char path[] = "/tmp/coi-confine.XXXXXX";
	int fd = mkostemp(path, O_CLOEXEC);
	autobuf struct buf text = { 0 };
	scmp_filter_ctx ctx = NULL;

	(void)state;
	assert_true(fd >= 0);
	(void)unlink(path);
	assert_int_equal(confine_calls(calls, ARRAY_SIZE(calls), &ctx), 0);
	assert_int_equal(seccomp_export_pfc(ctx, fd), 0);
	seccomp_release(ctx);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	buf_init(&text, SOURCE_MAX);
	assert_int_equal(fd_read_all(fd, &text), 0);
	(void)close(fd);
	/* Where there is no fork there is clone, and ppoll for poll. */
	for (size_t i = 0; i < ARRAY_SIZE(expected); i++)
		if (!strstr(text.data, expected[i]))
			fail_msg("no '%s' in the filter:\n%s", expected[i], text.data);
	assert_null(strstr(text.data, "execve"));
	/* The older call, whose arguments a filter does not see, is nobody's way to code. */
	assert_int_equal(strstr(text.data, "\"mmap\"") != NULL, SCMP_SYS(mmap2) < 0);
}

/* In a child: 0, or which of it does not hold. */
static int confined(void) {
	/* The last is for the sanitizers, which look at it before a process ends. */
	static const int calls[] = { SCMP_SYS(close), SCMP_SYS(exit_group), SCMP_SYS(munmap),
				     SCMP_SYS(sigaltstack) };
	scmp_filter_ctx ctx = NULL;
	int r = confine_calls(calls, ARRAY_SIZE(calls), &ctx);

	if (r == 0)
		r = confine_privileges();
	if (r == 0)
		r = confine_allow_reading(ctx);
	if (confine_load(ctx, r) < 0)
		return 1;
	if (openat(AT_FDCWD, "/dev/null", O_RDONLY | O_CLOEXEC) < 0)
		return 2;
	if (openat(AT_FDCWD, "/dev/null", O_WRONLY | O_CLOEXEC) >= 0 || errno != EPERM)
		return 3;
	if (openat(AT_FDCWD, "/dev/null", O_RDONLY | O_CREAT | O_CLOEXEC, 0) >= 0 || errno != EPERM)
		return 4;
	if (mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED)
		return 5;
	return mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED
		       ? 0
		       : 6;
}

static void what_is_loaded_holds(void **state) {
	pid_t pid = fork();

	(void)state;
	if (pid == 0)
		_exit(confined());
	assert_int_equal(proc_wait(pid), 0);
	/* What could not be made is not loaded. */
	assert_int_equal(confine_load(NULL, -ENOMEM), -ENOMEM);
	assert_int_equal(confine_load(seccomp_init(SCMP_ACT_KILL_PROCESS), -E2BIG), -E2BIG);
}

static void limits_are_never_raised(void **state) {
	struct rlimit l;

	(void)state;
	assert_int_equal(confine_limit(RLIMIT_CPU, 3000), 0);
	assert_int_equal(confine_limit(RLIMIT_CPU, 4000), 0);
	assert_int_equal(getrlimit(RLIMIT_CPU, &l), 0);
	assert_int_equal(l.rlim_cur, 3000);
	assert_int_equal(l.rlim_max, 3000);
	assert_int_equal(confine_limit(-1, 1), -EINVAL);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lists_are_true_on_every_machine),
		cmocka_unit_test(a_call_has_its_other_names),
		cmocka_unit_test(a_list_becomes_rules),
		cmocka_unit_test(what_is_loaded_holds),
		cmocka_unit_test(limits_are_never_raised),
	};

	return cmocka_run_group_tests_name("base/confine", tests, NULL, NULL);
}
