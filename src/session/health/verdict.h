/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the facts of a row mean: pure functions, so that each outcome of a row can be had
 * from numbers, also on a machine that is not so. Private to session/health/.
 *
 * Each sets *@ret, which is empty before.
 */
#ifndef COI_SESSION_HEALTH_VERDICT_H
#define COI_SESSION_HEALTH_VERDICT_H

#include <stdint.h>
#include <time.h>

#include "config/settings.h"
#include "net/net.h"
#include "runtime/apparmor.h"
#include "runtime/selinux.h"
#include "session/health/health.h"
#include "session/health/reach.h"

/* @release as uname(2) has it. */
void verdict_kernel(const char *release, struct health_result *ret);
/* @built: when, -1 when the kernel does not say so. */
void verdict_kernel_age(time_t built, time_t now, struct health_result *ret);
/* @end and @date: until when the distribution is supported; -1 and NULL: no data. */
void verdict_support(time_t end, const char *date, time_t now, struct health_result *ret);

/* @is_nested: in a user namespace, as in a container. */
void verdict_permissions(const struct privilege *who, bool is_nested, struct health_result *ret);
/* @built_in: the kernel has them; @max: user.max_user_namespaces, -1: no such switch. */
void verdict_namespaces(bool built_in, long long max, struct health_result *ret);

struct nested_facts {
	long long debian_switch;   /* kernel.unprivileged_userns_clone; -1: there is none */
	long long apparmor_switch; /* kernel.apparmor_restrict_unprivileged_userns; -1 likewise */
	enum apparmor apparmor;
};
/* May programs without rights in a container make namespaces of their own? */
void verdict_nested(const struct nested_facts *f, struct health_result *ret);

/* @selinux: or -errno, when the kernel does not say. @module: the file that its policy wants. */
void verdict_posture(bool has_seccomp, enum apparmor apparmor, int selinux, const char *module,
		     struct health_result *ret);
/* @is_wanted: security.host_immutable. */
void verdict_immutable(bool is_wanted, bool has_capability, struct health_result *ret);
/* The default image. */
void verdict_image_age(time_t created, time_t now, struct health_result *ret);
/* @r: mount_can_idmap() of @path. */
void verdict_workspace(const char *path, int r, struct health_result *ret);

/* What net_base_look() has found. */
void verdict_bridge(const char *bridge, const char *gateway, const struct net_look *look,
		    struct health_result *ret);
/* Likewise: what others filter. */
void verdict_forward_rules(const char *bridge, const struct net_look *look,
			   struct health_result *ret);
/* Connections that the kernel tracks; -1: it does not. */
void verdict_conntrack(long long used, long long max, struct health_result *ret);
/* What a container has reached: the way out. */
void verdict_connectivity(const struct reach *reached, enum setting_network_mode mode,
			  struct health_result *ret);
/* And what it must not have reached. */
void verdict_restriction(const struct reach *reached, const struct settings *set,
			 struct health_result *ret);

/* The settings of [monitoring]. */
void verdict_monitoring(const struct settings *set, struct health_result *ret);

enum control { CONTROL_CPU, CONTROL_MEMORY, CONTROL_PIDS, CONTROL_CPUSET, CONTROL_IO, CONTROL_COUNT };
enum control_place { CONTROL_MISSING, CONTROL_V1, CONTROL_V2 };
struct control_facts {
	bool has_unified; /* version 2 is mounted */
	bool has_legacy;  /* controllers of version 1 are */
	enum control_place where[CONTROL_COUNT]; /* what is given to us, and where */
};
/* Which controllers there are for limits. */
void verdict_cgroups(const struct control_facts *f, struct health_result *ret);

struct room {
	uint64_t free, total, used; /* bytes */
	unsigned used_percent;
};
/* Room for saved sessions. */
void verdict_disk(const struct room *room, struct health_result *ret);
/* Room in the state directory @root. */
void verdict_state(const char *root, const struct room *room, struct health_result *ret);
/*
 * May @user make files in the directory @path? @r: 0, or -errno; -ENOENT when it can be
 * made, and is with the first thing that is put there.
 */
void verdict_directory(const char *path, const char *user, int r, struct health_result *ret);

/* @r: of looking at the process of container @name, -errno; @name NULL: nothing runs. */
void verdict_processes(const char *name, int r, struct health_result *ret);

#endif
