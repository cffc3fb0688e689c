/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a container was refused, out of the person's network log. The file is
 * all there is to it: a container that has gone is shown too, and following
 * goes on whatever becomes of the supervisor.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/loop.h"
#include "base/mem.h"
#include "base/path.h"
#include "cli/app.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "cli/resolve.h"
#include "session/network-log.h"

struct log_args {
	bool follow;
	const char *since;
};

struct reader {
	struct cli *cli;
	const char *container;
	const char *path;
	time_t since;
	bool is_json;
	struct loop *loop;
	int watch_fd;
	int fd;         /* of the file; -1: there is none yet */
	char line[NETWORK_LOG_LINE_MAX];
	size_t len;
	bool too_long;  /* the rest of this line is left out */
};

static void show(struct reader *l) {
	auto_json json_t *j = json_loadb(l->line, l->len, 0, NULL);
	autofree char *text = NULL;

	if (!j || strcmp(json_get_str(j, "container", ""), l->container) != 0 ||
	    clock_parse_rfc3339(json_get_str(j, "ts", "")) < l->since)
		return;
	if (l->is_json) {
		(void)json_print(j, JSON_PRINT_LINE);
	} else {
		text = network_log_text(j);
		if (text)
			output_line("%s", text);
	}
	(void)fflush(stdout);
}

static void read_on(struct reader *l) {
	char block[16 * 1024];
	ssize_t n;

	while (l->fd >= 0 && (n = read(l->fd, block, sizeof(block))) > 0) {
		for (ssize_t i = 0; i < n; i++) {
			if (block[i] != '\n') {
				l->too_long |= l->len == sizeof(l->line);
				if (!l->too_long)
					l->line[l->len++] = block[i];
				continue;
			}
			if (!l->too_long)
				show(l);
			l->len = 0;
			l->too_long = false;
		}
	}
}

/* As the person, whose file it is. */
static int open_log(const struct reader *l, const char *suffix) {
	autofree char *path = xasprintf("%s%s", l->path, suffix);
	struct stat st;
	int fd;

	privilege_person_begin(l->cli->who);
	fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	privilege_person_end(l->cli->who);
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		return fd;
	(void)close(fd);
	return -EINVAL;
}

static int read_one(struct reader *l, const char *suffix, struct err *err) {
	int fd = open_log(l, suffix);

	if (fd == -ENOENT)
		return 0;
	if (fd < 0)
		return err_sys(err, fd, "cannot open '%s%s'", l->path, suffix);
	mem_close_ptr(&l->fd);
	l->fd = fd;
	l->len = 0;
	read_on(l);
	return 0;
}

/* The file of that name may be another one by now: what is left of ours comes first. */
static void on_change(int fd, uint32_t events, void *data) {
	struct reader *l = data;
	char block[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
	struct stat ours = { 0 }, now;
	int next;

	(void)events;
	while (read(fd, block, sizeof(block)) > 0)
		;
	read_on(l);
	next = open_log(l, "");
	if (next < 0)
		return;
	if (fstat(next, &now) == 0 && (l->fd < 0 || fstat(l->fd, &ours) < 0 ||
				       now.st_ino != ours.st_ino || now.st_dev != ours.st_dev)) {
		mem_close_ptr(&l->fd);
		l->fd = next;
		l->len = 0;
		read_on(l);
		return;
	}
	(void)close(next);
}

static void on_signal(int signo, void *data) {
	(void)signo;
	loop_stop(data, 0);
}

/* Before anything is read, so that nothing falls between. */
static int watch(struct reader *l, struct err *err) {
	const char *name = path_base(l->path);
	autofree char *above = xstrndup(l->path, (size_t)(name - l->path));
	int r;

	privilege_person_begin(l->cli->who);
	r = mkdir_parents(above, 0700);
	privilege_person_end(l->cli->who);
	if (r < 0)
		return err_sys(err, r, "cannot make '%s'", above);
	l->loop = loop_new();
	l->watch_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (!l->loop || l->watch_fd < 0 ||
	    inotify_add_watch(l->watch_fd, above, IN_MODIFY | IN_CREATE | IN_MOVED_TO) < 0 ||
	    !loop_add_fd(l->loop, l->watch_fd, EPOLLIN, on_change, l) ||
	    !loop_add_signal(l->loop, SIGINT, on_signal, l->loop) ||
	    !loop_add_signal(l->loop, SIGTERM, on_signal, l->loop))
		return err_sys(err, -errno, "cannot watch '%s'", above);
	return 0;
}

/* "90s", "10m", "2h", "1d" ago, or a time as RFC 3339 has it. */
static int parse_since(const char *text, time_t *ret) {
	static const struct {
		char unit;
		long seconds;
	} units[] = { { 's', 1 }, { 'm', 60 }, { 'h', 3600 }, { 'd', 86400 } };
	char *end;
	long n = strtol(text, &end, 10);
	time_t at = clock_parse_rfc3339(text);

	if (at != (time_t)-1) {
		*ret = at;
		return 0;
	}
	for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
		if (end == text || end[0] != units[i].unit || end[1] || n < 0 || n > 100000)
			continue;
		*ret = time(NULL) - n * units[i].seconds;
		return 0;
	}
	return -EINVAL;
}

static int log_check(struct cli *cli, void *args, struct err *err) {
	const struct log_args *a = args;
	time_t ignored;

	if (!a->since || parse_since(a->since, &ignored) == 0)
		return 0;
	return err_set(err, ERR_USAGE, -EINVAL,
		       "'%s' is no time: 90s, 10m, 2h, 1d or 2026-11-25T12:00:00+01:00", a->since);
}

static int log_run(struct cli *cli, const void *args, struct err *err) {
	const struct log_args *a = args;
	auto_container struct container *c = NULL;
	autofree char *path = network_log_path(cli->settings);
	struct err none = { 0 };
	struct reader l = { .cli = cli, .path = path, .is_json = cli->json, .fd = -1,
			    .watch_fd = -1 };
	int r = 0;

	if (!path)
		return err_set(err, ERR_CONFIG, -ENOENT,
			       "no log of the network is kept (network.logging.enabled)");
	/* One that has gone left its lines, under its name. */
	l.container = resolve_container(cli, app_word(cli, 0), 0, &c, &none) == 0
			      ? c->name
			      : app_word(cli, 0);
	if (a->since)
		(void)parse_since(a->since, &l.since);
	if (a->follow)
		r = watch(&l, err);
	if (r == 0)
		r = read_one(&l, ".1", err);
	if (r == 0)
		r = read_one(&l, "", err);
	if (r == 0 && a->follow)
		r = loop_run(l.loop);
	loop_free(l.loop);
	mem_close_ptr(&l.watch_fd);
	mem_close_ptr(&l.fd);
	return r;
}

static const struct cli_argument log_arguments[] = {
	{ "container", ARGUMENT_REQUIRED, COMPLETE_RUNNING, "A container, or its alias" },
	{ NULL },
};

static const struct cli_option log_options[] = {
	{ .name = "follow", .letter = 'f', CLI_BOOL(struct log_args, follow),
	  .help = "Go on with what comes, until Ctrl-C" },
	{ .name = "since", CLI_TEXT(struct log_args, since, "TIME"),
	  .help = "Only what came after it: 10m, 2h, 1d, or an RFC 3339 time" },
	{ .name = NULL },
};

const struct cli_command cmd_network_log = {
	.name = "log",
	.group = GROUP_CONTAINER,
	.summary = "show what it was refused",
	.description = "From the network log (network.logging.path): name, address, port, protocol, "
		       "the process that wanted it where that could be told, why it was refused, "
		       "and the command that allows it. At most one line a second for each "
		       "destination, with a count. In JSON one object on each line. The container "
		       "itself reads its refusals in /run/coi/denied.",
	.arguments = log_arguments,
	.options = log_options,
	.args_size = sizeof(struct log_args),
	.flags = COMMAND_SESSION | COMMAND_CONFIG | COMMAND_FORMAT,
	.check = log_check,
	.run = log_run,
};
