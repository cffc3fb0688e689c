/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>

#include "runtime/private.h"

void idset_init(struct idset *s, const struct id_range *range, uid_t code_uid, gid_t code_gid) {
	*s = (struct idset){
		.range = *range,
		.code_uid = code_uid,
		.code_gid = code_gid,
		.code_uid_host = range->base + code_uid,
		.code_gid_host = range->base + code_gid,
	};
	idmap_whole(range, &s->users);
	idmap_whole(range, &s->groups);
}

int idset_hole(struct idset *s, uid_t owner_uid, gid_t owner_gid) {
	struct idmap users, groups = s->groups;
	int r = idmap_hole(&s->range, s->code_uid, owner_uid, &users);

	if (r < 0)
		return r;
	/* People whose group is root's: their files show a foreign group inside, no more. */
	if (owner_gid != 0) {
		r = idmap_hole(&s->range, s->code_gid, owner_gid, &groups);
		if (r < 0)
			return r;
		s->code_gid_host = owner_gid;
	}
	s->users = users;
	s->groups = groups;
	s->code_uid_host = owner_uid;
	s->has_hole = true;
	return 0;
}
