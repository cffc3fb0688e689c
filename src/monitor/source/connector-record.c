/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "monitor/source/connector-record.h"

#include <linux/cn_proc.h>
#include <linux/connector.h>
#include <linux/netlink.h>
#include <string.h>

bool connector_exec(const void *data, size_t size, pid_t *ret) {
	struct proc_event e = { 0 };
	struct cn_msg cn;

	if (size < NLMSG_LENGTH(sizeof(cn)))
		return false;
	memcpy(&cn, (const char *)data + NLMSG_HDRLEN, sizeof(cn));
	if (cn.id.idx != CN_IDX_PROC || cn.id.val != CN_VAL_PROC ||
	    size < NLMSG_LENGTH(sizeof(cn)) + cn.len)
		return false;
	memcpy(&e, (const char *)data + NLMSG_HDRLEN + sizeof(cn),
	       cn.len < sizeof(e) ? cn.len : sizeof(e));
	*ret = e.event_data.exec.process_tgid;
	return e.what == PROC_EVENT_EXEC && *ret > 0;
}
