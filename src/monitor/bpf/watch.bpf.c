/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * In the kernel: what the processes of one control group run, whom they connect
 * to, and how much of the workspace they read. It only copies and counts; what it
 * means is found out in user space.
 */
#include "kernel.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "shared.h"

/* The kernel asks for this word before it lets tracing helpers be used. */
char watch_license[] SEC("license") = "GPL";

#define S_IFMT 0170000
#define S_IFSOCK 0140000
#define S_IFREG 0100000
#define S_IFIFO 0010000
#define AF_UNIX 1
#define AF_INET 2
#define AF_INET6 10
#define AF_NETLINK 16
#define PIDTYPE_TGID 1
#define SUBVOLUME_TOP 256 /* number of the top of each subvolume of btrfs */
#define DEPTH_MAX 64 /* directories between a file and the workspace */
#define PID_LEVELS 8 /* namespaces in namespaces that are looked through */

struct bpf_state state;

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, BPF_RING);
} ring SEC(".maps");

/* Too much for the stack of a program. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, struct bpf_exec);
} scratch SEC(".maps");

struct sent {
	__u32 pid;
	__u8 address[16];
	__u32 port;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, struct sent);
	__type(value, __u64);
} sent_last SEC(".maps");

/*
 * The top of the workspace, as the kernel itself knows it: a mount holds it as long as anybody
 * gets there. Numbers do not tell it: on btrfs each subvolume has the same ones. The reader
 * is not to see where the kernel has its things, so this is not in the state.
 */
struct top {
	void *fs, *inode;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct top);
} workspace SEC(".maps");

struct read_key {
	__u64 inode;
	__u64 generation;
	void *subvolume; /* of btrfs, in which these two are a file's alone */
};

/* What of a file was read: all up to @head, and a part that lies behind. */
struct read_parts {
	__u64 head;
	__u64 from, to;
	__u64 counted; /* never more than the file has */
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, BPF_READ_FILES);
	__type(key, struct read_key);
	__type(value, struct read_parts);
} read_before SEC(".maps");

static int is_ours(void) {
	return state.cgroup && bpf_get_current_ancestor_cgroup_id((int)state.level) == state.cgroup;
}

/* The number that the reader's process namespace has for it; else the machine's. */
static __u32 number_of(struct task_struct *task) {
	struct pid *pid = BPF_CORE_READ(task, signal, pids[PIDTYPE_TGID]);
	const char *numbers = (const char *)pid + bpf_core_field_offset(struct pid, numbers);
	__u32 level = BPF_CORE_READ(pid, level);

	for (__u32 i = 0; i < PID_LEVELS && i <= level; i++) {
		struct { int nr; void *ns; } one; /* struct upid, whose members are not moved */
		struct pid_namespace *ns;

		if (bpf_probe_read_kernel(&one, sizeof(one), numbers + i * sizeof(one)) < 0)
			break;
		ns = one.ns;
		if (BPF_CORE_READ(ns, ns.inum) == state.pidns)
			return (__u32)one.nr;
	}
	return (__u32)BPF_CORE_READ(task, tgid);
}

static void fill_head(struct bpf_head *h, __u32 kind) {
	h->kind = kind;
	h->flags = 0;
	h->pid = number_of(bpf_get_current_task_btf());
	h->ppid = 0;
	h->uid = (__u32)bpf_get_current_uid_gid();
	h->len = 0;
	h->args_bytes = 0;
	h->at_ns = bpf_ktime_get_ns();
	bpf_get_current_comm(h->comm, sizeof(h->comm));
}

static __u8 stream_of(struct task_struct *task, int fd) {
	struct fdtable *fdt = BPF_CORE_READ(task, files, fdt);
	struct file **table = BPF_CORE_READ(fdt, fd), *file = 0;
	struct socket *socket;
	__u16 family;
	umode_t mode;

	if ((__u32)fd >= BPF_CORE_READ(fdt, max_fds) ||
	    bpf_probe_read_kernel(&file, sizeof(file), table + fd) < 0 || !file)
		return BPF_STREAM_OTHER;
	mode = BPF_CORE_READ(file, f_inode, i_mode);
	if ((mode & S_IFMT) == S_IFIFO)
		return BPF_STREAM_PIPE;
	if ((mode & S_IFMT) != S_IFSOCK)
		return BPF_STREAM_OTHER;
	socket = BPF_CORE_READ(file, private_data);
	family = BPF_CORE_READ(socket, sk, __sk_common.skc_family);
	return family == AF_UNIX || family == AF_NETLINK ? BPF_STREAM_LOCAL : BPF_STREAM_REMOTE;
}

/* The rest of a command line, piece by piece. */
static void send_rest(const struct bpf_exec *e, unsigned long from, unsigned long end) {
	__u32 key = 1;
	struct bpf_args *a = bpf_map_lookup_elem(&scratch, &key);

	if (!a)
		return;
	for (int i = 1; i < BPF_CHUNKS && from < end; i++) {
		unsigned long n = end - from;

		if (n > BPF_CHUNK)
			n = BPF_CHUNK;
		a->head = e->head;
		a->head.kind = BPF_KIND_ARGS;
		a->head.flags = from + n < end && i + 1 < BPF_CHUNKS ? BPF_FLAG_MORE : 0;
		a->head.len = (__u32)n;
		if (bpf_probe_read_user(a->args, n, (void *)from) < 0) {
			a->head.len = 0;
			a->head.flags = 0;
			n = 0;
		}
		if (bpf_ringbuf_output(&ring, a, sizeof(a->head) + n, 0) < 0)
			__sync_fetch_and_add(&state.lost_exec, 1);
		if (!n)
			return;
		from += n;
	}
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(on_exec, struct task_struct *task, pid_t old_pid, struct linux_binprm *bprm) {
	__u32 key = 0;
	struct bpf_exec *e;
	unsigned long start, end, n;

	if (!is_ours())
		return 0;
	e = bpf_map_lookup_elem(&scratch, &key);
	if (!e)
		return 0;
	fill_head(&e->head, BPF_KIND_EXEC);
	e->head.ppid = number_of(BPF_CORE_READ(task, real_parent));
	for (int fd = 0; fd < 3; fd++)
		e->streams[fd] = stream_of(task, fd);
	e->file[0] = e->exe[0] = 0;
	bpf_probe_read_kernel_str(e->exe, sizeof(e->exe), BPF_CORE_READ(bprm, filename));
	bpf_probe_read_kernel_str(e->file, sizeof(e->file),
				  BPF_CORE_READ(bprm, file, f_path.dentry, d_name.name));
	if (BPF_CORE_READ(bprm, file, f_inode, i_nlink) == 0)
		e->head.flags |= BPF_FLAG_NAMELESS;
	start = BPF_CORE_READ(task, mm, arg_start);
	end = BPF_CORE_READ(task, mm, arg_end);
	n = end > start ? end - start : 0;
	e->head.args_bytes = n;
	if (n > BPF_CHUNK) {
		n = BPF_CHUNK;
		e->head.flags |= BPF_FLAG_MORE;
	}
	if (bpf_probe_read_user(e->args, n, (void *)start) < 0) {
		n = 0;
		e->head.flags &= ~BPF_FLAG_MORE;
	}
	e->head.len = (__u32)n;
	if (bpf_ringbuf_output(&ring, e, sizeof(*e) - BPF_CHUNK + n, 0) < 0) {
		__sync_fetch_and_add(&state.lost_exec, 1);
		return 0;
	}
	if (e->head.flags & BPF_FLAG_MORE)
		send_rest(e, start + n, end);
	return 0;
}

static void tell_forks(__u64 slice, __u64 count) {
	struct bpf_forks f = { 0 };

	fill_head(&f.head, BPF_KIND_FORKS);
	f.head.at_ns = slice * BPF_FORKS_SLICE_NS;
	f.count = count;
	if (bpf_ringbuf_output(&ring, &f, sizeof(f), 0) < 0)
		__sync_fetch_and_add(&state.lost_forks, count);
}

/* Two at once may both begin a slice: then some are told as of the one before. */
SEC("tp_btf/sched_process_fork")
int BPF_PROG(on_fork, struct task_struct *parent, struct task_struct *child) {
	__u64 slice, before, left;

	if (!is_ours() || BPF_CORE_READ(child, pid) != BPF_CORE_READ(child, tgid))
		return 0; /* a thread is no process */
	slice = bpf_ktime_get_ns() / BPF_FORKS_SLICE_NS;
	before = state.forks_slice;
	if (slice != before) {
		state.forks_slice = slice;
		left = __sync_lock_test_and_set(&state.forks, 0);
		if (left % BPF_FORKS)
			tell_forks(before, left % BPF_FORKS);
	}
	if ((__sync_fetch_and_add(&state.forks, 1) + 1) % BPF_FORKS == 0)
		tell_forks(slice, BPF_FORKS);
	return 0;
}

static long long changed_s(struct inode *inode) {
	struct inode___first *first = (void *)inode;
	struct inode___second *second = (void *)inode;
	struct inode___third *third = (void *)inode;

	if (bpf_core_field_exists(third->i_ctime_sec))
		return BPF_CORE_READ(third, i_ctime_sec);
	if (bpf_core_field_exists(second->__i_ctime))
		return BPF_CORE_READ(second, __i_ctime.tv_sec);
	return BPF_CORE_READ(first, i_ctime.tv_sec);
}

/* Called by the reader in its own name: what its descriptor leads to. */
SEC("syscall")
int name_workspace(void *ctx) {
	struct file **table = BPF_CORE_READ(bpf_get_current_task_btf(), files, fdt, fd), *file = 0;
	struct top top = { 0 };
	__u32 first = 0;

	if (bpf_probe_read_kernel(&file, sizeof(file), table + state.workspace_fd) < 0 || !file)
		return 0;
	top.inode = BPF_CORE_READ(file, f_inode);
	top.fs = BPF_CORE_READ(file, f_inode, i_sb);
	bpf_map_update_elem(&workspace, &first, &top, BPF_ANY);
	return 1;
}

/*
 * By the directories that it is in, whatever mount or namespace it was found through. @ret:
 * the subvolume that it is in, if it is one of those below the workspace.
 */
static int is_in_workspace(struct inode *inode, const struct top *top, void **ret) {
	const char *name = (const char *)BPF_CORE_READ(inode, i_dentry.first);
	struct dentry *d, *up;
	struct inode *dir;

	if (!name)
		return 0;
	d = (struct dentry *)(name - bpf_core_field_offset(struct dentry, d_u.d_alias));
	*ret = 0;
	for (int i = 0; i < DEPTH_MAX; i++) {
		up = BPF_CORE_READ(d, d_parent);
		if (!up || up == d)
			return 0;
		d = up;
		dir = BPF_CORE_READ(d, d_inode);
		if (dir == top->inode)
			return 1;
		if (!*ret && BPF_CORE_READ(dir, i_ino) == SUBVOLUME_TOP)
			*ret = dir;
	}
	return 0;
}

/* How much of what is read from @begin to @end is new. */
static __u64 add_part(struct read_parts *p, __u64 begin, __u64 end, __u64 size) {
	__u64 n, left;

	if (begin < p->head)
		begin = p->head;
	if (begin >= p->from && begin < p->to)
		begin = p->to;
	if (end > p->from && end <= p->to)
		end = p->from;
	if (end <= begin)
		return 0;
	n = end - begin;
	if (p->from >= begin && p->to <= end)
		n -= p->to - p->from;
	/* What is neither of the two parts is not remembered, and counts when it is read again. */
	left = p->counted < size ? size - p->counted : 0;
	if (n > left)
		n = left;
	p->counted += n;
	if (begin != p->head && begin != p->to && end != p->from) {
		p->from = begin;
		p->to = end;
		return n;
	}
	if (begin == p->head)
		p->head = end;
	else if (begin == p->to)
		p->to = end;
	else
		p->from = begin;
	if (p->head >= p->from && p->head < p->to)
		p->head = p->to;
	return n;
}

/* Pages of a file, the last one too, are asked for by read(2) and what is like it. */
SEC("tp_btf/mm_filemap_get_pages")
int BPF_PROG(on_read, struct address_space *mapping, unsigned long from, unsigned long last) {
	struct inode *inode = mapping->host;
	struct read_key key = { .inode = inode->i_ino, .generation = inode->i_generation };
	__u64 begin = from * state.page_size, end = (last + 1) * state.page_size, size, n;
	struct read_parts none = { 0 }, *parts;
	const struct top *top;
	__u32 first = 0;

	top = bpf_map_lookup_elem(&workspace, &first);
	if (!top || inode->i_sb != top->fs || (inode->i_mode & S_IFMT) != S_IFREG || !is_ours() ||
	    changed_s(inode) >= state.began_s || !is_in_workspace(inode, top, &key.subvolume))
		return 0;
	size = (__u64)inode->i_size;
	if (end > size)
		end = size;
	parts = bpf_map_lookup_elem(&read_before, &key);
	if (!parts) {
		bpf_map_update_elem(&read_before, &key, &none, BPF_NOEXIST);
		parts = bpf_map_lookup_elem(&read_before, &key);
	}
	n = parts ? add_part(parts, begin, end, size) : 0;
	if (n)
		__sync_fetch_and_add(&state.workspace_read, n);
	return 0;
}

/* A packet to the same address is told once a second. */
static int is_told(const struct bpf_connect *c) {
	struct sent key = { .pid = c->head.pid, .port = c->port };
	__u64 now = bpf_ktime_get_ns(), *last;

	__builtin_memcpy(key.address, c->address, sizeof(key.address));
	last = bpf_map_lookup_elem(&sent_last, &key);
	if (last && now - *last < BPF_SENT_AGAIN_NS)
		return 1;
	bpf_map_update_elem(&sent_last, &key, &now, BPF_ANY);
	return 0;
}

static int tell(struct bpf_connect *c) {
	if (bpf_ringbuf_output(&ring, c, sizeof(*c), 0) < 0)
		__sync_fetch_and_add(&state.lost_connect, 1);
	return 1; /* whatever it is, it goes on: others say what is allowed */
}

static int connect4(struct bpf_sock_addr *ctx, __u32 flags) {
	struct bpf_connect c = { 0 };
	__u32 address = ctx->user_ip4;

	fill_head(&c.head, BPF_KIND_CONNECT);
	c.head.flags = flags;
	c.family = AF_INET;
	c.protocol = (__u8)ctx->protocol;
	c.port = __builtin_bswap16((__u16)ctx->user_port);
	__builtin_memcpy(c.address, &address, sizeof(address));
	return flags && is_told(&c) ? 1 : tell(&c);
}

static int connect6(struct bpf_sock_addr *ctx, __u32 flags) {
	struct bpf_connect c = { 0 };
	__u32 a[4] = { ctx->user_ip6[0], ctx->user_ip6[1], ctx->user_ip6[2], ctx->user_ip6[3] };

	fill_head(&c.head, BPF_KIND_CONNECT);
	c.head.flags = flags;
	c.family = AF_INET6;
	c.protocol = (__u8)ctx->protocol;
	c.port = __builtin_bswap16((__u16)ctx->user_port);
	__builtin_memcpy(c.address, a, sizeof(a));
	return flags && is_told(&c) ? 1 : tell(&c);
}

SEC("cgroup/connect4")
int on_connect4(struct bpf_sock_addr *ctx) {
	return connect4(ctx, 0);
}

SEC("cgroup/connect6")
int on_connect6(struct bpf_sock_addr *ctx) {
	return connect6(ctx, 0);
}

SEC("cgroup/sendmsg4")
int on_sendmsg4(struct bpf_sock_addr *ctx) {
	return connect4(ctx, BPF_FLAG_SENT);
}

SEC("cgroup/sendmsg6")
int on_sendmsg6(struct bpf_sock_addr *ctx) {
	return connect6(ctx, BPF_FLAG_SENT);
}
