/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stddef.h>

#include "monitor/source/all.h"

/* clang-format off */
const struct watch_source_ops *const watch_sources[] = {
#if HAVE_BPF
	&watch_exec_bpf,
#endif
	&watch_exec_connector,
	&watch_exec_poll,
#if HAVE_BPF
	&watch_connect_bpf,
	&watch_volume_bpf,
#endif
	&watch_files,
	&watch_files_fd,
	&watch_auth,
	&watch_auth_file,
	&watch_counters, /* behind those who want to know that something ran */
	NULL,
};
