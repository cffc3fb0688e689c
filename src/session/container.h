/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Containers as the state directory has them: containers/<name>/container.ini.
 *
 * The record is written before what it tells is done. A state that passes
 * (creating, starting, stopping, deleting) belongs to the process that the
 * record names as its owner; when that is gone, repair.h finishes it.
 */
#ifndef COI_SESSION_CONTAINER_H
#define COI_SESSION_CONTAINER_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "base/err.h"
#include "base/proc.h"
#include "image/image.h"
#include "runtime/control.h"
#include "runtime/ids.h"
#include "runtime/surface.h"
#include "session/session.h"

#define CONTAINER_IMAGE_UID 1000 /* of the user code in the images that we build */

enum container_state {
	STATE_CREATING,
	STATE_STOPPED,
	STATE_STARTING,
	STATE_RUNNING,
	STATE_STOPPING,
	STATE_DELETING,
	STATE_COUNT,
};
/* The word of the record; static. */
const char *container_state_to_string(enum container_state state);

enum container_kind {
	KIND_RUN,    /* coi run */
	KIND_SHELL,  /* coi shell */
	KIND_LAUNCH, /* coi container launch */
	KIND_BUILD,  /* coi build */
	KIND_COUNT,
};
/* The word of the record; static. */
const char *container_kind_to_string(enum container_kind kind);

/* A further mount, by coi container mount. */
struct container_mount {
	char *device; /* its name, unique in the container */
	char *source; /* absolute, on the host */
	char *path;   /* absolute, inside */
	bool readonly;
	bool shift;   /* the owner outside is code inside; else ids are as on the host */
};

struct container {
	char *name;
	char *lxc_name;         /* machine-wide */
	enum container_state state;
	enum container_kind kind;
	struct proc_id owner;   /* of a passing state */
	time_t created;
	char *image;            /* as it was asked for */
	char *fingerprint;
	char *description;      /* of the image */
	struct image_layer *layers; /* oldest first */
	size_t layer_count;
	char *pool;             /* base/pool.h: of its writable files, see storage.h */
	char *workspace;        /* absolute host path; "" when it has none */
	char *workspace_path;   /* inside: "/workspace" */
	uid_t workspace_uid;    /* whose files these are, outside */
	gid_t workspace_gid;
	int slot;               /* 0: none */
	bool persistent;
	bool at_boot;           /* 'coi container start --at-boot' starts it */
	bool delete_on_stop;    /* goes with its last process */
	bool systemd;           /* init: systemd, else coi-init */
	bool nesting;           /* docker and podman inside */
	uid_t code_uid;
	gid_t code_gid;
	char *code_user;
	uid_t user_uid;         /* that this user has been given inside; at first the image's */
	char *alias;            /* "" when it has none */
	char *network_mode;
	uid_t person_uid;       /* for whom it was made */
	gid_t person_gid;
	char *person;
	char *person_home;      /* "" in records of older versions */
	char *logs_dir;         /* "" there too */
	struct container_mount *mounts;
	size_t mount_count;
	bool has_run;           /* it was ready once: there may be something in it worth keeping */

	/* Of KIND_SHELL, else "" and NULL. */
	char *session_id;       /* ~/.coi/sessions-<tool>/<session_id> */
	char *tool;
	char *profile;          /* that was asked for */
	char **state_paths;     /* what is saved, below the user's home */
	bool unsaved;           /* it has run, and what it has since then is saved nowhere */
	int64_t session_since_ms; /* since 1970: when it began in this container; 0: not known */

	/* Since the last start; zero when it is stopped. */
	char *boot_id;
	uint64_t netns;         /* the host side's network namespace */
	struct proc_id supervisor;
	struct proc_id init;
	struct proc_id monitor;
	struct proc_id resolver;
	struct proc_id block; /* coi-block; see monitor/block.h */
	struct proc_id client;  /* the command whose end is the end of a run or a build */
	struct id_range ids;
	char *address;          /* "10.77.0.2", "" when unknown */
	char *timezone;         /* "Europe/Berlin"; "" before its first start */
	enum surface surface;   /* which system calls its last start refused */
	int64_t deadline_ms;    /* CLOCK_BOOTTIME; 0: it may run as long as it likes */
	bool deadline_stops;    /* else it is only said */
	bool deadline_graceful;
	char **limits;          /* what settings said then: "limits.cpu.count=2" …; see limits.h */

	struct record *record;  /* as it was read: unknown keys are kept */
};

void container_free(struct container *c);
void container_free_ptr(struct container **c);
#define auto_container __attribute__((cleanup(container_free_ptr)))

/* -ENOENT (ERR_MISSING) when there is none of that name. Repairs nothing. */
int container_load(const struct session *s, const char *name, struct container **ret,
		   struct err *err);
/*
 * Write the record: durably for what has to outlive a power cut (sessions and
 * what stays when it stops), without waiting for the disk for a run or a build
 * that goes with its last process (one whose record a power cut has torn is
 * deleted, as it would have been anyway).
 */
int container_store(const struct session *s, struct container *c, struct err *err);
/* The same, durably whatever it was made for. */
int container_store_durably(const struct session *s, struct container *c, struct err *err);
/* What the record says of the last start is over. */
void container_forget_run(struct container *c);
/*
 * As container_store(), for who keeps a record for long: what other commands
 * have written meanwhile (mounts, persistence, alias, session, user) is taken over into @c
 * first. The caller holds the container's lock.
 */
int container_store_run(const struct session *s, struct container *c, struct err *err);
/* O_DIRECTORY descriptor of containers/<name>, or -errno. */
int container_dir(const struct session *s, const char *name);
/* The lock of a container (lock.h); LOCK_TRY in @flags as there. */
int container_lock(const struct session *s, const char *name, unsigned flags, struct err *err);
/* Remove the lock's file while holding it, and let go. */
void container_lock_remove(const struct session *s, const char *name, int lock_fd);

struct container_list {
	struct container **items; /* by name */
	size_t count;
};
void container_list_done(struct container_list *list);
#define auto_container_list __attribute__((cleanup(container_list_done)))

enum container_list_flags {
	LIST_ALL_PREFIXES = 1u << 0, /* else only names that begin with the prefix */
	LIST_DELETING = 1u << 1,     /* those that are being deleted too */
};
/*
 * What the state directory has, after repair of what a crash left, whatever its
 * name begins with. A record that cannot be read is left out and told through session_say().
 */
int container_list_load(struct session *s, unsigned flags, struct container_list *ret,
			struct err *err);

/*
 * Does the supervisor of that record live? It holds a lock on a file in the run
 * directory of the container, besides pid and start time.
 */
bool container_supervisor_alive(const struct session *s, const struct container *c);
/* The lock, taken for the calling process (not for its children): 0, or -EAGAIN when held. */
int container_alive_take(const struct session *s, const char *name);
/* O_DIRECTORY descriptor of the container's run directory, made when missing; or -errno. */
int container_run_dir(const struct session *s, const char *name);
/*
 * A document in it, for the supervisor that takes over: what it holds is of this boot and
 * is not waited for. 0 or -errno; a NULL @document (out of memory, text that is no UTF-8)
 * is -EINVAL.
 */
int container_run_put(const struct session *s, const char *name, const char *file,
		      const json_t *document);
/*
 * Read one of at most @max bytes: 1 and a new reference, 0 when there is none (nothing is
 * made then), -EBADMSG when it is no document, or -errno.
 */
int container_run_get(const struct session *s, const char *name, const char *file, size_t max,
		      json_t **ret);
/*
 * A supervisor that is cleaning up after an end is waited for, at most
 * @timeout_ms: 0 at once when there is none; -ETIMEDOUT.
 */
int container_wait_cleaned(const struct container *c, int timeout_ms);
/* Is it up in another network namespace of this boot? Nothing may be done to it from here. */
bool container_is_elsewhere(const struct container *c);

/*
 * What people see: "Running", "Stopped", "Frozen", "Starting", "Stopping",
 * "Error" (running by the record, but its init is gone or in another network
 * namespace). Asks the kernel; static string.
 */
const char *container_status(const struct session *s, const struct container *c);
bool container_is_running(const struct session *s, const struct container *c);
/* -EBUSY, and what it is doing, of one that is neither stopped nor running. */
int container_is_busy(const struct container *c, struct err *err);

/* For whom it was made, to write in that home; borrows from @c. */
struct privilege container_person(const struct container *c);

/* For the calls of the runtime layer; borrows from @s and @c. */
struct runtime_ref container_ref(const struct session *s, const struct container *c);

/* As image_delete() and others want it: which layers do our containers use? */
struct image_users container_image_users(const struct session *s);

#endif
