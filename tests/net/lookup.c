/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lookup NAME: what the C library makes of it, and the milliseconds. Linked
 * statically with one C library or another it shows how each takes our answers.
 */
#include <netdb.h>
#include <stdio.h>
#include <sys/socket.h>
#include <time.h>

static long milliseconds(void) {
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int main(int argc, char **argv) {
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	struct addrinfo *all = NULL;
	long begin = milliseconds();
	int r = argc == 2 ? getaddrinfo(argv[1], NULL, &hints, &all) : EAI_NONAME;

	printf("%s %ld\n", r == 0 ? "found" : r == EAI_AGAIN ? "again" : "none",
	       milliseconds() - begin);
	if (all)
		freeaddrinfo(all);
	return r == 0 ? 0 : 1;
}
