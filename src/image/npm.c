/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What counts is the hash that the recipe pins. How an archive comes here is
 * secondary: by the host's npm, which knows the registry, its keys and its
 * proxy, else by coi-fetch.
 */
#include "image/npm.h"

#include <errno.h>
#include <fcntl.h>
#include <nettle/base64.h>
#include <nettle/sha2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fd.h"
#include "base/layout.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/strv.h"
#include "image/store.h"
#include "image/tool.h"

#define ARCHIVE_MAX (1536LL << 20)
#define NPMRC_MAX 65536
#define NPM_CACHE "npm-cache"
#define NOBODY 65534

/* ---- text ---- */

char *npm_url(const char *registry, const char *package, const char *version) {
	size_t len = strlen(registry);

	while (len && registry[len - 1] == '/')
		len--;
	return xasprintf("%.*s/%s/-/%s-%s.tgz", (int)len, registry, package, path_base(package),
			 version);
}

char *npmrc_registry(const char *text) {
	autostrv char **lines = strv_split(text, "\r\n");
	char *found = NULL;

	for (size_t i = 0; lines && lines[i]; i++) {
		const char *s = lines[i] + strspn(lines[i], " \t");

		if (strncmp(s, "registry", 8) != 0)
			continue;
		s += 8;
		s += strspn(s, " \t");
		if (*s != '=')
			continue;
		s++;
		s += strspn(s, " \t\"'");
		free(found);
		found = xstrndup(s, strcspn(s, " \t\"'"));
	}
	if (found && strncmp(found, "http://", 7) != 0 && strncmp(found, "https://", 8) != 0) {
		free(found);
		return NULL;
	}
	return found;
}

int npm_integrity(int fd, char **ret, struct err *err) {
	struct sha512_ctx ctx;
	uint8_t digest[SHA512_DIGEST_SIZE], data[65536];
	char text[BASE64_ENCODE_RAW_LENGTH(SHA512_DIGEST_SIZE) + 1] = "";
	ssize_t n;

	sha512_init(&ctx);
	for (;;) {
		n = read(fd, data, sizeof(data));
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		sha512_update(&ctx, (size_t)n, data);
	}
	if (n < 0)
		return err_sys(err, -errno, "cannot read an archive of npm");
	sha512_digest(&ctx, sizeof(digest), digest);
	base64_encode_raw(text, sizeof(digest), digest);
	*ret = xasprintf("sha512-%s", text);
	return 0;
}

/* ---- the cache ---- */

/* The hash is part of the name: another hash in the recipe is another file. */
static char *cache_name(const struct recipe_item *item) {
	char *name = xasprintf("%s-%s-%.16s.tgz", item->name, item->version, item->integrity + 7);

	for (char *c = name; *c; c++)
		if (*c == '/' || *c == '+' || *c == '=')
			*c = '_';
	return name;
}

static int check(int dirfd, const char *name, const struct recipe_item *item, struct err *err) {
	autoclose int fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	autofree char *found = NULL;
	int r;

	if (fd < 0)
		return err_sys(err, -errno, "cannot open the archive of %s@%s", item->package,
			       item->version);
	r = npm_integrity(fd, &found, err);
	if (r < 0)
		return r;
	if (strcmp(found, item->integrity) != 0)
		return err_set(err, ERR_SYSTEM, -EBADMSG, "the archive of %s@%s is not what the recipe "
			       "pins: it has %s", item->package, item->version, found);
	return 0;
}

/* ---- where from ---- */

static char **npm_env(const struct npm *n, const char *cwd) {
	autofree char *cache = path_join(cwd, NPM_CACHE);
	char **env = NULL;

	for (char **e = environ; *e; e++)
		strv_add(&env, *e);
	/* Nothing of ours in the person's home, nothing asked, no news. */
	env_set(&env, "npm_config_cache", cache);
	env_set(&env, "npm_config_update_notifier", "false");
	env_set(&env, "npm_config_fund", "false");
	env_set(&env, "npm_config_audit", "false");
	env_set(&env, "npm_config_ignore_scripts", "true");
	if (n->recipe->npm_registry)
		env_set(&env, "npm_config_registry", n->recipe->npm_registry);
	if (n->home) {
		autofree char *rc = path_join(n->home, ".npmrc");

		env_set(&env, "npm_config_userconfig", rc);
	}
	return env;
}

static void read_npmrc(const char *path, char **ret) {
	struct buf b;

	if (*ret || file_read_at(AT_FDCWD, path, NPMRC_MAX, &b) < 0)
		return;
	*ret = npmrc_registry(b.data);
	buf_done(&b);
}

static int ask_npm(struct npm *n, struct err *err) {
	char *const argv[] = { (char *)"npm", (char *)"config", (char *)"get", (char *)"registry",
			       NULL };
	autostrv char **env = npm_env(n, n->cache);
	/* In the cache, so that a project's own .npmrc has no say. */
	struct tool_spec tool = { .argv = argv, .env = env, .cwd = n->cache, .out_fd = -1,
				  .uid = TOOL_NONE };
	autobuf struct buf out;
	int r;

	buf_init(&out, 4096);
	r = tool_output(&tool, &out, err);
	(void)tree_remove_at(n->cache_fd, NPM_CACHE); /* npm's own log of that */
	if (r < 0)
		return r;
	out.data[strcspn(out.data, "\r\n")] = '\0';
	if (strncmp(out.data, "http", 4) == 0)
		n->registry = xstrdup(out.data);
	return 0;
}

int npm_find_registry(struct npm *n, struct err *err) {
	const char *env = getenv("npm_config_registry");
	int r = 0;

	if (n->registry)
		return 0;
	if (!env)
		env = getenv("NPM_CONFIG_REGISTRY");
	if (n->recipe->npm_registry)
		n->registry = xstrdup(n->recipe->npm_registry);
	else if (tool_exists("npm"))
		r = ask_npm(n, err);
	else if (env && *env)
		n->registry = xstrdup(env);
	if (r < 0)
		return r;
	if (n->home && !n->registry) {
		autofree char *rc = path_join(n->home, ".npmrc");

		read_npmrc(rc, &n->registry);
	}
	if (!n->registry)
		read_npmrc("/etc/npmrc", &n->registry);
	if (n->registry)
		return 0;
	(void)err_set(err, ERR_CONFIG, -ENOENT, "no npm registry is known: npm is not installed and no "
		      "configuration of it names one");
	return err_hint(err, "install npm, or name the registry in section [npm] of %s/image.ini",
			n->recipe->dir);
}

/* ---- fetching into a directory of its own below the cache ---- */

static int fetch_by_npm(struct npm *n, const struct recipe_item *item, const char *dir,
			struct err *err) {
	autofree char *what = xasprintf("%s@%s", item->package, item->version);
	char *const argv[] = { (char *)"npm", (char *)"pack", (char *)"--silent",
			       (char *)"--pack-destination", (char *)dir, (char *)"--", what, NULL };
	autostrv char **env = npm_env(n, dir);
	struct tool_spec tool = { .argv = argv, .env = env, .cwd = dir, .out_fd = -1,
				  .uid = TOOL_NONE };
	autobuf struct buf out;
	autofree char *from = NULL, *to = path_join(dir, "archive");
	int r;

	buf_init(&out, 4096);
	r = tool_output(&tool, &out, err);
	if (r < 0)
		return r;
	out.data[strcspn(out.data, "\r\n")] = '\0';
	/* npm names the file that it made. */
	if (!*out.data || strchr(out.data, '/'))
		return err_set(err, ERR_SYSTEM, -EIO, "npm did not say which file it made");
	from = path_join(dir, out.data);
	return rename(from, to) < 0 ? err_sys(err, -errno, "cannot find what npm fetched") : 0;
}

static int fetch_by_curl(struct npm *n, const struct recipe_item *item, const char *dir,
			 struct err *err) {
	autofree char *program = layout_program("coi-fetch"), *url = NULL, *max = NULL, *to = NULL;
	autoclose int out = -1;
	int r = npm_find_registry(n, err);

	if (r < 0)
		return r;
	url = npm_url(n->registry, item->package, item->version);
	max = xasprintf("%lld", ARCHIVE_MAX);
	to = path_join(dir, "archive");
	out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (out < 0)
		return err_sys(err, -errno, "cannot write '%s'", to);
	{
		char *const argv[] = { program, url, max, NULL };
		/* The registry's answers are read by nobody in particular. */
		struct tool_spec tool = { .argv = argv, .cwd = "/", .out_fd = out, .uid = NOBODY };

		return tool_run(&tool, err);
	}
}

static int fetch_checked(struct npm *n, const struct recipe_item *item, const char *dir, int dir_fd,
			 const char *file, struct err *err) {
	int r = tool_exists("npm") ? fetch_by_npm(n, item, dir, err)
				   : fetch_by_curl(n, item, dir, err);

	if (r == 0)
		r = check(dir_fd, "archive", item, err);
	if (r < 0)
		return r;
	/* A build container reads it, by an id-mapped mount or as anybody. */
	if (fchmodat(dir_fd, "archive", 0644, 0) < 0 ||
	    renameat(dir_fd, "archive", n->cache_fd, file) < 0)
		return err_sys(err, -errno, "cannot keep the archive of %s", item->package);
	return 0;
}

int npm_fetch(struct npm *n, const struct recipe_item *item, char **ret_file, struct err *err) {
	autofree char *file = cache_name(item);
	auto_stage struct stage stage = STAGE_NONE;
	autofree char *dir = NULL;
	struct err ignored = { 0 };
	int r;

	if (check(n->cache_fd, file, item, &ignored) == 0) {
		*ret_file = steal_ptr(file);
		return 0;
	}
	r = stage_begin(n->layout, n->cache_fd, &stage, err);
	if (r == 0) {
		dir = path_join(n->cache, stage.name);
		r = fetch_checked(n, item, dir, stage.dir_fd, file, err);
	}
	if (r < 0)
		return err_wrap(err, "fetching %s (%s@%s)", item->name, item->package, item->version);
	*ret_file = steal_ptr(file);
	return 0;
}

void npm_done(struct npm *n) {
	mem_close_ptr(&n->cache_fd);
	free(n->cache);
	free(n->registry);
}
