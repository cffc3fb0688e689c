/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of a starting container share. Nobody outside this folder includes it. */
#ifndef COI_RUNTIME_PRIVATE_H
#define COI_RUNTIME_PRIVATE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "runtime/cgroup.h"
#include "runtime/control.h"
#include "runtime/idmap.h"
#include "runtime/runtime.h"
#include "runtime/selinux.h"

#define RUN_DIR_INSIDE "/run/coi"
#define INIT_INSIDE RUN_DIR_INSIDE "/init"
#define READY_FIFO "ready"

/* Ids of a container as mounts want them. */
struct idset {
	struct id_range range;
	uid_t code_uid; /* inside */
	gid_t code_gid;
	uid_t code_uid_host; /* what the container's map makes of it: B + code, or the hole */
	gid_t code_gid_host;
	struct idmap users; /* the container's own map */
	struct idmap groups;
	bool has_hole;
};

/* Without a hole. */
void idset_init(struct idset *s, const struct id_range *range, uid_t code_uid, gid_t code_gid);
/* With a hole for the owner. -EINVAL for root. A group of 0 gets none. */
int idset_hole(struct idset *s, uid_t owner_uid, gid_t owner_gid);

/* A bind whose detached mount is ready; see bind.c. */
struct bind_mount {
	const struct runtime_bind *bind;
	int fd; /* the detached mount */
	bool is_dir;
};

/*
 * Clone and map one bind. -EINVAL with ERR_CONFLICT when its file system has
 * no id-mapped mounts (then *@ret_owner says who needs a hole).
 */
struct bind_owner {
	uid_t uid;
	gid_t gid;
};
/*
 * The map of the bind before, for the next one with the same: each costs a
 * process. One for all binds of one struct idset, with fd -1 at first.
 */
struct bind_userns {
	int fd; /* owned; close it */
	enum runtime_bind_ids ids;
	struct bind_owner owner;
};
int bind_prepare(const struct runtime_bind *bind, const struct idset *ids,
		 struct bind_userns *last, struct bind_mount *ret, struct bind_owner *ret_owner,
		 struct err *err);
void bind_done(struct bind_mount *m);
/* Attach on the bind's target below @root, which is made when missing. */
int bind_attach(struct bind_mount *m, int root, const struct idset *ids, struct err *err);

/*
 * O_PATH descriptor of @path below @root, resolved as if @root were "/" (or
 * without following anything when @strict); made as the container's root when
 * missing, a directory or an empty file.
 */
int target_open(int root, const char *path, bool dir, bool strict, const struct idset *ids,
		struct err *err);

struct rootfs_layers {
	int *layer; /* detached, id-mapped, newest first */
	size_t count;
	int container; /* detached, id-mapped clone of the container's directory */
	const char *label; /* borrowed: SELinux's of each file in the overlay; NULL: their own */
};

/* In the private mount namespace: clone and map what the overlay is made of. */
int rootfs_prepare(const struct runtime_spec *spec, const struct idset *ids,
		   struct rootfs_layers *ret, struct err *err);
void rootfs_done(struct rootfs_layers *l);
/* The same: a detached mount of the overlay. */
int rootfs_overlay(const struct runtime_spec *spec, const struct idset *ids,
		   const struct rootfs_layers *l, const char *staging, struct err *err);

/* hosts, hostname and resolv.conf below @root. */
int etc_write(const struct runtime_spec *spec, int root, const struct idset *ids,
	      struct err *err);

/* /run with /run/coi, init and, for systemd, the unit that tells when it is ready. */
int rundir_setup(const struct runtime_spec *spec, int root, int init_mount,
		 const struct idset *ids, int *ret_ready_fd, struct err *err);

/* /tmp of spec->tmp_size bytes; who mounts it is outside, so its size stays. */
int tmpdir_setup(const struct runtime_spec *spec, int root, const struct idset *ids,
		 struct err *err);

/* In the private namespace: a tmpfs on @dir with "fuse" and "tun" that everybody may open. */
int devices_make(const char *dir, struct err *err);
#define DEVICES_DIR RUNTIME_LXCPATH "/dev"
/* Where something is attached for a moment, in the supervisor's own namespace. */
#define HIDDEN_DIR RUNTIME_LXCPATH "/hidden"

struct runtime {
	const struct runtime_spec *spec;
	struct cgroup_trees cgroups;
	struct idset ids;
	char *rootfs_path;
	int rootfs_fd;
	int ready_fd;
	bool is_ready;
	pid_t nodes; /* coi-nodes; 0: none */
	enum selinux selinux;
	struct runtime_info info;
};

#endif
