/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From the record, the settings and the kernel: what holds, not what was wished. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/strv.h"
#include "session/context.h"
#include "session/git-setup.h"
#include "session/limits.h"
#include "session/network.h"
#include "session/protect.h"
#include "session/relays.h"

#define MOUNTINFO_MAX (4 << 20)

/* Is something mounted on @path? */
static bool is_mounted(const char *mountinfo, const char *path) {
	autofree char *needle = xasprintf(" %s ", path);

	return strstr(mountinfo, needle) != NULL;
}

static void add_mount(struct context_facts *f, const char *mountinfo, const char *path,
		      bool readonly) {
	if (!is_mounted(mountinfo, path))
		return;
	for (size_t i = 0; i < f->mount_count; i++)
		if (!strcmp(f->mounts[i].path, path))
			return;
	f->mounts = xreallocarray(f->mounts, f->mount_count + 1, sizeof(*f->mounts));
	f->mounts[f->mount_count++] =
		(struct context_mount){ .path = xstrdup(path), .readonly = readonly };
}

static void restriction_facts(const struct net_policy *p, struct context_facts *f) {
	char ports[NET_PORTS_TEXT];

	if (p->is_capped)
		f->allowed_ports = strv_split(net_ports_text(&p->ports, ports), ",");
	for (size_t i = 0; i < p->dns_count; i++) {
		const struct net_cidr c = { p->dns_servers[i], 32 };
		char text[NET_CIDR_TEXT];

		strv_add(&f->dns_servers, net_cidr_text(&c, text));
	}
}

static void network_facts(const struct session *s, const struct container *c,
			  struct context_facts *f) {
	auto_net_allowed struct net_allowed allowed = { 0 };
	auto_net_hosts struct net_hosts hosts = { 0 };
	struct net_policy p = limits_policy(s->settings);
	struct err ignored = { 0 };

	f->has_network = strcmp(c->network_mode, "none") != 0;
	/* What its supervisor has is the truth; people may have changed it meanwhile. */
	if (network_load(s, c->name, &p, &allowed, &hosts, NULL, &ignored) != 1 && f->has_network) {
		(void)network_allowed(s, c, &allowed, &ignored);
		(void)network_ports_parse(s->settings->network.allowed_ports, &p, &ignored);
		(void)network_dns_servers(s->settings, &p, &ignored);
	}
	f->network_mode = xstrdup(f->has_network ? net_mode_to_string(p.mode) : "none");
	f->blocks_private = p.block_private && p.mode != NET_OPEN;
	f->allows_local = p.allow_local_network;
	if (f->has_network)
		restriction_facts(&p, f);
	if (f->has_network && p.mode == NET_ALLOWLIST)
		f->allowed = net_allowed_texts(&allowed);
}

static void limit_facts(const struct settings *set, struct context_facts *f) {
	const struct setting_size *m = &set->limits.memory.limit;
	int64_t ms = set->limits.runtime.max_duration.ms;
	int processes = set->limits.runtime.max_processes;

	f->cpu = xasprintf("%s%s%s", set->limits.cpu.count,
			   *set->limits.cpu.count && *set->limits.cpu.allowance ? ", " : "",
			   set->limits.cpu.allowance);
	f->memory = m->percent ? xasprintf("%llu%%", (unsigned long long)m->percent) :
		    m->bytes   ? xasprintf("%llu MiB", (unsigned long long)(m->bytes >> 20)) :
				 xstrdup("");
	f->duration = ms > 0 ? xasprintf("%lld s", (long long)(ms / 1000)) : xstrdup("");
	f->processes = processes > 0 ? xasprintf("%d", processes) : xstrdup("");
}

static void mount_facts(const struct session *s, const struct container *c,
			struct context_facts *f) {
	autofree char *path = xasprintf("/proc/%d/mountinfo", (int)c->init.pid);
	autobuf struct buf mountinfo = { 0 };

	if (file_read_at(AT_FDCWD, path, MOUNTINFO_MAX, &mountinfo) < 0)
		return;
	for (size_t i = 0; i < c->mount_count; i++)
		add_mount(f, mountinfo.data, c->mounts[i].path, c->mounts[i].readonly);
	for (size_t i = 0; i < s->settings->mounts.count; i++) {
		const struct setting_mount *m = &s->settings->mounts.items[i];
		autofree char *clean = path_clean(m->container);

		add_mount(f, mountinfo.data, clean, m->readonly);
	}
}

static void protect_facts(const struct session *s, const struct container *c,
			  struct context_facts *f) {
	struct protect_rules rules = { 0 };
	autostrv char **warnings = NULL;

	if (!*c->workspace)
		return;
	protect_rules_make(s->settings, &rules, &warnings);
	f->protected = protect_select(rules.paths, rules.writable);
	f->secret = strv_copy(rules.secret);
	protect_rules_done(&rules);
}

static void git_facts(const struct session *s, const struct container *c,
		      struct context_facts *f) {
	auto_git_setup struct git_setup g = { 0 };

	(void)git_setup_load(s, c, &g);
	f->git = *g.name ? xasprintf("%s <%s>", g.name, g.email) : xstrdup("");
	f->is_git_fixed = g.is_fixed;
	f->strips_git = g.patterns != NULL;
	f->branches = strv_copy(g.branches);
}

void context_facts(const struct session *s, const struct container *c, const char *tool,
		   const char *home, char *const *environment, struct context_facts *ret) {
	struct context_facts f = {
		.container = xstrdup(c->name),
		.tool = xstrdup(tool),
		.workspace = xstrdup(c->workspace_path),
		.home = xstrdup(home),
		.user = xstrdup(c->code_user),
		.os = xstrdup(*c->description ? c->description : c->image),
		.persistent = c->persistent,
		.nesting = c->nesting && surface_nests(c->surface),
	};
	const char *zone = env_get(environment, "TZ");
	struct utsname u;

	f.arch = xstrdup(uname(&u) == 0 ? u.machine : "");
	f.timezone = xstrdup(zone ? zone : "");
	f.has_agent = env_get(environment, "SSH_AUTH_SOCK") != NULL;
	for (char **name = s->settings->defaults.forward_env; name && *name; name++)
		if (env_get(environment, *name))
			strv_add(&f.forwarded, *name);
	f.ports = relays_port_texts(s, c);
	network_facts(s, c, &f);
	limit_facts(s->settings, &f);
	mount_facts(s, c, &f);
	protect_facts(s, c, &f);
	git_facts(s, c, &f);
	*ret = f;
}
