/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The supervisor: one process for each running container.
 *
 * It keeps what must outlive the command that started it (private mount
 * namespace, liblxc's monitor, network rules, name service) and cleans up when
 * the container ends. Only its own folder's supervisor-*.c files use this.
 */
#ifndef COI_SESSION_SUPERVISOR_H
#define COI_SESSION_SUPERVISOR_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/loop.h"
#include "monitor/block.h"
#include "monitor/watch.h"
#include "base/msg.h"
#include "net/learnt.h"
#include "net/net.h"
#include "net/port.h"
#include "net/resolver.h"
#include "net/who.h"
#include "relay/relay.h"
#include "runtime/runtime.h"
#include "session/container.h"
#include "session/plan.h"
#include "session/protect-place.h"
#include "session/session.h"
#include "session/wire.h"

#define SUPERVISOR_CLIENTS_MAX 16
#define DENIED_REMEMBERED 64

/* A refusal that the container was told of, and when. */
struct denied_line {
	char key[300];
	uint64_t told_ms;
};

/* A refusal that the network log has, and what came after it in the same second. */
struct denied_seen {
	json_t *line; /* the last of them; NULL: none */
	uint32_t address;
	uint16_t port;
	uint8_t protocol;
	char name[NET_ALLOWED_NAME_MAX + 1]; /* a name was refused, address 0 */
	unsigned count; /* that no line has told of */
	uint64_t told_ms;
};

/* A listed name that leads to no address. */
struct nowhere {
	char *name;
	const char *why; /* static: what follows "it" */
};

/* supervisor-late.c: a child that was killed, and has not ended yet; 0: none. */
struct supervisor_late {
	pid_t pid;
	struct loop *loop;
	struct loop_source *source;
};

struct supervisor {
	struct wire_plan plan;
	struct session session;
	struct container *c;

	struct net_base *net; /* NULL: the container has no network */
	struct net_port port;
	struct net_resolver resolver;
	enum net_guard guard;
	int guard_fd;
	int watch_fd; /* changes of the host's nftables */

	/* supervisor-network.c */
	struct net_learnt learnt;
	int learnt_fd;       /* supervisor-learnt.c: the same, for one that takes over */
	size_t learnt_bytes; /* added since it was written anew */
	struct net_who who;
	int denied_fd;
	char *denied_path;
	struct denied_line denied[DENIED_REMEMBERED];
	uint64_t denied_since_ms; /* of the second in which denied_count lines were written */
	unsigned denied_count;
	struct denied_seen seen[DENIED_REMEMBERED];
	struct loop_source *seen_timer;
	bool log_failed;
	/* supervisor-resolver.c */
	struct loop_source *wish_source; /* what the name service asks for */
	struct loop_source *wish_timer;  /* the second in which `wishes` were taken */
	unsigned wishes;
	bool owes_policy; /* it could not be told the last change yet */
	struct loop_source *question_source; /* the container asks it */
	struct loop_source *pulse_timer;     /* it was asked whether it turns */
	bool has_pulse;
	unsigned pulses_missed;
	struct nowhere *nowhere; /* listed names that lead to no address */
	size_t nowhere_count;
	unsigned nowhere_told; /* lines about them */
	bool asked_meanwhile;
	struct stat servers; /* of the host's resolv.conf, as it was told */
	uint32_t questions_dropped, packets_dropped; /* as far as they are recorded */

	struct protect_binds protect; /* the binds of the start, and later ones; see protect-place.h */
	struct protect_items protect_items;
	char *head;                   /* of the workspace's .git/HEAD as it last was; or NULL */
	int protect_fd;               /* changes of their directories on the host */
	int mounts_fd;                /* and of the container's mounts */
	unsigned mends;               /* how often they were mounted again in this minute */
	uint64_t mends_since_ms;
	struct loop_source *trees_timer;
	unsigned trees_added;         /* supervisor-worktrees.c */
	bool is_held;                 /* frozen by us, until they can be */
	struct supervisor_late look, mount; /* whom the container does not answer */
	struct loop_source *hold_timer;
	int host_mnt_fd;              /* the mount namespace that is not ours; -1: it is */
	int host_mounts_fd;           /* its mountinfo */

	/* supervisor-relays.c */
	struct relay relay;
	int relay_fds[RELAY_TARGETS_MAX]; /* listening, as plan.relays; -1: not yet */
	char *sockets_path;               /* NULL: no sockets, or they are bound already */
	struct loop_source *relay_source;
	uint64_t relay_started_ms;

	/* supervisor-monitor.c */
	struct watch watch;
	struct detector *net_detector; /* of connections; NULL: nothing is watched */
	struct loop_source *watch_source, *watch_pulse, *watch_timer;
	uint64_t watch_started_ms;
	bool watch_has_pulse;
	char watch_ended[CLOCK_RFC3339_SIZE];
	bool is_watched;   /* its watcher has been told of it, and that is not given up */
	bool watch_is_over; /* it has told all */
	bool records_failed;
	bool records_denied; /* nobody else tells of refused connections */
	/* supervisor-syslog.c */
	int syslog_fd;     /* what the container logs; -1: nobody hears it */
	char *syslog_path; /* of the directory that it is in */
	char **canaries; /* supervisor-canary.c: paths inside of those that are seen */
	/* supervisor-block.c */
	struct block block;
	struct detector *block_detector;
	json_t *block_kept; /* "files" that are marked ("path", "is_tool", "dev", "ino"), "names" */
	json_t *block_again[DETECT_REMEMBERED]; /* refusals that were told, by their slot */
	struct loop_source *block_source, *block_tick, *block_retry;

	/* supervisor-git.c: paths, NULL without */
	char *git_path;
	char *git_fixed; /* the file with an identity that is fixed */
	char *git_home;  /* and where it is inside */

	const struct plan_step *step; /* of the start, as far as it is */
	struct runtime_spec spec;
	char *hosts_lines; /* for its /etc/hosts */
	char **layers;
	char *container_path;
	char *files_path; /* where upper/ and work/ are, or its disk */
	char *disk_path;  /* NULL: it has none */
	/* supervisor-disk.c */
	int disk_fd;        /* a mount of its own of the disk; -1: there is none */
	int disk_home_fd;   /* the directory that the disk is in */
	bool disk_is_short; /* the room below is less than what is free in it */
	bool disk_failed;
	struct runtime *rt; /* NULL when adopted */
	int init_pidfd;     /* owned */

	struct loop *loop;
	struct loop_source *guard_source; /* NULL while we hold the guard */
	bool guard_asked;
	struct loop_source *mend_timer; /* rules that could not be put back yet */
	struct loop_source *others_timer; /* other people's rules have changed */
	bool is_told_closed; /* somebody drops what containers send on, and we cannot help it */
	struct loop_source *resolver_source;
	struct loop_source *stop_timer;
	uint64_t stop_at_ms; /* when it kills */
	int command_fd; /* to the command that started us; -1: closed */
	struct loop_source *command_source;
	int control_fd;
	int clients[SUPERVISOR_CLIENTS_MAX]; /* -1: free */
	struct loop_source *client_sources[SUPERVISOR_CLIENTS_MAX];
	struct loop_source *left_timer; /* one of them has gone */
	uint64_t resolver_started_ms;
	uint64_t started_ms;

	int root_fd;       /* the container's root directory, for what is saved of a session */

	bool is_stopping;
	bool was_asked;    /* somebody wanted the end; else it powered off by itself */
	bool wants_delete; /* beyond delete_on_stop */
	bool wants_keep;   /* against delete_on_stop */
	bool was_killed;   /* at once, whatever is lost by it */
	bool was_late;     /* killed, since it took too long */
	char *why;         /* it ends; NULL: nobody asked for it */
	char *evidence_snapshot; /* of that; NULL: none was made */
	char *evidence;    /* the threat that it was killed for, when its files are to be kept */
	bool session_log_failed;
};

/* Starting a container; and taking over one that runs without a supervisor. */
extern const struct plan supervisor_start_plan;
extern const struct plan supervisor_adopt_plan;

/*
 * Tell the record what is so; the container's lock is taken for it. A stop
 * (STATE_STOPPING, STATE_DELETING) does not wait for that lock: the record then
 * hears of it at the end.
 */
int supervisor_store(struct supervisor *v, enum container_state state, struct err *err);
/* End it: init is asked, and killed after @timeout_ms (0: at once). Does not wait. */
void supervisor_stop(struct supervisor *v, int timeout_ms);
/*
 * What it may have and how long it may run: into the record of one that starts;
 * and the timer, adopted or not.
 */
void supervisor_time_set(struct supervisor *v);
int supervisor_time_watch(struct supervisor *v, struct err *err);
/*
 * Its own log from now on, and the session log: warnings and errors go into both.
 * supervisor_log() is for the session log alone.
 */
void supervisor_log_open(struct supervisor *v);
void supervisor_log(struct supervisor *v, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
void supervisor_log_start(struct supervisor *v);
void supervisor_log_end(struct supervisor *v);
/* Why it is going to end, before supervisor_stop(); the first one to say so counts. */
void supervisor_why(struct supervisor *v, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/*
 * To the log: what went wrong and ends nothing; and what is worth a line. What is tried again
 * and again is told at once, and then at most once a minute, with how often it was.
 */
void supervisor_complain(const struct err *err);
void supervisor_note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void supervisor_note_again(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* Hold the guard table, or stand by for it. */
int supervisor_guard(struct supervisor *v, struct err *err);
/* The guard, and the host's rules, from now on. */
int supervisor_rules_watch(struct supervisor *v, struct err *err);
/* Say (also to the command) when the network's way out is closed by somebody else. */
void supervisor_tell_closed(struct supervisor *v);
/* Before the rules: what they say, and who hears of what they deny. */
int supervisor_network_begin(struct supervisor *v, struct err *err);
/* The file of refusals among the binds of the start. */
void supervisor_network_bind(struct supervisor *v);
void supervisor_network_done(struct supervisor *v);
/* What was not told of refusals yet. */
void supervisor_denied_done(struct supervisor *v);
/* Be able to say which process it was; what stands against it is told once, and no error. */
void supervisor_who_begin(struct supervisor *v);
/* A name, or a packet (which @name, perhaps "", has led to), to those who are told of refusals. */
void supervisor_denied_name(struct supervisor *v, const char *name);
void supervisor_denied_packet(struct supervisor *v, const struct net_denied *d, const char *name);
/* Take what it has said so far: before the start is told to be done. */
void supervisor_network_hear(struct supervisor *v);
/* The container has ended: what it has not said yet, now. */
void supervisor_network_last(struct supervisor *v);
/* The list has changed, or is given up: names that are not on it lead nowhere no more. */
void supervisor_nowhere_relist(struct supervisor *v);
void supervisor_nowhere_done(struct supervisor *v);
/* Tell the name service what holds now. */
void supervisor_network_policy(struct supervisor *v);
/* The name service whenever there is (no longer) one. */
void supervisor_network_resolver(struct supervisor *v, bool is_there);
/* What was learnt: read when it is adopted; and one more, when the rules have it. 0 or -errno. */
int supervisor_learnt_begin(struct supervisor *v);
int supervisor_learnt_note(struct supervisor *v, const struct net_resolver_event *e);
/* The message "network" of a client at @fd, who is answered. */
void supervisor_network_message(struct supervisor *v, int fd, const json_t *body);
/* What an undo could not do, to the log. */
void supervisor_trouble(void *ctx, const struct plan_step *step, const struct err *err);
/* Protected paths: all binds of the start into v->protect; and what was made for it, undone. */
int supervisor_protect(struct supervisor *v, struct err *err);
int supervisor_unprotect(struct supervisor *v, struct err *err);
/* Know what the supervisor before us has protected. */
int supervisor_protect_adopt(struct supervisor *v, struct err *err);
/* What the next supervisor needs to know of it, written down. */
void supervisor_protect_store(const struct supervisor *v);
/* Work trees that are new on the host, to what is protected: are there any? */
bool supervisor_worktrees_find(struct supervisor *v);
/* In a child: enter the host's mount namespace. 0 or -errno. */
int supervisor_enter_host(const struct supervisor *v);
/*
 * Kill a child that has not answered; it is taken when it has ended, and @late is as before
 * then. @pidfd is taken.
 */
void supervisor_late_kill(struct supervisor *v, struct supervisor_late *late, pid_t pid,
			  int pidfd);
/* The message "mount" of a client at @sock, who is answered. */
void supervisor_mount_message(struct supervisor *v, int sock, struct msg *m);
/*
 * The workspace's .git/HEAD (supervisor-head.c): know it, see whether it still is
 * one, put it back when it is not.
 */
void supervisor_head_remember(struct supervisor *v);
bool supervisor_head_is_proper(struct supervisor *v);
int supervisor_head_put_back(struct supervisor *v, struct err *err);
/* From @delay_ms on: mount again what is replaced on the host. */
void supervisor_watch_protected(struct supervisor *v, int delay_ms);
/* There is more of it. */
void supervisor_watch_more(struct supervisor *v);
/* While it runs: be able to look into it when it has ended. */
void supervisor_save_begin(struct supervisor *v);
/* Does its end save anything? */
bool supervisor_saves(const struct supervisor *v);
/* Nothing of it runs any more: the state of its session goes to the person's home. */
int supervisor_save(struct supervisor *v, struct err *err);
/* Its disk, if it has one: before anything runs on it; while it does; when nothing does any more. */
int supervisor_disk_begin(struct supervisor *v, struct err *err);
void supervisor_disk_watch(struct supervisor *v);
void supervisor_disk_end(struct supervisor *v);
/* A line for the log and for whoever waits for the start. */
void supervisor_say(struct supervisor *v, const char *line);
/* Git's files, before the root file system is made; then their binds. */
int supervisor_git_make(struct supervisor *v, struct err *err);
void supervisor_git_bind(struct supervisor *v);
void supervisor_git_done(struct supervisor *v);
/* Ports of the host, and the directory of sockets; then its bind; then what serves them. */
int supervisor_ports_open(struct supervisor *v, struct err *err);
void supervisor_relays_bind(struct supervisor *v);
int supervisor_relays_start(struct supervisor *v, struct err *err);
void supervisor_relays_stop(struct supervisor *v);
/*
 * The watcher (supervisor-monitor.c): its program, while the rest is made; then the
 * container, which has its init; wait until all is seen; hear it; and at the end
 * take what it has still to say. None of it stops a start.
 */
void supervisor_monitor_spawn(struct supervisor *v);
void supervisor_monitor_begin(struct supervisor *v);
void supervisor_monitor_wait(struct supervisor *v);
void supervisor_monitor_watch(struct supervisor *v);
void supervisor_monitor_finish(struct supervisor *v);
void supervisor_monitor_done(struct supervisor *v);
/*
 * Its canaries: a layer below the others, before the root file system is made; which of
 * them are seen in it; known again by who takes over; and their end. None of it stops a start.
 */
void supervisor_canary_make(struct supervisor *v);
void supervisor_canary_look(struct supervisor *v);
void supervisor_canary_adopt(struct supervisor *v);
void supervisor_canary_done(struct supervisor *v);
/*
 * What it logs of logins: a socket (from Linux 6.16 on), before the binds of the start (by who
 * takes over, again) and then its bind; and its file, opened for the watcher, who asks for it
 * now and then.
 */
void supervisor_syslog_open(struct supervisor *v);
void supervisor_syslog_bind(struct supervisor *v);
void supervisor_syslog_look(struct supervisor *v);
/* Nobody reads the socket any more: who logs is refused, and does not wait. */
void supervisor_syslog_close(struct supervisor *v);
void supervisor_syslog_done(struct supervisor *v);
/* A record about the watching itself. @since, @detail: NULL when there is nothing to say. */
void supervisor_state_record(struct supervisor *v, const char *msg, enum audit_level level,
			     const char *since, const char *detail);
/*
 * What is refused before it happens (supervisor-block.c), when the settings want that:
 * before the container is started, which fails where nothing can be refused; its init;
 * taken over, and the container is ended where that cannot be done any more; heard, once
 * there is a loop; what it has to say at the end; and its end, when nothing runs any more.
 */
int supervisor_block_begin(struct supervisor *v, struct err *err);
void supervisor_block_begun(struct supervisor *v);
void supervisor_block_adopt(struct supervisor *v);
void supervisor_block_watch(struct supervisor *v);
void supervisor_block_finish(struct supervisor *v);
void supervisor_block_done(struct supervisor *v);
/* The rules have refused something. */
/*
 * The network alone (supervisor-monitor-net.c): before the rules, how much of it is told;
 * then a record of that; what the rules have refused, and which names were asked for.
 */
struct net_denied;
void supervisor_monitor_rate(struct supervisor *v);
void supervisor_monitor_net(struct supervisor *v);
void supervisor_monitor_denied(struct supervisor *v, const struct net_denied *d);
void supervisor_monitor_asked(struct supervisor *v, const struct net_resolver_event *e);
/* What the kernel had no room for on its way to the name service, since it was looked at last. */
void supervisor_monitor_dropped(struct supervisor *v);
/* The name service has ended by itself. */
void supervisor_monitor_unheard(struct supervisor *v);
/* What the watcher has heard of a connection: its verdict into @event; and what it means. */
void supervisor_monitor_connect(struct supervisor *v, json_t *event, struct watch_event *ret);
void supervisor_monitor_feed(struct supervisor *v, struct watch_event *e);
/* What the watcher says of a source: whether that tells of refused connections. */
void supervisor_monitor_source(struct supervisor *v, const json_t *event);
/* Recorded, and acted upon: of supervisor-monitor.c. */
void supervisor_monitor_threat(struct supervisor *v, const struct audit_threat *threat,
			       const json_t *body);
/* A relay that ends is started again. */
void supervisor_relays_watch(struct supervisor *v);
/* Audit: what a step did. A failure goes to the log; it stops nothing that runs. */
void supervisor_audit_network(struct supervisor *v, bool repaired);
int supervisor_audit_start(struct supervisor *v, struct err *err);
void supervisor_audit_ready(struct supervisor *v);
void supervisor_audit_end(struct supervisor *v);
void supervisor_audit_delete(struct supervisor *v);

/*
 * Until the container has ended: lease, control socket, init, resolver, rules.
 * Returns when no process of it is left and everybody who waited was told: 1 when
 * the container is to be deleted, else 0; -errno when it cannot be watched.
 */
int supervisor_serve(struct supervisor *v, struct err *err);

#endif
