/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Simple commands out of a text, in the order in which they stand there.
 *
 * No syntax tree: `if`, `while`, braces and parentheses only separate. That is
 * enough to see each command with its words, redirections and pipes.
 */
#include "monitor/shell.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/path.h"
#include "base/strv.h"

#define HEREDOCS_MAX 16
#define REDIRECTS_MAX 64

struct heredoc {
	char *end; /* the line that ends it */
	bool strips_tabs;
};

struct script {
	struct lexer l;
	struct command now; /* that is being read */
	bool has_word;      /* its name has been read */
	unsigned number, pipeline, stage;
	char *input;       /* what comes out of the pipe before; NULL: nothing is known */
	bool tells_output; /* all of them so far could be told */
	struct buf printed;
	size_t group; /* what the group that was opened last has printed begins there */
	struct heredoc docs[HEREDOCS_MAX];
	size_t doc_count;
	char *function; /* whose body is being read; NULL: none */
	char *piped;    /* the pipeline begins with that same one */
};

static void command_reset(struct command *c) {
	free(c->program);
	strv_free(c->words);
	for (size_t i = 0; i < c->redirect_count; i++)
		free(c->redirects[i].target);
	free(c->redirects);
	free(c->input);
	*c = (struct command){ 0 };
}

static bool is_reserved(const char *word) {
	static const char *const words[] = { "if",   "then",   "else",  "elif", "fi", "do",
		                             "done", "while",  "until", "!",    "{",  "}",
		                             "time", "coproc", "esac",  NULL };

	return strv_contains((char *const *)words, word);
}

/* --- one command has come to its end */

/* Hand it on. @is_piped: a pipe leads to the next. */
static void finish(struct script *s, bool is_piped) {
	struct command *c = &s->now;
	char *output = NULL;

	if (!c->words && !c->redirect_count) {
		command_reset(c);
		s->has_word = false;
		return;
	}
	c->script = s->number;
	c->pipeline = s->pipeline;
	c->stage = s->stage++;
	c->is_piped = is_piped;
	if (!c->input && s->input)
		c->input = xstrdup(s->input);
	if (c->words) {
		if (s->piped && !strcmp(s->piped, c->words[0]))
			s->l.all->is_fork_bomb = true;
		if (is_piped && s->function && !strcmp(s->function, c->words[0]))
			str_replace(&s->piped, c->words[0]);
		str_replace(&c->program, path_base(c->words[0]));
		output = filter_output(c, c->input);
	}
	commands_add(s->l.all, c);
	free(s->input);
	s->input = is_piped ? output : NULL;
	if (!is_piped) {
		s->tells_output &= output != NULL;
		if (output)
			buf_adds(&s->printed, output);
		free(output);
		str_replace(&s->piped, NULL);
		s->pipeline = s->l.all->pipelines++;
		s->stage = 0;
	}
	command_reset(c);
	s->has_word = false;
}

/* --- redirections */

static void add_redirect(struct script *s, int fd, const char *op, const char *target) {
	struct command *c = &s->now;

	if (c->redirect_count == REDIRECTS_MAX) {
		s->l.all->is_cut = true;
		return;
	}
	c->redirects = xreallocarray(c->redirects, c->redirect_count + 1, sizeof(*c->redirects));
	c->redirects[c->redirect_count] = (struct redirect){ .fd = fd, .target = xstrdup(target) };
	memcpy(c->redirects[c->redirect_count++].op, op, strlen(op) + 1);
}

static void skip_blanks(struct lexer *l) {
	while (l->at < l->len && (l->text[l->at] == ' ' || l->text[l->at] == '\t'))
		l->at++;
}

/* The operators, the longest that fits first. */
static const char *const operators[] = { "<<<", "<<-", "&>>", "<<", "<>", "<&",
	                                 ">>",  ">&",  ">|",  "&>", "<",  ">" };

static const char *operator_at(const struct lexer *l) {
	for (size_t i = 0; i < ARRAY_SIZE(operators); i++) {
		size_t n = strlen(operators[i]);

		if (l->len - l->at >= n && !strncmp(l->text + l->at, operators[i], n))
			return operators[i];
	}
	return NULL;
}

static void add_heredoc(struct script *s, const char *end, bool strips_tabs) {
	if (s->doc_count < HEREDOCS_MAX)
		s->docs[s->doc_count++] = (struct heredoc){ xstrdup(end), strips_tabs };
}

/* A redirection that begins here, of descriptor @fd (-2: the operator's own). */
static void read_redirect(struct script *s, int fd, const char *op) {
	struct lexer *l = &s->l;
	struct lexer_word w;
	const char *target;

	l->at += strlen(op);
	skip_blanks(l);
	lexer_read(l, true, &w);
	target = w.fields ? w.fields[0] : "";
	if (!strcmp(op, "<<") || !strcmp(op, "<<-")) {
		add_heredoc(s, target, op[2] == '-');
	} else if (!strcmp(op, "<<<")) {
		free(s->now.input);
		s->now.input = xasprintf("%s\n", target);
	} else if (!strncmp(op, "&>", 2) || (!strcmp(op, ">&") && fd == -2 &&
	                                     !isdigit((unsigned char)*target) && *target != '-')) {
		/* Both standard output and errors. */
		add_redirect(s, -1, op[2] ? ">>" : ">", target);
	} else {
		if (fd == -2)
			fd = op[0] == '<' ? 0 : 1;
		add_redirect(s, fd, !strcmp(op, ">|") ? ">" : op, target);
	}
	lexer_word_done(&w);
}

/* Here-documents begin behind the line that names them. */
static void read_heredocs(struct script *s) {
	struct lexer *l = &s->l;

	for (size_t i = 0; i < s->doc_count; i++) {
		struct heredoc *d = &s->docs[i];
		struct buf body;

		buf_init(&body, COMMAND_WORD_MAX);
		while (l->at < l->len) {
			const char *line = l->text + l->at,
				   *nl = memchr(line, '\n', l->len - l->at);
			size_t n = nl ? (size_t)(nl - line) : l->len - l->at, skip = 0;

			l->at += nl ? n + 1 : n;
			while (d->strips_tabs && skip < n && line[skip] == '\t')
				skip++;
			if (n - skip == strlen(d->end) && !strncmp(line + skip, d->end, n - skip))
				break;
			buf_add(&body, line + skip, n - skip);
			buf_addc(&body, '\n');
		}
		free(s->now.input);
		s->now.input = buf_steal(&body);
		buf_done(&body);
		free(d->end);
	}
	s->doc_count = 0;
}

/* --- words */

/* NAME=value before a command: kept for what follows. */
static bool read_assignment(struct script *s) {
	struct lexer *l = &s->l;
	size_t n = 0;
	const char *at = l->text + l->at;
	struct lexer_word w;

	while (l->at + n < l->len && (isalpha((unsigned char)at[n]) || at[n] == '_' ||
	                              (n && isdigit((unsigned char)at[n]))))
		n++;
	if (!n || l->at + n >= l->len || at[n] != '=')
		return false;
	l->at += n + 1;
	lexer_read(l, true, &w);
	/* What is not known must not look like what is empty. */
	if (!w.is_unknown)
		lexer_set(l, at, n, w.fields ? w.fields[0] : "");
	lexer_word_done(&w);
	return true;
}

static bool next_is_parens(const struct lexer *l) {
	size_t at = l->at;

	while (at < l->len && (l->text[at] == ' ' || l->text[at] == '\t'))
		at++;
	if (at >= l->len || l->text[at] != '(')
		return false;
	for (at++; at < l->len && (l->text[at] == ' ' || l->text[at] == '\t'); at++)
		;
	return at < l->len && l->text[at] == ')';
}

static void add_word(struct script *s, const struct lexer_word *w) {
	struct command *c = &s->now;

	if (!s->has_word && !w->is_quoted && w->fields && !w->fields[1]) {
		if (is_reserved(w->fields[0])) {
			if (*w->fields[0] == '{' || !strcmp(w->fields[0], "do"))
				s->group = s->printed.len;
			if (*w->fields[0] == '}')
				str_replace(&s->function, NULL);
			return;
		}
		if (next_is_parens(&s->l)) {
			str_replace(&s->function, w->fields[0]);
			return;
		}
	}
	if (!s->has_word)
		c->is_unknown = w->is_unknown;
	/* A name that is nothing but what cannot be told is still one. */
	if (!s->has_word && !w->fields && w->is_unknown) {
		strv_add(&c->words, "");
		s->has_word = true;
	}
	for (char **f = w->fields; f && *f; f++) {
		if (strv_len(c->words) >= COMMAND_WORDS_MAX) {
			s->l.all->is_cut = true;
			return;
		}
		strv_add(&c->words, *f);
		s->has_word = true;
	}
}

static void read_word(struct script *s) {
	struct lexer *l = &s->l;
	size_t start = l->at, digits = strspn(l->text + l->at, "0123456789");
	struct lexer_word w;

	/* "2>": the number belongs to the operator. */
	if (digits && digits < 4 && l->at + digits < l->len &&
	    (l->text[l->at + digits] == '<' || l->text[l->at + digits] == '>')) {
		int fd = (int)strtol(l->text + l->at, NULL, 10);

		l->at += digits;
		read_redirect(s, fd, operator_at(l));
		return;
	}
	if (!s->has_word && read_assignment(s))
		return;
	lexer_read(l, false, &w);
	add_word(s, &w);
	lexer_word_done(&w);
	if (l->at == start) /* whatever it is, on with it */
		l->at++;
}

/* Whether <( or >( begins here, which is a word. */
static bool is_process(const struct lexer *l) {
	return l->at + 1 < l->len && l->text[l->at + 1] == '(' &&
	       (l->text[l->at] == '<' || l->text[l->at] == '>');
}

static void read_separator(struct script *s) {
	struct lexer *l = &s->l;
	char c = l->text[l->at++], next = l->at < l->len ? l->text[l->at] : '\0';
	bool is_pipe = c == '|' && next != '|';

	if (is_pipe && next == '&') {
		l->at++;
		add_redirect(s, 2, ">&", "1");
	}
	if (c == '\n' && s->doc_count)
		read_heredocs(s);
	if (c == '(')
		s->group = s->printed.len;
	if (is_pipe && !s->now.words) {
		/* A group, or a loop: what it printed goes on. */
		finish(s, false);
		if (s->tells_output && s->printed.len > s->group) {
			free(s->input);
			s->input = xstrdup(s->printed.data + s->group);
		}
		return;
	}
	finish(s, is_pipe);
}

static void skip_comment(struct lexer *l) {
	while (l->at < l->len && l->text[l->at] != '\n')
		l->at++;
}

static void read_all(struct script *s) {
	struct lexer *l = &s->l;

	while (l->at < l->len && !l->all->is_cut) {
		char c = l->text[l->at];
		const char *op = is_process(l) ? NULL : operator_at(l);

		if (c == ' ' || c == '\t' || c == '\r' ||
		    (c == '\\' && l->at + 1 < l->len && l->text[l->at + 1] == '\n'))
			l->at += c == '\\' ? 2 : 1;
		else if (c == '#')
			skip_comment(l);
		else if (op)
			read_redirect(s, -2, op);
		else if (strchr("\n;&|()", c))
			read_separator(s);
		else
			read_word(s);
	}
	if (s->doc_count)
		read_heredocs(s);
	finish(s, false);
}

/* Everything @text says goes to @all. What it prints, or NULL. */
static char *run(struct commands *all, const char *text, char *const *params,
                 const struct lexer *outer) {
	struct script s = { .number = all->scripts++,
		            .pipeline = all->pipelines++,
		            .tells_output = true };
	size_t len = strlen(text);
	char *printed = NULL;

	if (all->depth >= COMMAND_DEPTH_MAX || len > all->budget) {
		all->is_cut = true;
		return NULL;
	}
	all->budget -= len;
	all->depth++;
	buf_init(&s.printed, COMMAND_WORD_MAX);
	lexer_init(&s.l, all, text, params);
	for (size_t i = 0; outer && i < outer->variable_count; i++)
		lexer_set(&s.l, outer->variables[i].name, strlen(outer->variables[i].name),
		          outer->variables[i].value);
	read_all(&s);
	if (s.tells_output && s.printed.len && !s.printed.overflow)
		printed = buf_steal(&s.printed);
	lexer_done(&s.l);
	for (size_t i = 0; i < s.doc_count; i++)
		free(s.docs[i].end);
	free(s.function);
	free(s.input);
	free(s.piped);
	buf_done(&s.printed);
	command_reset(&s.now);
	all->depth--;
	return printed;
}

void commands_add_script(struct commands *all, const char *text, char *const *params) {
	free(run(all, text, params, NULL));
}

char *shell_output(struct lexer *l, const char *text) {
	return run(l->all, text, l->params, l);
}
