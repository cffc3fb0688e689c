/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Mode allowlist: which names may be asked for, and the addresses that they
 * have led to. The supervisor has the last word on both: this side only keeps
 * what is not listed from being asked for anywhere.
 */
#include <errno.h>
#include <ldns/ldns.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/msg.h"
#include "base/strv.h"
#include "net/resolver/protocol.h"
#include "net/resolver/server.h"

#define REFRESH_EVERY_MS 5000
#define REFRESH_AT_ONCE 8
#define REFRESH_FLOOR_S 60
#define REFRESH_RETRY_MS 60000
#define TOLD_EACH_SECOND 10
#define HOST_TTL 10 /* they change while it runs */
#define TYPE_SVCB 64
#define TYPE_HTTPS 65

/* The person outside is told what was refused, but not of each question of a flood. */
static void tell_refused(struct server *s, const char *name) {
	uint64_t now = clock_mono_ms();

	if (now - s->told_ms >= 1000) {
		s->told_ms = now;
		s->told = 0;
	}
	if (s->told++ >= TOLD_EACH_SECOND)
		return;
	(void)msg_send(s->control_fd, RESOLVER_MSG_REFUSED, json_pack("{s:s}", "name", name), NULL,
		       0);
}

/* They carry addresses that would have to be judged as well; without them A is asked for. */
static bool has_addresses_inside(const struct dns_query *q) {
	return q->type == TYPE_SVCB || q->type == TYPE_HTTPS;
}

/* A fixed name has an address and nothing else. */
static bool host_answer(struct server *s, const struct dns_query *q, const char *name,
			struct buf *out) {
	struct dns_addresses one = { .count = 1, .ttl = HOST_TTL };

	for (size_t i = 0; i < s->host_count; i++) {
		if (strcmp(s->hosts[i].name, name) != 0)
			continue;
		one.list[0] = s->hosts[i].address;
		refusals_note(s, name, &one);
		if (q->type == LDNS_RR_TYPE_A)
			dns_addresses_write(q, &one, out);
		else
			dns_error_write(q, LDNS_RCODE_NOERROR, out);
		return true;
	}
	return false;
}

enum dns_action names_decide(struct server *s, const struct dns_query *q, struct buf *out) {
	char name[DNS_NAME_TEXT];
	bool is_plain = dns_query_name(q, name);

	if (is_plain && host_answer(s, q, name, out))
		return DNS_ANSWER;
	if (s->is_listed && !(is_plain && net_allowed_name(&s->allowed, name))) {
		if (q->type == LDNS_RR_TYPE_A && is_plain)
			tell_refused(s, name);
		dns_blocked_write(q, out);
		return DNS_ANSWER;
	}
	if (has_addresses_inside(q) && (s->is_listed || !s->filter.allow_private)) {
		dns_error_write(q, LDNS_RCODE_NOERROR, out);
		return DNS_ANSWER;
	}
	return DNS_FORWARD;
}

bool names_wanted(const struct server *s, const struct dns_query *q) {
	char name[DNS_NAME_TEXT];

	return s->is_listed && dns_query_name(q, name) && net_allowed_name(&s->allowed, name);
}

int names_learn(struct server *s, const struct flight *f) {
	char name[DNS_NAME_TEXT];
	json_t *addresses, *body;

	if (!dns_query_name(&f->query, name))
		return -EINVAL;
	addresses = json_array();
	for (size_t i = 0; i < f->addresses.count; i++)
		json_array_append_new(addresses, json_integer(f->addresses.list[i]));
	body = json_pack("{s:I, s:s, s:o, s:I}", "id", (json_int_t)f->number, "name", name,
			 "addresses", addresses, "ttl", (json_int_t)f->addresses.ttl);
	return msg_send(s->control_fd, RESOLVER_MSG_LEARN, body, NULL, 0);
}

static struct known *find(const struct server *s, const char *name) {
	for (size_t i = 0; i < KNOWN_MAX; i++)
		if (s->known[i].name[0] && !strcmp(s->known[i].name, name))
			return (struct known *)&s->known[i];
	return NULL;
}

/* A free place, or that of the name that nobody has asked for the longest. */
static struct known *place(struct server *s) {
	struct known *oldest = &s->known[0];

	for (size_t i = 0; i < KNOWN_MAX; i++) {
		if (!s->known[i].name[0])
			return &s->known[i];
		if (s->known[i].asked_ms < oldest->asked_ms)
			oldest = &s->known[i];
	}
	return oldest;
}

/* Before the rules forget it, which they do a while after its time to live. */
static uint64_t next_time(const struct server *s, uint32_t ttl, uint64_t now) {
	uint32_t seconds = ttl < s->refresh_s ? ttl : s->refresh_s;

	return now + (seconds < REFRESH_FLOOR_S ? REFRESH_FLOOR_S : seconds) * UINT64_C(1000);
}

static void on_refresh(void *data);

/* While something is known: who has asked for nothing is not woken. */
static void refresh_later(struct server *s) {
	if (!s->refresh_timer && s->refresh_s)
		s->refresh_timer = loop_add_timer(s->loop, REFRESH_EVERY_MS, 0, on_refresh, s);
}

void names_known(struct server *s, const struct flight *f) {
	uint64_t now = clock_mono_ms();
	char name[DNS_NAME_TEXT];
	struct known *k;

	if (!dns_query_name(&f->query, name))
		return;
	k = find(s, name);
	if (!k) {
		k = place(s);
		*k = (struct known){ 0 };
		memcpy(k->name, name, sizeof(k->name));
	}
	k->addresses = f->addresses;
	if (f->asker.conn != ASKER_NONE && f->asker.conn != ASKER_AHEAD)
		k->asked_ms = now;
	k->next_ms = next_time(s, f->addresses.ttl, now);
	refresh_later(s);
}

const struct dns_addresses *names_old(const struct server *s, const struct dns_query *q) {
	char name[DNS_NAME_TEXT];
	const struct known *k;

	if (q->type != LDNS_RR_TYPE_A || !dns_query_name(q, name))
		return NULL;
	k = find(s, name);
	return k ? &k->addresses : NULL;
}

void names_relisted(struct server *s) {
	for (size_t i = 0; i < KNOWN_MAX; i++)
		if (!s->is_listed || !net_allowed_name(&s->allowed, s->known[i].name))
			s->known[i].name[0] = '\0';
	refresh_later(s);
}

static void on_refresh(void *data) {
	static const struct asker nobody = { .conn = ASKER_NONE };
	struct server *s = data;
	uint64_t now = clock_mono_ms();
	unsigned begun = 0;
	bool is_any = false;

	s->refresh_timer = NULL;
	for (size_t i = 0; i < KNOWN_MAX && s->refresh_s && begun < REFRESH_AT_ONCE; i++) {
		struct known *k = &s->known[i];
		struct dns_query q;

		is_any |= k->name[0] != '\0';
		if (!k->name[0] || k->next_ms > now)
			continue;
		/* Should nobody answer. */
		k->next_ms = now + REFRESH_RETRY_MS;
		dns_query_for(k->name, &q);
		upstream_ask(s, &q, &nobody);
		begun++;
	}
	if (is_any)
		refresh_later(s);
}

/* --- before anybody asks */

static void tell_nowhere(struct server *s, const char *name, const struct buf *answer) {
	unsigned rcode = answer->len > 3 ? (uint8_t)answer->data[3] & 15u : 0;
	const char *why = rcode == LDNS_RCODE_NXDOMAIN  ? "nx"
			  : rcode == LDNS_RCODE_NOERROR ? "empty"
							: "silent";

	(void)msg_send(s->control_fd, RESOLVER_MSG_NOWHERE,
		       json_pack("{s:s, s:s}", "name", name, "why", why), NULL, 0);
}

static void ahead_continue(void *data) {
	static const struct asker nobody = { .conn = ASKER_AHEAD };
	struct server *s = data;

	s->ahead_timer = NULL;
	while (s->is_listed && s->asks_ahead && s->ahead_next < s->allowed.count &&
	       s->ahead < AHEAD_AT_ONCE) {
		const struct net_entry *e = &s->allowed.entries[s->ahead_next++];
		struct dns_query q;

		if (e->kind != NET_ENTRY_NAME || find(s, e->name))
			continue;
		dns_query_for(e->name, &q);
		/* It is, since before the list was changed. */
		if (upstream_asks(s, &q, ASKER_AHEAD))
			continue;
		s->ahead++;
		upstream_ask(s, &q, &nobody);
	}
}

void names_ahead_done(struct server *s, const struct dns_query *q, const struct buf *answer) {
	char name[DNS_NAME_TEXT];

	if (s->ahead)
		s->ahead--;
	/* Without records: it leads nowhere. */
	if (answer && dns_query_name(q, name) && answer->len > 7 && !answer->data[6] &&
	    !answer->data[7])
		tell_nowhere(s, name, answer);
	/* From the loop: a try that fails at once comes here while the next one is begun. */
	if (!s->ahead_timer)
		s->ahead_timer = loop_add_timer(s->loop, 1, 0, ahead_continue, s);
}

void names_ahead(struct server *s) {
	s->ahead_next = 0;
	if (!s->ahead_timer)
		s->ahead_timer = loop_add_timer(s->loop, 1, 0, ahead_continue, s);
}
