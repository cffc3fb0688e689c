/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The hosts that agents need for their models: the name set "@providers". */
#include "net/allowed.h"

const char *const net_providers[] = {
	"api.anthropic.com",
	"platform.claude.com",
	NULL,
};
