/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A name service that somebody has taken over: started by a supervisor in the place of
 * coi-resolver, it says to it whatever it can. It keeps "rogue.log" beside itself, a
 * line for each step when that is done, and stays until the supervisor ends.
 */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/msg.h"
#include "net/resolver/protocol.h"

#define CONTROL RESOLVER_FD_CONTROL
#define LISTED "public.test" /* the one that the container may ask for */

static int log_fd = -1;

static void done(const char *step) {
	(void)!write(log_fd, step, strlen(step));
	(void)!write(log_fd, "\n", 1);
}

static int open_log(void) {
	char path[4096];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 16);
	char *slash;

	if (n <= 0)
		return -1;
	path[n] = '\0';
	slash = strrchr(path, '/');
	memcpy(slash, "/rogue.log", sizeof("/rogue.log"));
	return open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
}

/* Answer what we are asked, so that nobody takes us for one that hangs. */
static void listen_a_little(int timeout_ms) {
	struct pollfd p = { .fd = CONTROL, .events = POLLIN };

	while (poll(&p, 1, timeout_ms) > 0) {
		struct msg m;
		int r = msg_recv(CONTROL, &m);

		if (r == 0)
			exit(0);
		if (r < 0)
			continue;
		if (!strcmp(m.type, RESOLVER_MSG_PING))
			(void)msg_send(CONTROL, RESOLVER_MSG_PONG, NULL, NULL, 0);
		msg_done(&m);
	}
}

static void say(const char *type, json_t *body) {
	listen_a_little(0);
	(void)msg_send(CONTROL, type, body, NULL, 0);
}

static void say_raw(const char *bytes, size_t len) {
	listen_a_little(0);
	(void)send(CONTROL, bytes, len, MSG_NOSIGNAL);
}

static void bytes(void) {
	static char big[300000];
	static const char *const texts[] = {
		"x", "{", "[]", "null", "{}", "{\"v\":1}", "{\"v\":2,\"type\":\"learn\",\"body\":{}}",
		"{\"v\":1,\"type\":7,\"body\":{}}", "{\"v\":1,\"type\":\"learn\",\"body\":[]}",
		"{\"v\":1,\"v\":1,\"type\":\"learn\",\"body\":{}}",
		"{\"v\":1,\"type\":\"learn\",\"type\":\"pong\",\"body\":{}}",
		"{\"v\":1,\"type\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\",\"body\":{}}",
		"{\"v\":1,\"type\":\"learn\",\"body\":{\"name\":\"a\\u0000b\"}}",
		"{\"v\":1,\"type\":\"stop\",\"body\":{}}", "{\"v\":1,\"type\":\"error\",\"body\":{}}",
		"{\"v\":1,\"type\":\"network\",\"body\":{\"op\":\"mode\",\"mode\":\"open\"}}",
		"{\"v\":1,\"type\":\"learnt\",\"body\":{\"id\":0,\"ok\":true}}",
		"{\"v\":1,\"type\":\"policy\",\"body\":{}}",
	};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		say_raw(texts[i], strlen(texts[i]));
	for (size_t i = 0; i < 1000; i++) {
		for (size_t k = 0; k < 200; k++)
			big[k] = (char)(i * 31 + k * 7);
		say_raw(big, 1 + i % 200);
	}
	/* Nested as deep as it goes; and more than one message may have. */
	memset(big, '[', sizeof(big));
	say_raw(big, 100000);
	memset(big, ' ', sizeof(big));
	memcpy(big, texts[16], strlen(texts[16]));
	say_raw(big, 140000);
	say_raw(big, 200000);
	done("bytes");
}

static json_t *wish(const char *name, json_t *addresses, json_t *id, json_t *ttl) {
	json_t *body = json_object();

	(void)json_object_set_new(body, "name", json_string(name));
	(void)json_object_set_new(body, "addresses", addresses);
	(void)json_object_set_new(body, "id", id);
	(void)json_object_set_new(body, "ttl", ttl);
	return body;
}

static json_t *one(json_t *address) {
	json_t *list = json_array();

	(void)json_array_append_new(list, address);
	return list;
}

/* 1.1.1.1, which nobody has listed. */
#define SOMEWHERE json_integer(0x01010101)

static void learn_forms(void) {
	static const char *const names[] = {
		"", ".", "..", "other.test", "PUBLIC.TEST", "public.test.", "public.test\n",
		"public.test\x1b[31m", "*.test", "*", "a/../b", "public.test public.test", "-", "_",
		"xn--public", "%s%n%s",
	};
	char longest[400];
	json_t *many = json_array(), *deep = json_array();

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		say("learn", wish(names[i], one(SOMEWHERE), json_integer(1), json_integer(60)));
	memset(longest, 'a', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	say("learn", wish(longest, one(SOMEWHERE), json_integer(1), json_integer(60)));
	/* Wrong types and numbers, of a name that is listed. */
	say("learn", wish(LISTED, one(json_integer(-1)), json_integer(1), json_integer(60)));
	say("learn", wish(LISTED, one(json_integer(INT64_C(1) << 32)), json_integer(1),
			  json_integer(60)));
	say("learn", wish(LISTED, one(json_integer(INT64_MAX)), json_integer(1), json_integer(60)));
	say("learn", wish(LISTED, one(json_real(16843009)), json_integer(1), json_integer(60)));
	say("learn", wish(LISTED, one(json_string("1.1.1.1")), json_integer(1), json_integer(60)));
	say("learn", wish(LISTED, one(json_null()), json_integer(1), json_integer(60)));
	say("learn", wish(LISTED, json_array(), json_integer(1), json_integer(60)));
	say("learn", wish(LISTED, json_object(), json_integer(1), json_integer(60)));
	say("learn", wish(LISTED, SOMEWHERE, json_integer(1), json_integer(60)));
	say("learn", wish(LISTED, one(SOMEWHERE), json_integer(-1), json_integer(60)));
	say("learn", wish(LISTED, one(SOMEWHERE), json_string("1"), json_integer(60)));
	say("learn", wish(LISTED, one(SOMEWHERE), json_integer(1), json_integer(-1)));
	say("learn", wish(LISTED, one(SOMEWHERE), json_integer(1), json_integer(INT64_C(1) << 40)));
	say("learn", wish(LISTED, one(SOMEWHERE), json_integer(1), json_real(60)));
	say("learn", wish(LISTED, one(SOMEWHERE), json_integer(1), json_null()));
	for (int i = 0; i < 65; i++)
		(void)json_array_append_new(many, SOMEWHERE);
	say("learn", wish(LISTED, many, json_integer(1), json_integer(60)));
	for (int i = 0; i < 500; i++)
		deep = one(deep);
	say("learn", wish(LISTED, deep, json_integer(1), json_integer(60)));
	say("learn", NULL);
	done("forms");
}

/* Where no name may lead, of a name that is listed; alone, and behind one that may be. */
static void learn_places(void) {
	static const uint32_t places[] = {
		0x0a090807, /* 10.9.8.7 */
		0xac100505, /* 172.16.5.5 */
		0xc0a83201, /* 192.168.50.1 */
		0xa9fea9fe, /* 169.254.169.254 */
		0x64400009, /* 100.64.0.9 */
		0xa83f8110, /* 168.63.129.16 */
		0x0a4d0001, 0x0a4d0002, 0x0a4d0003, /* the gateway and containers */
		0x7f000001, 0x00000000, 0xffffffff, 0xe0000001,
	};

	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		json_t *two = one(json_integer(0xc6336455)); /* 198.51.100.85 */

		(void)json_array_append_new(two, json_integer(places[i]));
		say("learn", wish(LISTED, one(json_integer(places[i])), json_integer(1),
				  json_integer(3600)));
		say("learn", wish(LISTED, two, json_integer(1), json_integer(3600)));
	}
	done("places");
}

/* Refusals that nobody has seen. */
static void denials(void) {
	static const char *const names[] = { "", "a.test", "\x1b[31m", "a.test.", "x y" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		say("denied", json_pack("{s:i, s:i, s:i, s:i, s:b, s:b, s:s}", "address", 0x0a090807,
					"port", 5000 + (int)i, "source", 1, "protocol", 6, "to_host", 0,
					"echo", 0, "name", names[i]));
	say("denied", json_pack("{s:i, s:i, s:i, s:i}", "address", 1, "port", 70000, "source", 1,
				"protocol", 6));
	say("denied", json_pack("{s:i, s:i, s:i, s:i}", "address", -1, "port", 7, "source", 1,
				"protocol", 6));
	say("denied", json_pack("{s:i, s:i, s:i, s:i}", "address", 1, "port", 7, "source", 1,
				"protocol", 256));
	say("denied", json_pack("{s:s, s:i}", "address", "10.9.8.7", "port", 7));
	say("denied", NULL);
	done("denials");
}

/* Descriptors that nobody has asked for. */
static void descriptors(void) {
	int fds[MSG_FDS_MAX];

	for (size_t i = 0; i < MSG_FDS_MAX; i++)
		fds[i] = log_fd;
	for (int i = 0; i < 300; i++) {
		listen_a_little(0);
		(void)msg_send(CONTROL, i % 2 ? "pong" : "nonsense", NULL, fds, MSG_FDS_MAX);
	}
	done("descriptors");
}

/* Until the file "go.STEP" is beside us. */
static void wait_for(const char *step) {
	char path[4096], own[4000];
	ssize_t n = readlink("/proc/self/exe", own, sizeof(own) - 1);

	own[n > 0 ? n : 0] = '\0';
	if (strrchr(own, '/'))
		*strrchr(own, '/') = '\0';
	snprintf(path, sizeof(path), "%s/go.%s", own, step);
	while (access(path, F_OK) < 0)
		listen_a_little(50);
}

/* As much as it takes, and more. */
static void floods(void) {
	char name[64];

	for (unsigned i = 0; i < 3000; i++) {
		snprintf(name, sizeof(name), "n%u.test", i);
		say("refused", json_pack("{s:s}", "name", name));
		say("denied", json_pack("{s:i, s:i, s:i, s:i}", "address", 0x0b000000 + (int)i,
					"port", 1, "source", 1, "protocol", 17));
		say("nowhere", json_pack("{s:s, s:s}", "name", i % 2 ? LISTED : name, "why",
					 i % 4 ? "nx" : "\x1b[31m"));
	}
	done("floods");
	for (unsigned i = 0; i < 400; i++) {
		json_t *list = json_array();

		for (unsigned k = 0; k < 64; k++)
			(void)json_array_append_new(list, json_integer(0x0b000000 + i * 64 + k));
		say("learn", wish(LISTED, list, json_integer(1), json_integer(3600)));
	}
	done("addresses");
}

int main(void) {
	struct msg m;

	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGINT, SIG_IGN);
	log_fd = open_log();
	if (log_fd < 0 || msg_recv(CONTROL, &m) <= 0)
		return 1;
	msg_done(&m);
	bytes();
	learn_forms();
	learn_places();
	denials();
	descriptors();
	wait_for("floods");
	floods();
	wait_for("deaf");
	/* What it is told now nobody reads, for a while. */
	done("deaf");
	(void)poll(NULL, 0, 3000);
	done("listening");
	/* The last word: a message without anything in it. */
	listen_a_little(2000);
	(void)send(CONTROL, "", 0, MSG_NOSIGNAL);
	done("end");
	listen_a_little(-1);
	return 0;
}
