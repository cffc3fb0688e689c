/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The supervisor's side of the name service: sockets, start, end. */
#include "net/resolver.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/msg.h"
#include "base/proc.h"
#include "base/strv.h"
#include "net/hosts.h"
#include "net/internal.h"
#include "net/resolver/protocol.h"

/*
 * Above the range that the kernel takes ports from by itself: should a rule
 * outlive its resolver, nobody else gets that port by chance.
 */
#define PORT_FIRST 61000
#define PORT_COUNT 4500
#define TCP_BACKLOG 16
#define END_TIMEOUT_MS 2000

static int open_socket(const struct net_base *b, int type, uint16_t port) {
	const struct sockaddr_in at = { .sin_family = AF_INET,
					.sin_port = htons(port),
					.sin_addr.s_addr = htonl(b->gateway) };
	autoclose int fd = socket(AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int one = 1;

	if (fd < 0)
		return -errno;
	if (type == SOCK_STREAM &&
	    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0)
		return -errno;
	/* What arrives elsewhere is not for it, not even from this host. */
	if (setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, b->bridge,
		       (socklen_t)strlen(b->bridge) + 1) < 0)
		return -errno;
	if (bind(fd, (const struct sockaddr *)&at, sizeof(at)) < 0)
		return -errno;
	if (type == SOCK_STREAM && listen(fd, TCP_BACKLOG) < 0)
		return -errno;
	return steal_fd(&fd);
}

int net_resolver_bind(struct net_base *b, struct net_port *port, struct net_resolver *ret,
		      struct err *err) {
	uint16_t first = port->dns_port >= PORT_FIRST ? port->dns_port - PORT_FIRST
						      : (uint16_t)(port->index % PORT_COUNT);
	int r = -EADDRINUSE;

	for (unsigned i = 0; i < PORT_COUNT && r == -EADDRINUSE; i++) {
		uint16_t number = (uint16_t)(PORT_FIRST + (first + i) % PORT_COUNT);
		autoclose int udp = open_socket(b, SOCK_DGRAM, number);
		autoclose int tcp = udp < 0 ? -1 : open_socket(b, SOCK_STREAM, number);

		r = udp < 0 ? udp : tcp < 0 ? tcp : 0;
		if (r < 0)
			continue;
		ret->udp_fd = steal_fd(&udp);
		ret->tcp_fd = steal_fd(&tcp);
		port->dns_port = number;
	}
	return r < 0 ? err_sys(err, r, "cannot open the name service of '%s'", port->name) : 0;
}

/* The policy's own servers, written as the file would be. */
static int servers_of_policy(const struct net_policy *p, struct err *err) {
	autobuf struct buf text;
	int fd = memfd_create("resolv.conf", MFD_CLOEXEC);

	buf_init(&text, 256);
	for (size_t i = 0; i < p->dns_count; i++) {
		const struct net_cidr c = { p->dns_servers[i], 32 };
		char one[NET_CIDR_TEXT];

		buf_addf(&text, "nameserver %s\n", net_cidr_text(&c, one));
	}
	if (fd >= 0 && pwrite(fd, text.data, text.len, 0) == (ssize_t)text.len)
		return fd;
	mem_close_ptr(&fd);
	return err_sys(err, -errno, "cannot write down the name servers");
}

static int open_resolv_conf(const struct net_policy *p, const char *path, struct err *err) {
	int fd;

	if (p->dns_count)
		return servers_of_policy(p, err);
	fd = open(path ? path : "/etc/resolv.conf", O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd >= 0)
		return fd;
	/* None is as good as an empty one: every name fails, and says so. */
	if (errno == ENOENT)
		fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	return fd >= 0 ? fd : err_sys(err, -errno, "cannot open '%s'",
				      path ? path : "/etc/resolv.conf");
}

static json_t *hosts_body(const struct net_hosts *h) {
	json_t *all = json_array();

	for (size_t i = 0; i < h->count; i++)
		json_array_append_new(all, json_pack("{s:s, s:I}", "name", h->names[i].name,
						     "address", (json_int_t)h->names[i].address));
	return all;
}

static json_t *policy_body(const struct net_port *port) {
	const struct net_policy *p = &port->policy;
	bool is_open = p->mode == NET_OPEN;
	json_t *body = json_pack("{s:b, s:b, s:b, s:b, s:I, s:I}", "ahead", p->ask_ahead, "private",
				 is_open || !p->block_private, "metadata",
				 is_open || !p->block_metadata, "local",
				 is_open || p->allow_local_network, "refresh_s",
				 (json_int_t)p->refresh_s, "asked_rate",
				 (json_int_t)port->watch_rate);

	if (p->mode == NET_ALLOWLIST) {
		autostrv char **texts = net_allowed_texts(p->allowed);

		json_object_set_new(body, "allowed", texts ? json_from_strv(texts) : json_array());
	}
	if (p->hosts && p->hosts->count)
		json_object_set_new(body, "hosts", hosts_body(p->hosts));
	return body;
}

static int send_start(int control, const struct net_port *port, bool has_log, int resolv_conf) {
	json_t *body = policy_body(port);

	json_object_set_new(body, "uid", json_integer(RESOLVER_UID_FIRST + port->index));
	json_object_set_new(body, "client", json_string(port->address_text));
	json_object_set_new(body, "log", json_boolean(has_log));
	return msg_send(control, RESOLVER_MSG_START, body, &resolv_conf, 1);
}

static int spawn(const struct net_base *b, const struct net_resolver *r, int control, pid_t *pid,
		 int *pidfd, struct err *err) {
	autofree char *path = layout_program("coi-resolver");
	autoclose int empty = open_dir_make(b->layout->run_fd, "empty", 0555);
	char *const argv[] = { (char *)"coi-resolver", NULL };
	char *const env[] = { NULL };
	const struct spawn_fd fds[] = {
		{ r->udp_fd, RESOLVER_FD_UDP },
		{ r->tcp_fd, RESOLVER_FD_TCP },
		{ control, RESOLVER_FD_CONTROL },
		{ empty, RESOLVER_FD_ROOT },
		{ r->log_fd, RESOLVER_FD_LOG }, /* the last, since there may be none */
	};
	const struct spawn_spec spec = { .path = path,
					 .argv = argv,
					 .env = env,
					 .fds = fds,
					 .fd_count = ARRAY_SIZE(fds) - (r->log_fd < 0 ? 1 : 0),
					 .new_session = true,
					 .null_stdio = true,
					 .cwd = "/",
					 .uid = (uid_t)-1,
					 .gid = (gid_t)-1 };

	if (empty < 0)
		return err_sys(err, empty, "cannot open '%s/empty'", b->layout->run);
	return proc_spawn(&spec, pid, pidfd, err);
}

int net_resolver_start(struct net_base *b, const struct net_port *port, const char *resolv_conf,
		       struct net_resolver *r, struct err *err) {
	autoclose int conf = open_resolv_conf(&port->policy, resolv_conf, err);
	autoclose int ours = -1, theirs = -1;
	int pair[2], result;

	if (conf < 0)
		return conf;
	if (r->udp_fd < 0 || r->tcp_fd < 0)
		return err_set(err, ERR_BUG, -EBADF, "name service of '%s' without sockets",
			       port->name);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return err_sys(err, -errno, "cannot make a socket pair");
	ours = pair[0];
	theirs = pair[1];
	/* We never wait for it: it may be waiting for us. */
	(void)fd_set_nonblock(ours, true);
	result = send_start(ours, port, r->log_fd >= 0, conf);
	if (result < 0)
		return err_sys(err, result, "cannot tell the name service of '%s'", port->name);
	result = spawn(b, r, theirs, &r->pid, &r->pidfd, err);
	if (result < 0)
		return err_wrap(err, "starting the name service of '%s'", port->name);
	r->control_fd = steal_fd(&ours);
	return 0;
}

int net_resolver_reload(struct net_resolver *r, const struct net_port *port,
			const char *resolv_conf, struct err *err) {
	autoclose int conf = open_resolv_conf(&port->policy, resolv_conf, err);
	int result;

	if (conf < 0)
		return conf;
	if (r->control_fd < 0)
		return err_set(err, ERR_BUG, -EBADF, "no name service is running");
	result = msg_send(r->control_fd, RESOLVER_MSG_RESOLV_CONF, NULL, &conf, 1);
	return result < 0 ? err_sys(err, result, "cannot tell the name service") : 0;
}

int net_resolver_policy(struct net_resolver *r, const struct net_port *port, struct err *err) {
	int result;

	if (r->control_fd < 0)
		return 0; /* it is told when it starts */
	result = msg_send(r->control_fd, RESOLVER_MSG_POLICY, policy_body(port), NULL, 0);
	return result < 0 ? err_sys(err, result, "cannot tell the name service of '%s'", port->name)
			  : 0;
}

static bool read_learn(const json_t *body, struct net_resolver_event *e) {
	const json_t *list = json_object_get(body, "addresses");
	int64_t id = json_get_int(body, "id", -1), ttl = json_get_int(body, "ttl", -1);

	e->count = json_array_size(list);
	if (id < 0 || ttl < 0 || ttl > UINT32_MAX || !e->count ||
	    e->count > NET_RESOLVER_ADDRESSES_MAX)
		return false;
	for (size_t i = 0; i < e->count; i++) {
		const json_t *n = json_array_get(list, i);

		if (!json_is_integer(n) || json_integer_value(n) < 0 ||
		    json_integer_value(n) > UINT32_MAX)
			return false;
		e->addresses[i] = (uint32_t)json_integer_value(n);
	}
	e->id = (uint64_t)id;
	e->ttl = (uint32_t)ttl;
	e->wish = NET_RESOLVER_LEARN;
	return true;
}

static bool in_range(int64_t n, int64_t max) {
	return n >= 0 && n <= max;
}

static void read_denied(const json_t *body, struct net_resolver_event *e) {
	int64_t address = json_get_int(body, "address", -1), port = json_get_int(body, "port", -1);
	int64_t source = json_get_int(body, "source", -1);
	int64_t protocol = json_get_int(body, "protocol", -1);

	if (!in_range(address, UINT32_MAX) || !in_range(port, UINT16_MAX) ||
	    !in_range(source, UINT16_MAX) || !in_range(protocol, UINT8_MAX))
		return;
	e->denied = (struct net_denied){
		.address = (uint32_t)address,
		.port = (uint16_t)port,
		.source = (uint16_t)source,
		.protocol = (uint8_t)protocol,
		.to_host = json_get_bool(body, "to_host", false),
		.is_echo = json_get_bool(body, "echo", false),
	};
	e->wish = NET_RESOLVER_DENIED;
}

static void read_nowhere(const json_t *body, struct net_resolver_event *e) {
	const char *why = json_get_str(body, "why", "");

	e->wish = NET_RESOLVER_NOWHERE;
	e->why = !strcmp(why, "nx")      ? "does not exist"
		 : !strcmp(why, "empty") ? "has no IPv4 address that may be reached"
					 : "is not known to the name servers now";
}

/* Any printable letters: whoever writes them down escapes them. */
static void read_asked(const json_t *body, struct net_resolver_event *e) {
	const json_t *names = json_object_get(body, "names");
	int64_t lost = json_get_int(body, "lost", 0);
	int64_t packets = json_get_int(body, "packets_lost", 0);

	e->wish = NET_RESOLVER_ASKED;
	e->lost = lost > 0 ? (uint64_t)lost : 0;
	e->packets_lost = packets > 0 ? (uint64_t)packets : 0;
	for (size_t i = 0; i < json_array_size(names) && e->asked_count < NET_RESOLVER_ASKED_MAX; i++) {
		const json_t *one = json_array_get(names, i);
		const char *name = json_get_str(one, "name", "");
		int64_t type = json_get_int(one, "type", -1);
		struct net_resolver_asked *a = &e->asked[e->asked_count];

		if (!*name || strlen(name) >= sizeof(a->name) || !in_range(type, UINT16_MAX))
			continue;
		memcpy(a->name, name, strlen(name) + 1);
		a->type = (uint16_t)type;
		a->is_refused = json_get_bool(one, "refused", false);
		e->asked_count++;
	}
}

/* In the one form that names have, and their letters: it goes to files and terminals. */
static bool name_is_plain(const char *name) {
	size_t len = strlen(name);

	return len && len <= NET_ALLOWED_NAME_MAX && name[0] != '.' && name[len - 1] != '.' &&
	       !strstr(name, "..") &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-_.") == len;
}

int net_resolver_read(struct net_resolver *r, struct net_resolver_event *ret) {
	struct net_resolver_event e = { .wish = NET_RESOLVER_NOTHING };
	const char *name;
	struct msg m;
	int n = msg_recv(r->control_fd, &m);

	if (n == -EAGAIN || n == -EBADMSG)
		return 0;
	if (n <= 0)
		return n < 0 ? n : -EPIPE;
	if (!strcmp(m.type, RESOLVER_MSG_PONG))
		e.wish = NET_RESOLVER_ALIVE;
	name = json_get_str(m.body, "name", "");
	if (name_is_plain(name)) {
		memcpy(e.name, name, strlen(name) + 1);
		if (!strcmp(m.type, RESOLVER_MSG_REFUSED))
			e.wish = NET_RESOLVER_REFUSED;
		else if (!strcmp(m.type, RESOLVER_MSG_LEARN))
			(void)read_learn(m.body, &e);
		else if (!strcmp(m.type, RESOLVER_MSG_NOWHERE))
			read_nowhere(m.body, &e);
	}
	/* Names of any letters may have led there; those that are not plain are not told. */
	if (!strcmp(m.type, RESOLVER_MSG_DENIED))
		read_denied(m.body, &e);
	if (!strcmp(m.type, RESOLVER_MSG_ASKED))
		read_asked(m.body, &e);
	msg_done(&m);
	if (e.wish == NET_RESOLVER_NOTHING)
		return 0;
	*ret = e;
	return 1;
}

void net_resolver_learnt(struct net_resolver *r, uint64_t id, bool ok) {
	if (r->control_fd >= 0)
		(void)msg_send(r->control_fd, RESOLVER_MSG_LEARNT,
			       json_pack("{s:I, s:b}", "id", (json_int_t)id, "ok", ok), NULL, 0);
}

static uint32_t dropped(int fd) {
	uint32_t info[SK_MEMINFO_VARS] = { 0 };
	socklen_t len = sizeof(info);

	if (fd < 0 || getsockopt(fd, SOL_SOCKET, SO_MEMINFO, info, &len) < 0)
		return 0;
	return info[SK_MEMINFO_DROPS];
}

void net_resolver_dropped(const struct net_resolver *r, uint32_t *ret_questions,
			  uint32_t *ret_packets) {
	*ret_questions = dropped(r->udp_fd);
	*ret_packets = dropped(r->log_fd);
}

int net_resolver_ping(struct net_resolver *r) {
	return r->control_fd < 0 ? -EBADF
				 : msg_send(r->control_fd, RESOLVER_MSG_PING, NULL, NULL, 0);
}

void net_resolver_end(struct net_resolver *r) {
	mem_close_ptr(&r->control_fd);
	r->control_fd = -1;
	if (r->pid > 0) {
		/* It ends by itself when the control socket closes; unless it hangs. */
		if (r->pidfd < 0 || pidfd_wait_gone(r->pidfd, END_TIMEOUT_MS) < 0)
			(void)kill(r->pid, SIGKILL);
		(void)proc_wait(r->pid);
	}
	r->pid = 0;
	mem_close_ptr(&r->pidfd);
	r->pidfd = -1;
}

void net_resolver_stop(struct net_resolver *r) {
	net_resolver_end(r);
	mem_close_ptr(&r->udp_fd);
	mem_close_ptr(&r->tcp_fd);
	mem_close_ptr(&r->log_fd);
	*r = (struct net_resolver)NET_RESOLVER_INIT;
}
