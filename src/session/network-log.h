/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The network log: what containers of a person were refused, a JSON object on
 * each line, in [network.logging] path (~/.coi/logs/network.log). Text from
 * inside a container is escaped before it is written.
 */
#ifndef COI_SESSION_NETWORK_LOG_H
#define COI_SESSION_NETWORK_LOG_H

#include <jansson.h>
#include <stdint.h>

#include "base/err.h"
#include "base/privilege.h"

#define NETWORK_LOG_MAX (8 * 1024 * 1024) /* then it becomes "….1" */
#define NETWORK_LOG_LINE_MAX 4096

struct settings;

struct network_refusal {
	const char *container;
	const char *name;    /* that was asked for, or led to the address; NULL: not known */
	uint32_t address;    /* host byte order; 0: it was the name that was refused */
	uint16_t port;       /* 0: the protocol has none */
	uint8_t protocol;    /* IPPROTO_… */
	int64_t pid;         /* as the container counts; 0: not known */
	const char *process; /* what it is called; foreign text; NULL: not known */
	const char *reason;
	const char *remedy;  /* the command that allows it; NULL: nothing does */
	unsigned count;      /* how many refusals this tells of */
};

/* Where the settings want it: newly allocated, NULL when they want none. */
char *network_log_path(const struct settings *set);
/* As an object, a new reference. */
json_t *network_refusal_to_json(const struct network_refusal *r, const char *when);
/* What is done: "connection to 1.2.3.4 port 80/tcp", "name x.test". Newly allocated. */
char *network_refusal_text(const struct network_refusal *r);
/*
 * Append, as the person @who, to whom directory and file belong. The name of the
 * file is no link that is followed.
 */
int network_log_append(const struct privilege *who, const char *path, const json_t *line,
		       struct err *err);
/* One line of the file for people, newly allocated; NULL when it is none of ours. */
char *network_log_text(const json_t *line);

#endif
