/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Rules about a program that is run, as rows; and what they compare with. Private. */
#ifndef COI_MONITOR_RULE_H
#define COI_MONITOR_RULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "monitor/command.h"
#include "monitor/detect.h"

struct exec_input {
	const struct watch_event *event;
	const struct commands *all;
	const struct detect_settings *set;
	/* The codes in lower case, without blanks and without what joins texts. */
	char *const *squeezed; /* one for each of all->codes */
};

struct exec_rule {
	const char *id;
	enum audit_level level;
	enum audit_category category;
	const char *title;
	const char *description;
	/* Does it fire? What in the command line it was goes to @indicator. */
	bool (*match)(const struct exec_input *in, struct buf *indicator);
};

/* The tables, each ended by a row without id. */
extern const struct exec_rule rules_shell[];
extern const struct exec_rule rules_one_liner[];
extern const struct exec_rule rules_environment[];
extern const struct exec_rule rules_files[];
extern const struct exec_rule rules_tools[];

/* --- comparing */

/* Is @word in the NULL-terminated list? */
bool word_in(const char *word, const char *const *list);
bool starts_with(const char *text, const char *start);
/* Whatever the case. */
bool starts_with_any_case(const char *text, const char *start);
/* The first text of the list that is in @text; NULL: none is. */
const char *contains_any(const char *text, const char *const *list);
/* A host that is this machine itself, by name or number. */
bool host_is_loopback(const char *host, size_t len);
/* Is @word a port: a number from 1 to 65535, and nothing else? */
bool word_is_port(const char *word);
/* "1.2.3.4", all of it. */
bool word_is_ipv4(const char *word);
/* Something that a program could connect to: a name with a dot, or a number, no option. */
bool word_is_host(const char *word);
/*
 * The first host that is not this machine in a text: an IPv4 address, or
 * name:port. Its place, and its length; NULL: there is none. *@ret_local: there
 * was one that is this machine.
 */
const char *find_remote(const char *text, size_t *ret_len, bool *ret_local);
/* A shell that reads its commands from its standard input. */
bool shell_reads_input(const struct command *c);
/* A program that hands bytes to and from the network: nc, telnet, socat to an address. */
bool is_net_client(const struct command *c);
/* The command again, as one line, for the indicator. */
void add_command(struct buf *out, const struct command *c);

#endif
