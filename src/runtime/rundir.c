/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * /run of a container: a tmpfs that is there before its init, since systemd
 * keeps one that it finds, and what was put in it too. /run/coi holds our init
 * and, for systemd, a FIFO: a unit that a stock system knows nothing of writes
 * into it when systemd-tmpfiles-setup has ended.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "runtime/mount.h"
#include "runtime/private.h"

static const char ready_unit[] =
	"[Unit]\n"
	"Description=Tell the host that this container can be used\n"
	"DefaultDependencies=no\n"
	"After=systemd-tmpfiles-setup.service\n"
	"[Service]\n"
	"Type=oneshot\n"
	"RemainAfterExit=yes\n"
	"ExecStart=" INIT_INSIDE " notify " RUN_DIR_INSIDE "/" READY_FIFO "\n";

#define UNIT_DIR "systemd/system"
#define WANTS_DIR UNIT_DIR "/sysinit.target.wants"
#define UNIT_NAME "coi-ready.service"
#define JOURNALD_DIR "systemd/journald.conf.d"

static int unit_write(int run) {
	autoclose int units = open_mkdir_beneath(run, UNIT_DIR, 0755);
	autoclose int wants = units < 0 ? units : open_mkdir_beneath(run, WANTS_DIR, 0755);
	autoclose int fd = -1;

	if (wants < 0)
		return wants;
	fd = openat(units, UNIT_NAME, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (fd < 0)
		return -errno;
	if (symlinkat("../" UNIT_NAME, wants, UNIT_NAME) < 0)
		return -errno;
	return fd_write_all(fd, ready_unit, strlen(ready_unit));
}

/*
 * journald passes on what it gets to whoever has the old name of a syslog daemon's
 * socket. A daemon of the container's own takes that name, as it always did, and then writes
 * the files that are read from outside.
 */
static int log_write(int run) {
	static const char forward[] = "[Journal]\nForwardToSyslog=yes\n";
	autoclose int dir = open_mkdir_beneath(run, "systemd/journal", 0755);
	autoclose int conf = dir < 0 ? dir : open_mkdir_beneath(run, JOURNALD_DIR, 0755);
	autoclose int fd = -1;

	if (conf < 0)
		return conf;
	if (symlinkat(RUNTIME_LOG_DIR "/" RUNTIME_LOG_SOCKET, dir, "syslog") < 0)
		return -errno;
	fd = openat(conf, "50-coi.conf", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	return fd < 0 ? -errno : fd_write_all(fd, forward, strlen(forward));
}

/* As the container's root; the descriptor of the FIFO, or -1 when none is wanted. */
static int content_make(int run, bool systemd, bool is_heard, int *ret_fifo) {
	autoclose int dir = open_mkdir_beneath(run, "coi", 0755);
	autoclose int init = dir < 0 ? dir : openat(dir, "init",
						    O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0755);
	autoclose int fifo = -1;
	int r;

	if (init < 0)
		return dir < 0 ? dir : -errno;
	if (systemd) {
		if (mkfifoat(dir, READY_FIFO, 0600) < 0)
			return -errno;
		/* For writing too: so that no writer's end is an end of file for us. */
		fifo = openat(dir, READY_FIFO, O_RDWR | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
		if (fifo < 0)
			return -errno;
		r = unit_write(run);
		if (r == 0 && is_heard)
			r = log_write(run);
		if (r < 0)
			return r;
	}
	*ret_fifo = steal_fd(&fifo);
	return 0;
}

int rundir_setup(const struct runtime_spec *spec, int root, int init_mount,
		 const struct idset *ids, int *ret_ready_fd, struct err *err) {
	autoclose int target = target_open(root, "/run", true, false, ids, err);
	autoclose int run = -1, fifo = -1, init = -1;
	mode_t mask;
	int r;

	if (target < 0)
		return target;
	run = mount_tmpfs("20%", "0755", ids->range.base, ids->range.base,
			  MOUNT_NOSUID | MOUNT_NODEV);
	if (run < 0)
		return err_sys(err, run, "cannot make a tmpfs");
	mask = umask(022);
	mount_ids_begin(ids->range.base, ids->range.base);
	r = content_make(run, spec->init == RUNTIME_INIT_SYSTEMD, spec->is_heard, &fifo);
	mount_ids_end();
	(void)umask(mask);
	if (r < 0)
		return err_sys(err, r, "cannot fill '/run' of the container");
	r = mount_attach(run, target);
	if (r < 0)
		return err_sys(err, r, "cannot mount '/run' of the container");
	init = openat(run, "coi/init", O_PATH | O_NOFOLLOW | O_CLOEXEC);
	r = init < 0 ? -errno : mount_attach(init_mount, init);
	if (r < 0)
		return err_sys(err, r, "cannot bind '" INIT_INSIDE "'");
	*ret_ready_fd = steal_fd(&fifo);
	return 0;
}

int tmpdir_setup(const struct runtime_spec *spec, int root, const struct idset *ids,
		 struct err *err) {
	autofree char *size = xasprintf("%llu", (unsigned long long)spec->tmp_size);
	autoclose int target = target_open(root, "/tmp", true, false, ids, err);
	autoclose int tmp = -1;
	int r;

	if (target < 0)
		return target;
	tmp = mount_tmpfs(size, "1777", ids->range.base, ids->range.base,
			  MOUNT_NOSUID | MOUNT_NODEV);
	r = tmp < 0 ? tmp : mount_attach(tmp, target);
	return r < 0 ? err_sys(err, r, "cannot mount '/tmp' of the container") : 0;
}
