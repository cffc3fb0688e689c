/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Device nodes for nested containers. The machine's own are often for its root
 * only, who is nobody inside: so nodes that everybody may open lie on a small
 * tmpfs of the private namespace, and liblxc binds them.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/mem.h"
#include "runtime/mount.h"
#include "runtime/private.h"

static const struct {
	const char *host;
	const char *name;
} devices[] = {
	{ "/dev/fuse", "fuse" },
	{ "/dev/net/tun", "tun" },
};

int devices_make(const char *dir, struct err *err) {
	autoclose int tmp = -1, target = -1;
	int r;

	if (mkdir(dir, 0711) < 0 && errno != EEXIST)
		return err_sys(err, -errno, "cannot make '%s'", dir);
	target = open(dir, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	tmp = mount_tmpfs("64k", "0755", 0, 0, MOUNT_NOSUID | MOUNT_NOEXEC);
	r = target < 0 ? -errno : tmp < 0 ? tmp : mount_attach(tmp, target);
	if (r < 0)
		return err_sys(err, r, "cannot make a place for devices");
	for (size_t i = 0; i < ARRAY_SIZE(devices); i++) {
		struct stat st;

		/* Not there: this kernel has none, and nested containers do without. */
		if (stat(devices[i].host, &st) < 0 || !S_ISCHR(st.st_mode))
			continue;
		if (mknodat(tmp, devices[i].name, S_IFCHR | 0666, st.st_rdev) < 0 ||
		    fchmodat(tmp, devices[i].name, 0666, 0) < 0)
			return err_sys(err, -errno, "cannot make the device '%s'",
				       devices[i].name);
	}
	return 0;
}
