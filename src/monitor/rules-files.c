/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Command lines that name a secret, or a place from which something runs later. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/path.h"
#include "base/strv.h"
#include "monitor/places.h"
#include "monitor/rule.h"

/* They look at what a file is, or change that, and not at what is in it. */
static const char *const harmless[] = {
	"ls",      "stat",      "chmod",      "chown",   "chgrp", "test",  "[",        "[[",
	"mkdir",   "touch",     "rm",         "rmdir",   "file",  "cd",    "realpath", "readlink",
	"dirname", "basename",  "echo",       "printf",  "du",    "find",  "lsattr",   "getfacl",
	"git",     "sha256sum", "export",     "setfacl", "umask", "shred", "access",   "pwd",
	"install", "exit",      "ssh-keygen", NULL,
};

/* A file in a word: as it is, behind '=' or '@' or ':', in a URL of files. */
static const struct place *place_in_word(const char *word, enum place_kind kind) {
	const struct place *p = NULL;
	const char *at = word;

	while (at && !p) {
		autofree char *clean = NULL;
		size_t skip = strspn(at, "'\"@<");

		if (starts_with(at + skip, "file://"))
			skip += sizeof("file://") - 1;
		if (at[skip] == '/')
			clean = path_clean(at + skip);
		else if (starts_with(at + skip, "./"))
			clean = xstrdup(at + skip + 2);
		p = place_find(clean ? clean : at + skip, kind);
		at = strpbrk(at + skip, "=:@");
		at = at ? at + 1 : NULL;
	}
	return p;
}

/* Does the program itself own it? All names of the command count: npm is node too. */
static bool is_owner(const struct exec_input *in, const struct command *c, const struct place *p) {
	if (!p->owners)
		return false;
	if (word_in(c->program, p->owners))
		return true;
	/* A script of its own: node /usr/bin/npm, python /usr/bin/aws. */
	if (c->words && c->words[0] && c->words[1] && word_in(path_base(c->words[1]), p->owners))
		return true;
	return in->event->comm && word_in(in->event->comm, p->owners);
}

static const struct place *secret_of(const struct exec_input *in, const struct command *c) {
	const struct redirect *from = command_redirect(c, 0);
	const struct place *p =
		from && from->op[1] != '&' ? place_in_word(from->target, PLACE_SECRET) : NULL;

	if (p)
		return p;
	if (!c->words || word_in(c->program, harmless) ||
	    command_language(c->program) == LANGUAGE_SHELL)
		return NULL;
	for (size_t i = 1; c->words[i]; i++) {
		p = place_in_word(c->words[i], PLACE_SECRET);
		if (p && !is_owner(in, c, p))
			return p;
	}
	return NULL;
}

/* Paths in quotes, in a program text. */
static const struct place *secret_in_code(const char *text, char *path, size_t size) {
	const char *at = text;

	while ((at = strpbrk(at, "'\""))) {
		const char *end = strchr(at + 1, *at);
		size_t n = end ? (size_t)(end - at) - 1 : 0;
		const struct place *p;

		if (!end)
			return NULL;
		if (n < size) {
			memcpy(path, at + 1, n);
			path[n] = '\0';
			p = place_find(path, PLACE_SECRET);
			if (p)
				return p;
		}
		at = n ? end : at + 1;
	}
	return NULL;
}

/* The gravest secret that is read, and by what. */
static bool match_secret(const struct exec_input *in, enum audit_level level,
                         struct buf *indicator) {
	char path[256];

	for (size_t i = 0; i < in->all->count; i++) {
		const struct place *p = secret_of(in, &in->all->items[i]);

		if (!p || p->level != level)
			continue;
		buf_addf(indicator, "%s: ", p->what);
		add_command(indicator, &in->all->items[i]);
		return true;
	}
	for (size_t i = 0; i < in->all->code_count; i++) {
		const struct place *p = secret_in_code(in->all->codes[i].text, path, sizeof(path));

		if (!p || p->level != level)
			continue;
		buf_addf(indicator, "%s: %s in a program text", p->what, path);
		return true;
	}
	return false;
}

static bool match_secret_high(const struct exec_input *in, struct buf *indicator) {
	return match_secret(in, AUDIT_HIGH, indicator);
}

static bool match_secret_warning(const struct exec_input *in, struct buf *indicator) {
	return match_secret(in, AUDIT_WARNING, indicator);
}

/* --- what runs later */

/* The file that a command writes: by redirection, or as its last word. */
static const struct place *written_place(const struct command *c) {
	static const char *const writers[] = {
		"tee", "cp", "mv", "install", "ln", "dd", "sed", NULL
	};
	const struct place *p = NULL;
	size_t n = strv_len(c->words);

	for (size_t i = 0; i < c->redirect_count && !p; i++)
		if (c->redirects[i].op[0] == '>')
			p = place_in_word(c->redirects[i].target, PLACE_PERSISTENCE);
	if (p || !n || !word_in(c->program, writers))
		return p;
	if (!strcmp(c->program, "sed")) {
		bool is_in_place = false;

		for (size_t i = 1; i < n; i++)
			is_in_place |= starts_with(c->words[i], "-i") ||
			               starts_with(c->words[i], "--in-place");
		return is_in_place ? place_in_word(c->words[n - 1], PLACE_PERSISTENCE) : NULL;
	}
	if (!strcmp(c->program, "tee")) {
		for (size_t i = 1; i < n && !p; i++)
			p = place_in_word(c->words[i], PLACE_PERSISTENCE);
		return p;
	}
	return place_in_word(c->words[n - 1], PLACE_PERSISTENCE);
}

static bool match_written(const struct exec_input *in, enum audit_level level,
                          struct buf *indicator) {
	for (size_t i = 0; i < in->all->count; i++) {
		const struct place *p = written_place(&in->all->items[i]);

		if (!p || p->level != level)
			continue;
		buf_addf(indicator, "%s: ", p->what);
		add_command(indicator, &in->all->items[i]);
		return true;
	}
	return false;
}

static bool match_written_high(const struct exec_input *in, struct buf *indicator) {
	return match_written(in, AUDIT_HIGH, indicator);
}

static bool match_written_warning(const struct exec_input *in, struct buf *indicator) {
	return match_written(in, AUDIT_WARNING, indicator);
}

/* crontab FILE and crontab -, at, systemctl enable. */
static bool match_scheduler(const struct exec_input *in, struct buf *indicator) {
	static const char *const enables[] = { "enable", "link", "reenable", "preset", NULL };

	for (size_t i = 0; i < in->all->count; i++) {
		const struct command *c = &in->all->items[i];
		bool fires = false;

		if (!c->words || !c->words[0])
			continue;
		if (!strcmp(c->program, "crontab"))
			for (size_t k = 1; c->words[k]; k++)
				fires |= !strcmp(c->words[k], "-") || !strcmp(c->words[k], "-e") ||
				         c->words[k][0] != '-';
		else if (!strcmp(c->program, "at") || !strcmp(c->program, "batch"))
			fires = c->words[1] && strcmp(c->words[1], "-V") != 0;
		else if (!strcmp(c->program, "systemctl"))
			for (size_t k = 1; c->words[k]; k++)
				fires |= word_in(c->words[k], enables);
		if (!fires)
			continue;
		add_command(indicator, c);
		return true;
	}
	return false;
}

const struct exec_rule rules_files[] = {
	{ "secret.read-high", .level = AUDIT_HIGH, .category = AUDIT_CREDENTIAL_ACCESS,
	  "Secret read", "a file that holds a secret is given to a program that is not its own",
	  match_secret_high },
	{ "secret.read", .level = AUDIT_WARNING, .category = AUDIT_CREDENTIAL_ACCESS, "Secret read",
	  "a file that may hold a secret is given to a program that is not its own",
	  match_secret_warning },
	{ "persistence.write-high", .level = AUDIT_HIGH, .category = AUDIT_PERSISTENCE,
	  "Written to where things run",
	  "a command writes to a file from which programs are run later", match_written_high },
	{ "persistence.write", .level = AUDIT_WARNING, .category = AUDIT_PERSISTENCE,
	  "Written to where things run",
	  "a command writes to a file from which programs are run later", match_written_warning },
	{ "persistence.schedule", .level = AUDIT_WARNING, .category = AUDIT_PERSISTENCE,
	  "Scheduled to run later", "a program is told to run something later or at each start",
	  match_scheduler },
	{ 0 },
};
