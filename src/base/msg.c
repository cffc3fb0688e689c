/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/msg.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/mem.h"

int msg_send(int sock, const char *type, json_t *body, const int *fds, size_t fd_count) {
	auto_json json_t *all = json_object();
	autofree char *text = NULL;

	json_object_set_new(all, "v", json_integer(MSG_VERSION));
	json_object_set_new(all, "type", json_text(type));
	json_object_set_new(all, "body", body ? body : json_object());
	text = json_dumps(all, JSON_COMPACT);
	if (!text || fd_count > MSG_FDS_MAX)
		return -EINVAL;
	if (strlen(text) > MSG_MAX)
		return -EMSGSIZE;
	return fd_send(sock, text, strlen(text), fds, fd_count);
}

static int parse(const char *text, size_t len, struct msg *m) {
	auto_json json_t *all = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
	const char *type = json_get_str(all, "type", NULL);
	json_t *body = json_object_get(all, "body");

	if (json_get_int(all, "v", 0) != MSG_VERSION || !type || !json_is_object(body) ||
	    strlen(type) >= sizeof(m->type))
		return -EBADMSG;
	memcpy(m->type, type, strlen(type) + 1);
	m->body = json_incref(body);
	return 1;
}

int msg_recv(int sock, struct msg *m) {
	autofree char *text = xmalloc(MSG_MAX);
	ssize_t n;
	int r;

	*m = (struct msg){ .fd_count = MSG_FDS_MAX };
	n = fd_receive(sock, text, MSG_MAX, 0, m->fds, &m->fd_count);
	if (n <= 0)
		return (int)n;
	r = parse(text, (size_t)n, m);
	if (r < 0)
		msg_done(m);
	return r;
}

int msg_recv_timeout(int sock, struct msg *m, int timeout_ms) {
	uint64_t end = clock_mono_ms() + (uint64_t)(timeout_ms < 0 ? 0 : timeout_ms);

	for (;;) {
		struct pollfd pfd = { .fd = sock, .events = POLLIN };
		uint64_t now = clock_mono_ms();
		int r = poll(&pfd, 1, timeout_ms < 0 ? -1 : now >= end ? 0 : (int)(end - now));

		if (r > 0)
			return msg_recv(sock, m);
		*m = (struct msg){ 0 };
		if (r == 0)
			return -ETIMEDOUT;
		if (errno != EINTR)
			return -errno;
	}
}

void msg_done(struct msg *m) {
	for (size_t i = 0; i < m->fd_count; i++)
		if (m->fds[i] >= 0)
			(void)close(m->fds[i]);
	m->fd_count = 0;
	json_decref(m->body);
	m->body = NULL;
}

int msg_report_read(int sock, const struct msg_kind *kinds, size_t count, struct msg_report *ret) {
	struct msg m;
	int n = msg_recv(sock, &m);

	*ret = (struct msg_report){ 0 };
	if (n == -EAGAIN)
		return 0;
	if (n == -EBADMSG)
		return 1;
	if (n <= 0)
		return n < 0 ? n : -EPIPE;
	for (size_t i = 0; i < count; i++)
		if (!strcmp(m.type, kinds[i].type))
			*ret = (struct msg_report){ kinds[i].kind, json_incref(m.body) };
	msg_done(&m);
	return 1;
}

void msg_report_done(struct msg_report *r) {
	json_decref(r->body);
	*r = (struct msg_report){ 0 };
}

int msg_send_err(int sock, const struct err *e) {
	json_t *body = json_object();

	json_object_set_new(body, "code", json_integer(e->code));
	json_object_set_new(body, "kind", json_string(err_kind_to_string(e->kind)));
	json_object_set_new(body, "message", json_text(e->msg));
	json_object_set_new(body, "hint", json_text(e->hint));
	return msg_send(sock, "error", body, NULL, 0);
}

void msg_to_err(const struct msg *m, struct err *err) {
	const char *hint = json_get_str(m->body, "hint", "");

	(void)err_set(err, err_kind_from_string(json_get_str(m->body, "kind", "bug")),
		      (int)json_get_int(m->body, "code", -EIO), "%s",
		      json_get_str(m->body, "message", "unknown failure"));
	if (*hint)
		(void)err_hint(err, "%s", hint);
}
