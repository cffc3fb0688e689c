/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A command as it is written, and what it comes down to: wrappers are looked
 * through, texts for shells and other interpreters are taken out.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/path.h"
#include "base/strv.h"
#include "monitor/command.h"
#include "monitor/decode.h"

#define UNWRAP_MAX 16 /* wrappers around one command */

/* --- names */

/* "python3.11" is python: letters alone, without what stands for a version. */
static size_t bare_length(const char *program) {
	size_t n = strlen(program);

	while (n && (isdigit((unsigned char)program[n - 1]) || program[n - 1] == '.' ||
	             program[n - 1] == '-'))
		n--;
	return n;
}

static const struct {
	const char *name;
	enum language language;
} languages[] = {
	{ "sh", LANGUAGE_SHELL },        { "bash", LANGUAGE_SHELL },
	{ "dash", LANGUAGE_SHELL },      { "ash", LANGUAGE_SHELL },
	{ "zsh", LANGUAGE_SHELL },       { "ksh", LANGUAGE_SHELL },
	{ "mksh", LANGUAGE_SHELL },      { "rbash", LANGUAGE_SHELL },
	{ "fish", LANGUAGE_SHELL },      { "csh", LANGUAGE_SHELL },
	{ "tcsh", LANGUAGE_SHELL },      { "busybox-sh", LANGUAGE_SHELL },
	{ "python", LANGUAGE_PYTHON },   { "pypy", LANGUAGE_PYTHON },
	{ "ipython", LANGUAGE_PYTHON },  { "perl", LANGUAGE_PERL },
	{ "ruby", LANGUAGE_RUBY },       { "jruby", LANGUAGE_RUBY },
	{ "php", LANGUAGE_PHP },         { "node", LANGUAGE_NODE },
	{ "nodejs", LANGUAGE_NODE },     { "bun", LANGUAGE_NODE },
	{ "deno", LANGUAGE_NODE },       { "lua", LANGUAGE_LUA },
	{ "luajit", LANGUAGE_LUA },      { "awk", LANGUAGE_AWK },
	{ "gawk", LANGUAGE_AWK },        { "mawk", LANGUAGE_AWK },
	{ "nawk", LANGUAGE_AWK },        { "original-awk", LANGUAGE_AWK },
	{ "Rscript", LANGUAGE_OTHER },   { "julia", LANGUAGE_OTHER },
	{ "tclsh", LANGUAGE_OTHER },     { "expect", LANGUAGE_OTHER },
	{ "groovy", LANGUAGE_OTHER },    { "jjs", LANGUAGE_OTHER },
	{ "ghc", LANGUAGE_OTHER },       { "guile", LANGUAGE_OTHER },
	{ "osascript", LANGUAGE_OTHER },
};

enum language command_language(const char *program) {
	size_t n;

	if (*program == '-') /* a login shell */
		program++;
	n = bare_length(program);
	for (size_t i = 0; i < ARRAY_SIZE(languages); i++)
		if (strlen(languages[i].name) == n && !strncmp(languages[i].name, program, n))
			return languages[i].language;
	return LANGUAGE_NONE;
}

const struct redirect *command_redirect(const struct command *c, int fd) {
	const struct redirect *found = NULL;

	/* The last one counts. */
	for (size_t i = 0; i < c->redirect_count; i++) {
		const struct redirect *r = &c->redirects[i];

		if (r->fd == fd || (r->fd == -1 && (fd == 1 || fd == 2)))
			found = r;
	}
	return found;
}

/* --- wrappers */

/*
 * Programs that run what their arguments say. @values: short options that take a
 * word, "*" all of them; @skip: words of their own before the command.
 */
static const struct {
	const char *name;
	const char *values;
	unsigned skip;
	bool assigns; /* NAME=value is skipped */
} wrappers[] = {
	{ "env", "uCS", 0, true },
	{ "exec", "a", 0, false },
	{ "command", "", 0, false },
	{ "builtin", "", 0, false },
	{ "nohup", "", 0, false },
	{ "setsid", "", 0, false },
	{ "nice", "n", 0, false },
	{ "ionice", "cnp", 0, false },
	{ "timeout", "ks", 1, false },
	{ "time", "fo", 0, false },
	{ "stdbuf", "ioe", 0, false },
	{ "sudo", "ugpChrtTDR", 0, true },
	{ "doas", "uC", 0, true },
	{ "xargs", "aEeIiLlnPsd", 0, false },
	{ "busybox", "", 0, false },
	{ "toybox", "", 0, false },
	{ "unbuffer", "", 0, false },
	{ "chroot", "", 1, false },
	{ "unshare", "SGRw", 0, false },
	{ "strace", "eopsuPSabIOX", 0, false },
	{ "ltrace", "eopsuaAFlnx", 0, false },
	{ "watch", "n", 0, false },
	{ "catchsegv", "", 0, false },
	{ "proot", "rbwq", 0, false },
	{ "taskset", "", 1, false },
	{ "chrt", "", 1, false },
	{ "runuser", "ugG", 0, false },
	{ "setpriv", "", 0, false },
	{ "eatmydata", "", 0, false },
	{ "fakeroot", "lsb", 0, false },
	{ "dumb-init", "", 0, false },
	{ "tini", "pv", 0, false },
	{ "setarch", "", 1, false },
	{ "linux64", "", 0, false },
};

/* The dynamic loader runs the file that it is given. */
static bool is_loader(const char *program) {
	return (!strncmp(program, "ld-", 3) || !strncmp(program, "ld.", 3)) &&
	       (strstr(program, ".so") != NULL || !strcmp(program, "ld.so"));
}

static size_t skip_options(char *const *words, size_t i, const char *values) {
	for (; words[i] && words[i][0] == '-' && words[i][1]; i++) {
		const char *w = words[i];

		if (!strcmp(w, "--"))
			return i + 1;
		/* A short option that takes a word, and has it not in the same one. */
		if (w[1] != '-' && !w[2] && strchr(values, w[1]) && words[i + 1])
			i++;
	}
	return i;
}

static bool is_assignment(const char *word) {
	size_t n = strspn(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");

	return n && word[n] == '=';
}

/* Where the command begins that @words wrap; 0: they wrap none. */
static size_t wrapped_at(const char *program, char *const *words) {
	if (is_loader(program)) {
		size_t i = 1;

		for (; words[i] && !strncmp(words[i], "--", 2); i++)
			if ((!strcmp(words[i], "--argv0") || !strcmp(words[i], "--library-path") ||
			     !strcmp(words[i], "--preload")) &&
			    words[i + 1])
				i++;
		return words[i] ? i : 0;
	}
	for (size_t k = 0; k < ARRAY_SIZE(wrappers); k++) {
		size_t i;

		if (strcmp(wrappers[k].name, program) != 0)
			continue;
		i = skip_options(words, 1, wrappers[k].values);
		while (wrappers[k].assigns && words[i] && is_assignment(words[i]))
			i++;
		for (unsigned n = 0; n < wrappers[k].skip && words[i]; n++)
			i++;
		return words[i] ? i : 0;
	}
	return 0;
}

/* --- texts */

/* How the programs of a language are given a text. */
struct text_options {
	enum language language;
	const char *letters;      /* short options that take it */
	const char *stops;        /* short ones whose own word follows in the same one */
	const char *const *names; /* long ones that take it */
};

static const char *const no_names[] = { NULL };
static const char *const eval_names[] = { "--eval", "--print", "--exec", "--expr", NULL };

static const struct text_options text_options[] = {
	{ LANGUAGE_PYTHON, "c", "mWX", no_names },
	{ LANGUAGE_PERL, "eE", "MmIixFVDC0", no_names },
	{ LANGUAGE_RUBY, "e", "IrCFKxW", no_names },
	{ LANGUAGE_PHP, "rBRE", "dzcfFStn", eval_names },
	{ LANGUAGE_NODE, "ep", "rC", eval_names },
	{ LANGUAGE_LUA, "e", "l", no_names },
	{ LANGUAGE_OTHER, "ec", "", eval_names },
};

/* Behind a long option: what is given in the same word, or in the next. */
static const char *long_text(char *const *words, size_t i, const struct text_options *o,
                             size_t *ret_at) {
	for (const char *const *name = o->names; *name; name++) {
		size_t n = strlen(*name);

		if (strncmp(words[i], *name, n) != 0 || (words[i][n] != '=' && words[i][n]))
			continue;
		*ret_at = words[i][n] ? i : i + 1;
		return words[i][n] ? words[i] + n + 1 : words[i + 1];
	}
	return NULL;
}

/*
 * What stands behind the option that takes a program text: "-c TEXT", "-cTEXT",
 * "-lc TEXT", "--eval=TEXT". *@ret_at: its word. NULL: there is none.
 */
static const char *option_text(char *const *words, const struct text_options *o, size_t *ret_at) {
	for (size_t i = 1; words[i] && words[i][0] == '-' && words[i][1]; i++) {
		const char *w = words[i];

		if (!strcmp(w, "--"))
			return NULL;
		if (w[1] == '-') {
			const char *text = long_text(words, i, o, ret_at);

			if (text)
				return text;
			continue;
		}
		for (const char *letter = w + 1; *letter && !strchr(o->stops, *letter); letter++) {
			if (!strchr(o->letters, *letter))
				continue;
			*ret_at = letter[1] ? i : i + 1;
			return letter[1] ? letter + 1 : words[i + 1];
		}
	}
	return NULL;
}

/* For a shell "-c" may stand before further options: sh -c -e TEXT, and -ec TEXT. */
static const char *shell_text(char *const *words, size_t *ret_at) {
	bool is_text = false;
	size_t i = 1;

	for (; words[i] && (words[i][0] == '-' || words[i][0] == '+') && words[i][1]; i++) {
		const char *w = words[i];

		if (!strcmp(w, "--")) {
			i++;
			break;
		}
		if (w[1] == '-') {
			if ((!strcmp(w, "--rcfile") || !strcmp(w, "--init-file")) && words[i + 1])
				i++;
			is_text |= !strcmp(w, "--command");
			continue;
		}
		is_text |= w[0] == '-' && strchr(w + 1, 'c') != NULL;
		/* -o pipefail, +O extglob */
		if ((strchr(w + 1, 'o') || strchr(w + 1, 'O')) && words[i + 1])
			i++;
	}
	*ret_at = i;
	return is_text ? words[i] : NULL;
}

/* The first word that is no option: what awk runs, what "deno eval" is. */
static const char *first_word(char *const *words, const char *values) {
	size_t i = skip_options(words, 1, values);

	return words[i];
}

static void add_codes(struct commands *all, const struct command *c, enum language language) {
	size_t at;

	if (language == LANGUAGE_AWK) {
		const char *text = first_word(c->words, "vFf");

		if (text)
			commands_add_code(all, language, text);
		return;
	}
	for (size_t i = 0; i < ARRAY_SIZE(text_options); i++) {
		const char *text = text_options[i].language == language
		                           ? option_text(c->words, &text_options[i], &at)
		                           : NULL;

		if (!text)
			continue;

		/* perl and ruby take several, which are lines of one text. */
		autofree char *rest = strv_join(c->words + at, "\n");

		commands_add_code(all, language, c->words[at] == text ? rest : text);
		return;
	}
	if (language == LANGUAGE_NODE && c->words[1] && !strcmp(c->words[1], "eval") && c->words[2])
		commands_add_code(all, language, c->words[2]);
	/* A text that is piped into it. */
	else if (c->input && !c->words[1])
		commands_add_code(all, language, c->input);
}

static void add_shell(struct commands *all, const struct command *c) {
	size_t at;
	const char *text = shell_text(c->words, &at);

	if (text)
		commands_add_script(all, text, c->words + at + 1);
	else if (c->input && (!c->words[at] || !strcmp(c->words[at], "-")))
		commands_add_script(all, c->input, NULL);
}

/* Commands of shells whose arguments are a script. */
static void add_eval(struct commands *all, const struct command *c) {
	autofree char *joined = strv_join(c->words + 1, " ");

	if (!strcmp(c->program, "eval")) {
		commands_add_script(all, joined, NULL);
	} else if ((!strcmp(c->program, "source") || !strcmp(c->program, ".")) && c->input) {
		commands_add_script(all, c->input, NULL);
	} else if (!strcmp(c->program, "su") || !strcmp(c->program, "script") ||
	           !strcmp(c->program, "runuser") || !strcmp(c->program, "flock")) {
		for (char *const *w = c->words; *w; w++)
			if ((!strcmp(*w, "-c") || !strcmp(*w, "--command")) && w[1])
				commands_add_script(all, w[1], NULL);
	} else if (!strcmp(c->program, "trap") && c->words[1]) {
		commands_add_script(all, c->words[1], NULL);
	}
}

void commands_add_code(struct commands *all, enum language language, const char *text) {
	size_t len = strlen(text);
	struct buf b;

	if (all->code_count == COMMAND_CODES_MAX || len > all->budget) {
		all->is_cut = true;
		return;
	}
	all->budget -= len;
	buf_init(&b, COMMAND_WORD_MAX);
	buf_adds(&b, text);
	buf_addc(&b, '\n');
	(void)decode_hidden(text, &b);
	all->is_cut |= b.overflow;
	all->codes = xreallocarray(all->codes, all->code_count + 1, sizeof(*all->codes));
	all->codes[all->code_count++] = (struct code){ language, b.data };
}

/* --- one command */

static void copy(struct commands *all, const struct command *like, char *const *words,
                 const char *program) {
	struct command *c;

	if (all->count == COMMAND_COUNT_MAX) {
		all->is_cut = true;
		return;
	}
	all->items = xreallocarray(all->items, all->count + 1, sizeof(*all->items));
	c = &all->items[all->count++];
	*c = *like;
	c->program = xstrdup(program);
	c->words = strv_copy(words);
	c->input = xstrdup(like->input);
	c->redirects = xcalloc(like->redirect_count + 1, sizeof(*c->redirects));
	for (size_t i = 0; i < like->redirect_count; i++) {
		c->redirects[i] = like->redirects[i];
		c->redirects[i].target = xstrdup(like->redirects[i].target);
	}
}

/* As a name: its directory, the '-' of a login shell, a "busybox." are not part of it. */
static const char *program_of(const char *word) {
	const char *name = path_base(word);

	return *name == '-' && name[1] ? name + 1 : name;
}

void commands_add(struct commands *all, const struct command *like) {
	static char *const none[] = { (char *)"", NULL };
	char *const *words = like->words && *like->words ? like->words : none;
	const char *program = like->is_top && like->program ? like->program : program_of(*words);
	struct command c = *like;

	copy(all, like, words, program);
	for (int i = 0; i < UNWRAP_MAX; i++) {
		size_t at = wrapped_at(program, words);

		if (!at)
			break;
		words += at;
		program = program_of(*words);
		copy(all, like, words, program);
		/* watch 'a command', env -S 'a command' */
		if (strchr(*words, ' ') && !words[1])
			commands_add_script(all, *words, NULL);
	}
	c.words = (char **)words;
	c.program = (char *)program;
	if (all->depth >= COMMAND_DEPTH_MAX) {
		all->is_cut = true;
		return;
	}
	switch (command_language(program)) {
	case LANGUAGE_SHELL:
		add_shell(all, &c);
		break;
	case LANGUAGE_NONE:
		add_eval(all, &c);
		break;
	default:
		add_codes(all, &c, command_language(program));
	}
}

/* --- a process */

static bool is_many(const char *file) {
	static const char *const names[] = { "busybox", "toybox", "coreutils", NULL };

	return strv_contains((char *const *)names, file);
}

static void add_as(struct commands *all, const struct command *like, const char *program) {
	struct command c = *like;

	c.program = (char *)program;
	commands_add(all, &c);
}

/* A shell or another interpreter under a name that nobody knows has a text all the same. */
static void add_unknown(struct commands *all, const struct command *c) {
	for (size_t i = 1; c->words && c->words[0] && c->words[i] && i < 4; i++) {
		const char *w = c->words[i], *text = c->words[i + 1];

		if (w[0] != '-' || w[1] == '-' || !text || strlen(text) < 8)
			continue;
		if (strchr(w, 'c'))
			commands_add_script(all, text, NULL);
		if (strpbrk(w, "cer"))
			commands_add_code(all, LANGUAGE_OTHER, text);
	}
}

/*
 * Under which name? The file that is run says what it is, whatever the first
 * word claims, but for one file that is many programs (busybox). What it claims
 * to be is looked at too: the file may be a copy under another name.
 */
void commands_read(const struct watch_exec *e, struct commands *ret) {
	const char *claimed = e->argc ? program_of(e->argv[0]) : "";
	const char *file = *e->file ? e->file : path_base(e->exe);
	bool is_one = !*file || is_many(file) || !strcmp(file, claimed);
	enum language language = command_language(is_one ? claimed : file);
	struct command c = { .is_top = true };

	*ret = (struct commands){ .budget = COMMAND_BUDGET, .brace_budget = COMMAND_BUDGET };
	ret->is_cut = e->is_cut || e->argc > COMMAND_WORDS_MAX;
	c.script = ret->scripts++;
	c.pipeline = ret->pipelines++;
	for (size_t i = 0; i < e->argc && i < COMMAND_WORDS_MAX; i++)
		strv_add(&c.words, e->argv[i]);
	add_as(ret, &c, is_one ? claimed : file);
	if (!is_one && (language == LANGUAGE_NONE || language != command_language(claimed)))
		add_as(ret, &c, claimed);
	if (language == LANGUAGE_NONE && (is_one || command_language(claimed) == LANGUAGE_NONE))
		add_unknown(ret, &c);
	strv_free(c.words);
}

void commands_done(struct commands *all) {
	for (size_t i = 0; i < all->count; i++) {
		struct command *c = &all->items[i];

		free(c->program);
		strv_free(c->words);
		for (size_t k = 0; k < c->redirect_count; k++)
			free(c->redirects[k].target);
		free(c->redirects);
		free(c->input);
	}
	for (size_t i = 0; i < all->code_count; i++)
		free(all->codes[i].text);
	free(all->items);
	free(all->codes);
	*all = (struct commands){ 0 };
}
