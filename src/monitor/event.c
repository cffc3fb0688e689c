/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "monitor/event.h"

#include <string.h>

static const char *const kinds[WATCH_KIND_COUNT] = {
	[WATCH_EXEC] = "exec",     [WATCH_FORK] = "fork",         [WATCH_CONNECT] = "connect",
	[WATCH_DENIED] = "denied", [WATCH_QUERY] = "query",       [WATCH_FILE] = "file",
	[WATCH_LINE] = "line",     [WATCH_COUNTERS] = "counters", [WATCH_STATE] = "state",
};

static const char *const streams[WATCH_STREAM_COUNT] = {
	[WATCH_STREAM_UNKNOWN] = "unknown", [WATCH_STREAM_OTHER] = "other",
	[WATCH_STREAM_PIPE] = "pipe",       [WATCH_STREAM_LOCAL] = "local",
	[WATCH_STREAM_REMOTE] = "remote",
};

static const char *const accesses[WATCH_ACCESS_COUNT] = {
	[WATCH_OPEN] = "open",
	[WATCH_READ] = "read",
	[WATCH_WRITE] = "write",
	[WATCH_CREATE] = "create",
	[WATCH_DELETE] = "delete",
	[WATCH_MOVE] = "move",
	[WATCH_ATTRIBUTES] = "attributes",
	[WATCH_RUN] = "run",
};

static const char *const states[WATCH_STATE_COUNT] = {
	[WATCH_STARTED] = "source.start",
	[WATCH_UNAVAILABLE] = "source.unavailable",
	[WATCH_LOST] = "source.lost",
	[WATCH_ENDED] = "source.end",
};

const char *watch_kind_to_string(enum watch_kind kind) {
	return kinds[kind];
}

const char *watch_stream_to_string(enum watch_stream stream) {
	return streams[stream];
}

enum watch_stream watch_stream_from_string(const char *word) {
	for (int s = 0; s < WATCH_STREAM_COUNT; s++)
		if (!strcmp(streams[s], word))
			return (enum watch_stream)s;
	return WATCH_STREAM_UNKNOWN;
}

const char *watch_access_to_string(enum watch_access access) {
	return accesses[access];
}

enum watch_access watch_access_from_string(const char *word) {
	int a = 0;

	while (a < WATCH_ACCESS_COUNT && strcmp(accesses[a], word) != 0)
		a++;
	return (enum watch_access)a;
}

const char *watch_state_to_string(enum watch_state state) {
	return states[state];
}
