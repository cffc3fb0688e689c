/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "monitor/pattern/gtfobins.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/strv.h"
#include "monitor/command.h"
#include "monitor/pattern/set.h"
#include "monitor/pattern/value.h"
#include "monitor/pattern/yaml-tree.h"

#define TELLING 24 /* letters of a word that nobody types by chance */
#define WORDS_MAX 64

/* What the examples of a function are taken for. */
struct kind {
	const char *function; /* as older and newer files have it */
	const char *context;  /* of which only these examples; NULL: all */
	const char *name;
	const char *title;
	const char *level;
	bool is_root;
};

static const struct kind kinds[] = {
	{ "reverse-shell", NULL, "reverse-shell", "A shell for somebody on the network", "high",
	  false },
	{ "non-interactive-reverse-shell", NULL, "reverse-shell",
	  "A shell for somebody on the network", "high", false },
	{ "bind-shell", NULL, "bind-shell", "A shell that waits for somebody on the network",
	  "high", false },
	{ "non-interactive-bind-shell", NULL, "bind-shell",
	  "A shell that waits for somebody on the network", "high", false },
	{ "sudo", NULL, "sudo", "A shell of root's out of another program", "warning", true },
	{ "suid", NULL, "suid", "A shell of root's out of another program", "warning", true },
	{ "shell", "sudo", "sudo", "A shell of root's out of another program", "warning", true },
	{ "shell", "suid", "suid", "A shell of root's out of another program", "warning", true },
};

struct file {
	const char *path;
	char *program;
	json_t *rules;
	size_t before; /* rules of other files */
	size_t ignored;
};

/* --- words */

/* What stands for something else in an example. */
static size_t placeholder(const char *text) {
	static const char *const names[] = { "attacker.com", "12345", "file_to_", "file-to-",
		                             "/path/to/",    "DATA",  "dir_to_",  NULL };

	for (const char *const *n = names; *n; n++)
		if (!strncmp(text, *n, strlen(*n))) {
			size_t len = strlen(*n);

			if (strchr("_-/", (*n)[len - 1]))
				while (isalnum((unsigned char)text[len]) ||
				       (text[len] && strchr("._/-", text[len])))
					len++;
			return len;
		}
	return 0;
}

/* A word as a value of a set has it: without blanks, "*" for what may be anything. */
static char *as_value(const char *word, size_t *ret_letters) {
	struct buf b;

	*ret_letters = 0;
	buf_init(&b, PATTERN_VALUE_MAX);
	while (*word) {
		size_t n = placeholder(word);

		if (n) {
			buf_addc(&b, '*');
			word += n;
			continue;
		}
		if (strchr("*?\\", *word))
			buf_addc(&b, '\\');
		if (!isspace((unsigned char)*word)) {
			buf_addc(&b, *word);
			++*ret_letters;
		}
		word++;
	}
	if (b.overflow)
		*ret_letters = 0;
	return buf_steal(&b);
}

static bool names_a_shell(const char *word) {
	const char *base = path_base(word);

	return !strcmp(base, "sh") || !strcmp(base, "bash") || strstr(word, "/bin/sh") ||
	       strstr(word, "/bin/bash");
}

/* --- rules */

static bool is_there(const struct file *f, const char *program, const json_t *words) {
	for (size_t i = f->before; i < json_array_size(f->rules); i++) {
		const json_t *one = json_array_get(f->rules, i);

		if (!strcmp(json_get_str(one, "program", ""), program) &&
		    json_equal(json_object_get(one, "words"), words))
			return true;
	}
	return false;
}

static void add_rule(struct file *f, const struct kind *kind, const char *comment,
                     const json_t *words) {
	size_t number = json_array_size(f->rules) - f->before + 1;
	autofree char *more = xasprintf("%s.%zu", kind->name, number);
	autofree char *id = pattern_rule_id("gtfobins", f->path, more);
	autofree char *title = xasprintf("%s: %s", kind->title, f->program);
	autofree char *why = xasprintf("GTFOBins knows this command of '%s' (%s)%s%s", f->program,
	                               kind->name, comment ? ": " : "", comment ? comment : "");

	json_array_append_new(f->rules,
	                      json_pack("{s:s, s:s, s:o, s:o, s:o, s:s, s:s, s:s, s:O, s:b, s:b}",
	                                "id", id, "source", "gtfobins", "file", json_text(f->path),
	                                "title", pattern_text(title, PATTERN_TITLE_MAX),
	                                "description", pattern_text(why, PATTERN_DESCRIPTION_MAX),
	                                "level", kind->level, "given", kind->name, "program",
	                                f->program, "words", words, "is_exact", kind->is_root,
	                                "is_root", kind->is_root));
}

/*
 * A command of the example. A rule when it is about the program, and has what is not
 * in ordinary work: a shell's name beside other words, or a word of some length.
 */
static bool take_command(struct file *f, const struct kind *kind, const char *comment,
                         const struct command *c) {
	auto_json json_t *words = json_array();
	size_t plain = 0, shells = 0, telling = 0;

	if (c->is_unknown || !c->words || !c->words[0] || strcmp(c->program, f->program) != 0 ||
	    strv_len(c->words) > WORDS_MAX)
		return false;
	for (size_t i = 1; c->words[i]; i++) {
		size_t letters;
		autofree char *value = as_value(c->words[i], &letters);

		telling += letters >= TELLING;
		shells += names_a_shell(c->words[i]) && letters;
		plain += letters >= 2 && !names_a_shell(c->words[i]);
		if (json_array_append_new(words, json_string(value)) < 0)
			return false;
	}
	if (!(shells && plain) && !telling)
		return false;
	if (!is_there(f, f->program, words) &&
	    json_array_size(f->rules) - f->before < GTFOBINS_RULES_MAX)
		add_rule(f, kind, comment, words);
	return true;
}

static void take_code(struct file *f, const struct kind *kind, const char *comment,
                      const char *code) {
	char *const argv[] = { (char *)"sh", (char *)"-c", (char *)code };
	const struct watch_exec exec = {
		.exe = "/bin/sh", .file = "sh", .comm = "sh", .argv = argv, .argc = ARRAY_SIZE(argv)
	};
	auto_commands struct commands all;
	bool is_rule = false;

	commands_read(&exec, &all);
	for (size_t i = 0; i < all.count; i++)
		if (!all.items[i].is_top)
			is_rule |= take_command(f, kind, comment, &all.items[i]);
	f->ignored += !is_rule;
}

static void take_example(struct file *f, const struct kind *kind, const struct yaml_tree *example) {
	const struct yaml_tree *contexts = yaml_tree_get(example, "contexts");
	const struct yaml_tree *context =
		kind->context ? yaml_tree_get(contexts, kind->context) : NULL;
	const char *code = yaml_tree_get_text(context, "code");
	const char *comment = yaml_tree_get_text(example, "comment");

	if (kind->context && !context)
		return;
	if (!code)
		code = yaml_tree_get_text(example, "code");
	if (code)
		take_code(f, kind, comment ? comment : yaml_tree_get_text(example, "description"),
		          code);
}

static int read_functions(struct file *f, const struct yaml_tree *root, unsigned *line,
                          struct err *err) {
	const struct yaml_tree *functions = yaml_tree_get(root, "functions");

	if (!functions || functions->kind != YAML_MAP) {
		/* "alias: other" and the like */
		if (yaml_tree_get(root, "alias"))
			return 0;
		*line = root->line;
		return err_set(err, ERR_CONFIG, -EINVAL, "no 'functions'");
	}
	for (size_t i = 0; i < functions->count; i++) {
		const struct yaml_tree *one = &functions->items[i];
		bool is_kind = false;

		if (one->kind != YAML_LIST) {
			*line = one->line;
			return err_set(err, ERR_CONFIG, -EINVAL, "'%.60s' has no list of examples",
			               one->key);
		}
		for (size_t k = 0; k < ARRAY_SIZE(kinds); k++) {
			if (strcmp(one->key, kinds[k].function) != 0)
				continue;
			is_kind = true;
			for (size_t n = 0; n < one->count; n++)
				take_example(f, &kinds[k], &one->items[n]);
		}
		f->ignored += is_kind ? 0 : one->count;
	}
	return 0;
}

/* --- the file */

/* Where the head of the file ends: a line of "---" or "..."; behind it may be anything. */
static size_t head_length(const char *data, size_t len) {
	size_t at = 0;

	while (at < len) {
		const char *end = memchr(data + at, '\n', len - at);
		size_t n = end ? (size_t)(end - data) - at : len - at;

		if (at && n >= 3 &&
		    (!strncmp(data + at, "---", 3) || !strncmp(data + at, "...", 3)) &&
		    (n == 3 || data[at + 3] == '\r' || data[at + 3] == ' '))
			return at;
		at += n + (end ? 1 : 0);
	}
	return len;
}

int gtfobins_read(const char *file, const char *data, size_t len, json_t *rules,
                  size_t *ret_ignored, unsigned *ret_line, struct err *err) {
	struct file f = { .path = file, .rules = rules, .before = json_array_size(rules) };
	auto_yaml_tree struct yaml_tree *root = NULL;
	const char *base = path_base(file);
	size_t n = strlen(base);
	autofree char *program = NULL;
	int r;

	if (n > 3 && !strcmp(base + n - 3, ".md"))
		n -= 3;
	f.program = program = xstrndup(base, n);
	*ret_line = 0;
	r = yaml_tree_read(data, head_length(data, len), &root, ret_line, err);
	if (r == 0)
		r = read_functions(&f, root, ret_line, err);
	if (r < 0) {
		while (json_array_size(rules) > f.before)
			json_array_remove(rules, json_array_size(rules) - 1);
		return r;
	}
	*ret_ignored = f.ignored;
	return 0;
}
