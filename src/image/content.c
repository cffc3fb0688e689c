/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Lines of a layer's content, and the file of them. */
#include "image/content.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/pool.h"
#include "base/record.h"
#include "image/store.h"

#define PIECE (256u << 10)

/* ---- a line ---- */

static void add_name(struct buf *out, const char *name) {
	/* The top, which has none. */
	if (!*name)
		buf_addc(out, '.');
	for (; *name; name++) {
		unsigned char c = (unsigned char)*name;

		if (c <= ' ' || c == '\\' || c == 0x7f)
			buf_addf(out, "\\x%02x", c);
		else
			buf_addc(out, (char)c);
	}
}

void content_line(struct buf *out, const struct content_object *o) {
	const struct stat *st = &o->st;

	if (o->first) {
		buf_adds(out, "h ");
		add_name(out, o->first);
		buf_addc(out, ' ');
		add_name(out, o->path);
		return;
	}
	buf_addf(out, "%c %04o %u %u %lld.%09ld ", o->type, (unsigned int)(st->st_mode & 07777),
		 (unsigned int)st->st_uid, (unsigned int)st->st_gid, (long long)st->st_mtim.tv_sec,
		 st->st_mtim.tv_nsec);
	if (o->type == 'c' || o->type == 'b')
		buf_addf(out, "%u:%u ", major(st->st_rdev), minor(st->st_rdev));
	else
		buf_addf(out, "%lld ", o->type == 'f' ? (long long)st->st_size : 0);
	buf_addf(out, "%s %s ", o->attributes, o->content);
	add_name(out, o->path);
}

static int hex_digit(char c) {
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

char *content_line_path(const char *line) {
	const char *blank = strrchr(line, ' ');
	char *path, *to;

	if (!blank)
		return NULL;
	path = to = xstrdup(blank + 1);
	if (strcmp(path, ".") == 0)
		*path = '\0';
	for (const char *from = path; *from; from++) {
		int high = from[0] == '\\' && from[1] == 'x' ? hex_digit(from[2]) : -1;
		int low = high < 0 ? -1 : hex_digit(from[3]);

		*to++ = low < 0 ? *from : (char)(high << 4 | low);
		from += low < 0 ? 0 : 3;
	}
	*to = '\0';
	return path;
}

/* A directory's content comes before a sibling that only begins like it ("a/b" before "a.b"). */
static int rank(char c) {
	return c == '\0' ? 0 : c == '/' ? 1 : (unsigned char)c + 1;
}

int content_order(const char *a, const char *b) {
	while (*a && *a == *b) {
		a++;
		b++;
	}
	return rank(*a) - rank(*b);
}

/* ---- the file ---- */

struct writer {
	int fd;
	struct sha256_ctx hash;
	struct buf text;
	struct content_sum sum;
};

static int write_out(struct writer *w, struct err *err) {
	int r = fd_write_all(w->fd, w->text.data, w->text.len);

	sha256_update(&w->hash, w->text.len, (const uint8_t *)w->text.data);
	buf_reset(&w->text);
	return r < 0 ? err_sys(err, r, "cannot write what the layer consists of") : 0;
}

static int take_object(const struct content_object *o, void *data, struct err *err) {
	struct writer *w = data;

	if (o->error)
		return err_sys(err, o->error, "cannot read '%.300s' of the layer", o->path);
	w->sum.objects++;
	/* As a container's disk use is counted: without the top, a file once for all its names. */
	if (*o->path && !o->first)
		w->sum.size += (uint64_t)o->st.st_blocks * 512;
	content_line(&w->text, o);
	buf_addc(&w->text, '\n');
	return w->text.len < PIECE ? 0 : write_out(w, err);
}

/* Of @tree, into @layer_dir. */
static int write_list(int layer_dir, int tree, int known, const struct image_progress *progress,
		      struct content_sum *ret, struct err *err) {
	autoclose int fd = openat(layer_dir, CONTENT_FILE ".new",
				  O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	struct writer w = { .fd = fd };
	struct content_walk walk = { .tree = tree, .known = known, .progress = progress,
				     .fn = take_object, .data = &w };
	int r;

	if (fd < 0)
		return err_sys(err, -errno, "cannot write what the layer consists of");
	sha256_init(&w.hash);
	buf_init(&w.text, PIECE + 65536);
	r = content_walk(&walk, err);
	if (r == 0)
		r = write_out(&w, err);
	if (r == 0 && renameat(layer_dir, CONTENT_FILE ".new", layer_dir, CONTENT_FILE) < 0)
		r = err_sys(err, -errno, "cannot write what the layer consists of");
	buf_done(&w.text);
	if (r < 0)
		return r;
	hash_ctx_hex(&w.hash, w.sum.digest);
	*ret = w.sum;
	return 0;
}

int content_write(int layer_dir, int known, const struct image_progress *progress,
		  struct content_sum *ret, struct err *err) {
	autoclose int tree = openat(layer_dir, "fs", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (tree < 0)
		return err_sys(err, -errno, "cannot open its tree");
	return write_list(layer_dir, tree, known, progress, ret, err);
}

int content_ensure(const struct layout *l, const struct image_layer *layer,
		   const struct image_progress *progress, struct err *err) {
	auto_record struct record *r = NULL;
	struct content_sum sum;
	autoclose int dir = store_open_layer_dir(l, layer, err), tree = -1;
	int code;

	if (dir < 0)
		return dir;
	/* Two may be about to do it. */
	if (flock(dir, LOCK_EX) < 0)
		return err_sys(err, -errno, "cannot lock layer '%.12s'", layer->id);
	code = record_load(dir, "layer.ini", IMAGE_FORMAT, &r, err);
	if (code < 0)
		return err_wrap(err, "layer '%.12s'", layer->id);
	if (record_get(r, "", "content"))
		return 0;
	tree = store_open_layer(l, layer, err);
	if (tree < 0)
		return tree;
	code = write_list(dir, tree, -1, progress, &sum, err);
	if (code == 0 && fsync(dir) < 0)
		code = err_sys(err, -errno, "cannot write what the layer consists of");
	if (code < 0)
		return err_wrap(err, "layer '%.12s'", layer->id);
	record_set(r, "", "content", sum.digest);
	record_setf(r, "", "size", "%llu", (unsigned long long)sum.size);
	return record_store(r, dir, "layer.ini", 0600, err);
}
