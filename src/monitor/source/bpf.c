/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Programs that run, and connections, told by programs of ours in the kernel
 * (bpf/watch.bpf.c). Nothing is missed but what finds no room in the ring, and
 * that is counted there.
 *
 * Owns the loaded object, its ring and its state, which both sources share. After
 * open() no call into the kernel is needed but waiting for the ring.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "monitor/bpf/shared.h"
#include "monitor/source/all.h"
#include "monitor/source/process.h"

/* The compiled program, put in here by the assembler. */
__asm__(".section .rodata\n"
        ".balign 16\n"
        ".global watch_bpf_begin\n"
        "watch_bpf_begin:\n"
        ".incbin \"" WATCH_BPF_OBJECT "\"\n"
        ".global watch_bpf_end\n"
        "watch_bpf_end:\n"
        ".previous\n");
extern const char watch_bpf_begin[], watch_bpf_end[];

#define PENDING_MAX 64 /* command lines of which only a part has come */
#define LINKS_MAX 4
#define STATE_BYTES 4096

/* A command line that comes in pieces. */
struct pending {
	bool is_used;
	struct bpf_exec first;
	struct buf args;
};

static struct {
	struct bpf_object *object;
	struct ring_buffer *ring;
	struct bpf_state *state;
	int result; /* of prepare() */
	struct err why;
	bool was_prepared;
	struct watch_target target;
	const struct watch_sink *sink;
	struct loop_source *ring_source; /* NULL: not started */
	struct pending pending[PENDING_MAX];
} shared;

struct bpf_source {
	struct watch_source base;
	struct bpf_link *links[LINKS_MAX];
	size_t count;
	uint64_t lost_before;
};

/* --- what the ring has */

static void tell_exec(const struct bpf_exec *x, char *args, size_t len) {
	size_t argc;
	autofree char **argv = process_argv(args, len, &argc);
	const struct watch_event e = {
		.kind = WATCH_EXEC,
		.at_us = x->head.at_ns / 1000,
		.pid = (pid_t)x->head.pid,
		.ppid = (pid_t)x->head.ppid,
		.uid = watch_uid(&shared.target, x->head.uid),
		.comm = x->head.comm,
		.exec = { .exe = x->exe,
		          .file = x->file,
		          .comm = x->head.comm,
		          .argv = argv,
		          .argc = argc,
		          .args_bytes = x->head.args_bytes,
		          .is_cut = x->head.args_bytes > len,
		          .is_in_memory = x->head.flags & BPF_FLAG_NAMELESS,
		          .streams = { (enum watch_stream)x->streams[0],
		                       (enum watch_stream)x->streams[1],
		                       (enum watch_stream)x->streams[2] } },
	};

	shared.sink->event(&e, shared.sink->data);
}

static void pending_end(struct pending *p) {
	tell_exec(&p->first, p->args.data, p->args.len);
	buf_done(&p->args);
	p->is_used = false;
}

static struct pending *pending_find(unsigned pid) {
	for (size_t i = 0; i < PENDING_MAX; i++)
		if (shared.pending[i].is_used && shared.pending[i].first.head.pid == pid)
			return &shared.pending[i];
	return NULL;
}

static struct pending *pending_new(void) {
	for (size_t i = 0; i < PENDING_MAX; i++)
		if (!shared.pending[i].is_used)
			return &shared.pending[i];
	/* One whose rest never came: what there is of it. */
	pending_end(&shared.pending[0]);
	return &shared.pending[0];
}

/* The kernel writes texts with their end; what is mapped is looked at once more all the same. */
static void end_texts(struct bpf_exec *x) {
	x->head.comm[BPF_COMM - 1] = '\0';
	x->file[BPF_FILE - 1] = '\0';
	x->exe[BPF_EXE - 1] = '\0';
	for (int fd = 0; fd < 3; fd++)
		if (x->streams[fd] >= WATCH_STREAM_COUNT)
			x->streams[fd] = WATCH_STREAM_UNKNOWN;
}

static void take_exec(const void *data, size_t size) {
	const size_t fixed = sizeof(struct bpf_exec) - BPF_CHUNK;
	struct pending *p;
	struct bpf_exec x;
	size_t len;

	if (size < fixed)
		return;
	memset(&x, 0, fixed);
	memcpy(&x, data, size < sizeof(x) ? size : sizeof(x));
	end_texts(&x);
	len = x.head.len < size - fixed ? x.head.len : size - fixed;
	len = len < BPF_CHUNK ? len : BPF_CHUNK;
	/* Its rest was lost, or its number is another's by now. */
	p = pending_find(x.head.pid);
	if (p)
		pending_end(p);
	if (!(x.head.flags & BPF_FLAG_MORE)) {
		char args[BPF_CHUNK + 1];

		memcpy(args, x.args, len);
		args[len] = '\0';
		tell_exec(&x, args, len);
		return;
	}
	p = pending_new();
	p->is_used = true;
	memcpy(&p->first, &x, fixed);
	buf_init(&p->args, WATCH_ARGS_MAX);
	buf_add(&p->args, x.args, len);
}

static void take_args(const void *data, size_t size) {
	const struct bpf_args *a = data;
	struct pending *p = size < sizeof(a->head) ? NULL : pending_find(a->head.pid);
	size_t len;

	if (!p)
		return; /* its beginning was lost, and was counted */
	len = a->head.len < size - sizeof(a->head) ? a->head.len : size - sizeof(a->head);
	buf_add(&p->args, a->args, len);
	if (!(a->head.flags & BPF_FLAG_MORE))
		pending_end(p);
}

static void take_connect(const void *data, size_t size) {
	struct bpf_connect c;
	struct watch_event e = { .kind = WATCH_CONNECT };

	if (size < sizeof(c))
		return;
	memcpy(&c, data, sizeof(c));
	c.head.comm[BPF_COMM - 1] = '\0';
	e.at_us = c.head.at_ns / 1000;
	e.pid = (pid_t)c.head.pid;
	e.uid = watch_uid(&shared.target, c.head.uid);
	e.comm = c.head.comm;
	e.connect.family = c.family;
	e.connect.protocol = c.protocol;
	e.connect.port = c.port;
	memcpy(e.connect.address, c.address, sizeof(e.connect.address));
	shared.sink->event(&e, shared.sink->data);
}

static int on_record(void *ctx, void *data, size_t size) {
	unsigned kind;

	(void)ctx;
	if (size < sizeof(struct bpf_head))
		return 0;
	memcpy(&kind, data, sizeof(kind));
	if (kind == BPF_KIND_EXEC)
		take_exec(data, size);
	else if (kind == BPF_KIND_ARGS)
		take_args(data, size);
	else if (kind == BPF_KIND_CONNECT)
		take_connect(data, size);
	/* The rest stays in the ring until there is room; then go_on(). */
	return shared.sink->is_full(shared.sink->data) ? -EAGAIN : 0;
}

static void on_ring(int fd, uint32_t events, void *data) {
	(void)fd;
	(void)events;
	(void)data;
	if (!shared.sink->is_full(shared.sink->data))
		(void)ring_buffer__consume(shared.ring);
	/* It stays readable: not asked again before there is room. */
	loop_set_events(shared.ring_source, shared.sink->is_full(shared.sink->data) ? 0 : EPOLLIN);
}

/* --- loading */

static int quiet(enum libbpf_print_level level, const char *fmt, va_list ap) {
	(void)level;
	(void)fmt;
	(void)ap;
	return 0;
}

static int load(struct err *err) {
	DECLARE_LIBBPF_OPTS(bpf_object_open_opts, options, .object_name = "coi_watch");
	struct bpf_map *state;
	int r;

	(void)libbpf_set_print(quiet);
	if (access("/sys/kernel/btf/vmlinux", R_OK) < 0)
		return err_set(err, ERR_SYSTEM, -EOPNOTSUPP,
		               "this kernel has no type information (CONFIG_DEBUG_INFO_BTF)");
	shared.object = bpf_object__open_mem(watch_bpf_begin,
	                                     (size_t)(watch_bpf_end - watch_bpf_begin), &options);
	if (!shared.object)
		return err_sys(err, -errno, "cannot read the BPF program");
	r = bpf_object__load(shared.object);
	if (r < 0)
		return err_sys(err, r, "the kernel does not take the BPF program");
	state = bpf_object__find_map_by_name(shared.object, ".bss");
	shared.state = state ? mmap(NULL, STATE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED,
	                            bpf_map__fd(state), 0)
	                     : MAP_FAILED;
	if (shared.state == MAP_FAILED)
		return err_sys(err, -errno, "cannot map the state of the BPF program");
	shared.ring = ring_buffer__new(bpf_object__find_map_fd_by_name(shared.object, "ring"),
	                               on_record, NULL, NULL);
	return shared.ring ? 0 : err_sys(err, -errno, "cannot map the ring of the BPF program");
}

/* Once, for both sources. */
static int bpf_prepare(struct err *err) {
	if (!shared.was_prepared)
		shared.result = load(&shared.why);
	shared.was_prepared = true;
	if (shared.result < 0)
		*err = shared.why;
	return shared.result;
}

/* --- sources */

static int needs_group(const struct watch_target *t, struct err *err) {
	return t->cgroup2_fd >= 0 ? 0
	                          : err_set(err, ERR_SYSTEM, -EOPNOTSUPP,
	                                    "there is no control group of version 2");
}

static void bpf_free(struct watch_source *s) {
	struct bpf_source *b = (struct bpf_source *)s;

	for (size_t i = 0; i < b->count; i++)
		(void)bpf_link__destroy(b->links[i]);
	free(b);
}

static int add_link(struct bpf_source *b, struct bpf_link *link, const char *name,
                    struct err *err) {
	if (!link)
		return err_sys(err, -errno, "cannot attach '%s'", name);
	b->links[b->count++] = link;
	return 0;
}

static int exec_open(const struct watch_target *t, struct watch_source **ret, struct err *err) {
	struct bpf_program *program;
	struct bpf_source *b;
	struct stat st;
	int r = needs_group(t, err);

	if (r < 0)
		return r;
	shared.target = *t;
	if (stat("/proc/self/ns/pid", &st) < 0)
		return err_sys(err, -errno, "cannot tell our process namespace");
	shared.state->pidns = (unsigned)st.st_ino;
	shared.state->level = t->level;
	shared.state->cgroup = t->cgroup2_id;
	b = xcalloc(1, sizeof(*b));
	program = bpf_object__find_program_by_name(shared.object, "on_exec");
	r = add_link(b, bpf_program__attach(program), "on_exec", err);
	if (r < 0)
		bpf_free(&b->base);
	else
		*ret = &b->base;
	return r;
}

static int connect_open(const struct watch_target *t, struct watch_source **ret, struct err *err) {
	static const char *const names[] = { "on_connect4", "on_connect6", "on_sendmsg4",
		                             "on_sendmsg6" };
	struct bpf_source *b;
	int r = needs_group(t, err);

	if (r < 0)
		return r;
	shared.target = *t;
	b = xcalloc(1, sizeof(*b));
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(names); i++) {
		struct bpf_program *p = bpf_object__find_program_by_name(shared.object, names[i]);

		r = add_link(b, bpf_program__attach_cgroup(p, t->cgroup2_fd), names[i], err);
	}
	if (r < 0)
		bpf_free(&b->base);
	else
		*ret = &b->base;
	return r;
}

static int bpf_start(struct watch_source *s, struct loop *l, const struct watch_sink *sink) {
	(void)s;
	if (shared.ring_source)
		return 0;
	shared.sink = sink;
	shared.ring_source =
		loop_add_fd(l, ring_buffer__epoll_fd(shared.ring), EPOLLIN, on_ring, NULL);
	return shared.ring_source ? 0 : -errno;
}

static void bpf_go_on(struct watch_source *s) {
	(void)s;
	on_ring(-1, 0, NULL);
}

static uint64_t since(struct bpf_source *b, uint64_t now) {
	uint64_t n = now - b->lost_before;

	b->lost_before = now;
	return n;
}

static uint64_t exec_lost(struct watch_source *s) {
	return since((struct bpf_source *)s,
	             __atomic_load_n(&shared.state->lost_exec, __ATOMIC_RELAXED));
}

static uint64_t connect_lost(struct watch_source *s) {
	return since((struct bpf_source *)s,
	             __atomic_load_n(&shared.state->lost_connect, __ATOMIC_RELAXED));
}

const struct watch_source_ops watch_exec_bpf = {
	.source = "exec",
	.backend = "bpf",
	.prepare = bpf_prepare,
	.open = exec_open,
	.start = bpf_start,
	.go_on = bpf_go_on,
	.lost = exec_lost,
	.free = bpf_free,
};

const struct watch_source_ops watch_connect_bpf = {
	.source = "connect",
	.backend = "bpf",
	.limits = "who sends what over a connection; packets without one more often than once a "
	          "second",
	.prepare = bpf_prepare,
	.open = connect_open,
	.start = bpf_start,
	.lost = connect_lost,
	.free = bpf_free,
};
