/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The runtime library on the command line, for its tests and for measuring:
 *
 *   runtime-mini up NAME DIR [key=value …]   a supervisor: prints "init PID monitor PID …",
 *                                            then lives until its container has ended;
 *                                            SIGTERM stops it (stop_ms=…), SIGUSR1 kills it
 *   runtime-mini exec NAME DIR INIT [key=value …] -- ARGV…
 *   runtime-mini kill|poweroff|freeze|thaw|frozen|alive|leftovers NAME DIR INIT
 *   runtime-mini mount NAME DIR INIT BASE COUNT SOURCE:TARGET[:ro]
 *   runtime-mini umount NAME DIR INIT TARGET
 *   runtime-mini ids COUNT ROOT OWNER | unids ROOT OWNER | idcheck COUNT
 *   runtime-mini check DIR | bindcheck PATH
 *
 * DIR is the container's directory and has layers as layer0, layer1, … (newest
 * first). INIT is "PID:START" as `up` printed it.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/strv.h"
#include "runtime/attach.h"
#include "runtime/hotmount.h"
#include "runtime/kernel.h"
#include "runtime/runtime.h"

static int complain(const struct err *e) {
	fprintf(stderr, "Error[%s]: %s\n", err_kind_to_string(e->kind), e->msg);
	if (e->hint[0])
		fprintf(stderr, "Hint: %s\n", e->hint);
	return 1;
}

static const char *value_of(char *const *args, const char *key, const char *missing) {
	const char *v = env_get(args, key);

	return v ? v : missing;
}

static long number_of(char *const *args, const char *key, long missing) {
	const char *v = env_get(args, key);

	return v ? strtol(v, NULL, 10) : missing;
}

/* All values of a key that may come several times. */
static char **values_of(char *const *args, const char *key) {
	char **v = NULL;
	size_t len = strlen(key);

	for (size_t i = 0; args[i]; i++)
		if (!strncmp(args[i], key, len) && args[i][len] == '=')
			strv_add(&v, args[i] + len + 1);
	return v;
}

static struct proc_id proc_of(const char *text) {
	struct proc_id id = { 0 };
	char *end;

	id.pid = (pid_t)strtol(text, &end, 10);
	if (*end == ':')
		id.start = strtoull(end + 1, NULL, 10);
	return id;
}

/* SOURCE:TARGET[:ro][:strict][:plain|:container][:hidden][:noexec] */
static struct runtime_bind bind_of(const char *text) {
	char **part = strv_split(text, ":");
	struct runtime_bind b = { .fd = -1, .owner_uid = (uid_t)-1, .owner_gid = (gid_t)-1 };

	if (strv_len(part) < 2) {
		fprintf(stderr, "bad bind %s\n", text);
		exit(2);
	}
	b.source = xstrdup(part[0]);
	b.target = xstrdup(part[1]);
	b.readonly = strv_contains(part, "ro");
	b.strict_target = strv_contains(part, "strict");
	b.hidden = strv_contains(part, "hidden");
	b.noexec = strv_contains(part, "noexec");
	if (strv_contains(part, "plain"))
		b.ids = RUNTIME_BIND_PLAIN;
	if (strv_contains(part, "container"))
		b.ids = RUNTIME_BIND_CONTAINER;
	strv_free(part);
	return b;
}

static void spec_fill(struct runtime_spec *s, const char *name, const char *dir, char **args) {
	static struct runtime_bind binds[32];
	autostrv char **texts = values_of(args, "bind");
	const char *init = value_of(args, "init", "coi");
	char **layers = NULL;

	*s = (struct runtime_spec){
		.name = name,
		.lxc_name = name,
		.lxcpath = RUNTIME_LXCPATH,
		.hostname = name,
		.ids = { .base = (uint32_t)number_of(args, "base", 1000000),
			 .count = (uint32_t)number_of(args, "count", 65536) },
		.code_uid = 1000,
		.code_gid = 1000,
		.container_dir = value_of(args, "container_dir", dir),
		.binds = binds,
		.init = !strcmp(init, "coi")	   ? RUNTIME_INIT_COI :
			!strcmp(init, "systemd") ? RUNTIME_INIT_SYSTEMD :
						   RUNTIME_INIT_ARGV,
		.env = values_of(args, "env"),
		.net = { .link = env_get(args, "link"),
			 .address = env_get(args, "address"),
			 .gateway = env_get(args, "gateway"),
			 .dns = env_get(args, "dns") },
		.nesting = number_of(args, "nesting", 0),
		.surface = surface_from_string(value_of(args, "surface", "default")),
		.seccomp_file = env_get(args, "seccomp"),
		.log_level = env_get(args, "log"),
		.no_id_holes = number_of(args, "no_holes", 0),
		.no_sync = number_of(args, "no_sync", 0),
		.sysctls = values_of(args, "sysctl"),
		.limits = { .pids_max = (uint64_t)number_of(args, "pids", 0),
			    .memory_max = (uint64_t)number_of(args, "memory", 0),
			    .cpu_quota_us = (uint64_t)number_of(args, "cpu", 0),
			    .cpuset_cpus = env_get(args, "cpuset") },
	};
	if (s->init == RUNTIME_INIT_ARGV)
		s->init_argv = strv_split(init, " ");
	for (size_t i = 0; texts && texts[i] && i < ARRAY_SIZE(binds); i++)
		binds[s->bind_count++] = bind_of(texts[i]);
	layers = values_of(args, "layer");
	for (int i = 0; !env_get(args, "layer") && i < 500; i++) {
		autofree char *path = xasprintf("%s/layer%d", dir, i);

		if (exists_at(AT_FDCWD, path) != 1)
			break;
		strv_add(&layers, path);
	}
	s->layers = (const char *const *)layers;
}

static int signals_open(void) {
	sigset_t set;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGUSR1);
	(void)sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC);
}

/* In the manner of the supervisor, which does not wait but has a loop. */
static int wait_ready(struct runtime *rt, const struct runtime_info *info, int timeout_ms) {
	uint64_t end = clock_mono_ms() + (uint64_t)timeout_ms;

	while (!runtime_ready_check(rt)) {
		struct pollfd pfd[] = {
			{ .fd = runtime_ready_fd(rt), .events = POLLIN },
			{ .fd = info->init_pidfd, .events = POLLIN },
		};
		uint64_t now = clock_mono_ms();

		if (poll(pfd, 2, now >= end ? 0 : (int)(end - now)) == 0) {
			fprintf(stderr, "it was not ready within %d seconds\n", timeout_ms / 1000);
			return -1;
		}
		if (pfd[1].revents && !pfd[0].revents) {
			fprintf(stderr, "it ended while it started\n");
			return -1;
		}
	}
	return 0;
}

/* 0: ended by itself, 1: killed. */
static int stop(const struct runtime_ref *ref, const struct runtime_info *info, int timeout_ms,
		struct err *err) {
	int r;

	if (timeout_ms > 0)
		(void)runtime_unfreeze(ref, err); /* frozen ones hear nothing */
	if (timeout_ms > 0 && runtime_poweroff(ref, err) == 0 &&
	    pidfd_wait_gone(info->init_pidfd, timeout_ms) == 0)
		return 0;
	r = runtime_kill(ref, 5000, err);
	return r < 0 ? r : 1;
}

static int watch(const struct runtime_ref *ref, const struct runtime_info *info, int signals,
		 int stop_ms, struct err *err) {
	for (;;) {
		struct pollfd pfd[] = {
			{ .fd = info->init_pidfd, .events = POLLIN },
			{ .fd = signals, .events = POLLIN },
		};
		struct signalfd_siginfo si;

		if (poll(pfd, 2, -1) < 0)
			continue;
		if (pfd[0].revents)
			return 0;
		if (pfd[1].revents && read(signals, &si, sizeof(si)) == (ssize_t)sizeof(si)) {
			uint64_t t = clock_mono_us();
			int r = stop(ref, info, si.ssi_signo == SIGTERM ? stop_ms : 0, err);

			fprintf(stderr, "stop: %d in %" PRIu64 " us\n", r, clock_mono_us() - t);
			return r < 0 ? r : 0;
		}
	}
}

static int up(const char *name, const char *dir, char **args) {
	struct runtime_spec spec;
	struct runtime *rt;
	struct runtime_info info;
	struct runtime_ref ref;
	struct err err = { 0 };
	uint64_t t[5];
	struct runtime_warm warm = { .fd = -1 };
	int signals = signals_open();

	if (number_of(args, "warm", 0))
		runtime_warm_begin(&warm);
	spec_fill(&spec, name, dir, args);
	t[0] = clock_mono_us();
	if (runtime_enter(&spec, &rt, &err) < 0)
		return complain(&err);
	t[1] = clock_mono_us();
	if (runtime_start(rt, &info, &err) < 0)
		return complain(&err);
	t[2] = clock_mono_us();
	ref = (struct runtime_ref){ .lxc_name = spec.lxc_name,
				    .lxcpath = spec.lxcpath,
				    .init = info.init,
				    .monitor = info.monitor,
				    .surface = spec.surface };
	if (wait_ready(rt, &info, (int)number_of(args, "ready_ms", 30000)) < 0) {
		(void)runtime_cleanup(rt, &err);
		return 1;
	}
	t[3] = clock_mono_us();
	runtime_warm_end(&warm);
	printf("init %d:%" PRIu64 " monitor %d:%" PRIu64 " enter_us %" PRIu64 " start_us %" PRIu64
	       " ready_us %" PRIu64 "\n",
	       info.init.pid, info.init.start, info.monitor.pid, info.monitor.start, t[1] - t[0],
	       t[2] - t[1], t[3] - t[2]);
	fflush(stdout);
	if (watch(&ref, &info, signals, (int)number_of(args, "stop_ms", 5000), &err) < 0)
		return complain(&err);
	t[0] = clock_mono_us();
	if (runtime_cleanup(rt, &err) < 0 || runtime_leave(rt, &err) < 0)
		return complain(&err);
	fprintf(stderr, "cleanup: %" PRIu64 " us\n", clock_mono_us() - t[0]);
	runtime_free(rt);
	return 0;
}

static int exec_one(const struct runtime_ref *ref, char **args, char **argv) {
	autostrv char **env = values_of(args, "env");
	struct attach_spec spec = {
		.ref = *ref,
		.argv = argv,
		.env = env,
		.uid = (uid_t)number_of(args, "uid", 1000),
		.gid = (gid_t)number_of(args, "gid", -1),
		.no_groups = number_of(args, "no_groups", 0),
		.cwd = env_get(args, "cwd"),
		.tty = number_of(args, "tty", 0),
		.stdin_fd = number_of(args, "no_stdin", 0) ? -1 : 0,
		.stdout_fd = 1,
		.stderr_fd = 2,
		.log_file = env_get(args, "log"),
	};
	struct err err = { 0 };
	int r;

	if (env_get(args, "capture")) {
		struct buf out, errors;

		buf_init(&out, (size_t)number_of(args, "capture", 1 << 20));
		buf_init(&errors, 4096);
		r = attach_capture(&spec, (int)number_of(args, "timeout", -1), &out, &errors, &err);
		printf("status %d out %zu%s err %zu: %s", r, out.len, out.overflow ? "+" : "",
		       errors.len, out.len < 4096 ? out.data : "…");
		buf_done(&out);
		buf_done(&errors);
	} else {
		r = attach_run(&spec, &err);
	}
	for (long n = number_of(args, "times", 1); n > 1; n--) {
		uint64_t t = clock_mono_us();

		r = attach_run(&spec, &err);
		fprintf(stderr, "%" PRIu64 "\n", clock_mono_us() - t);
	}
	if (err.kind)
		(void)complain(&err);
	return r < 0 ? 1 : r;
}

static int leftovers(const struct runtime_ref *ref) {
	struct err err = { 0 };

	return runtime_leftovers_remove(ref, &err) < 0 ? complain(&err) : 0;
}

static int control(const char *what, const struct runtime_ref *ref) {
	struct err err = { 0 };
	uint64_t t = clock_mono_us();
	int r;

	if (!strcmp(what, "alive"))
		return !runtime_alive(ref);
	if (!strcmp(what, "frozen"))
		return runtime_is_frozen(ref) != 1;
	if (!strcmp(what, "leftovers"))
		return leftovers(ref);
	if (!strcmp(what, "kill"))
		r = runtime_kill(ref, 10000, &err);
	else if (!strcmp(what, "poweroff"))
		r = runtime_poweroff(ref, &err);
	else if (!strcmp(what, "freeze"))
		r = runtime_freeze(ref, 5000, &err);
	else if (!strcmp(what, "thaw"))
		r = runtime_unfreeze(ref, &err);
	else
		return 2;
	fprintf(stderr, "%s: %" PRIu64 " us\n", what, clock_mono_us() - t);
	return r < 0 ? complain(&err) : 0;
}

static int mount_one(const struct runtime_ref *ref, char **argv) {
	struct hotmount_spec spec = {
		.ref = *ref,
		.ids = { .base = (uint32_t)strtoul(argv[0], NULL, 10),
			 .count = (uint32_t)strtoul(argv[1], NULL, 10) },
		.code_uid = 1000,
		.code_gid = 1000,
		.bind = bind_of(argv[2]),
	};
	struct err err = { 0 };
	uint64_t t = clock_mono_us();
	int r = hotmount_add(&spec, &err);

	free((char *)spec.bind.source);
	free((char *)spec.bind.target);
	if (r < 0)
		return complain(&err);
	fprintf(stderr, "mount: %" PRIu64 " us\n", clock_mono_us() - t);
	return 0;
}

static int without_container(int argc, char **argv) {
	struct err err = { 0 };
	struct id_range r;

	if (!strcmp(argv[1], "ids") && argc == 5) {
		if (ids_claim(NULL, (uint32_t)strtoul(argv[2], NULL, 10), argv[3], argv[4], &r,
			      &err) < 0)
			return complain(&err);
		printf("%" PRIu32 " %" PRIu32 "\n", r.base, r.count);
		return 0;
	}
	if (!strcmp(argv[1], "unids") && argc == 4)
		return ids_release(NULL, argv[2], argv[3], &err) < 0 ? complain(&err) : 0;
	if (!strcmp(argv[1], "idcheck") && argc == 3)
		return ids_check(NULL, (uint32_t)strtoul(argv[2], NULL, 10), &err) < 0 ?
			       complain(&err) :
			       0;
	if (!strcmp(argv[1], "check") && argc == 3)
		return kernel_check(argv[2], &err) < 0 ? complain(&err) : 0;
	if (!strcmp(argv[1], "bindcheck") && argc == 3) {
		autoclose int fd = open(argv[2], O_PATH | O_CLOEXEC);
		enum runtime_bind_method method;

		if (runtime_bind_check(fd, (uid_t)-1, (gid_t)-1, &method, &err) < 0)
			return complain(&err);
		puts(method == RUNTIME_BIND_IDMAPPED ? "idmapped" : "hole");
		return 0;
	}
	return -1;
}

int main(int argc, char **argv) {
	struct runtime_ref ref = { 0 };
	int r;

	if (argc < 3 || (r = without_container(argc, argv)) >= 0)
		return argc < 3 ? 2 : r;
	if (argc >= 4 && !strcmp(argv[1], "up"))
		return up(argv[2], argv[3], argv + 4);
	if (argc < 5)
		return 2;
	ref.lxc_name = argv[2];
	ref.lxcpath = RUNTIME_LXCPATH;
	ref.init = proc_of(argv[4]);
	if (!strcmp(argv[1], "exec")) {
		int dash = 5;

		while (dash < argc && strcmp(argv[dash], "--"))
			dash++;
		if (dash + 1 >= argc)
			return 2;
		argv[dash] = NULL;
		return exec_one(&ref, argv + 5, argv + dash + 1);
	}
	if (!strcmp(argv[1], "mount") && argc == 8)
		return mount_one(&ref, argv + 5);
	return control(argv[1], &ref);
}
