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
#include "monitor/source/bpf-records.h"

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

#define LINKS_MAX 4
#define STATE_BYTES 4096

static struct {
	struct bpf_object *object;
	struct ring_buffer *ring;
	struct bpf_state *state;
	int result; /* of prepare() */
	struct err why;
	bool was_prepared;
	struct loop_source *ring_source; /* NULL: not started */
	struct bpf_records records;
	uint64_t lost_told; /* of state->lost_exec */
	uint64_t lost_forks_told;
} shared;

struct bpf_source {
	struct watch_source base;
	struct bpf_link *links[LINKS_MAX];
	size_t count;
	uint64_t lost_before;
};

/* --- what the ring has */

static bool is_full(void) {
	return shared.records.sink->is_full(shared.records.sink->data);
}

static int on_record(void *ctx, void *data, size_t size) {
	(void)ctx;
	bpf_records_take(&shared.records, data, size);
	/* The rest stays in the ring until there is room; then go_on(). */
	return is_full() ? -EAGAIN : 0;
}

/* Behind a loss, when all has been read: what still waits for its rest waits for ever. */
static void tell_incomplete(void) {
	uint64_t lost = __atomic_load_n(&shared.state->lost_exec, __ATOMIC_RELAXED);

	if (lost == shared.lost_told)
		return;
	shared.lost_told = lost;
	bpf_records_done(&shared.records);
}

static void on_ring(int fd, uint32_t events, void *data) {
	(void)fd;
	(void)events;
	(void)data;
	if (!is_full() && ring_buffer__consume(shared.ring) >= 0)
		tell_incomplete();
	/* It stays readable: not asked again before there is room. */
	loop_set_events(shared.ring_source, is_full() ? 0 : EPOLLIN);
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
	static const char *const names[] = { "on_exec", "on_fork" };
	struct bpf_program *program;
	struct bpf_source *b;
	struct stat st;
	int r = needs_group(t, err);

	if (r < 0)
		return r;
	shared.records.target = *t;
	if (stat("/proc/self/ns/pid", &st) < 0)
		return err_sys(err, -errno, "cannot tell our process namespace");
	shared.state->pidns = (unsigned)st.st_ino;
	shared.state->level = t->level;
	shared.state->cgroup = t->cgroup2_id;
	b = xcalloc(1, sizeof(*b));
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(names); i++) {
		program = bpf_object__find_program_by_name(shared.object, names[i]);
		r = add_link(b, bpf_program__attach(program), names[i], err);
	}
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
	shared.records.target = *t;
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
	shared.records.sink = sink;
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

/* Under a name of their own: what was lost of programs is another number. */
static void tell_lost_forks(void) {
	uint64_t now = __atomic_load_n(&shared.state->lost_forks, __ATOMIC_RELAXED);
	const struct watch_event e = { .kind = WATCH_STATE,
		                       .status = { .state = WATCH_LOST,
		                                   .source = "fork",
		                                   .backend = "bpf",
		                                   .count = now - shared.lost_forks_told,
		                                   .detail = "processes that were made: no "
		                                             "room for them" } };

	if (now == shared.lost_forks_told || !shared.records.sink)
		return;
	shared.lost_forks_told = now;
	shared.records.sink->event(&e, shared.records.sink->data);
}

static uint64_t exec_lost(struct watch_source *s) {
	tell_lost_forks();
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
