/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef COI_MONITOR_WATCHER_CONFINE_H
#define COI_MONITOR_WATCHER_CONFINE_H

#include <stdint.h>

/* Give up all rights; @needs: enum watch_needs. 0 or -errno: then it has to end. */
int watcher_confine(int root_fd, uint32_t uid, unsigned needs);

#endif
