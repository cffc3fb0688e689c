/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "session/network-log.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "base/escape.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/linefile.h"
#include "base/mem.h"
#include "base/path.h"
#include "config/config.h"
#include "net/policy.h"

#define FOREIGN_MAX 300

static const struct {
	uint8_t number;
	const char *name;
} protocols[] = {
	{ IPPROTO_TCP, "tcp" },	  { IPPROTO_UDP, "udp" },   { IPPROTO_ICMP, "icmp" },
	{ IPPROTO_SCTP, "sctp" }, { IPPROTO_GRE, "gre" },   { IPPROTO_ESP, "esp" },
	{ IPPROTO_DCCP, "dccp" }, { IPPROTO_UDPLITE, "udplite" },
};

static char *protocol_text(uint8_t number) {
	for (size_t i = 0; i < ARRAY_SIZE(protocols); i++)
		if (protocols[i].number == number)
			return xstrdup(protocols[i].name);
	return xasprintf("%u", number);
}

char *network_log_path(const struct settings *set) {
	const char *path = set->network.logging.path;

	return set->network.logging.enabled && path && *path ? xstrdup(path) : NULL;
}

static json_t *foreign(const char *text) {
	autofree char *plain = escape_text(text, FOREIGN_MAX);

	return json_text(plain);
}

json_t *network_refusal_to_json(const struct network_refusal *r, const char *when) {
	const struct net_cidr c = { r->address, 32 };
	char address[NET_CIDR_TEXT];
	json_t *j = json_pack("{s:s, s:s, s:s, s:o, s:I}", "ts", when, "type", "refused",
			      "container", r->container, "reason", json_text(r->reason), "count",
			      (json_int_t)r->count);

	if (r->name)
		json_object_set_new(j, "name", foreign(r->name));
	if (r->address) {
		autofree char *protocol = protocol_text(r->protocol);

		json_object_set_new(j, "address", json_string(net_cidr_text(&c, address)));
		json_object_set_new(j, "protocol", json_string(protocol));
	}
	if (r->address && r->port)
		json_object_set_new(j, "port", json_integer(r->port));
	if (r->process)
		json_object_set_new(j, "process", foreign(r->process));
	if (r->process && r->pid > 0)
		json_object_set_new(j, "pid", json_integer(r->pid));
	if (r->remedy)
		json_object_set_new(j, "allow", json_text(r->remedy));
	return j;
}

char *network_refusal_text(const struct network_refusal *r) {
	const struct net_cidr c = { r->address, 32 };
	char address[NET_CIDR_TEXT];
	autofree char *protocol = protocol_text(r->protocol);

	if (!r->address)
		return xasprintf("name %s", r->name);
	(void)net_cidr_text(&c, address);
	return r->port ? xasprintf("connection to %s port %u/%s", address, r->port, protocol)
		       : xasprintf("packet to %s of protocol %s", address, protocol);
}

int network_log_append(const struct privilege *who, const char *path, const json_t *line,
		       struct err *err) {
	autofree char *shown = xasprintf("network log '%s'", path);
	autofree char *dumped = json_dumps(line, JSON_COMPACT);
	autofree char *text = dumped ? xasprintf("%s\n", dumped) : NULL;
	const struct linefile file = { .shown = shown, .owner = who->uid, .max = NETWORK_LOG_MAX };
	int r;

	if (!text || strlen(text) > NETWORK_LOG_LINE_MAX || !*path_base(path))
		return err_set(err, ERR_BUG, -EINVAL, "cannot write %s", shown);
	privilege_person_begin(who);
	r = linefile_append_path(path, &file, text, strlen(text), err);
	privilege_person_end(who);
	return r;
}

static uint8_t protocol_number(const char *text) {
	for (size_t i = 0; i < ARRAY_SIZE(protocols); i++)
		if (!strcmp(protocols[i].name, text))
			return protocols[i].number;
	return (uint8_t)strtoul(text, NULL, 10);
}

char *network_log_text(const json_t *line) {
	const char *name = json_get_str(line, "name", NULL), *allow = json_get_str(line, "allow", "");
	const char *process = json_get_str(line, "process", NULL);
	int64_t count = json_get_int(line, "count", 1), pid = json_get_int(line, "pid", 0);
	struct net_cidr c = { 0 };
	autofree char *what = NULL, *by = NULL, *more = NULL;

	if (net_cidr_parse(json_get_str(line, "address", ""), &c) < 0 && !name)
		return NULL;
	const struct network_refusal r = {
		.name = name,
		.address = c.address,
		.port = (uint16_t)json_get_int(line, "port", 0),
		.protocol = protocol_number(json_get_str(line, "protocol", "")),
	};

	what = network_refusal_text(&r);
	if (process && pid > 0)
		by = xasprintf("%s[%" PRIi64 "]", process, pid);
	else
		by = xstrdup(process ? process : "unknown");
	more = count > 1 ? xasprintf(" (%" PRIi64 " times)", count) : xstrdup("");
	return xasprintf("%s %s%s%s%s by %s%s: %s%s%s", json_get_str(line, "ts", "?"), what,
			 r.address && name ? " (" : "", r.address && name ? name : "",
			 r.address && name ? ")" : "", by, more,
			 json_get_str(line, "reason", "?"), *allow ? "; to allow it: " : "", allow);
}
