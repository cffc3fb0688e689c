/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "session/environment.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/strv.h"
#include "session/git-setup.h"
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

/* Who somebody is and what the terminal can is not the image's to say. */
static bool is_of_person(const char *entry) {
	static const char *const names[] = { "HOME=", "USER=", "LOGNAME=", "SHELL=", "TERM=",
					     "PWD=",  "COI_",  "SSH_AUTH_SOCK=" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (strncmp(entry, names[i], strlen(names[i])) == 0)
			return true;
	return false;
}

/* The image's places first, and those where all else is. */
static void add_path(char ***env, const char *of_image) {
	autostrv char **places = strv_split(of_image, ":");
	autostrv char **usual = strv_split(ENVIRONMENT_PATH, ":");
	autofree char *text = NULL;

	for (char **place = usual; *place; place++)
		if (!strv_contains(places, *place))
			strv_add(&places, *place);
	text = strv_join(places, ":");
	env_set(env, "PATH", text);
}

/* What an OCI image says; others say nothing. One that is gone has nothing to say. */
static void add_image(const struct session *s, const struct container *c, char ***env) {
	auto_image_info struct image_info *image = NULL;
	autostrv char **taken = NULL;
	const char *path;

	if (!c->fingerprint || image_find(s->layout, c->fingerprint, &image, NULL) < 0)
		return;
	for (char **entry = image->env; entry && *entry; entry++)
		if (!is_of_person(*entry))
			strv_add(&taken, *entry);
	add_entries(env, taken);
	path = env_get(taken, "PATH");
	if (path)
		add_path(env, path);
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
	add_image(s, c, &env);
	if (c->timezone && *c->timezone)
		env_set(&env, "TZ", c->timezone);
	if (request->tty || request->session_env || getenv("TERM"))
		env_set(&env, "TERM", terminal_inside(getenv("TERM")));
	if (of_session)
		env_set(&env, "IS_SANDBOX", "1");
	relays_environment(s, c, &env);
	if (of_session) {
		git_setup_environment(s, c, &env);
		add_entries(&env, s->settings->defaults.environment.entries);
		add_forwarded(s, &env);
	}
	add_entries(&env, request->env);
	term = env_get(env, "TERM");
	if (term && strcmp(term, terminal_inside(term)) != 0)
		env_set(&env, "TERM", terminal_inside(term));
	return env;
}
