/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/prompts.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/mem.h"

bool prompt_is_possible(void) {
	return isatty(STDIN_FILENO) && isatty(STDERR_FILENO);
}

static bool is_yes(const char *answer) {
	return strcasecmp(answer, "y") == 0 || strcasecmp(answer, "yes") == 0;
}

bool prompt_yes(FILE *out, const char *question) {
	autofree char *line = NULL;
	size_t cap = 0;
	ssize_t len;
	char *start;

	(void)fprintf(out, "%s [y/N]: ", question);
	(void)fflush(out);
	len = getline(&line, &cap, stdin);
	if (len < 0) {
		/* The answer did not end the line of the question. */
		(void)fprintf(out, "\nCancelled.\n");
		return false;
	}
	while (len > 0 && strchr(" \t\r\n", line[len - 1]))
		line[--len] = '\0';
	start = line + strspn(line, " \t");
	if (is_yes(start))
		return true;
	(void)fprintf(out, "Cancelled.\n");
	return false;
}
