/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "image/archive/reader.h"

#include <archive.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"

#define READ_SIZE (256u << 10)

/*
 * Two stages: `stream` only undoes the compression, `archive` reads tar from
 * it. So the compressed stream is followed to its own end, where cut off bytes
 * and check-sums show, and not just to where the last tar block lies.
 */
struct reader {
	struct archive *stream;
	struct archive *archive;
	struct archive_entry *entry;
	int in;
	bool is_checked;
	char buffer[READ_SIZE];
};

static la_ssize_t read_block(struct archive *a, void *data, const void **ret) {
	struct reader *r = data;
	ssize_t n;

	do
		n = read(r->in, r->buffer, sizeof(r->buffer));
	while (n < 0 && errno == EINTR);
	if (n < 0)
		archive_set_error(a, errno, "cannot read the archive");
	*ret = r->buffer;
	return n;
}

static la_ssize_t read_plain(struct archive *a, void *data, const void **ret) {
	struct reader *r = data;
	size_t len = 0;
	int64_t offset;
	int code;

	do
		code = archive_read_data_block(r->stream, ret, &len, &offset);
	while (code == ARCHIVE_OK && len == 0);
	if (code == ARCHIVE_EOF)
		return 0;
	if (code != ARCHIVE_OK) {
		archive_set_error(a, archive_errno(r->stream), "%s",
				  archive_error_string(r->stream));
		return -1;
	}
	return (la_ssize_t)len;
}

static int broken(struct archive *a, struct err *err) {
	const char *text = archive_error_string(a);

	if (archive_errno(a) == ENOMEM)
		return err_set(err, ERR_SYSTEM, -ENOMEM, "the archive needs too much memory");
	return err_set(err, ERR_SYSTEM, -EBADMSG, "the archive is damaged or none that is known: %s",
		       text ? text : "no reason given");
}

static int open_stream(struct reader *r, struct err *err) {
	struct archive_entry *unused;
	int code;

	if (archive_read_support_filter_gzip(r->stream) != ARCHIVE_OK ||
	    archive_read_support_filter_xz(r->stream) != ARCHIVE_OK ||
	    archive_read_support_filter_zstd(r->stream) != ARCHIVE_OK ||
	    archive_read_support_format_raw(r->stream) != ARCHIVE_OK ||
	    archive_read_support_format_empty(r->stream) != ARCHIVE_OK)
		return err_set(err, ERR_SYSTEM, -ENOSYS,
			       "libarchive was built without gzip, xz or zstd");
	if (archive_read_open(r->stream, r, NULL, read_block, NULL) != ARCHIVE_OK)
		return broken(r->stream, err);
	code = archive_read_next_header(r->stream, &unused);
	if (code == ARCHIVE_EOF)
		return err_set(err, ERR_SYSTEM, -EBADMSG, "the archive is empty");
	if (code < ARCHIVE_WARN)
		return broken(r->stream, err);
	/* The last one is the descriptor itself. Bombs are stacked, archives are not. */
	if (archive_filter_count(r->stream) > 2)
		return err_set(err, ERR_SYSTEM, -EBADMSG,
			       "the archive is refused: it is compressed more than once");
	return 0;
}

int reader_open(int in, bool is_checked, struct reader **ret, struct err *err) {
	struct reader *r = xcalloc(1, sizeof(*r));
	int code;

	r->in = in;
	r->is_checked = is_checked;
	r->stream = archive_read_new();
	r->archive = archive_read_new();
	r->entry = archive_entry_new();
	if (!r->stream || !r->archive || !r->entry)
		code = err_set(err, ERR_SYSTEM, -ENOMEM, "cannot read the archive: no memory");
	else
		code = open_stream(r, err);
	if (code == 0 && (archive_read_support_format_tar(r->archive) != ARCHIVE_OK ||
			  archive_read_open(r->archive, r, NULL, read_plain, NULL) != ARCHIVE_OK))
		code = broken(r->archive, err);
	if (code < 0) {
		reader_close(r);
		return code;
	}
	*ret = r;
	return 0;
}

void reader_close(struct reader *r) {
	if (!r)
		return;
	if (r->entry)
		archive_entry_free(r->entry);
	if (r->archive)
		(void)archive_read_free(r->archive);
	if (r->stream)
		(void)archive_read_free(r->stream);
	free(r);
}

int reader_next(struct reader *r, struct archive_entry **ret, struct err *err) {
	int64_t before;
	int code;

	/* What is left of the entry before, with its padding: then the position is exact. */
	if (archive_file_count(r->archive) > 0 && archive_read_data_skip(r->archive) < ARCHIVE_WARN)
		return broken(r->archive, err);
	before = archive_filter_bytes(r->archive, 0);
	code = archive_read_next_header2(r->archive, r->entry);
	if (code == ARCHIVE_EOF) {
		/*
		 * libarchive takes the end of the stream for the end of the archive too. An
		 * archive that was cut off between two entries lacks the mark (a block of zeros).
		 */
		if (!r->is_checked && archive_filter_bytes(r->archive, 0) - before < 512)
			return err_set(err, ERR_SYSTEM, -EBADMSG,
				       "the archive is cut off: its end mark is missing");
		return 0;
	}
	/* A warning is about text that is no UTF-8; names are taken as bytes. */
	if (code != ARCHIVE_OK && code != ARCHIVE_WARN)
		return broken(r->archive, err);
	*ret = r->entry;
	return 1;
}

int reader_data(struct reader *r, const void **data, size_t *len, int64_t *offset, struct err *err) {
	int code = archive_read_data_block(r->archive, data, len, offset);

	if (code == ARCHIVE_EOF)
		return 0;
	return code == ARCHIVE_OK ? 1 : broken(r->archive, err);
}

int reader_drain(struct reader *r, struct err *err) {
	int64_t trailing = 0;
	const void *data;
	ssize_t n;

	for (;;) {
		n = read_plain(r->archive, r, &data);
		if (n < 0)
			return broken(r->archive, err);
		if (n == 0)
			n = read_block(r->archive, r, &data);
		if (n < 0)
			return broken(r->archive, err);
		if (n == 0)
			return 0;
		trailing += n;
		if (trailing > READER_TRAILING_MAX)
			return err_set(err, ERR_SYSTEM, -EBADMSG,
				       "the archive is refused: something else follows it");
	}
}

/* What is left of the file itself, so that whoever writes it comes to its end. */
static int drain_file(struct reader *r, struct err *err) {
	int64_t trailing = 0;
	const void *data;
	ssize_t n;

	while ((n = read_block(r->stream, r, &data)) > 0) {
		trailing += n;
		if (trailing > READER_TRAILING_MAX)
			return err_set(err, ERR_SYSTEM, -EBADMSG,
				       "the archive is refused: something else follows it");
	}
	return n < 0 ? broken(r->stream, err) : 0;
}

int reader_inflate(int in, int out, struct err *err) {
	struct reader *r = xcalloc(1, sizeof(*r));
	const void *data;
	ssize_t n = 0;
	int code;

	r->in = in;
	r->stream = archive_read_new();
	code = r->stream ? open_stream(r, err) :
			   err_set(err, ERR_SYSTEM, -ENOMEM, "cannot read the archive: no memory");
	while (code == 0) {
		/* Errors are put where they come from. */
		n = read_plain(r->stream, r, &data);
		if (n <= 0)
			break;
		code = fd_write_all(out, data, (size_t)n);
		if (code < 0)
			code = err_sys(err, code, "cannot hand on what was unpacked");
	}
	if (code == 0 && n < 0)
		code = broken(r->stream, err);
	if (code == 0)
		code = drain_file(r, err);
	reader_close(r);
	return code;
}
