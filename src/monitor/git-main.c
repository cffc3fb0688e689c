/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * coi-git DIRECTORY SOURCE GIT-ARGUMENTS…: git, which talks to a server that we do not
 * know, with as little as it needs.
 *
 * It has no capability and gets no new rights by exec; it writes below DIRECTORY and
 * nowhere else, and reads programs, libraries, /etc and SOURCE ("-": none), no home
 * (Landlock, Linux 5.13; without it it has the person's rights). What is in its
 * environment is decided by who starts it.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/confine.h"
#include "base/mem.h"

#define FILE_MAX (UINT64_C(1) << 30) /* bytes of one file */
#define SECONDS_MAX 600              /* of computing */

#define READING \
	(LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
/*
 * The rights of the first version: what later ones add is not handled, and so allowed, but
 * for moving a file between directories, which no set of rules allows that does not say so.
 */
#define ALL ((LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1)

static int allow(int rules, const char *path, uint64_t rights) {
	struct landlock_path_beneath_attr beneath = { .allowed_access = rights };
	autoclose int fd = open(path, O_PATH | O_CLOEXEC);
	struct stat st;

	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	/* Of what is no directory only these mean anything, and others are an error. */
	if (fstat(fd, &st) == 0 && !S_ISDIR(st.st_mode))
		beneath.allowed_access &= LANDLOCK_ACCESS_FS_EXECUTE |
		                          LANDLOCK_ACCESS_FS_WRITE_FILE |
		                          LANDLOCK_ACCESS_FS_READ_FILE;
	beneath.parent_fd = fd;
	return syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &beneath, 0) < 0
	               ? -errno
	               : 0;
}

static int confine_files(const char *directory, const char *source) {
	static const char *const readable[] = { "/usr",   "/bin", "/sbin", "/lib", "/lib32",
		                                "/lib64", "/etc", "/proc", "/run", "/dev" };
	static const char *const authorities[] = { "SSL_CERT_FILE", "SSL_CERT_DIR" };
	const struct landlock_ruleset_attr handled = { .handled_access_fs = ALL };
	autoclose int rules =
		(int)syscall(SYS_landlock_create_ruleset, &handled, sizeof(handled), 0);
	int r = 0;

	if (rules < 0)
		return errno == ENOSYS || errno == EOPNOTSUPP ? 0 : -errno;
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(readable); i++)
		r = allow(rules, readable[i], READING);
	if (r == 0)
		r = allow(rules, "/dev/null", READING | LANDLOCK_ACCESS_FS_WRITE_FILE);
	if (r == 0 && strcmp(source, "-") != 0)
		r = allow(rules, source, READING);
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(authorities); i++)
		if (getenv(authorities[i]))
			r = allow(rules, getenv(authorities[i]), READING);
	if (r == 0)
		r = allow(rules, directory, ALL);
	if (r == 0 && syscall(SYS_landlock_restrict_self, rules, 0) < 0)
		r = -errno;
	return r;
}

static int set_limits(void) {
	int r = confine_limit(RLIMIT_FSIZE, FILE_MAX);

	return r < 0 ? r : confine_limit(RLIMIT_CPU, SECONDS_MAX);
}

int main(int argc, char **argv) {
	int r;

	if (argc < 4) {
		(void)fputs("usage: coi-git DIRECTORY SOURCE GIT-ARGUMENTS…\n", stderr);
		return 2;
	}
	r = confine_privileges();
	if (r == 0)
		r = set_limits();
	if (r == 0)
		r = confine_capabilities(NULL, 0);
	if (r == 0)
		r = confine_files(argv[1], argv[2]);
	if (r < 0) {
		(void)fprintf(stderr, "cannot confine git: %s\n", strerror(-r));
		return 1;
	}
	argv[2] = (char *)"git";
	(void)execvp("git", argv + 2);
	(void)fprintf(stderr, "cannot start git: %s; on Debian: apt-get install git\n",
	              strerror(errno));
	return 127;
}
