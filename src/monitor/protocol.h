/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Between the supervisor and coi-watch: descriptors and messages (base/msg.h). */
#ifndef COI_MONITOR_PROTOCOL_H
#define COI_MONITOR_PROTOCOL_H

/* What coi-watch starts with. It loads at once what needs no container. */
#define WATCH_FD_CONTROL 3 /* its end is our end */
#define WATCH_FD_ROOT 4    /* an empty directory, its root from then on */

/*
 * From the supervisor, once the container has an init: "lxc_name", "uid" (user and
 * group of the watcher from then on), "level", "cgroup2_id", "uid_base", "uid_count",
 * "address" (IPv4; 0: no network), "poll_ms", "settings" (wire.h), "counters" (bools, by enum
 * watch_counter), "patterns" (how many). Descriptors:
 * where cgroup.procs is; when "has_cgroup2", the group of version 2; when "has_root", its
 * root ("homes": of its users, in it; "canaries": files that we planted in it); when
 * "has_syslog", a datagram socket with what it logs; then that of each
 * counter which is there; then the sets of rules (pattern/set.h), to be read.
 */
#define WATCH_MSG_START "start"
/* The container has ended: what is not told yet, and then the end. */
#define WATCH_MSG_FINISH "finish"
/* The supervisor wants to know whether it turns; and the answer. */
#define WATCH_MSG_PING "ping"
#define WATCH_MSG_PONG "pong"
/*
 * The watcher wants the container's log of logins as it is now (no body), and the answer:
 * "error" (a number of errno, else 0), "device", "inode", "born_ns" (which file it is), "size";
 * the file, to be read, unless there is an error.
 */
#define WATCH_MSG_LOOK "look"
#define WATCH_MSG_LOG "log"

/* From the watcher: what happens from now on is seen. No body. */
#define WATCH_MSG_READY "ready"
/*
 * "list": events in their order, each with "type" (a stream of audit/) and the
 * fields that its row there has. One of type "net" has "raw" as well, which is
 * what the policy judges: "family", "protocol", "address" (16 numbers), "port".
 */
#define WATCH_MSG_EVENTS "events"
#define WATCH_EVENTS_MAX 512      /* of one message */
#define WATCH_EVENTS_BYTES 65536  /* of several in one; one alone may have more */
/* The source of connections that is not told of refused ones: of those the rules tell. */
#define WATCH_BACKEND_CONNTRACK "conntrack"
/*
 * "rule", "level", "category", "title", "description", "evidence" (words), "fields"
 * (of the evidence), "count" (0: the first), "again" (only to be acted upon), "at_us" (when it
 * happened, 0: not known).
 */
#define WATCH_MSG_THREAT "threat"

/* One user id per container, in a range that neither people, services nor containers have. */
#define WATCH_UID_FIRST 0x7ffd0000

#endif
