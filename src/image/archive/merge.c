/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "image/archive/merge.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/mount.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fd.h"

/* overlayfs takes layers only from its own mount namespace: open each once more in ours. */
static int reopen(int *fd, struct err *err) {
	char link[32], path[4096];
	ssize_t n = readlink(fd_proc_path(*fd, link), path, sizeof(path) - 1);
	int again;

	if (n < 0)
		return err_sys(err, -errno, "cannot find a layer of the image");
	path[n] = '\0';
	again = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (again < 0)
		return err_sys(err, -errno, "cannot open a layer of the image");
	(void)close(*fd);
	*fd = again;
	return 0;
}

static void add_layers(struct buf *options, const struct merge *m) {
	for (size_t i = m->count; i > 0; i--)
		buf_addf(options, "%s%d", i == m->count ? "" : ":", m->layers[i - 1]);
}

/*
 * Newest first. Names relative to /proc/self/fd keep 400 layers within the page
 * that mount(2) takes.
 */
int merge_layers(struct merge *m, int *ret, struct err *err) {
	bool is_writable = m->upper >= 0;
	unsigned long flags = MS_NODEV | MS_NOSUID | (is_writable ? 0 : MS_RDONLY);
	autobuf struct buf options;
	int r = 0;

	for (size_t i = 0; i < m->count && r == 0; i++)
		r = reopen(&m->layers[i], err);
	if (r == 0 && is_writable)
		r = reopen(&m->upper, err);
	if (r == 0 && is_writable)
		r = reopen(&m->work, err);
	buf_init(&options, 4000);
	buf_addf(&options, "redirect_dir=%s,metacopy=off,index=off,lowerdir=",
		 is_writable ? "off" : "follow");
	add_layers(&options, m);
	if (is_writable)
		buf_addf(&options, ",upperdir=%d,workdir=%d", m->upper, m->work);
	if (r < 0)
		return r;
	if (options.overflow)
		return err_set(err, ERR_SYSTEM, -E2BIG, "the image has too many layers");
	if (chdir("/proc/self/fd") < 0 || mount("overlay", "/tmp", "overlay", flags, options.data) < 0)
		return err_sys(err, -errno, "cannot lay the layers of the image over each other");
	*ret = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return *ret < 0 ? err_sys(err, -errno, "cannot open the layers of the image") : 0;
}
