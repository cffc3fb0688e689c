/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config/rows.h"

#include <assert.h>
#include <string.h>

#include "base/mem.h"

/*
 * A row's first members. The type of the member is checked by the size of an
 * array: a member of another C type than the row's does not compile. The trust
 * rule is a parameter: a row without one does not compile either.
 */
#define MEMBER_OF(member_) (((struct settings *)0)->member_)
#define IS_TYPE(member_, ctype_) \
	(0 * sizeof(char[__builtin_types_compatible_p(__typeof__(MEMBER_OF(member_)), ctype_) ? 1 : -1]))
#define IS_ENUM(member_)                                                                   \
	(0 * sizeof(char[_Generic(MEMBER_OF(member_), unsigned: 1, int: 1, default: -1)]))
#define HEAD(type_, check_, path_, member_, trust_)                                        \
	.path = path_, .type = type_,                                                      \
	.offset = (unsigned)(offsetof(struct settings, member_) + check_),                 \
	.size = (unsigned)sizeof(MEMBER_OF(member_)), .project = PROJECT_##trust_

#define BOOL(path_, member_, trust_) \
	HEAD(SETTING_BOOL, IS_TYPE(member_, bool), path_, member_, trust_)
#define INT(path_, member_, trust_) \
	HEAD(SETTING_INT, IS_TYPE(member_, int), path_, member_, trust_)
#define FLOAT(path_, member_, trust_) \
	HEAD(SETTING_FLOAT, IS_TYPE(member_, double), path_, member_, trust_)
#define STRING(path_, member_, trust_) \
	HEAD(SETTING_STRING, IS_TYPE(member_, char *), path_, member_, trust_)
#define PATH(path_, member_, trust_) \
	HEAD(SETTING_PATH, IS_TYPE(member_, char *), path_, member_, trust_)
#define CHOICE(path_, member_, trust_, choices_) \
	HEAD(SETTING_CHOICE, IS_ENUM(member_), path_, member_, trust_), .choices = choices_
#define DURATION(path_, member_, trust_)                                                   \
	HEAD(SETTING_DURATION, IS_TYPE(member_, struct setting_duration), path_, member_,  \
	     trust_),                                                                      \
		.format = FORMAT_DURATION
#define SIZE(path_, member_, trust_) \
	HEAD(SETTING_SIZE, IS_TYPE(member_, struct setting_size), path_, member_, trust_)
#define STRV(path_, member_, trust_) \
	HEAD(SETTING_STRV, IS_TYPE(member_, char **), path_, member_, trust_)
#define MAP(path_, member_, trust_) \
	HEAD(SETTING_MAP, IS_TYPE(member_, struct setting_map), path_, member_, trust_), \
		.merge = MERGE_KEYS
#define TABLES(path_, member_, trust_, ctype_, table_, merge_)                             \
	HEAD(SETTING_TABLES, IS_TYPE(member_, ctype_), path_, member_, trust_),            \
		.merge = MERGE_##merge_, .table = &table_
#define LIST(...) (const char *const[]){ __VA_ARGS__, NULL }

#define FIELD(ctype_, type_, name_, member_)                                               \
	.name = name_, .type = type_, .offset = (unsigned)offsetof(ctype_, member_)

static const char *const init_names[] = { "auto", "systemd", "coi-init", NULL };
static const char *const stale_names[] = { "error", "warn", "off", NULL };
static const char *const mode_names[] = { "allowlist", "restricted", "open", NULL };
static const char *const permission_names[] = { "interactive", "bypass", NULL };
static const char *const enforce_names[] = { "hard", "soft", NULL };
static const char *const timezone_names[] = { "host", "fixed", "utc", NULL };
static const char *const one_liner_names[] = { "critical", "warn", "off", NULL };
static const char *const effort_names[] = { "",	    "low",   "medium", "high",
					    "xhigh", "max", "auto",   NULL };
static const char *const reasoning_names[] = { "", "minimal", "low", "medium", "high", NULL };

static const struct setting_field mount_fields[] = {
	{ FIELD(struct setting_mount, SETTING_PATH, "host", host), .is_required = true,
	  .summary = "Directory or file of the host; '~' is the home." },
	{ FIELD(struct setting_mount, SETTING_STRING, "container", container), .is_required = true,
	  .format = FORMAT_ABSOLUTE, .summary = "Where it is in the container." },
	{ FIELD(struct setting_mount, SETTING_BOOL, "readonly", readonly),
	  .summary = "The container may not write to it." },
	{ FIELD(struct setting_mount, SETTING_TRISTATE, "shift", shift),
	  .summary = "Map the owner's id, or not, whatever holds for the others." },
	{ .name = NULL },
};
static const struct setting_table mount_table = {
	.noun = "mount",
	.item_size = sizeof(struct setting_mount),
	.fields = mount_fields,
	.fd_offset = offsetof(struct setting_mount, host_fd),
	.host_offset = offsetof(struct setting_mount, host),
};

static const struct setting_field socket_fields[] = {
	{ FIELD(struct setting_socket, SETTING_PATH, "host", host), .is_required = true,
	  .summary = "Unix socket of the host." },
	{ FIELD(struct setting_socket, SETTING_STRING, "container", container), .is_required = true,
	  .format = FORMAT_ABSOLUTE, .summary = "Where it is in the container." },
	{ FIELD(struct setting_socket, SETTING_STRING, "env", env), .format = FORMAT_ENV_NAME,
	  .summary = "Variable that gets the path in the container." },
	{ .name = NULL },
};
static const struct setting_table socket_table = {
	.noun = "socket",
	.item_size = sizeof(struct setting_socket),
	.fields = socket_fields,
	.fd_offset = offsetof(struct setting_socket, host_fd),
	.host_offset = offsetof(struct setting_socket, host),
};

static const struct setting_field credential_fields[] = {
	{ FIELD(struct setting_credential, SETTING_STRING, "bundle", bundle), .format = FORMAT_LABEL,
	  .summary = "Known set of files: claude, opencode, pi, codex, omp, ollama." },
	{ FIELD(struct setting_credential, SETTING_PATH, "host", host),
	  .summary = "File of the host that is copied." },
	{ FIELD(struct setting_credential, SETTING_STRING, "container", container),
	  .format = FORMAT_ABSOLUTE, .summary = "Where the copy is in the container." },
	{ FIELD(struct setting_credential, SETTING_STRING, "mode", mode), .format = FORMAT_MODE,
	  .summary = "Mode of the copy, octal." },
	{ .name = NULL },
};
static const struct setting_table credential_table = {
	.noun = "credential",
	.item_size = sizeof(struct setting_credential),
	.fields = credential_fields,
	.fd_offset = offsetof(struct setting_credential, host_fd),
	.host_offset = offsetof(struct setting_credential, host),
	.either = "bundle",
	.or_all = LIST("host", "container"),
};

static const struct setting_field host_fields[] = {
	{ FIELD(struct setting_host, SETTING_STRING, "ip", ip), .is_required = true,
	  .format = FORMAT_IPV4, .summary = "IPv4 address." },
	{ FIELD(struct setting_host, SETTING_STRV, "hostnames", hostnames), .is_required = true,
	  .format = FORMAT_DOMAIN, .summary = "Names for it in the container." },
	{ FIELD(struct setting_host, SETTING_STRV, "ports", ports), .format = FORMAT_PORTS,
	  .summary = "Ports that may be reached; none given: all." },
	{ .name = NULL },
};
static const struct setting_table host_table = {
	.noun = "host",
	.item_size = sizeof(struct setting_host),
	.fields = host_fields,
};

static const struct setting_field port_fields[] = {
	{ FIELD(struct setting_port, SETTING_STRING, "name", name), .is_required = true,
	  .format = FORMAT_LABEL, .summary = "Name, part of COI_PORT_<NAME>." },
	{ FIELD(struct setting_port, SETTING_INT, "container", container), .is_required = true,
	  .min = 1, .max = 65535, .summary = "Port in the container." },
	{ FIELD(struct setting_port, SETTING_INT, "host", host), .min = 0, .max = 65535,
	  .summary = "Port of the host; 0: coi chooses." },
	{ FIELD(struct setting_port, SETTING_STRING, "listen", listen), .def = "127.0.0.1",
	  .format = FORMAT_IP, .summary = "Address of the host." },
	{ .name = NULL },
};
static const struct setting_table port_table = {
	.noun = "port",
	.item_size = sizeof(struct setting_port),
	.fields = port_fields,
	.name_field = "name",
};

static const struct setting_field tool_fields[] = {
	{ FIELD(struct setting_tool, SETTING_STRING, "name", name), .is_required = true,
	  .format = FORMAT_LABEL, .summary = "Name, as tool.name has it." },
	{ FIELD(struct setting_tool, SETTING_STRING, "binary", binary), .format = FORMAT_BINARY,
	  .summary = "Program in the container; empty: the name." },
	{ FIELD(struct setting_tool, SETTING_STRING, "directory", directory),
	  .format = FORMAT_RELATIVE, .summary = "Where it has its settings, below the home." },
	{ FIELD(struct setting_tool, SETTING_STRV, "files", files), .format = FORMAT_RELATIVE,
	  .summary = "Files that sessions get a copy of, below the home." },
	{ FIELD(struct setting_tool, SETTING_STRV, "new", new_words),
	  .summary = "Words after the program, for a new session." },
	{ FIELD(struct setting_tool, SETTING_STRV, "resume", resume),
	  .summary = "Words to go on with the last conversation." },
	{ FIELD(struct setting_tool, SETTING_STRV, "prompt", prompt),
	  .summary = "Words for one question, {prompt} being the question." },
	{ FIELD(struct setting_tool, SETTING_STRV, "bypass", bypass),
	  .summary = "Further words when it is not to ask." },
	{ FIELD(struct setting_tool, SETTING_STRV, "environment", environment),
	  .summary = "Variables, each NAME=value." },
	{ FIELD(struct setting_tool, SETTING_STRING, "context_file", context_file),
	  .format = FORMAT_RELATIVE,
	  .summary = "File that gets the text about the sandbox, below the home." },
	{ .name = NULL },
};
static const struct setting_table tool_table = {
	.noun = "tool",
	.item_size = sizeof(struct setting_tool),
	.fields = tool_fields,
	.key_field = "name",
	.name_field = "name",
};

/* Which version first acted on a row that this one acts on. */
#define ACTED .acted_since = "0.9.0"

static const struct setting_row rows[] = {
	/* [container] */
	{ STRING("container.image", container.image, NOTED), .def = "coi-default",
	  .format = FORMAT_NAME, .applies = APPLIES_CREATE, .since = "0.8", ACTED,
	  .env = "CLAUDE_ON_INCUS_IMAGE",
	  .summary = "Alias of the image that containers are made from." },
	{ BOOL("container.persistent", container.persistent, NOTED), .def = "false",
	  .applies = APPLIES_CREATE, .since = "0.8", ACTED, .env = "CLAUDE_ON_INCUS_PERSISTENT",
	  .summary = "Keep the container when its session ends." },
	{ CHOICE("container.init", container.init, FREE, init_names), .def = "auto",
	  .applies = APPLIES_START, .since = "0.9.0", ACTED,
	  .summary = "First process of a container; auto is coi-init for run, else systemd." },
	{ BOOL("container.docker", container.docker, ONLY_FALSE), .def = "true",
	  .applies = APPLIES_CREATE, .since = "0.13", ACTED,
	  .summary = "Allow containers in the container: ids for them, fuse, tun, control groups, "
		     "low ports." },
	{ INT("container.shutdown_timeout", container.shutdown_timeout, FREE), .def = "60",
	  .min = 0, .max = 3600, .unit = "s", .applies = APPLIES_COMMAND, .since = "0.10", ACTED,
	  .summary = "How long a shutdown may take before it is forced." },
	{ INT("container.ready_timeout", container.ready_timeout, FREE), .def = "30", .min = 1,
	  .max = 3600, .unit = "s", .applies = APPLIES_START, .since = "0.10", ACTED,
	  .summary = "How long a container may take to become ready." },
	{ STRING("container.alias", container.alias, FREE), .format = FORMAT_ALIAS,
	  .profile_yields = true,
	  .applies = APPLIES_CREATE, .since = "0.8", ACTED,
	  .summary = "Short name for the workspace and its containers." },
	{ STRING("container.session_name", container.session_name, REFUSED),
	  .format = FORMAT_SESSION_NAME, .applies = APPLIES_CREATE, .since = "0.11.1", ACTED,
	  .summary = "Replaces the hash of the workspace in container names." },
	{ CHOICE("container.stale_base_check", container.stale_base_check, ONLY_LOWER, stale_names),
	  .def = "warn", .applies = APPLIES_CREATE, .since = "0.9", ACTED,
	  .summary = "What to do when an image is older than the image it was built on." },
	{ STRING("container.storage_pool", container.storage_pool, FREE), .format = FORMAT_NAME,
	  .applies = APPLIES_CREATE, .since = "0.8", ACTED,
	  .summary = "Storage pool; empty is the default one." },

	/* [container.build] */
	{ STRING("container.build.base", container.build.base, NOTED), .format = FORMAT_NAME,
	  .applies = APPLIES_COMMAND, .since = "0.8", ACTED,
	  .summary = "Image that a build starts from; empty is coi-default." },
	{ PATH("container.build.script", container.build.script, GATED),
	  .applies = APPLIES_COMMAND, .since = "0.8", ACTED,
	  .summary = "Script that is run as root in the build container." },
	{ STRV("container.build.commands", container.build.commands, GATED),
	  .applies = APPLIES_COMMAND, .since = "0.8", ACTED,
	  .summary = "Shell commands that are run as root in the build container." },
	{ STRING("container.build.compression", container.build.compression, FREE),
	  .format = FORMAT_COMPRESSION, .applies = APPLIES_COMMAND, .since = "0.10", ACTED,
	  .summary = "Compression of exported images; empty is zstd." },
	{ STRV("container.build.agents", container.build.agents, FREE), .format = FORMAT_LABEL,
	  .applies = APPLIES_COMMAND, .since = "0.10", ACTED,
	  .summary = "Agents that the default image gets; empty: those of the recipe." },
	{ BOOL("container.build.cloud_init", container.build.cloud_init, FREE), .def = "false",
	  .applies = APPLIES_COMMAND, .since = "0.13",
	  .without_effect = "no image that coi builds has cloud-init in it",
	  .summary = "Keep cloud-init in the image." },

	/* [defaults] */
	{ STRING("defaults.profile", defaults.profile, REFUSED), .is_main_only = true,
	  .format = FORMAT_SESSION_NAME, .applies = APPLIES_COMMAND, .since = "0.11", ACTED,
	  .summary = "Profile that is used when none is named." },
	{ STRV("defaults.forward_env", defaults.forward_env, GATED), .merge = MERGE_UNION,
	  .format = FORMAT_ENV_NAME, .profile_path = "forward_env", .applies = APPLIES_START,
	  .since = "0.8", ACTED,
	  .summary = "Names of variables that are copied into sessions." },
	{ MAP("defaults.environment", defaults.environment, FREE), .profile_path = "environment",
	  .format = FORMAT_ENV_NAME,
	  .is_secret = true, .applies = APPLIES_START, .since = "0.8", ACTED,
	  .summary = "Variables of sessions." },
	{ MAP("defaults.env_commands", defaults.env_commands, REFUSED), .format = FORMAT_ENV_NAME,
	  .profile_path = "env_commands", .applies = APPLIES_START, .since = "0.9", ACTED,
	  .summary = "Variables whose value is what a command prints that runs on the host." },
	{ DURATION("defaults.env_command_timeout", defaults.env_command_timeout, REFUSED),
	  .profile_path = "env_command_timeout", .def = "30s", .min = 1, .max = 3600000,
	  .applies = APPLIES_START, .since = "0.9", ACTED,
	  .summary = "How long each of the env_commands may take." },
	{ STRING("defaults.model", defaults.model, FREE), .profile_path = "model",
	  .deprecated = "tool.claude.model", .applies = APPLIES_START, .since = "0.8",
	  .summary = "Read and not used, as in 0.9." },

	/* [paths] */
	{ PATH("paths.sessions_dir", paths.sessions_dir, REFUSED), .def = "~/.coi/sessions",
	  .env = "CLAUDE_ON_INCUS_SESSIONS_DIR", .applies = APPLIES_COMMAND, .since = "0.8",
	  .without_effect = "they are saved in ~/.coi/sessions-TOOL, as by coi 0.9",
	  .summary = "Where sessions are saved." },
	{ PATH("paths.storage_dir", paths.storage_dir, REFUSED), .def = "~/.coi/storage",
	  .env = "CLAUDE_ON_INCUS_STORAGE_DIR", .applies = APPLIES_COMMAND, .since = "0.8",
	  .without_effect = "containers lie below COI_ROOT",
	  .summary = "Where persistent storage lies." },
	{ PATH("paths.logs_dir", paths.logs_dir, REFUSED), .def = "~/.coi/logs",
	  .applies = APPLIES_CREATE, .since = "0.8", ACTED,
	  .summary = "Where the session logs of containers are written (coi logs)." },
	{ BOOL("paths.preserve_workspace_path", paths.preserve_workspace_path, REFUSED),
	  .def = "false", .applies = APPLIES_CREATE, .since = "0.8", ACTED,
	  .summary = "Show the workspace at the path it has on the host, not at /workspace." },

	/* [incus]: names kept from 0.9 */
	{ STRING("incus.project", incus.project, REFUSED), .def = "default", .format = FORMAT_NAME,
	  .applies = APPLIES_COMMAND, .since = "0.8",
	  .without_effect = "there is no incus",
	  .summary = "Project of incus." },
	{ STRING("incus.group", incus.group, REFUSED), .def = "incus-admin", .format = FORMAT_NAME,
	  .applies = APPLIES_COMMAND, .since = "0.8",
	  .without_effect = "there is no incus",
	  .summary = "Group that may use incus." },
	{ STRING("incus.code_user", incus.code_user, REFUSED), .def = "code", .format = FORMAT_USER,
	  .applies = APPLIES_START, .since = "0.8", ACTED,
	  .summary = "Login name of the user in containers." },
	{ INT("incus.code_uid", incus.code_uid, REFUSED), .def = "1000", .min = 1, .max = 65533,
	  .applies = APPLIES_CREATE, .since = "0.8", ACTED,
	  .summary = "Number of the user in containers." },
	{ BOOL("incus.disable_shift", incus.disable_shift, REFUSED), .def = "false",
	  .applies = APPLIES_CREATE, .since = "0.8",
	  .without_effect = "what the file system can do is found out each time",
	  .summary = "Do not use id-mapped mounts for the workspace." },

	/* [network] */
	{ CHOICE("network.mode", network.mode, ONLY_LOWER, mode_names), .def = "restricted",
	  .applies = APPLIES_LIVE, .since = "0.8", ACTED,
	  .summary = "How much of the network the container may reach." },
	{ BOOL("network.block_private_networks", network.block_private_networks, ONLY_TRUE),
	  .def = "true", .applies = APPLIES_LIVE, .since = "0.8", ACTED,
	  .summary = "Close the private networks in restricted mode." },
	{ BOOL("network.block_metadata_endpoint", network.block_metadata_endpoint, ONLY_TRUE),
	  .def = "true", .applies = APPLIES_LIVE, .since = "0.8", ACTED,
	  .summary = "Close the link-local metadata address." },
	{ BOOL("network.allow_local_network_access", network.allow_local_network_access,
	       ONLY_FALSE), .def = "false", .applies = APPLIES_LIVE, .since = "0.8", ACTED,
	  .summary = "Open the local network, both ways." },
	{ STRV("network.allowed_domains", network.allowed_domains, DOMAINS),
	  .def_list = LIST("@registries", "@providers"), .format = FORMAT_DOMAIN,
	  .applies = APPLIES_LIVE, .since = "0.8", ACTED,
	  .summary = "What may be reached in allowlist mode." },
	{ MAP("network.domain_sets", network.domain_sets, REFUSED), .format = FORMAT_SET_NAME,
	  .lists = FORMAT_DOMAIN, .applies = APPLIES_START, .since = "0.9.0", ACTED,
	  .summary = "Sets of names of one's own, which allowed_domains may have as @NAME." },
	{ INT("network.refresh_interval_minutes", network.refresh_interval_minutes, FREE),
	  .def = "30", .min = 0, .max = 10080, .unit = "min", .applies = APPLIES_LIVE,
	  .since = "0.8", ACTED,
	  .summary = "How often learnt names are asked again; 0 is never." },
	{ BOOL("network.use_sudo", network.use_sudo, REFUSED), .def = "true",
	  .applies = APPLIES_COMMAND, .since = "0.10",
	  .without_effect = "no program is called for the rules",
	  .summary = "Call nft through sudo." },
	{ TABLES("network.hosts", network.hosts, REFUSED, struct setting_hosts, host_table,
		 REPLACE),
	  .applies = APPLIES_START, .since = "0.11", ACTED,
	  .summary = "Fixed names for addresses, which may then be reached." },
	{ STRV("network.dns_servers", network.dns_servers, REFUSED), .format = FORMAT_IPV4,
	  .applies = APPLIES_START, .since = "0.12", ACTED,
	  .summary = "Name servers, instead of the host's; not in allowlist mode." },
	{ STRV("network.allowed_ports", network.allowed_ports, ONLY_FEWER), .format = FORMAT_PORTS,
	  .takes_numbers = true, .zero_is_none = true, .applies = APPLIES_LIVE, .since = "0.12",
	  ACTED, .summary = "Ports of TCP and UDP that may be reached, in every mode; empty: all." },
	{ BOOL("network.logging.enabled", network.logging.enabled, ONLY_TRUE), .def = "true",
	  .applies = APPLIES_START, .since = "0.8", ACTED,
	  .summary = "Keep a log of what the network refuses." },
	{ PATH("network.logging.path", network.logging.path, REFUSED),
	  .def = "~/.coi/logs/network.log", .applies = APPLIES_START, .since = "0.8", ACTED,
	  .summary = "The network log." },

	/* [tool] */
	{ STRING("tool.name", tool.name, FREE), .def = "claude", .format = FORMAT_LABEL,
	  .applies = APPLIES_START, .since = "0.8", ACTED,
	  .summary = "Agent that a session runs: claude, codex, omp, opencode, pi, or a custom one." },
	{ STRING("tool.binary", tool.binary, FREE), .format = FORMAT_BINARY,
	  .applies = APPLIES_START, .since = "0.8", ACTED,
	  .summary = "Program to run instead of the agent's own." },
	{ CHOICE("tool.permission_mode", tool.permission_mode, ONLY_LOWER, permission_names),
	  .def = "bypass", .applies = APPLIES_START, .since = "0.8", ACTED,
	  .summary = "Does the agent ask before it acts." },
	{ PATH("tool.context_file", tool.context_file, INSIDE), .applies = APPLIES_START,
	  .since = "0.8", ACTED,
	  .summary = "File that replaces the text about the sandbox." },
	{ BOOL("tool.auto_context", tool.auto_context, FREE), .def = "true",
	  .applies = APPLIES_START, .since = "0.8", ACTED,
	  .summary = "Give the agent the text about the sandbox." },
	{ BOOL("tool.context_json", tool.context_json, FREE), .def = "true",
	  .applies = APPLIES_START, .since = "0.12", ACTED,
	  .summary = "Write the text about the sandbox as JSON too." },
	{ PATH("tool.context_json_file", tool.context_json_file, REFUSED),
	  .applies = APPLIES_START, .since = "0.12", ACTED,
	  .summary = "File that replaces that JSON." },
	{ STRV("tool.pre_launch", tool.pre_launch, REFUSED), .applies = APPLIES_START,
	  .since = "0.13", ACTED,
	  .summary = "Commands in the container before the agent starts, five minutes each." },
	{ BOOL("tool.git_exclude", tool.git_exclude, ONLY_FALSE), .def = "false",
	  .applies = APPLIES_START, .since = "0.9.0", ACTED,
	  .summary = "Let git overlook what the agent keeps in the workspace (.git/info/exclude)." },
	{ TABLES("tool.custom", tool.custom, REFUSED, struct setting_tools, tool_table, NAMED),
	  .applies = APPLIES_START, .since = "0.9.0", ACTED,
	  .summary = "Further agents; [tool.custom.NAME] is another way to write it." },
	{ CHOICE("tool.claude.effort_level", tool.claude.effort_level, FREE, effort_names),
	  .def = "", .applies = APPLIES_START, .since = "0.8", ACTED,
	  .summary = "Effort that claude is told to make." },
	{ STRING("tool.claude.model", tool.claude.model, FREE), .format = FORMAT_MODEL,
	  .applies = APPLIES_START, .since = "0.11", ACTED, .summary = "Model that claude uses." },
	{ STRING("tool.codex.model", tool.codex.model, FREE), .format = FORMAT_MODEL,
	  .applies = APPLIES_START, .since = "0.12", ACTED, .summary = "Model that codex uses." },
	{ CHOICE("tool.codex.reasoning_effort", tool.codex.reasoning_effort, FREE,
		 reasoning_names), .def = "", .applies = APPLIES_START, .since = "0.12", ACTED,
	  .summary = "Effort that codex is told to make." },

	/* [shell] */
	{ BOOL("shell.use_tmux", shell.use_tmux, FREE), .def = "true", .applies = APPLIES_START,
	  .since = "0.9", ACTED, .summary = "Run sessions in tmux." },

	/* [[mounts.default]] and the like */
	{ TABLES("mounts.default", mounts, GATED_OUTSIDE, struct setting_mounts, mount_table,
		 APPEND),
	  .profile_path = "mounts", .applies = APPLIES_CREATE, .since = "0.8", ACTED,
	  .summary = "Directories and files of the host in the container." },
	{ TABLES("sockets", sockets, GATED, struct setting_sockets, socket_table, APPEND),
	  .applies = APPLIES_START, .since = "0.9", ACTED,
	  .summary = "Unix sockets of the host in the container." },
	{ TABLES("credentials", credentials, GATED, struct setting_credentials, credential_table,
		 APPEND),
	  .applies = APPLIES_START, .since = "0.10", ACTED,
	  .summary = "Files that are copied into the container." },
	{ MAP("prompts", prompts, REFUSED), .format = FORMAT_LABEL, .takes_files = true,
	  .applies = APPLIES_COMMAND, .since = "0.12", ACTED,
	  .summary = "Named prompts: texts, or tables that name the file of one." },
	{ TABLES("ports.map", ports.map, GATED, struct setting_ports, port_table, NAMED),
	  .applies = APPLIES_START, .since = "0.10.1", ACTED,
	  .summary = "Ports of the container on the host." },
	{ INT("ports.pool", ports.pool, REFUSED), .def = "0", .min = 0, .max = 10,
	  .applies = APPLIES_START, .since = "0.10.1", ACTED,
	  .summary = "Number of ports that are published without being named." },

	/* [limits] */
	{ STRING("limits.cpu.count", limits.cpu.count, ONLY_LOWER), .format = FORMAT_CPUS,
	  .zero_is_none = true, .env = "COI_LIMIT_CPU", .applies = APPLIES_LIVE, .since = "0.8", ACTED,
	  .summary = "Processors: a number or a set." },
	{ STRING("limits.cpu.allowance", limits.cpu.allowance, ONLY_LOWER),
	  .format = FORMAT_ALLOWANCE, .zero_is_none = true, .env = "COI_LIMIT_CPU_ALLOWANCE",
	  .applies = APPLIES_LIVE, .since = "0.8", ACTED,
	  .summary = "Share of processor time (soft) or time slice (hard)." },
	{ INT("limits.cpu.priority", limits.cpu.priority, ONLY_LOWER), .def = "0", .min = 0,
	  .max = 10, .zero_is_none = true, .applies = APPLIES_LIVE, .since = "0.8", ACTED,
	  .summary = "Weight against other containers." },
	{ SIZE("limits.memory.limit", limits.memory.limit, ONLY_LOWER),
	  .format = FORMAT_SIZE_OR_SHARE, .zero_is_none = true, .env = "COI_LIMIT_MEMORY",
	  .applies = APPLIES_LIVE, .since = "0.8", ACTED, .summary = "Memory: a size or a share." },
	{ CHOICE("limits.memory.enforce", limits.memory.enforce, ONLY_LOWER, enforce_names),
	  .def = "soft", .applies = APPLIES_LIVE, .since = "0.8", ACTED,
	  .summary = "May the limit be passed while memory is free." },
	{ STRING("limits.memory.swap", limits.memory.swap, ONLY_LOWER), .def = "true",
	  .format = FORMAT_SWAP, .env = "COI_LIMIT_MEMORY_SWAP", .applies = APPLIES_LIVE,
	  .since = "0.8", ACTED, .summary = "Swap: yes, no, or how much." },
	{ STRING("limits.disk.read", limits.disk.read, ONLY_LOWER), .format = FORMAT_RATE,
	  .zero_is_none = true, .env = "COI_LIMIT_DISK_READ", .applies = APPLIES_LIVE,
	  .since = "0.8", ACTED, .summary = "Rate of reading." },
	{ STRING("limits.disk.write", limits.disk.write, ONLY_LOWER), .format = FORMAT_RATE,
	  .zero_is_none = true, .env = "COI_LIMIT_DISK_WRITE", .applies = APPLIES_LIVE,
	  .since = "0.8", ACTED, .summary = "Rate of writing." },
	{ STRING("limits.disk.max", limits.disk.max, ONLY_LOWER), .format = FORMAT_RATE,
	  .zero_is_none = true, .applies = APPLIES_LIVE, .since = "0.8", ACTED,
	  .summary = "Rate of reading and of writing." },
	{ INT("limits.disk.priority", limits.disk.priority, ONLY_LOWER), .def = "0", .min = 0,
	  .max = 10, .zero_is_none = true, .applies = APPLIES_LIVE, .since = "0.8", ACTED,
	  .summary = "Weight against other containers." },
	{ SIZE("limits.disk.size", limits.disk.size, ONLY_LOWER), .format = FORMAT_SIZE,
	  .zero_is_none = true, .applies = APPLIES_LIVE, .since = "0.8", ACTED,
	  .summary = "Most that the container may write to its root file system." },
	{ SIZE("limits.disk.tmpfs_size", limits.disk.tmpfs_size, ONLY_LOWER), .format = FORMAT_SIZE,
	  .zero_is_none = true, .applies = APPLIES_START, .since = "0.8", ACTED,
	  .summary = "Size of a /tmp in memory; empty: /tmp is on disk." },
	{ DURATION("limits.runtime.max_duration", limits.runtime.max_duration, ONLY_LOWER),
	  .zero_is_none = true, .env = "COI_LIMIT_DURATION", .applies = APPLIES_START,
	  .since = "0.8", ACTED, .summary = "How long a container may run." },
	{ INT("limits.runtime.max_processes", limits.runtime.max_processes, ONLY_LOWER),
	  .def = "0", .min = 0, .max = 4194304, .zero_is_none = true, .applies = APPLIES_LIVE,
	  .since = "0.8", ACTED, .summary = "Number of processes; 0 is no limit." },
	{ BOOL("limits.runtime.auto_stop", limits.runtime.auto_stop, ONLY_TRUE), .def = "true",
	  .applies = APPLIES_START, .since = "0.8", ACTED,
	  .summary = "Stop when the time is over; else only say so." },
	/* What is shut down runs longer than it may. */
	{ BOOL("limits.runtime.stop_graceful", limits.runtime.stop_graceful, ONLY_FALSE),
	  .def = "true", .applies = APPLIES_START, .since = "0.8", ACTED,
	  .summary = "Shut down before stopping by force." },

	/* [git] */
	{ BOOL("git.writable_hooks", git.writable_hooks, ONLY_FALSE), .def = "false",
	  .applies = APPLIES_START, .since = "0.8", ACTED,
	  .summary = "Leave .git/hooks writable." },
	{ STRING("git.name", git.name, REFUSED), .applies = APPLIES_START, .since = "0.10", ACTED,
	  .summary = "Name for commits; with git.email only." },
	{ STRING("git.email", git.email, REFUSED), .applies = APPLIES_START, .since = "0.10", ACTED,
	  .summary = "Address for commits; with git.name only." },
	{ BOOL("git.seed_host_identity", git.seed_host_identity, ONLY_FALSE), .def = "true",
	  .applies = APPLIES_START, .since = "0.10", ACTED,
	  .summary = "Take name and address for commits from your own git on the host." },
	{ BOOL("git.readonly", git.readonly, ONLY_TRUE), .def = "false",
	  .applies = APPLIES_START, .since = "0.12", ACTED,
	  .summary = "Commits in the container are by that identity, whatever is said there." },
	{ BOOL("git.strip_attribution", git.strip_attribution, ONLY_TRUE), .def = "true",
	  .applies = APPLIES_START, .since = "0.13", ACTED,
	  .summary = "Take lines that name an agent out of messages of commits in the container." },
	{ STRV("git.strip_attribution_patterns", git.strip_attribution_patterns, REFUSED),
	  .applies = APPLIES_START, .since = "0.13", ACTED,
	  .summary = "Those lines, extended regular expressions; empty: the built-in list." },
	{ STRV("git.protected_branches", git.protected_branches, REFUSED),
	  .applies = APPLIES_START, .since = "0.13", ACTED,
	  .summary = "Branches that are neither committed to nor pushed in the container; none unless "
		     "they are listed." },

	/* [ssh] */
	{ BOOL("ssh.forward_agent", ssh.forward_agent, ONLY_FALSE), .def = "false",
	  .applies = APPLIES_START, .since = "0.8", ACTED,
	  .summary = "Let the container use the person's SSH agent." },

	/* [security] */
	{ STRV("security.protected_paths", security.protected_paths, ONLY_ADD),
	  .def_list = LIST(".git/hooks", ".git/config", ".git/config.worktree",
			   ".git/info/attributes", ".husky", ".vscode", ".coi"),
	  .format = FORMAT_RELATIVE, .applies = APPLIES_START, .since = "0.8", ACTED,
	  .summary = "Paths of the workspace that are read-only in the container." },
	{ STRV("security.additional_protected_paths", security.additional_protected_paths,
	       ONLY_ADD), .merge = MERGE_UNION, .format = FORMAT_RELATIVE,
	  .applies = APPLIES_START, .since = "0.8", ACTED, .summary = "Further such paths." },
	{ STRV("security.writable_paths", security.writable_paths, REFUSED), .merge = MERGE_UNION,
	  .format = FORMAT_RELATIVE, .applies = APPLIES_START, .since = "0.10", ACTED,
	  .summary = "Paths that are left writable although they are protected." },
	{ STRV("security.secret_paths", security.secret_paths, ONLY_ADD), .merge = MERGE_UNION,
	  .format = FORMAT_RELATIVE, .applies = APPLIES_START, .since = "0.10", ACTED,
	  .summary = "Paths of the workspace that are hidden in the container; globs." },
	{ BOOL("security.disable_protection", security.disable_protection, ONLY_FALSE),
	  .def = "false", .applies = APPLIES_START, .since = "0.8", ACTED,
	  .summary = "Protect no path at all." },
	{ BOOL("security.host_immutable", security.host_immutable, ONLY_TRUE), .def = "true",
	  .applies = APPLIES_START, .since = "0.8", ACTED,
	  .summary = "Make protected paths immutable on the host while a session runs." },
	{ BOOL("security.reduce_kernel_surface", security.reduce_kernel_surface, ONLY_TRUE),
	  .def = "false", .applies = APPLIES_START, .since = "0.13", ACTED,
	  .summary = "Forbid io_uring, bpf, userfaultfd, key rings, containers in the container." },
	{ BOOL("security.reduce_kernel_surface_strict", security.reduce_kernel_surface_strict,
	       ONLY_TRUE), .def = "false", .applies = APPLIES_START, .since = "0.13", ACTED,
	  .summary = "As reduce_kernel_surface, and forbid performance counters." },

	/* [monitoring] */
	{ BOOL("monitoring.enabled", monitoring.enabled, ONLY_TRUE), .def = "false",
	  .applies = APPLIES_START, .since = "0.8", ACTED,
	  .summary = "Watch the container and act on threats." },
	{ BOOL("monitoring.auto_pause_on_high", monitoring.auto_pause_on_high, ONLY_TRUE),
	  .def = "true", .applies = APPLIES_START, .since = "0.8", ACTED,
	  .summary = "Freeze the container on a threat of level high." },
	{ BOOL("monitoring.auto_kill_on_critical", monitoring.auto_kill_on_critical, ONLY_TRUE),
	  .def = "true", .applies = APPLIES_START, .since = "0.8", ACTED,
	  .summary = "Kill the container on a threat of level critical." },
	/* Seldom is late, and in a short interval there is less than file_read_threshold_mb. */
	{ INT("monitoring.poll_interval_sec", monitoring.poll_interval_sec, REFUSED),
	  .def = "2", .min = 1, .max = 3600, .unit = "s", .applies = APPLIES_START, .since = "0.8",
	  ACTED,
	  .summary = "How often to look at what cannot be waited for." },
	{ FLOAT("monitoring.file_read_threshold_mb", monitoring.file_read_threshold_mb,
		ONLY_LOWER), .def = "50.0", .min = 0, .max = 1e9, .unit = "MB",
	  .zero_is_none = true, .applies = APPLIES_START, .since = "0.8", ACTED,
	  .summary = "Amount read of the workspace, or written, in one interval that is a threat." },
	{ FLOAT("monitoring.file_read_rate_mb_per_sec", monitoring.file_read_rate_mb_per_sec,
		ONLY_LOWER), .def = "10.0", .min = 0, .max = 1e9, .unit = "MB/s",
	  .zero_is_none = true, .applies = APPLIES_START, .since = "0.8", ACTED,
	  .summary = "Lasting rate of reading the workspace, or of writing, that is a threat." },
	{ INT("monitoring.process_count_threshold", monitoring.process_count_threshold,
	      ONLY_LOWER), .def = "0", .min = 0, .max = 4194304, .zero_is_none = true,
	  .applies = APPLIES_START, .since = "0.9", ACTED,
	  .summary = "Number of processes that is a threat; 0 is off." },
	{ INT("monitoring.process_spawn_rate_threshold", monitoring.process_spawn_rate_threshold,
	      ONLY_LOWER), .def = "-1", .min = 0, .max = 1000000, .zero_is_none = true,
	  .may_be_unset = true, .unit = "1/s", .applies = APPLIES_START, .since = "0.9", ACTED,
	  .summary = "New programs, or processes, a second that are a threat; 0 is off." },
	{ INT("monitoring.audit_log_retention_days", monitoring.audit_log_retention_days,
	      ONLY_HIGHER), .def = "30", .min = 1, .max = 36500, .unit = "d",
	  .applies = APPLIES_COMMAND, .since = "0.8", ACTED,
	  .summary = "How long audit files are kept." },
	{ BOOL("monitoring.forensics_on_kill", monitoring.forensics_on_kill, ONLY_TRUE),
	  .def = "false", .applies = APPLIES_START, .since = "0.13", ACTED,
	  .summary = "Keep the files of a container that monitoring killed, stopped; at most 3." },
	{ STRV("monitoring.audit_sinks", monitoring.audit_sinks, REFUSED),
	  .format = FORMAT_AUDIT_SINK, .applies = APPLIES_START, .since = "0.9.0", ACTED,
	  .summary = "Where records go besides the audit files: journald, syslog." },
	{ BOOL("monitoring.canaries", monitoring.canaries, ONLY_TRUE), .def = "false",
	  .applies = APPLIES_START, .since = "0.9.0", ACTED,
	  .summary = "Plant credentials that are none: a touch of one is critical." },
	{ BOOL("monitoring.block", monitoring.block, ONLY_TRUE), .def = "false",
	  .applies = APPLIES_START, .since = "0.9.0", ACTED,
	  .summary = "Refuse in the container what block_secrets and block_tools list." },
	{ STRV("monitoring.block_secrets", monitoring.block_secrets, ONLY_ADD),
	  .def_list = LIST("~/.ssh/id_*", "~/.ssh/identity", "~/.ssh/*.pem", "~/.aws/credentials",
			   "~/.aws/sso/cache", "~/.azure", "~/.config/gcloud", "~/.kube/config",
			   "~/.docker/config.json", "~/.gnupg/private-keys-v1.d", "~/.netrc",
			   "~/.git-credentials", "~/.config/git/credentials", "~/.config/gh/hosts.yml",
			   "~/.pypirc", "~/.cargo/credentials*", "~/.pgpass", "~/.vault-token",
			   "~/.terraform.d/credentials*", "~/.password-store"),
	  .format = FORMAT_INSIDE, .applies = APPLIES_START, .since = "0.9.0", ACTED,
	  .summary = "Files that nobody in the container can open; globs, and directories." },
	{ STRV("monitoring.block_tools", monitoring.block_tools, ONLY_ADD),
	  .def_list = LIST("nmap", "masscan", "zmap", "ncat", "nc.traditional", "hydra", "medusa",
			   "john", "hashcat", "msfconsole", "msfvenom", "sqlmap", "nikto",
			   "responder", "bettercap", "ettercap", "chisel", "frpc", "iodine",
			   "dnscat", "gs-netcat", "proxychains4", "xmrig", "minerd", "cpuminer"),
	  .format = FORMAT_PROGRAM, .applies = APPLIES_START, .since = "0.9.0", ACTED,
	  .summary = "Programs that nobody in the container can run: names, or absolute paths." },
	{ CHOICE("monitoring.reverse_shell_one_liners", monitoring.reverse_shell_one_liners,
		 ONLY_LOWER, one_liner_names), .def = "critical", .applies = APPLIES_START,
	  .since = "0.13", ACTED, .summary = "Level of one-line reverse shells." },
	{ BOOL("monitoring.nft.enabled", monitoring.nft.enabled, ONLY_TRUE), .def = "false",
	  .applies = APPLIES_START, .since = "0.8", ACTED,
	  .summary = "Watch names asked for and refused packets, also when enabled is false." },
	/* Fewer are fewer records, and more are a flood in which the rest is not found again. */
	{ INT("monitoring.nft.rate_limit_per_second", monitoring.nft.rate_limit_per_second,
	      REFUSED), .def = "100", .min = 1, .max = 100000, .unit = "1/s",
	  .applies = APPLIES_START, .since = "0.8", ACTED,
	  .summary = "Refused packets, and names, a second that are looked at." },
	{ INT("monitoring.nft.dns_query_threshold", monitoring.nft.dns_query_threshold,
	      ONLY_LOWER), .def = "100", .min = 0, .max = 1000000, .unit = "1/min",
	  .zero_is_none = true, .applies = APPLIES_START, .since = "0.8", ACTED,
	  .summary = "Name queries a minute that are a threat." },
	{ BOOL("monitoring.nft.log_dns_queries", monitoring.nft.log_dns_queries, ONLY_TRUE),
	  .def = "true", .applies = APPLIES_START, .since = "0.8", ACTED,
	  .summary = "Record each name query, in the file -nft.jsonl." },
	{ STRING("monitoring.nft.lima_host", monitoring.nft.lima_host, REFUSED),
	  .applies = APPLIES_START, .since = "0.8",
	  .without_effect = "there is no virtual machine between",
	  .summary = "Address of the virtual machine." },

	/* [timezone] */
	{ CHOICE("timezone.mode", timezone.mode, FREE, timezone_names), .def = "host",
	  .applies = APPLIES_START, .since = "0.8", ACTED,
	  .summary = "Time zone of the container: the host's, a fixed one, or UTC." },
	{ STRING("timezone.name", timezone.name, FREE), .format = FORMAT_TIMEZONE,
	  .applies = APPLIES_START, .since = "0.8", ACTED, .summary = "The fixed one." },

	/* [detection] */
	{ STRING("detection.gtfobins_source", detection.gtfobins_source, REFUSED),
	  .def = "https://github.com/GTFOBins/GTFOBins.github.io.git",
	  .is_main_only = true, .applies = APPLIES_COMMAND, .since = "0.9", ACTED,
	  .summary = "Repository of GTFOBins, for 'coi update patterns': an https or file:/// "
		     "address; \"\" for none." },
	{ PATH("detection.gtfobins_dir", detection.gtfobins_dir, REFUSED), .is_main_only = true,
	  .def = "~/.coi/gtfobins", .applies = APPLIES_START, .since = "0.9", ACTED,
	  .summary = "Where its clone is kept, and the rules that were made of it." },
	{ STRING("detection.sigma_source", detection.sigma_source, REFUSED), .is_main_only = true,
	  .def = "https://github.com/SigmaHQ/sigma.git",
	  .applies = APPLIES_COMMAND, .since = "0.9", ACTED,
	  .summary = "Repository of Sigma rules, for 'coi update patterns': an https or file:/// "
		     "address; \"\" for none." },
	{ PATH("detection.sigma_dir", detection.sigma_dir, REFUSED), .is_main_only = true,
	  .def = "~/.coi/sigma", .applies = APPLIES_START, .since = "0.9", ACTED,
	  .summary = "Where its clone is kept, and the rules that were made of it." },

	/* [update] */
	{ STRING("update.url", update.url, REFUSED), .is_main_only = true,
	  .applies = APPLIES_COMMAND, .since = "0.9", ACTED,
	  .summary = "Directory of releases for coi update core, an https address; \"\" is that of "
		     "the build." },
};

static const struct setting_moved moved[] = {
	{ "defaults.image", "container.image", true },
	{ "defaults.persistent", "container.persistent", true },
	{ "build", "container.build", true },
};

const struct setting_row *settings_rows(size_t *ret_count) {
	*ret_count = ARRAY_SIZE(rows);
	return rows;
}

const struct setting_row *settings_row(const char *path) {
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (strcmp(rows[i].path, path) == 0)
			return &rows[i];
	return NULL;
}

const char *settings_profile_path(const struct setting_row *row) {
	if (row->is_main_only)
		return NULL;
	return row->profile_path ? row->profile_path : row->path;
}

const struct setting_row *settings_row_in_profile(const char *path) {
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const char *here = settings_profile_path(&rows[i]);

		if (here && strcmp(here, path) == 0)
			return &rows[i];
	}
	return NULL;
}

size_t settings_row_index(const struct setting_row *row) {
	assert(row >= rows && row < rows + ARRAY_SIZE(rows));
	return (size_t)(row - rows);
}

const char *setting_type_name(enum setting_type type) {
	static const char *const names[SETTING_TYPE_COUNT] = {
		[SETTING_BOOL] = "true or false",
		[SETTING_INT] = "an integer",
		[SETTING_FLOAT] = "a number",
		[SETTING_STRING] = "a string",
		[SETTING_PATH] = "a string",
		[SETTING_CHOICE] = "a string",
		[SETTING_DURATION] = "a string",
		[SETTING_SIZE] = "a string",
		[SETTING_STRV] = "an array of strings",
		[SETTING_MAP] = "a table of strings",
		[SETTING_TABLES] = "an array of tables",
		[SETTING_TRISTATE] = "true or false",
	};

	return names[type];
}

const struct setting_moved *settings_moved(size_t *ret_count) {
	*ret_count = ARRAY_SIZE(moved);
	return moved;
}
