/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the watcher reads of the kernel, with a container's bytes in it: records of the
 * BPF programs, messages of the process connector and of connection tracking, files of
 * /proc. Whatever comes, an event has texts with an end and words that are there.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/cn_proc.h>
#include <linux/connector.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netlink.h>
#include <libmnl/libmnl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"
#include "base/mem.h"
#include "fuzz/fuzz.h"
#include "monitor/source/bpf-records.h"
#include "monitor/source/connector-record.h"
#include "monitor/source/conntrack-record.h"
#include "monitor/source/process.h"

#define BYTES_MAX 32768

static uint64_t told;

static void check_text(const char *text, size_t max) {
	if (text)
		assert_true(strnlen(text, max) < max);
}

static void check(const struct watch_event *e, void *data) {
	(void)data;
	told++;
	check_text(e->comm, WATCH_COMM_MAX);
	if (e->kind == WATCH_FORK) {
		assert_true(e->fork.count <= BPF_FORKS);
		return;
	}
	if (e->kind != WATCH_EXEC) {
		assert_int_equal(e->kind, WATCH_CONNECT);
		return;
	}
	check_text(e->exec.exe, WATCH_PATH_MAX);
	check_text(e->exec.file, WATCH_PATH_MAX);
	check_text(e->exec.comm, WATCH_COMM_MAX);
	assert_true(e->exec.argc <= WATCH_ARGC_MAX);
	assert_null(e->exec.argv[e->exec.argc]);
	for (size_t i = 0; i < e->exec.argc; i++)
		check_text(e->exec.argv[i], WATCH_ARGS_MAX + 1);
	for (int fd = 0; fd < 3; fd++)
		assert_true(e->exec.streams[fd] < WATCH_STREAM_COUNT);
}

static bool never_full(void *data) {
	(void)data;
	return false;
}

static const struct watch_sink sink = { .event = check, .is_full = never_full };
static const struct watch_target target = { .uid_base = 100000, .uid_count = 65536 };

/* Records of a ring: each begins with its length, in two bytes. */
static void as_ring(const uint8_t *data, size_t size) {
	static struct bpf_records r;

	memset(&r, 0, sizeof(r));
	r.target = target;
	r.sink = &sink;
	while (size >= 2) {
		size_t n = (size_t)data[0] << 8 | data[1];
		autofree uint64_t *aligned = NULL;

		data += 2;
		size -= 2;
		n = n < size ? n : size;
		/* As the ring has them: on 8 bytes, and nothing behind. */
		aligned = malloc(n ? n : 1);
		memcpy(aligned, data, n);
		bpf_records_take(&r, aligned, n);
		data += n;
		size -= n;
	}
	bpf_records_done(&r);
}

static void as_connector(const uint8_t *data, size_t size) {
	autofree uint8_t *copy = malloc(size ? size : 1);
	struct connector_record r = { 0 };
	enum connector_what what;

	memcpy(copy, data, size);
	what = connector_read(copy, size, &r);
	assert_true(what == CONNECTOR_OTHER || r.pid > 0);
	assert_true(what != CONNECTOR_FORK || r.parent > 0);
}

#define ADDRESS 0x0a000002

static void as_conntrack(const uint8_t *data, size_t size) {
	autofree uint8_t *copy = malloc(size ? size : 1);
	struct watch_connect c = { 0 };

	memcpy(copy, data, size);
	if (conntrack_read(copy, size, ADDRESS, &c) == CONNTRACK_NEW) {
		assert_int_equal(c.family, AF_INET);
		told++;
	}
}

static const char *const names[] = { "7/stat", "7/status", "7/cmdline", "7/cgroup" };
static char place[] = "/tmp/coi-fuzz.XXXXXX";
static int proc = -1;

static void clean(void) {
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		(void)unlinkat(proc, names[i], 0);
	(void)unlinkat(proc, "7", AT_REMOVEDIR);
	(void)rmdir(place);
}

/* stat, status, cmdline and cgroup of process 7, divided by the byte 0xfe. */
static void as_proc(const uint8_t *data, size_t size) {
	struct process p;

	if (proc < 0) {
		assert_non_null(mkdtemp(place));
		proc = open(place, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		assert_int_equal(mkdirat(proc, "7", 0700), 0);
		(void)atexit(clean);
		for (size_t i = 0; i < ARRAY_SIZE(names); i++) { /* no disk */
			int fd = memfd_create(names[i], MFD_CLOEXEC);
			char link[32];

			assert_true(fd >= 0);
			assert_int_equal(symlinkat(fd_proc_path(fd, link), proc, names[i]), 0);
		}
	}
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		const uint8_t *end = memchr(data, 0xfe, size);
		size_t n = end ? (size_t)(end - data) : size;
		autoclose int fd = openat(proc, names[i], O_WRONLY | O_TRUNC | O_CLOEXEC);

		assert_true(fd >= 0);
		assert_int_equal(write(fd, data, n), (ssize_t)n);
		data += n;
		size -= n;
		if (end) {
			data++;
			size--;
		}
	}
	if (process_read(proc, 7, &p) == 0) {
		check_text(p.comm, WATCH_COMM_MAX);
		process_tell(&p, &target, false, &sink);
	}
	process_done(&p);
	(void)process_is_in(proc, 7, "x");
}

static void one(const uint8_t *data, size_t size) {
	if (!size)
		return;
	if (data[0] % 4 == 0)
		as_ring(data + 1, size - 1);
	else if (data[0] % 4 == 1)
		as_connector(data + 1, size - 1);
	else if (data[0] % 4 == 3)
		as_conntrack(data + 1, size - 1);
	else
		as_proc(data + 1, size - 1);
}

static void add_record(struct buf *b, const void *data, size_t len) {
	buf_addc(b, (char)(len >> 8));
	buf_addc(b, (char)len);
	buf_add(b, data, len);
}

/* An exec in three pieces with a connection between them, and one in one. */
static void make_ring(struct buf *b) {
	static struct bpf_exec x;
	static struct bpf_args a;
	struct bpf_connect c = { .head = { .kind = BPF_KIND_CONNECT, .pid = 7 }, .family = 2 };

	x.head = (struct bpf_head){ .kind = BPF_KIND_EXEC,
		                    .flags = BPF_FLAG_MORE,
		                    .pid = 7,
		                    .uid = 100000,
		                    .len = 12,
		                    .args_bytes = 30,
		                    .comm = "sh" };
	memcpy(x.file, "dash", 5);
	memcpy(x.exe, "/bin/sh", 8);
	memcpy(x.args, "sh\0-c\0a b c", 12);
	a.head = x.head;
	a.head.kind = BPF_KIND_ARGS;
	memcpy(a.args, "d\0e f g h i\0", 12);
	buf_addc(b, 0);
	add_record(b, &x, sizeof(x) - BPF_CHUNK + 12);
	add_record(b, &a, sizeof(a.head) + 12);
	add_record(b, &c, sizeof(c));
	a.head.flags = 0;
	a.head.len = 6;
	add_record(b, &a, sizeof(a.head) + 6);
	x.head.flags = 0;
	x.head.pid = 8;
	add_record(b, &x, sizeof(x) - BPF_CHUNK + 12);
}

static void make_connector(struct buf *b) {
	struct {
		struct nlmsghdr head;
		struct cn_msg cn;
	} m = { .head = { .nlmsg_type = NLMSG_DONE },
		.cn = { .id = { CN_IDX_PROC, CN_VAL_PROC }, .len = sizeof(struct proc_event) } };
	struct proc_event e = { .what = PROC_EVENT_EXEC };

	e.event_data.exec.process_tgid = 7;
	buf_addc(b, 1);
	buf_add(b, &m, NLMSG_HDRLEN + sizeof(m.cn));
	buf_add(b, &e, sizeof(e));
}

static void make_proc(struct buf *b) {
	static const char text[] =
		"7 (a) b (c) S 3 7 7 0 -1 4194304 1 0 0 0 0 0 0 0 20 0 1 0 4711 1 1 1\n\376"
		"Name:\ta\nUid:\t100000\t100000\t100000\t100000\n\376"
		"bash\0-c\0one two\0\0\376"
		"2:freezer:/lxc.payload.x/y\n0::/lxc.payload.x\n";

	buf_addc(b, 2);
	buf_add(b, text, sizeof(text) - 1);
}

static void make_conntrack(struct buf *b) {
	char block[256] __attribute__((aligned(8))) = { 0 };
	struct nlmsghdr *head = mnl_nlmsg_put_header(block);
	struct nfgenmsg *g = mnl_nlmsg_put_extra_header(head, sizeof(*g));
	struct nlattr *tuple, *part;

	head->nlmsg_type = NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_NEW;
	head->nlmsg_flags = NLM_F_CREATE | NLM_F_EXCL;
	g->nfgen_family = AF_INET;
	tuple = mnl_attr_nest_start(head, CTA_TUPLE_ORIG);
	part = mnl_attr_nest_start(head, CTA_TUPLE_IP);
	mnl_attr_put_u32(head, CTA_IP_V4_SRC, htonl(ADDRESS));
	mnl_attr_put_u32(head, CTA_IP_V4_DST, htonl(0xcb00710a));
	mnl_attr_nest_end(head, part);
	part = mnl_attr_nest_start(head, CTA_TUPLE_PROTO);
	mnl_attr_put_u8(head, CTA_PROTO_NUM, 6);
	mnl_attr_put_u16(head, CTA_PROTO_SRC_PORT, htons(4711));
	mnl_attr_put_u16(head, CTA_PROTO_DST_PORT, htons(80));
	mnl_attr_nest_end(head, part);
	mnl_attr_nest_end(head, tuple);
	buf_addc(b, 3);
	buf_add(b, block, head->nlmsg_len);
}

static void mutate(struct buf *b) {
	for (size_t n = 1 + fuzz_chance(6); n > 0 && b->len; n--) {
		/* In heads and lengths more often than in texts. */
		size_t at = fuzz_chance(b->len < 64 ? b->len : 64);

		if (fuzz_chance(4) == 0)
			b->data[at] = (char)(b->data[at] ^ (1 << fuzz_chance(8)));
		else
			fuzz_change(b, NULL, 0);
	}
}

static void (*const makers[])(struct buf *b) = { make_ring, make_connector, make_proc,
	                                             make_conntrack };

static bool make(size_t number, struct buf *out) {
	if (number == ARRAY_SIZE(makers))
		return false;
	makers[number](out);
	return true;
}

/* Each has told all that it is made of. */
static void taken(size_t number) {
	assert_int_equal(told, number == 0 ? 3 : number >= 2);
	told = 0;
}

static void end(void) {
	assert_true(told > 0);
}

const struct fuzz fuzz = {
	.name = "fuzz records",
	.max = BYTES_MAX,
	.runs = 20000,
	.one = one,
	.make = make,
	.taken = taken,
	.mutate = mutate,
	.end = end,
};
