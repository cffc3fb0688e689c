/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the container was refused, which the kernel tells packet by packet, on its way
 * to the supervisor: those who read foreign bytes have no rights. And the names that
 * have led to addresses, whatever the mode, for whoever reads of a refusal.
 */
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/msg.h"
#include "net/denied.h"
#include "net/resolver/protocol.h"
#include "net/resolver/server.h"

#define DATAGRAM_MAX 65536
#define AT_ONCE 64
#define PACKETS_EACH_SECOND 250
#define PACKETS_BEHIND 4096 /* more than the socket's buffer holds */

void refusals_note(struct server *s, const char *name, const struct dns_addresses *a) {
	for (size_t i = 0; i < a->count; i++) {
		struct led *l = NULL;

		for (size_t k = 0; k < LED_MAX && !l; k++)
			if (s->led[k].name[0] && s->led[k].address == a->list[i])
				l = &s->led[k];
		if (!l)
			l = &s->led[s->led_next++ % LED_MAX];
		l->address = a->list[i];
		memcpy(l->name, name, strlen(name) + 1);
	}
}

static const char *led_to(const struct server *s, uint32_t address) {
	for (size_t i = 0; i < LED_MAX; i++)
		if (s->led[i].name[0] && s->led[i].address == address)
			return s->led[i].name;
	return NULL;
}

/* As many as the supervisor takes beside what else it is told. */
static bool is_too_many(struct server *s) {
	uint64_t now = clock_mono_ms();

	if (now - s->packets_second_ms >= 1000) {
		s->packets_second_ms = now;
		s->packets_in_second = 0;
	}
	if (s->packets_in_second++ < PACKETS_EACH_SECOND)
		return false;
	s->packets_lost++;
	asked_flush_in(s, 1000 - (now - s->packets_second_ms));
	return true;
}

static void tell(struct server *s, const struct net_denied *d) {
	const char *name = led_to(s, d->address);
	json_t *body = json_pack("{s:I, s:i, s:i, s:i, s:b, s:b}", "address",
				 (json_int_t)d->address, "port", d->port, "source", d->source,
				 "protocol", d->protocol, "to_host", d->to_host, "echo", d->is_echo);

	if (name)
		json_object_set_new(body, "name", json_string(name));
	(void)msg_send(s->control_fd, RESOLVER_MSG_DENIED, body, NULL, 0);
}

/* One datagram of the kernel's. False: there is none. */
static bool read_log(struct server *s, int fd) {
	autofree uint8_t *datagram = xmalloc(DATAGRAM_MAX);
	struct net_denied all[AT_ONCE];
	ssize_t n = recv(fd, datagram, DATAGRAM_MAX, MSG_DONTWAIT);
	size_t count;

	/* What was lost is counted by the supervisor, which has the socket as well. */
	if (n < 0 && (errno == EINTR || errno == ENOBUFS))
		return true;
	if (n < 0 && errno == EAGAIN)
		return false;
	if (n <= 0) {
		loop_remove(s->loop, s->log_source);
		s->log_source = NULL;
		return false;
	}
	count = net_denied_parse(datagram, (size_t)n, all, AT_ONCE);
	for (size_t i = 0; i < count; i++)
		if (!is_too_many(s))
			tell(s, &all[i]);
	return true;
}

static void on_log(int fd, uint32_t events, void *data) {
	(void)events;
	(void)read_log(data, fd);
}

void refusals_flush(struct server *s) {
	for (int i = 0; i < PACKETS_BEHIND && s->log_source; i++)
		if (!read_log(s, RESOLVER_FD_LOG))
			return;
}

int refusals_open(struct server *s, int fd) {
	s->log_source = loop_add_fd(s->loop, fd, EPOLLIN, on_log, s);
	return s->log_source ? 0 : -errno;
}
