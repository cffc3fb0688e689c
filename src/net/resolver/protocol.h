/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Between the supervisor and coi-resolver: descriptors and messages (base/msg.h). */
#ifndef COI_NET_RESOLVER_PROTOCOL_H
#define COI_NET_RESOLVER_PROTOCOL_H

/* What coi-resolver starts with. */
#define RESOLVER_FD_UDP 3     /* bound */
#define RESOLVER_FD_TCP 4     /* listening */
#define RESOLVER_FD_CONTROL 5 /* its end is our end */
#define RESOLVER_FD_ROOT 6    /* an empty directory, its root from then on */
#define RESOLVER_FD_LOG 7     /* the port's log group, where "log" says so */

/*
 * The first message. Body: "uid" (its user and group from then on), "client"
 * (the only address that is answered), "log" (there is RESOLVER_FD_LOG), and what
 * RESOLVER_MSG_POLICY has. One
 * descriptor: resolv.conf.
 */
#define RESOLVER_MSG_START "start"
/*
 * "private", "metadata" and "local": whether addresses of those ranges may stand
 * in answers. "allowed": the entries of mode allowlist (allowed.h); absent: every
 * name may be asked for. "hosts": fixed names, {"name", "address" (a number)}; they
 * are answered whatever else is listed. "ahead": listed names are asked for at once.
 * "asked_rate": of so many names a second RESOLVER_MSG_ASKED is to tell.
 * "refresh_s": how often learnt names are asked again, 0: never.
 */
#define RESOLVER_MSG_POLICY "policy"
/* Later: resolv.conf again. One descriptor, no body. */
#define RESOLVER_MSG_RESOLV_CONF "resolv-conf"

/*
 * From the resolver: a listed name has led to addresses. "id", "name",
 * "addresses" (numbers), "ttl" (seconds). The answer is passed on when the
 * supervisor has said "learnt" {"id", "ok"}, which it does when the rules know them.
 */
#define RESOLVER_MSG_LEARN "learn"
#define RESOLVER_MSG_LEARNT "learnt"
/* From the resolver: "name" was asked for and is not listed. Not each time. */
#define RESOLVER_MSG_REFUSED "refused"

/*
 * From the resolver: "name" is listed and leads nowhere, since ("why") it does not
 * exist: nx, has no address that may be reached: empty, or nobody says: silent.
 */
#define RESOLVER_MSG_NOWHERE "nowhere"

/*
 * From the resolver: "names" that were asked for, at most so many, each with "name" (printable
 * letters), "type" (a number) and "refused" (it is not listed), and how many more were not told
 * of: "lost"; and refused packets of which there was no RESOLVER_MSG_DENIED: "packets_lost".
 * Names only when "asked_rate" is not 0.
 */
#define RESOLVER_MSG_ASKED "asked"
#define RESOLVER_ASKED_MAX 32

/*
 * From the resolver: a packet was refused (denied.h): "address", "port", "source",
 * "protocol" (numbers), "to_host", "echo", and "name" if one has led there.
 */
#define RESOLVER_MSG_DENIED "denied"

/* The supervisor wants to know whether it turns; and the answer, behind what waited to be told. */
#define RESOLVER_MSG_PING "ping"
#define RESOLVER_MSG_PONG "pong"

/* One user id per port, in a range that neither people, services nor containers have. */
#define RESOLVER_UID_FIRST 0x7fff0000

#endif
