/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Owns the helper process and its socket. The archive's bytes go through here
 * on their way to the helper, so that the fingerprint is computed by a process
 * that does not interpret them.
 */
#include "image/helper-private.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/msg.h"
#include "base/proc.h"
#include "image/archive/protocol.h"

#define PUMP_SIZE (256u << 10)

void helper_end(struct helper *h) {
	mem_close_ptr(&h->socket);
	if (h->pid > 0) {
		(void)kill(h->pid, SIGKILL);
		(void)proc_wait(h->pid);
	}
	h->pid = 0;
}

int helper_start(int lock_fd, struct helper *ret, struct err *err) {
	autofree char *path = layout_program(ARCHIVE_PROGRAM);
	char *const argv[] = { (char *)ARCHIVE_PROGRAM, NULL };
	char *const env[] = { (char *)"PATH=/usr/bin:/bin", NULL };
	struct spawn_fd fds[2];
	struct spawn_spec spec = { .path = path, .argv = argv, .env = env, .fds = fds,
				   .null_stdio = true, .uid = (uid_t)-1,
				   .death_signal = SIGKILL };
	int ends[2], r;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return err_sys(err, -errno, "cannot talk to '%s'", path);
	fds[spec.fd_count++] = (struct spawn_fd){ ends[1], ARCHIVE_SOCKET_FD };
	if (lock_fd >= 0)
		fds[spec.fd_count++] = (struct spawn_fd){ lock_fd, ARCHIVE_LOCK_FD };
	r = proc_spawn(&spec, &ret->pid, NULL, err);
	(void)close(ends[1]);
	if (r < 0) {
		(void)close(ends[0]);
		ret->pid = 0;
		return r;
	}
	ret->socket = ends[0];
	return 0;
}

static int ended_early(struct helper *h, struct err *err) {
	int status = proc_wait(h->pid);

	h->pid = 0;
	if (status == 128 + SIGSYS)
		return err_set(err, ERR_SYSTEM, -EBADMSG,
			       "the archive process was stopped: it did what reading an archive "
			       "does not need (a hostile archive, or a system call that this version "
			       "does not know)");
	return err_set(err, ERR_SYSTEM, -EBADMSG, "the archive process ended with status %d before "
		       "it was done", status);
}

static void copy_text(char out[METADATA_VALUE_MAX], const json_t *body, const char *key) {
	const char *text = json_get_str(body, key, "");
	size_t n = 0;

	for (; *text && n < METADATA_VALUE_MAX - 1; text++)
		if ((unsigned char)*text >= 0x20 && *text != 0x7f)
			out[n++] = *text;
	out[n] = '\0';
}

static uint64_t count_of(const json_t *body, const char *key) {
	int64_t n = json_get_int(body, key, 0);

	return n > 0 ? (uint64_t)n : 0;
}

void helper_metadata(const json_t *body, struct image_metadata *ret) {
	copy_text(ret->architecture, body, "architecture");
	copy_text(ret->description, body, "description");
	copy_text(ret->os, body, "os");
	copy_text(ret->release, body, "release");
	ret->creation_date = json_get_int(body, "creation_date", 0);
}

static void take_result(const json_t *body, struct helper_result *ret) {
	const char *layout = json_get_str(body, "layout", "rootfs");

	*ret = (struct helper_result){ .layout = HELPER_ROOTFS };
	if (strcmp(layout, "oci") == 0)
		ret->layout = HELPER_OCI;
	else if (strcmp(layout, "unified") == 0)
		ret->layout = HELPER_UNIFIED;
	else if (strcmp(layout, "metadata") == 0)
		ret->layout = HELPER_METADATA;
	helper_metadata(body, &ret->metadata);
	ret->entries = count_of(body, "entries");
	ret->bytes = count_of(body, "bytes");
	ret->dropped_xattrs = count_of(body, "dropped_xattrs");
	ret->skipped_devices = count_of(body, "skipped_devices");
	ret->skipped_sockets = count_of(body, "skipped_sockets");
	ret->skipped_marks = count_of(body, "skipped_marks");
}

static int tell(const struct image_progress *p, uint64_t done, uint64_t total, struct err *err) {
	if (!p || !p->fn || p->fn(done, total, p->data) == 0)
		return 0;
	return err_set(err, ERR_SYSTEM, -ECANCELED, "stopped");
}

int helper_hear(struct helper *h, struct msg *ret, struct err *err) {
	struct msg m;
	int r = msg_recv(h->socket, &m);

	if (r == 0 || r == -ECONNRESET)
		return ended_early(h, err);
	if (r < 0)
		return err_sys(err, r, "cannot understand the archive process");
	if (strcmp(m.type, "error") == 0) {
		struct err theirs = { 0 };

		msg_to_err(&m, &theirs);
		msg_done(&m);
		if (theirs.code >= 0)
			theirs.code = -EBADMSG;
		if (err)
			*err = theirs;
		return theirs.code;
	}
	*ret = m;
	return strcmp(m.type, "done") == 0;
}

/* One message. 1: the helper is done; 0: go on; *@ret_bytes (may be NULL) is its progress. */
static int take_message(struct helper *h, struct helper_result *ret, uint64_t *ret_bytes,
			struct err *err) {
	struct msg m;
	int r = helper_hear(h, &m, err);

	if (r < 0)
		return r;
	if (r == 1)
		take_result(m.body, ret);
	else if (ret_bytes)
		*ret_bytes = count_of(m.body, "bytes");
	msg_done(&m);
	return r;
}

/* ---- unpacking ---- */

struct pump {
	const struct helper_feed *feed;
	int to; /* stream to the helper, not blocking; -1 when all has been said */
	size_t at, len;
	uint64_t done;
	char data[PUMP_SIZE];
};

/* How far the file is read that the bytes come from, or how many came. */
static uint64_t position(const struct pump *p) {
	off_t at = p->feed->file >= 0 ? lseek(p->feed->file, 0, SEEK_CUR) : -1;

	return p->feed->done + (at < 0 ? p->done : (uint64_t)at);
}

static int pump_read(struct pump *p, struct err *err) {
	ssize_t n = read(p->feed->in, p->data, sizeof(p->data));

	if (n < 0) {
		if (errno == EINTR || errno == EAGAIN)
			return 0;
		return err_sys(err, -errno, "cannot read the archive");
	}
	if (n == 0) {
		mem_close_ptr(&p->to);
		p->to = -1;
		return 0;
	}
	sha256_update(p->feed->hash, (size_t)n, (const uint8_t *)p->data);
	p->at = 0;
	p->len = (size_t)n;
	p->done += (uint64_t)n;
	return 0;
}

static void pump_write(struct pump *p) {
	ssize_t n = send(p->to, p->data + p->at, p->len - p->at, MSG_NOSIGNAL | MSG_DONTWAIT);

	if (n > 0) {
		p->at += (size_t)n;
	} else if (n < 0 && errno != EINTR && errno != EAGAIN) {
		/* The helper reads no more; its message says why. */
		mem_close_ptr(&p->to);
		p->to = -1;
	}
}

static int pump_run(struct pump *p, struct helper *h, struct helper_result *ret, struct err *err) {
	for (;;) {
		bool full = p->at < p->len;
		struct pollfd fds[2] = {
			{ .fd = h->socket, .events = POLLIN },
			{ .fd = p->to < 0 ? -1 : full ? p->to : p->feed->in,
			  .events = full ? POLLOUT : POLLIN },
		};
		/* Each time: nothing may come for long, and a signal may ask us to stop. */
		int r = tell(p->feed->progress, position(p), p->feed->total, err);

		if (r < 0)
			return r;
		if (poll(fds, 2, -1) < 0) {
			if (errno == EINTR)
				continue;
			return err_sys(err, -errno, "cannot wait for the archive process");
		}
		if (fds[0].revents) {
			r = take_message(h, ret, NULL, err);
			if (r != 0)
				return r < 0 ? r : 0;
		}
		if (p->to >= 0 && fds[1].revents && full)
			pump_write(p);
		else if (p->to >= 0 && fds[1].revents)
			r = pump_read(p, err);
		if (r < 0)
			return r;
	}
}

int helper_stream(int ends[2], struct err *err) {
	int size = 1 << 20;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
		return err_sys(err, -errno, "cannot talk to the archive process");
	(void)setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	return 0;
}

int helper_feed(struct helper *h, int to, const struct helper_feed *feed, struct helper_result *ret,
		struct err *err) {
	autofree struct pump *p = xcalloc(1, sizeof(*p));
	int r;

	p->feed = feed;
	p->to = to;
	r = pump_run(p, h, ret, err);
	mem_close_ptr(&p->to);
	return r;
}

/* Reads @from. */
static int start_unpack(const struct helper_unpack *spec, int from, struct helper *h,
			struct err *err) {
	int fds[3] = { from, spec->target, spec->hashes }, r;

	r = helper_start(spec->lock_fd, h, err);
	if (r == 0 && (r = msg_send(h->socket, "unpack", NULL, fds, spec->hashes < 0 ? 2 : 3)) < 0)
		r = err_sys(err, r, "cannot talk to the archive process");
	return r;
}

int helper_inflate(int lock_fd, int from, int to, struct helper *h, struct err *err) {
	int fds[2] = { from, to }, r = helper_start(lock_fd, h, err);

	if (r == 0 && (r = msg_send(h->socket, "inflate", NULL, fds, 2)) < 0)
		r = err_sys(err, r, "cannot talk to the archive process");
	return r;
}

/*
 * A helper each for undoing the compression and for unpacking: two processors
 * get through it in the time of the longer half.
 */
static int start_both(const struct helper_unpack *spec, struct helper *inflater, struct helper *h,
		      int *ret_stream, struct err *err) {
	autoclose int from = -1, to = -1;
	int ends[2], r = helper_stream(ends, err);

	if (r < 0)
		return r;
	*ret_stream = ends[0];
	from = ends[1];
	if (!spec->is_plain) {
		r = helper_stream(ends, err);
		if (r < 0)
			return r;
		to = ends[0];
		r = helper_inflate(spec->lock_fd, from, to, inflater, err);
		(void)close(from);
		from = ends[1];
	}
	return r < 0 ? r : start_unpack(spec, from, h, err);
}

int helper_unpack(const struct helper_unpack *spec, struct helper_result *ret, struct err *err) {
	auto_helper struct helper inflater = HELPER_NONE, h = HELPER_NONE;
	int stream = -1, r = start_both(spec, &inflater, &h, &stream, err);

	if (r < 0) {
		mem_close_ptr(&stream);
		return r;
	}
	r = helper_feed(&h, stream, &spec->feed, ret, err);
	return spec->is_plain ? r : helper_after(&inflater, r, err);
}

/* ---- packing ---- */

int helper_name_layers(struct helper *h, const int *layers, size_t count, struct err *err) {
	for (size_t i = 0; i < count; i += MSG_FDS_MAX) {
		size_t n = count - i < MSG_FDS_MAX ? count - i : MSG_FDS_MAX;
		int r = msg_send(h->socket, "layer", NULL, layers + i, n);

		if (r < 0)
			return err_sys(err, r, "cannot talk to the archive process");
	}
	return 0;
}

static int start_pack(const struct helper_pack *spec, struct helper *h, struct err *err) {
	json_t *body;
	int r = helper_start(-1, h, err);

	if (r == 0)
		r = helper_name_layers(h, spec->layers, spec->count, err);
	if (r < 0)
		return r;
	body = json_pack("{s:s,s:s?,s:s?,s:I,s:b}", "compression", spec->compression, "prefix",
			 spec->prefix, "metadata", spec->metadata, "metadata_time",
			 (json_int_t)spec->metadata_time, "skip_marks", spec->skip_marks);
	r = msg_send(h->socket, "pack", body, &spec->out, 1);
	return r < 0 ? err_sys(err, r, "cannot talk to the archive process") : 0;
}

int helper_pack(const struct helper_pack *spec, struct helper_result *ret, struct err *err) {
	auto_helper struct helper h = HELPER_NONE;
	uint64_t bytes = 0;
	int r = start_pack(spec, &h, err);

	while (r == 0) {
		struct pollfd fd = { .fd = h.socket, .events = POLLIN };

		/* Each time: whoever reads the archive may take long, and a signal ask us to stop. */
		r = tell(spec->progress, bytes, spec->total, err);
		if (r < 0)
			break;
		if (poll(&fd, 1, -1) > 0)
			r = take_message(&h, ret, &bytes, err);
		else if (errno != EINTR)
			r = err_sys(err, -errno, "cannot wait for the archive process");
	}
	return r < 0 ? r : 0;
}

int helper_after(struct helper *feeder, int r, struct err *err) {
	struct helper_result unused;
	struct err second = { 0 };
	int s = 0;

	/* It may have much to do before it sees that nobody reads. */
	if (r < 0 && r != -EBADMSG)
		return r;
	while (feeder->pid > 0 && s == 0)
		s = take_message(feeder, &unused, NULL, &second);
	/* Its fault explains an archive that breaks off; ours explains one that is not read. */
	if (r == -EBADMSG && s < 0 && second.code != -EPIPE && second.code != -ECONNRESET)
		r = 0;
	if (r == 0 && s < 0) {
		if (err)
			*err = second;
		return s;
	}
	return r;
}

int helper_repack(int from, const struct helper_unpack *to, struct helper_result *ret,
		  struct err *err) {
	auto_helper struct helper packer = HELPER_NONE;
	struct helper_unpack unpack = *to;
	struct helper_pack pack = { .layers = &from, .count = 1, .compression = "none" };
	int ends[2], r;

	r = helper_stream(ends, err);
	if (r < 0)
		return r;
	pack.out = ends[1];
	unpack.feed.in = ends[0];
	unpack.is_plain = true;
	r = start_pack(&pack, &packer, err);
	(void)close(ends[1]);
	if (r == 0)
		r = helper_unpack(&unpack, ret, err);
	(void)close(ends[0]);
	return helper_after(&packer, r, err);
}
