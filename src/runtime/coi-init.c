/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Process 1 of a container that runs commands and no services: reaps what is
 * left to it, and on SIGTERM, SIGINT, SIGPWR, SIGUSR1, SIGUSR2 or SIGRTMIN+3 ends
 * everything and powers off. SIGHUP, and reboot(2) by anybody inside who may, are the kernel's.
 *
 * "coi-init notify FIFO" writes one line into a FIFO: systemd runs it when a
 * container can be used.
 *
 * "coi-init link TARGET PATH" makes a symbolic link, and the directories that it
 * needs: the supervisor has it done inside, with no more rights than that.
 *
 * Linked statically and bound into containers of any distribution: it uses
 * nothing but system calls of the C library.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <signal.h>
#include <string.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* How long processes may take to end by themselves. */
#define END_SECONDS 5

static void say(const char *text) {
	/* Nobody may be listening, and nothing depends on it. */
	if (write(STDERR_FILENO, text, strlen(text)) < 0)
		return;
}

/* A directory and a link belong to whom the directory above belongs. */
static void give_to_parent(int dir, const char *name) {
	struct stat st;

	if (fstat(dir, &st) == 0)
		(void)!fchownat(dir, name, st.st_uid, st.st_gid, AT_SYMLINK_NOFOLLOW);
}

/* The directory of @path, made where it is missing, and *@ret_name behind it. */
static int open_parent(char *path, char **ret_name) {
	int dir = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char *at = path, *slash;

	for (; dir >= 0 && (slash = strchr(at, '/')); at = slash + 1) {
		int next;

		*slash = '\0';
		if (!*at)
			continue;
		if (mkdirat(dir, at, 0755) == 0)
			give_to_parent(dir, at);
		next = openat(dir, at, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		(void)close(dir);
		dir = next;
	}
	*ret_name = at;
	return dir;
}

/* What is there already goes when it is a link or a socket, which may be an old one. */
static int make_link(const char *target, char *path) {
	char *name;
	struct stat st;
	int dir = open_parent(path, &name);

	if (dir >= 0 && fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    (S_ISLNK(st.st_mode) || S_ISSOCK(st.st_mode)))
		(void)unlinkat(dir, name, 0);
	if (dir < 0 || symlinkat(target, dir, name) < 0) {
		say("coi-init: cannot make the link\n");
		return 1;
	}
	give_to_parent(dir, name);
	return 0;
}

/*
 * In version 2 of control groups one that has processes gives its children no
 * controllers: engines of containers need those of the outermost, where we begin
 * (as systemd, which goes into init.scope). Not to be had: engines do without.
 */
static void leave_outermost_group(void) {
	static const char root[] = "/sys/fs/cgroup", group[] = "/sys/fs/cgroup/init",
			  procs[] = "/sys/fs/cgroup/init/cgroup.procs";
	struct statfs s;
	int fd;

	if (statfs(root, &s) < 0 || s.f_type != CGROUP2_SUPER_MAGIC)
		return;
	(void)mkdir(group, 0755);
	fd = open(procs, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	(void)!write(fd, "0", 1);
	(void)close(fd);
}

/* What is logged is heard outside, where somebody wants to hear it. */
static void link_log(void) {
	static const char heard[] = "/run/coi/log/socket", name[] = "/dev/log";
	struct stat st;

	if (lstat(heard, &st) == 0 && S_ISSOCK(st.st_mode) && symlink(heard, name) < 0)
		return; /* the image has one */
}

static int notify(const char *path) {
	static const char line[] = "ready\n";
	int fd = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0 || write(fd, line, sizeof(line) - 1) != (ssize_t)sizeof(line) - 1) {
		say("coi-init: cannot notify\n");
		return 1;
	}
	return 0;
}

/* 1 when there is no child any more. */
static int reap(void) {
	pid_t pid;

	do
		pid = waitpid(-1, NULL, WNOHANG);
	while (pid > 0 || (pid < 0 && errno == EINTR));
	return pid < 0 && errno == ECHILD;
}

/*
 * kill(-1) spares process 1. Attached commands are no children of ours, so
 * their end sends no signal: looked for every 20 ms, while it lasts.
 */
static void end_all(const sigset_t *set) {
	const struct timespec tick = { .tv_nsec = 20 * 1000 * 1000 };

	(void)kill(-1, SIGTERM);
	(void)kill(-1, SIGCONT);
	for (int left = END_SECONDS * 50; left > 0; left--) {
		if (reap() && kill(-1, 0) < 0)
			break;
		(void)sigtimedwait(set, NULL, &tick);
	}
	(void)kill(-1, SIGKILL);
	(void)reap();
	(void)reboot(RB_POWER_OFF);
	_exit(0);
}

int main(int argc, char **argv) {
	sigset_t set;

	if (argc == 3 && !strcmp(argv[1], "notify"))
		return notify(argv[2]);
	if (argc == 4 && !strcmp(argv[1], "link"))
		return make_link(argv[2], argv[3]);
	if (argc != 1 || getpid() != 1) {
		say("coi-init: to be started as process 1 of a container, or: coi-init notify FIFO\n");
		return 2;
	}
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGCHLD);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGINT);
	(void)sigaddset(&set, SIGPWR);
	/* What busybox's halt and poweroff send to process 1. */
	(void)sigaddset(&set, SIGUSR1);
	(void)sigaddset(&set, SIGUSR2);
	(void)sigaddset(&set, SIGRTMIN + 3);
	(void)sigprocmask(SIG_SETMASK, &set, NULL);
	leave_outermost_group();
	link_log();
	for (;;) {
		int sig = sigwaitinfo(&set, NULL);

		if (sig == SIGCHLD)
			(void)reap();
		else if (sig > 0)
			end_all(&set);
	}
}
