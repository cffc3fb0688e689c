/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/profiles.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/escape.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/strv.h"

#define NOTE_SHOWN_MAX 4096

struct config_inputs profiles_inputs(const struct cli *cli, const char *cwd) {
	return (struct config_inputs){
		.person = cli->who,
		.home = cli->who->home,
		.cwd = cwd,
		.environment = environ,
	};
}

int profiles_load_alone(const struct cli *cli, const char *name, struct config **ret,
			struct err *err) {
	autofree char *cwd = path_absolute(".");
	struct config_inputs in = profiles_inputs(cli, cwd);

	in.profile = name;
	in.is_strict = true;
	in.is_profile_alone = true;
	return config_load(&in, ret, err);
}

void profile_place_done(struct profile_place *place) {
	free(place->name);
	free(place->base);
	free(place->below);
	free(place->file);
}

/* "/home/me/.coi/profiles/x/config.toml" in its parts. */
static void take_apart(const char *file, struct profile_place *ret) {
	autofree char *dir = xstrdup(file);

	/* Off with "config.toml" and the profile's own directory: the list made this path so. */
	for (int i = 0; i < 2; i++)
		*strrchr(dir, '/') = '\0';

	size_t len = strlen(dir);
	const char *below = "profiles";

	if (len > strlen("/.coi/profiles") &&
	    strcmp(dir + len - strlen("/.coi/profiles"), "/.coi/profiles") == 0)
		below = ".coi/profiles";
	ret->below = xstrdup(below);
	dir[len - strlen(below)] = '\0';
	ret->base = path_clean(dir);
}

int profiles_find(const struct cli *cli, const char *name, const char *verb,
		  struct profile_place *ret, struct err *err) {
	autofree char *cwd = path_absolute(".");
	struct config_inputs in = profiles_inputs(cli, cwd);
	struct profile_entry *entries, *found = NULL;
	size_t count;
	int r = 0;

	profile_list(&in, &entries, &count);
	for (size_t i = 0; !found && i < count; i++)
		if (!entries[i].is_shadowed && strcmp(entries[i].name, name) == 0)
			found = &entries[i];
	if (!found) {
		(void)err_set(err, ERR_MISSING, -ENOENT, "there is no profile '%s'", name);
		r = err_hint(err, "coi profile list shows those that are there");
	} else if (!found->file) {
		r = err_set(err, ERR_CONFLICT, -EPERM, "cannot %s profile '%s': it is built in", verb,
			    name);
	} else {
		*ret = (struct profile_place){
			.name = xstrdup(name),
			.file = xstrdup(found->file),
			.is_project = found->is_project,
		};
		take_apart(found->file, ret);
	}
	profile_list_free(entries, count);
	return r;
}

int profiles_open(const struct cli *cli, const struct profile_place *place, struct err *err) {
	int fd;

	privilege_person_begin(cli->who);

	autoclose int base = open(place->base, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (base < 0)
		fd = -errno;
	else if (place->is_project)
		fd = open_beneath(base, place->below, O_RDONLY | O_DIRECTORY, 0);
	else
		fd = openat(base, place->below, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd == -1)
		fd = -errno;
	privilege_person_end(cli->who);
	if (fd < 0)
		return err_sys(err, fd, "cannot open '%s/%s'", place->base, place->below);
	return fd;
}

void profiles_tell_note(const struct config_note *note) {
	autofree char *text = config_note_text(note);
	/* A newline in a name of theirs must not begin a line of ours. */
	autofree char *line = escape_text(text, NOTE_SHOWN_MAX);
	autofree char *hint = escape_text(note->hint, NOTE_SHOWN_MAX);

	if (note->level == NOTE_INFO)
		log_info("%s", line);
	else
		log_warn("%s", line);
	if (*hint)
		log_info("  %s", hint);
}

char **profiles_names(void) {
	struct cli cli = { 0 };
	struct err ignored = { 0 };
	struct profile_entry *entries;
	char **names = NULL;
	size_t count;

	if (privilege_detect(&cli.who, &ignored) < 0)
		return NULL;

	autofree char *cwd = path_absolute(".");
	struct config_inputs in = profiles_inputs(&cli, cwd);

	profile_list(&in, &entries, &count);
	for (size_t i = 0; i < count; i++)
		if (!entries[i].is_shadowed)
			strv_add(&names, entries[i].name);
	profile_list_free(entries, count);
	privilege_free(cli.who);
	return names;
}

static int write_new(int dirfd, const char *name, const char *text) {
	autofree char *temporary = xasprintf(".%s.tmp-%d", name, (int)getpid());
	autoclose int fd = openat(dirfd, temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	int r;

	if (fd < 0)
		return -errno;
	r = fd_write_all(fd, text, strlen(text));
	if (r == 0 && fsync(fd) < 0)
		r = -errno;
	/* Unlike a rename this replaces nothing. */
	if (r == 0 && linkat(dirfd, temporary, dirfd, name, 0) < 0)
		r = -errno;
	(void)unlinkat(dirfd, temporary, 0);
	return r;
}

int profiles_write_new(const struct cli *cli, int dirfd, const char *name, const char *text) {
	int r;

	privilege_person_begin(cli->who);
	r = write_new(dirfd, name, text);
	privilege_person_end(cli->who);
	return r;
}

/* "container.image" as "/container/image" (RFC 6901); what concerns no key is of the root. */
static char *pointer_of(const struct config_note *n) {
	struct buf b;

	if (!*n->key && n->kind != NOTE_UNKNOWN_KEY)
		return xstrdup("(root)");
	buf_init(&b, SIZE_MAX / 2);
	buf_addc(&b, '/');
	for (const char *c = n->key; *c; c++) {
		if (*c == '~')
			buf_adds(&b, "~0");
		else if (*c == '/')
			buf_adds(&b, "~1");
		else
			buf_addc(&b, *c == '.' ? '/' : *c);
	}
	return b.data;
}

int profiles_check(const struct cli *cli, const char *path, bool is_profile, char ***ret_errors,
		   char ***ret_warnings, struct err *err) {
	autofree char *cwd = path_absolute(".");
	struct config_inputs in = profiles_inputs(cli, cwd);
	auto_config struct config *c = NULL;
	const struct config_note *notes;
	size_t count;
	int r = config_check(&in, path, is_profile, &c, err);

	if (r < 0)
		return r;
	notes = config_notes(c, &count);
	for (size_t i = 0; i < count; i++) {
		const struct config_note *n = &notes[i];
		autofree char *pointer = pointer_of(n);
		/* The schema knows no other keys: here an unknown one is an error. */
		bool is_error = n->level == NOTE_ERROR || n->kind == NOTE_UNKNOWN_KEY;
		char ***list = is_error ? ret_errors : ret_warnings;

		if (list && n->line)
			strv_addf(list, "%s\t%s (line %d, column %d)", pointer, n->message, n->line,
				  n->column);
		else if (list)
			strv_addf(list, "%s\t%s", pointer, n->message);
	}
	return 0;
}
