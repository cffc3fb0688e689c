/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Of the machine, of what confines, and of places. */
#include "session/health/verdict.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/size.h"
#include "base/strv.h"
#include "session/health/checks.h"

#define DAY 86400
#define OLD_DAYS 180
#define IMAGE_OLD_DAYS 30
#define FREE_WANTED (5 * HEALTH_GIB)
#define FREE_NEEDED (2 * HEALTH_GIB)
#define USED_WANTED 80 /* percent */
#define USED_MOST 90

void verdict_kernel(const char *release, struct health_result *ret) {
	char *dot = NULL;
	long major = strtol(release, &dot, 10);
	long minor = dot && *dot == '.' ? strtol(dot + 1, NULL, 10) : -1;

	health_detail(ret, "release", json_text(release));
	if (major <= 0 || minor < 0) {
		health_ok(ret, "'%s'", release);
		return;
	}
	if (major > 5 || (major == 5 && minor >= 19)) {
		health_ok(ret, "%s", release);
		return;
	}
	health_fail(ret, "%s: layers of images cannot be shared before Linux 5.19", release);
	health_remedy(ret, "install a kernel of 5.19 or newer");
}

void verdict_kernel_age(time_t built, time_t now, struct health_result *ret) {
	long long days = (now - built) / DAY;

	if (built < 0) {
		health_ok(ret, "unknown: the kernel does not say when it was built");
		return;
	}
	health_detail(ret, "days", json_integer(days));
	if (days <= OLD_DAYS) {
		health_ok(ret, "built %lld days ago", days < 0 ? 0 : days);
		return;
	}
	health_warn(ret, "built %lld days ago: holes that were closed since are open", days);
	health_remedy(ret, "update the kernel and reboot");
}

void verdict_support(time_t end, const char *date, time_t now, struct health_result *ret) {
	if (end < 0) {
		health_ok(ret, "not known until when");
		return;
	}
	health_detail(ret, "until", json_text(date));
	if (end < now)
		health_warn(ret, "ended on %s: no more security updates", date);
	else if (end - now < (time_t)OLD_DAYS * DAY)
		health_warn(ret, "ends on %s", date);
	else
		health_ok(ret, "until %s", date);
	if (ret->status != HEALTH_OK)
		health_remedy(ret, "upgrade to a newer release of the distribution");
}

void verdict_permissions(const struct privilege *who, bool is_nested, struct health_result *ret) {
	health_detail(ret, "nested", json_boolean(is_nested));
	if (!who->is_root) {
		health_fail(ret, "containers need root, and this is '%s'", who->user);
		health_remedy(ret, "sudo coi health");
	} else if (is_nested) {
		health_warn(ret, "root of a user namespace only, as in a container: what the machine's "
				 "root may do is not possible");
		health_remedy(ret, "run coi on the machine itself");
	} else if (who->via_sudo) {
		health_ok(ret, "root, for '%s'", who->user);
	} else {
		health_ok(ret, "root");
	}
}

void verdict_namespaces(bool built_in, long long max, struct health_result *ret) {
	if (!built_in) {
		health_fail(ret, "this kernel has no user namespaces");
		health_remedy(ret, "use a kernel that was built with CONFIG_USER_NS");
		return;
	}
	health_detail(ret, "max", json_integer(max));
	if (max != 0) {
		health_ok(ret, "available");
		return;
	}
	health_fail(ret, "switched off: user.max_user_namespaces is 0");
	health_remedy(ret, "sysctl -w user.max_user_namespaces=65536");
}

void verdict_nested(const struct nested_facts *f, struct health_result *ret) {
	bool is_restricted = f->apparmor_switch > 0;

	health_detail(ret, "apparmor_restricts", json_boolean(is_restricted));
	if (f->debian_switch == 0) {
		health_warn(ret, "kernel.unprivileged_userns_clone is 0: engines and sandboxes of users "
				 "other than root do not start in containers");
		health_remedy(ret, "sysctl -w kernel.unprivileged_userns_clone=1, when you want them");
	} else if (!is_restricted) {
		health_ok(ret, "allowed");
	} else if (f->apparmor == APPARMOR_NAMESPACES) {
		health_ok(ret, "restricted on the host by AppArmor; containers' own profiles allow it");
	} else {
		health_warn(ret, "AppArmor of the host restricts them, and no profile can allow them in "
				 "containers: engines and sandboxes may not start there");
		health_remedy(ret, "install apparmor 4.0 or newer (apparmor_parser(8))");
	}
}

void verdict_posture(bool has_seccomp, enum apparmor apparmor, int selinux, const char *module,
		     struct health_result *ret) {
	bool is_confined = apparmor_confines(apparmor);

	health_detail(ret, "seccomp", json_boolean(has_seccomp));
	health_detail(ret, "apparmor", json_boolean(is_confined));
	health_detail(ret, "selinux", json_boolean(selinux == SELINUX_ON));
	health_detail(ret, "privileged", json_false());
	if (!has_seccomp) {
		health_fail(ret, "this kernel does not filter system calls");
		health_remedy(ret, "use a kernel that was built with CONFIG_SECCOMP_FILTER");
		return;
	}
	if (apparmor == APPARMOR_NO_PARSER) {
		health_warn(ret, "AppArmor is on, but there is no apparmor_parser: containers get no "
				 "profile");
		health_remedy(ret, "apt-get install apparmor");
		return;
	}
	if (selinux < 0) {
		health_fail(ret, "SELinux does not say whether its policy knows containers: %s",
			    strerror(-selinux));
		return;
	}
	if (selinux == SELINUX_NO_TYPE) {
		health_warn(ret, "SELinux is on, but its policy does not know containers: they get no "
				 "label");
		health_remedy(ret, "semodule -i %s", module);
		return;
	}
	health_ok(ret, "user namespaces, system call filter%s%s", is_confined ? ", AppArmor" : "",
		  selinux == SELINUX_ON ? ", SELinux" : "");
}

void verdict_immutable(bool is_wanted, bool has_capability, struct health_result *ret) {
	if (!is_wanted) {
		health_ok(ret, "not wanted (security.host_immutable is false)");
	} else if (has_capability) {
		health_ok(ret, "CAP_LINUX_IMMUTABLE is there");
	} else {
		health_warn(ret, "CAP_LINUX_IMMUTABLE is missing: protected paths are protected by "
				 "mounts only");
		health_remedy(ret, "run coi as root with all capabilities");
	}
}

void verdict_image_age(time_t created, time_t now, struct health_result *ret) {
	long long days = (now - created) / DAY;

	health_detail(ret, "days", json_integer(days));
	if (days <= IMAGE_OLD_DAYS) {
		health_ok(ret, "%lld days", days < 0 ? 0 : days);
		return;
	}
	health_warn(ret, "%lld days: what is in it has been updated since", days);
	health_remedy(ret, "coi build --force");
}

void verdict_workspace(const char *path, int r, struct health_result *ret) {
	if (r > 0)
		health_ok(ret, "its file system has id-mapped mounts");
	else if (r == 0)
		health_warn(ret, "the file system of '%s' has no id-mapped mounts: a plain mount "
				 "with a hole in the ids is used", path);
	else
		health_warn(ret, "'%s' cannot be tried: %s", path, strerror(-r));
}

void verdict_cgroups(const struct control_facts *f, struct health_result *ret) {
	static const char *const names[] = {
		[CONTROL_CPU] = "cpu", [CONTROL_MEMORY] = "memory", [CONTROL_PIDS] = "pids",
		[CONTROL_CPUSET] = "cpuset", [CONTROL_IO] = "io",
	};
	static const char *const places[] = {
		[CONTROL_MISSING] = "missing", [CONTROL_V1] = "version 1", [CONTROL_V2] = "version 2"
	};
	json_t *controllers = json_object();
	autostrv char **missing = NULL;
	autofree char *text = NULL;

	for (size_t i = 0; i < CONTROL_COUNT; i++) {
		(void)json_object_set_new(controllers, names[i], json_string(places[f->where[i]]));
		if (f->where[i] == CONTROL_MISSING)
			strv_add(&missing, names[i]);
	}
	health_detail(ret, "controllers", controllers);
	health_detail(ret, "layout", json_string(!f->has_unified ? "legacy" :
						 f->has_legacy	 ? "hybrid" :
								   "unified"));
	if (missing) {
		text = strv_join(missing, ", ");
		health_detail(ret, "missing", json_from_strv(missing));
		health_warn(ret, "no controller for %s: its limits are refused", text);
	} else if (!f->has_unified) {
		health_warn(ret, "version 1 only: freezing and killing are slower");
	} else {
		health_ok(ret, "%s", f->has_legacy ? "version 2 beside version 1" : "version 2");
	}
}

void verdict_disk(const struct room *room, struct health_result *ret) {
	char text[SIZE_TEXT];

	health_detail(ret, "free_bytes", json_integer((json_int_t)room->free));
	if (room->free >= FREE_WANTED) {
		health_ok(ret, "%s free", size_text(room->free, text));
		return;
	}
	health_warn(ret, "%s free: sessions are saved there", size_text(room->free, text));
	health_remedy(ret, "coi clean --sessions");
}

void verdict_state(const char *root, const struct room *room, struct health_result *ret) {
	char text[SIZE_TEXT];

	health_detail(ret, "path", json_text(root));
	health_detail(ret, "free_gib", json_real((double)room->free / (double)HEALTH_GIB));
	health_detail(ret, "used_gib", json_real((double)room->used / (double)HEALTH_GIB));
	health_detail(ret, "total_gib", json_real((double)room->total / (double)HEALTH_GIB));
	health_detail(ret, "used_pct", json_integer(room->used_percent));
	(void)size_text(room->free, text);
	if (room->free < FREE_NEEDED || room->used_percent > USED_MOST)
		health_fail(ret, "%s: %s free, %u %% used", root, text, room->used_percent);
	else if (room->free < FREE_WANTED || room->used_percent > USED_WANTED)
		health_warn(ret, "%s: %s free, %u %% used", root, text, room->used_percent);
	else
		health_ok(ret, "%s: %s free", root, text);
	if (ret->status != HEALTH_OK)
		health_remedy(ret, "coi clean --all, coi image cleanup");
}

void verdict_directory(const char *path, const char *user, int r, struct health_result *ret) {
	if (r == 0) {
		health_ok(ret, "%s", path);
		return;
	}
	if (r == -ENOENT) {
		health_ok(ret, "%s (made with the first session)", path);
		return;
	}
	health_fail(ret, "'%s' cannot be used: %s", path, strerror(-r));
	if (r == -ENOTDIR)
		health_remedy(ret, "mv '%s' '%s.old'", path, path);
	else if (r == -EROFS)
		health_remedy(ret, "mount its file system writable");
	else
		health_remedy(ret, "chown %s '%s' && chmod u+rwx '%s'", user, path, path);
}

void verdict_processes(const char *name, int r, struct health_result *ret) {
	if (!name)
		health_ok(ret, "nothing runs that could be looked at");
	else if (r < 0)
		health_fail(ret, "/proc does not show the processes of '%s': %s", name, strerror(-r));
	else
		health_ok(ret, "the processes of '%s' are seen", name);
	if (ret->status != HEALTH_OK)
		health_remedy(ret, "run coi outside of any container, with the /proc of the machine");
}
