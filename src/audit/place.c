/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "audit/place.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

#define NO_CONTAINER "_coi"
#define NAME_LEN_MAX 128

bool audit_is_stem(const char *name) {
	size_t len = strlen(name);

	if (len == 0 || len > NAME_LEN_MAX || name[0] == '.' || name[0] == '_')
		return false;
	return strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") ==
	       len;
}

bool audit_is_trial(const char *container) {
	const char *at = strstr(container, AUDIT_TRIAL);
	const char *number = at ? at + sizeof(AUDIT_TRIAL) - 1 : "";

	return *number && number[strspn(number, "0123456789")] == '\0';
}

char *audit_stem(const char *container, bool is_network) {
	bool has_own = container && !audit_is_trial(container);

	return xasprintf("%s%s", has_own ? container : NO_CONTAINER, is_network ? "-nft" : "");
}

/* @name below @above, made when missing; @flags O_NOFOLLOW or none. */
static int open_or_make(int above, const char *name, int flags, bool make) {
	int fd = openat(above, name, O_DIRECTORY | O_CLOEXEC | flags);

	if (fd >= 0 || errno != ENOENT || !make)
		return fd < 0 ? -errno : fd;
	if (mkdirat(above, name, 0700) < 0 && errno != EEXIST)
		return -errno;
	fd = openat(above, name, O_DIRECTORY | O_CLOEXEC | flags);
	return fd < 0 ? -errno : fd;
}

int audit_open_directory(const struct privilege *who, bool make, struct err *err) {
	autoclose int home = open(who->home, O_PATH | O_DIRECTORY | O_CLOEXEC);
	autoclose int coi = -1;
	int dir;

	if (home < 0)
		return err_sys(err, -errno, "cannot open home directory '%s'", who->home);
	/* ~/.coi may be a link that its owner made; audit in it may not. */
	coi = open_or_make(home, ".coi", 0, make);
	if (coi < 0)
		return err_sys(err, coi, "cannot open '%s/.coi'", who->home);
	dir = open_or_make(coi, "audit", O_NOFOLLOW, make);
	return dir < 0 ? err_sys(err, dir, "cannot open '%s/.coi/audit'", who->home) : dir;
}
