/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is left of coi-patterns when it begins to read: standard streams, and memory. */
#ifndef COI_MONITOR_PATTERN_CONFINE_H
#define COI_MONITOR_PATTERN_CONFINE_H

/* 0 or -errno: whoever gets a failure has to end. */
int pattern_confine(void);

#endif
