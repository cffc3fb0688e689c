/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "session/tool/continue.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/strv.h"
#include "session/exec.h"
#include "session/names.h"

#define ASK_TIMEOUT_MS 60000
#define ANSWER_MAX (1 << 20)

/* Where conversations of a slot are, from the workspace on; NULL: nowhere. */
static char *sessions_of_slot(const struct tool *t, int slot, const char *name) {
	/* Where 0.9 had them all; the others have one each, so that no two mix. */
	if (slot == 1)
		return xstrdup(t->sessions);
	return slot > 1 ? xasprintf("%s/slot-%d", t->sessions, slot)
			: xasprintf("%s/%s", t->sessions, name);
}

/* Its own place, and that of the container that the session was in. */
static char **session_places(const struct tool *t, const struct container *c,
			     const struct tool_request *request) {
	char **places = NULL;

	if (!t->sessions || !*c->workspace_path)
		return NULL;
	strv_take(&places, sessions_of_slot(t, c->slot, c->name));
	if (request->was_in && *request->was_in) {
		autofree char *other =
			sessions_of_slot(t, name_slot(request->was_in), request->was_in);

		if (!strv_contains(places, other))
			strv_add(&places, other);
	}
	return places;
}

int continue_look(struct session *s, const struct container *c, const struct tool *t,
		  const struct tool_request *request, struct place_seen *seen, struct err *err) {
	const struct conversation_store *store = &t->conversations;
	const struct tool_place at = { .workspace = c->workspace_path };
	bool resumes = request->how == TOOL_RESUME;
	autostrv char **places = resumes ? session_places(t, c, request) : NULL;
	autofree char *pattern = resumes && store->home ? tool_fill(store->home, &at, NULL) : NULL;
	struct place_look what = {
		.program = tool_program(t, s->settings),
		.paths = t->paths,
		.project_file = t->project_file,
		.store = resumes ? store : NULL,
		.sessions = places,
		.home_pattern = pattern,
		.window = request->window,
	};

	/* What is in its home is its own, whenever that was. */
	if (pattern && !request->or_new)
		what.window = (struct conversation_window)CONVERSATION_ANY_TIME;
	return place_look(s, c, &what, seen, err);
}

/* The tool is asked, as a session would run it. */
static void ask_for_conversation(struct session *s, const struct container *c, const struct tool *t,
				 const struct tool_request *request, char *const *env,
				 struct conversation *ret) {
	autostrv char **argv = NULL;
	const struct exec_request exec = { .as_code = true, .session_env = true, .env = env,
					   .timeout_ms = ASK_TIMEOUT_MS };
	struct exec_request with = exec;
	autobuf struct buf out = { 0 }, err_out = { 0 };
	struct session quiet = *s;
	struct err err = { 0 };
	int r;

	strv_add(&argv, tool_program(t, s->settings));
	strv_add_all(&argv, t->conversations.command);
	with.argv = argv;
	quiet.say = NULL; /* it is told when the session starts */
	quiet.trail = NULL;
	buf_init(&out, ANSWER_MAX);
	buf_init(&err_out, ANSWER_MAX);
	r = exec_capture(&quiet, c, &with, &out, &err_out, &err);
	if (r == 0)
		conversation_parse(&t->conversations, out.data, out.len, &request->window, ret);
	else
		session_say(s, "Warning: '%s' does not tell its conversations (%s); it goes on with "
			       "the last one", t->name, r < 0 ? err.msg : "it failed");
}

enum tool_start continue_choose(struct session *s, const struct container *c, const struct tool *t,
				const struct tool_request *request, struct place_seen *seen,
				struct tool_place *at, char *const *env, char **ret_file) {
	const struct conversation_store *store = &t->conversations;

	if (request->how != TOOL_RESUME)
		return request->how;
	if (store->command && request->is_certain)
		ask_for_conversation(s, c, t, request, env, &seen->conversation);
	if (!*seen->conversation.id)
		return store->home || request->or_new ? TOOL_NEW : TOOL_RESUME;
	at->conversation = seen->conversation.id;
	*ret_file = xasprintf("%s/%s", store->sessions ? c->workspace_path : seen->home,
			      seen->conversation.file);
	at->file = *ret_file;
	return TOOL_RESUME;
}

char *tool_sessions_dir(const struct tool *t, const struct container *c) {
	autofree char *place = NULL;

	if (!t->sessions || !*c->workspace_path)
		return xstrdup("");
	place = sessions_of_slot(t, c->slot, c->name);
	return xasprintf("%s/%s", c->workspace_path, place);
}
