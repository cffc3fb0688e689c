/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "session/look.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "monitor/detect.h"
#include "net/net.h"
#include "net/ranges.h"
#include "session/usage.h"

#define TABLE_MAX (4 * 1024 * 1024)
#define RATE_MS 400
#define SOCKETS_MAX 4096

static json_t *filesystem(const struct container *c, const struct usage *before,
                          const struct usage *now, uint64_t us) {
	json_t *j = json_pack("{s:b}", "available", now->read_bytes != UINT64_MAX);

	if (c->workspace && *c->workspace)
		json_object_set_new(j, "workspace_path", json_text(c->workspace));
	json_object_set_new(j, "total_read_mb", usage_json(usage_mb(now->read_bytes)));
	json_object_set_new(j, "read_rate_mb_per_sec",
	                    usage_json(usage_mb_rate(now->read_bytes, before->read_bytes, us)));
	json_object_set_new(j, "total_write_mb", usage_json(usage_mb(now->write_bytes)));
	json_object_set_new(j, "write_rate_mb_per_sec",
	                    usage_json(usage_mb_rate(now->write_bytes, before->write_bytes, us)));
	return j;
}

static json_t *resources(const struct runtime_ref *ref, const struct usage *now) {
	uint64_t user, system;
	json_t *j = json_object();

	runtime_cpu_split(ref, &user, &system);
	json_object_set_new(j, "cpu_time_seconds",
	                    usage_json(now->cpu_us == UINT64_MAX ? 0 : (double)now->cpu_us / 1e6));
	json_object_set_new(j, "user_cpu_seconds", usage_json((double)user / 1e6));
	json_object_set_new(j, "sys_cpu_seconds", usage_json((double)system / 1e6));
	json_object_set_new(j, "memory_mb", usage_json(usage_mb(now->memory_bytes)));
	if (now->memory_limit)
		json_object_set_new(j, "memory_limit_mb", usage_json(usage_mb(now->memory_limit)));
	json_object_set_new(j, "io_read_mb", usage_json(usage_mb(now->read_bytes)));
	json_object_set_new(j, "io_write_mb", usage_json(usage_mb(now->write_bytes)));
	return j;
}

/* --- connections: tables of the kernel, numbers only */

struct view {
	const struct container *c;
	const struct net_base *net; /* NULL: it is not known who is its gateway */
};

static const char *state_text(unsigned state) {
	static const char *const names[] = { "",           "ESTABLISHED", "SYN_SENT",  "SYN_RECV",
		                             "FIN_WAIT1",  "FIN_WAIT2",   "TIME_WAIT", "CLOSE",
		                             "CLOSE_WAIT", "LAST_ACK",    "LISTEN",    "CLOSING" };

	return state < ARRAY_SIZE(names) ? names[state] : "UNKNOWN";
}

/* "0100007F:0035", or four such words and a port. */
static bool parse_end(const char *word, struct watch_connect *ret) {
	size_t words = ret->family == AF_INET ? 1 : 4;
	unsigned port;

	for (size_t i = 0; i < words; i++) {
		uint32_t v;

		if (sscanf(word + 8 * i, "%8x", &v) != 1)
			return false;
		memcpy(ret->address + 4 * i, &v, sizeof(v));
	}
	if (sscanf(word + 8 * words, ":%4x", &port) != 1)
		return false;
	ret->port = (uint16_t)port;
	return true;
}

/* What is there has passed; a private address, only since somebody opened it, but in mode open. */
static void judge_socket(json_t *j, const struct view *view, struct watch_connect *remote) {
	static const struct detect_settings set = { 0 };
	struct watch_event e = { .kind = WATCH_CONNECT };
	struct findings all = { 0 };
	uint32_t address;

	memcpy(&address, remote->address, sizeof(address));
	address = ntohl(address);
	remote->is_private = remote->family == AF_INET && net_is_private(address);
	remote->is_own = remote->family == AF_INET && view->net && address == view->net->gateway;
	remote->verdict = remote->is_private && strcmp(view->c->network_mode, "open") != 0
				  ? WATCH_OPENED
				  : WATCH_PASSED;
	e.connect = *remote;
	detect_connect(&e, &set, &all);
	json_object_set_new(j, "suspicious", json_boolean(all.count > 0));
	if (all.count)
		json_object_set_new(j, "suspect_reason", json_string(all.items[0].description));
}

static json_t *socket_of(const char *line, const struct view *view, const char *protocol,
			 uint8_t family) {
	struct watch_connect local = { .family = family }, remote = { .family = family };
	char here[80], there[80], text[DETECT_ADDRESS_MAX];
	unsigned state, uid;
	json_t *j;

	if (sscanf(line, " %*u: %79s %79s %x %*s %*s %*s %u", here, there, &state, &uid) != 4 ||
	    !parse_end(here, &local) || !parse_end(there, &remote))
		return NULL;
	remote.protocol = protocol[0] == 't' ? IPPROTO_TCP : IPPROTO_UDP;
	j = json_pack("{s:s, s:s}", "protocol", protocol, "local_addr",
	              detect_address(&local, text));
	json_object_set_new(j, "remote_addr", json_string(detect_address(&remote, text)));
	json_object_set_new(j, "state", json_string(state_text(state)));
	if (uid >= view->c->ids.base && uid - view->c->ids.base < view->c->ids.count)
		json_object_set_new(j, "uid", json_integer(uid - view->c->ids.base));
	judge_socket(j, view, &remote);
	return j;
}

static void add_table(const struct view *view, const char *name, const char *protocol,
		      uint8_t family, json_t *list) {
	autofree char *path = xasprintf("/proc/%d/net/%s", (int)view->c->init.pid, name);
	autobuf struct buf text = { 0 };
	char *save = NULL;

	if (file_read_at(AT_FDCWD, path, TABLE_MAX, &text) < 0)
		return;
	for (char *line = strtok_r(text.data, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save)) {
		json_t *j = json_array_size(list) < SOCKETS_MAX
				    ? socket_of(line, view, protocol, family)
				    : NULL;

		if (j)
			json_array_append_new(list, j);
	}
}

static json_t *network(const struct view *view) {
	json_t *list = json_array(), *j;
	size_t active = 0, suspicious = 0, i;

	add_table(view, "tcp", "tcp", AF_INET, list);
	add_table(view, "tcp6", "tcp", AF_INET6, list);
	add_table(view, "udp", "udp", AF_INET, list);
	add_table(view, "udp6", "udp", AF_INET6, list);
	json_array_foreach(list, i, j) {
		active += strcmp(json_get_str(j, "state", ""), "ESTABLISHED") == 0;
		suspicious += json_get_bool(j, "suspicious", false);
	}
	return json_pack("{s:I, s:o, s:I}", "active_connections", (json_int_t)active, "connections",
	                 list, "suspicious_count", (json_int_t)suspicious);
}

static json_t *processes_json(json_t *list, bool is_available) {
	return json_pack("{s:b, s:I, s:o}", "available", is_available, "total_count",
	                 (json_int_t)json_array_size(list), "processes", list);
}

void look_at(const struct session *s, const struct container *c, const struct monitoring_plan *plan,
	     json_t **ret) {
	auto_net_base struct net_base *net = NULL;
	struct runtime_ref ref = container_ref(s, c);
	json_t *processes = json_array(), *threats = json_array(), *all;
	struct usage before, now;
	uint64_t from = clock_mono_us();
	char stamp[CLOCK_RFC3339_SIZE];
	struct err why = { 0 };
	int r;

	if (net_base_open(s->layout, &net, &why) < 0)
		log_debug("%s", why.msg);
	usage_read(&ref, &before);
	r = look_at_processes(s, c, &ref, plan, processes, threats, &why);
	/* Rates of less than that are noise. */
	if (clock_mono_us() - from < RATE_MS * 1000)
		(void)poll(NULL, 0, RATE_MS - (int)((clock_mono_us() - from) / 1000));
	usage_read(&ref, &now);
	all = json_pack("{s:s, s:o}", "timestamp", clock_rfc3339(time(NULL), stamp), "container",
	                json_text(c->name));
	if (c->address && *c->address)
		json_object_set_new(all, "container_ip", json_text(c->address));
	json_object_set_new(all, "network", network(&(struct view){ c, net }));
	json_object_set_new(all, "processes", processes_json(processes, r == 0));
	json_object_set_new(all, "filesystem",
	                    filesystem(c, &before, &now, clock_mono_us() - from));
	json_object_set_new(all, "resources", resources(&ref, &now));
	json_object_set_new(all, "threats", threats);
	if (r < 0)
		json_object_set_new(all, "errors", json_pack("[o]", json_text(why.msg)));
	*ret = all;
}
