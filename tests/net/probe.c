/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Both ends of the attacks in this folder: frames made by hand on one side,
 * counters behind (or before) the filters on the other. Every frame carries
 * the text "coi-probe-NNN", NNN being the attack's number, and is counted by it.
 *
 *   probe attack IFACE key=value…   send all attacks of the table, once each;
 *                                   with again=SECONDS over and over, so long
 *   probe names                     "NNN name" for each of them
 *   probe sink-packet               count what arrives at the links here
 *   probe sink-host                 count what is delivered to this host
 *   probe connect ADDRESS PORT [udp] "open", "refused", "silent" or "unreachable"
 *   probe serve PORT                TCP and UDP on all addresses: answers its peer's address
 *   probe hold ADDRESS PORT [tcp]   one flow, used once for each byte of standard input
 *
 * The sinks print "ready", count until end of file on standard input, and then
 * print "NNN count".
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <net/if_arp.h>
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

#include "attacks.h"
#include "base/mem.h"

static struct attack_who who;
static time_t again_until;

static void parse_mac(const char *text, uint8_t out[6]) {
	unsigned b[6] = { 0 };

	if (sscanf(text, "%x:%x:%x:%x:%x:%x", &b[0], &b[1], &b[2], &b[3], &b[4], &b[5]) != 6)
		exit(2);
	for (int i = 0; i < 6; i++)
		out[i] = (uint8_t)b[i];
}

static uint32_t parse_ip(const char *text) {
	struct in_addr a;

	if (inet_pton(AF_INET, text, &a) != 1)
		exit(2);
	return ntohl(a.s_addr);
}

static void parse_who(const char *arg) {
	const char *value = strchr(arg, '=');
	const struct {
		const char *key;
		uint8_t *mac;
		uint32_t *ip;
	} keys[] = {
		{ "my_mac", who.my_mac, NULL },	      { "gw_mac", who.gw_mac, NULL },
		{ "other_mac", who.other_mac, NULL }, { "my_ip", NULL, &who.my_ip },
		{ "gw_ip", NULL, &who.gw_ip },	      { "other_ip", NULL, &who.other_ip },
		{ "uplink_ip", NULL, &who.uplink_ip },
	};

	if (!strncmp(arg, "again=", 6)) {
		again_until = time(NULL) + strtol(value + 1, NULL, 10);
		return;
	}
	for (size_t i = 0; value && i < ARRAY_SIZE(keys); i++) {
		if (strncmp(arg, keys[i].key, (size_t)(value - arg)) != 0 ||
		    strlen(keys[i].key) != (size_t)(value - arg))
			continue;
		if (keys[i].mac)
			parse_mac(value + 1, keys[i].mac);
		else
			*keys[i].ip = parse_ip(value + 1);
		return;
	}
	exit(2);
}

static int send_all(int fd, const struct sockaddr_ll *to) {
	struct frame frames[FRAMES_MAX];

	for (size_t i = 0; i < attack_count(); i++) {
		attack_build(i, &who, frames);
		for (size_t n = 0; n < FRAMES_MAX; n++)
			if (frames[n].len && sendto(fd, frames[n].data, frames[n].len, 0,
						    (const struct sockaddr *)to, sizeof(*to)) < 0) {
				perror(attack_name(i));
				return 1;
			}
	}
	return 0;
}

static int cmd_attack(char **argv) {
	struct sockaddr_ll to = { .sll_family = AF_PACKET };
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	const char *link = argv[0];
	int r;

	if (fd < 0) {
		perror("attack");
		return 1;
	}
	for (argv++; *argv; argv++)
		parse_who(*argv);
	to.sll_ifindex = (int)if_nametoindex(link);
	r = send_all(fd, &to);
	/* A link that comes and goes is what that is for. */
	while (time(NULL) < again_until) {
		to.sll_ifindex = (int)if_nametoindex(link);
		(void)send_all(fd, &to);
		(void)poll(NULL, 0, 2); /* the counters are to keep up */
		r = 0;
	}
	return r;
}

static int cmd_names(char **argv) {
	for (size_t i = 0; i < attack_count(); i++)
		printf("%03zu %s\n", i, attack_name(i));
	return 0;
}

static unsigned counts[ATTACKS_MAX];

static void count(const uint8_t *data, size_t len) {
	const uint8_t *p = memmem(data, len, MAGIC, strlen(MAGIC));
	char number[4] = "";

	if (!p || (size_t)(data + len - p) < strlen(MAGIC) + 3)
		return;
	memcpy(number, p + strlen(MAGIC), 3);
	counts[strtoul(number, NULL, 10)]++;
}

/* Count at all of @fds until end of file. */
static int sink(const int *fds, size_t n) {
	struct pollfd p[64] = { { .fd = STDIN_FILENO, .events = POLLIN } };
	uint8_t buf[2048];

	for (size_t i = 0; i < n; i++)
		p[i + 1] = (struct pollfd){ .fd = fds[i], .events = POLLIN };
	printf("ready\n");
	fflush(stdout);
	for (;;) {
		bool end;

		if (poll(p, n + 1, -1) < 0)
			return 1;
		end = p[0].revents != 0;
		for (size_t i = 1; i <= n; i++) {
			struct sockaddr_ll from = { 0 };
			socklen_t from_len = sizeof(from);
			ssize_t len;

			/* What one tells oneself (that nobody answers, say) has not arrived. */
			while ((len = recvfrom(p[i].fd, buf, sizeof(buf), MSG_DONTWAIT,
					       (struct sockaddr *)&from, &from_len)) > 0)
				if (from.sll_family != AF_PACKET ||
				    from.sll_hatype != ARPHRD_LOOPBACK)
					count(buf, (size_t)len);
		}
		if (end)
			break;
	}
	for (size_t i = 0; i < attack_count(); i++)
		printf("%03zu %u\n", i, counts[i]);
	return 0;
}

/* What comes in by @proto, not what is sent; all protocols stand before the bridge takes it. */
static int packet_socket(unsigned proto) {
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons((uint16_t)proto));
	int one = 1, room = 4 << 20;

	if (fd < 0 || setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof(one)) < 0) {
		perror("sink");
		exit(1);
	}
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room));
	return fd;
}

static int cmd_sink_packet(char **argv) {
	int fd = packet_socket(ETH_P_ALL);

	return sink(&fd, 1);
}

/*
 * Raw sockets get a packet behind the last hook of the way in; what is no IP is
 * counted where a program of the host would get it.
 */
static int cmd_sink_host(char **argv) {
	static const int protos[] = { IPPROTO_ICMP, IPPROTO_IGMP, IPPROTO_IPIP, IPPROTO_TCP,
				      IPPROTO_UDP, IPPROTO_DCCP, IPPROTO_IPV6, IPPROTO_RSVP,
				      IPPROTO_GRE, IPPROTO_ESP, IPPROTO_AH, 89, 97, IPPROTO_PIM,
				      112, 115, IPPROTO_SCTP, IPPROTO_UDPLITE };
	static const int protos6[] = { IPPROTO_UDP, IPPROTO_ICMPV6 };
	static const unsigned types[] = { ETH_P_ARP, ETH_P_RARP, ETH_P_LLDP, ETH_P_SLOW, ETH_P_PAE,
					  ETH_P_802_2 };
	int fds[ARRAY_SIZE(protos) + ARRAY_SIZE(protos6) + ARRAY_SIZE(types)];
	int room = 4 << 20;
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(protos); i++)
		fds[n++] = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, protos[i]);
	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		fds[n++] = packet_socket(types[i]);
	for (size_t i = 0; i < ARRAY_SIZE(protos6); i++) {
		fds[n] = socket(AF_INET6, SOCK_RAW | SOCK_CLOEXEC, protos6[i]);
		n += fds[n] >= 0;
	}
	for (size_t i = 0; i < n; i++)
		(void)setsockopt(fds[i], SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room));
	return sink(fds, n);
}

static const char *outcome(int error) {
	switch (error) {
	case 0:
		return "open";
	case ECONNREFUSED:
	case ECONNRESET:
		return "refused";
	case EINPROGRESS:
	case EAGAIN:
	case ETIMEDOUT:
		return "silent";
	default:
		return "unreachable";
	}
}

static int cmd_connect(char **argv) {
	bool datagram = argv[2] && !strcmp(argv[2], "udp");
	struct sockaddr_in to = { .sin_family = AF_INET };
	const struct timeval wait = { .tv_sec = 1 };
	int fd = socket(AF_INET, (datagram ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC, 0);
	char buf[64] = "";
	ssize_t n;

	inet_pton(AF_INET, argv[0], &to.sin_addr);
	to.sin_port = htons((uint16_t)strtoul(argv[1], NULL, 10));
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait));
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0) {
		printf("%s\n", outcome(errno));
		return 0;
	}
	if (datagram && send(fd, "?", 1, 0) < 0) {
		printf("%s\n", outcome(errno));
		return 0;
	}
	n = recv(fd, buf, sizeof(buf) - 1, 0);
	printf("%s%s%s\n", outcome(n < 0 ? errno : 0), n > 0 ? " " : "", n > 0 ? buf : "");
	return 0;
}

/* The answer leaves from the address that was asked. */
static void echo_datagram(int fd) {
	union {
		char room[CMSG_SPACE(sizeof(struct in_pktinfo))];
		struct cmsghdr align;
	} control;
	struct sockaddr_in from;
	char text[INET_ADDRSTRLEN];
	struct iovec iov = { .iov_base = text, .iov_len = 1 };
	struct msghdr m = { .msg_name = &from,
			    .msg_namelen = sizeof(from),
			    .msg_iov = &iov,
			    .msg_iovlen = 1,
			    .msg_control = control.room,
			    .msg_controllen = sizeof(control.room) };

	if (recvmsg(fd, &m, MSG_DONTWAIT) < 0)
		return;
	((struct in_pktinfo *)(void *)CMSG_DATA(CMSG_FIRSTHDR(&m)))->ipi_ifindex = 0;
	inet_ntop(AF_INET, &from.sin_addr, text, sizeof(text));
	iov.iov_len = strlen(text);
	(void)sendmsg(fd, &m, 0);
}

/* One flow, used once for each byte on standard input: is it still open? */
static int cmd_hold(char **argv) {
	bool stream = argv[2] && !strcmp(argv[2], "tcp");
	struct sockaddr_in to = { .sin_family = AF_INET };
	const struct timeval wait = { .tv_sec = 1 };
	int fd = socket(AF_INET, (stream ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC, 0);
	char c, buf[64];

	inet_pton(AF_INET, argv[0], &to.sin_addr);
	to.sin_port = htons((uint16_t)strtoul(argv[1], NULL, 10));
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0 || send(fd, "?", 1, 0) < 0 ||
	    recv(fd, buf, sizeof(buf), 0) <= 0) {
		perror("hold");
		return 1;
	}
	printf("ready\n");
	fflush(stdout);
	for (int n = 1; read(STDIN_FILENO, &c, 1) > 0; n++) {
		if (send(fd, "?", 1, 0) < 0 || recv(fd, buf, sizeof(buf), 0) <= 0)
			printf("gone %d\n", n);
		else
			printf("still %d\n", n);
		fflush(stdout);
	}
	return 0;
}

static int cmd_serve(char **argv) {
	struct sockaddr_in at = { .sin_family = AF_INET };
	int one = 1;
	int tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int datagram = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct pollfd p[3] = { { .fd = tcp, .events = POLLIN },
			       { .fd = datagram, .events = POLLIN },
			       { .fd = STDIN_FILENO, .events = POLLIN } };

	at.sin_port = htons((uint16_t)strtoul(argv[0], NULL, 10));
	(void)setsockopt(tcp, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	(void)setsockopt(datagram, IPPROTO_IP, IP_PKTINFO, &one, sizeof(one));
	if (bind(tcp, (struct sockaddr *)&at, sizeof(at)) < 0 || listen(tcp, 8) < 0 ||
	    bind(datagram, (struct sockaddr *)&at, sizeof(at)) < 0) {
		perror("serve");
		return 1;
	}
	printf("ready\n");
	fflush(stdout);
	while (poll(p, 3, -1) > 0 && !p[2].revents) {
		struct sockaddr_in from;
		socklen_t len = sizeof(from);
		char text[INET_ADDRSTRLEN];

		if (p[0].revents) {
			int fd = accept(tcp, (struct sockaddr *)&from, &len);

			inet_ntop(AF_INET, &from.sin_addr, text, sizeof(text));
			(void)!write(fd, text, strlen(text));
			close(fd);
		} else {
			echo_datagram(datagram);
		}
	}
	return 0;
}

static const struct {
	const char *name;
	int args;
	int (*fn)(char **argv);
} commands[] = {
	{ "attack", 2, cmd_attack },	       { "names", 0, cmd_names },
	{ "sink-packet", 0, cmd_sink_packet }, { "sink-host", 0, cmd_sink_host },
	{ "connect", 2, cmd_connect },	       { "serve", 1, cmd_serve },
	{ "hold", 2, cmd_hold },
};

int main(int argc, char **argv) {
	for (size_t i = 0; argc > 1 && i < ARRAY_SIZE(commands); i++)
		if (!strcmp(argv[1], commands[i].name) && argc - 2 >= commands[i].args)
			return commands[i].fn(argv + 2);
	fprintf(stderr, "probe: unknown command\n");
	return 2;
}
