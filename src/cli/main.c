/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <locale.h>
#include <signal.h>

#include "base/fd.h"
#include "base/timeline.h"
#include "cli/app.h"

int main(int argc, char **argv) {
	timeline_begin();
	fd_fill_stdio();
	/* Tables are measured in columns; messages and numbers stay as they are. */
	(void)setlocale(LC_CTYPE, "");
	/* A reader that is gone is the error of a write. */
	(void)signal(SIGPIPE, SIG_IGN);
	/* So is a limit of file sizes. */
	(void)signal(SIGXFSZ, SIG_IGN);
	return app_main(argc > 0 ? argv + 1 : argv);
}
