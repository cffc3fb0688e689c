/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The files of a clone that may be rules, one behind the other; nothing is looked into. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/buf.h"
#include "base/escape.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/strv.h"
#include "monitor/pattern/frame.h"
#include "monitor/pattern/update.h"

#define FILES_MAX 8192
#define FILE_BYTES_MAX (256 * 1024)
#define DEPTH_MAX 8
#define SKIPPED_MAX 1024

struct collection {
	enum pattern_kind kind;
	struct buf *frames;
	json_t *skipped;
	size_t files;
	struct err *err;
};

static void skip(struct collection *c, const char *name, const char *reason) {
	if (json_array_size(c->skipped) < SKIPPED_MAX)
		json_array_append_new(c->skipped,
		                      json_pack("{s:o, s:i, s:s}", "file", json_text(name), "line",
		                                0, "reason", reason));
}

static bool ends(const char *name, const char *suffix) {
	size_t n = strlen(name), m = strlen(suffix);

	return n > m && !strcmp(name + n - m, suffix);
}

/* Rules' names become parts of what people read and type. */
static bool is_plain(const char *name) {
	for (; *name; name++)
		if (*name <= ' ' || *name >= 127)
			return false;
	return true;
}

static int take_file(struct collection *c, int dirfd, const char *name, const char *path) {
	autobuf struct buf data = { 0 };
	int r;

	if (c->kind == PATTERN_SIGMA && !ends(name, ".yml") && !ends(name, ".yaml"))
		return 0;
	if (!is_plain(path) || strlen(path) >= FRAME_NAME_MAX / 2) {
		skip(c, path, "its name has strange characters in it, or is too long");
		return 0;
	}
	if (++c->files > FILES_MAX)
		return err_set(c->err, ERR_SYSTEM, -E2BIG, "more than %d files of rules",
		               FILES_MAX);
	r = file_read_at(dirfd, name, FILE_BYTES_MAX, &data);
	if (r < 0) {
		skip(c, path, r == -EFBIG ? "it is too large" : "it is no file that can be read");
		return 0;
	}
	frame_add(c->frames, path, data.data, data.len);
	return c->frames->overflow ? err_set(c->err, ERR_SYSTEM, -E2BIG,
	                                     "more than %u bytes of rules", FRAMES_BYTES_MAX)
	                           : 0;
}

static int take_dir(struct collection *c, int fd, const char *path, unsigned depth) {
	autostrv char **names = NULL;
	int r = dir_names(fd, &names);

	if (r < 0)
		return err_sys(c->err, r, "cannot read '%s'", path);
	for (char **name = names; name && *name; name++) {
		autofree char *below = path_join(path, *name);
		autoclose int sub =
			open_beneath(fd, *name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0);

		if (sub < 0)
			r = take_file(c, fd, *name, below);
		else if (depth < DEPTH_MAX)
			r = take_dir(c, sub, below, depth + 1);
		if (r < 0)
			return r;
	}
	return 0;
}

int pattern_collect(enum pattern_kind kind, int dirfd, struct buf *frames, json_t *skipped,
                    struct err *err) {
	const char *wanted = pattern_kind_directory(kind);
	struct collection c = { .kind = kind, .frames = frames, .skipped = skipped, .err = err };
	autoclose int fd = open_beneath(dirfd, wanted, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
	int r;

	if (fd < 0)
		return err_set(
			err, ERR_MISSING, -ENOENT,
			"there is no directory '%s' in the repository: it is another one than "
			"that of the %s rules",
			wanted, pattern_kind_to_string(kind));
	r = take_dir(&c, fd, wanted, 1);
	if (r == 0 && !c.files)
		return err_set(err, ERR_MISSING, -ENOENT, "there are no files in '%s'", wanted);
	return r;
}
