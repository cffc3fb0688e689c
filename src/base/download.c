/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Owns one coi-fetch at a time, which talks to the server as nobody; its bytes go
 * through here into the caller's file, and are hashed on the way.
 */
#include "base/download.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/layout.h"
#include "base/mem.h"
#include "base/proc.h"

#define NOBODY 65534
#define PIECE (256u << 10)
#define RESUMES_MAX 50
#define WHY_MAX 400
/* Free space that is left alone, and how often it is looked at. */
#define RESERVE (UINT64_C(512) << 20)
#define RESERVE_STEP (UINT64_C(16) << 20)

struct download {
	const struct download_spec *spec;
	struct sha256_ctx hash;
	uint64_t done;
	uint64_t total;	  /* 0: the server has not said it */
	uint64_t checked; /* @done when the free space was last looked at */
	char why[WHY_MAX]; /* what coi-fetch says, a line each */
	size_t why_len;
	char data[PIECE];
};

/* ---- what is asked for ---- */

int download_url_check(const char *url, struct err *err) {
	const char *host = url + 8;

	if (strncmp(url, "https://", 8) != 0)
		return err_set(err, ERR_USAGE, -EINVAL, "'%.300s' is no https address", url);
	for (const char *c = url; *c; c++)
		if (!isgraph((unsigned char)*c))
			return err_set(err, ERR_USAGE, -EINVAL,
				       "the address has a blank or an unprintable character in it");
	if (strcspn(host, "/?#") == 0)
		return err_set(err, ERR_USAGE, -EINVAL, "'%s' names no server", url);
	if (memchr(host, '@', strcspn(host, "/?#")))
		return err_set(err, ERR_USAGE, -EINVAL,
			       "an address with a user or a password in it is not taken");
	return 0;
}

int download_sha256_parse(const char *text, char out[HASH_HEX_SIZE], struct err *err) {
	size_t len = strlen(text);

	if (len != HASH_HEX_SIZE - 1 || strspn(text, "0123456789abcdefABCDEF") != len)
		return err_set(err, ERR_USAGE, -EINVAL, "'%.80s' is no SHA-256: that has %d "
			       "hexadecimal digits", text, HASH_HEX_SIZE - 1);
	for (size_t i = 0; i <= len; i++)
		out[i] = (char)tolower((unsigned char)text[i]);
	return 0;
}

/* ---- one run of coi-fetch ---- */

static int check_space(struct download *d, struct err *err) {
	struct statvfs fs;
	uint64_t reserve;

	if (!d->spec->keeps_free || (d->checked && d->done - d->checked < RESERVE_STEP))
		return 0;
	d->checked = d->done;
	if (fstatvfs(d->spec->file, &fs) < 0)
		return err_sys(err, -errno, "cannot look for free space");
	reserve = (uint64_t)fs.f_blocks * fs.f_frsize / 50;
	if (reserve > RESERVE)
		reserve = RESERVE;
	if ((uint64_t)fs.f_bavail * fs.f_frsize > reserve)
		return 0;
	return err_set(err, ERR_SYSTEM, -ENOSPC, "no space left on the disk after %llu MiB (%llu "
		       "MiB stay reserved)", (unsigned long long)(d->done >> 20),
		       (unsigned long long)(reserve >> 20));
}

static int take(struct download *d, size_t len, struct err *err) {
	int r = fd_write_all(d->spec->file, d->data, len);

	if (r < 0)
		return err_sys(err, r, "cannot write what was fetched");
	sha256_update(&d->hash, len, (const uint8_t *)d->data);
	d->done += len;
	if (d->spec->progress && d->spec->progress(d->done, d->total, d->spec->data))
		return err_set(err, ERR_SYSTEM, -ECANCELED, "stopped");
	return check_space(d, err);
}

/* ---- what coi-fetch says ---- */

/*
 * "size N" as soon as it knows how much it will be, and why it failed. The server
 * may have had a say in both.
 */
static void hear(struct download *d, int from) {
	ssize_t n = read(from, d->why + d->why_len, sizeof(d->why) - 1 - d->why_len);
	unsigned long long size;
	char *line;

	d->why_len += n > 0 ? (size_t)n : 0;
	d->why[d->why_len] = '\0';
	line = strchr(d->why, '\n');
	if (line && sscanf(d->why, "size %20llu", &size) == 1) {
		if (size <= d->spec->max)
			d->total = size;
		d->why_len -= (size_t)(line + 1 - d->why);
		memmove(d->why, line + 1, d->why_len + 1);
	}
}

/* When it is gone: the line that is left. */
static void hear_rest(struct download *d, int from) {
	hear(d, from);
	d->why[strcspn(d->why, "\r\n")] = '\0';
	for (char *c = d->why; *c; c++)
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			*c = '?';
}

/* All that comes out of @from; ends when coi-fetch does. */
static int pump(struct download *d, int from, int messages, struct err *err) {
	for (;;) {
		bool is_heard = messages < 0 || d->why_len == sizeof(d->why) - 1;
		struct pollfd fds[2] = { { .fd = from, .events = POLLIN },
					 { .fd = is_heard ? -1 : messages, .events = POLLIN } };
		ssize_t n;
		int r;

		/* A signal that asks us to stop: the callback knows. */
		if (poll(fds, 2, -1) < 0) {
			r = errno == EINTR ? take(d, 0, err) :
					     err_sys(err, -errno, "cannot wait for coi-fetch");
			if (r < 0)
				return r;
			continue;
		}
		if (fds[1].revents & POLLIN)
			hear(d, messages);
		else if (fds[1].revents)
			messages = -1;
		if (!fds[0].revents)
			continue;
		n = read(from, d->data, sizeof(d->data));
		if (n == 0)
			return 0;
		r = n > 0 ? take(d, (size_t)n, err) :
		    errno == EINTR ? 0 : err_sys(err, -errno, "cannot read what is fetched");
		if (r < 0)
			return r;
	}
}

static int start(const struct download *d, int out, int messages, pid_t *ret, struct err *err) {
	autofree char *program = layout_program("coi-fetch");
	autofree char *max = xasprintf("%llu", (unsigned long long)(d->spec->max - d->done));
	autofree char *offset = xasprintf("%llu", (unsigned long long)d->done);
	char *const argv[] = { program, (char *)d->spec->url, max, offset, NULL };
	const struct spawn_fd fds[2] = { { out, STDOUT_FILENO }, { messages, STDERR_FILENO } };
	/* Who is nobody in particular stays that. */
	bool is_root = geteuid() == 0;
	const struct spawn_spec spec = { .path = program, .argv = argv, .fds = fds, .fd_count = 2,
					 .null_stdio = true, .cwd = "/",
					 .uid = is_root ? NOBODY : (uid_t)-1,
					 .gid = is_root ? NOBODY : (gid_t)-1,
					 .death_signal = SIGKILL };

	return proc_spawn(&spec, ret, NULL, err);
}

/* 1: all is there; 0: it failed, d->why says how; or an error of ours. */
static int attempt(struct download *d, struct err *err) {
	autoclose int out = -1, messages = -1;
	int out_ends[2], message_ends[2], status, r;
	pid_t pid;

	if (pipe2(out_ends, O_CLOEXEC) < 0)
		return err_sys(err, -errno, "cannot start coi-fetch");
	out = out_ends[0];
	if (pipe2(message_ends, O_CLOEXEC) < 0) {
		r = -errno;
		(void)close(out_ends[1]);
		return err_sys(err, r, "cannot start coi-fetch");
	}
	messages = message_ends[0];
	d->why_len = 0;
	d->why[0] = '\0';
	r = start(d, out_ends[1], message_ends[1], &pid, err);
	(void)close(out_ends[1]);
	(void)close(message_ends[1]);
	if (r < 0)
		return r;
	r = pump(d, out, messages, err);
	if (r < 0)
		(void)kill(pid, SIGKILL);
	status = proc_wait(pid);
	if (r < 0)
		return r;
	hear_rest(d, messages);
	if (status == FETCH_TOO_MUCH || (status != 0 && d->done == d->spec->max))
		return err_set(err, ERR_SYSTEM, -EFBIG, "%s", *d->why ? d->why : "too many bytes");
	return status == 0;
}

/* ---- until it is whole ---- */

static int start_over(struct download *d, struct err *err) {
	if (ftruncate(d->spec->file, 0) < 0 || lseek(d->spec->file, 0, SEEK_SET) < 0)
		return err_sys(err, -errno, "cannot begin anew");
	d->done = d->checked = 0;
	sha256_init(&d->hash);
	return 0;
}

/*
 * As long as each attempt brings something, the next one goes on behind it. One
 * that brings nothing may be due to a server that cannot go on: once from the
 * beginning, then it is over.
 */
static int fetch_all(struct download *d, struct err *err) {
	bool again = false;

	for (int i = 0; i < RESUMES_MAX; i++) {
		uint64_t before = d->done;
		int r = attempt(d, err);

		if (r != 0)
			return r < 0 ? r : 0;
		/* The signal that asks us to stop may have ended coi-fetch too. */
		r = take(d, 0, err);
		if (r < 0)
			return r;
		if (d->done > before)
			continue;
		if (again || !d->done)
			break;
		again = true;
		r = start_over(d, err);
		if (r < 0)
			return r;
	}
	return err_set(err, ERR_SYSTEM, -EIO, "%s", *d->why ? d->why : "the transfer broke off");
}

int download_file(const struct download_spec *spec, char *ret_hash, struct err *err) {
	autofree struct download *d = xcalloc(1, sizeof(*d));
	int r;

	d->spec = spec;
	sha256_init(&d->hash);
	r = fetch_all(d, err);
	if (r < 0 && strstr(d->why, "certificate")) {
		char now[CLOCK_RFC3339_SIZE];

		(void)err_hint(err, "the clock of this machine says %s: a wrong one makes certificates "
			       "invalid; an authority of your own goes into SSL_CERT_FILE, a file that "
			       "everybody may read", clock_rfc3339(time(NULL), now));
	}
	if (r < 0)
		return err_wrap(err, "fetching '%s'", spec->url);
	hash_ctx_hex(&d->hash, ret_hash);
	return 0;
}
