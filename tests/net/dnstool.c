/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A name server and a client for the tests, with wire format of their own, so
 * that nothing is tested with itself.
 *
 *   dnstool serve ADDRESS        UDP and TCP port 53, until end of file on standard input
 *   dnstool ask ADDRESS NAME TYPE [tcp]
 *   dnstool flood ADDRESS COUNT  so many queries for a name that never answers
 *
 * The server goes by the first label: public, private, metadata, mixed (both),
 * smuggle (an AAAA record and a private address in the additional section),
 * big (100 addresses, cut off over UDP), nx, fail, silent, forged (two wrong
 * answers before the right one), rotate (another of ten addresses each time,
 * for one second), chain (three CNAME records, the last to an address), loop (a
 * CNAME circle), rogue (a second address, of a name that was not asked for),
 * rebind (public first, then private), held (198.51.100.10, by UDP, once a byte has
 * come on standard input). Each query is printed.
 *
 *   dnstool race ADDRESS NAME PORT COUNT   ask, and connect to what is said at once
 */
#include <arpa/inet.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define TYPE_A 1
#define TYPE_AAAA 28
#define TYPE_CNAME 5
#define HEADER 12
#define MAX 65535

static uint8_t out[MAX + 2];
static size_t out_len;
static unsigned ttl = 60;

static void put(const void *data, size_t len) {
	memcpy(out + out_len, data, len);
	out_len += len;
}

static void put16(unsigned v) {
	const uint8_t b[2] = { (uint8_t)(v >> 8), (uint8_t)v };

	put(b, sizeof(b));
}

static unsigned get16(const uint8_t *p) {
	return (unsigned)(p[0] << 8 | p[1]);
}

static void set16(size_t at, unsigned v) {
	out[at] = (uint8_t)(v >> 8);
	out[at + 1] = (uint8_t)v;
}

/* A record of the name at the question. */
static void record(unsigned type, const void *data, size_t len) {
	put16(0xc000 | HEADER);
	put16(type);
	put16(1);
	put16(0);
	put16(ttl);
	put16((unsigned)len);
	put(data, len);
}

/* A record of another name, which is given as it stands in messages; NULL: the one asked for. */
static void named(const char *owner, unsigned type, const char *data, size_t len) {
	if (owner)
		put(owner, strlen(owner) + 1);
	else
		put16(0xc000 | HEADER);
	put16(type);
	put16(1);
	put16(0);
	put16(ttl);
	put16((unsigned)len);
	put(data, len);
}

static void address(const char *text) {
	struct in_addr a;

	inet_pton(AF_INET, text, &a);
	record(TYPE_A, &a, 4);
}

static size_t question_end(const uint8_t *in, size_t len) {
	size_t at = HEADER;

	while (at < len && in[at])
		at += 1u + in[at];
	return at + 5 <= len ? at + 5 : 0;
}

static void begin(const uint8_t *in, size_t end, unsigned id, unsigned flags) {
	out_len = 0;
	put16(id);
	put16(flags);
	put16(1);
	put16(0);
	put16(0);
	put16(0);
	put(in + HEADER, end - HEADER);
}

struct peer {
	int fd;
	bool tcp;
	struct sockaddr_in from;
};

static void reply(const struct peer *p) {
	if (p->tcp) {
		const uint8_t head[2] = { (uint8_t)(out_len >> 8), (uint8_t)out_len };

		(void)!write(p->fd, head, 2);
		(void)!write(p->fd, out, out_len);
		return;
	}
	(void)sendto(p->fd, out, out_len, 0, (const struct sockaddr *)&p->from, sizeof(p->from));
}

/* Questions that are answered when we are told to. */
static struct held {
	struct peer peer;
	uint8_t in[512];
	size_t len;
} held[256];
static size_t held_count;
static bool releases;

static void answer(const struct peer *p, const uint8_t *in, size_t len) {
	size_t end = question_end(in, len);
	unsigned id = get16(in), type, n = 0;
	char label[64] = "";

	if (!end)
		return;
	type = get16(in + end - 4);
	memcpy(label, in + HEADER + 1, in[HEADER] < 63 ? in[HEADER] : 63);
	if (!strcmp(label, "held") && !p->tcp && !releases) {
		if (held_count < sizeof(held) / sizeof(held[0]) && len <= sizeof(held[0].in)) {
			held[held_count].peer = *p;
			memcpy(held[held_count].in, in, len);
			held[held_count++].len = len;
		}
		printf("held %u udp\n", type);
		fflush(stdout);
		return;
	}
	printf("%s %u %s\n", label, type, p->tcp ? "tcp" : "udp");
	fflush(stdout);
	if (!strcmp(label, "silent"))
		return;
	if (!strcmp(label, "forged") && !p->tcp) {
		begin(in, end, id ^ 1, 0x8180);
		address("198.51.100.66");
		set16(6, 1);
		reply(p);
		begin(in, end, id, 0x8180);
		out[HEADER + 1] = 'x';
		address("198.51.100.66");
		set16(6, 1);
		reply(p);
	}
	begin(in, end, id, !strcmp(label, "nx") ? 0x8183 : !strcmp(label, "fail") ? 0x8182 : 0x8180);
	if (!strcmp(label, "public") || !strcmp(label, "mixed") || !strcmp(label, "smuggle") ||
	    !strcmp(label, "forged") || !strcmp(label, "held")) {
		address("198.51.100.10");
		n++;
	}
	if (!strcmp(label, "private") || !strcmp(label, "mixed")) {
		address("10.20.0.1");
		n++;
	}
	if (!strcmp(label, "metadata")) {
		address("169.254.169.254");
		n++;
	}
	if (!strcmp(label, "big") && !p->tcp)
		out[2] |= 2; /* TC */
	for (unsigned i = 0; !strcmp(label, "big") && p->tcp && i < 100; i++) {
		char text[16];

		snprintf(text, sizeof(text), "198.51.100.%u", i + 1);
		address(text);
		n++;
	}
	if (!strcmp(label, "rotate")) {
		static unsigned turn;
		char text[16];

		snprintf(text, sizeof(text), "203.0.113.%u", 100 + turn++ % 10);
		ttl = 1;
		address(text);
		ttl = 60;
		n++;
	}
	if (!strcmp(label, "rebind")) {
		static unsigned asked;

		ttl = 0;
		address(asked++ ? "10.9.8.7" : "203.0.113.10");
		ttl = 60;
		n++;
	}
	if (!strcmp(label, "chain")) {
		named("\3one\7example", TYPE_CNAME, "\3two\7example", 13);
		named(NULL, TYPE_CNAME, "\3one\7example", 13);
		named("\3two\7example", TYPE_A, "\313\0\161\12", 4);
		n += 3;
	}
	if (!strcmp(label, "loop")) {
		named(NULL, TYPE_CNAME, "\3one\7example", 13);
		named("\3one\7example", TYPE_CNAME, "\3one\7example", 13);
		n += 2;
	}
	if (!strcmp(label, "rogue")) {
		address("198.51.100.10");
		named("\5other\7example", TYPE_A, "\306\063\144\115", 4);
		n += 2;
	}
	set16(6, n);
	if (!strcmp(label, "smuggle")) {
		static const uint8_t six[16] = { 0x20, 1, 0xd, 0xb8, [15] = 1 };

		record(TYPE_AAAA, six, 16);
		address("10.20.0.1");
		set16(10, 2);
	}
	reply(p);
}

/* One message of a connection. */
static void serve_tcp(int fd) {
	struct peer p = { .fd = accept(fd, NULL, NULL), .tcp = true };
	uint8_t in[MAX + 2];
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

static void release(void) {
	releases = true;
	for (size_t i = 0; i < held_count; i++)
		answer(&held[i].peer, held[i].in, held[i].len);
	releases = false;
	held_count = 0;
}

static int serve(const char *at_text) {
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(53) };
	int udp = socket(AF_INET, SOCK_DGRAM, 0), tcp = socket(AF_INET, SOCK_STREAM, 0), one = 1;
	struct pollfd p[3] = { { .fd = udp, .events = POLLIN },
			       { .fd = tcp, .events = POLLIN },
			       { .fd = STDIN_FILENO, .events = POLLIN } };

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

static void query(unsigned id, const char *name, unsigned type) {
	out_len = 0;
	put16(id);
	put16(0x0100);
	put16(1);
	put16(0);
	put16(0);
	put16(0);
	while (*name) {
		size_t n = strcspn(name, ".");
		uint8_t len = (uint8_t)n;

		put(&len, 1);
		put(name, n);
		name += n + (name[n] == '.');
	}
	put("", 1);
	put16(type);
	put16(1);
}

static void print_answer(const uint8_t *in, size_t len) {
	size_t at = question_end(in, len);
	unsigned total = get16(in + 6) + get16(in + 8) + get16(in + 10), shown = 0;

	printf("rcode=%u tc=%d", in[3] & 15, (in[2] & 2) != 0);
	for (unsigned i = 0; i < total; i++) {
		unsigned type, rdlen;

		/* A pointer, or a whole name, or the root. */
		while (at < len && in[at] && in[at] < 0xc0)
			at += 1u + in[at];
		at += at < len && in[at] >= 0xc0 ? 2 : 1;
		if (at + 10 > len)
			break;
		type = get16(in + at);
		rdlen = get16(in + at + 8);
		at += 10;
		if (type == TYPE_A && rdlen == 4 && ++shown <= 3)
			printf(" %u.%u.%u.%u", in[at], in[at + 1], in[at + 2], in[at + 3]);
		if (type == TYPE_AAAA)
			printf(" AAAA");
		at += rdlen;
	}
	if (shown > 3)
		printf(" … %u", shown);
	printf("\n");
}

static int dial(const char *address_text, int type) {
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(53) };
	const struct timeval wait = { .tv_sec = 14 };
	int fd = socket(AF_INET, type, 0);

	inet_pton(AF_INET, address_text, &to.sin_addr);
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0) {
		printf("no connection\n");
		exit(0);
	}
	return fd;
}

static int ask(const char *server, const char *name, unsigned type, bool tcp) {
	int fd = dial(server, tcp ? SOCK_STREAM : SOCK_DGRAM);
	uint8_t in[MAX + 2];
	size_t have = 0;
	ssize_t n;

	query(0x4242, name, type);
	if (tcp) {
		const uint8_t head[2] = { (uint8_t)(out_len >> 8), (uint8_t)out_len };

		(void)!write(fd, head, 2);
	}
	(void)!write(fd, out, out_len);
	while ((n = read(fd, in + have, sizeof(in) - have)) > 0) {
		have += (size_t)n;
		if (!tcp || (have >= 2 && have - 2 >= get16(in)))
			break;
	}
	if (n <= 0)
		printf("no answer\n");
	else
		print_answer(in + (tcp ? 2 : 0), have - (tcp ? 2 : 0));
	return 0;
}

/* Is some of it refused while the rest waits? */
static int flood(const char *server, unsigned count) {
	int fd = dial(server, SOCK_DGRAM);
	const struct timeval wait = { .tv_sec = 1 };
	unsigned refused = 0;
	uint8_t in[MAX];

	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	for (unsigned i = 0; i < count; i++) {
		query(i, "silent.test", TYPE_A);
		(void)!write(fd, out, out_len);
	}
	while (refused < count / 2 && recv(fd, in, sizeof(in), 0) > 0)
		refused += (in[3] & 15) == 2;
	printf("refused=%s\n", refused ? "some" : "none");
	return 0;
}

/* The first address in an answer, or false. */
static bool first_address(const uint8_t *in, size_t len, struct in_addr *ret) {
	size_t at = question_end(in, len);

	for (unsigned i = 0; at && i < get16(in + 6); i++) {
		while (at < len && in[at] && in[at] < 0xc0)
			at += 1u + in[at];
		at += at < len && in[at] >= 0xc0 ? 2 : 1;
		if (at + 14 > len)
			return false;
		if (get16(in + at) == TYPE_A) {
			memcpy(ret, in + at + 10, 4);
			return true;
		}
		at += 10 + get16(in + at + 8);
	}
	return false;
}

/* Whoever gets an address can use it at that moment, or it was told too early. */
static int race(const char *server, const char *name, unsigned port, unsigned count) {
	unsigned good = 0;

	for (unsigned i = 0; i < count; i++) {
		struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
		int fd = dial(server, SOCK_DGRAM), s;
		uint8_t in[4096];
		ssize_t n;

		query(i, name, TYPE_A);
		(void)!write(fd, out, out_len);
		n = recv(fd, in, sizeof(in), 0);
		close(fd);
		if (n < HEADER || !first_address(in, (size_t)n, &to.sin_addr))
			continue;
		s = socket(AF_INET, SOCK_STREAM, 0);
		if (connect(s, (struct sockaddr *)&to, sizeof(to)) == 0)
			good++;
		close(s);
	}
	printf("good=%u of %u\n", good, count);
	return 0;
}

int main(int argc, char **argv) {
	if (argc == 6 && !strcmp(argv[1], "race"))
		return race(argv[2], argv[3], (unsigned)strtoul(argv[4], NULL, 10),
			    (unsigned)strtoul(argv[5], NULL, 10));
	if (argc == 3 && !strcmp(argv[1], "serve"))
		return serve(argv[2]);
	if (argc >= 5 && !strcmp(argv[1], "ask"))
		return ask(argv[2], argv[3], (unsigned)strtoul(argv[4], NULL, 10), argc > 5);
	if (argc == 4 && !strcmp(argv[1], "flood"))
		return flood(argv[2], (unsigned)strtoul(argv[3], NULL, 10));
	return 2;
}
