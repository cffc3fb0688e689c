/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From a packet to the process, by the tables of /proc. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "net/who.h"

#define HEAD "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid" \
	"  timeout inode\n"
#define TAIL " 01 00000000:00000000 00:00000000 00000000  1000        0 "

static void tables(void **state) {
	static const char table[] =
		HEAD
		"   0: 0A4D0002:3039 0708090A:0050" TAIL "111 1 0 100\n"  /* 12345 → 10.9.8.7:80 */
		"   1: 00000000:D431 00000000:0000" TAIL "222 2 0 100\n"  /* 54321, not connected */
		"   2: 0A4D0002:3039 0708090A:0051" TAIL "333 1 0 100\n"  /* 12345 → 10.9.8.7:81 */
		"   3: 00000000:0001 00000000:0000" TAIL "444 1 0 100\n"; /* of raw: ICMP */
	static const struct {
		struct net_denied d;
		uint64_t inode;
	} all[] = {
		{ { .address = 0x0a090807, .port = 80, .source = 12345, .protocol = 6 }, 111 },
		{ { .address = 0x0a090807, .port = 81, .source = 12345, .protocol = 6 }, 333 },
		{ { .address = 0x0a090807, .port = 82, .source = 12345, .protocol = 6 }, 0 },
		{ { .address = 0x0a090808, .port = 80, .source = 12345, .protocol = 6 }, 0 },
		{ { .address = 0x0a090808, .port = 53, .source = 54321, .protocol = 17 }, 222 },
		{ { .address = 0x0a090808, .port = 53, .source = 54320, .protocol = 17 }, 0 },
		{ { .address = 0x0a090808, .source = 77, .protocol = 1, .is_echo = true }, 444 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		assert_int_equal(net_who_inode(table, &all[i].d), all[i].inode);
}

static void tables_that_are_none(void **state) {
	static const char *const bad[] = {
		"", "\n", HEAD, HEAD "x\n", HEAD "0: 1 2 3 4 5 6 7 8 9 10\n",
		HEAD "0: 0100007F:0035 0100007F:003 01 0 0 0 0 0 notanumber\n",
		HEAD "0: 0100007F:0035 01:0035" TAIL "5\n", HEAD "0: 0100007F:FFFFF 01:0035" TAIL "5\n",
	};
	const struct net_denied d = { .address = 0x7f000001, .port = 53, .source = 53, .protocol = 17 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(net_who_inode(bad[i], &d), 0);
}

/* A socket of this very process. */
static void one_that_is_open_is_found(void **state) {
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(9),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct net_denied d = { .address = INADDR_LOOPBACK, .port = 9, .protocol = IPPROTO_UDP };
	struct net_process p;
	struct sockaddr_in here;
	socklen_t len = sizeof(here);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&here, &len), 0);
	d.source = ntohs(here.sin_port);
	assert_int_equal(net_who_look(getpid(), &d, &p), 1);
	assert_int_equal(p.pid, getpid());
	assert_string_equal(p.name, "test-net-who");
	close(fd);
	assert_int_equal(net_who_look(getpid(), &d, &p), 0);
}

static void nobody_knows_without_programs(void **state) {
	struct net_who w = NET_WHO_INIT;
	const struct net_denied d = { .address = 1, .port = 2, .protocol = 6 };
	struct net_process p;

	(void)state;
	assert_int_equal(net_who_find(&w, &d, &p), 0);
	net_who_close(&w);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tables),
		cmocka_unit_test(tables_that_are_none),
		cmocka_unit_test(one_that_is_open_is_found),
		cmocka_unit_test(nobody_knows_without_programs),
	};

	return cmocka_run_group_tests_name("net-who", tests, NULL, NULL);
}
