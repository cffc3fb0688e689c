/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The descriptors of all commands, one file each; commands.c ties them together. */
#ifndef COI_CLI_COMMANDS_H
#define COI_CLI_COMMANDS_H

#include <jansson.h>

#include "cli/cli.h"

extern const struct cli_command cmd_attach;
extern const struct cli_command cmd_audit;
extern const struct cli_command cmd_audit_verify;
extern const struct cli_command cmd_build;
extern const struct cli_command cmd_clean;
extern const struct cli_command cmd_complete;
extern const struct cli_command cmd_completion;
extern const struct cli_command cmd_config;
extern const struct cli_command cmd_container;
extern const struct cli_command cmd_container_delete;
extern const struct cli_command cmd_container_exec;
extern const struct cli_command cmd_container_exists;
extern const struct cli_command cmd_container_info;
extern const struct cli_command cmd_container_launch;
extern const struct cli_command cmd_container_list;
extern const struct cli_command cmd_container_mount;
extern const struct cli_command cmd_container_running;
extern const struct cli_command cmd_container_set;
extern const struct cli_command cmd_container_start;
extern const struct cli_command cmd_container_stop;
extern const struct cli_command cmd_diff;
extern const struct cli_command cmd_file;
extern const struct cli_command cmd_health;
extern const struct cli_command cmd_help;
extern const struct cli_command cmd_image;
extern const struct cli_command cmd_image_export;
extern const struct cli_command cmd_image_import;
extern const struct cli_command cmd_image_info;
extern const struct cli_command cmd_image_list;
extern const struct cli_command cmd_image_publish;
extern const struct cli_command cmd_image_verify;
extern const struct cli_command cmd_info;
extern const struct cli_command cmd_kill;
extern const struct cli_command cmd_list;
extern const struct cli_command cmd_logs;
extern const struct cli_command cmd_man;
extern const struct cli_command cmd_hosts;
extern const struct cli_command cmd_monitor;
extern const struct cli_command cmd_top;
extern const struct cli_command cmd_monitor_patterns;
extern const struct cli_command cmd_network;
extern const struct cli_command cmd_network_log;
extern const struct cli_command cmd_security;
extern const struct cli_command cmd_persist;
extern const struct cli_command cmd_profile;
extern const struct cli_command cmd_profile_create;
extern const struct cli_command cmd_profile_delete;
extern const struct cli_command cmd_profile_edit;
extern const struct cli_command cmd_run;
extern const struct cli_command cmd_schema;
extern const struct cli_command cmd_shell;
extern const struct cli_command cmd_shutdown;
extern const struct cli_command cmd_snapshot;
extern const struct cli_command cmd_tmux;
extern const struct cli_command cmd_tool;
extern const struct cli_command cmd_trust;
extern const struct cli_command cmd_unfreeze;
extern const struct cli_command cmd_untrust;
extern const struct cli_command cmd_update;
extern const struct cli_command cmd_update_patterns;
extern const struct cli_command cmd_validate;
extern const struct cli_command cmd_version;

/* JSON Schema of what "coi health --format json" prints; a new reference. */
json_t *health_schema(void);

/* What "coi" alone does: coi shell without flags of its own. */
int shell_run_default(struct cli *cli, const void *args, struct err *err);

#endif
