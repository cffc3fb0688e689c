/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "session/environment.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/strv.h"
#include "session/relays.h"

/*
 * Terminals that Debian's ncurses-base knows: with another one the tools inside would
 * not start. Nearly all of those understand what xterm does.
 */
static const char *terminal_inside(const char *term) {
	static const char *const known[] = {
		"ansi", "cygwin", "dumb", "hurd", "linux", "mach", "pcansi", "rxvt", "rxvt-basic",
		"rxvt-unicode", "rxvt-unicode-256color", "screen", "sun", "tmux", "vt100", "vt102",
		"vt220", "vt52", "xterm", "xterm-256color", "xterm-color", "xterm-mono", "xterm-r5",
		"xterm-r6", "xterm-vt220", "xterm-xfree86",
	};

	for (size_t i = 0; term && i < ARRAY_SIZE(known); i++)
		if (!strcmp(term, known[i]))
			return term;
	return "xterm-256color";
}

/* "NAME=value" entries; one without a name or without a '=' is none. */
static void add_entries(char ***env, char *const *entries) {
	for (; entries && *entries; entries++) {
		autofree char *name = xstrndup(*entries, strcspn(*entries, "="));

		if (*name && (*entries)[strlen(name)] == '=')
			env_set(env, name, *entries + strlen(name) + 1);
	}
}

static void add_forwarded(const struct session *s, char ***env) {
	for (char **name = s->settings->defaults.forward_env; name && *name; name++) {
		const char *value = getenv(*name);

		if (value)
			env_set(env, *name, value);
		else
			session_say(s, "Warning: '%s' is to be forwarded and is not set", *name);
	}
}

char **environment_make(const struct session *s, const struct container *c,
			const struct exec_request *request) {
	bool of_session = request->session_env && s->settings;
	const char *term;
	char **env = NULL;

	env_set(&env, "PATH", ENVIRONMENT_PATH);
	env_set(&env, "LANG", "C.UTF-8");
	if (c->timezone && *c->timezone)
		env_set(&env, "TZ", c->timezone);
	if (request->tty || request->session_env || getenv("TERM"))
		env_set(&env, "TERM", terminal_inside(getenv("TERM")));
	if (of_session)
		env_set(&env, "IS_SANDBOX", "1");
	relays_environment(s, c, &env);
	if (of_session) {
		add_entries(&env, s->settings->defaults.environment.entries);
		add_forwarded(s, &env);
	}
	add_entries(&env, request->env);
	term = env_get(env, "TERM");
	if (term && strcmp(term, terminal_inside(term)) != 0)
		env_set(&env, "TERM", terminal_inside(term));
	return env;
}
