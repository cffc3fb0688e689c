/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The name server of the tests. What it answers goes by the first label of the name,
 * in whatever case (below); each question is printed: label, type, udp or tcp.
 */
#include <arpa/inet.h>
#include <ctype.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dnswire.h"

#define TRUNCATED 0x0200u

struct peer {
	int fd;
	bool tcp;
	struct sockaddr_in from;
};

/* A question, and the answer that is being written to it. */
struct asked {
	const struct peer *peer;
	const uint8_t *in;
	size_t end; /* of the question in it */
	size_t len;
	unsigned id, type;
	char label[64];
	unsigned flags;
	unsigned answers, additional;
	bool drips;   /* by TCP: byte by byte */
	size_t close; /* by TCP: after so many bytes; 0: all */
};

static unsigned ttl = 60;
static const char *always; /* the label that all names have for us */

static void begin(const struct asked *a, unsigned id, unsigned flags) {
	out_len = 0;
	put16(id);
	put16(flags);
	put16(1);
	put16(0);
	put16(0);
	put16(0);
	put(a->in + HEADER, a->end - HEADER);
}

/* A record of @owner; NULL: of the name asked for. */
static void record(const char *owner, unsigned type, const void *data, size_t len) {
	if (owner)
		put_name(owner);
	else
		put16(0xc000 | HEADER);
	put16(type);
	put16(1);
	put16(0);
	put16(ttl);
	put16((unsigned)len);
	put(data, len);
}

static void address_of(struct asked *a, const char *owner, const char *text) {
	struct in_addr address;

	inet_pton(AF_INET, text, &address);
	record(owner, TYPE_A, &address, 4);
	a->answers++;
}

static void address(struct asked *a, const char *text) {
	address_of(a, NULL, text);
}

/* @owner (NULL: the name asked for) is another name of @target. */
static void alias(struct asked *a, const char *owner, const char *target) {
	size_t at;

	record(owner, TYPE_CNAME, "", 0);
	at = out_len;
	put_name(target);
	set16(at - 2, (unsigned)(out_len - at));
	a->answers++;
}

static void send_reply(const struct asked *a) {
	const struct peer *p = a->peer;
	const uint8_t head[2] = { (uint8_t)(out_len >> 8), (uint8_t)out_len };
	size_t len = a->close ? a->close : out_len;

	if (!p->tcp) {
		(void)sendto(p->fd, out, out_len, 0, (const struct sockaddr *)&p->from,
			     sizeof(p->from));
		return;
	}
	(void)!write(p->fd, head, 2);
	for (size_t i = 0; a->drips && i < len; i++) {
		(void)!write(p->fd, out + i, 1);
		(void)poll(NULL, 0, 1);
	}
	if (!a->drips)
		(void)!write(p->fd, out, len);
}

/* --- what the labels do */

static void with_public(struct asked *a) {
	address(a, "198.51.100.10");
}

static void with_private(struct asked *a) {
	address(a, "10.20.0.1");
}

static void with_metadata(struct asked *a) {
	address(a, "169.254.169.254");
}

static void with_both(struct asked *a) {
	with_public(a);
	with_private(a);
}

/* An AAAA record and a private address in the additional section. */
static void smuggle(struct asked *a) {
	static const uint8_t six[16] = { 0x20, 1, 0xd, 0xb8, [15] = 1 };

	with_public(a);
	record(NULL, TYPE_AAAA, six, 16);
	with_private(a);
	a->answers--;
	a->additional = 2;
}

static void nx(struct asked *a) {
	a->flags |= 3;
}

static void fail(struct asked *a) {
	a->flags |= 2;
}

/* Two wrong answers before the right one: another number, another name. */
static void forged(struct asked *a) {
	if (!a->peer->tcp) {
		begin(a, a->id ^ 1, 0x8180);
		address(a, "198.51.100.66");
		set16(6, 1);
		send_reply(a);
		begin(a, a->id, 0x8180);
		out[HEADER + 1] = 'x';
		address(a, "198.51.100.66");
		set16(6, 1);
		send_reply(a);
		a->answers = 0;
		begin(a, a->id, a->flags);
	}
	with_public(a);
}

static void many(struct asked *a, unsigned count) {
	for (unsigned i = 0; i < count; i++) {
		char text[16];

		snprintf(text, sizeof(text), "198.51.100.%u", i + 1);
		address(a, text);
	}
}

/* 100 addresses, which is too much for a datagram. */
static void big(struct asked *a) {
	if (a->peer->tcp)
		many(a, 100);
	else
		a->flags |= TRUNCATED;
}

/* 40: too much for 512 bytes, and not for 1232. */
static void medium(struct asked *a) {
	many(a, 40);
}

/* Another of ten addresses each time, for one second. */
static void rotate(struct asked *a) {
	static unsigned turn;
	char text[16];

	snprintf(text, sizeof(text), "203.0.113.%u", 100 + turn++ % 10);
	ttl = 1;
	address(a, text);
}

/* Public first, then private. */
static void rebind(struct asked *a) {
	static unsigned asked;

	ttl = 0;
	address(a, asked++ ? "10.9.8.7" : "203.0.113.10");
}

static void zero(struct asked *a) {
	ttl = 0;
	address(a, "203.0.113.112");
}

/* Three aliases, not in their order. */
static void chain(struct asked *a) {
	alias(a, "one.example", "two.example");
	alias(a, NULL, "one.example");
	address_of(a, "two.example", "203.0.113.10");
}

/* "aliases-N": so many of them. */
static void aliases(struct asked *a) {
	unsigned count = (unsigned)strtoul(a->label + strlen("aliases-"), NULL, 10);
	char from[32] = "", to[32];

	for (unsigned i = 1; i <= count; i++) {
		snprintf(to, sizeof(to), "n%u.example", i);
		alias(a, *from ? from : NULL, to);
		memcpy(from, to, sizeof(from));
	}
	address_of(a, from, "203.0.113.111");
}

static void loop(struct asked *a) {
	alias(a, NULL, "one.example");
	alias(a, "one.example", "one.example");
}

/* A second address, of a name that was not asked for. */
static void rogue(struct asked *a) {
	with_public(a);
	address_of(a, "other.example", "198.51.100.77");
}

/* "h17": an address for each of a thousand names. */
static void thousand(struct asked *a) {
	unsigned n = (unsigned)strtoul(a->label + 1, NULL, 10);
	char text[16];

	snprintf(text, sizeof(text), "203.1.%u.%u", n >> 8 & 255, n & 255);
	address(a, text);
}

/* The question comes back in another case. */
static void otherwise(struct asked *a) {
	for (size_t i = HEADER; i < a->end - 4; i++)
		if (isalpha(out[i]))
			out[i] ^= 0x20;
	with_public(a);
}

/* The right number, and nothing else that makes sense. */
static void junk(struct asked *a) {
	for (out_len = 2; out_len < 300; out_len++)
		out[out_len] = (uint8_t)(out_len * 7 + 13);
	a->flags = 0;
}

/* An answer whose last record is not there to its end. */
static void half(struct asked *a) {
	with_public(a);
	out_len -= 2;
}

/* It says that there are more records than there are. */
static void lies(struct asked *a) {
	with_public(a);
	a->answers = 5;
}

/* A name that is a pointer to itself. */
static void pointer(struct asked *a) {
	size_t at;

	record(NULL, TYPE_CNAME, "\0\0", 2);
	at = out_len - 2;
	set16(at, 0xc000u | (unsigned)at);
	a->answers++;
}

/* By TCP, byte by byte. */
static void drip(struct asked *a) {
	if (a->peer->tcp)
		with_public(a);
	else
		a->flags |= TRUNCATED;
	a->drips = true;
}

/* By TCP, and the connection ends in the middle. */
static void cutoff(struct asked *a) {
	if (a->peer->tcp)
		with_public(a);
	else
		a->flags |= TRUNCATED;
	a->close = 20;
}

/* One that knows nothing of EDNS. */
static void noedns(struct asked *a) {
	if (get16(a->in + 10))
		a->flags |= 1;
	else
		with_public(a);
}

static const struct {
	const char *label; /* with a dash at its end: more comes behind it */
	void (*fn)(struct asked *a);
} labels[] = {
	{ "public", with_public }, { "held", with_public }, { "private", with_private },
	{ "metadata", with_metadata }, { "mixed", with_both }, { "smuggle", smuggle }, { "nx", nx },
	{ "fail", fail }, { "forged", forged }, { "big", big }, { "medium", medium },
	{ "rotate", rotate }, { "rebind", rebind }, { "zero", zero }, { "chain", chain },
	{ "aliases-", aliases }, { "loop", loop }, { "rogue", rogue }, { "h-", thousand },
	{ "otherwise", otherwise }, { "junk", junk }, { "half", half }, { "lies", lies },
	{ "pointer", pointer }, { "drip", drip }, { "cutoff", cutoff }, { "noedns", noedns },
};

static bool is_label(const struct asked *a, const char *label) {
	size_t len = strlen(label);

	/* "h-": "h17". */
	if (!strcmp(label, "h-"))
		return a->label[0] == 'h' && isdigit((unsigned char)a->label[1]);
	return label[len - 1] == '-' ? !strncmp(a->label, label, len) : !strcmp(a->label, label);
}

/* --- questions that are answered when we are told to */

static struct held {
	struct peer peer;
	uint8_t in[512];
	size_t len;
} held[256];
static size_t held_count;
static bool releases;

static void hold(const struct asked *a) {
	if (held_count == sizeof(held) / sizeof(held[0]) || a->len > sizeof(held[0].in))
		return;
	held[held_count].peer = *a->peer;
	memcpy(held[held_count].in, a->in, a->len);
	held[held_count++].len = a->len;
}

static void answer(const struct peer *p, const uint8_t *in, size_t len) {
	struct asked a = { .peer = p, .in = in, .end = question_end(in, len), .len = len,
			   .id = get16(in), .flags = 0x8180 };
	size_t n = in[HEADER] < 63 ? in[HEADER] : 63;

	if (!a.end)
		return;
	a.type = get16(in + a.end - 4);
	for (size_t i = 0; i < n; i++)
		a.label[i] = (char)tolower(in[HEADER + 1 + i]);
	if (always)
		snprintf(a.label, sizeof(a.label), "%s", always);
	printf("%s %u %s\n", a.label, a.type, p->tcp ? "tcp" : "udp");
	fflush(stdout);
	if (!strcmp(a.label, "held") && !p->tcp && !releases) {
		hold(&a);
		return;
	}
	if (!strcmp(a.label, "silent"))
		return;
	begin(&a, a.id, a.flags);
	ttl = 60;
	for (size_t i = 0; i < sizeof(labels) / sizeof(labels[0]); i++) {
		if (!is_label(&a, labels[i].label))
			continue;
		labels[i].fn(&a);
		if (a.flags) {
			set16(2, a.flags);
			set16(6, a.answers);
			set16(10, a.additional);
		}
	}
	send_reply(&a);
}

static void release(void) {
	releases = true;
	for (size_t i = 0; i < held_count; i++)
		answer(&held[i].peer, held[i].in, held[i].len);
	releases = false;
	held_count = 0;
}

/* One message of a connection. */
static void serve_tcp(int fd) {
	struct peer p = { .fd = accept(fd, NULL, NULL), .tcp = true };
	static uint8_t in[MESSAGE_MAX + 2];
	size_t have = 0;
	ssize_t n;

	while ((n = read(p.fd, in + have, sizeof(in) - have)) > 0) {
		have += (size_t)n;
		if (have < 2 || have - 2 < get16(in))
			continue;
		answer(&p, in + 2, get16(in));
		break;
	}
	close(p.fd);
}

int serve(const char *at_text, const char *label) {
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(53) };
	int udp = socket(AF_INET, SOCK_DGRAM, 0), tcp = socket(AF_INET, SOCK_STREAM, 0), one = 1;
	struct pollfd p[3] = { { .fd = udp, .events = POLLIN },
			       { .fd = tcp, .events = POLLIN },
			       { .fd = STDIN_FILENO, .events = POLLIN } };

	always = label;
	inet_pton(AF_INET, at_text, &at.sin_addr);
	(void)setsockopt(tcp, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(udp, (struct sockaddr *)&at, sizeof(at)) < 0 ||
	    bind(tcp, (struct sockaddr *)&at, sizeof(at)) < 0 || listen(tcp, 8) < 0) {
		perror("serve");
		return 1;
	}
	printf("ready\n");
	fflush(stdout);
	while (poll(p, 3, -1) > 0) {
		struct peer peer = { .fd = udp };
		socklen_t len = sizeof(peer.from);
		uint8_t in[4096];
		ssize_t n;

		if (p[2].revents && read(STDIN_FILENO, in, 1) <= 0)
			break;
		if (p[2].revents)
			release();
		if (p[1].revents)
			serve_tcp(tcp);
		if (!p[0].revents)
			continue;
		n = recvfrom(udp, in, sizeof(in), 0, (struct sockaddr *)&peer.from, &len);
		if (n >= HEADER)
			answer(&peer, in, (size_t)n);
	}
	return 0;
}
