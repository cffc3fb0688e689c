/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "monitor/source/connector-record.h"

#include <linux/cn_proc.h>
#include <linux/connector.h>
#include <linux/netlink.h>
#include <stdbool.h>
#include <string.h>

static bool copy_event(const char *data, size_t size, struct proc_event *ret) {
	struct cn_msg cn;

	if (size < NLMSG_LENGTH(sizeof(cn)))
		return false;
	memcpy(&cn, data + NLMSG_HDRLEN, sizeof(cn));
	if (cn.id.idx != CN_IDX_PROC || cn.id.val != CN_VAL_PROC ||
	    size < NLMSG_LENGTH(sizeof(cn)) + cn.len)
		return false;
	memcpy(ret, data + NLMSG_HDRLEN + sizeof(cn),
	       cn.len < sizeof(*ret) ? cn.len : sizeof(*ret));
	return true;
}

enum connector_what connector_read(const void *data, size_t size, struct connector_record *ret) {
	struct proc_event e = { 0 };
	struct connector_record r = { 0 };
	enum connector_what what = CONNECTOR_OTHER;

	if (!copy_event(data, size, &e))
		return CONNECTOR_OTHER;
	r.at_us = e.timestamp_ns / 1000;
	if (e.what == PROC_EVENT_EXEC) {
		what = CONNECTOR_EXEC;
		r.pid = e.event_data.exec.process_tgid;
	} else if (e.what == PROC_EVENT_FORK &&
	           e.event_data.fork.child_pid == e.event_data.fork.child_tgid) {
		what = CONNECTOR_FORK;
		r.pid = e.event_data.fork.child_tgid;
		r.parent = e.event_data.fork.parent_tgid;
	} else if (e.what == PROC_EVENT_EXIT &&
	           e.event_data.exit.process_pid == e.event_data.exit.process_tgid) {
		what = CONNECTOR_EXIT;
		r.pid = e.event_data.exit.process_tgid;
	}
	if (r.pid <= 0 || (what == CONNECTOR_FORK && r.parent <= 0))
		return CONNECTOR_OTHER;
	*ret = r;
	return what;
}
