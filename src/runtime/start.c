/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Starting and ending through liblxc. A child of the supervisor calls it, with
 * signals, environment and descriptors put in order, and tells what came of it
 * over a pipe; the monitor that liblxc leaves behind becomes the supervisor's
 * child, since the supervisor is a subreaper.
 */
#include <errno.h>
#include <fcntl.h>
#include <lxc/lxccontainer.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/proc.h"
#include "base/strv.h"
#include "runtime/apparmor-profile.h"
#include "runtime/control.h"
#include "runtime/limits.h"
#include "runtime/lxcconf.h"
#include "runtime/nodes.h"

#define START_TIMEOUT_MS 30000
#define MOUNTINFO_MAX (4 * 1024 * 1024)
#define LOG_MAX (1024 * 1024)
#define LOG_TAIL_MAX (64 * 1024)
#define MONITOR_END_MS 2000
#define LABEL_TIMEOUT_MS 5000
#define LABEL_STEP_MS 5
#define POLICY_FILE "calls.seccomp"

struct start_reply {
	pid_t init; /* 0: not started */
	char key[128]; /* of a setting that liblxc refused */
};

struct start_plan {
	const struct runtime_spec *spec;
	char **conf; /* key, value, … */
	char *const *argv;
	bool nodes; /* coi-nodes is there */
};

static char *const argv_coi[] = { (char *)INIT_INSIDE, NULL };
static char *const argv_systemd[] = { (char *)"/sbin/init", NULL };

static bool lxc_configure(struct lxc_container *c, char **conf, struct start_reply *reply) {
	for (size_t i = 0; conf[i] && conf[i + 1]; i += 2)
		if (!c->set_config_item(c, conf[i], conf[i + 1])) {
			(void)snprintf(reply->key, sizeof(reply->key), "%s", conf[i]);
			return false;
		}
	return true;
}

/* What is started from here on makes device nodes, or cannot: no reason not to start. */
static void nodes_put(const struct runtime_spec *spec) {
	int fd = nodes_connect(spec->lxcpath, spec->lxc_name);
	int r = fd < 0 ? fd : nodes_filter(fd);

	if (r < 0)
		log_debug("no device nodes in '%s': %s", spec->name, strerror(-r));
	if (fd >= 0)
		(void)close(fd);
}

static void starter(const struct start_plan *plan, int pipe_fd) {
	struct start_reply reply = { 0 };
	struct lxc_container *c;

	proc_set_name("coi-start");
	proc_close_fds_except(&pipe_fd, 1);
	proc_reset_signals();
	/*
	 * Without newuidmap in PATH liblxc writes the maps itself, which is faster;
	 * that the range is root's to give has been seen to (ids.h).
	 */
	(void)setenv("PATH", "/usr/sbin:/sbin", 1);
	if (plan->nodes)
		nodes_put(plan->spec);
	c = lxc_container_new(plan->spec->lxc_name, plan->spec->lxcpath);
	if (c && lxc_configure(c, plan->conf, &reply)) {
		c->want_daemonize(c, true);
		c->want_close_all_fds(c, true);
		if (c->start(c, 0, plan->argv))
			reply.init = c->init_pid(c);
	}
	(void)fd_write_all(pipe_fd, &reply, sizeof(reply));
	_exit(0);
}

static int reply_read(int fd, struct start_reply *ret) {
	uint64_t end = clock_mono_ms() + START_TIMEOUT_MS;
	size_t have = 0;

	while (have < sizeof(*ret)) {
		struct pollfd pfd = { .fd = fd, .events = POLLIN };
		uint64_t now = clock_mono_ms();
		ssize_t n;
		int r = poll(&pfd, 1, now >= end ? 0 : (int)(end - now));

		if (r == 0)
			return -ETIMEDOUT;
		if (r < 0 && errno == EINTR)
			continue;
		n = read(fd, (char *)ret + have, sizeof(*ret) - have);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EPIPE;
		have += (size_t)n;
	}
	return 0;
}

static int starter_run(const struct start_plan *plan, struct start_reply *ret) {
	autoclose int rd = -1, wr = -1;
	int fds[2], r;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	rd = fds[0];
	wr = fds[1];
	pid = fork();
	if (pid < 0)
		return -errno;
	if (pid == 0)
		starter(plan, wr);
	mem_close_ptr(&wr);
	wr = -1;
	r = reply_read(rd, ret);
	if (r < 0)
		(void)kill(pid, SIGKILL);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	return r;
}

/* Open the log for a start: kept, but not without end. Where it stands now, or -errno. */
static off_t log_begin(const char *path) {
	autoclose int fd = open(path, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (st.st_size <= LOG_MAX)
		return st.st_size;
	return ftruncate(fd, 0) < 0 ? -errno : 0;
}

static char *log_since(const char *path, off_t from) {
	autoclose int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	autofree char *text = xmalloc(LOG_TAIL_MAX + 1);
	ssize_t n = fd < 0 ? 0 : pread(fd, text, LOG_TAIL_MAX, from);

	text[n > 0 ? n : 0] = '\0';
	return lxclog_reason(text);
}

/*
 * The policy is a file, since liblxc reads it again for each command that enters:
 * as long as this container runs, it is the one that it was started with.
 */
static int policy_write(const struct runtime_spec *spec, struct err *err) {
	autoclose int dir = open(spec->container_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	autofree char *text = surface_policy(spec->surface);
	int r = dir < 0 ? -errno :
			  file_write_quick_at(dir, POLICY_FILE, text, strlen(text), 0600);

	return r < 0 ? err_sys(err, r, "cannot write the policy of system calls of '%s'",
			       spec->name) : 0;
}

static pid_t parent_of(pid_t pid) {
	char path[64];
	const char *at;
	struct buf b;
	int parent = 0;

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	if (file_read_at(AT_FDCWD, path, 8192, &b) < 0)
		return 0;
	at = strrchr(b.data, ')');
	if (!at || sscanf(at, ") %*c %d", &parent) != 1)
		parent = 0;
	buf_done(&b);
	return parent;
}

static int info_fill(struct runtime *rt, pid_t init) {
	struct runtime_info *i = &rt->info;
	pid_t parent = parent_of(init);
	int r = proc_id_get(init, &i->init);

	/* A monitor that has died already leaves init to us: not somebody to kill later. */
	if (r == 0)
		r = parent <= 1 || parent == getpid() ? -ESRCH : proc_id_get(parent, &i->monitor);
	if (r < 0)
		return r;
	i->init_pidfd = proc_id_open(&i->init);
	i->monitor_pidfd = i->init_pidfd < 0 ? -ESRCH : proc_id_open(&i->monitor);
	if (i->monitor_pidfd < 0)
		return i->monitor_pidfd;
	return ns_inode(init, "net", &i->netns);
}

static struct runtime_ref ref_of(const struct runtime *rt) {
	return (struct runtime_ref){
		.lxc_name = rt->spec->lxc_name,
		.lxcpath = rt->spec->lxcpath,
		.init = rt->info.init,
		.monitor = rt->info.monitor,
		.surface = rt->spec->surface,
	};
}

/* A limit that was taken and is not there would be worse than an error. */
static int limits_verify(const struct runtime *rt, struct err *err) {
	struct limit_file limit[LIMIT_FILES_MAX];
	int n = limits_files(&rt->spec->limits, &rt->cgroups, limit, err), r = n;

	for (int i = 0; r >= 0 && i < n; i++)
		r = limit_check(&limit[i], &rt->cgroups, rt->spec->lxc_name, err);
	return r < 0 ? r : 0;
}

/*
 * A liblxc without SELinux takes a label and does nothing with it. It comes with the exec, of
 * which nobody tells us.
 */
static int label_verify(const struct runtime *rt, const char *label, struct err *err) {
	for (int waited = 0;; waited += LABEL_STEP_MS) {
		autofree char *has = selinux_label_of(rt->info.init.pid);

		if (has && strcmp(has, label) == 0)
			return 0;
		if (waited < LABEL_TIMEOUT_MS && pidfd_wait_gone(rt->info.init_pidfd, LABEL_STEP_MS) < 0)
			continue;
		err_set(err, ERR_SYSTEM, -EACCES, "'%s' did not get the label '%s', but '%s'",
			rt->spec->name, label, has ? has : "none");
		return err_hint(err, "'ausearch -m avc' or 'dmesg' says what SELinux has refused; "
				     "'semodule -r coi' lets containers go without a label");
	}
}

/*
 * What is mounted over a part of /proc, newly allocated: as long as something is, the
 * kernel gives no user namespace a /proc (mount_too_revealing() of Linux 4.2 and newer);
 * empty directories that are there for mounts do not count. NULL: nothing.
 */
static char *proc_cover(void) {
	autobuf struct buf b = { 0 };
	char *save = NULL;

	if (file_read_at(AT_FDCWD, "/proc/self/mountinfo", MOUNTINFO_MAX, &b) < 0)
		return NULL;
	for (char *line = strtok_r(b.data, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		char *word = NULL, *at = strtok_r(line, " ", &word);

		for (int i = 1; i < 5 && at; i++)
			at = strtok_r(NULL, " ", &word);
		if (at && !strncmp(at, "/proc/", 6) && strcmp(at, "/proc/sys/fs/binfmt_misc") != 0)
			return xstrdup(at);
	}
	return NULL;
}

/* liblxc's words, and what they mean where they alone would help nobody. */
static int start_failed_for(const struct runtime *rt, int code, const char *why, struct err *err) {
	autofree char *cover = strstr(why, "\"proc\"") ? proc_cover() : NULL;
	int r = err_set(err, ERR_SYSTEM, code, "cannot start '%s': %s", rt->spec->name, why);

	if (!cover)
		return r;
	return err_hint(err, "something is mounted over '%s' of this host, and as long as it is the "
			     "kernel gives no container a /proc: umount it", cover);
}

static void nodes_end(struct runtime *rt) {
	nodes_forget(rt->spec->lxcpath, rt->spec->lxc_name);
	if (rt->nodes > 0) {
		(void)kill(rt->nodes, SIGKILL);
		(void)proc_wait(rt->nodes);
	}
	rt->nodes = 0;
}

static int start_failed(struct runtime *rt, int code, const struct start_reply *reply,
			const char *log_path, off_t log_from, struct err *err) {
	autofree char *why = log_from >= 0 ? log_since(log_path, log_from) : xstrdup("");

	nodes_end(rt);
	/* Not the supervisor's group, which is the caller's own. */
	(void)runtime_leftovers_remove(&(struct runtime_ref){ .lxc_name = rt->spec->lxc_name },
				       NULL);
	if (code == -ETIMEDOUT)
		return err_set(err, ERR_SYSTEM, code, "'%s' did not start within %d seconds%s%s",
			       rt->spec->name, START_TIMEOUT_MS / 1000, *why ? ": " : "", why);
	if (reply->key[0])
		return err_set(err, ERR_SYSTEM, -EINVAL,
			       "this liblxc does not take the setting '%s'%s%s", reply->key,
			       *why ? ": " : "", why);
	if (*why)
		return start_failed_for(rt, code, why, err);
	return err_set(err, ERR_SYSTEM, code, "cannot start '%s': liblxc gave no reason (log: %s)",
		       rt->spec->name, log_path);
}

int runtime_start(struct runtime *rt, struct runtime_info *ret, struct err *err) {
	const struct runtime_spec *spec = rt->spec;
	autofree char *log_path = path_join(spec->container_dir, "lxc.log");
	autofree char *policy_path = path_join(spec->container_dir, POLICY_FILE);
	struct lxcconf_paths paths = {
		.rootfs = rt->rootfs_path,
		.seccomp = spec->seccomp_file ? spec->seccomp_file : policy_path,
		.log = log_path,
	};
	char profile[APPARMOR_NAME_SIZE], label[SELINUX_LABEL_SIZE];
	enum apparmor apparmor = apparmor_look();
	autostrv char **conf = NULL;
	struct start_plan plan = {
		.spec = spec,
		.argv = spec->init == RUNTIME_INIT_COI	   ? argv_coi :
			spec->init == RUNTIME_INIT_SYSTEMD ? argv_systemd :
							     spec->init_argv,
	};
	struct start_reply reply = { 0 };
	off_t log_from = log_begin(log_path);
	int r;

	if (apparmor_confines(apparmor)) {
		r = apparmor_load(apparmor, profile, err);
		if (r < 0)
			return r;
		paths.apparmor = profile;
	}
	if (rt->selinux == SELINUX_ON) {
		selinux_process_label(&spec->ids, label);
		paths.selinux = label;
	}
	plan.conf = conf = lxcconf_build(spec, &rt->ids, &rt->cgroups, &paths, err);
	if (!conf)
		return -EINVAL;
	if (!spec->seccomp_file && policy_write(spec, err) < 0)
		return -EIO;
	/* liblxc would take "-1" names beside the old ones, where nobody looks. */
	if (cgroup_exists(&rt->cgroups, CGROUP_PAYLOAD, spec->lxc_name) ||
	    cgroup_exists(&rt->cgroups, CGROUP_MONITOR, spec->lxc_name))
		return err_set(err, ERR_CONFLICT, -EEXIST,
			       "control groups of an earlier '%s' are still there", spec->name);
	if (prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
		return err_sys(err, -errno, "cannot become a subreaper");
	if (spec->nesting) {
		struct err soft = { 0 };

		plan.nodes = nodes_start(spec->lxcpath, spec->lxc_name, rt->rootfs_fd, &rt->nodes,
					 &soft) == 0;
		if (!plan.nodes)
			log_debug("%s", soft.msg);
	}
	r = starter_run(&plan, &reply);
	/* The monitor is ours now. What else loses its parent is for who takes all of those. */
	(void)prctl(PR_SET_CHILD_SUBREAPER, 0);
	if (r == 0 && reply.init <= 0)
		r = -EIO;
	if (r < 0)
		return start_failed(rt, r, &reply, log_path, log_from, err);
	r = info_fill(rt, reply.init);
	if (r < 0)
		return start_failed(rt, r, &reply, log_path, log_from, err);
	r = limits_verify(rt, err);
	if (r == 0 && paths.selinux)
		r = label_verify(rt, paths.selinux, err);
	if (r < 0) {
		struct runtime_ref ref = ref_of(rt);

		(void)runtime_kill(&ref, 1000, NULL);
		return r;
	}
	*ret = rt->info;
	return 0;
}

int runtime_ready_fd(const struct runtime *rt) {
	return rt->is_ready ? -1 : rt->ready_fd;
}

int runtime_ready_check(struct runtime *rt) {
	char text[64];

	/* What is written there is the container's choice; that it was written is enough. */
	if (!rt->is_ready && (rt->ready_fd < 0 || read(rt->ready_fd, text, sizeof(text)) > 0))
		rt->is_ready = true;
	return rt->is_ready;
}

int runtime_cleanup(struct runtime *rt, struct err *err) {
	struct runtime_ref ref = ref_of(rt);
	int r = 0;

	if (rt->info.init.pid) {
		if (pidfd_wait_gone(rt->info.init_pidfd, 0) < 0)
			r = runtime_kill(&ref, 5000, err);
		/*
		 * All that the monitor would do now is remove what we remove, after
		 * moving itself about; or start again, after a reboot.
		 */
		(void)proc_id_kill(&rt->info.monitor, MONITOR_END_MS);
		(void)waitpid(rt->info.monitor.pid, NULL, WNOHANG);
	}
	if (r < 0)
		return r;
	nodes_end(rt);
	return runtime_leftovers_remove(&ref, err);
}

int runtime_leave(struct runtime *rt, struct err *err) {
	const char *name = rt->spec->lxc_name;
	const struct cgroup_tree *v2 = cgroup_tree_unified(&rt->cgroups);
	int r;

	if (!v2)
		return 0;
	r = cgroup_leave(v2);
	if (r == 0)
		r = cgroup_kill(&rt->cgroups, CGROUP_SUPERVISOR, name, MONITOR_END_MS);
	if (r == 0)
		r = cgroup_remove(&rt->cgroups, CGROUP_SUPERVISOR, name);
	return r < 0 ? err_sys(err, r, "cannot leave the control group of '%s'",
			       rt->spec->name) : 0;
}
