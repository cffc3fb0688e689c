/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runtime/attach.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <lxc/attach_options.h>
#include <lxc/lxccontainer.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "runtime/attach-child.h"
#include "runtime/attach-watch.h"
#include "runtime/mount.h"
#include "runtime/nodes.h"
#include "runtime/relay.h"

#define ENTER_TIMEOUT_MS 10000

static void container_put(struct lxc_container **c) {
	if (*c)
		(void)lxc_container_put(*c);
}
#define auto_container __attribute__((cleanup(container_put)))

/* The host's id of @id in the user namespace of @pid, by the kernel's own map; -1: none. */
static uint32_t id_outside(pid_t pid, const char *map, uint32_t id) {
	uint32_t inside, outside, count, found = UINT32_MAX;
	char path[64];
	struct buf b;
	int used;

	(void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, map);
	if (file_read_at(AT_FDCWD, path, 4096, &b) < 0)
		return found;
	for (const char *at = b.data;
	     sscanf(at, "%" SCNu32 " %" SCNu32 " %" SCNu32 "%n", &inside, &outside, &count,
		    &used) == 3;
	     at += used)
		if (id >= inside && id - inside < count)
			found = outside + (id - inside);
	buf_done(&b);
	return found;
}

/*
 * The container's own ptmx, by the devpts that liblxc mounted and not by a
 * name that container root can change. -errno.
 */
static int ptmx_open(struct lxc_container *c, const struct attach_spec *spec) {
	autoclose int pts = c->devpts_fd ? c->devpts_fd(c) : -1;
	uint32_t uid = id_outside(spec->ref.init.pid, "uid_map", spec->uid);
	uint32_t gid = id_outside(spec->ref.init.pid, "gid_map", 0);
	struct statfs fs;
	struct stat st;
	autoclose int fd = -1;
	int unlocked = 0;

	if (pts < 0)
		return -ENOTTY;
	if (fstatfs(pts, &fs) < 0 || fs.f_type != DEVPTS_SUPER_MAGIC)
		return -ENOTTY;
	if (uid == UINT32_MAX || gid == UINT32_MAX)
		return -EINVAL;
	/* The slave belongs to whom the file system ids say, and must be known inside. */
	mount_ids_begin(uid, gid);
	fd = openat(pts, "ptmx", O_RDWR | O_NOCTTY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		fd = -errno;
	mount_ids_end();
	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0 || !S_ISCHR(st.st_mode) || st.st_rdev != makedev(5, 2))
		return -ENOTTY;
	if (ioctl(fd, TIOCSPTLCK, &unlocked) < 0)
		return -errno;
	return steal_fd(&fd);
}

static int refuse_frozen(const struct attach_spec *spec, struct err *err) {
	(void)err_set(err, ERR_CONFLICT, -EBUSY, "'%s' is frozen", runtime_ref_name(&spec->ref));
	return err_hint(err, "thaw it first: coi unfreeze");
}

static int spec_check(const struct attach_spec *spec, struct err *err) {
	if (!spec->argv || !spec->argv[0] || (spec->cwd && spec->cwd[0] != '/') ||
	    spec->ref.lxcpath[0] != '/')
		return err_set(err, ERR_BUG, -EINVAL, "malformed plan of a command");
	if (!runtime_alive(&spec->ref))
		return err_set(err, ERR_MISSING, -ESRCH, "'%s' is not running",
			       runtime_ref_name(&spec->ref));
	return runtime_is_frozen(&spec->ref) == 1 ? refuse_frozen(spec, err) : 0;
}

/*
 * liblxc 5.0.2 reads the policy's file for each who enters, and where it is not there
 * lets a filter that kills loose on them. It was kept elsewhere by another coi that
 * started this container, before an update, or somebody has removed it: then what it
 * said is loaded by us. Where liblxc has a profile of AppArmor or a label of SELinux to set
 * too, it cannot be told to leave the file alone.
 */
static int policy_find(struct lxc_container *c, const struct attach_spec *spec,
		       bool *ret_refuses, struct err *err) {
	autofree char *path = c->get_running_config_item(c, "lxc.seccomp.profile");

	autofree char *profile = NULL, *label = NULL;

	*ret_refuses = path && *path && access(path, R_OK) < 0 && errno == ENOENT;
	if (!*ret_refuses)
		return 0;
	/* What it runs under, whatever this machine could do now; not known is not "nothing". */
	profile = c->get_running_config_item(c, "lxc.apparmor.profile");
	label = c->get_running_config_item(c, "lxc.selinux.context");
	if (profile && (!*profile || strcmp(profile, "unconfined") == 0) && !label)
		return 0;
	err_set(err, ERR_CONFLICT, -ENOENT,
		"cannot enter '%s': the policy of system calls that it was started with, '%s', is "
		"not there any more", runtime_ref_name(&spec->ref), path);
	return err_hint(err, "stop and start it");
}

/* 0 and a process in @ret that is not reaped yet, or -errno. */
static int lxc_attach_run(struct lxc_container *c, struct attach_payload *p, pid_t *ret) {
	/*
	 * liblxc sees /dev/null only: what it finds at 0 to 2 it gives to the user
	 * inside, mode 0600, also a file of the caller's.
	 */
	autoclose int null = fd_above_stdio(open("/dev/null", O_RDWR | O_CLOEXEC));
	char root[] = "/";
	lxc_attach_options_t o = LXC_ATTACH_OPTIONS_DEFAULT;
	int dumpable = prctl(PR_GET_DUMPABLE), r;
	pid_t pid = -1;

	if (null < 0)
		return -errno;
	/*
	 * liblxc's child is in the container's namespaces for a while before it gives
	 * up the host's user and descriptors. There container root may trace whoever
	 * can be dumped, and would have the host. The exec makes it dumpable again.
	 */
	if (dumpable < 0 || prctl(PR_SET_DUMPABLE, 0) < 0)
		return -errno;
	o.attach_flags = LXC_ATTACH_MOVE_TO_CGROUP | LXC_ATTACH_DROP_CAPABILITIES |
			 LXC_ATTACH_SET_PERSONALITY | (p->refuses ? 0 : LXC_ATTACH_LSM_EXEC);
	o.env_policy = LXC_ATTACH_CLEAR_ENV;
	o.initial_cwd = root;
	o.stdin_fd = o.stdout_fd = o.stderr_fd = null;
	o.log_fd = -EBADF;
	errno = 0;
	attach_watch_begin(ENTER_TIMEOUT_MS);
	r = c->attach(c, attach_child, p, &o, &pid) == 0 ? 0 : -EIO;
	if (attach_watch_end())
		r = -ETIMEDOUT;
	(void)prctl(PR_SET_DUMPABLE, dumpable);
	/*
	 * In a container that is just ending, liblxc 5.0.2 calls it a success and gives
	 * the number -1, which kill(2) takes for every process of the host.
	 */
	if (r == 0 && pid <= 1)
		r = -ESRCH;
	*ret = pid;
	return r;
}

static int container_open(const struct attach_spec *spec, struct lxc_container **ret,
			  struct err *err) {
	auto_container struct lxc_container *c =
		lxc_container_new(spec->ref.lxc_name, spec->ref.lxcpath);

	if (!c)
		return err_set(err, ERR_SYSTEM, -ENOMEM, "liblxc does not open '%s'",
			       runtime_ref_name(&spec->ref));
	if (spec->log_file)
		(void)c->set_config_item(c, "lxc.log.file", spec->log_file);
	/* Without a setting it answers no question about one that runs. */
	(void)c->set_config_item(c, "lxc.log.level", "ERROR");
	*ret = steal_ptr(c);
	return 0;
}

/* Asked only when something failed: each question costs a round trip. */
static int attach_failed(struct lxc_container *c, const struct attach_spec *spec, int code,
			 const char *what, struct err *err) {
	if (code == -ESRCH || !runtime_alive(&spec->ref))
		return err_set(err, ERR_MISSING, -ESRCH, "'%s' has ended", runtime_ref_name(&spec->ref));
	/* Just when somebody entered. */
	if (code == -ETIMEDOUT && runtime_is_frozen(&spec->ref) == 1)
		return refuse_frozen(spec, err);
	if (code == -ETIMEDOUT)
		return err_set(err, ERR_SYSTEM, code,
			       "cannot %s '%s': somebody in there stops who enters", what,
			       runtime_ref_name(&spec->ref));
	/* It asks the monitor over a socket of this network namespace. */
	if (c->is_running(c))
		return err_sys(err, code, "cannot %s '%s'", what, runtime_ref_name(&spec->ref));
	err_set(err, ERR_CONFLICT, -EHOSTUNREACH, "the monitor of '%s' cannot be reached",
		runtime_ref_name(&spec->ref));
	return err_hint(err, "it was started in another network namespace, or its monitor was "
			     "killed; then stop and start it");
}

/*
 * The command's descriptors at numbers above 2, where liblxc leaves them alone:
 * @standard for those that are not given, or for all.
 */
static int fds_keep(const struct attach_spec *spec, int standard, bool all, int ret[3],
		    struct err *err) {
	const int given[] = { spec->stdin_fd, spec->stdout_fd, spec->stderr_fd };

	for (int i = 0; i < 3; i++) {
		ret[i] = fcntl(all || given[i] < 0 ? standard : given[i], F_DUPFD_CLOEXEC, 3);
		if (ret[i] >= 0)
			continue;
		err_sys(err, -errno, "cannot hand over descriptor %d", i);
		while (i-- > 0)
			(void)close(ret[i]);
		return -EBADF;
	}
	return 0;
}

int attach_start(const struct attach_spec *spec, struct attach_proc *ret, struct err *err) {
	auto_container struct lxc_container *c = NULL;
	autoclose int master = -1, slave = -1, report_rd = -1, report_wr = -1, null = -1;
	struct attach_payload p = { .spec = spec, .tty_fd = -1 };
	autoclose int nodes = -1;
	int fds[2], r = spec_check(spec, err);
	pid_t pid;

	if (r == 0)
		r = container_open(spec, &c, err);
	if (r < 0)
		return r;
	r = policy_find(c, spec, &p.refuses, err);
	if (r < 0)
		return r;
	null = fd_above_stdio(open("/dev/null", O_RDWR | O_CLOEXEC));
	if (null < 0 || pipe2(fds, O_CLOEXEC) < 0)
		return err_sys(err, -errno, "cannot make a pipe");
	report_rd = fds[0];
	report_wr = fds[1];
	p.report_fd = report_wr;
	if (spec->tty) {
		master = ptmx_open(c, spec);
		if (master < 0)
			return attach_failed(c, spec, master, "open a terminal in", err);
		slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
		if (slave < 0)
			return err_sys(err, -errno, "cannot open a terminal in '%s'",
				       runtime_ref_name(&spec->ref));
		p.tty_fd = slave;
		/* Before the command can look, and without a SIGWINCH for it. */
		if (isatty(spec->stdin_fd))
			relay_copy_size(spec->stdin_fd, master);
		else if (isatty(spec->stdout_fd))
			relay_copy_size(spec->stdout_fd, master);
	}
	r = fds_keep(spec, slave >= 0 ? slave : null, slave >= 0, p.fds, err);
	if (r < 0)
		return r;
	nodes = p.nodes_fd = fd_above_stdio(nodes_connect(spec->ref.lxcpath, spec->ref.lxc_name));
	r = lxc_attach_run(c, &p, &pid);
	for (int i = 0; i < 3; i++)
		(void)close(p.fds[i]);
	if (r < 0)
		return attach_failed(c, spec, r, "enter", err);
	*ret = (struct attach_proc){
		.pid = pid,
		.pidfd = (int)syscall(SYS_pidfd_open, pid, 0),
		.pty_fd = steal_fd(&master),
		.exec_fd = steal_fd(&report_rd),
	};
	return 0;
}

/* What the attached process could not do, from its report; 0: the program ran. */
static int report_read(const struct attach_proc *p, struct attach_report *ret) {
	struct attach_report report;
	ssize_t n;

	/* Its writers are gone with the process, or with the exec. */
	do
		n = read(p->exec_fd, &report, sizeof(report));
	while (n < 0 && errno == EINTR);
	if (n != (ssize_t)sizeof(report))
		return 0;
	*ret = report;
	return 1;
}

int attach_wait(struct attach_proc *p, struct err *err) {
	struct attach_report report = { 0 };
	int status = proc_wait(p->pid);
	int failed = report_read(p, &report);

	mem_close_ptr(&p->pidfd);
	mem_close_ptr(&p->pty_fd);
	mem_close_ptr(&p->exec_fd);
	*p = (struct attach_proc){ .pidfd = -1, .pty_fd = -1, .exec_fd = -1 };
	if (!failed)
		return status;
	switch (report.stage) {
	case ATTACH_STAGE_EXEC:
		(void)err_set(err, ERR_SYSTEM, -report.code, "cannot run the command: %s",
			      strerror(report.code));
		return status;
	case ATTACH_STAGE_CWD:
		return err_sys(err, -report.code,
			       "cannot enter the working directory in the container");
	case ATTACH_STAGE_USER:
		return err_sys(err, -report.code, "cannot become the user in the container");
	default:
		return err_sys(err, -report.code, "cannot set up the command");
	}
}
