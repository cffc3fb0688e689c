/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One epoll loop per process: descriptors, timers (CLOCK_MONOTONIC), signals
 * (signalfd; blocked while the loop has them).
 *
 * Sources are owned by the loop; loop_remove() closes nothing that the caller
 * gave. A callback may remove any source, its own too.
 */
#ifndef COI_BASE_LOOP_H
#define COI_BASE_LOOP_H

#include <stdint.h>

struct loop;
struct loop_source;

/* NULL with errno set on failure. Freeing removes all sources; NULL is fine. */
struct loop *loop_new(void);
void loop_free(struct loop *l);

/* @events: EPOLLIN and so on; @fn gets what happened. NULL with errno set on failure. */
struct loop_source *loop_add_fd(struct loop *l, int fd, uint32_t events,
				void (*fn)(int fd, uint32_t events, void *data), void *data);
/* Fires once after @ms, and then each @every_ms (0: once). */
struct loop_source *loop_add_timer(struct loop *l, uint64_t ms, uint64_t every_ms,
				   void (*fn)(void *data), void *data);
struct loop_source *loop_add_signal(struct loop *l, int signo, void (*fn)(int signo, void *data),
				    void *data);
void loop_set_events(struct loop_source *s, uint32_t events);
/* NULL is fine. */
void loop_remove(struct loop *l, struct loop_source *s);

/* Until loop_stop(); returns what was given there, or -errno. */
int loop_run(struct loop *l);
void loop_stop(struct loop *l, int result);
/* One round, waiting at most @timeout_ms (-1: for ever). */
int loop_step(struct loop *l, int timeout_ms);

#endif
