/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/legacy.h"

#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <linux/netfilter.h>
#include <linux/netfilter_ipv4/ip_tables.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"

#define NAMES "/proc/net/ip_tables_names"
#define TABLE_MAX (4u << 20)
#define VERDICT(v) (-(v) - 1) /* as the tables have it */

static bool has_table(const char *name) {
	struct buf names;
	bool found = false;

	if (file_read_at(AT_FDCWD, NAMES, 4096, &names) < 0)
		return false;
	for (const char *line = names.data; line && *line && !found;) {
		size_t len = strcspn(line, "\n");

		found = !name || (len == strlen(name) && !strncmp(line, name, len));
		line += len + (line[len] == '\n');
	}
	buf_done(&names);
	return found;
}

bool legacy_tables(void) {
	return has_table(NULL);
}

struct filter {
	struct ipt_getinfo info;
	struct ipt_get_entries *entries; /* owned */
};

static int filter_read(int fd, struct filter *f) {
	socklen_t len = sizeof(f->info);

	memcpy(f->info.name, "filter", sizeof("filter"));
	if (getsockopt(fd, IPPROTO_IP, IPT_SO_GET_INFO, &f->info, &len) < 0 ||
	    f->info.size > TABLE_MAX)
		return -1;
	f->entries = xcalloc(1, sizeof(*f->entries) + f->info.size);
	memcpy(f->entries->name, "filter", sizeof("filter"));
	f->entries->size = f->info.size;
	len = (socklen_t)(sizeof(*f->entries) + f->info.size);
	return getsockopt(fd, IPPROTO_IP, IPT_SO_GET_ENTRIES, f->entries, &len);
}

/* The rule at @at, if all of it and of a plain verdict is there. */
static const struct ipt_entry *entry_at(const struct filter *f, unsigned at, int *ret_verdict) {
	const uint8_t *base = (const uint8_t *)f->entries->entrytable;
	const struct ipt_entry *e;
	struct xt_standard_target t;

	if (at > f->info.size || f->info.size - at < sizeof(*e))
		return NULL;
	e = (const void *)(base + at);
	if (e->next_offset < sizeof(*e) || e->next_offset > f->info.size - at)
		return NULL;
	*ret_verdict = 0;
	if (e->target_offset > e->next_offset || (size_t)(e->next_offset - e->target_offset) < sizeof(t))
		return e;
	memcpy(&t, (const uint8_t *)e + e->target_offset, sizeof(t));
	if (!t.target.u.user.name[0])
		*ret_verdict = t.verdict;
	return e;
}

/* All that comes (or goes) by the link, whoever sends it. */
static bool is_about(const struct ipt_entry *e, const char *link, bool in) {
	const char *name = in ? e->ip.iniface : e->ip.outiface;
	const char *other = in ? e->ip.outiface : e->ip.iniface;

	return e->target_offset == sizeof(*e) && !e->ip.smsk.s_addr && !e->ip.dmsk.s_addr &&
	       !e->ip.proto && !e->ip.invflags && !other[0] &&
	       !strncmp(name, link, sizeof(e->ip.iniface));
}

static bool hook_closes(const struct filter *f, unsigned hook, const char *bridge) {
	const unsigned end = f->info.underflow[hook];
	bool comes = false, goes = hook == NF_INET_LOCAL_IN;
	const struct ipt_entry *e;
	int verdict;

	for (unsigned at = f->info.hook_entry[hook]; at < end; at += e->next_offset) {
		e = entry_at(f, at, &verdict);
		if (!e)
			return false;
		comes |= verdict == VERDICT(NF_ACCEPT) && is_about(e, bridge, true);
		goes |= verdict == VERDICT(NF_ACCEPT) && is_about(e, bridge, false);
	}
	return entry_at(f, end, &verdict) && verdict == VERDICT(NF_DROP) && !(comes && goes);
}

unsigned legacy_closes(const char *bridge) {
	static const unsigned hooks[] = { NF_INET_LOCAL_IN, NF_INET_FORWARD };
	struct filter f = { 0 };
	unsigned closed = 0;
	int fd;

	/* Asking for a table makes it, where it is not there. */
	if (!has_table("filter"))
		return 0;
	fd = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);
	if (fd < 0)
		return 0;
	if (filter_read(fd, &f) == 0)
		for (size_t i = 0; i < ARRAY_SIZE(hooks); i++)
			closed |= hook_closes(&f, hooks[i], bridge) ? 1u << hooks[i] : 0;
	close(fd);
	free(f.entries);
	return closed;
}
