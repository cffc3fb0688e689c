/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/session-end.h"

#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/proc.h"
#include "cli/killed.h"
#include "session/exec.h"
#include "session/lifecycle.h"
#include "session/saved.h"
#include "session/tmux.h"

/* A container without systemd ends at once when it ends at all. */
#define SUDDEN_END_MS 300
#define ANSWER_MAX 4096

/*
 * systemd says so itself from the moment when poweroff was asked for; soon after
 * it answers nobody any more, or kills the one who asks. So what counts is
 * whether it says that it goes on.
 */
static bool systemd_is_stopping(struct cli *cli, const struct container *c) {
	char *const argv[] = { (char *)"systemctl", (char *)"is-system-running", NULL };
	const struct exec_request request = { .argv = argv, .cwd = "/" };
	autobuf struct buf out, err_out;
	static const char *const going_on[] = { "initializing", "starting", "running", "degraded",
						"maintenance" };
	struct err ignored = { 0 };
	int r;

	buf_init(&out, ANSWER_MAX);
	buf_init(&err_out, ANSWER_MAX);
	r = exec_capture(cli->session, c, &request, &out, &err_out, &ignored);
	out.data[strcspn(out.data, "\n")] = '\0';
	for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(going_on); i++)
		if (!strcmp(out.data, going_on[i]))
			return false;
	return r != 127; /* no systemctl: nobody to ask */
}

static bool is_ending(struct cli *cli, const struct container *c) {
	autoclose int init = proc_id_open(&c->init);
	struct err ignored = { 0 };

	if (init < 0)
		return true;
	/* Detached: the session goes on and nothing is ending. */
	if (tmux_exists(cli->session, c, &ignored) > 0)
		return false;
	if (!c->systemd)
		return pidfd_wait_gone(init, SUDDEN_END_MS) == 0;
	return systemd_is_stopping(cli, c);
}

static void wait_for_end(struct cli *cli, const struct container *c) {
	autoclose int init = proc_id_open(&c->init);
	struct err ignored = { 0 };

	if (init >= 0) {
		log_info("Waiting for '%s' to power off...", c->name);
		/* Not for ever: whoever stays powered on is reported as running below. */
		if (pidfd_wait_gone(init, cli->settings->container.shutdown_timeout * 1000) < 0)
			return;
	}
	(void)lifecycle_wait_stopped(cli->session, c->name, &ignored);
}

/* What it has so far: its supervisor saves it again when it ends. */
static void save_running(const struct container *c) {
	struct err err = { 0 };

	if (c->kind != KIND_SHELL || !*c->session_id || !*c->person_home)
		return;
	if (saved_write_running(c, &err) < 0)
		log_warn("%s", err.msg);
}

void session_end(struct cli *cli, const struct container *c) {
	const int timeout_ms = cli->settings->container.shutdown_timeout * 1000;
	auto_container struct container *now = NULL;
	struct err err = { 0 };
	int r = container_load(cli->session, c->name, &now, &err);

	/* It may be the host that goes down, and the container with it. */
	if (r < 0 || !container_is_running(cli->session, now))
		return;
	log_info("\nEnding the session in '%s'...", c->name);
	r = now->delete_on_stop ? lifecycle_remove(cli->session, c->name, timeout_ms, &err) :
				  lifecycle_stop(cli->session, c->name, timeout_ms, &err);
	if (r < 0 && r != -ENOENT && r != -EALREADY)
		log_warn("%s%s%s", err.msg, *err.hint ? "; " : "", err.hint);
}

void session_end_tell(struct cli *cli, const struct container *c) {
	auto_container struct container *now = NULL;
	struct err ignored = { 0 };
	bool killed = false;
	int r;

	if (is_ending(cli, c))
		wait_for_end(cli, c);
	r = container_load(cli->session, c->name, &now, &ignored);
	if (r == 0 && container_is_running(cli->session, now))
		save_running(now);
	if (r == -ENOENT || (r == 0 && !container_is_running(cli->session, now)))
		killed = killed_tell(c);
	if (r == -ENOENT || (r == 0 && now->state == STATE_DELETING)) {
		log_info("\nContainer '%s' %s deleted.", c->name,
			 killed ? "is" : "was powered off and is");
		if (*c->session_id)
			log_info("  coi shell --resume=%s   go on in a new one", c->session_id);
	} else if (r < 0) {
		log_warn("%s", ignored.msg);
	} else if (container_is_running(cli->session, now)) {
		log_info("\nContainer '%s' is still running.\n"
			 "  coi attach %s    go back to it\n"
			 "  coi shutdown %s  power it off and delete it\n"
			 "  coi kill %s      the same at once",
			 c->name, c->name, c->name, c->name);
	} else if (now->persistent) {
		log_info("\nContainer '%s' %s kept.\n"
			 "  coi shell --persistent --slot %d   start it again", c->name,
			 killed ? "is" : "was powered off and is", c->slot);
	} else {
		log_info("\nContainer '%s' is stopped; 'coi clean' deletes it.", c->name);
		if (*now->session_id)
			log_info("  coi shell --resume=%s   start it again", now->session_id);
	}
}
