/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Programs that run, connections, and how much of the workspace is read, told by
 * programs of ours in the kernel (bpf/watch.bpf.c). Nothing is missed but what finds
 * no room in the ring, and that is counted there.
 *
 * Owns the loaded object, its ring and its state, which the sources share. After
 * open() no call into the kernel is needed but waiting for the ring.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include "base/linux.h"
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
#define AT_ONCE 1024
#define STATE_BYTES 4096

static struct {
	struct bpf_object *object;
	struct ring_buffer *ring;
	struct bpf_state *state;
	int result; /* of prepare() */
	struct err why;
	struct err why_unread; /* when that works, and reads are not told of */
	bool was_prepared;
	struct loop_source *ring_source; /* NULL: not started */
	unsigned taken; /* in this turn */
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
	/* The rest stays in the ring: for the next turn, or until there is room; then go_on(). */
	return is_full() || ++shared.taken >= AT_ONCE ? -EAGAIN : 0;
}

/* Behind a loss, when all has been read: what still waits for its rest waits for ever. */
static void tell_incomplete(void) {
	uint64_t lost = __atomic_load_n(&shared.state->lost_exec, __ATOMIC_RELAXED);

	if (lost == shared.lost_told)
		return;
	shared.lost_told = lost;
	bpf_records_done(&shared.records);
}

static bool bpf_go_on(struct watch_source *s) {
	bool is_empty;

	(void)s;
	shared.taken = 0;
	is_empty = !is_full() && ring_buffer__consume(shared.ring) >= 0;
	if (is_empty)
		tell_incomplete();
	/* It stays readable: not asked again before there is room. */
	loop_set_events(shared.ring_source, is_full() ? 0 : EPOLLIN);
	return !is_empty;
}

static void on_ring(int fd, uint32_t events, void *data) {
	(void)fd;
	(void)events;
	(void)bpf_go_on(data);
}

/* --- loading */

static int quiet(enum libbpf_print_level level, const char *fmt, va_list ap) {
	(void)level;
	(void)fmt;
	(void)ap;
	return 0;
}

/* @with_reads: also the programs about reads, for which not every kernel has a place. */
static int load_object(bool with_reads, struct err *err) {
	static const char *const readers[] = { "on_read", "name_workspace" };
	DECLARE_LIBBPF_OPTS(bpf_object_open_opts, options, .object_name = "coi_watch");
	int r;

	shared.object = bpf_object__open_mem(watch_bpf_begin,
	                                     (size_t)(watch_bpf_end - watch_bpf_begin), &options);
	if (!shared.object)
		return err_sys(err, -errno, "cannot read the BPF program");
	for (size_t i = 0; i < ARRAY_SIZE(readers); i++)
		(void)bpf_program__set_autoload(
			bpf_object__find_program_by_name(shared.object, readers[i]), with_reads);
	r = bpf_object__load(shared.object);
	if (r == 0)
		return 0;
	bpf_object__close(shared.object);
	shared.object = NULL;
	return err_sys(err, r, "the kernel does not take the BPF program");
}

static int load(struct err *err) {
	struct bpf_map *state;
	int r;

	(void)libbpf_set_print(quiet);
	if (access("/sys/kernel/btf/vmlinux", R_OK) < 0)
		return err_set(err, ERR_SYSTEM, -EOPNOTSUPP,
		               "this kernel has no type information (CONFIG_DEBUG_INFO_BTF)");
	r = load_object(true, &shared.why_unread);
	if (r < 0)
		r = load_object(false, err);
	if (r < 0)
		return r;
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

/* Once, for all sources. */
static int bpf_prepare(struct err *err) {
	if (!shared.was_prepared)
		shared.result = load(&shared.why);
	shared.was_prepared = true;
	if (shared.result < 0)
		*err = shared.why;
	return shared.result;
}

/* --- sources */

/* The programs are told whose processes they are about. */
static int name_group(const struct watch_target *t, struct err *err) {
	if (t->cgroup2_fd < 0)
		return err_set(err, ERR_SYSTEM, -EOPNOTSUPP,
		               "there is no control group of version 2");
	shared.records.target = *t;
	shared.state->level = t->level;
	shared.state->cgroup = t->cgroup2_id;
	return 0;
}

static void bpf_free(struct watch_source *s) {
	struct bpf_source *b = (struct bpf_source *)s;

	for (size_t i = 0; i < b->count; i++)
		(void)bpf_link__destroy(b->links[i]);
	free(b);
}

static int keep_link(struct bpf_source *b, struct bpf_link *link, const char *name,
                     struct err *err) {
	if (!link)
		return err_sys(err, -errno, "cannot attach '%s'", name);
	b->links[b->count++] = link;
	return 0;
}

static int add_link(struct bpf_source *b, const char *name, struct err *err) {
	struct bpf_program *p = bpf_object__find_program_by_name(shared.object, name);

	return keep_link(b, bpf_program__attach(p), name, err);
}

static int exec_open(const struct watch_target *t, struct watch_source **ret, struct err *err) {
	static const char *const names[] = { "on_exec", "on_fork" };
	struct bpf_source *b;
	struct stat st;
	int r = name_group(t, err);

	if (r < 0)
		return r;
	if (stat("/proc/self/ns/pid", &st) < 0)
		return err_sys(err, -errno, "cannot tell our process namespace");
	shared.state->pidns = (unsigned)st.st_ino;
	b = xcalloc(1, sizeof(*b));
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(names); i++)
		r = add_link(b, names[i], err);
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
	int r = name_group(t, err);

	if (r < 0)
		return r;
	b = xcalloc(1, sizeof(*b));
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(names); i++) {
		struct bpf_program *p = bpf_object__find_program_by_name(shared.object, names[i]);

		r = keep_link(b, bpf_program__attach_cgroup(p, t->cgroup2_fd), names[i], err);
	}
	if (r < 0)
		bpf_free(&b->base);
	else
		*ret = &b->base;
	return r;
}

/* Where reads pass the function at which we hang. */
static int name_workspace(const struct watch_target *t, struct err *err) {
	struct bpf_program *p = bpf_object__find_program_by_name(shared.object, "name_workspace");
	DECLARE_LIBBPF_OPTS(bpf_test_run_opts, run);
	struct statfs fs;
	int r;

	if (fstatfs(t->workspace_fd, &fs) < 0)
		return err_sys(err, -errno, "cannot tell where the workspace is");
	if (fs.f_type == TMPFS_MAGIC || fs.f_type == OVERLAYFS_SUPER_MAGIC)
		return err_set(err, ERR_SYSTEM, -EOPNOTSUPP,
		               "what is read of the workspace's file system is not told of");
	shared.state->page_size = (unsigned)sysconf(_SC_PAGESIZE);
	shared.state->began_s = (long long)time(NULL);
	shared.state->workspace_fd = (unsigned)t->workspace_fd;
	r = bpf_prog_test_run_opts(bpf_program__fd(p), &run);
	if (r == 0 && run.retval != 1)
		r = -EBADF;
	return r < 0 ? err_sys(err, r, "the kernel does not find the workspace") : 0;
}

/* Without a workspace there is nothing to read. */
static int volume_open(const struct watch_target *t, struct watch_source **ret, struct err *err) {
	struct bpf_source *b;
	int r = name_group(t, err);

	if (r == 0 && t->workspace_fd < -1)
		r = err_sys(err, t->workspace_fd, "cannot open the workspace");
	if (r == 0 && shared.why_unread.code)
		r = err_set(err, ERR_SYSTEM, -EOPNOTSUPP,
		            "the kernel does not tell of reads (Linux 6.12): %s",
		            shared.why_unread.msg);
	if (r == 0 && t->workspace_fd >= 0)
		r = name_workspace(t, err);
	if (r < 0)
		return r;
	b = xcalloc(1, sizeof(*b));
	if (t->workspace_fd >= 0)
		r = add_link(b, "on_read", err);
	if (r < 0)
		bpf_free(&b->base);
	else
		*ret = &b->base;
	return r;
}

static const uint64_t *volume_counter(struct watch_source *s) {
	(void)s;
	return (const uint64_t *)&shared.state->workspace_read;
}

/* It only counts. */
static int volume_start(struct watch_source *s, struct loop *l, const struct watch_sink *sink) {
	(void)s;
	(void)l;
	(void)sink;
	return 0;
}

static uint64_t volume_lost(struct watch_source *s) {
	(void)s;
	return 0;
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
	          "second; what raw sockets send, and protocols other than TCP and UDP",
	.prepare = bpf_prepare,
	.open = connect_open,
	.start = bpf_start,
	.go_on = bpf_go_on,
	.lost = connect_lost,
	.free = bpf_free,
};

const struct watch_source_ops watch_volume_bpf = {
	.source = "volume",
	.backend = "bpf",
	.limits = "what of the workspace is read through a mapping or past the page cache, or has "
		  "changed since the watching began",
	.prepare = bpf_prepare,
	.open = volume_open,
	.start = volume_start,
	.counter = volume_counter,
	.lost = volume_lost,
	.free = bpf_free,
};
