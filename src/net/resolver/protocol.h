/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Between the supervisor and coi-resolver: descriptors and messages (base/msg.h). */
#ifndef COI_NET_RESOLVER_PROTOCOL_H
#define COI_NET_RESOLVER_PROTOCOL_H

/* What coi-resolver starts with. */
#define RESOLVER_FD_UDP 3     /* bound */
#define RESOLVER_FD_TCP 4     /* listening */
#define RESOLVER_FD_CONTROL 5 /* its end is our end */
#define RESOLVER_FD_ROOT 6    /* an empty directory, its root from then on */

/*
 * The first message. Body: "uid" (its user and group from then on), "client"
 * (the only address that is answered), "private" and "metadata" (whether
 * addresses of those ranges may stand in answers). One descriptor: resolv.conf.
 */
#define RESOLVER_MSG_START "start"
/* Later: resolv.conf again. One descriptor, no body. */
#define RESOLVER_MSG_RESOLV_CONF "resolv-conf"

/* One user id per port, in a range that neither people, services nor containers have. */
#define RESOLVER_UID_FIRST 0x7fff0000

#endif
