/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * git, run by coi-git. It gets an environment and settings of our own making: nothing
 * of the person's, no hooks, no questions, one protocol, no other host than was named.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/escape.h"
#include "base/fd.h"
#include "base/layout.h"
#include "base/mem.h"
#include "base/proc.h"
#include "base/strv.h"
#include "monitor/pattern/update.h"

#define OUTPUT_MAX 65536
#define TIMEOUT_MS (10 * 60 * 1000)

static const char *const settings[] = {
	"core.hooksPath=/dev/null",
	"core.fsmonitor=false",
	"core.symlinks=false",
	"core.protectHFS=true",
	"core.protectNTFS=true",
	"credential.helper=",
	"http.followRedirects=false",
	"http.sslVerify=true",
	"transfer.fsckObjects=true",
	"submodule.recurse=false",
	"gc.auto=0",
	"maintenance.auto=false",
	"advice.detachedHead=false",
};

/* Of the caller's environment only how the network is reached. */
static char **make_env(const char *url, const char *dir) {
	static const char *const kept[] = { "http_proxy", "https_proxy",   "HTTPS_PROXY",
		                            "all_proxy",  "ALL_PROXY",     "no_proxy",
		                            "NO_PROXY",   "SSL_CERT_FILE", "SSL_CERT_DIR" };
	bool is_file = strncmp(url, "file://", 7) == 0;
	char **env = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(kept); i++)
		if (getenv(kept[i]))
			env_set(&env, kept[i], getenv(kept[i]));
	/* git's own name for what OpenSSL and curl call otherwise. */
	if (getenv("SSL_CERT_FILE"))
		env_set(&env, "GIT_SSL_CAINFO", getenv("SSL_CERT_FILE"));
	env_set(&env, "PATH", "/usr/local/bin:/usr/bin:/bin");
	env_set(&env, "HOME", dir);
	env_set(&env, "LC_ALL", "C");
	env_set(&env, "GIT_CONFIG_NOSYSTEM", "1");
	env_set(&env, "GIT_CONFIG_GLOBAL", "/dev/null");
	env_set(&env, "GIT_ATTR_NOSYSTEM", "1");
	env_set(&env, "GIT_TERMINAL_PROMPT", "0");
	env_set(&env, "GIT_ASKPASS", "true");
	env_set(&env, "GIT_ALLOW_PROTOCOL", is_file ? "file" : "https");
	return env;
}

static char **make_argv(const char *url, const char *dir, const char *const *words) {
	const char *source = strncmp(url, "file://", 7) == 0 ? url + 7 : "-";
	char **argv = NULL;

	strv_add(&argv, "coi-git");
	strv_add(&argv, dir);
	strv_add(&argv, source);
	for (size_t i = 0; i < ARRAY_SIZE(settings); i++) {
		strv_add(&argv, "-c");
		strv_add(&argv, settings[i]);
	}
	for (; *words; words++)
		strv_add(&argv, *words);
	return argv;
}

/* Of what it said the last line, which tells why; the server may have had a say in it. */
static int failed(const char *what, int status, const struct buf *said, struct err *err) {
	autostrv char **lines = strv_split(said->data, "\r\n");
	size_t n = strv_len(lines);
	autofree char *why = escape_text(n ? lines[n - 1] : "it has not said why", 400);

	return err_set(err, ERR_SYSTEM, -EIO, "git %s failed (status %d): %s", what, status, why);
}

/* Until nobody can say any more; what there is no room for is dropped. */
static int hear(int from, struct buf *out) {
	uint64_t end = clock_mono_ms() + TIMEOUT_MS;

	for (;;) {
		struct pollfd pfd = { .fd = from, .events = POLLIN };
		uint64_t now = clock_mono_ms();
		char data[4096];
		ssize_t n;

		if (now >= end)
			return -ETIMEDOUT;
		if (poll(&pfd, 1, (int)(end - now)) < 0 && errno != EINTR)
			return -errno;
		if (!pfd.revents)
			continue;
		n = read(from, data, sizeof(data));
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : 0;
		buf_add(out, data,
		        (size_t)n < out->max - out->len ? (size_t)n : out->max - out->len);
	}
}

/* Its first word is what it is told to do. Output and messages are heard together. */
static int run_git(const char *url, const char *dir, const struct privilege *who,
                   const char *const *words, struct buf *out, struct err *err) {
	autofree char *path = layout_program("coi-git");
	autostrv char **env = make_env(url, dir), **argv = make_argv(url, dir, words);
	autoclose int from = -1, to = -1;
	struct spawn_fd fds[2];
	struct spawn_spec spec = { .path = path,
		                   .argv = argv,
		                   .env = env,
		                   .fds = fds,
		                   .fd_count = ARRAY_SIZE(fds),
		                   .new_session = true,
		                   .null_stdio = true,
		                   .cwd = dir,
		                   .uid = who->via_sudo ? who->uid : (uid_t)-1,
		                   .gid = who->via_sudo ? who->gid : (gid_t)-1,
		                   .user = who->via_sudo ? who->user : NULL,
		                   .death_signal = SIGTERM };
	int ends[2], r, status;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_sys(err, -errno, "cannot make a pipe");
	from = ends[0];
	to = ends[1];
	fds[0] = (struct spawn_fd){ to, STDOUT_FILENO };
	fds[1] = (struct spawn_fd){ to, STDERR_FILENO };
	r = proc_spawn(&spec, &pid, NULL, err);
	if (r < 0)
		return err_wrap(err, "starting git");
	mem_close_ptr(&to);
	to = -1;
	r = hear(from, out);
	if (r < 0)
		(void)kill(-pid, SIGKILL); /* with those that it started */
	status = proc_wait(pid);
	if (r < 0)
		return err_sys(err, r, "git %s of '%s' was ended", words[0], url);
	return status ? failed(words[0], status, out, err) : 0;
}

/* Hexadecimal digits at the start of a line, as many as a commit has. */
static int read_commit(const struct buf *out, char ret[PATTERN_COMMIT_SIZE], struct err *err) {
	for (const char *line = out->data; line; line = strchr(line, '\n')) {
		size_t n;

		line += *line == '\n';
		n = strspn(line, "0123456789abcdef");
		if ((n == 40 || n == 64) && (!line[n] || isspace((unsigned char)line[n]))) {
			memcpy(ret, line, n);
			ret[n] = '\0';
			return 0;
		}
	}
	return err_set(err, ERR_SYSTEM, -EBADMSG, "the repository has no commit at its head");
}

int pattern_git_head(const char *url, const char *dir, const struct privilege *who,
                     char ret[PATTERN_COMMIT_SIZE], struct err *err) {
	const char *const words[] = { "ls-remote", "--quiet", "--", url, "HEAD", NULL };
	autobuf struct buf out;
	int r;

	buf_init(&out, OUTPUT_MAX);
	r = run_git(url, dir, who, words, &out, err);
	return r < 0 ? r : read_commit(&out, ret, err);
}

/* The newest commit alone, and of it only the directory that is wanted. */
int pattern_git_clone(enum pattern_kind kind, const char *url, const char *dir,
                      const struct privilege *who, char ret[PATTERN_COMMIT_SIZE], struct err *err) {
	const char *const clone[] = { "clone",
		                      "--quiet",
		                      "--depth=1",
		                      "--no-tags",
		                      "--single-branch",
		                      "--no-checkout",
		                      "--filter=blob:none",
		                      "--template=",
		                      "--",
		                      url,
		                      ".",
		                      NULL };
	const char *const sparse[] = { "sparse-checkout", "set", pattern_kind_directory(kind),
		                       NULL };
	const char *const checkout[] = { "checkout", "--quiet", "--detach", "HEAD", NULL };
	const char *const head[] = { "rev-parse", "HEAD", NULL };
	const char *const *const all[] = { clone, sparse, checkout, head };
	autobuf struct buf out;

	buf_init(&out, OUTPUT_MAX);
	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		int r;

		buf_reset(&out);
		r = run_git(url, dir, who, all[i], &out, err);
		if (r < 0)
			return r;
	}
	return read_commit(&out, ret, err);
}
