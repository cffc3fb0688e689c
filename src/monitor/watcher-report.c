/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Messages to the supervisor. Events go together; nothing is thrown away here:
 * when the supervisor is slow, sources are told to wait, and what they cannot keep
 * they count.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/fd.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/msg.h"
#include "monitor/protocol.h"
#include "monitor/watcher.h"
#include "monitor/wire.h"

#define QUEUE_FULL 16 /* messages that wait */

void report_init(struct watcher *w) {
	w->list = json_array();
	w->queue = json_array();
}

bool report_is_full(const struct watcher *w) {
	return json_array_size(w->queue) >= QUEUE_FULL;
}

/* As far as the socket takes them. Its end is our end: on_control() hears of it. */
static void send_queue(struct watcher *w) {
	while (json_array_size(w->queue)) {
		json_t *one = json_array_get(w->queue, 0);
		const char *type = json_string_value(json_array_get(one, 0));
		int r = msg_send(w->control_fd, type, json_incref(json_array_get(one, 1)), NULL, 0);

		if (r == -EAGAIN || r == -ENOBUFS)
			break;
		if (r < 0)
			w->is_over = true;
		(void)json_array_remove(w->queue, 0);
	}
	if (w->control)
		loop_set_events(w->control,
		                json_array_size(w->queue) ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

static void queue_add(struct watcher *w, const char *type, json_t *body) {
	json_t *one = json_array();

	json_array_append_new(one, json_string(type));
	json_array_append_new(one, body ? body : json_object());
	json_array_append_new(w->queue, one);
}

static void queue_list(struct watcher *w) {
	json_t *body;

	if (!json_array_size(w->list))
		return;
	body = json_object();
	json_object_set_new(body, "list", w->list);
	queue_add(w, WATCH_MSG_EVENTS, body);
	w->list = json_array();
	w->list_bytes = 0;
}

void report_flush(struct watcher *w) {
	queue_list(w);
	send_queue(w);
}

void report_finish(struct watcher *w) {
	(void)fd_set_nonblock(w->control_fd, false);
	report_flush(w);
}

void report_event(struct watcher *w, const struct watch_event *e) {
	json_t *j = wire_event(e);
	size_t size;

	if (!j)
		return;
	/* As it is sent: escaped text is much more than it was. */
	size = json_dumpb(j, NULL, 0, JSON_COMPACT) + 1;
	if (w->list_bytes + size > WATCH_EVENTS_BYTES || json_array_size(w->list) == WATCH_EVENTS_MAX)
		report_flush(w);
	w->list_bytes += size;
	json_array_append_new(w->list, j);
}

void report_message(struct watcher *w, const char *type, json_t *body) {
	queue_list(w);
	queue_add(w, type, body);
	send_queue(w);
}
