/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * IPv4 forwarding of the host. That it was off is written down, in the run
 * directory, before it is switched on: per boot and per network namespace.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/proc.h"
#include "base/record.h"
#include "net/foreign.h"
#include "net/internal.h"
#include "net/legacy.h"

#define FILE_NAME "network-state.ini"
#define FORMAT 1
#define FORWARD "/proc/sys/net/ipv4/ip_forward"

/* The record of this boot; an empty one when there is none or it is of another boot. */
static int state_load(const struct net_base *b, struct record **ret, char key[40],
		      struct err *err) {
	auto_record struct record *rec = NULL;
	const char *boot;
	uint64_t netns;
	int r = ns_inode(0, "net", &netns);

	if (r < 0)
		return err_sys(err, r, "cannot tell the network namespace");
	snprintf(key, 40, "netns-%" PRIu64, netns);
	r = record_load(b->layout->run_fd, FILE_NAME, FORMAT, &rec, err);
	if (r < 0 && r != -ENOENT)
		return r;
	boot = rec ? record_get(rec, "", "boot") : NULL;
	if (!boot || strcmp(boot, boot_id()) != 0) {
		record_free(rec);
		rec = record_new(FORMAT);
		record_set(rec, "", "boot", boot_id());
	}
	*ret = steal_ptr(rec);
	return 0;
}

static int state_store(const struct net_base *b, const struct record *rec, struct err *err) {
	return record_store_quick(rec, b->layout->run_fd, FILE_NAME, 0600, err);
}

static int forwarding_read(bool *ret, struct err *err) {
	autofree char *value = NULL;
	int r = file_read_line_at(AT_FDCWD, FORWARD, &value);

	if (r < 0)
		return err_sys(err, r, "cannot read '%s'", FORWARD);
	*ret = strcmp(value, "0") != 0;
	return 0;
}

static int forwarding_write(const char *value, struct err *err) {
	int r = file_write_value_at(AT_FDCWD, FORWARD, value);

	return r < 0 ? err_sys(err, r, "cannot write '%s'", FORWARD) : 0;
}

int forwarding_ensure(struct net_base *b, struct err *err) {
	auto_record struct record *rec = NULL;
	char key[40];
	bool on;
	int r = forwarding_read(&on, err);

	if (r < 0 || on)
		return r;
	r = state_load(b, &rec, key, err);
	if (r < 0)
		return r;
	record_set(rec, "forwarding", key, "off");
	r = state_store(b, rec, err);
	if (r == 0)
		r = forwarding_write("1", err);
	return r < 0 ? r : 1;
}

int forwarding_restore(struct net_base *b, struct err *err) {
	auto_foreign_chains struct foreign_chains all = { 0 };
	auto_record struct record *rec = NULL;
	bool others = false;
	char key[40];
	int r = state_load(b, &rec, key, err);

	if (r < 0)
		return r;
	if (!record_get(rec, "forwarding", key))
		return 0;
	r = foreign_chains_find(b, &all);
	if (r < 0)
		return err_sys(err, r, "cannot list the chains of this host");
	r = foreign_forwards(b, &all, &others, err);
	if (r == 0 && !others && !legacy_tables())
		r = forwarding_write("0", err);
	if (r < 0)
		return r;
	record_unset(rec, "forwarding", key);
	return state_store(b, rec, err);
}
