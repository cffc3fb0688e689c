/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * JSON Lines below the person's home.
 *
 * Owns nothing between two events: directory and file are opened for each, as
 * the person, never following a link in the last two components. Several
 * processes (a command, a supervisor) append to one file (linefile.h).
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit/sink.h"
#include "base/linefile.h"
#include "base/mem.h"
#include "base/path.h"

#define NO_CONTAINER "_coi"
#define NAME_LEN_MAX 128

struct file_sink {
	struct audit_sink base;
	struct privilege who;
};

static bool is_file_name(const char *name) {
	size_t len = strlen(name);

	if (len == 0 || len > NAME_LEN_MAX || name[0] == '.' || name[0] == '_')
		return false;
	return strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") ==
	       len;
}

/* <home>/.coi/audit, made when missing. */
static int open_directory(const struct privilege *who, struct err *err) {
	autoclose int home = open(who->home, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (home < 0)
		return err_sys(err, -errno, "cannot open home directory '%s'", who->home);
	for (int tries = 0; tries < 2; tries++) {
		/* ~/.coi may be a link that its owner made; audit in it may not. */
		int coi = openat(home, ".coi", O_DIRECTORY | O_CLOEXEC);

		if (coi < 0 && errno == ENOENT && mkdirat(home, ".coi", 0700) < 0 && errno != EEXIST)
			return err_sys(err, -errno, "cannot make '%s/.coi'", who->home);
		if (coi < 0) {
			if (tries == 1)
				return err_sys(err, -errno, "cannot open '%s/.coi'", who->home);
			continue;
		}

		autoclose int above = coi;
		int dir = openat(above, "audit", O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

		if (dir < 0 && errno == ENOENT) {
			if (mkdirat(above, "audit", 0700) < 0 && errno != EEXIST)
				return err_sys(err, -errno, "cannot make '%s/.coi/audit'", who->home);
			dir = openat(above, "audit", O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		}
		if (dir < 0)
			return err_sys(err, -errno, "cannot open '%s/.coi/audit'", who->home);
		return dir;
	}
	return err_sys(err, -ENOENT, "cannot open '%s/.coi'", who->home);
}

static int file_write_as_person(const struct file_sink *f, const struct audit_record *record,
				struct err *err) {
	const char *stem = record->container ? record->container : NO_CONTAINER;

	if (record->container && !is_file_name(record->container))
		return err_set(err, ERR_BUG, -EINVAL, "'%s' is no name for an audit file",
			       record->container);

	autofree char *name = xasprintf("%s.jsonl", stem);
	autofree char *shown = xasprintf("audit file '%s/.coi/audit/%s'", f->who.home, name);
	autoclose int dir = open_directory(&f->who, err);
	const struct linefile file = {
		.dir = dir,
		.name = name,
		.shown = shown,
		.owner = f->who.uid,
		.max = AUDIT_FILE_MAX,
		.sync = record->def->sync,
	};

	return dir < 0 ? dir : linefile_append(&file, record->line, record->len, err);
}

static int file_write(struct audit_sink *sink, const struct audit_record *record,
		      struct err *err) {
	struct file_sink *f = (struct file_sink *)sink;

	privilege_person_begin(&f->who);

	int r = file_write_as_person(f, record, err);

	privilege_person_end(&f->who);
	return r;
}

static void file_free(struct audit_sink *sink) {
	struct file_sink *f = (struct file_sink *)sink;

	free(f->who.user);
	free(f->who.home);
	free(f);
}

static const struct audit_sink_ops file_ops = {
	.name = "file",
	.write = file_write,
	.free = file_free,
};

struct audit_sink *audit_sink_file(const struct privilege *who) {
	struct file_sink *f = xcalloc(1, sizeof(*f));

	f->base.ops = &file_ops;
	f->who = *who;
	f->who.user = xstrdup(who->user);
	f->who.home = xstrdup(who->home);
	return &f->base;
}
