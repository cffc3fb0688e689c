/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which names the container asks for, on their way to the supervisor, when it wants
 * to know: some together, so many a second, and the rest counted.
 */
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/msg.h"
#include "net/resolver/protocol.h"
#include "net/resolver/server.h"

#define TOGETHER_MS 50

static void flush(void *data) {
	struct server *s = data;
	json_t *body;

	s->asked_timer = NULL;
	if (!json_array_size(s->asked_list) && !s->asked_lost && !s->packets_lost)
		return;
	body = json_pack("{s:o, s:I, s:I}", "names", s->asked_list ? s->asked_list : json_array(),
			 "lost", (json_int_t)s->asked_lost, "packets_lost",
			 (json_int_t)s->packets_lost);
	s->asked_list = NULL;
	s->asked_lost = s->packets_lost = 0;
	(void)msg_send(s->control_fd, RESOLVER_MSG_ASKED, body, NULL, 0);
}

/* The end of a second tells what was only counted in it. */
void asked_flush_in(struct server *s, uint64_t ms) {
	if (!s->asked_timer)
		s->asked_timer = loop_add_timer(s->loop, ms, 0, flush, s);
}

static bool is_refused(const struct server *s, const char *name, bool is_plain) {
	for (size_t i = 0; i < s->host_count; i++)
		if (!strcmp(s->hosts[i].name, name))
			return false;
	return s->is_listed && !(is_plain && net_allowed_name(&s->allowed, name));
}

void asked_note(struct server *s, const struct dns_query *q) {
	char name[DNS_NAME_TEXT];
	uint64_t now;
	bool is_plain;

	if (!s->asked_rate || !q->question_len)
		return;
	now = clock_mono_ms();
	if (now - s->asked_second_ms >= 1000) {
		s->asked_second_ms = now;
		s->asked_in_second = 0;
	}
	if (s->asked_in_second >= s->asked_rate) {
		s->asked_lost++;
		asked_flush_in(s, 1000 - (now - s->asked_second_ms));
		return;
	}
	s->asked_in_second++;
	is_plain = dns_query_name(q, name);
	if (!is_plain)
		dns_query_text(q, name);
	if (!s->asked_list)
		s->asked_list = json_array();
	json_array_append_new(s->asked_list,
			      json_pack("{s:s, s:i, s:b}", "name", name, "type", q->type, "refused",
					is_refused(s, name, is_plain)));
	if (json_array_size(s->asked_list) < RESOLVER_ASKED_MAX)
		asked_flush_in(s, TOGETHER_MS);
	else
		asked_flush(s);
}

void asked_flush(struct server *s) {
	if (s->asked_timer)
		loop_remove(s->loop, s->asked_timer);
	flush(s);
}
