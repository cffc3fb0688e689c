/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The directory that a build container gets: the script, below npm/ the archives
 * with a manifest (name, kind, version, file, commands), and Debian's packages
 * below debs/.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/strv.h"
#include "image/apt.h"
#include "image/debs.h"
#include "image/npm.h"
#include "image/recipe.h"
#include "image/store.h"

#define SCRIPT_MAX (1u << 20)
#define MANIFEST_MAX (1u << 16)

/* What the caller holds begins with what it may see. */
struct prepared {
	struct recipe_build build;
	struct stage stage;
};

void recipe_build_free(struct recipe_build *b) {
	struct prepared *p = (struct prepared *)b;

	if (!b)
		return;
	stage_abort(&p->stage);
	free(b->dir);
	strv_free(b->argv);
	strv_free(b->env);
	strv_free(b->registries);
	strv_free(b->left_out);
	free(p);
}

void recipe_build_free_ptr(struct recipe_build **b) {
	recipe_build_free(*b);
}

struct preparation {
	const struct recipe *recipe;
	char *const *agents;
	const struct recipe_report *report;
	struct npm npm;
	struct prepared *out;
	int npm_dir;
	struct buf manifest;
};

static bool is_wanted(const struct preparation *p, const struct recipe_item *item) {
	return item->kind != RECIPE_AGENT || strv_contains(p->agents, item->name);
}

/* A link where it can be one: the archives are large, and the cache is beside. */
static int hand_over(struct preparation *p, const char *file, struct err *err) {
	autoclose int in = -1, out = -1;
	int64_t n;

	if (linkat(p->npm.cache_fd, file, p->npm_dir, file, 0) == 0)
		return 0;
	in = openat(p->npm.cache_fd, file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	out = openat(p->npm_dir, file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (in < 0 || out < 0)
		return err_sys(err, -errno, "cannot hand '%s' to the build", file);
	n = fd_copy(in, out);
	return n < 0 ? err_sys(err, (int)n, "cannot hand '%s' to the build", file) : 0;
}

static void leave_out(struct preparation *p, const struct recipe_item *item, const char *why) {
	strv_addf(&p->out->build.left_out, "left out: %s: %s", item->name, why);
}

static const char *const kind_names[] = {
	[RECIPE_RUNTIME] = "runtime", [RECIPE_TOOL] = "tool", [RECIPE_AGENT] = "agent",
};

static int add_item(struct preparation *p, const struct recipe_item *item, struct err *err) {
	autofree char *file = NULL, *line = NULL;
	struct err why = { 0 };
	int r;

	if (!item->package && item->kind == RECIPE_TOOL) {
		leave_out(p, item, "there is none for this machine");
		return 0;
	}
	if (!item->package)
		return err_set(err, ERR_MISSING, -ENOENT, "'%s' cannot be had for this machine",
			       item->name);
	line = xasprintf("fetching %s %s", item->name, item->version);
	if (p->report && p->report->fn)
		p->report->fn(line, false, p->report->data);
	r = npm_fetch(&p->npm, item, &file, &why);
	if (r < 0 && item->kind == RECIPE_TOOL) {
		leave_out(p, item, why.msg);
		return 0;
	}
	if (r < 0) {
		if (err)
			*err = why;
		return r;
	}
	buf_addf(&p->manifest, "%s\t%s\t%s\t%s\t%s\n", item->name, kind_names[item->kind],
		 item->version, file, item->bin ? item->bin : "");
	return hand_over(p, file, err);
}

static int add_script(struct preparation *p, struct err *err) {
	struct buf b;
	int r = file_read_at(AT_FDCWD, p->recipe->script, SCRIPT_MAX, &b);

	if (r < 0)
		return err_sys(err, r, "cannot read '%s'", p->recipe->script);
	r = file_write_quick_at(p->out->stage.dir_fd, "build.sh", b.data, b.len, 0755);
	buf_done(&b);
	return r < 0 ? err_sys(err, r, "cannot write the build script") : 0;
}

static int open_npm_dir(struct preparation *p, struct err *err) {
	int dir = p->out->stage.dir_fd;

	if (fchmod(dir, 0755) < 0 || mkdirat(dir, "npm", 0755) < 0 ||
	    fchmodat(dir, "npm", 0755, 0) < 0)
		return err_sys(err, -errno, "cannot make the build directory");
	p->npm_dir = openat(dir, "npm", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return p->npm_dir < 0 ? err_sys(err, -errno, "cannot open the build directory") : 0;
}

static int add_debs(struct preparation *p, const struct image_info *on, struct err *err) {
	int dir = p->out->stage.dir_fd;
	autoclose int debs = -1;

	if (mkdirat(dir, "debs", 0755) < 0 || fchmodat(dir, "debs", 0755, 0) < 0)
		return err_sys(err, -errno, "cannot make the build directory");
	debs = openat(dir, "debs", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (debs < 0)
		return err_sys(err, -errno, "cannot open the build directory");
	return debs_fetch(p->npm.layout, p->recipe, on, p->report, debs, &p->out->build.registries,
			  &p->out->build.left_out, err);
}

static void describe_env(struct recipe_build *b, const char *name) {
	env_set(&b->env, "PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
	env_set(&b->env, "HOME", "/root");
	env_set(&b->env, "LANG", "C.UTF-8");
	env_set(&b->env, "DEBIAN_FRONTEND", "noninteractive");
	env_set(&b->env, "COI_BUILD", RECIPE_BUILD_DIR);
	env_set(&b->env, "COI_NAME", name);
}

static void describe(struct preparation *p) {
	struct recipe_build *b = &p->out->build;
	autofree char *agents = strv_join(p->agents, " ");
	autofree char *host = p->npm.registry ? url_host(p->npm.registry) : NULL;

	strv_add(&b->argv, "/bin/bash");
	strv_add(&b->argv, RECIPE_BUILD_DIR "/build.sh");
	describe_env(b, p->recipe->name);
	env_set(&b->env, "COI_AGENTS", agents ? agents : "");
	if (host && !strv_contains(b->registries, host))
		strv_add(&b->registries, host);
}

static int prepare(struct preparation *p, const struct image_info *on, struct err *err) {
	struct err ignored = { 0 };
	int r = open_npm_dir(p, err);

	if (r == 0 && on)
		r = add_debs(p, on, err);
	if (r == 0)
		r = add_script(p, err);
	for (size_t i = 0; r == 0 && i < p->recipe->item_count; i++)
		if (is_wanted(p, &p->recipe->items[i]))
			r = add_item(p, &p->recipe->items[i], err);
	if (r == 0 && p->manifest.overflow)
		r = err_set(err, ERR_CONFIG, -E2BIG, "recipe '%s' has too many npm packages",
			    p->recipe->dir);
	if (r == 0)
		r = file_write_quick_at(p->npm_dir, "manifest", p->manifest.data, p->manifest.len,
					0644);
	if (r < 0)
		return r;
	/* Only for the record; all may have been in the cache. */
	if (p->manifest.len)
		(void)npm_find_registry(&p->npm, &ignored);
	describe(p);
	return 0;
}

int recipe_prepare(const struct layout *l, const struct recipe *r, const struct image_info *on,
		   char *const *agents, const char *home, const struct recipe_report *report,
		   struct recipe_build **ret, struct err *err) {
	struct preparation p = { .recipe = r, .agents = agents ? agents : r->agents,
				 .report = report, .npm_dir = -1 };
	int code = recipe_check_agents(r, p.agents, err);

	if (code < 0)
		return code;
	p.npm = (struct npm){ .layout = l, .recipe = r, .home = home, .cache_fd = -1 };
	p.npm.cache = path_join(l->root, STORE_CACHE);
	p.npm.cache_fd = open_dir_make(AT_FDCWD, p.npm.cache, 0700);
	p.out = xcalloc(1, sizeof(*p.out));
	p.out->stage = (struct stage)STAGE_NONE;
	buf_init(&p.manifest, MANIFEST_MAX);
	code = p.npm.cache_fd < 0
		       ? err_sys(err, p.npm.cache_fd, "cannot use the directory '%s'", p.npm.cache)
		       : stage_begin(l, l->layers_fd, &p.out->stage, err);
	if (code == 0) {
		p.out->build.dir = xasprintf("%s/layers/%s", l->root, p.out->stage.name);
		code = prepare(&p, on, err);
	}
	buf_done(&p.manifest);
	mem_close_ptr(&p.npm_dir);
	npm_done(&p.npm);
	if (code < 0)
		recipe_build_free(&p.out->build);
	else
		*ret = &p.out->build;
	return code;
}

int recipe_prepare_script(const struct layout *l, const char *name, const char *text,
			  struct recipe_build **ret, struct err *err) {
	struct prepared *out = xcalloc(1, sizeof(*out));
	struct recipe_build *b = &out->build;
	int r;

	out->stage = (struct stage)STAGE_NONE;
	r = stage_begin(l, l->layers_fd, &out->stage, err);
	if (r == 0) {
		b->dir = xasprintf("%s/layers/%s", l->root, out->stage.name);
		r = fchmod(out->stage.dir_fd, 0755) < 0 ? -errno : 0;
		if (r == 0)
			r = file_write_quick_at(out->stage.dir_fd, "build.sh", text, strlen(text),
						0755);
		if (r < 0)
			r = err_sys(err, r, "cannot write the build script");
	}
	if (r < 0) {
		recipe_build_free(b);
		return r;
	}
	if (strncmp(text, "#!", 2) != 0) {
		strv_add(&b->argv, "/bin/sh");
		strv_add(&b->argv, "-c");
		strv_add(&b->argv, "command -v bash >/dev/null && exec bash \"$0\" || exec sh \"$0\"");
	}
	strv_add(&b->argv, RECIPE_BUILD_DIR "/build.sh");
	describe_env(b, name);
	*ret = b;
	return 0;
}
