/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Making and starting containers. The calling command waits until they are ready. */
#ifndef COI_SESSION_LAUNCH_H
#define COI_SESSION_LAUNCH_H

#include "runtime/control.h"
#include "runtime/runtime.h"
#include "session/container.h"

struct launch_request {
	enum container_kind kind;
	const char *name;       /* NULL: from workspace and slot */
	const char *workspace;  /* absolute; NULL: none (launch, build) */
	int slot;               /* 0: the lowest free one */
	const char *image;      /* alias or fingerprint prefix; NULL: settings */
	bool persistent;
	bool delete_on_stop;    /* engine-ephemeral */
	bool reuse_stopped;     /* a stopped persistent one of this workspace is started again */
	const char *alias;      /* NULL or "" : none */
	/* How init is chosen; -1: settings (auto: coi-init for run and build, systemd else). */
	int init;
	const char *pool;       /* base/pool.h; NULL: settings */
	const char *session_id; /* of KIND_SHELL; these are noted in the record (container.h) */
	const char *tool;
	const char *profile;
	char *const *state_paths;
	bool no_network;        /* build containers: loopback only */
	/* A directory bound read-only, for builds; NULL: none. */
	const char *extra_source;
	const char *extra_target;
};

/* A container that this command has started, and the line to its supervisor. */
struct launched {
	struct container *container;
	int lease; /* closing it ends a container of KIND_RUN and KIND_BUILD; -1 when given back */
	bool reused;
	bool was_running; /* nothing was started here */
	struct runtime_warm warm; /* internal: makes the first attach quick */
};
#define LAUNCHED_INIT { .lease = -1, .warm = { .fd = -1 } }
void launched_done(struct launched *l);
#define auto_launched __attribute__((cleanup(launched_done)))

/*
 * Create (or reuse) and start. All that was made is undone on failure; SIGINT
 * and SIGTERM meanwhile do the same and give -EINTR. Slots: surface/cli.md
 * §3.2. Errors: ERR_MISSING no image (hint: how to build it), ERR_CONFLICT
 * name taken or all slots in use, ERR_CONFIG no ids, and what the layers say.
 */
int launch(struct session *s, const struct launch_request *request, struct launched *ret,
	   struct err *err);
/* Start a stopped container by name; waits until it is ready. */
int launch_start(struct session *s, const char *name, struct launched *ret, struct err *err);

/*
 * End a run or a build: the container is stopped (killed; with systemd asked
 * first) and deleted, or kept when it is persistent. Returns as soon as no
 * process of it lives and its record says so; the supervisor removes the rest.
 * @keep_stopped: leave it there, stopped (build).
 */
int launched_finish(struct session *s, struct launched *l, bool keep_stopped, struct err *err);

/*
 * The workspace of -w: absolute, exists, a directory, not "/", and one that may
 * be mounted (a root-owned one must be out of reach of other users: design
 * §11). Returns an O_PATH descriptor; *@ret_path is newly allocated.
 */
int workspace_open(const struct session *s, const char *path, char **ret_path, struct err *err);

/*
 * Where the workspace @path, open at @fd, is seen inside: /workspace, or its own
 * path when the settings or its repository want that and it can be. Newly
 * allocated.
 */
char *workspace_inside(const struct session *s, const char *path, int fd);
/* Its path without links; NULL when it has none. Newly allocated. */
char *workspace_real(int fd);
/* Is the directory at @fd, of root's, within reach of other users? ERR_PERMISSION if so. */
int workspace_check_owner(const char *path, int fd, struct err *err);
/* Would a mount of @path at its own path be in the way of what a container has there? */
bool workspace_place_is_taken(const char *path);

#endif
