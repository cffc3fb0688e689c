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
#endif
	&watch_files,
	&watch_files_fd,
	&watch_counters,
	&watch_auth,
	&watch_auth_file,
	NULL,
};
