/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Looking for secrets in the environment. One variable by name is nothing. */
#include <ctype.h>
#include <string.h>

#include "base/mem.h"
#include "base/strv.h"
#include "monitor/rule.h"

/* Words that stand in the name, or the text, of a secret. */
static const char *const secret_words[] = {
	"password",   "passwd",     "secret",     "token",       "api_key",     "apikey",
	"api-key",    "api[_-]",    "credential", "private_key", "private key", "privatekey",
	"aws_access", "aws_secret", "access_key", "auth_key",    NULL,
};

static bool has_secret_word(const char *text) {
	autofree char *lower = xstrdup(text);

	for (char *p = lower; *p; p++)
		*p = (char)tolower((unsigned char)*p);
	return contains_any(lower, secret_words) != NULL;
}

/* env as a command of its own: with nothing to run behind its options and variables. */
static bool is_bare_env(char *const *words) {
	for (size_t i = 1; words[i]; i++) {
		if (words[i][0] == '-') {
			if (!strcmp(words[i], "-u") && words[i + 1])
				i++;
			else if (!strncmp(words[i], "-S", 2) || !strncmp(words[i], "--split", 7))
				return false;
			continue;
		}
		if (!strchr(words[i], '='))
			return false;
	}
	return true;
}

static bool is_dump(const struct command *c) {
	const char *p = c->program;
	char *const *w = c->words;

	if (!w || !w[0])
		return false;
	if (!strcmp(p, "env"))
		return is_bare_env(w) &&
		       !(w[1] && (!strcmp(w[1], "--version") || !strcmp(w[1], "--help")));
	if (!strcmp(p, "printenv"))
		return !w[1] || !strcmp(w[1], "-0") || has_secret_word(w[1]);
	if (!strcmp(p, "set") || !strcmp(p, "declare") || !strcmp(p, "typeset"))
		return !w[1] ||
		       (*p != 's' && !w[2] && starts_with(w[1], "-") && strpbrk(w[1], "xp"));
	if (!strcmp(p, "export") || !strcmp(p, "readonly"))
		return !w[1] || (!strcmp(w[1], "-p") && !w[2]);
	if (!strcmp(p, "compgen"))
		return w[1] && !w[2] && (!strcmp(w[1], "-v") || !strcmp(w[1], "-e"));
	return false;
}

static bool match_dump(const struct exec_input *in, struct buf *indicator) {
	for (size_t i = 0; i < in->all->count; i++) {
		if (!is_dump(&in->all->items[i]))
			continue;
		add_command(indicator, &in->all->items[i]);
		return true;
	}
	return false;
}

/* /proc/1/environ, /proc/self/task/2/environ, of any process. */
static bool names_environ(const char *text) {
	const char *at = text;

	while ((at = strstr(at, "/proc/"))) {
		const char *end = at + strcspn(at, " '\"\t\n)");
		const char *environ_at = memmem(at, (size_t)(end - at), "/environ", 8);

		if (environ_at)
			return true;
		at = end;
	}
	return false;
}

static bool match_proc(const struct exec_input *in, struct buf *indicator) {
	for (size_t i = 0; i < in->all->count; i++) {
		const struct command *c = &in->all->items[i];
		bool found = false;

		for (size_t k = 1; c->words && c->words[k]; k++)
			found |= names_environ(c->words[k]);
		for (size_t k = 0; k < c->redirect_count; k++)
			found |= names_environ(c->redirects[k].target);
		if (!found)
			continue;
		add_command(indicator, c);
		return true;
	}
	for (size_t i = 0; i < in->all->code_count; i++) {
		if (!names_environ(in->all->codes[i].text))
			continue;
		buf_adds(indicator, "/proc/…/environ in a program text");
		return true;
	}
	return false;
}

/* What stands for the whole environment, and what behind it takes one variable of it. */
static const struct {
	enum language language;
	const char *name;
	const char *const *single;
} dumps[] = {
	{ LANGUAGE_PYTHON, "os.environ",
	  (const char *const[]){ "[", ".get(", ".setdefault(", ".pop(", "['", "b.get(", NULL } },
	{ LANGUAGE_NODE, "process.env", (const char *const[]){ ".", "[", "?.", NULL } },
	{ LANGUAGE_RUBY, "env", (const char *const[]){ "[", ".fetch(", "ironment", NULL } },
	{ LANGUAGE_PERL, "%env", (const char *const[]){ NULL } },
	{ LANGUAGE_PHP, "getenv()", (const char *const[]){ NULL } },
	{ LANGUAGE_PHP, "$_env", (const char *const[]){ "[", NULL } },
	{ LANGUAGE_AWK, "inenviron", (const char *const[]){ NULL } },
	{ LANGUAGE_LUA, "io.popen(\"env", (const char *const[]){ NULL } },
};

static bool is_single(const char *rest, const char *const *single) {
	for (; *single; single++)
		if (starts_with(rest, *single))
			return true;
	return false;
}

static bool is_dump_code(enum language language, const char *text) {
	for (size_t i = 0; i < ARRAY_SIZE(dumps); i++) {
		const char *at = text;

		if (dumps[i].language != language)
			continue;
		while ((at = strstr(at, dumps[i].name))) {
			bool is_part = language != LANGUAGE_AWK && at > text &&
			               (isalnum((unsigned char)at[-1]) || at[-1] == '_');

			at += strlen(dumps[i].name);
			if (!is_part && !isalnum((unsigned char)*at) && *at != '_' &&
			    !is_single(at, dumps[i].single))
				return true;
		}
	}
	return false;
}

static bool match_language(const struct exec_input *in, struct buf *indicator) {
	for (size_t i = 0; i < in->all->code_count; i++) {
		if (!is_dump_code(in->all->codes[i].language, in->squeezed[i]))
			continue;
		buf_adds(indicator, "the whole environment in a program text");
		return true;
	}
	return false;
}

/* --- grep for secrets */

static const char *const searchers[] = { "grep", "egrep", "fgrep", "zgrep", "rg",   "ag",
	                                 "ack",  "sed",   "awk",   "gawk",  "mawk", NULL };

/* Places where secrets are, rather than source. */
static bool is_place(const char *path) {
	static const char *const starts[] = { "/proc", "/etc", "/home", "/root",
		                              "~",     "/var", "/run",  NULL };

	if (!strcmp(path, "/") || !strcmp(path, "/*"))
		return true;
	for (const char *const *s = starts; *s; s++)
		if (starts_with(path, *s))
			return true;
	return strstr(path, ".env") != NULL;
}

/* The pattern is the first word that is no option, or behind -e; what follows are places. */
static bool searches_secret(const struct command *c, bool is_piped_into) {
	bool has_pattern = false, is_secret = false, has_place = false, has_file = false;

	for (size_t i = 1; c->words[i]; i++) {
		const char *w = c->words[i];

		if (w[0] == '-' && w[1]) {
			if ((!strcmp(w, "-e") || starts_with(w, "--regexp")) && c->words[i + 1]) {
				is_secret |= has_secret_word(strchr(w, '=') ? w : c->words[++i]);
				has_pattern = true;
			}
			continue;
		}
		if (!has_pattern) {
			has_pattern = true;
			is_secret = has_secret_word(w);
			continue;
		}
		has_file = true;
		has_place |= is_place(w);
	}
	return is_secret && (has_place || (!has_file && is_piped_into));
}

static bool match_search(const struct exec_input *in, struct buf *indicator) {
	for (size_t i = 0; i < in->all->count; i++) {
		const struct command *c = &in->all->items[i];
		bool is_piped =
			c->is_top ? in->event->exec.streams[0] == WATCH_STREAM_PIPE : c->stage > 0;

		if (!c->words || !word_in(c->program, searchers) || !searches_secret(c, is_piped))
			continue;
		add_command(indicator, c);
		return true;
	}
	return false;
}

#define ENVIRONMENT_WARNING .level = AUDIT_WARNING, .category = AUDIT_ENVIRONMENT

const struct exec_rule rules_environment[] = {
	{ "environment.dump", ENVIRONMENT_WARNING, "Environment listed",
	  "all variables of the environment are printed", match_dump },
	{ "environment.proc", ENVIRONMENT_WARNING, "Environment of a process read",
	  "the environment of a process is read through /proc", match_proc },
	{ "environment.language", ENVIRONMENT_WARNING, "Environment listed",
	  "a program text takes the whole environment", match_language },
	{ "environment.search", ENVIRONMENT_WARNING, "Search for secrets",
	  "what looks like the name of a secret is searched for", match_search },
	{ 0 },
};
