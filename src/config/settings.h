/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What all settings files together say, as plain members.
 *
 * Every member is filled by one row of the table in rows.c, which has its
 * path, type, default, range, trust and text. Strings are never NULL ("" is
 * "not set"), lists are NULL-terminated or NULL when empty. Everything is owned
 * by the struct config it came from (config.h) and is read only for others.
 */
#ifndef COI_CONFIG_SETTINGS_H
#define COI_CONFIG_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* From weakest to strongest. */
enum config_layer {
	LAYER_BUILTIN,
	LAYER_USER,        /* ~/.coi/config.toml */
	LAYER_PROJECT,     /* <cwd>/.coi/config.toml: untrusted */
	LAYER_ENV_FILE,    /* the file that $COI_CONFIG names */
	LAYER_ENVIRONMENT, /* COI_LIMIT_CPU and the like */
	LAYER_PROFILE,     /* trusted or not, by where it lies */
	LAYER_WORKSPACE,   /* <workspace>/.coi/config.toml of another directory: untrusted */
	LAYER_FLAG,        /* the command line */
	LAYER_COUNT,
};

/* Where a value was said. */
struct setting_source {
	const char *file; /* borrowed; NULL for what is in no file */
	enum config_layer layer;
	bool is_trusted;
	int line;
	int column;
};

/* A length of time; 0 is "not set" unless the row says otherwise. */
struct setting_duration {
	int64_t ms;
};

/* An amount: bytes or a share. Both 0: not set. */
struct setting_size {
	uint64_t bytes;
	uint64_t percent; /* 1..100 */
};

/*
 * "NAME=value" entries, sorted by nothing: later ones were said later. Where the
 * row takes files, "NAME<path" (absolute) is a value that stands in a file.
 */
struct setting_map {
	char **entries;
};

enum setting_tristate { TRI_UNSET, TRI_FALSE, TRI_TRUE };

/* [[mounts.default]] */
struct setting_mount {
	struct setting_source source;
	char *host;      /* absolute; '~' and relative paths resolved */
	char *container; /* absolute */
	bool readonly;
	enum setting_tristate shift;
	/*
	 * O_PATH descriptor of what was judged when the mount came from an
	 * untrusted file: mount this, not the path. -1 in an untrusted one:
	 * nothing was there; if it is made, then beneath the workspace's
	 * descriptor. Trusted ones have -1 and count by their path.
	 */
	int host_fd;
};
struct setting_mounts {
	struct setting_mount *items;
	size_t count;
};

/* [[sockets]] */
struct setting_socket {
	struct setting_source source;
	char *host;
	char *container;
	char *env; /* "" or the variable that gets the container's path */
	int host_fd; /* as in setting_mount */
};
struct setting_sockets {
	struct setting_socket *items;
	size_t count;
};

/* [[network.hosts]] */
struct setting_host {
	struct setting_source source;
	char *ip;
	char **hostnames;
	char **ports;
};
struct setting_hosts {
	struct setting_host *items;
	size_t count;
};

/* [[ports.map]] */
struct setting_port {
	struct setting_source source;
	char *name;
	char *listen;
	int container;
	int host; /* 0: chosen by coi */
};
struct setting_ports {
	struct setting_port *items;
	size_t count;
};

/* [[credentials]]: a bundle, or host + container */
struct setting_credential {
	struct setting_source source;
	char *bundle;
	char *host;
	char *container;
	char *mode;  /* octal */
	int host_fd; /* as in setting_mount */
};
struct setting_credentials {
	struct setting_credential *items;
	size_t count;
};

/* [tool.custom.NAME] */
struct setting_tool {
	struct setting_source source;
	char *name;
	char *binary;       /* "": the name */
	char *directory;    /* below the home, "" or where it has its settings */
	char *context_file; /* below the home, "" or where the text about the sandbox goes */
	char **files;       /* below the home: copied into sessions */
	char **new_words;   /* after the program */
	char **resume;
	char **prompt;
	char **bypass;
	char **environment; /* "NAME=value" */
};
struct setting_tools {
	struct setting_tool *items;
	size_t count;
};

/* The enums of choices: the smallest number is the strictest. */
enum setting_init { INIT_AUTO, INIT_SYSTEMD, INIT_COI };
enum setting_stale { STALE_ERROR, STALE_WARN, STALE_OFF };
enum setting_network_mode { MODE_ALLOWLIST, MODE_RESTRICTED, MODE_OPEN };
enum setting_permission { PERMISSION_INTERACTIVE, PERMISSION_BYPASS };
enum setting_enforce { ENFORCE_HARD, ENFORCE_SOFT };
enum setting_timezone { TIMEZONE_HOST, TIMEZONE_FIXED, TIMEZONE_UTC };
enum setting_one_liners { ONE_LINERS_CRITICAL, ONE_LINERS_WARN, ONE_LINERS_OFF };
enum setting_effort {
	EFFORT_UNSET,
	EFFORT_LOW,
	EFFORT_MEDIUM,
	EFFORT_HIGH,
	EFFORT_XHIGH,
	EFFORT_MAX,
	EFFORT_AUTO,
};
enum setting_reasoning {
	REASONING_UNSET,
	REASONING_MINIMAL,
	REASONING_LOW,
	REASONING_MEDIUM,
	REASONING_HIGH,
};

struct settings {
	struct {
		char *image;
		char *alias;
		char *storage_pool;
		char *session_name;
		enum setting_init init;
		enum setting_stale stale_base_check;
		int shutdown_timeout; /* seconds */
		int ready_timeout;    /* seconds */
		bool persistent;
		bool docker;
		struct {
			char *base;
			char *script; /* absolute */
			char **commands;
			char *compression;
			char **agents; /* empty: those of the recipe */
			bool cloud_init;
		} build;
	} container;

	struct {
		char **forward_env;
		struct setting_map environment;
		struct setting_map env_commands;
		struct setting_duration env_command_timeout;
		char *profile;
		char *model; /* read and not used, as in 0.9 */
	} defaults;

	struct {
		char *sessions_dir;
		char *storage_dir;
		char *logs_dir;
		bool preserve_workspace_path;
	} paths;

	struct {
		char *project;
		char *group;
		char *code_user;
		int code_uid;
		bool disable_shift;
	} incus;

	struct {
		enum setting_network_mode mode;
		int refresh_interval_minutes; /* 0: never */
		char **allowed_domains;
		struct setting_map domain_sets; /* members with spaces between them */
		char **dns_servers;
		char **allowed_ports;
		struct setting_hosts hosts;
		struct {
			char *path;
			bool enabled;
		} logging;
		bool block_private_networks;
		bool block_metadata_endpoint;
		bool allow_local_network_access;
		bool use_sudo;
	} network;

	struct {
		char *name;
		char *binary;
		char *context_file;
		char *context_json_file;
		char **pre_launch;
		enum setting_permission permission_mode;
		bool auto_context;
		bool context_json;
		struct {
			char *model;
			enum setting_effort effort_level;
		} claude;
		struct {
			char *model;
			enum setting_reasoning reasoning_effort;
		} codex;
		struct setting_tools custom;
		bool git_exclude;
	} tool;

	struct {
		bool use_tmux;
	} shell;

	struct setting_mounts mounts;
	struct setting_sockets sockets;
	struct setting_credentials credentials;
	struct setting_map prompts; /* "name=text" or "name<file": config_prompt() */

	struct {
		struct setting_ports map;
		int pool;
	} ports;

	struct {
		struct {
			char *count;     /* "2", "0-3", "0,2" */
			char *allowance; /* "50%" or "25ms/100ms" */
			int priority;
		} cpu;
		struct {
			struct setting_size limit;
			char *swap; /* "true", "false" or a size */
			enum setting_enforce enforce;
		} memory;
		struct {
			char *read; /* "10MB/s" or "100iops" */
			char *write;
			char *max;
			struct setting_size size;
			struct setting_size tmpfs_size;
			int priority;
		} disk;
		struct {
			struct setting_duration max_duration;
			int max_processes; /* 0: none */
			bool auto_stop;
			bool stop_graceful;
		} runtime;
	} limits;

	struct {
		char *name;
		char *email;
		char **strip_attribution_patterns;
		char **protected_branches;
		bool writable_hooks;
		bool seed_host_identity;
		bool readonly;
		bool strip_attribution;
	} git;

	struct {
		bool forward_agent;
	} ssh;

	struct {
		char **protected_paths;
		char **additional_protected_paths;
		char **writable_paths;
		char **secret_paths;
		bool disable_protection;
		bool host_immutable;
		bool reduce_kernel_surface;
		bool reduce_kernel_surface_strict;
	} security;

	struct {
		double file_read_threshold_mb;
		double file_read_rate_mb_per_sec;
		int poll_interval_sec;
		int process_count_threshold;      /* 0: off */
		int process_spawn_rate_threshold; /* -1: not set, 0: off */
		int audit_log_retention_days;
		enum setting_one_liners reverse_shell_one_liners;
		bool enabled;
		bool auto_pause_on_high;
		bool auto_kill_on_critical;
		bool forensics_on_kill;
		bool canaries;
		bool block;
		char **block_secrets;
		char **block_tools;
		char **audit_sinks;
		struct {
			char *lima_host;
			int rate_limit_per_second;
			int dns_query_threshold;
			bool enabled;
			bool log_dns_queries;
		} nft;
	} monitoring;

	struct {
		enum setting_timezone mode;
		char *name;
	} timezone;

	struct {
		char *gtfobins_source;
		char *gtfobins_dir;
		char *sigma_source;
		char *sigma_dir;
	} detection;

	struct {
		char *url;
	} update;
};

#endif
