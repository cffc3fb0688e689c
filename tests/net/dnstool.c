/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A name server and a client for the tests, with wire format of their own, so
 * that nothing is tested with itself.
 *
 *   dnstool serve ADDRESS [LABEL]  UDP and TCP port 53, see dnsserver.c
 *   dnstool ask ADDRESS NAME TYPE [tcp] [size=N]   size: what EDNS says that we take
 *   dnstool flood ADDRESS COUNT  so many queries for a name that never answers
 *   dnstool race ADDRESS NAME PORT COUNT   ask, and connect to what is said at once
 *   dnstool turns ADDRESS NAME COUNT       one after the other: the median, microseconds
 *   dnstool all ADDRESS SUFFIX COUNT       h0.SUFFIX and so on; how many have their address
 *
 * Over one TCP connection, or several:
 *
 *   dnstool pipeline ADDRESS NAME COUNT    all questions at once, A and AAAA by turns
 *   dnstool drip ADDRESS NAME              the question byte by byte
 *   dnstool halfway ADDRESS NAME           our side is closed behind the question
 *   dnstool crowd ADDRESS NAME COUNT       so many connections; which of them are served
 *   dnstool garbage ADDRESS NAME           what is no question, by UDP and TCP; then NAME
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "dnswire.h"

#define ID 0x4242

static uint8_t in[MESSAGE_MAX + 2];

static int dial(const char *address_text, int type) {
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(53) };
	const struct timeval wait = { .tv_sec = 14 };
	int fd = socket(AF_INET, type, 0), one = 1;

	inet_pton(AF_INET, address_text, &to.sin_addr);
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	if (type == SOCK_STREAM)
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0) {
		printf("no connection\n");
		exit(0);
	}
	return fd;
}

/* The root's record with a size, behind the question in `out`. */
static void add_edns(unsigned size) {
	put("", 1);
	put16(TYPE_OPT);
	put16(size);
	put16(0);
	put16(0);
	put16(0);
	set16(10, 1);
}

static size_t name_end(size_t at, size_t len) {
	while (at < len && in[at] && in[at] < 0xc0)
		at += 1u + in[at];
	return at + (at < len && in[at] >= 0xc0 ? 2 : 1);
}

/* @asked: the question as we wrote it, which has to come back as it was. */
static void print_answer(size_t len, const uint8_t *asked, size_t asked_len) {
	size_t at = question_end(in, len);
	unsigned total = get16(in + 6) + get16(in + 8) + get16(in + 10), shown = 0, edns = 0;

	printf("rcode=%u tc=%d", in[3] & 15, (in[2] & 2) != 0);
	if (len < asked_len || get16(in) != ID ||
	    memcmp(in + HEADER, asked + HEADER, asked_len - HEADER) != 0)
		printf(" another question");
	for (unsigned i = 0; i < total; i++) {
		unsigned type, rdlen;

		at = name_end(at, len);
		if (at + 10 > len)
			break;
		type = get16(in + at);
		if (type == TYPE_OPT)
			edns = get16(in + at + 2);
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
	if (edns)
		printf(" edns=%u", edns);
	printf("\n");
}

/* A message of a connection into `in`, without its length: its length, or 0. */
static size_t read_message(int fd) {
	uint8_t head[2];
	size_t have = 0, len;

	if (recv(fd, head, 2, MSG_WAITALL) != 2)
		return 0;
	len = get16(head);
	while (have < len) {
		ssize_t n = recv(fd, in + have, len - have, 0);

		if (n <= 0)
			return 0;
		have += (size_t)n;
	}
	return len;
}

/* What is in `out`, with its length before it. */
static void write_message(int fd) {
	const uint8_t head[2] = { (uint8_t)(out_len >> 8), (uint8_t)out_len };

	(void)!send(fd, head, 2, MSG_MORE | MSG_NOSIGNAL);
	(void)!send(fd, out, out_len, MSG_NOSIGNAL);
}

static int ask(const char *server, const char *name, unsigned type, bool tcp, unsigned size) {
	int fd = dial(server, tcp ? SOCK_STREAM : SOCK_DGRAM);
	size_t asked_len, len;

	query(ID, name, type);
	asked_len = out_len;
	if (size)
		add_edns(size);
	if (tcp) {
		write_message(fd);
		len = read_message(fd);
	} else {
		ssize_t n;

		(void)!write(fd, out, out_len);
		n = read(fd, in, sizeof(in));
		len = n > 0 ? (size_t)n : 0;
	}
	if (len < HEADER)
		printf("no answer\n");
	else
		print_answer(len, out, asked_len);
	close(fd);
	return 0;
}

/* Is some of it refused while the rest waits? */
static int flood(const char *server, unsigned count) {
	int fd = dial(server, SOCK_DGRAM);
	const struct timeval wait = { .tv_sec = 1 };
	unsigned refused = 0;

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
static bool first_address(size_t len, struct in_addr *ret) {
	size_t at = question_end(in, len);

	for (unsigned i = 0; at && i < get16(in + 6); i++) {
		at = name_end(at, len);
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
		ssize_t n;

		query(i, name, TYPE_A);
		(void)!write(fd, out, out_len);
		n = recv(fd, in, sizeof(in), 0);
		close(fd);
		if (n < HEADER || !first_address((size_t)n, &to.sin_addr)) {
			printf("%u: %s, rcode %d\n", i, n < 0 ? strerror(errno) : "no address",
			       n < HEADER ? -1 : in[3] & 15);
			continue;
		}
		s = socket(AF_INET, SOCK_STREAM, 0);
		if (connect(s, (struct sockaddr *)&to, sizeof(to)) == 0)
			good++;
		else
			printf("%u: %s: %s\n", i, inet_ntoa(to.sin_addr), strerror(errno));
		close(s);
	}
	printf("good=%u of %u\n", good, count);
	return 0;
}

static int compare_times(const void *x, const void *y) {
	const long *a = x, *b = y;

	return (*a > *b) - (*a < *b);
}

static long microseconds(void) {
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static int turns(const char *server, const char *name, unsigned count) {
	long *took = calloc(count + 1, sizeof(*took));
	int fd = dial(server, SOCK_DGRAM);

	for (unsigned i = 0; took && i < count; i++) {
		long start = microseconds();

		query(i, name, TYPE_A);
		(void)!write(fd, out, out_len);
		/* Answers to this question alone: a server may send another behind one. */
		do {
			if (recv(fd, in, sizeof(in), 0) < HEADER || (in[3] & 15))
				return 1;
		} while (memcmp(in, out, 2) != 0);
		took[i] = microseconds() - start;
	}
	if (!took || !count)
		return 1;
	qsort(took, count, sizeof(*took), compare_times);
	printf("%ld\n", took[count / 2]);
	free(took);
	return 0;
}

static int all(const char *server, const char *suffix, unsigned count) {
	int fd = dial(server, SOCK_DGRAM);
	unsigned good = 0;

	for (unsigned i = 0; i < count; i++) {
		uint32_t want = htonl(203u << 24 | 1u << 16 | i);
		struct in_addr a = { 0 };
		char name[128];
		ssize_t n;

		snprintf(name, sizeof(name), "h%u.%s", i, suffix);
		query(i, name, TYPE_A);
		(void)!write(fd, out, out_len);
		n = recv(fd, in, sizeof(in), 0);
		good += n > HEADER && get16(in) == i && first_address((size_t)n, &a) &&
			a.s_addr == want;
	}
	printf("good=%u of %u\n", good, count);
	return 0;
}

/* --- connections */

static int pipeline(const char *server, const char *name, unsigned count) {
	int fd = dial(server, SOCK_STREAM);
	unsigned in_order = 0, with_address = 0;
	size_t at = 0;
	static uint8_t bytes[1 << 20];

	for (unsigned i = 0; i < count; i++) {
		query(i, name, i % 2 ? TYPE_AAAA : TYPE_A);
		bytes[at] = (uint8_t)(out_len >> 8);
		bytes[at + 1] = (uint8_t)out_len;
		memcpy(bytes + at + 2, out, out_len);
		at += 2 + out_len;
	}
	(void)!send(fd, bytes, at, MSG_NOSIGNAL);
	for (unsigned i = 0; i < count; i++) {
		size_t len = read_message(fd);
		struct in_addr a;

		if (!len)
			break;
		in_order += get16(in) == i;
		with_address += first_address(len, &a);
	}
	printf("in order: %u, with an address: %u\n", in_order, with_address);
	return 0;
}

static void print_next(int fd) {
	size_t asked_len = out_len, len = read_message(fd);

	if (!len)
		printf("no answer\n");
	else
		print_answer(len, out, asked_len);
}

static int drip(const char *server, const char *name) {
	int fd = dial(server, SOCK_STREAM);
	uint8_t head[2];

	query(ID, name, TYPE_A);
	head[0] = (uint8_t)(out_len >> 8);
	head[1] = (uint8_t)out_len;
	for (size_t i = 0; i < out_len + 2; i++) {
		(void)!send(fd, i < 2 ? head + i : out + i - 2, 1, MSG_NOSIGNAL);
		(void)poll(NULL, 0, 2);
	}
	print_next(fd);
	return 0;
}

static int halfway(const char *server, const char *name) {
	int fd = dial(server, SOCK_STREAM);

	query(ID, name, TYPE_A);
	write_message(fd);
	(void)shutdown(fd, SHUT_WR);
	print_next(fd);
	/* And then it ends. */
	printf("%s\n", recv(fd, in, 1, 0) == 0 ? "closed" : "open");
	return 0;
}

static int crowd(const char *server, const char *name, unsigned count) {
	int fds[256];
	unsigned open = 0, served = 0;

	if (count > 256)
		return 2;
	for (unsigned i = 0; i < count; i++)
		fds[i] = dial(server, SOCK_STREAM);
	for (unsigned i = 0; i < count; i++) {
		struct pollfd p = { .fd = fds[i], .events = POLLIN };

		/* One that has nothing to say is not readable, but at its end. */
		open += poll(&p, 1, i ? 0 : 300) == 0;
	}
	for (unsigned i = 0; i < count; i++) {
		query(ID, name, TYPE_A);
		write_message(fds[i]);
		served += read_message(fds[i]) > HEADER;
	}
	printf("open=%u served=%u\n", open, served);
	return 0;
}

/* --- garbage */

static const struct {
	const char *bytes;
	size_t len;
} bad[] = {
#define BAD(text) { text, sizeof(text) - 1 }
	BAD(""),
	BAD("\0"),
	BAD("\x42\x42\1\0\0\1\0\0\0\0\0"),
	/* A header alone; one that has a question, or two, or 65535, that are not there. */
	BAD("\x42\x42\1\0\0\0\0\0\0\0\0\0"),
	BAD("\x42\x42\1\0\0\1\0\0\0\0\0\0"),
	BAD("\x42\x42\1\0\0\2\0\0\0\0\0\0\1a\0\0\1\0\1"),
	BAD("\x42\x42\1\0\xff\xff\0\0\0\0\0\0\1a\0\0\1\0\1"),
	/* An answer; a notification and an update. */
	BAD("\x42\x42\x81\x80\0\1\0\0\0\0\0\0\1a\0\0\1\0\1"),
	BAD("\x42\x42\x21\0\0\1\0\0\0\0\0\0\1a\0\0\1\0\1"),
	BAD("\x42\x42\x29\0\0\1\0\0\0\0\0\0\1a\0\0\1\0\1"),
	/* Names: cut off, a pointer, to itself, a label that is too long, without an end. */
	BAD("\x42\x42\1\0\0\1\0\0\0\0\0\0\7a"),
	BAD("\x42\x42\1\0\0\1\0\0\0\0\0\0\xc0\0\0\1\0\1"),
	BAD("\x42\x42\1\0\0\1\0\0\0\0\0\0\xc0\x0c\0\1\0\1"),
	BAD("\x42\x42\1\0\0\1\0\0\0\0\0\0\x40" "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	    "aaaaaaaa\0\0\1\0\1"),
	BAD("\x42\x42\1\0\0\1\0\0\0\0\0\0\1a\1a\1a\1a\1a"),
	/* The type is cut off; records that no question has; class CHAOS, any, none. */
	BAD("\x42\x42\1\0\0\1\0\0\0\0\0\0\1a\0\0"),
	BAD("\x42\x42\1\0\0\1\0\1\0\0\0\0\1a\0\0\1\0\1\xc0\x0c\0\1\0\1\0\0\0\0\0\4\1\2\3\4"),
	BAD("\x42\x42\1\0\0\1\0\0\0\0\0\0\1a\0\0\1\0\3"),
	BAD("\x42\x42\1\0\0\1\0\0\0\0\0\0\1a\0\0\xff\0\xff"),
	BAD("\x42\x42\1\0\0\1\0\0\0\0\0\0\1a\0\0\0\0\0"),
	/* EDNS twice, cut off, of a length that it has not. */
	BAD("\x42\x42\1\0\0\1\0\0\0\0\0\2\1a\0\0\1\0\1\0\0\x29\2\0\0\0\0\0\0\0\0\0\x29\2\0\0\0\0\0\0\0"),
	BAD("\x42\x42\1\0\0\1\0\0\0\0\0\1\1a\0\0\1\0\1\0\0\x29\2"),
	BAD("\x42\x42\1\0\0\1\0\0\0\0\0\1\1a\0\0\1\0\1\0\0\x29\2\0\0\0\0\0\xff\xff\0"),
	/* Letters that no name has. */
	BAD("\x42\x42\1\0\0\1\0\0\0\0\0\0\5a\n\x1b[m\4test\0\0\1\0\1"),
	BAD("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"),
#undef BAD
};

static int garbage(const char *server, const char *name) {
	int udp = dial(server, SOCK_DGRAM);
	unsigned answered = 0;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		int tcp = dial(server, SOCK_STREAM);

		(void)send(udp, bad[i].bytes, bad[i].len, 0);
		out_len = 0;
		put(bad[i].bytes, bad[i].len);
		write_message(tcp);
		/* The same once more, and less than was announced. */
		out_len = 0;
		put("\xff\xff", 2);
		put(bad[i].bytes, bad[i].len);
		(void)!send(tcp, out, out_len, MSG_NOSIGNAL);
		close(tcp);
	}
	memset(out, 0xff, 4000);
	(void)send(udp, out, 4000, 0);
	/* Behind all of that comes the answer to a good one. */
	query(ID, name, TYPE_A);
	(void)!write(udp, out, out_len);
	for (;;) {
		ssize_t n = recv(udp, in, sizeof(in), 0);

		if (n < HEADER) {
			printf("no answer\n");
			return 0;
		}
		if (question_end(in, (size_t)n) == out_len && !memcmp(in + HEADER, out + HEADER,
								       out_len - HEADER))
			break;
		answered++;
		/* The one with odd letters is a question, to which there is no answer. */
		if (!(in[2] & 0x80) || get16(in + 6) ||
		    (!(in[3] & 15) && !memmem(in, (size_t)n, "\x1b[m", 3)))
			printf("number %u is no refusal: %zu bytes, flags %04x, records %u\n", answered,
			       (size_t)n, get16(in + 2), get16(in + 6));
	}
	printf("refused=%s\n", answered ? "some" : "none");
	print_answer(out_len + 16, out, out_len);
	return 0;
}

static unsigned number(const char *text) {
	return (unsigned)strtoul(text, NULL, 10);
}

int main(int argc, char **argv) {
	const char *what = argc > 1 ? argv[1] : "";

	if (argc == 6 && !strcmp(what, "race"))
		return race(argv[2], argv[3], number(argv[4]), number(argv[5]));
	if (argc >= 3 && !strcmp(what, "serve"))
		return serve(argv[2], argv[3]);
	if (argc >= 5 && !strcmp(what, "ask")) {
		bool tcp = false;
		unsigned size = 0;

		for (int i = 5; i < argc; i++) {
			tcp = tcp || !strcmp(argv[i], "tcp");
			size = !strncmp(argv[i], "size=", 5) ? number(argv[i] + 5) : size;
		}
		return ask(argv[2], argv[3], number(argv[4]), tcp, size);
	}
	if (argc == 4 && !strcmp(what, "flood"))
		return flood(argv[2], number(argv[3]));
	if (argc == 5 && !strcmp(what, "turns"))
		return turns(argv[2], argv[3], number(argv[4]));
	if (argc == 5 && !strcmp(what, "all"))
		return all(argv[2], argv[3], number(argv[4]));
	if (argc == 5 && !strcmp(what, "pipeline"))
		return pipeline(argv[2], argv[3], number(argv[4]));
	if (argc == 4 && !strcmp(what, "drip"))
		return drip(argv[2], argv[3]);
	if (argc == 4 && !strcmp(what, "halfway"))
		return halfway(argv[2], argv[3]);
	if (argc == 5 && !strcmp(what, "crowd"))
		return crowd(argv[2], argv[3], number(argv[4]));
	if (argc == 4 && !strcmp(what, "garbage"))
		return garbage(argv[2], argv[3]);
	return 2;
}
