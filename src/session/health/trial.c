/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What only shows in a container: one of the configured image, with the
 * configured network, started in a child of ours and gone with it. What it
 * reaches is tried by ourselves in its network namespace, so that nothing
 * depends on what the image has in it, and by a process without rights, since
 * answers are read.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit/place.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/proc.h"
#include "net/net.h"
#include "session/health/checks.h"
#include "session/health/decoy.h"
#include "session/health/verdict.h"
#include "session/launch.h"
#include "session/saved.h"

#define REPORT_MAX 65536

struct health_trial {
	pid_t pid;      /* of the child; 0: there is none */
	int report_fd;  /* JSON: key -> health_result_to_json() */
	json_t *report; /* once it was read */
	const char *skipped; /* why nothing was tried */
};

/* ---- the child that owns the container ---- */

static void tell(json_t *report, const char *key, struct health_result *r) {
	(void)json_object_set_new(report, key, health_result_to_json(r));
}

static void skip_rest(json_t *report, const char *why) {
	static const char *const keys[] = { "container_connectivity", "network_restriction",
					    "secret_masking", "host_credential_isolation" };
	struct health_result r = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		if (json_object_get(report, keys[i]))
			continue;
		health_skip(&r, why);
		tell(report, keys[i], &r);
	}
}

/* Is the person's home, by what it is and not by its name, at its place inside too? */
static void tell_isolation(json_t *report, const struct health_subject *s,
			   const struct container *c) {
	autoclose int root = saved_open_root(c), found = -1, control = -1;
	struct health_result r = { 0 };
	struct stat home, inside;

	if (root < 0 || stat(s->who->home, &home) < 0) {
		health_skip(&r, root < 0 ? "the container's root cannot be opened" :
					   "there is no home");
	} else {
		found = open_in_root(root, s->who->home, O_PATH, 0);
		control = open_in_root(root, "/etc/passwd", O_PATH, 0);
		if (found >= 0 && fstat(found, &inside) == 0 && inside.st_dev == home.st_dev &&
		    inside.st_ino == home.st_ino)
			health_fail(&r, "a container sees the files of '%s'", s->who->home);
		else if (control < 0)
			health_skip(&r, "the container has no files that could be looked at");
		else
			health_ok(&r, "the files of '%s' are not there inside", s->who->home);
	}
	tell(report, "host_credential_isolation", &r);
}

static void tell_masking(json_t *report, const struct container *c) {
	autoclose int root = saved_open_root(c);
	struct health_result r = { 0 };

	if (!*c->workspace)
		health_skip(&r, "no workspace could be made in ~/.coi");
	else if (root < 0)
		health_skip(&r, "the container's root cannot be opened");
	else
		decoy_look(root, c->workspace_path, &r);
	tell(report, "secret_masking", &r);
}

static void look_inside(const struct health_subject *s, const struct container *c,
			json_t *report) {
	auto_net_base struct net_base *base = NULL;
	struct health_result r = { 0 };
	struct reach reached = { 0 };
	autoclose int netns = -1;

	tell_isolation(report, s, c);
	tell_masking(report, c);
	netns = proc_id_open_file(&c->init, "ns/net", O_RDONLY);
	if (netns < 0 ||
	    net_base_open(s->session->layout, &base, NULL) < 0 ||
	    reach_look(netns, base->gateway, &reached) < 0) {
		skip_rest(report, "the container's network cannot be looked at");
		return;
	}
	verdict_connectivity(&reached, s->settings->network.mode, &r);
	tell(report, "container_connectivity", &r);
	verdict_restriction(&reached, s->settings, &r);
	tell(report, "network_restriction", &r);
}

static void try_container(const struct health_subject *s, const struct decoy *decoy,
			  json_t *report) {
	autofree char *name = xasprintf("%s" AUDIT_TRIAL "%d", s->session->prefix, (int)getpid());
	auto_launched struct launched l = LAUNCHED_INIT;
	struct launch_request request = { .kind = KIND_RUN,
					  .name = name,
					  .workspace = decoy->path,
					  .delete_on_stop = true,
					  .init = INIT_COI };
	struct health_result r = { 0 };
	struct err err = { 0 };
	uint64_t begin = clock_mono_ms();

	if (launch(s->session, &request, &l, &err) < 0) {
		health_from_err(&r, HEALTH_FAILED, &err);
		tell(report, "container_start", &r);
		skip_rest(report, "no container starts");
		return;
	}
	health_ok(&r, "a container is up after %llu ms",
		  (unsigned long long)(clock_mono_ms() - begin));
	tell(report, "container_start", &r);
	look_inside(s, l.container, report);
	/* What is left of it is found by the next command. */
	(void)launched_finish(s->session, &l, false, &err);
}

/* With a workspace, where the person can have one; the settings are a copy of ours. */
static void try_decoy(const struct health_subject *s, json_t *report) {
	struct decoy decoy = DECOY_INIT;
	struct settings set = *s->settings;

	s->session->say = NULL;
	if (decoy_make(s->who, &decoy) == 0) {
		decoy_settings(&decoy, &set);
		s->session->settings = &set;
	}
	try_container(s, &decoy, report);
	decoy_remove(s->who, &decoy);
	s->session->settings = s->settings;
}

static _Noreturn void child(const struct health_subject *s, int report_fd) {
	auto_json json_t *report = json_object();
	autofree char *text = NULL;

	try_decoy(s, report);
	text = json_dumps(report, JSON_COMPACT);
	(void)fd_write_all(report_fd, text ? text : "{}", text ? strlen(text) : 2);
	_exit(0);
}

struct health_trial *health_trial_begin(const struct health_subject *s) {
	struct health_trial *t = xcalloc(1, sizeof(*t));
	int fds[2];

	t->report_fd = -1;
	if (!s->session) {
		t->skipped = s->who->is_root ? "the state directory cannot be used" : "needs root";
		return t;
	}
	if (image_exists(s->session->layout, s->settings->container.image, NULL) != 1) {
		t->skipped = "there is no image to try";
		return t;
	}
	if (pipe2(fds, O_CLOEXEC) < 0) {
		t->skipped = "no pipe can be made";
		return t;
	}
	t->pid = fork();
	if (t->pid == 0) {
		(void)close(fds[0]);
		/* Its lease, and so the container, ends with us; a change of ids takes that away
		   (prctl(2)), and then it ends by itself. */
		(void)prctl(PR_SET_PDEATHSIG, SIGTERM);
		child(s, fds[1]);
	}
	(void)close(fds[1]);
	if (t->pid < 0) {
		t->pid = 0;
		t->skipped = "no process can be made";
		(void)close(fds[0]);
		return t;
	}
	t->report_fd = fds[0];
	return t;
}

static void report_read(struct health_trial *t) {
	autobuf struct buf b = { 0 };

	if (t->report_fd < 0)
		return;
	buf_init(&b, REPORT_MAX);
	if (fd_read_all(t->report_fd, &b) >= 0)
		t->report = json_loads(b.data, 0, NULL);
	(void)close(steal_fd(&t->report_fd));
	(void)proc_wait(t->pid);
	t->pid = 0;
	t->skipped = "the trial did not come to its end";
}

void health_trial_fill(struct health_trial *t, const char *key, struct health_result *ret) {
	const json_t *row;

	if (!t) {
		health_skip(ret, "only with everything else");
		return;
	}
	report_read(t);
	row = t->report ? json_object_get(t->report, key) : NULL;
	if (!row) {
		health_skip(ret, t->skipped);
		return;
	}
	health_result_from_json(row, ret);
}

void health_trial_end(struct health_trial *t) {
	report_read(t);
	json_decref(t->report);
	free(t);
}
