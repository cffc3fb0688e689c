/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the programs in the kernel write (bpf/shared.h), read: events out of records.
 * What is in a record is a container's in part, so no length and no text is believed.
 */
#ifndef COI_MONITOR_SOURCE_BPF_RECORDS_H
#define COI_MONITOR_SOURCE_BPF_RECORDS_H

#include "base/buf.h"
#include "monitor/bpf/shared.h"
#include "monitor/source.h"

#define BPF_PENDING_MAX 64 /* command lines of which only a part has come */

/* A command line that comes in pieces. */
struct bpf_pending {
	bool is_used;
	struct bpf_exec first;
	struct buf args;
};

/* Zeroed, then @target and @sink: borrowed. */
struct bpf_records {
	struct watch_target target;
	const struct watch_sink *sink;
	struct bpf_pending pending[BPF_PENDING_MAX];
};

/* One record, of @size bytes; what is none is passed over. */
void bpf_records_take(struct bpf_records *r, const void *data, size_t size);
/* What came in part is told as it is, and freed. */
void bpf_records_done(struct bpf_records *r);

#endif
