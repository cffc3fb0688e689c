/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who runs coi, for whom, and what may be done. Plans ask here.
 *
 * As root the person is root; under sudo(8) the person is SUDO_UID and what is
 * written below the home belongs to that person. Without root nothing that
 * needs a right can be done yet; `is_root` says so.
 */
#ifndef COI_BASE_PRIVILEGE_H
#define COI_BASE_PRIVILEGE_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"

struct privilege {
	bool is_root;  /* effective uid 0 with CAP_SYS_ADMIN */
	bool via_sudo; /* root on behalf of somebody else */
	uid_t uid;     /* of the person */
	gid_t gid;
	char *user;    /* login name, or the number as text */
	char *home;    /* absolute */
};

/*
 * HOME counts, except under sudo where the person's home of passwd(5) is taken
 * (HOME when the person has no entry). Fails when there is no absolute home.
 */
int privilege_detect(struct privilege **ret, struct err *err);
void privilege_free(struct privilege *p);

/* ERR_PERMISSION with what to do, unless root. @what: "start a container". */
int privilege_need_root(const struct privilege *p, const char *what, struct err *err);

/*
 * Until privilege_person_end() files are made as the person (setfsuid(2),
 * setfsgid(2)), so that nothing of root's stays in the home and no link there
 * leads us to what only root may open. No effect when the person is root.
 */
void privilege_person_begin(const struct privilege *p);
void privilege_person_end(const struct privilege *p);

#endif
