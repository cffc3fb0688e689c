/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What names have led to, written down for the supervisor that takes over from
 * one that died: a line for each answer, before it is passed on, and now and
 * then the whole anew. Owns the file "learnt" of the run directory. Times are
 * those of the clock that the kernel's sets go by, so a line says until when.
 *
 *   UNTIL NAME ADDRESS…      milliseconds, name, numbers
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/strv.h"
#include "net/ranges.h"
#include "session/supervisor.h"

#define FILE_NAME "learnt"
#define FILE_MAX (1024 * 1024)
#define ANEW_AT (256 * 1024) /* so much may be added before it is written anew */

static void line_add(struct buf *out, uint64_t until, const char *name, const uint32_t *list,
		     size_t count) {
	buf_addf(out, "%" PRIu64 " %s", until, name);
	for (size_t i = 0; i < count; i++)
		buf_addf(out, " %" PRIu32, list[i]);
	buf_addc(out, '\n');
}

static int open_file(const struct supervisor *v, int flags) {
	autoclose int dir = container_run_dir(&v->session, v->c->name);
	int fd = dir < 0 ? -1 : openat(dir, FILE_NAME, flags | O_NOFOLLOW | O_CLOEXEC, 0600);

	return dir < 0 ? dir : fd < 0 ? -errno : fd;
}

/* What has not run out, in place of all that was written. */
static int write_anew(struct supervisor *v) {
	autoclose int dir = container_run_dir(&v->session, v->c->name);
	autobuf struct buf text;
	int r;

	if (dir < 0)
		return dir;
	net_learnt_expire(&v->learnt, clock_mono_ms());
	buf_init(&text, FILE_MAX);
	for (size_t i = 0; i < v->learnt.count; i++)
		for (size_t k = 0; k < v->learnt.names[i].count; k++)
			line_add(&text, v->learnt.names[i].addresses[k].until,
				 v->learnt.names[i].name, &v->learnt.names[i].addresses[k].address,
				 1);
	r = file_write_quick_at(dir, FILE_NAME, text.data, text.len, 0600);
	if (r < 0)
		return r;
	mem_close_ptr(&v->learnt_fd);
	v->learnt_fd = open_file(v, O_WRONLY | O_APPEND);
	v->learnt_bytes = 0;
	return v->learnt_fd < 0 ? v->learnt_fd : 0;
}

/* The last lines are the newest: what is old makes room. */
static void take_address(struct supervisor *v, const char *name, uint32_t address, uint64_t until,
			 uint64_t now) {
	(void)net_learnt_make_room(&v->learnt, name, 1, now);
	(void)net_learnt_add(&v->learnt, name, 0, address, until, now);
}

/* One line; what makes no sense is passed over, such as one that was cut off by a death. */
static void take_line(struct supervisor *v, const char *line, uint64_t now) {
	autostrv char **words = strv_split(line, " ");
	uint64_t until;

	if (strv_len(words) < 3 || strlen(words[1]) > NET_ALLOWED_NAME_MAX)
		return;
	until = strtoull(words[0], NULL, 10);
	if (until <= now || until > now + net_learnt_life_ms(UINT32_MAX))
		return;
	for (size_t i = 2; words[i]; i++) {
		unsigned long long n = strtoull(words[i], NULL, 10);

		if (n <= UINT32_MAX && net_policy_may_learn(&v->plan.policy, (uint32_t)n) &&
		    !net_cidr_contains(&v->net->range, (uint32_t)n))
			take_address(v, words[1], (uint32_t)n, until, now);
	}
}

static void read_all(struct supervisor *v) {
	autoclose int dir = container_run_dir(&v->session, v->c->name);
	autobuf struct buf text = { 0 };
	autostrv char **lines = NULL;

	if (dir < 0 || file_read_at(dir, FILE_NAME, FILE_MAX, &text) < 0)
		return;
	/* A line that was not finished may have half a number at its end. */
	while (text.len && text.data[text.len - 1] != '\n')
		text.data[--text.len] = '\0';
	lines = strv_split(text.data, "\n");
	for (size_t i = 0; lines && lines[i]; i++)
		take_line(v, lines[i], clock_mono_ms());
	net_learnt_relist(&v->learnt, &v->plan.allowed);
}

int supervisor_learnt_begin(struct supervisor *v) {
	if (v->plan.adopt)
		read_all(v);
	return write_anew(v);
}

int supervisor_learnt_note(struct supervisor *v, const struct net_resolver_event *e) {
	autobuf struct buf text;

	if (v->learnt_bytes > ANEW_AT || v->learnt_fd < 0)
		return write_anew(v); /* @e is in v->learnt by now */
	buf_init(&text, 16 * 1024);
	line_add(&text, clock_mono_ms() + net_learnt_life_ms(e->ttl), e->name, e->addresses,
		 e->count);
	v->learnt_bytes += text.len;
	return write(v->learnt_fd, text.data, text.len) == (ssize_t)text.len ? 0 : -EIO;
}
