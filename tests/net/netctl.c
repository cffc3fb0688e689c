/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The network library from a shell, for the tests in this folder: one call, or
 * the usual sequence of calls, for one command. Runs only on the stage of
 * tests/lib/netns-stage, which names the namespace that it has left.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/rtnetlink.h>
#include <poll.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/layout.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/proc.h"
#include "base/strv.h"
#include "net/allowed.h"
#include "net/learnt.h"
#include "net/net.h"
#include "net/port.h"
#include "net/resolver.h"

static struct net_base *base;
static struct err err;

static int fail(void) {
	fprintf(stderr, "netctl: %s\n", err.msg);
	if (err.hint[0])
		fprintf(stderr, "netctl: %s\n", err.hint);
	return 1;
}

static void print_port(const struct net_port *p) {
	printf("INDEX=%u HOST=%s ADDRESS=%s MAC=%s GATEWAY=%s BITS=%u DNS=%u\n", p->index,
	       p->host_link, p->address_text, p->mac_text, p->gateway_text, p->prefix_bits,
	       p->dns_port);
	fflush(stdout);
}

/*
 * "restricted", "open", with "-p" or "-m" behind it for a block that is off, "-l" for the
 * local network; and ":443,8000-8100" at its end for the ports that it keeps to.
 */
static int parse_policy(const char *word, struct net_policy *ret) {
	const char *ports = strchr(word, ':');
	autofree char *flags = xstrndup(word, strcspn(word, ":"));
	char mode[16];
	int m;

	snprintf(mode, sizeof(mode), "%.*s", (int)strcspn(word, "-:"), word);
	m = net_mode_from_string(mode);
	if (m < 0)
		return err_set(&err, ERR_USAGE, -EINVAL, "no mode '%s'", mode);
	*ret = net_policy_default();
	ret->mode = (enum net_mode)m;
	ret->block_private = !strstr(flags, "-p");
	ret->block_metadata = !strstr(flags, "-m");
	ret->allow_local_network = strstr(flags, "-l") != NULL;
	ret->is_capped = ports != NULL;
	return ports ? net_ports_parse(ports + 1, word, &ret->ports, &err) : 0;
}

/* The allowed things of mode allowlist: words of the file that COI_ALLOWED names. */
static struct net_allowed allowed;
static struct net_learnt learnt;

static int read_allowed(void) {
	autobuf struct buf text = { 0 };
	autostrv char **words = NULL;

	if (!getenv("COI_ALLOWED"))
		return 0;
	if (file_read_at(AT_FDCWD, getenv("COI_ALLOWED"), 1 << 20, &text) < 0)
		return err_set(&err, ERR_USAGE, -EINVAL, "no COI_ALLOWED");
	words = strv_split(text.data, " \n");
	return net_allowed_parse(&allowed, words, &err);
}

static int claim(char **argv, struct net_port *port) {
	struct net_policy policy;
	int r = parse_policy(argv[1] ? argv[1] : "restricted", &policy);

	if (r == 0)
		r = read_allowed();
	if (r == 0)
		r = net_port_alloc(base, argv[0], &policy, port, &err);
	/* A claim keeps no lists. */
	port->policy = policy;
	port->policy.allowed = &allowed;
	port->learnt = &learnt;
	return r;
}

static int find(const char *name, struct net_port *port) {
	int r = net_port_find(base, name, port, &err);

	if (r == 0)
		return err_set(&err, ERR_MISSING, -ENOENT, "no port '%s'", name);
	return r < 0 ? r : 0;
}

static int pidfd_of(const char *pid) {
	struct proc_id id;
	int r = proc_id_get((pid_t)strtol(pid, NULL, 10), &id);

	if (r == 0)
		r = proc_id_open(&id);
	return r < 0 ? err_sys(&err, r, "no process '%s'", pid) : r;
}

static int cmd_ensure(char **argv) {
	uint64_t start = clock_mono_us();
	int r = net_base_ensure(base, &err);

	if (r < 0)
		return fail();
	printf("made=%d us=%" PRIu64 "\n", r, clock_mono_us() - start);
	return 0;
}

static int cmd_remove(char **argv) {
	int r = net_base_remove(base, -1, &err);

	if (r < 0)
		return fail();
	printf("removed=%d\n", r);
	return 0;
}

static int cmd_alloc(char **argv) {
	struct net_port port;

	if (claim(argv, &port) < 0)
		return fail();
	print_port(&port);
	return 0;
}

static int cmd_put(char **argv) {
	struct net_port port;

	if (claim(argv, &port) < 0 || net_port_rules_put(base, &port, &err) < 0)
		return fail();
	print_port(&port);
	return 0;
}

/*
 * A process in a network namespace of its own, as a container is, that stays
 * until the link it gets there has gone again. Its pidfd.
 */
static int guest_fork(void) {
	int ready[2];
	char c;
	pid_t pid;

	if (pipe2(ready, O_CLOEXEC) < 0)
		return err_sys(&err, -errno, "no pipe");
	pid = fork();
	if (pid == 0) {
		const struct sockaddr_nl links = { .nl_family = AF_NETLINK, .nl_groups = RTMGRP_LINK };
		char message[8192] __attribute__((aligned(8)));
		int fd;

		if (unshare(CLONE_NEWNET) < 0)
			_exit(1);
		fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
		if (fd < 0 || bind(fd, (const struct sockaddr *)&links, sizeof(links)) < 0)
			_exit(1);
		for (int i = 0; i < 3; i++)
			(void)close(i);
		(void)!write(ready[1], "r", 1);
		(void)close(ready[1]);
		while (recv(fd, message, sizeof(message), 0) > 0)
			if (((struct nlmsghdr *)(void *)message)->nlmsg_type == RTM_DELLINK)
				break;
		_exit(0);
	}
	(void)close(ready[1]);
	if (pid < 0 || read(ready[0], &c, 1) != 1)
		return err_set(&err, ERR_SYSTEM, -EIO, "no namespace");
	(void)close(ready[0]);
	return (int)syscall(SYS_pidfd_open, pid, 0);
}

static int cmd_up(char **argv) {
	struct net_port port;
	int guest = guest_fork();

	if (guest < 0 || net_base_ensure(base, &err) < 0 || claim(argv, &port) < 0 ||
	    net_port_rules_put(base, &port, &err) < 0 ||
	    net_port_attach(base, &port, guest, &err) < 0)
		return fail();
	print_port(&port);
	return 0;
}

/* NAME PID: eth0 in that process's namespace. */
static int cmd_attach(char **argv) {
	struct net_port port;
	int pidfd = pidfd_of(argv[1]);
	uint64_t start = clock_mono_us();

	if (pidfd < 0 || find(argv[0], &port) < 0 || net_port_attach(base, &port, pidfd, &err) < 0)
		return fail();
	printf("us=%" PRIu64 "\n", clock_mono_us() - start);
	return 0;
}

static int cmd_down(char **argv) {
	return net_port_undo(base, argv[0], &err) < 0 ? fail() : 0;
}

static int cmd_mend(char **argv) {
	struct net_port port;
	int r;

	if (net_base_ensure(base, &err) < 0 || find(argv[0], &port) < 0 || read_allowed() < 0)
		return fail();
	if (getenv("COI_ALLOWED"))
		port.policy.allowed = &allowed;
	r = net_port_rules_ensure(base, &port, &err);
	if (r < 0)
		return fail();
	printf("made=%d\n", r);
	return 0;
}

static int cmd_list(char **argv) {
	autofree struct net_port *ports = NULL;
	size_t count = 0;

	if (net_port_list(base, &ports, &count, &err) < 0)
		return fail();
	for (size_t i = 0; i < count; i++)
		printf("%s %s %s put=%d\n", ports[i].name, ports[i].address_text,
		       net_mode_to_string(ports[i].policy.mode), ports[i].rules_put);
	return 0;
}

static bool is_known(const char *name, void *data) {
	for (char **known = data; *known; known++)
		if (!strcmp(*known, name))
			return true;
	return false;
}

static int cmd_leftovers(char **argv) {
	int r = net_leftovers_remove(base, is_known, argv, &err);

	if (r < 0)
		return fail();
	printf("removed=%d\n", r);
	return 0;
}

/* Keep what we have until the other end of standard input closes. */
static void until_eof(void) {
	char c;

	while (read(STDIN_FILENO, &c, 1) > 0)
		;
}

static int cmd_guard(char **argv) {
	static const char *const words[] = { "held", "standby", "missing" };
	int fd = -1;
	uint64_t start = clock_mono_us();
	int r = net_guard_take(base, &fd, &err);

	if (r < 0)
		return fail();
	printf("%s us=%" PRIu64 "\n", words[r], clock_mono_us() - start);
	fflush(stdout);
	/* Stand by until the holder is gone, then say what we are. */
	while (r == NET_GUARD_STANDBY && argv[0]) {
		struct pollfd p = { .fd = fd, .events = POLLIN };

		(void)poll(&p, 1, 15000);
		close(fd);
		r = net_guard_take(base, &fd, &err);
		if (r < 0)
			return fail();
		printf("%s\n", words[r]);
		fflush(stdout);
	}
	until_eof();
	return 0;
}

static int cmd_watch(char **argv) {
	struct net_port port;
	struct pollfd p = { .events = POLLIN };

	if (find(argv[0], &port) < 0)
		return fail();
	p.fd = net_watch_open(&err);
	if (p.fd < 0)
		return fail();
	printf("watching\n");
	fflush(stdout);
	for (;;) {
		if (poll(&p, 1, 10000) == 0)
			return 1;
		int r = net_watch_read(base, port.index, p.fd);

		if (r < 0)
			return 1;
		if (!(r & NET_WATCH_OURS))
			continue;
		if (net_base_ensure(base, &err) < 0 ||
		    net_port_rules_ensure(base, &port, &err) < 0)
			return fail();
		printf("mended\n");
		return 0;
	}
}

static void serve_resolver(struct net_port *port, struct net_resolver *res) {
	struct net_resolver_event e;
	int r = net_resolver_read(res, &e);

	if (r == 1 && e.wish == NET_RESOLVER_REFUSED)
		printf("refused %s\n", e.name);
	if (r == 1 && e.wish == NET_RESOLVER_DENIED)
		printf("denied %u.%u.%u.%u %u proto %u %s\n", e.denied.address >> 24,
		       e.denied.address >> 16 & 255, e.denied.address >> 8 & 255,
		       e.denied.address & 255, e.denied.port, e.denied.protocol, e.name);
	if (r == 1 && e.wish == NET_RESOLVER_LEARN) {
		uint64_t start = clock_mono_us();

		r = net_port_learn(base, port, &learnt, &e, &err);
		net_resolver_learnt(res, e.id, r == 0);
		printf("%s %s %zu us=%" PRIu64 "\n", r == 0 ? "learnt" : err.msg, e.name, e.count,
		       clock_mono_us() - start);
	}
	fflush(stdout);
}

/* 'a' on standard input: the allowed things are read again, and take effect. */
static int change_policy(struct net_port *port, struct net_resolver *res) {
	int r = read_allowed();

	if (r == 0)
		net_learnt_relist(&learnt, &allowed);
	if (r == 0)
		r = net_port_rules_put(base, port, &err);
	if (r == 0)
		r = net_resolver_policy(res, port, &err);
	if (r == 0)
		r = net_port_cut(base, port, &err);
	printf("%s\n", r == 0 ? "changed" : err.msg);
	fflush(stdout);
	return r;
}

/* NAME MODE [RESOLV_CONF]: bind, rules, resolver; until end of file. */
static int cmd_resolver(char **argv) {
	struct net_resolver res = NET_RESOLVER_INIT;
	struct net_port port;
	bool holds = false;
	char c;

	if (claim(argv, &port) < 0 || (res.log_fd = net_port_log_open(&port, &err)) < 0 ||
	    net_resolver_bind(base, &port, &res, &err) < 0 ||
	    net_port_rules_put(base, &port, &err) < 0 ||
	    net_resolver_start(base, &port, argv[1] ? argv[2] : NULL, &res, &err) < 0)
		return fail();
	printf("RESOLVER=%d ", (int)res.pid);
	print_port(&port);
	/*
	 * An 'r' on standard input: the servers have changed. An 'h': what the resolver
	 * asks for waits until the list has changed.
	 */
	for (;;) {
		struct pollfd p[] = { { .fd = STDIN_FILENO, .events = POLLIN },
				      { .fd = res.control_fd, .events = holds ? 0 : POLLIN } };

		if (poll(p, ARRAY_SIZE(p), -1) < 0)
			return 1;
		if (p[1].revents & POLLIN)
			serve_resolver(&port, &res);
		if (p[1].revents & POLLHUP && !(p[1].revents & POLLIN))
			return 1;
		if (!p[0].revents)
			continue;
		if (read(STDIN_FILENO, &c, 1) <= 0)
			break;
		if (c == 'r' && net_resolver_reload(&res, &port, argv[2], &err) < 0)
			return fail();
		if (c == 'h' || c == 'a')
			holds = c == 'h';
		if (c == 'a' && change_policy(&port, &res) < 0)
			return fail();
	}
	net_resolver_stop(&res);
	return 0;
}

/* N: so many whole lives of a port, and what each step took at the median. */
static int compare(const void *a, const void *b) {
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static int cmd_time(char **argv) {
	static const char *const steps[] = { "ensure", "alloc", "put", "link", "unlink",
					     "unput", "conntrack", "release" };
	enum { ROUNDS_MAX = 500 };
	static uint64_t took[ARRAY_SIZE(steps)][ROUNDS_MAX];
	struct net_policy policy = net_policy_default();
	long rounds = argv[0] ? strtol(argv[0], NULL, 10) : 20;
	struct net_port p;
	int guest;

	for (long i = 0; i < rounds && i < ROUNDS_MAX; i++) {
		guest = guest_fork();
		if (guest < 0)
			return fail();
		for (size_t s = 0; s < ARRAY_SIZE(steps); s++) {
			uint64_t start = clock_mono_us();
			int r = s == 0	 ? net_base_ensure(base, &err)
				: s == 1 ? net_port_alloc(base, "timed", &policy, &p, &err)
				: s == 2 ? net_port_rules_put(base, &p, &err)
				: s == 3 ? net_port_attach(base, &p, guest, &err)
				: s == 4 ? net_port_link_remove(base, &p, &err)
				: s == 5 ? net_port_rules_remove(base, &p, &err)
				: s == 6 ? net_port_conntrack_flush(base, &p, &err)
					 : net_port_release(base, "timed", &err);

			if (r < 0)
				return fail();
			took[s][i] = clock_mono_us() - start;
		}
		(void)close(guest);
	}
	for (size_t s = 0; s < ARRAY_SIZE(steps); s++) {
		qsort(took[s], (size_t)rounds, sizeof(took[s][0]), compare);
		printf("%s median %" PRIu64 " us, worst %" PRIu64 "\n", steps[s],
		       took[s][rounds / 2], took[s][rounds - 1]);
	}
	return 0;
}

static const struct {
	const char *name;
	int args;
	int (*fn)(char **argv);
} commands[] = {
	{ "ensure", 0, cmd_ensure },
	{ "remove", 0, cmd_remove },
	{ "alloc", 1, cmd_alloc },
	{ "put", 1, cmd_put },
	{ "up", 1, cmd_up },
	{ "attach", 2, cmd_attach },
	{ "down", 1, cmd_down },
	{ "mend", 1, cmd_mend },
	{ "list", 0, cmd_list },
	{ "leftovers", 0, cmd_leftovers },
	{ "guard", 0, cmd_guard },
	{ "watch", 1, cmd_watch },
	{ "resolver", 2, cmd_resolver },
	{ "time", 0, cmd_time },
};

int main(int argc, char **argv) {
	auto_layout struct layout *layout = NULL;
	const char *outer = getenv("COI_STAGE_OUTER");
	uint64_t own = 0;

	if (!outer || !strchr(outer, '[') || ns_inode(0, "net", &own) < 0 ||
	    strtoull(strchr(outer, '[') + 1, NULL, 10) == own) {
		fprintf(stderr, "netctl: not in the machine's own network namespace\n");
		return 1;
	}
	if (layout_open(&layout, &err) < 0 || net_base_open(layout, &base, &err) < 0)
		return fail();
	for (size_t i = 0; argc > 1 && i < ARRAY_SIZE(commands); i++) {
		int r;

		if (strcmp(argv[1], commands[i].name) != 0 || argc - 2 < commands[i].args)
			continue;
		r = commands[i].fn(argv + 2);
		net_base_free(base);
		return r;
	}
	fprintf(stderr, "netctl: unknown command\n");
	return 2;
}
