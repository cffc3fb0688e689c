/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "audit/sink-datagram.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/socket.h>
#include <syslog.h>
#include <unistd.h>

#include "audit/reader.h"
#include "base/escape.h"
#include "base/fd.h"
#include "base/mem.h"

struct audit_sink *datagram_new(const struct audit_sink_ops *ops, const char *path,
				datagram_format *format) {
	struct datagram_sink *d = xcalloc(1, sizeof(*d));

	d->base.ops = ops;
	d->path = xstrdup(path);
	d->fd = -1;
	d->format = format;
	return &d->base;
}

void datagram_free(struct audit_sink *sink) {
	struct datagram_sink *d = (struct datagram_sink *)sink;

	mem_close_ptr(&d->fd);
	free(d->path);
	free(d);
}

static int open_socket(const char *path) {
	return socket_connect_at(AT_FDCWD, path, SOCK_DGRAM | SOCK_NONBLOCK);
}

int datagram_check(const char *path) {
	autoclose int fd = open_socket(path);

	return fd < 0 ? fd : 0;
}

/* A reader that was started anew has another socket of the same name. */
static int send_one(struct datagram_sink *d, const char *text, size_t len) {
	for (int i = 0; i < 2; i++) {
		if (d->fd < 0)
			d->fd = open_socket(d->path);
		if (d->fd < 0)
			return d->fd;
		if (send(d->fd, text, len, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0)
			return 0;
		if (errno == EAGAIN || errno == ENOBUFS || errno == EMSGSIZE)
			return -errno;
		(void)close(d->fd);
		d->fd = -1;
	}
	return -ECONNREFUSED;
}

static void tell_lost(struct datagram_sink *d) {
	autofree char *text = xasprintf("%" PRIu64 " records of coi did not reach %s; they are in "
					"~/.coi/audit", d->lost, d->base.ops->name);
	autofree char *datagram = NULL;
	size_t len = 0;

	datagram = d->format(AUDIT_WARNING, text, NULL, &len);
	if (send_one(d, datagram, len) == 0)
		d->lost = 0;
}

int datagram_write(struct audit_sink *sink, const struct audit_record *record, struct err *err) {
	struct datagram_sink *d = (struct datagram_sink *)sink;
	autofree char *whole = NULL, *text = NULL, *datagram = NULL;
	struct audit_about about;
	size_t len = 0;

	(void)err;
	if (record->may_be_lost)
		return 0; /* each program and connection: these are for the files alone */
	whole = audit_about(record->body, &about) ? audit_text(record->body) : NULL;
	if (!whole)
		return 0;
	text = escape_text(whole, DATAGRAM_MESSAGE_MAX);
	datagram = d->format(about.level, text, record, &len);
	if (d->lost)
		tell_lost(d);
	if (send_one(d, datagram, len) < 0)
		d->lost++;
	return 0;
}

int datagram_severity(enum audit_level level) {
	switch (level) {
	case AUDIT_CRITICAL:
		return LOG_CRIT;
	case AUDIT_HIGH:
		return LOG_ERR;
	case AUDIT_WARNING:
		return LOG_WARNING;
	default:
		return LOG_INFO;
	}
}
