/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runtime/apparmor-profile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fd.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/proc.h"

#define PROFILES_MAX (4 * 1024 * 1024)
#define NAME_DIGITS 8

/*
 * Everything that a system does that boots in a user namespace, mounts and all: what
 * is not named is refused, so there is no change_profile, which would end it.
 * Rules are of apparmor.d(5), as of 3.0.
 */
static const char rules[] =
	"  file,\n"
	"  capability,\n"
	"  deny capability mac_admin,\n"
	"  deny capability mac_override,\n"
	"  network,\n"
	"  unix,\n"
	"  dbus,\n"
	"  mount,\n"
	"  remount,\n"
	"  umount,\n"
	"  pivot_root,\n"
	"  signal (receive),\n"
	"  signal peer=@{profile_name},\n"
	"  ptrace (readby, tracedby),\n"
	"  ptrace peer=@{profile_name},\n"
	"  deny /sys/kernel/security/** rwklx,\n"
	"  deny /sys/kernel/debug/** rwklx,\n"
	"  deny /sys/firmware/** wklx,\n"
	"  deny /proc/sysrq-trigger rwklx,\n"
	"  deny /proc/kcore rwklx,\n";
/* Classes that are mediated since 4.0, each refused where it is not named. */
static const char rules_4[] = "  userns,\n"
			      "  mqueue,\n"
			      "  io_uring,\n";

char *apparmor_profile(enum apparmor apparmor, char name[APPARMOR_NAME_SIZE]) {
	autofree char *body = xasprintf("flags=(attach_disconnected,mediate_deleted) {\n%s%s}\n",
					rules, apparmor == APPARMOR_NAMESPACES ? rules_4 : "");
	char hash[HASH_HEX_SIZE];

	hash_hex(body, strlen(body), hash);
	(void)snprintf(name, APPARMOR_NAME_SIZE, "coi-container-%.*s", NAME_DIGITS, hash);
	return xasprintf("profile %s %s", name, body);
}

bool apparmor_listed(const char *list, const char *name) {
	size_t len = strlen(name);

	for (const char *line = list; *line; line += strcspn(line, "\n"), line += *line == '\n')
		if (strncmp(line, name, len) == 0 && line[len] == ' ')
			return true;
	return false;
}

static bool is_loaded(const char *name) {
	autobuf struct buf list = { 0 };

	return file_read_at(AT_FDCWD, APPARMOR_PROFILES, PROFILES_MAX, &list) == 0 &&
	       apparmor_listed(list.data, name);
}

static int memfd_of(const char *text) {
	int fd = memfd_create("profile", MFD_CLOEXEC);

	if (fd >= 0 && (fd_write_all(fd, text, strlen(text)) < 0 || lseek(fd, 0, SEEK_SET) < 0)) {
		(void)close(fd);
		return -EIO;
	}
	return fd < 0 ? -errno : fd;
}

static int parse(const char *parser, const char *text, struct err *err) {
	/* No cache: it would be found by the name of a file, and this has none. */
	char *argv[] = { (char *)"apparmor_parser", (char *)"--replace", (char *)"--skip-cache",
			 (char *)"--quiet", NULL };
	char *env[] = { (char *)"PATH=/usr/sbin:/sbin:/usr/bin:/bin", (char *)"LC_ALL=C.UTF-8",
			NULL };
	autoclose int in = memfd_of(text), said = memfd_create("said", MFD_CLOEXEC);
	struct spawn_fd fds[] = { { in, 0 }, { said, 1 }, { said, 2 } };
	struct spawn_spec spec = {
		.path = parser, .argv = argv, .env = env, .fds = fds,
		.fd_count = ARRAY_SIZE(fds), .null_stdio = true, .cwd = "/", .uid = (uid_t)-1,
	};
	char why[512];
	ssize_t n;
	int r;

	if (in < 0 || said < 0)
		return err_sys(err, in < 0 ? in : -errno, "cannot run '%s'", parser);
	r = proc_run(&spec, err);
	if (r <= 0)
		return r;
	n = pread(said, why, sizeof(why) - 1, 0);
	why[n > 0 ? n : 0] = '\0';
	why[strcspn(why, "\n")] = '\0';
	return err_set(err, ERR_SYSTEM, -EIO,
		       "cannot load the AppArmor profile of containers: '%s' ended with status "
		       "%d%s%s", parser, r, *why ? ": " : "", why);
}

int apparmor_load(enum apparmor apparmor, char name[APPARMOR_NAME_SIZE], struct err *err) {
	autofree char *text = apparmor_profile(apparmor, name);
	const char *parser = apparmor_parser();
	int r;

	if (is_loaded(name))
		return 0;
	if (!parser)
		return err_set(err, ERR_MISSING, -ENOENT, "apparmor_parser is not installed");
	r = parse(parser, text, err);
	return r == 0 ? 0 :
			err_hint(err, "'aa-status' shows the state of AppArmor; a kernel started with "
				      "apparmor=0 goes without");
}
