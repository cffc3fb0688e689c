/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is bound into a container at its start: sources are opened here, and
 * carried to the supervisor as descriptors in the plan.
 */
#ifndef COI_SESSION_LAUNCH_BINDS_H
#define COI_SESSION_LAUNCH_BINDS_H

#include "session/launch.h"
#include "session/wire.h"

/*
 * The workspace at @fd (O_PATH), its owner as the container's user. Says it
 * when the owner needs a place in the id map (no id-mapped mounts there).
 */
int launch_bind_workspace(struct session *s, const struct container *c, int fd,
			  struct wire_plan *plan, struct err *err);

/*
 * The repository of a workspace that is a work tree or a submodule of it
 * (git-pointer.h), at its own path. One that is not believed, or cannot be
 * there, is told and left out.
 */
void launch_bind_git(struct session *s, const struct container *c, int workspace_fd,
		     struct wire_plan *plan);

/*
 * [[mounts.default]] of the settings: a directory that is missing is made as
 * the person; what an untrusted file names and does not exist is left out.
 */
int launch_bind_settings(struct session *s, const struct container *c, struct wire_plan *plan,
			 struct err *err);

/* The mounts of the record. Errors: ERR_USAGE too many; -errno of opening. */
int launch_bind_recorded(const struct session *s, const struct container *c,
			 struct wire_plan *plan, struct err *err);

/* The read-only directory of a build; @request NULL or without one: nothing. */
int launch_bind_extra(const struct launch_request *request, struct wire_plan *plan,
		      struct err *err);

/* A further mount as the runtime has it; and its source opened as the person (O_PATH). */
struct runtime_bind mount_bind(const struct container_mount *m);
int mount_open(const struct session *s, const struct container_mount *m, struct err *err);

#endif
