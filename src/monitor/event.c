/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "monitor/event.h"

#include <string.h>

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

const char *watch_stream_to_string(enum watch_stream stream) {
	return streams[stream];
}

const char *watch_access_to_string(enum watch_access access) {
	return accesses[access];
}

const char *watch_state_to_string(enum watch_state state) {
	return states[state];
}
