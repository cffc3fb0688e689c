/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stddef.h>

#include "monitor/source/all.h"

#if !HAVE_BPF
#include <errno.h>

/* What nobody else can tell is missing, and that is to be said. */
static int built_without(const struct watch_target *t, struct watch_source **ret, struct err *err) {
	(void)t;
	(void)ret;
	return err_set(err, ERR_SYSTEM, -EOPNOTSUPP, "this coi was built without BPF");
}

const struct watch_source_ops watch_connect_bpf = {
	.source = "connect",
	.backend = "bpf",
	.open = built_without,
};
const struct watch_source_ops watch_volume_bpf = {
	.source = "volume",
	.backend = "bpf",
	.open = built_without,
};
#endif

/* clang-format off */
const struct watch_source_ops *const watch_sources[] = {
#if HAVE_BPF
	&watch_exec_bpf,
#endif
	&watch_exec_connector,
	&watch_exec_poll,
	&watch_connect_bpf,
	&watch_connect_conntrack,
	&watch_volume_bpf,
	&watch_files,
	&watch_files_fd,
	&watch_auth,
	&watch_auth_file,
	&watch_counters, /* behind those who want to know that something ran */
	NULL,
};
