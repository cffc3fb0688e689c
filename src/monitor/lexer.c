/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One word: quotes are taken away, expansions done as far as the text tells.
 *
 * While a word is read, what an unquoted character means is kept as a control
 * byte in its place (SPLIT and the like), since quotes are gone afterwards.
 */
#include "monitor/lexer.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/strv.h"
#include "monitor/decode.h"
#include "monitor/shell.h"

#define SPLIT '\x01'
#define OPEN '\x02'
#define COMMA '\x03'
#define CLOSE '\x04'
#define FIELDS_MAX 256 /* that one word may become */

struct word {
	struct lexer *l;
	struct buf text;
	bool is_quoted, is_unknown, is_assignment;
	bool was_empty_quote; /* '' is a word */
};

void lexer_init(struct lexer *l, struct commands *all, const char *text, char *const *params) {
	*l = (struct lexer){ .text = text, .len = strlen(text), .all = all, .params = params };
}

void lexer_done(struct lexer *l) {
	for (size_t i = 0; i < l->variable_count; i++) {
		free(l->variables[i].name);
		free(l->variables[i].value);
	}
	l->variable_count = 0;
}

void lexer_word_done(struct lexer_word *w) {
	strv_free(w->fields);
	*w = (struct lexer_word){ 0 };
}

static struct lexer_variable *find(const struct lexer *l, const char *name, size_t len) {
	for (size_t i = 0; i < l->variable_count; i++) {
		const struct lexer_variable *v = &l->variables[i];

		if (strlen(v->name) == len && !strncmp(v->name, name, len))
			return (struct lexer_variable *)v;
	}
	return NULL;
}

const char *lexer_get(const struct lexer *l, const char *name, size_t len) {
	const struct lexer_variable *v = find(l, name, len);

	return v ? v->value : NULL;
}

void lexer_set(struct lexer *l, const char *name, size_t len, const char *value) {
	struct lexer_variable *v = find(l, name, len);

	if (v) {
		str_replace(&v->value, value);
		return;
	}
	if (l->variable_count == LEXER_VARIABLES_MAX)
		return;
	l->variables[l->variable_count++] =
		(struct lexer_variable){ xstrndup(name, len), xstrdup(value) };
}

size_t lexer_nested(const char *text, size_t len, char open, char close) {
	unsigned depth = 1;
	char quote = '\0';

	for (size_t i = 0; i < len; i++) {
		char c = text[i];

		if (c == '\\' && quote != '\'') {
			i++;
			continue;
		}
		if (quote) {
			quote = c == quote ? '\0' : quote;
			continue;
		}
		if (c == '\'' || c == '"')
			quote = c;
		else if (c == close && --depth == 0)
			return i;
		else if (c == open)
			depth++;
	}
	return len;
}

/* --- expansions */

static void add_char(struct word *w, char c) {
	/* Our own marks are nobody else's. */
	buf_addc(&w->text, c >= SPLIT && c <= CLOSE ? ' ' : c);
}

/* The value of something: split at blanks when it is not in quotes. */
static void add_value(struct word *w, const char *value, bool in_quotes) {
	size_t len = strlen(value);

	if (w->l->all->budget < len) {
		w->l->all->is_cut = true;
		w->is_unknown = true;
		return;
	}
	w->l->all->budget -= len;
	for (; *value; value++) {
		if (!in_quotes && !w->is_assignment && isspace((unsigned char)*value))
			buf_addc(&w->text, SPLIT);
		else
			add_char(w, *value);
	}
}

static const char *param(const struct lexer *l, size_t n) {
	return n < strv_len(l->params) ? l->params[n] : NULL;
}

static void add_params(struct word *w, bool in_quotes) {
	const struct lexer *l = w->l;

	for (size_t i = 1; i < strv_len(l->params); i++) {
		if (i > 1)
			buf_addc(&w->text, w->is_assignment ? ' ' : SPLIT);
		add_value(w, l->params[i], in_quotes);
	}
}

static bool is_name(char c, bool is_first) {
	return isalpha((unsigned char)c) || c == '_' || (!is_first && isdigit((unsigned char)c));
}

static size_t name_length(const char *s, const char *end) {
	size_t n = 0;

	while (s + n < end && is_name(s[n], n == 0))
		n++;
	return n;
}

/* A variable by name. What was never set may be set elsewhere, or be empty. */
static void add_variable(struct word *w, const char *name, size_t len, bool in_quotes) {
	const char *value = lexer_get(w->l, name, len);

	if (value) {
		add_value(w, value, in_quotes);
		return;
	}
	if (len == 3 && !strncmp(name, "IFS", 3)) {
		buf_addc(&w->text, in_quotes || w->is_assignment ? ' ' : SPLIT);
		return;
	}
	if (len == 4 && !strncmp(name, "HOME", 4)) {
		buf_addc(&w->text, '~');
		return;
	}
	w->is_unknown = true;
}

/* What is between ${ and }. */
static void add_braced(struct word *w, const char *s, size_t len, bool in_quotes) {
	size_t n = name_length(s, s + len);
	const char *value = lexer_get(w->l, s, n), *rest = s + n;
	size_t left = len - n;

	if (len == 1 && (*s == '@' || *s == '*')) {
		add_params(w, in_quotes);
		return;
	}
	if (n == 0 && len && isdigit((unsigned char)*s)) {
		value = param(w->l, strtoul(s, NULL, 10));
		add_value(w, value ? value : "", in_quotes);
		return;
	}
	/* ${x:-word}, ${x-word}, ${x:=word}: the word when it is not set. */
	if (!value && left >= 2 && strcspn(rest, "-=") <= 1) {
		size_t skip = strcspn(rest, "-=") + 1;
		autofree char *other = xstrndup(rest + skip, left - skip);

		add_value(w, other, in_quotes);
		return;
	}
	/* ${x:2:1}: a part of it, which is how words are spelt out of others. */
	if (value && left >= 2 && *rest == ':' && isdigit((unsigned char)rest[1])) {
		size_t from = strtoul(rest + 1, NULL, 10), max = strlen(value), count = max;
		const char *colon = memchr(rest + 1, ':', left - 1);

		if (colon)
			count = strtoul(colon + 1, NULL, 10);
		from = from < max ? from : max;
		autofree char *part =
			xstrndup(value + from, count < max - from ? count : max - from);

		add_value(w, part, in_quotes);
		return;
	}
	if (n)
		add_variable(w, s, n, in_quotes);
	else
		w->is_unknown = true;
}

/* $(…) and `…`: what it prints, when that can be told. */
static void add_substitution(struct word *w, const char *s, size_t len, bool in_quotes) {
	autofree char *text = xstrndup(s, len);
	autofree char *output = shell_output(w->l, text);

	if (!output) {
		w->is_unknown = true;
		return;
	}
	/* As a shell does: without the newlines at its end. */
	for (size_t n = strlen(output); n && output[n - 1] == '\n'; n--)
		output[n - 1] = '\0';
	add_value(w, output, in_quotes);
}

/* What follows a '$'. */
static void read_dollar(struct word *w, bool in_quotes) {
	struct lexer *l = w->l;
	const char *s = l->text + l->at, *end = l->text + l->len;
	size_t n = name_length(s, end);
	char c = s < end ? *s : '\0';

	if (n) {
		l->at += n;
		add_variable(w, s, n, in_quotes);
	} else if (c == '{') {
		n = lexer_nested(s + 1, (size_t)(end - s - 1), '{', '}');
		l->at += n + 2;
		add_braced(w, s + 1, n, in_quotes);
	} else if (c == '(' && s + 1 < end && s[1] == '(') {
		n = lexer_nested(s + 1, (size_t)(end - s - 1), '(', ')');
		l->at += n + 2;
		w->is_unknown = true;
	} else if (c == '(') {
		n = lexer_nested(s + 1, (size_t)(end - s - 1), '(', ')');
		l->at += n + 2;
		add_substitution(w, s + 1, n, in_quotes);
	} else if (c == '@' || c == '*') {
		l->at++;
		add_params(w, in_quotes);
	} else if (isdigit((unsigned char)c)) {
		const char *value = param(l, (size_t)(c - '0'));

		l->at++;
		add_value(w, value ? value : "", in_quotes);
	} else if (c == '\'' && !in_quotes) {
		n = 1;
		while (s + n < end && s[n] != '\'')
			n += s[n] == '\\' ? 2 : 1;
		n = s + n < end ? n : (size_t)(end - s);
		decode_escapes(s + 1, n - 1, &w->text);
		w->is_quoted = true;
		l->at += n + 1;
	} else if (c == '"' && !in_quotes) {
		/* $"…" is "…" in another language. */
		return;
	} else if (c && strchr("?#$!-", c)) {
		l->at++;
		w->is_unknown = true;
	} else {
		add_char(w, '$');
	}
	if (l->at > l->len)
		l->at = l->len;
}

static void read_backquote(struct word *w, bool in_quotes) {
	struct lexer *l = w->l;
	const char *s = l->text + l->at;
	size_t left = l->len - l->at, n = 0;

	while (n < left && s[n] != '`')
		n += s[n] == '\\' ? 2 : 1;
	n = n < left ? n : left;
	l->at += n < left ? n + 1 : n;
	add_substitution(w, s, n, in_quotes);
}

static void read_double(struct word *w) {
	struct lexer *l = w->l;

	w->is_quoted = w->was_empty_quote = true;
	while (l->at < l->len) {
		char c = l->text[l->at++];

		if (c == '"')
			return;
		if (c == '\\' && l->at < l->len && strchr("$`\"\\\n", l->text[l->at])) {
			if (l->text[l->at] != '\n')
				add_char(w, l->text[l->at]);
			l->at++;
		} else if (c == '$') {
			read_dollar(w, true);
		} else if (c == '`') {
			read_backquote(w, true);
		} else {
			add_char(w, c);
		}
	}
}

static void read_single(struct word *w) {
	struct lexer *l = w->l;

	w->is_quoted = w->was_empty_quote = true;
	while (l->at < l->len && l->text[l->at] != '\'')
		add_char(w, l->text[l->at++]);
	if (l->at < l->len)
		l->at++;
}

/* <(…) and >(…): its commands are taken apart, the word is a path of no interest. */
static bool read_process(struct word *w) {
	struct lexer *l = w->l;
	const char *s = l->text + l->at;
	size_t left = l->len - l->at, n;

	if (left < 2 || (s[0] != '<' && s[0] != '>') || s[1] != '(')
		return false;
	n = lexer_nested(s + 2, left - 2, '(', ')');

	autofree char *text = xstrndup(s + 2, n);

	commands_add_script(l->all, text, l->params);
	buf_adds(&w->text, "/dev/fd/63");
	l->at += n + 3 < left ? n + 3 : left;
	return true;
}

/* --- fields */

/*
 * a{b,c}d: abd acd. One pair of braces at a time, the first that has a comma. A text of many
 * pairs is written down as often as it has of them, so this has a bound of its own.
 */
static void expand_braces(struct commands *all, const char *field, char ***out) {
	const size_t len = strlen(field);
	const char *open = strchr(field, OPEN), *close = NULL, *comma = NULL;
	unsigned depth = 0;

	for (const char *p = open; p && *p && !close; p++) {
		depth += *p == OPEN;
		if (*p == COMMA && depth == 1 && !comma)
			comma = p;
		if (*p == CLOSE && --depth == 0)
			close = p;
	}
	if (close && comma && len > all->brace_budget)
		all->is_cut = true;
	if (!close || !comma || len > all->brace_budget || strv_len(*out) > FIELDS_MAX) {
		char *plain = xstrdup(field);

		for (char *p = plain; *p; p++)
			*p = *p == OPEN ? '{' : *p == COMMA ? ',' : *p == CLOSE ? '}' : *p;
		/* What comes out as nothing, without quotes, is no word. */
		if (*plain)
			strv_take(out, steal_ptr(plain));
		free(plain);
		return;
	}
	all->brace_budget -= len;
	for (const char *from = open + 1, *p = from; p <= close; p++) {
		depth += *p == OPEN;
		if (*p == CLOSE && p != close)
			depth--;
		if ((*p != COMMA || depth) && p != close)
			continue;

		autofree char *one = xasprintf("%.*s%.*s%s", (int)(open - field), field,
		                               (int)(p - from), from, close + 1);

		expand_braces(all, one, out);
		from = p + 1;
	}
}

static void make_fields(struct word *w, struct lexer_word *ret) {
	char *save = NULL;
	bool was_empty = !w->text.len && w->was_empty_quote;

	if (w->text.overflow)
		w->l->all->is_cut = true;
	if (was_empty || w->is_assignment) {
		char *plain = xstrdup(w->text.data);

		for (char *p = plain; *p; p++)
			*p = *p == OPEN ? '{' : *p == COMMA ? ',' : *p == CLOSE ? '}' : *p;
		strv_take(&ret->fields, plain);
		return;
	}
	for (char *f = strtok_r(w->text.data, "\x01", &save); f; f = strtok_r(NULL, "\x01", &save))
		expand_braces(w->l->all, f, &ret->fields);
}

void lexer_read(struct lexer *l, bool is_assignment, struct lexer_word *ret) {
	struct word w = { .l = l, .is_assignment = is_assignment };

	*ret = (struct lexer_word){ 0 };
	buf_init(&w.text, COMMAND_WORD_MAX);
	while (l->at < l->len) {
		char c = l->text[l->at];

		if (read_process(&w))
			continue;
		if (isspace((unsigned char)c) || strchr(";&|()<>", c))
			break;
		l->at++;
		if (c == '\\' && l->at < l->len) {
			if (l->text[l->at] != '\n')
				add_char(&w, l->text[l->at]);
			w.is_quoted = true;
			l->at++;
		} else if (c == '\'') {
			read_single(&w);
		} else if (c == '"') {
			read_double(&w);
		} else if (c == '$') {
			read_dollar(&w, false);
		} else if (c == '`') {
			read_backquote(&w, false);
		} else if (c == '{' || c == ',' || c == '}') {
			buf_addc(&w.text, c == '{' ? OPEN : c == ',' ? COMMA : CLOSE);
		} else {
			add_char(&w, c);
		}
	}
	make_fields(&w, ret);
	ret->is_quoted = w.is_quoted;
	ret->is_unknown = w.is_unknown;
	buf_done(&w.text);
}
