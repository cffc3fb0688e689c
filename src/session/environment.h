/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The variables of commands in containers. */
#ifndef COI_SESSION_ENVIRONMENT_H
#define COI_SESSION_ENVIRONMENT_H

#include "session/container.h"
#include "session/exec.h"

/* Where programs are looked for inside. */
#define ENVIRONMENT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/*
 * The whole environment of a command, newly allocated; what comes later wins:
 *
 *   1. PATH, LANG; what an OCI image says, but who somebody is; TZ; TERM, as far
 *      as a container knows it
 *   2. of a session: IS_SANDBOX
 *   3. sockets and ports, as far as they are there: SSH_AUTH_SOCK, COI_PORTS, …
 *   4. of a session: what [git] wants (git-setup.h), [defaults] environment, then
 *      forward_env (one that is not set is told by session_say())
 *   5. what the request says itself: env_commands, then the tool's own
 *   6. TERM once more, whoever has set it
 *
 * HOME, USER, LOGNAME and SHELL come from the container's passwd(5), where nothing
 * here says them (attach.h).
 */
char **environment_make(const struct session *s, const struct container *c,
			const struct exec_request *request);

#endif
