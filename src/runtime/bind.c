/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Binds: a detached clone of the source, with ids and flags, attached below the
 * merged tree before the start, so that the container gets it locked.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "runtime/mount.h"
#include "runtime/private.h"

/* The ids that @bind wants: a user namespace, kept in @last, or -1 for none in *@ret. */
static int bind_userns(const struct runtime_bind *bind, const struct bind_owner *owner,
		       const struct idset *ids, struct bind_userns *last, int *ret,
		       struct err *err) {
	struct idmap users, groups;
	int r;

	*ret = -1;
	if (bind->ids == RUNTIME_BIND_PLAIN || bind->hidden)
		return 0;
	*ret = last->fd;
	if (last->fd >= 0 && last->ids == bind->ids &&
	    (bind->ids == RUNTIME_BIND_CONTAINER ||
	     (last->owner.uid == owner->uid && last->owner.gid == owner->gid)))
		return 0;
	if (bind->ids == RUNTIME_BIND_CONTAINER) {
		users = ids->users;
		groups = ids->groups;
	} else {
		if (idmap_owner(&ids->range, ids->code_uid, owner->uid, ids->code_uid_host,
				&users) < 0 ||
		    idmap_owner(&ids->range, ids->code_gid, owner->gid, ids->code_gid_host,
				&groups) < 0)
			return err_set(err, ERR_CONFLICT, -EINVAL,
				       "'%s' belongs to uid %u, which is one of the container's own",
				       bind->source, owner->uid);
	}
	r = idmap_userns(&users, &groups, err);
	if (r < 0)
		return r;
	mem_close_ptr(&last->fd);
	*last = (struct bind_userns){ r, bind->ids, *owner };
	*ret = r;
	return 0;
}

/*
 * A file of @fs. Kernels before 6.15 clone no mount that is not attached in the caller's
 * namespace (EINVAL), so it is, for as long as that takes.
 */
static int hidden_file(int fs) {
	autoclose int place = -1, file = -1;
	int r;

	if (mkdir(HIDDEN_DIR, 0711) < 0 && errno != EEXIST)
		return -errno;
	place = open(HIDDEN_DIR, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (place < 0)
		return -errno;
	r = mount_attach(fs, place);
	if (r < 0)
		return r;
	file = openat(fs, "empty", O_CREAT | O_EXCL | O_RDONLY | O_CLOEXEC, 0444);
	r = file < 0 ? -errno : mount_clone(file);
	(void)umount2(HIDDEN_DIR, MNT_DETACH | UMOUNT_NOFOLLOW);
	return r;
}

/* An empty thing that nobody can write: a tmpfs, or a file of one. */
static int hidden_mount(bool dir, struct err *err) {
	autoclose int fs = mount_tmpfs("4k", "0555", 0, 0, MOUNT_NOSUID | MOUNT_NODEV);
	int m;

	if (fs < 0)
		return err_sys(err, fs, "cannot make a tmpfs");
	if (dir)
		return steal_fd(&fs);
	m = hidden_file(fs);
	return m < 0 ? err_sys(err, m, "cannot make an empty file") : m;
}

static unsigned bind_flags(const struct runtime_bind *b) {
	return MOUNT_NOSUID | MOUNT_NODEV | (b->readonly || b->hidden ? MOUNT_READONLY : 0) |
	       (b->noexec || b->hidden ? MOUNT_NOEXEC : 0);
}

int bind_prepare(const struct runtime_bind *bind, const struct idset *ids,
		 struct bind_userns *last, struct bind_mount *ret, struct bind_owner *ret_owner,
		 struct err *err) {
	autoclose int own = bind->fd < 0 ? open(bind->source, O_PATH | O_CLOEXEC) : -1;
	int fd = bind->fd < 0 ? own : bind->fd;
	autoclose int m = -1;
	struct bind_owner owner;
	struct stat st;
	bool plain_hole;
	int r, userns;

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(err, -errno, "cannot open '%s'", bind->source);
	if (!S_ISDIR(st.st_mode) && !S_ISREG(st.st_mode) && !S_ISSOCK(st.st_mode))
		return err_set(err, ERR_CONFLICT, -EINVAL,
			       "'%s' is neither a directory nor a file", bind->source);
	owner.uid = bind->owner_uid == (uid_t)-1 ? st.st_uid : bind->owner_uid;
	owner.gid = bind->owner_gid == (gid_t)-1 ? st.st_gid : bind->owner_gid;
	/* Under a hole the host's ids are right as they are, where a map cannot be had. */
	plain_hole = ids->has_hole && owner.uid == ids->code_uid_host;
	m = bind->hidden ? hidden_mount(S_ISDIR(st.st_mode), err) : mount_clone(fd);
	if (m < 0)
		return bind->hidden ? m : err_sys(err, m, "cannot bind '%s'", bind->source);
	r = bind_userns(bind, &owner, ids, last, &userns, err);
	if (r < 0)
		return r;
	r = mount_set(m, bind_flags(bind), userns);
	if ((r == -EINVAL || r == -EOPNOTSUPP) && plain_hole && bind->ids == RUNTIME_BIND_OWNER)
		r = mount_set(m, bind_flags(bind), -1);
	if ((r == -EINVAL || r == -EOPNOTSUPP) && userns >= 0) {
		*ret_owner = owner;
		return err_set(err, ERR_CONFLICT, -EINVAL,
			       "the file system of '%s' has no id-mapped mounts", bind->source);
	}
	if (r < 0)
		return err_sys(err, r, "cannot set up the bind of '%s'", bind->source);
	*ret = (struct bind_mount){
		.bind = bind, .fd = steal_fd(&m), .is_dir = S_ISDIR(st.st_mode)
	};
	return 0;
}

void bind_done(struct bind_mount *m) {
	mem_close_ptr(&m->fd);
}

int bind_attach(struct bind_mount *m, int root, const struct idset *ids, struct err *err) {
	autoclose int target = target_open(root, m->bind->target, m->is_dir,
					   m->bind->strict_target, ids, err);
	int r;

	if (target < 0)
		return err_wrap(err, "binding '%s'", m->bind->source);
	r = mount_attach(m->fd, target);
	if (r < 0)
		return err_sys(err, r, "cannot bind '%s' on '%s'", m->bind->source,
			       m->bind->target);
	return 0;
}

int runtime_bind_check(int fd, uid_t owner_uid, gid_t owner_gid, enum runtime_bind_method *ret,
		       struct err *err) {
	struct stat st;
	int r = mount_can_idmap(fd);

	(void)owner_gid;
	if (r < 0)
		return err_sys(err, r, "cannot try an id-mapped mount");
	if (r == 1) {
		*ret = RUNTIME_BIND_IDMAPPED;
		return 0;
	}
	if (owner_uid == (uid_t)-1) {
		if (fstat(fd, &st) < 0)
			return err_sys(err, -errno, "cannot find the owner");
		owner_uid = st.st_uid;
	}
	if (owner_uid == 0) {
		err_set(err, ERR_CONFLICT, -EPERM,
			"it belongs to root and its file system has no id-mapped mounts");
		return err_hint(err, "give the directory to the user who works in it, or move it to "
				     "ext4, xfs or btrfs");
	}
	*ret = RUNTIME_BIND_HOLE;
	return 0;
}
