/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Only path names are in memory that the caller can change: read once, used once. Mode
 * and device are in registers, which the kernel has copied. The name is looked up from
 * the caller's own root and working directory, which are open before the call is asked
 * whether it is still there, so whatever is exchanged meanwhile, it is in the container.
 * The directory is opened, compared, and used by its descriptor.
 *
 * What is not ours to answer goes on to the kernel (SECCOMP_USER_NOTIF_FLAG_CONTINUE),
 * with the caller's rights: it makes no device for a user namespace.
 */
#include "runtime/nodes-answer.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <inttypes.h>
#include <linux/nsfs.h>
#include <linux/openat2.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/fsuid.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fd.h"
#include "base/mem.h"
#include "runtime/nodes.h"

#define STATUS_MAX (16 * 1024)
#define NAME_SIZE 4096 /* PATH_MAX, with its end */
#define GROUPS_MAX 256
#define BIT(n) (UINT64_C(1) << (n))

struct caller {
	uid_t uid; /* of the file system, outside */
	gid_t gid;
	gid_t groups[GROUPS_MAX];
	size_t group_count;
	uint64_t caps;
	mode_t umask;
};

struct wish {
	int at;
	uint64_t name;
	mode_t mode;
	uint32_t device;
};

static struct wish wish_of(const struct seccomp_data *d) {
	const __u64 *a = d->args;

#ifdef SYS_mknod
	if (d->nr == SYS_mknod)
		return (struct wish){ AT_FDCWD, a[0], (mode_t)a[1], (uint32_t)a[2] };
#endif
	return (struct wish){ (int)a[0], a[1], (mode_t)a[2], (uint32_t)a[3] };
}

static bool is_ours(const struct wish *w) {
	for (size_t i = 0; nodes_devices[i]; i++)
		if (nodes_devices[i] == w->device)
			return S_ISCHR(w->mode);
	return false;
}

static const char *line_of(const char *text, const char *key) {
	const char *at = strstr(text, key);

	return at ? at + strlen(key) : "";
}

static bool groups_read(const char *at, struct caller *c) {
	while (*at && *at != '\n') {
		char *end;
		unsigned long id = strtoul(at, &end, 10);

		if (end == at)
			break; /* a space at the end of the line */
		if (c->group_count == GROUPS_MAX)
			return false;
		c->groups[c->group_count++] = (gid_t)id;
		at = end;
	}
	return true;
}

static bool caller_read(const struct nodes_place *p, pid_t pid, struct caller *ret) {
	char path[64];
	autobuf struct buf b = { 0 };
	unsigned mask, uid, gid;

	(void)snprintf(path, sizeof(path), "%d/status", (int)pid);
	if (file_read_at(p->proc_fd, path, STATUS_MAX, &b) < 0)
		return false;
	/* The name of the program comes first, and has no line break in it (proc(5)). */
	if (sscanf(line_of(b.data, "\nUmask:"), "%o", &mask) != 1 ||
	    sscanf(line_of(b.data, "\nUid:"), "%*u %*u %*u %u", &uid) != 1 ||
	    sscanf(line_of(b.data, "\nGid:"), "%*u %*u %*u %u", &gid) != 1 ||
	    sscanf(line_of(b.data, "\nCapEff:"), "%" SCNx64, &ret->caps) != 1)
		return false;
	ret->umask = mask;
	ret->uid = uid;
	ret->gid = gid;
	return groups_read(line_of(b.data, "\nGroups:"), ret);
}

/* Is it in the container's own user namespace, and not in one that was made in there? */
static bool is_of_container(const struct nodes_place *p, pid_t pid) {
	autoclose int ns = -1, parent = -1;
	char path[64];
	struct stat st;

	(void)snprintf(path, sizeof(path), "%d/ns/user", (int)pid);
	ns = openat(p->proc_fd, path, O_RDONLY | O_CLOEXEC);
	parent = ns < 0 ? -1 : ioctl(ns, NS_GET_PARENT);
	return parent >= 0 && fstat(parent, &st) == 0 && st.st_ino == p->userns;
}

static bool name_read(const struct nodes_place *p, pid_t pid, uint64_t at, char name[NAME_SIZE]) {
	autoclose int mem = -1;
	char path[64];
	ssize_t n = 0;

	(void)snprintf(path, sizeof(path), "%d/mem", (int)pid);
	mem = openat(p->proc_fd, path, O_RDONLY | O_CLOEXEC);
	if (mem < 0 || at > INT64_MAX)
		return false;
	/* A read ends where nothing is mapped. */
	n = pread(mem, name, NAME_SIZE, (off_t)at);
	return n > 0 && memchr(name, 0, (size_t)n);
}

static int directory_open(const struct nodes_place *p, pid_t pid, const char *which) {
	char path[64];

	(void)snprintf(path, sizeof(path), "%d/%s", (int)pid, which);
	return openat(p->proc_fd, path, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

/* In its root and its working directory (or the one that it named). */
static bool place_enter(const struct nodes_place *p, pid_t pid, int listener, uint64_t id,
			const struct wish *w, const char *name) {
	autoclose int root = directory_open(p, pid, "root"), at = -1;
	bool is_relative = *name != '/';
	char which[32] = "cwd";

	if (w->at != AT_FDCWD)
		(void)snprintf(which, sizeof(which), "fd/%d", w->at);
	if (is_relative)
		at = directory_open(p, pid, which);
	/* All that was opened by its number is of the caller if that still waits. */
	if (root < 0 || (is_relative && at < 0) ||
	    ioctl(listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &id) < 0)
		return false;
	return fchdir(root) == 0 && chroot(".") == 0 && (!is_relative || fchdir(at) == 0);
}

/* As the caller, with its rights over files in the container, and the one to make nodes. */
static bool become(const struct caller *c) {
	const cap_value_t keep[] = { CAP_MKNOD, CAP_DAC_OVERRIDE };
	bool overrides = c->caps & BIT(CAP_DAC_OVERRIDE);
	cap_t caps = cap_get_proc();
	bool is_done;

	if (!caps || setgroups(c->group_count, c->groups) < 0) {
		cap_free(caps);
		return false;
	}
	(void)setfsgid(c->gid);
	(void)setfsuid(c->uid);
	/* The change of the user has taken some of them away. */
	is_done = cap_clear(caps) == 0 &&
		  cap_set_flag(caps, CAP_PERMITTED, overrides ? 2 : 1, keep, CAP_SET) == 0 &&
		  cap_set_flag(caps, CAP_EFFECTIVE, overrides ? 2 : 1, keep, CAP_SET) == 0 &&
		  cap_set_proc(caps) == 0;
	cap_free(caps);
	/* Nobody is left to end it when coi-nodes is gone. Behind the change of ids (prctl(2)). */
	is_done = is_done && prctl(PR_SET_PDEATHSIG, SIGKILL) == 0;
	return is_done && (uid_t)setfsuid((uid_t)-1) == c->uid && (gid_t)setfsgid((gid_t)-1) == c->gid;
}

/* The directory of @name, which is cut: the last part stays in @ret_last. */
static int parent_open(const struct nodes_place *p, char *name, const char **ret_last) {
	const struct open_how how = { .flags = O_PATH | O_DIRECTORY | O_CLOEXEC,
				      .resolve = RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV };
	char *slash = strrchr(name, '/');
	const char *last = slash ? slash + 1 : name, *up = slash ? name : ".";
	autoclose int fd = -1;
	struct stat st;

	if (!*last || !strcmp(last, ".") || !strcmp(last, ".."))
		return -EINVAL;
	if (slash)
		*slash = '\0';
	if (slash == name)
		up = "/";
	fd = (int)syscall(SYS_openat2, AT_FDCWD, up, &how, sizeof(how));
	/* Elsewhere (a tmpfs made inside, the workspace) nobody could open it: not even looked at. */
	if (fd < 0 || fstat(fd, &st) < 0 || st.st_dev != p->device)
		return -EXDEV;
	*ret_last = last;
	return steal_fd(&fd);
}

/* 1: it was done, or the errno in @ret_error says why not; 0: the kernel is to answer. */
static int try(const struct nodes_place *p, int listener, const struct seccomp_notif *req,
	       int *ret_error) {
	pid_t pid = (pid_t)req->pid;
	struct wish w = wish_of(&req->data);
	struct caller c = { 0 };
	char name[NAME_SIZE];
	autoclose int parent = -1;
	const char *last;

	if (!is_ours(&w) || !caller_read(p, pid, &c) || !(c.caps & BIT(CAP_MKNOD)) ||
	    !is_of_container(p, pid) || !name_read(p, pid, w.name, name) || !*name ||
	    !place_enter(p, pid, listener, req->id, &w, name) || !become(&c))
		return 0;
	parent = parent_open(p, name, &last);
	if (parent < 0)
		return 0;
	*ret_error = mknodat(parent, last, S_IFCHR | (w.mode & 07777 & ~c.umask), w.device) < 0
			     ? -errno
			     : 0;
	return 1;
}

void nodes_answer(const struct nodes_place *p, int listener, const struct seccomp_notif *req) {
	struct seccomp_notif_resp resp = { .id = req->id };

	if (!try(p, listener, req, &resp.error))
		resp.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
	/* ENOENT: it has been killed. */
	(void)ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &resp);
}
