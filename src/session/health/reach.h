/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a container reaches, tried in its network namespace by a process of ours
 * that has no rights there or anywhere. Private to session/health/.
 */
#ifndef COI_SESSION_HEALTH_REACH_H
#define COI_SESSION_HEALTH_REACH_H

#include <stdint.h>

#define REACH_NAME "api.anthropic.com"

enum reach_target {
	REACH_OUTSIDE, /* port 443 of the address that REACH_NAME has */
	REACH_PRIVATE_A,
	REACH_PRIVATE_C,
	REACH_METADATA,
	REACH_HOST, /* a listener of ours on the gateway */
	REACH_COUNT,
};

struct reach {
	/* 'y', 'n' (no such name), 'f' (it could not find out), '-' (no answer) */
	char dns;
	char targets[REACH_COUNT]; /* 'y': connected, 'n': refused or unreachable, '-': silence */
};

/*
 * Try all at once, in the namespace @netns (borrowed), whose name server and host
 * is @gateway (host byte order). Takes a few seconds at most. 0 or -errno.
 */
int reach_look(int netns, uint32_t gateway, struct reach *ret);

#endif
