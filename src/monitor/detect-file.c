/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Watched files that are touched, and lines of logs. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "monitor/detect.h"
#include "monitor/places.h"

static void add(struct findings *ret, const struct finding *like, const char *indicator) {
	struct finding f = *like;

	(void)snprintf(f.indicator, sizeof(f.indicator), "%.*s", (int)sizeof(f.indicator) - 1,
	               indicator);
	findings_add(ret, &f);
}

static bool is_reading(enum watch_access a) {
	return a == WATCH_OPEN || a == WATCH_READ;
}

/* Those whose business a file is: ssh and its key. */
static bool is_owner(const struct watch_event *e, const struct place *p) {
	for (const char *const *o = p->owners; o && *o && e->comm; o++)
		/* A name of a process has 15 bytes at most. */
		if (strncmp(*o, e->comm, WATCH_COMM_MAX - 1) == 0)
			return true;
	return false;
}

/* It has not happened; but somebody has tried. */
static void detect_refused(const struct watch_event *e, struct findings *ret) {
	const struct watch_file *f = &e->file;
	const struct place *p = f->is_tool ? NULL : place_find(f->path, PLACE_SECRET);
	struct finding one = {
		.rule = "block.secret",
		.level = p ? p->level : AUDIT_HIGH,
		.category = AUDIT_CREDENTIAL_ACCESS,
		.title = "Read refused",
		.description = p ? p->what : "a file that the settings close (monitoring.block_secrets)",
		.evidence = AUDIT_EVIDENCE_SENSITIVE_FILE,
	};

	if (f->is_tool) {
		one.rule = "block.tool";
		one.category = AUDIT_PROCESS;
		one.title = "Program refused";
		one.description = "a program that the settings refuse (monitoring.block_tools)";
	}
	add(ret, &one, f->path);
}

void detect_file(const struct watch_event *e, const struct detect_settings *set,
                 struct findings *ret) {
	const struct watch_file *f = &e->file;
	const struct place *p;
	struct finding one = { .category = AUDIT_CREDENTIAL_ACCESS,
		               .evidence = AUDIT_EVIDENCE_SENSITIVE_FILE };

	(void)set;
	if (f->was_refused) {
		detect_refused(e, ret);
		return;
	}
	if (f->is_canary) {
		one.rule = "file.canary";
		one.level = AUDIT_CRITICAL;
		one.title = "Bait taken";
		one.description = "a file that was only put there to see who touches it";
		add(ret, &one, f->path);
		return;
	}
	if (f->is_secret) {
		one.rule = "file.secret";
		one.level = AUDIT_HIGH;
		one.title = "Secret touched";
		one.description = "a file that the settings call secret (security.secret_paths)";
		add(ret, &one, f->path);
		return;
	}
	p = place_find(f->path, is_reading(f->access) ? PLACE_SECRET : PLACE_PERSISTENCE);
	if (!p || (is_reading(f->access) && is_owner(e, p)))
		return;
	one.level = p->level;
	one.description = p->what;
	if (is_reading(f->access)) {
		one.rule = "file.credential";
		one.title = "Secret read";
	} else {
		one.rule = "file.persistence";
		one.category = AUDIT_PERSISTENCE;
		one.title = "Written to where things run";
	}
	add(ret, &one, f->path);
}

/* --- the log of logins */

static const struct {
	const char *rule;
	const char *text; /* in the line, whatever the case */
	const char *title;
} lines[] = {
	{ "auth.failure", "authentication failure", "Login failed" },
	{ "auth.failure", "failed password", "Login failed" },
	{ "auth.failure", "incorrect password attempt", "Login failed" },
	{ "auth.failure", "failed su ", "Login failed" },
	{ "auth.failure", "conversation failed", "Login failed" },
	{ "auth.sudoers", "not in sudoers", "Refused by sudo" },
	{ "auth.sudoers", "command not allowed", "Refused by sudo" },
	{ "auth.login", "accepted password", "Login by password" },
	{ "auth.login", "accepted publickey", "Login by key" },
	{ "auth.user", "new user:", "User added" },
	{ "auth.user", "new group:", "Group added" },
	{ "auth.user", "delete user", "User removed" },
	{ "auth.user", "password changed for", "Password changed" },
	{ "auth.user", "to group 'sudo'", "User may become root" },
};

/* A line has the time and a process's number: the same again is the same without them. */
static void without_numbers(const char *text, char out[FINDING_INDICATOR_MAX]) {
	size_t i = 0;

	for (; text[i] && i < FINDING_INDICATOR_MAX - 1; i++)
		out[i] = isdigit((unsigned char)text[i]) ? '#' : text[i];
	out[i] = '\0';
}

void detect_line(const struct watch_event *e, const struct detect_settings *set,
                 struct findings *ret) {
	char same[FINDING_INDICATOR_MAX];

	(void)set;
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		const struct finding f = {
			.rule = lines[i].rule,
			.level = AUDIT_WARNING,
			.category = AUDIT_AUTH,
			.title = lines[i].title,
			.description = "a line in the container's log of logins",
			.evidence = AUDIT_EVIDENCE_AUTH_LOG,
		};

		if (!strcasestr(e->line.text, lines[i].text))
			continue;
		without_numbers(e->line.text, same);
		add(ret, &f, same);
		return;
	}
}
