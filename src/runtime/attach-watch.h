/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A limit for what liblxc's attach waits for: its child is in the container
 * already, where root may stop it with SIGSTOP. Private to runtime/.
 */
#ifndef COI_RUNTIME_ATTACH_WATCH_H
#define COI_RUNTIME_ATTACH_WATCH_H

#include <stdbool.h>

/*
 * From now on children of the caller that come to be are killed after
 * @timeout_ms, or when a SIGINT, SIGTERM or SIGHUP waits to be heard. Uses SIGALRM.
 */
void attach_watch_begin(int timeout_ms);
/* No more. True when some were killed. */
bool attach_watch_end(void);

#endif
