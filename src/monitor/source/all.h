/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The tables of all sources; sources.c puts them in order. */
#ifndef COI_MONITOR_SOURCE_ALL_H
#define COI_MONITOR_SOURCE_ALL_H

#include "monitor/source.h"

extern const struct watch_source_ops watch_exec_bpf;
extern const struct watch_source_ops watch_exec_connector;
extern const struct watch_source_ops watch_exec_poll;
extern const struct watch_source_ops watch_connect_bpf;
extern const struct watch_source_ops watch_connect_conntrack;
extern const struct watch_source_ops watch_volume_bpf;
extern const struct watch_source_ops watch_counters;
extern const struct watch_source_ops watch_auth;
extern const struct watch_source_ops watch_auth_file;
extern const struct watch_source_ops watch_files;
extern const struct watch_source_ops watch_files_fd;

#endif
