/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What an attached process does between entering the container and its program. */
#ifndef COI_RUNTIME_ATTACH_CHILD_H
#define COI_RUNTIME_ATTACH_CHILD_H

#include "runtime/attach.h"

enum attach_stage {
	ATTACH_STAGE_SETUP = 1,
	ATTACH_STAGE_USER,
	ATTACH_STAGE_CWD,
	ATTACH_STAGE_EXEC,
};

/* Over the report pipe when something failed; nothing when the program runs. */
struct attach_report {
	int stage;
	int code; /* errno */
};

struct attach_payload {
	const struct attach_spec *spec;
	int fds[3];    /* to become 0, 1, 2 */
	int tty_fd;    /* the slave side, to become the controlling terminal; -1 */
	int report_fd;
	int nodes_fd;  /* a connection to what makes device nodes, or negative: there is none */
	bool refuses; /* the calls of the surface, since liblxc does not */
};

/* For liblxc's attach: never returns on success. @payload: struct attach_payload. */
int attach_child(void *payload);

#endif
