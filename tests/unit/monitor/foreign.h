/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Rules as people may fetch them, written for the tests, each with a command that it is about. */
#ifndef COI_TESTS_MONITOR_FOREIGN_H
#define COI_TESTS_MONITOR_FOREIGN_H

#include "unit/monitor/corpus.h"

struct foreign {
	const char *kind, *file, *text;
	struct sample attack;
};

extern const struct foreign foreign[];
extern const size_t foreign_count;

#endif
