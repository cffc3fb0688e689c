/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Progress of work on images, shown to a person. */
#ifndef COI_CLI_TRANSFER_H
#define COI_CLI_TRANSFER_H

#include "base/progress.h"
#include "image/image.h"
#include "session/session.h"

struct transfer {
	const char *what;
	struct progress *progress;
	struct image_progress callback; /* hand this to the image layer */
};

/* @what is borrowed. SIGINT and SIGTERM stop the work from then on: -ECANCELED. */
void transfer_begin(struct transfer *t, const char *what);
/* Signals do what they did before. */
void transfer_end(struct transfer *t);
/* {alias, fingerprint} on standard output. */
int transfer_print(const char *alias, const char *fingerprint, struct err *err);

#endif
