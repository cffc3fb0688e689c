/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/privilege.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/fsuid.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/path.h"

static bool has_sys_admin(void) {
	cap_t caps = cap_get_proc();
	cap_flag_value_t value = CAP_CLEAR;

	if (!caps)
		return false;
	if (cap_get_flag(caps, CAP_SYS_ADMIN, CAP_EFFECTIVE, &value) < 0)
		value = CAP_CLEAR;
	(void)cap_free(caps);
	return value == CAP_SET;
}

/* A number from the environment that sudo sets; -1 when it is none. */
static int64_t env_number(const char *name) {
	const char *text = getenv(name);
	char *end = NULL;
	long n;

	if (!text || *text < '0' || *text > '9')
		return -1;
	errno = 0;
	n = strtol(text, &end, 10);
	return errno || *end || n < 0 || (unsigned long)n > 0xfffffffeUL ? -1 : n;
}

static int find_home(struct privilege *p, const struct passwd *pw, struct err *err) {
	const char *home = getenv("HOME");

	if (pw && (p->via_sudo || !home || !*home))
		home = pw->pw_dir;
	if (!home || *home != '/')
		return err_set(err, ERR_CONFIG, -ENOENT,
			       "cannot tell the home directory of user '%s': HOME is not an "
			       "absolute path", p->user);
	p->home = path_clean(home);
	return 0;
}

int privilege_detect(struct privilege **ret, struct err *err) {
	struct privilege *p = xcalloc(1, sizeof(*p));
	int64_t sudo_uid = env_number("SUDO_UID"), sudo_gid = env_number("SUDO_GID");
	const struct passwd *pw;
	int r;

	p->is_root = geteuid() == 0 && has_sys_admin();
	p->uid = getuid();
	p->gid = getgid();
	if (p->is_root && p->uid == 0 && sudo_uid > 0) {
		p->via_sudo = true;
		p->uid = (uid_t)sudo_uid;
		p->gid = sudo_gid >= 0 ? (gid_t)sudo_gid : (gid_t)sudo_uid;
	}
	/* The user database may be remote and slow: asked only where it is needed. */
	pw = p->via_sudo || p->uid != 0 || !getenv("HOME") ? getpwuid(p->uid) : NULL;
	if (pw)
		p->user = xstrdup(pw->pw_name);
	else if (p->uid == 0)
		p->user = xstrdup("root");
	else
		p->user = xasprintf("%u", (unsigned)p->uid);
	r = find_home(p, pw, err);
	if (r < 0) {
		privilege_free(p);
		return r;
	}
	*ret = p;
	return 0;
}

void privilege_free(struct privilege *p) {
	if (!p)
		return;
	free(p->user);
	free(p->home);
	free(p);
}

int privilege_need_root(const struct privilege *p, const char *what, struct err *err) {
	if (p->is_root)
		return 0;
	(void)err_set(err, ERR_PERMISSION, -EPERM, "cannot %s as user '%s': it needs root", what,
		      p->user);
	return err_hint(err, "run it with sudo: the files that coi writes still belong to you");
}

void privilege_person_begin(const struct privilege *p) {
	if (p->uid == geteuid() && p->gid == getegid())
		return;
	(void)setfsgid(p->gid); /* these return the old id, whatever happens */
	(void)setfsuid(p->uid);
}

void privilege_person_end(const struct privilege *p) {
	(void)p;
	(void)setfsuid(geteuid());
	(void)setfsgid(getegid());
}
