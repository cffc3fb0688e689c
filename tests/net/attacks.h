/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The attempts of attacks.tsv, as packets. */
#ifndef COI_TESTS_ATTACKS_H
#define COI_TESTS_ATTACKS_H

#include <stddef.h>
#include <stdint.h>

#include "frame.h"

/* Who is who. */
struct attack_who {
	uint8_t my_mac[6], gw_mac[6], other_mac[6];
	uint32_t my_ip, gw_ip, other_ip, uplink_ip;
};

#define FRAMES_MAX 2 /* of one attempt */
#define ATTACKS_MAX 1000

/* How many there are; each has a name of its own. */
size_t attack_count(void);
const char *attack_name(size_t id);
/* The frames of one attempt, those of length 0 left out. */
void attack_build(size_t id, const struct attack_who *who, struct frame frames[FRAMES_MAX]);

#endif
