/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The programs, written down instruction by instruction: they are forty, and need no compiler. */
#include "net/who.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/bpf.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/proc.h"

/* A place for each destination, by a hash of it: what comes later may take it. */
#define PLACES_BITS 9
#define HASH 0x9e3779b1u
#define INIT_PIDNS 0xeffffffcu /* the first of a machine: PROC_PID_INIT_INO */
#define LOOK_EACH_MS 200       /* looking through processes takes a while */

/* As the programs write it: on their stack from -40 on, with the place's number before it. */
struct place {
	uint32_t address; /* network byte order, as all of this */
	uint16_t port;
	uint16_t protocol;
	uint64_t pid_tgid;
	char name[NET_WHO_NAME];
};

#define AT_PLACE (-(int)sizeof(struct place))
#define AT(member) (AT_PLACE + (int)offsetof(struct place, member))
#define AT_INDEX (AT_PLACE - 8)
#define SOCK(member) ((int16_t)offsetof(struct bpf_sock_addr, member))

/* Whose numbers of processes are noted. */
enum { COUNTS_CONTAINER = 1, COUNTS_HOST, COUNTS_NONE };

#define INSN(code_, dst_, src_, off_, imm_)                                                    \
	((struct bpf_insn){ .code = (code_), .dst_reg = (dst_), .src_reg = (src_),             \
			    .off = (int16_t)(off_), .imm = (int32_t)(imm_) })
#define LOAD(dst, src, off) INSN(BPF_LDX | BPF_MEM | BPF_W, dst, src, off, 0)
#define STORE(size, off, src) INSN(BPF_STX | BPF_MEM | (size), BPF_REG_10, src, off, 0)
#define STORE_ZERO(off) INSN(BPF_ST | BPF_MEM | BPF_DW, BPF_REG_10, 0, off, 0)
#define MOVE(dst, src) INSN(BPF_ALU64 | BPF_MOV | BPF_X, dst, src, 0, 0)
#define SET(dst, imm) INSN(BPF_ALU64 | BPF_MOV | BPF_K, dst, 0, 0, imm)
#define ADD(dst, imm) INSN(BPF_ALU64 | BPF_ADD | BPF_K, dst, 0, 0, imm)
#define ALU32(op, dst, src) INSN(BPF_ALU | (op) | BPF_X, dst, src, 0, 0)
#define ALU32_BY(op, dst, imm) INSN(BPF_ALU | (op) | BPF_K, dst, 0, 0, imm)
#define CALL(fn) INSN(BPF_JMP | BPF_CALL, 0, 0, 0, fn)
#define EXIT INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0)
/* Two instructions. */
#define WIDE(dst, kind, value)                                                                 \
	INSN(BPF_LD | BPF_DW | BPF_IMM, dst, kind, 0, (uint32_t)(value)),                      \
		INSN(0, 0, 0, 0, (uint64_t)(value) >> 32)
#define STACK(dst, off) MOVE(dst, BPF_REG_10), ADD(dst, off)

#define PROGRAM_MAX 64

struct program {
	struct bpf_insn insns[PROGRAM_MAX];
	size_t count;
};

static void add(struct program *p, const struct bpf_insn *insns, size_t count) {
	for (size_t i = 0; i < count && p->count < PROGRAM_MAX; i++)
		p->insns[p->count++] = insns[i];
}

#define APPEND(p, ...)                                                                         \
	add(p, (const struct bpf_insn[]){ __VA_ARGS__ },                                       \
	    sizeof((const struct bpf_insn[]){ __VA_ARGS__ }) / sizeof(struct bpf_insn))

static uint32_t place_of(uint32_t address, uint16_t port, uint16_t protocol) {
	return ((address ^ (uint32_t)port << 16 ^ protocol) * HASH) >> (32 - PLACES_BITS);
}

/* The same as place_of(), and what is in a place. */
static void add_destination(struct program *p) {
	APPEND(p, MOVE(BPF_REG_6, BPF_REG_1), LOAD(BPF_REG_2, BPF_REG_6, SOCK(user_ip4)),
	       STORE(BPF_W, AT(address), BPF_REG_2), LOAD(BPF_REG_3, BPF_REG_6, SOCK(user_port)),
	       STORE(BPF_H, AT(port), BPF_REG_3), LOAD(BPF_REG_4, BPF_REG_6, SOCK(protocol)),
	       STORE(BPF_H, AT(protocol), BPF_REG_4), ALU32_BY(BPF_LSH, BPF_REG_3, 16),
	       ALU32(BPF_XOR, BPF_REG_2, BPF_REG_3), ALU32(BPF_XOR, BPF_REG_2, BPF_REG_4),
	       ALU32_BY(BPF_MUL, BPF_REG_2, HASH),
	       ALU32_BY(BPF_RSH, BPF_REG_2, 32 - PLACES_BITS),
	       STORE(BPF_W, AT_INDEX, BPF_REG_2));
}

static void add_process(struct program *p, int counts, const struct stat *pidns) {
	uint64_t dev = (uint64_t)major(pidns->st_dev) << 20 | minor(pidns->st_dev);

	APPEND(p, STORE_ZERO(AT(pid_tgid)), STORE_ZERO(AT(name)), STORE_ZERO(AT(name) + 8));
	if (counts == COUNTS_CONTAINER)
		APPEND(p, WIDE(BPF_REG_1, 0, dev), WIDE(BPF_REG_2, 0, pidns->st_ino),
		       STACK(BPF_REG_3, AT(pid_tgid)), SET(BPF_REG_4, sizeof(uint64_t)),
		       CALL(BPF_FUNC_get_ns_current_pid_tgid));
	if (counts == COUNTS_HOST)
		APPEND(p, CALL(BPF_FUNC_get_current_pid_tgid),
		       STORE(BPF_DW, AT(pid_tgid), BPF_REG_0));
	APPEND(p, STACK(BPF_REG_1, AT(name)), SET(BPF_REG_2, NET_WHO_NAME),
	       CALL(BPF_FUNC_get_current_comm));
}

/* Note it, and let it pass. */
static void add_note(struct program *p, int map_fd) {
	APPEND(p, WIDE(BPF_REG_1, BPF_PSEUDO_MAP_FD, (uint32_t)map_fd), STACK(BPF_REG_2, AT_INDEX),
	       STACK(BPF_REG_3, AT_PLACE), SET(BPF_REG_4, BPF_ANY),
	       CALL(BPF_FUNC_map_update_elem), SET(BPF_REG_0, 1), EXIT);
}

static int bpf(int command, union bpf_attr *attr) {
	int r = (int)syscall(SYS_bpf, command, attr, sizeof(*attr));

	return r < 0 ? -errno : r;
}

static int map_create(void) {
	union bpf_attr a = { 0 };

	a.map_type = BPF_MAP_TYPE_ARRAY;
	a.key_size = sizeof(uint32_t);
	a.value_size = sizeof(struct place);
	a.max_entries = 1u << PLACES_BITS;
	return bpf(BPF_MAP_CREATE, &a);
}

static int program_load(const struct program *p, enum bpf_attach_type type) {
	union bpf_attr a = { 0 };

	a.prog_type = BPF_PROG_TYPE_CGROUP_SOCK_ADDR;
	a.expected_attach_type = type;
	a.insns = (uintptr_t)p->insns;
	a.insn_cnt = (uint32_t)p->count;
	/* Who asks for the name of a process has to say so. */
	a.license = (uintptr_t) "GPL";
	return bpf(BPF_PROG_LOAD, &a);
}

/* It ends with the descriptor, however that ends. */
static int program_attach(int program, int cgroup_fd, enum bpf_attach_type type) {
	union bpf_attr a = { 0 };

	a.link_create.prog_fd = (uint32_t)program;
	a.link_create.target_fd = (uint32_t)cgroup_fd;
	a.link_create.attach_type = type;
	return bpf(BPF_LINK_CREATE, &a);
}

static int attach_all(struct net_who *w, int cgroup_fd, const struct stat *pidns) {
	static const enum bpf_attach_type types[] = { BPF_CGROUP_INET4_CONNECT,
						      BPF_CGROUP_UDP4_SENDMSG };
	struct program p = { .count = 0 };

	add_destination(&p);
	add_process(&p, w->counts, pidns);
	add_note(&p, w->map_fd);
	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		autoclose int program = program_load(&p, types[i]);

		if (program < 0)
			return program;
		w->link_fds[i] = program_attach(program, cgroup_fd, types[i]);
		if (w->link_fds[i] < 0)
			return w->link_fds[i];
	}
	return 0;
}

static void links_close(struct net_who *w) {
	for (size_t i = 0; i < ARRAY_SIZE(w->link_fds); i++) {
		mem_close_ptr(&w->link_fds[i]);
		w->link_fds[i] = -1;
	}
}

int net_who_open(int cgroup_fd, pid_t init, struct net_who *ret, struct err *err) {
	struct net_who w = NET_WHO_INIT;
	struct stat pidns;
	char path[64];
	uint64_t own = 0;
	int r = -EINVAL;

	(void)snprintf(path, sizeof(path), "/proc/%d/ns/pid", (int)init);
	if (stat(path, &pidns) < 0)
		return err_sys(err, -errno, "cannot look at process %d", (int)init);
	w.init = init;
	w.map_fd = map_create();
	if (w.map_fd < 0)
		return err_sys(err, w.map_fd, "cannot watch who connects: bpf");
	/* Older kernels give such a program the host's numbers (6.1), or none. */
	for (w.counts = COUNTS_CONTAINER; r < 0 && w.counts <= COUNTS_NONE; w.counts++) {
		/* They mean nothing where we do not see the machine's processes. */
		if (w.counts == COUNTS_HOST && (ns_inode(0, "pid", &own) < 0 || own != INIT_PIDNS))
			continue;
		r = attach_all(&w, cgroup_fd, &pidns);
		if (r == 0)
			break;
		links_close(&w);
	}
	if (r < 0) {
		net_who_close(&w);
		return err_sys(err, r, "cannot watch who connects: bpf at a control group");
	}
	*ret = w;
	return 0;
}

static int map_get(const struct net_who *w, uint32_t index, struct place *ret) {
	union bpf_attr a = { 0 };

	a.map_fd = (uint32_t)w->map_fd;
	a.key = (uintptr_t)&index;
	a.value = (uintptr_t)ret;
	return bpf(BPF_MAP_LOOKUP_ELEM, &a);
}

static bool find_noted(const struct net_who *w, const struct net_denied *d,
		       struct net_process *ret) {
	uint32_t address = htonl(d->address);
	uint16_t port = htons(d->port);
	struct place p;

	if (w->map_fd < 0 || map_get(w, place_of(address, port, d->protocol), &p) < 0 ||
	    p.address != address || p.port != port || p.protocol != d->protocol || !p.name[0])
		return false;
	*ret = (struct net_process){ 0 };
	if (w->counts == COUNTS_CONTAINER)
		ret->pid = (int64_t)(uint32_t)(p.pid_tgid >> 32);
	if (w->counts == COUNTS_HOST)
		net_who_describe(w->init, (pid_t)(p.pid_tgid >> 32), ret);
	/* As it was then: by now it may be another one. */
	memcpy(ret->name, p.name, sizeof(ret->name));
	ret->name[sizeof(ret->name) - 1] = '\0';
	return true;
}

int net_who_find(struct net_who *w, const struct net_denied *d, struct net_process *ret) {
	uint64_t now = clock_mono_ms();

	if (find_noted(w, d, ret))
		return 1;
	/* A raw socket, or no programs: what is open still can be found. */
	if (!w->init || (d->port && !d->source) || now - w->asked_ms < LOOK_EACH_MS)
		return 0;
	w->asked_ms = now;
	return net_who_look(w->init, d, ret);
}

void net_who_close(struct net_who *w) {
	links_close(w);
	mem_close_ptr(&w->map_fd);
	*w = (struct net_who)NET_WHO_INIT;
}
