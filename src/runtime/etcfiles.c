/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The few files below /etc that say who and where the container is. Written
 * before the start, as its root, and only when they would change, so that a
 * restart copies nothing up.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/strv.h"
#include "runtime/etchosts.h"
#include "runtime/mount.h"
#include "runtime/private.h"

#define ETC_FILE_MAX ETC_HOSTS_MAX

/* The text of a regular file, NULL of a larger one; "" for everything else. Newly allocated. */
static char *file_text(int etc, const char *name) {
	autoclose int fd = openat(etc, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat st;
	struct buf b;
	char *text = NULL;
	int r;

	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return xstrdup("");
	buf_init(&b, ETC_FILE_MAX);
	r = fd_read_all(fd, &b);
	if (r != -EFBIG)
		text = r < 0 ? xstrdup("") : buf_steal(&b);
	buf_done(&b);
	return text;
}

/* A link or whatever else lies there is replaced, never followed. */
static int file_replace(int etc, const char *name, const char *text, const struct idset *ids) {
	autoclose int fd = -1;
	int r = 0;

	mount_ids_begin(ids->range.base, ids->range.base);
	if (unlinkat(etc, name, 0) < 0 && errno != ENOENT)
		r = -errno;
	if (r == 0) {
		fd = openat(etc, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
		r = fd < 0 ? -errno : 0;
	}
	if (fd >= 0 && (fchmod(fd, 0644) < 0 || (r = fd_write_all(fd, text, strlen(text))) < 0))
		r = r < 0 ? r : -errno;
	mount_ids_end();
	return r;
}

/* Does a line of @text have @name behind its address? */
static bool hosts_has(const char *text, const char *name) {
	autostrv char **lines = strv_split(text, "\n");

	for (size_t i = 0; lines && lines[i]; i++) {
		autostrv char **words = NULL;

		lines[i][strcspn(lines[i], "#")] = '\0';
		words = strv_split(lines[i], " \t");
		if (words && words[0] && strv_contains(words + 1, name))
			return true;
	}
	return false;
}

static char *hosts_text(const char *before, const char *hostname) {
	const char *end = *before && before[strlen(before) - 1] != '\n' ? "\n" : "";

	if (hosts_has(before, hostname))
		return xstrdup(before);
	if (!*before)
		before = "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n";
	return xasprintf("%s%s127.0.1.1\t%s\n", before, end, hostname);
}

static int file_update(int etc, const char *name, const char *want, const struct idset *ids,
		       struct err *err) {
	autofree char *have = file_text(etc, name);
	int r;

	if (have && !strcmp(have, want))
		return 0;
	r = file_replace(etc, name, want, ids);
	return r < 0 ? err_sys(err, r, "cannot write '/etc/%s' of the container", name) : 0;
}

static int link_update(int etc, const char *name, const char *target, const struct idset *ids) {
	char have[4096];
	ssize_t n = readlinkat(etc, name, have, sizeof(have));
	int r = 0;

	if (n == (ssize_t)strlen(target) && !memcmp(have, target, (size_t)n))
		return 0;
	mount_ids_begin(ids->range.base, ids->range.base);
	if ((unlinkat(etc, name, 0) < 0 && errno != ENOENT) || symlinkat(target, etc, name) < 0)
		r = -errno;
	mount_ids_end();
	return r;
}

static int timezone_write(const char *zone, int etc, const struct idset *ids, struct err *err) {
	autofree char *target = xasprintf("/usr/share/zoneinfo/%s", zone);
	autofree char *text = xasprintf("%s\n", zone);
	int r;

	/* What nothing is said of is UTC anyway. */
	if (!strcmp(zone, "UTC") && exists_at(etc, "timezone") == 0 && exists_at(etc, "localtime") == 0)
		return 0;
	r = file_update(etc, "timezone", text, ids, err);
	if (r < 0)
		return r;
	r = link_update(etc, "localtime", target, ids);
	return r < 0 ? err_sys(err, r, "cannot write '/etc/localtime' of the container") : 0;
}

/*
 * One section at the end of what is there, if anything: root inside and images may
 * have settings of their own. Nothing in it is of this container or its person.
 */
static int git_write(const char *config, int etc, const struct idset *ids, struct err *err) {
	autofree char *have = file_text(etc, "gitconfig"), *line = NULL, *want = NULL;
	struct stat st;

	line = xasprintf("\tpath = %s\n", config);
	/* A link, or one that is too large to be looked at, is somebody's own. */
	if (!have || strstr(have, line) ||
	    (fstatat(etc, "gitconfig", &st, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISREG(st.st_mode)))
		return 0;
	want = xasprintf("%s%s# Of coi, for the settings of the container.\n[include]\n%s", have,
			 *have && have[strlen(have) - 1] != '\n' ? "\n" : "", line);
	return file_update(etc, "gitconfig", want, ids, err);
}

int etc_write(const struct runtime_spec *spec, int root, const struct idset *ids,
	      struct err *err) {
	autofree char *hosts_before = NULL, *own = NULL, *hosts = NULL, *hostname = NULL, *resolv = NULL;
	autoclose int path = target_open(root, "/etc", true, false, ids, err);
	autoclose int etc = -1;
	int r;

	if (path < 0)
		return path;
	etc = openat(path, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (etc < 0)
		return err_sys(err, -errno, "cannot open '/etc' of the container");
	hosts_before = file_text(etc, "hosts");
	own = hosts_before ? hosts_text(hosts_before, spec->hostname) : NULL;
	hosts = own ? etc_hosts_text(own, spec->hosts) : NULL;
	hostname = xasprintf("%s\n", spec->hostname);
	r = file_update(etc, "hostname", hostname, ids, err);
	/* One that is too large to be looked at is somebody's own. */
	if (r == 0 && hosts)
		r = file_update(etc, "hosts", hosts, ids, err);
	if (r == 0 && spec->timezone && *spec->timezone)
		r = timezone_write(spec->timezone, etc, ids, err);
	if (r == 0 && spec->git_config)
		r = git_write(spec->git_config, etc, ids, err);
	if (r < 0 || !spec->net.dns)
		return r;
	resolv = xasprintf("nameserver %s\n", spec->net.dns);
	return file_update(etc, "resolv.conf", resolv, ids, err);
}
