/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is shown again and again on one screen (--watch), until Ctrl-C. */
#ifndef COI_CLI_AGAIN_H
#define COI_CLI_AGAIN_H

#include <signal.h>
#include <stdbool.h>

#include "base/err.h"

struct again {
	int fd;
	sigset_t before;
};
#define AGAIN_INIT { .fd = -1 }

/* From now on SIGINT and SIGTERM are heard by again_told() alone. 0 or -errno with @err. */
int again_begin(struct again *a, struct err *err);
/* Waits so long. Was it told to end meanwhile? */
bool again_told(const struct again *a, int ms);
void again_end(struct again *a);
#define auto_again __attribute__((cleanup(again_end)))

/* A fresh screen, where standard output is one. */
void again_clear(void);
/* The last line of what is shown on it. -errno with @err: it has not arrived. */
int again_footer(int seconds, struct err *err);

#endif
