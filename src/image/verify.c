/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A layer's tree against its content file (content.h). Both are in the same
 * order, so they are gone through side by side: a line without an object is
 * something missing, an object without a line something added.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/pool.h"
#include "base/strv.h"
#include "image/content.h"
#include "image/store.h"

#define LINE_MAX_SIZE 65536 /* two names of 4095 bytes, each byte of them escaped, and more */

struct verify {
	const struct image_verify_spec *spec;
	struct image_verify_result result;
	FILE *file;
	struct sha256_ctx hash; /* of what was read of it */
	char *line;		/* the next one; NULL: there is none */
	char *path;		/* of it */
	struct buf have;	/* the line that an object would have now */
};

static void report(struct verify *v, const char *path, const char *what) {
	v->result.differences++;
	if (v->spec->report)
		v->spec->report(path, what, v->spec->data);
}

/* ---- the content file ---- */

static void drop_line(struct verify *v) {
	str_replace(&v->line, NULL);
	str_replace(&v->path, NULL);
}

/* A line that is none ends the comparison: the file itself is what is damaged. */
static void next_line(struct verify *v) {
	size_t room = 0;
	ssize_t n;

	drop_line(v);
	n = getline(&v->line, &room, v->file);
	if (n <= 0) {
		drop_line(v);
		return;
	}
	sha256_update(&v->hash, (size_t)n, (const uint8_t *)v->line);
	if (n > LINE_MAX_SIZE || v->line[n - 1] != '\n' || strlen(v->line) != (size_t)n ||
	    !strchr(v->line, ' ')) {
		drop_line(v);
		return;
	}
	v->line[n - 1] = '\0';
	v->path = content_line_path(v->line);
}

/* ---- one object ---- */

/* The fields of an object's line, by the words for them. */
enum { FIELD_TYPE, FIELD_MODE, FIELD_USER, FIELD_GROUP, FIELD_TIME, FIELD_SIZE, FIELD_ATTRIBUTES,
       FIELD_CONTENT, FIELD_PATH, FIELD_COUNT };

static void add_word(struct buf *out, const char *word) {
	buf_addf(out, "%s%s", out->len ? ", " : "", word);
}

static bool differs(char *const *a, char *const *b, size_t field) {
	return strcmp(a[field], b[field]) != 0;
}

/* What is not as it was, in words. */
static void describe(struct buf *out, char *const *was, char *const *is) {
	if (strv_len(was) != FIELD_COUNT || strv_len(is) != FIELD_COUNT) {
		add_word(out, "hard link");
		return;
	}
	if (differs(was, is, FIELD_TYPE)) {
		add_word(out, "type");
		return;
	}
	/* Where something was added or taken away, a directory's own time says it too. */
	if (differs(was, is, FIELD_CONTENT) || differs(was, is, FIELD_SIZE))
		add_word(out, "content");
	if (differs(was, is, FIELD_MODE))
		add_word(out, "mode");
	if (differs(was, is, FIELD_USER) || differs(was, is, FIELD_GROUP))
		add_word(out, "owner");
	if (differs(was, is, FIELD_ATTRIBUTES))
		add_word(out, "attributes");
	if (differs(was, is, FIELD_TIME))
		add_word(out, "time");
}

static void compare(struct verify *v, const struct content_object *o) {
	autostrv char **was = NULL, **is = NULL;
	autobuf struct buf words;

	v->result.objects++;
	buf_init(&words, 256);
	if (o->error) {
		buf_addf(&words, "cannot be read: %s", strerror(-o->error));
		report(v, o->path, words.data);
		return;
	}
	buf_reset(&v->have);
	content_line(&v->have, o);
	if (strcmp(v->have.data, v->line) == 0)
		return;
	was = strv_split(v->line, " ");
	is = strv_split(v->have.data, " ");
	describe(&words, was, is);
	report(v, o->path, words.data);
}

static int take_object(const struct content_object *o, void *data, struct err *err) {
	struct verify *v = data;
	int order = 1;

	(void)err;
	while (v->line && (order = content_order(v->path, o->path)) < 0) {
		report(v, v->path, "missing");
		next_line(v);
	}
	if (!v->line || order > 0) {
		v->result.objects++;
		report(v, o->path, "added");
		return 0;
	}
	compare(v, o);
	next_line(v);
	return 0;
}

/* ---- a layer ---- */

static int compare_tree(struct verify *v, int dir, const char *digest, uint64_t total,
			struct err *err) {
	autoclose int tree = openat(dir, "fs", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct content_walk walk = { .tree = tree, .known = -1, .progress = v->spec->progress,
				     .total = total, .fn = take_object, .data = v };
	char have[HASH_HEX_SIZE];
	int r;

	if (tree < 0) {
		report(v, "", "missing");
		return 0;
	}
	next_line(v);
	r = content_walk(&walk, err);
	for (; r == 0 && v->line; next_line(v))
		report(v, v->path, "missing");
	if (r < 0)
		return r;
	hash_ctx_hex(&v->hash, have);
	if (strcmp(have, digest) != 0)
		report(v, "", "the list of its content");
	return 0;
}

static int verify_in(struct verify *v, int dir, const char *id, struct err *err) {
	auto_record struct record *r = NULL;
	const char *digest, *name;
	int code = record_load(dir, "layer.ini", IMAGE_FORMAT, &r, err), fd;

	if (code < 0) {
		report(v, "", "its record");
		return 0;
	}
	name = record_get(r, "", "id");
	if (!name || strcmp(name, id) != 0)
		report(v, "", "its record is that of another layer");
	digest = record_get(r, "", "content");
	if (!digest) {
		v->result.is_unknown = true;
		return 0;
	}
	fd = openat(dir, CONTENT_FILE, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	v->file = fd < 0 ? NULL : fdopen(fd, "re");
	if (!v->file) {
		mem_close_ptr(&fd);
		report(v, "", "the list of its content is missing");
		return 0;
	}
	return compare_tree(v, dir, digest, (uint64_t)record_get_int(r, "", "size", 0), err);
}

int image_verify(const struct layout *l, const struct image_layer *layer,
		 const struct image_verify_spec *spec, struct image_verify_result *ret,
		 struct err *err) {
	struct verify v = { .spec = spec };
	const struct pool *pool;
	autoclose int dir = -1;
	int r = pool_find(l, layer->pool, &pool, err);

	if (r < 0)
		return r;
	sha256_init(&v.hash);
	buf_init(&v.have, LINE_MAX_SIZE);
	dir = openat(pool->layers_fd, layer->id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dir < 0)
		report(&v, "", "missing");
	else
		r = verify_in(&v, dir, layer->id, err);
	mem_fclose_ptr(&v.file);
	drop_line(&v);
	buf_done(&v.have);
	*ret = v.result;
	return r;
}
