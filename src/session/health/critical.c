/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Without these no container starts, or none that is worth its name. */
#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <lxc/lxccontainer.h>
#include <stdlib.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "image/image.h"
#include "runtime/ids.h"
#include "runtime/kernel.h"
#include "runtime/mount.h"
#include "session/health/checks.h"

#define LXC_MAJOR_MIN 5
#define IMAGE_OLD_DAYS 30
#define DAY 86400

static void look_liblxc(const struct health_subject *s, struct health_result *ret) {
	const char *version = lxc_get_version();
	long major = strtol(version, NULL, 10);

	health_detail(ret, "version", json_text(version));
	if (major >= LXC_MAJOR_MIN) {
		health_ok(ret, "%s", version);
		return;
	}
	health_fail(ret, "%s is too old: %d.0 or newer is wanted", version, LXC_MAJOR_MIN);
	health_remedy(ret, "install a newer liblxc1");
}

static void look_permissions(const struct health_subject *s, struct health_result *ret) {
	if (!s->who->is_root) {
		health_fail(ret, "containers need root, and this is '%s'", s->who->user);
		health_remedy(ret, "sudo coi health");
	} else if (s->who->via_sudo) {
		health_ok(ret, "root, for '%s'", s->who->user);
	} else {
		health_ok(ret, "root");
	}
}

static void look_namespaces(const struct health_subject *s, struct health_result *ret) {
	long long max = health_number("/proc/sys/user/max_user_namespaces");

	if (access("/proc/self/ns/user", F_OK) < 0) {
		health_fail(ret, "this kernel has no user namespaces");
		health_remedy(ret, "use a kernel that was built with CONFIG_USER_NS");
		return;
	}
	health_detail(ret, "max", json_integer(max));
	if (max == 0) {
		health_fail(ret, "switched off: user.max_user_namespaces is 0");
		health_remedy(ret, "sysctl -w user.max_user_namespaces=65536");
		return;
	}
	health_ok(ret, "available");
}

static int mend_namespaces(const struct health_subject *s, bool dry_run, char **ret_done,
			   struct err *err) {
	int r = dry_run ? 0 :
			  file_write_value_at(AT_FDCWD, "/proc/sys/user/max_user_namespaces", "65536");

	if (r < 0)
		return err_sys(err, r, "cannot set user.max_user_namespaces");
	*ret_done = xstrdup("user.max_user_namespaces = 65536, until the next boot");
	return 0;
}

static void look_ids(const struct health_subject *s, struct health_result *ret) {
	struct err err = { 0 };

	if (ids_check(NULL, IDS_COUNT_NESTED, &err) == 0) {
		health_ok(ret, "root has a range for containers");
		return;
	}
	/* Enough for those without docker inside. */
	if (ids_check(NULL, IDS_COUNT_PLAIN, NULL) == 0)
		health_from_err(ret, HEALTH_WARNING, &err);
	else
		health_from_err(ret, HEALTH_FAILED, &err);
}

static void look_mounts(const struct health_subject *s, struct health_result *ret) {
	struct err err = { 0 };

	if (health_needs_session(s, ret))
		return;
	if (kernel_check(s->session->layout->root, &err) < 0)
		health_from_err(ret, HEALTH_FAILED, &err);
	else
		health_ok(ret, "overlay and id-mapped mounts work in %s", s->session->layout->root);
}

static void look_workspace(const struct health_subject *s, struct health_result *ret) {
	autoclose int fd = open(s->workspace, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int r;

	if (fd < 0) {
		health_warn(ret, "'%s' cannot be opened: %s", s->workspace, strerror(errno));
		return;
	}
	if (!s->who->is_root) {
		health_skip(ret, "needs root");
		return;
	}
	r = mount_can_idmap(fd);
	if (r < 0)
		health_warn(ret, "'%s' cannot be tried: %s", s->workspace, strerror(-r));
	else if (r == 0)
		health_warn(ret, "the file system of '%s' has no id-mapped mounts: a plain mount "
				 "with a hole in the ids is used", s->workspace);
	else
		health_ok(ret, "its file system has id-mapped mounts");
}

static void look_image(const struct health_subject *s, struct health_result *ret) {
	const char *alias = s->settings->container.image;
	auto_image_info struct image_info *info = NULL;
	struct err err = { 0 };

	if (health_needs_session(s, ret))
		return;
	if (image_find(s->session->layout, alias, &info, &err) < 0) {
		health_from_err(ret, HEALTH_FAILED, &err);
		if (!ret->remedy)
			health_remedy(ret, "coi build");
		return;
	}
	health_ok(ret, "%s (%.12s)", alias, info->fingerprint);
	health_detail(ret, "alias", json_text(alias));
	health_detail(ret, "fingerprint", json_text(info->fingerprint));
}

static void look_image_age(const struct health_subject *s, struct health_result *ret) {
	const char *alias = s->settings->container.image;
	auto_image_info struct image_info *info = NULL;
	long long days;

	if (health_needs_session(s, ret))
		return;
	if (image_find(s->session->layout, alias, &info, NULL) < 0) {
		health_warn(ret, "there is no image '%s'", alias);
		return;
	}
	days = (time(NULL) - info->created) / DAY;
	health_detail(ret, "days", json_integer(days));
	if (days <= IMAGE_OLD_DAYS) {
		health_ok(ret, "%lld days", days < 0 ? 0 : days);
		return;
	}
	health_warn(ret, "%lld days: what is in it has been updated since", days);
	health_remedy(ret, "coi build --force");
}

/* A key that scripts of coi 0.9 look at: there it could be otherwise. */
static void look_privileged(const struct health_subject *s, struct health_result *ret) {
	health_ok(ret, "no container is privileged; there is no setting for it");
}

static bool says_yes(const char *path) {
	autofree char *line = NULL;

	return file_read_line_at(AT_FDCWD, path, &line) == 0 && *line == 'Y';
}

static void look_posture(const struct health_subject *s, struct health_result *ret) {
	/* SECCOMP_GET_ACTION_AVAIL (seccomp(2), Linux 4.14) also says that there are filters. */
	const uint32_t action = SECCOMP_RET_ERRNO;
	bool seccomp = syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0;
	bool apparmor = says_yes("/sys/module/apparmor/parameters/enabled");
	bool selinux = access("/sys/fs/selinux/enforce", F_OK) == 0;

	health_detail(ret, "seccomp", json_boolean(seccomp));
	health_detail(ret, "apparmor", json_boolean(apparmor));
	health_detail(ret, "selinux", json_boolean(selinux));
	health_detail(ret, "privileged", json_false());
	if (!seccomp) {
		health_fail(ret, "this kernel does not filter system calls");
		health_remedy(ret, "use a kernel that was built with CONFIG_SECCOMP_FILTER");
		return;
	}
	health_ok(ret, "user namespaces, system call filter%s%s", apparmor ? ", AppArmor" : "",
		  selinux ? ", SELinux" : "");
}

static void look_immutable(const struct health_subject *s, struct health_result *ret) {
	cap_t caps;
	cap_flag_value_t has = CAP_CLEAR;

	if (!s->settings->security.host_immutable) {
		health_ok(ret, "not wanted (security.host_immutable is false)");
		return;
	}
	caps = cap_get_proc();
	if (caps)
		(void)cap_get_flag(caps, CAP_LINUX_IMMUTABLE, CAP_EFFECTIVE, &has);
	if (caps)
		(void)cap_free(caps);
	if (has == CAP_SET) {
		health_ok(ret, "CAP_LINUX_IMMUTABLE is there");
		return;
	}
	health_warn(ret, "CAP_LINUX_IMMUTABLE is missing: protected paths are protected by mounts only");
	health_remedy(ret, "run coi as root with all capabilities");
}

const struct health_check health_critical_checks[] = {
	{ "liblxc", "liblxc", HEALTH_CRITICAL, look_liblxc, NULL },
	{ "permissions", "Permissions", HEALTH_CRITICAL, look_permissions, NULL },
	{ "user_namespaces", "User namespaces", HEALTH_CRITICAL, look_namespaces, mend_namespaces },
	{ "id_ranges", "Id ranges", HEALTH_CRITICAL, look_ids, NULL },
	{ "mounts", "Mounts", HEALTH_CRITICAL, look_mounts, NULL },
	{ "workspace_mounts", "Workspace mounts", HEALTH_CRITICAL, look_workspace, NULL },
	{ "image", "Default image", HEALTH_CRITICAL, look_image, NULL },
	{ "image_age", "Image age", HEALTH_CRITICAL, look_image_age, NULL },
	{ "privileged_profile", "Privileged check", HEALTH_CRITICAL, look_privileged, NULL },
	{ "security_posture", "Security posture", HEALTH_CRITICAL, look_posture, NULL },
	{ "immutable_capability", "Immutable cap", HEALTH_CRITICAL, look_immutable, NULL },
	{ "container_start", "Container start", HEALTH_CRITICAL, health_by_trial, NULL },
	{ "secret_masking", "Secret masking", HEALTH_CRITICAL, health_by_trial, NULL },
	{ "host_credential_isolation", "Host cred isolation", HEALTH_CRITICAL, health_by_trial, NULL },
	{ 0 },
};
