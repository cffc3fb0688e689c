/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What an agent is told about where it is: ~/SANDBOX_CONTEXT.md and its twin
 * in JSON. Plain facts in, text out; context_facts() gathers them for a session.
 */
#ifndef COI_SESSION_CONTEXT_H
#define COI_SESSION_CONTEXT_H

#include <jansson.h>
#include <stdbool.h>

#include "session/container.h"

#define CONTEXT_FILE "SANDBOX_CONTEXT.md"
#define CONTEXT_JSON_FILE "SANDBOX_CONTEXT.json"

struct context_mount {
	char *path;
	bool readonly;
};

/* Lists are NULL when empty, texts "" when there is nothing to say. All owned. */
struct context_facts {
	char *container;
	char *tool;
	char *workspace; /* its path inside */
	char *home;
	char *user;
	char *os;        /* PRETTY_NAME of the container, or its image */
	char *arch;
	char *timezone;
	bool persistent;
	bool nesting;    /* docker or podman may run */
	bool can_sudo;
	bool has_network;
	char *network_mode;
	bool blocks_private;
	bool allows_local;
	char *git;       /* "Name <address>" of commits; "" without one */
	bool is_git_fixed;
	bool strips_git; /* lines about agents are taken out of messages */
	char **branches; /* that are neither committed to nor pushed */
	char **allowed;  /* mode allowlist: names and addresses */
	char **allowed_ports; /* of TCP and UDP; NULL: all */
	char **dns_servers;   /* that its name service asks; NULL: the host's */
	bool has_agent;  /* an SSH agent */
	char **forwarded; /* names of variables, no values */
	char **ports;    /* as relays_port_texts() writes them */
	char **protected; /* relative to the workspace: read-only */
	char **secret;   /* hidden */
	struct context_mount *mounts;
	size_t mount_count;
	char *cpu;
	char *memory;
	char *processes;
	char *duration;
	char **notes;    /* further lines, as they are */
};
void context_facts_done(struct context_facts *f);
#define auto_context_facts __attribute__((cleanup(context_facts_done)))

/*
 * What is so in this session. @environment: NAME=value entries that it will have.
 * can_sudo is the caller's to set, who has looked inside.
 */
void context_facts(const struct session *s, const struct container *c, const char *tool,
		   const char *home, char *const *environment, struct context_facts *ret);
/* The text; @profile (may be NULL) goes under a heading of its own. Newly allocated. */
char *context_text(const struct context_facts *f, const char *profile);
/* The twin; schema_version 1. Newly allocated text. */
char *context_json(const struct context_facts *f);

#endif
