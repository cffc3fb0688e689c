/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Without these no container starts, or none that is worth its name. */
#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <lxc/lxccontainer.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/layout.h"
#include "base/mem.h"
#include "base/proc.h"
#include "image/image.h"
#include "runtime/ids.h"
#include "runtime/kernel.h"
#include "runtime/mount.h"
#include "session/health/checks.h"
#include "session/health/verdict.h"
#include "session/security.h"

#define LXC_MAJOR_MIN 5

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

/* user_namespaces(7): the whole range is the machine's own. */
static bool is_in_user_namespace(void) {
	autofree char *line = NULL;
	unsigned long inside = 1, outside = 1, count = 0;

	return file_read_line_at(AT_FDCWD, "/proc/self/uid_map", &line) == 0 &&
	       (sscanf(line, "%lu %lu %lu", &inside, &outside, &count) != 3 || inside || outside ||
		count != UINT32_MAX);
}

static void look_permissions(const struct health_subject *s, struct health_result *ret) {
	verdict_permissions(s->who, is_in_user_namespace(), ret);
}

static void look_namespaces(const struct health_subject *s, struct health_result *ret) {
	verdict_namespaces(access("/proc/self/ns/user", F_OK) == 0,
			   health_number("/proc/sys/user/max_user_namespaces"), ret);
}

static void look_nested(const struct health_subject *s, struct health_result *ret) {
	const struct nested_facts facts = {
		.debian_switch = health_number("/proc/sys/kernel/unprivileged_userns_clone"),
		.apparmor_switch =
			health_number("/proc/sys/kernel/apparmor_restrict_unprivileged_userns"),
		.apparmor = apparmor_look(),
	};

	verdict_nested(&facts, ret);
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

/*
 * By the same script that installing coi runs. A range that is there and too small is
 * somebody's: it is not for us to enlarge.
 */
static int mend_ids(const struct health_subject *s, bool dry_run, char **ret_done, struct err *err) {
	autofree char *installed = layout_data("root-ids");
	autofree char *in_tree = layout_data("contrib/root-ids");
	char *const argv[] = { access(installed, X_OK) == 0 ? installed : in_tree, NULL };
	const struct spawn_spec spec = { .path = argv[0], .argv = argv, .null_stdio = true,
					 .uid = (uid_t)-1 };
	int r = 0;

	if (!s->who->is_root)
		return err_set(err, ERR_PERMISSION, -EPERM, "needs root");
	if (getenv("COI_SUBUID_FILE") || getenv("COI_SUBGID_FILE") || ids_check(NULL, 1, NULL) == 0) {
		r = ids_check(NULL, IDS_COUNT_NESTED, err);
		return r < 0 ? r : -EINVAL;
	}
	if (!dry_run) {
		r = proc_run(&spec, err);
		if (r == 0)
			r = ids_check(NULL, IDS_COUNT_NESTED, err);
		else if (r > 0)
			r = err_set(err, ERR_SYSTEM, -EIO, "'%s' ended with status %d", argv[0], r);
		if (r < 0)
			return r;
	}
	*ret_done = xstrdup("a range of ids that nobody else has for root, in /etc/subuid and "
			    "/etc/subgid");
	return 0;
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

	if (fd < 0) {
		health_warn(ret, "'%s' cannot be opened: %s", s->workspace, strerror(errno));
		return;
	}
	if (!s->who->is_root) {
		health_skip(ret, "needs root");
		return;
	}
	verdict_workspace(s->workspace, mount_can_idmap(fd), ret);
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

	if (health_needs_session(s, ret))
		return;
	if (image_find(s->session->layout, alias, &info, NULL) < 0) {
		health_warn(ret, "there is no image '%s'", alias);
		return;
	}
	verdict_image_age(info->created, time(NULL), ret);
}

/* A key that scripts of coi 0.9 look at: there it could be otherwise. */
static void look_privileged(const struct health_subject *s, struct health_result *ret) {
	health_ok(ret, "no container is privileged; there is no setting for it");
}

static void look_posture(const struct health_subject *s, struct health_result *ret) {
	/* SECCOMP_GET_ACTION_AVAIL (seccomp(2), Linux 4.14) also says that there are filters. */
	const uint32_t action = SECCOMP_RET_ERRNO;

	autofree char *module = security_selinux_module();
	enum selinux selinux = SELINUX_OFF;
	struct err why;
	int r = selinux_look(NULL, &selinux, &why);

	verdict_posture(syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0,
			apparmor_look(), r < 0 ? r : (int)selinux, module, ret);
}

static void look_immutable(const struct health_subject *s, struct health_result *ret) {
	cap_t caps = cap_get_proc();
	cap_flag_value_t has = CAP_CLEAR;

	if (caps)
		(void)cap_get_flag(caps, CAP_LINUX_IMMUTABLE, CAP_EFFECTIVE, &has);
	if (caps)
		(void)cap_free(caps);
	verdict_immutable(s->settings->security.host_immutable, has == CAP_SET, ret);
}

const struct health_check health_critical_checks[] = {
	{ "liblxc", "liblxc", HEALTH_CRITICAL, look_liblxc, NULL },
	{ "permissions", "Permissions", HEALTH_CRITICAL, look_permissions, NULL },
	{ "user_namespaces", "User namespaces", HEALTH_CRITICAL, look_namespaces, mend_namespaces },
	{ "nested_namespaces", "Nested namespaces", HEALTH_CRITICAL, look_nested, NULL },
	{ "id_ranges", "Id ranges", HEALTH_CRITICAL, look_ids, mend_ids },
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
