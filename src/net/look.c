/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What there is of the base, without changing it. */
#include <errno.h>
#include <net/if.h>

#include "net/foreign.h"
#include "net/internal.h"
#include "net/legacy.h"

int net_base_look(struct net_base *b, struct net_look *ret, struct err *err) {
	auto_foreign_chains struct foreign_chains others = { 0 };
	struct net_look look = { 0 };
	int r = net_sockets(b, err);

	if (r < 0)
		return r;
	r = foreign_chains_find(b, &others);
	if (r == 0)
		r = foreign_refuses(b, &others, look.refused_by, sizeof(look.refused_by));
	if (r < 0)
		return err_sys(err, r, "cannot list the chains of this host");
	r = foreign_forwards(b, &others, &look.others_filter, err);
	if (r == 0)
		r = net_range_check(b, err);
	/* Not recorded yet: another one is chosen then. */
	if (r == -EADDRINUSE && !b->range_is_fixed)
		r = 0;
	if (r < 0)
		return r;
	look.legacy_closes = legacy_closes(b->bridge) != 0;
	look.has_bridge = if_nametoindex(b->bridge) > 0;
	if (look.has_bridge) {
		r = net_tables_intact(b, err);
		if (r < 0)
			return r;
		look.is_intact = r > 0;
	}
	*ret = look;
	return 0;
}
