/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bench-rounds ROUNDS ::: LABEL PROGRAM ARGUMENT… ::: LABEL PROGRAM ARGUMENT… …
 *
 * Times whole processes as their caller sees them: posix_spawn to the end of
 * waitpid. The commands take turns, so that a busy moment of the machine hits
 * all of them; the first round warms up and does not count. One line each:
 * label, median, lowest decile, highest decile in ms, tab-separated, and the
 * ratio of its median to that of the first label.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"

#define COMMANDS_MAX 16

struct command {
	const char *label;
	char **argv;
	uint64_t *us;
};

static posix_spawn_file_actions_t quiet;

/* Wall time of one run in µs; a command that fails makes the comparison worthless. */
static uint64_t run_once(const struct command *c) {
	uint64_t start = clock_mono_us();
	int status, r;
	pid_t pid;

	r = posix_spawnp(&pid, c->argv[0], &quiet, NULL, c->argv, environ);
	if (r) {
		(void)fprintf(stderr, "bench: cannot start '%s': %s\n", c->argv[0], strerror(r));
		exit(1);
	}
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			exit(1);
	if (status) {
		(void)fprintf(stderr, "bench: '%s' (%s) ended with status %d\n", c->label,
			      c->argv[0], WIFEXITED(status) ? WEXITSTATUS(status) : -1);
		exit(1);
	}
	return clock_mono_us() - start;
}

static int compare(const void *a, const void *b) {
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static size_t parse(char **argv, struct command *commands) {
	size_t count = 0;

	for (char **at = argv; *at; at++) {
		if (strcmp(*at, ":::") != 0)
			continue;
		*at = NULL;
		if (!at[1] || !at[2] || count == COMMANDS_MAX)
			return 0;
		commands[count++] = (struct command){ .label = at[1], .argv = at + 2 };
	}
	return count;
}

int main(int argc, char **argv) {
	struct command commands[COMMANDS_MAX];
	size_t rounds = argc > 1 ? strtoul(argv[1], NULL, 10) : 0;
	size_t count = argc > 2 ? parse(argv + 2, commands) : 0;
	double first = 0;

	if (!rounds || rounds > 100000 || !count) {
		(void)fputs("usage: bench-rounds ROUNDS ::: LABEL PROGRAM ARGUMENT...\n", stderr);
		return 2;
	}
	(void)posix_spawn_file_actions_init(&quiet);
	(void)posix_spawn_file_actions_addopen(&quiet, 0, "/dev/null", O_RDONLY, 0);
	(void)posix_spawn_file_actions_addopen(&quiet, 1, "/dev/null", O_WRONLY, 0);
	if (!getenv("BENCH_VERBOSE"))
		(void)posix_spawn_file_actions_addopen(&quiet, 2, "/dev/null", O_WRONLY, 0);
	for (size_t i = 0; i < count; i++)
		commands[i].us = xcalloc(rounds, sizeof(*commands[i].us));
	for (size_t r = 0; r <= rounds; r++)
		for (size_t i = 0; i < count; i++) {
			uint64_t us = run_once(&commands[i]);

			if (r)
				commands[i].us[r - 1] = us;
		}
	for (size_t i = 0; i < count; i++) {
		const struct command *c = &commands[i];
		double median;

		qsort(c->us, rounds, sizeof(*c->us), compare);
		median = (double)c->us[rounds / 2] / 1000;
		if (i == 0)
			first = median;
		(void)printf("%s\t%.2f\t%.2f\t%.2f\t%.2f\n", c->label, median,
			     (double)c->us[rounds / 10] / 1000,
			     (double)c->us[rounds - 1 - rounds / 10] / 1000, median / first);
		free(c->us);
	}
	return 0;
}
