/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * noderace COUNT DIR: mknod of a null device COUNT times, by a name that a thread writes
 * anew all the time, below a directory that another one exchanges with a link to /dev.
 * Ends with 1 at the first ENOSYS, for nobody is there to answer then.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

static char name[64] = "in/x";
static atomic_bool is_over;

static void *rewrite(void *data) {
	(void)data;
	while (!is_over) {
		memcpy(name, "in/../../../../../dev/x", 24);
		memcpy(name, "in/x", 5);
		memcpy(name, "/files/x", 9);
		memcpy(name, "/proc/1/root/tmp/x", 19);
		memcpy(name, "in/x", 5);
	}
	return NULL;
}

static void *exchange(void *data) {
	(void)data;
	while (!is_over) {
		/* Each may come too late or too early: what counts is the call meanwhile. */
		if (rename("in", "kept") == 0 && symlink("/files", "in") == 0 && unlink("in") == 0 &&
		    symlink("/proc/1/root/dev", "in") == 0)
			(void)unlink("in");
		(void)rename("kept", "in");
	}
	return NULL;
}

int main(int argc, char **argv) {
	long count = argc == 3 ? strtol(argv[1], NULL, 10) : 0, made = 0, i;
	pthread_t one, two;

	if (!count || chdir(argv[2]) < 0)
		return 2;
	(void)mkdir("in", 0755);
	if (pthread_create(&one, NULL, rewrite, NULL) || pthread_create(&two, NULL, exchange, NULL))
		return 2;
	for (i = 0; i < count; i++) {
		if (syscall(SYS_mknodat, AT_FDCWD, name, S_IFCHR | 0600, makedev(1, 3)) == 0)
			made++;
		else if (errno == ENOSYS)
			break;
		(void)unlink("in/x");
		(void)unlink("/tmp/x");
	}
	is_over = 1;
	(void)pthread_join(one, NULL);
	(void)pthread_join(two, NULL);
	printf("%ld calls, %ld made\n", i, made);
	return i < count;
}
