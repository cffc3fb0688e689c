/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The few members of the kernel's structures that are read. libbpf puts in where
 * they are in the kernel that runs (CO-RE), so these are no copies of its headers.
 */
#ifndef COI_MONITOR_BPF_KERNEL_H
#define COI_MONITOR_BPF_KERNEL_H

typedef unsigned char __u8;
typedef unsigned short __u16;
typedef unsigned int __u32;
typedef unsigned long long __u64;
typedef signed short __s16;
typedef int __s32;
typedef long long __s64;
typedef __u16 __be16;
typedef __u32 __be32;
typedef __u32 __wsum;
typedef int pid_t;
typedef unsigned short umode_t;

enum bpf_map_type {
	BPF_MAP_TYPE_ARRAY = 2,
	BPF_MAP_TYPE_PERCPU_ARRAY = 6,
	BPF_MAP_TYPE_LRU_HASH = 9,
	BPF_MAP_TYPE_RINGBUF = 27,
};
enum { BPF_ANY = 0, BPF_NOEXIST = 1 };

#ifdef __bpf__
#define KERNEL __attribute__((preserve_access_index))
#else
#define KERNEL
#endif

struct sock_common { unsigned short skc_family; } KERNEL;
struct sock { struct sock_common __sk_common; } KERNEL;
struct socket { struct sock *sk; } KERNEL;
struct hlist_node { struct hlist_node *next; } KERNEL;
struct hlist_head { struct hlist_node *first; } KERNEL;
struct super_block;
struct inode {
	umode_t i_mode;
	unsigned int i_nlink, i_generation;
	unsigned long i_ino;
	long long i_size;
	struct super_block *i_sb;
	struct hlist_head i_dentry;
} KERNEL;
/* When it was changed last, as it is called before Linux 6.6, before 6.11, and since. */
struct timespec64 { long long tv_sec; } KERNEL;
struct inode___first { struct timespec64 i_ctime; } KERNEL;
struct inode___second { struct timespec64 __i_ctime; } KERNEL;
struct inode___third { long long i_ctime_sec; } KERNEL;
struct qstr { const unsigned char *name; } KERNEL;
struct dentry {
	struct qstr d_name;
	struct dentry *d_parent;
	struct inode *d_inode;
	union { struct hlist_node d_alias; } d_u;
} KERNEL;
struct path { struct dentry *dentry; } KERNEL;
struct file { struct path f_path; struct inode *f_inode; void *private_data; } KERNEL;
struct address_space { struct inode *host; } KERNEL;
struct fdtable { unsigned int max_fds; struct file **fd; } KERNEL;
struct files_struct { struct fdtable *fdt; } KERNEL;
struct mm_struct { unsigned long arg_start, arg_end; } KERNEL;
struct ns_common { unsigned int inum; } KERNEL;
struct pid_namespace { struct ns_common ns; } KERNEL;
struct upid { int nr; struct pid_namespace *ns; } KERNEL;
struct pid { unsigned int level; struct upid numbers[1]; } KERNEL;
struct signal_struct { struct pid *pids[4]; } KERNEL;
struct task_struct {
	pid_t pid, tgid;
	struct task_struct *real_parent;
	struct signal_struct *signal;
	struct mm_struct *mm;
	struct files_struct *files;
} KERNEL;
struct linux_binprm { struct file *file; const char *filename; } KERNEL;

/* As linux/bpf.h has it: what a program on a group's sockets is given. */
struct bpf_sock_addr {
	__u32 user_family, user_ip4, user_ip6[4], user_port, family, type, protocol;
	__u32 msg_src_ip4, msg_src_ip6[4];
	void *sk;
};

#endif
