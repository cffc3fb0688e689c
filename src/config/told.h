/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a person is told once and not at each command: ~/.coi/told, a fingerprint
 * a line. Without the file everything is told again.
 */
#ifndef COI_CONFIG_TOLD_H
#define COI_CONFIG_TOLD_H

#include "base/privilege.h"
#include "config/config.h"

/*
 * Take those notes of @c away that are for once and were told to this person
 * before, and remember the others of them as told. A memory that cannot be
 * written is no error: then they are told again.
 */
void told_once(struct config *c, const struct privilege *person);

#endif
