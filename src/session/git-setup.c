/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "session/git-setup.h"

#include <errno.h>
#include <fcntl.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/strv.h"
#include "session/git-config.h"
#include "session/git-hook.h"

#define IDENTITY_MAX 256
#define SETUP_NAME "setup.json"
#define SETUP_MAX (1 << 20)
#define HOOKS "hooks"

/* Agents put themselves there; people who work together do not. */
static const char *const agents =
	"(claude|anthropic|codex|openai|chatgpt|copilot|gemini|cursor|opencode|aider|devin|windsurf)";

void git_setup_done(struct git_setup *g) {
	free(g->name);
	free(g->email);
	strv_free(g->patterns);
	strv_free(g->branches);
	strv_free(g->hooks);
	strv_free(g->safe);
	*g = (struct git_setup){ 0 };
}

/* ---- whose commits they are ---- */

static bool is_plain(const char *text) {
	size_t len = strlen(text);

	for (const char *p = text; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f || *p == '<' || *p == '>')
			return false;
	return len > 0 && len <= IDENTITY_MAX;
}

static void on_setting(const struct git_setting *set, void *data) {
	struct git_setup *g = data;

	if (strcmp(set->section, "user") != 0 || *set->subsection)
		return;
	if (!strcmp(set->key, "name"))
		str_replace(&g->name, set->value);
	else if (!strcmp(set->key, "email"))
		str_replace(&g->email, set->value);
}

/* As 'git config --global' reads it: two files, no includes. */
static void read_host(const struct session *s, struct git_setup *g) {
	const char *config = getenv("XDG_CONFIG_HOME");
	bool is_theirs = config && *config == '/' && !s->who->via_sudo;
	autofree char *dir = is_theirs ? xstrdup(config) : path_join(s->who->home, ".config");
	autostrv char **files = NULL;

	strv_take(&files, path_join(dir, "git/config"));
	strv_take(&files, path_join(s->who->home, ".gitconfig"));
	for (char **file = files; *file; file++) {
		autoclose int fd = -1;

		privilege_person_begin(s->who);
		fd = open(*file, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
		if (fd >= 0)
			(void)git_config_read(fd, on_setting, g);
		privilege_person_end(s->who);
	}
}

static void find_identity(const struct session *s, struct git_setup *g) {
	const char *name = s->settings->git.name, *email = s->settings->git.email;

	if (*name && *email) {
		str_replace(&g->name, name);
		str_replace(&g->email, email);
	} else {
		if (*name || *email)
			session_say(s, "Warning: git.name and git.email are used together only; "
				       "'%s' alone is ignored", *name ? name : email);
		if (s->settings->git.seed_host_identity)
			read_host(s, g);
	}
	if (*g->name && *g->email && is_plain(g->name) && is_plain(g->email))
		return;
	if (*g->name && *g->email)
		session_say(s, "Warning: the identity of git has characters that no commit can have "
			       "and is not taken over");
	str_replace(&g->name, "");
	str_replace(&g->email, "");
}

/* ---- what else ---- */

static int check_pattern(const char *pattern, struct err *err) {
	char why[200];
	regex_t re;
	int r = 0;

	if (!*pattern || strpbrk(pattern, "\n\r"))
		return err_set(err, ERR_CONFIG, -EINVAL,
			       "git.strip_attribution_patterns: an empty pattern, or one of several "
			       "lines, cannot be used");
	r = regcomp(&re, pattern, REG_EXTENDED | REG_ICASE | REG_NOSUB);
	if (r == 0) {
		regfree(&re);
		return 0;
	}
	(void)regerror(r, &re, why, sizeof(why));
	return err_set(err, ERR_CONFIG, -EINVAL, "git.strip_attribution_patterns: '%s': %s", pattern,
		       why);
}

static int add_patterns(const struct session *s, struct git_setup *g, struct err *err) {
	char **own = s->settings->git.strip_attribution_patterns;
	int r = 0;

	if (!s->settings->git.strip_attribution)
		return 0;
	for (char **pattern = own; pattern && *pattern && r == 0; pattern++) {
		r = check_pattern(*pattern, err);
		strv_add(&g->patterns, *pattern);
	}
	if (own)
		return r;
	strv_addf(&g->patterns, "^[[:space:]]*co-authored-by:.*(%s|\\[bot\\]|<noreply@)", agents);
	strv_addf(&g->patterns, "^[^[:alnum:]]*(generated|created|written) (with|by) .*%s", agents);
	strv_addf(&g->patterns, "^[[:space:]]*assisted-by:");
	return 0;
}

int git_setup_make(const struct session *s, const struct container *c, struct git_setup *ret,
		   struct err *err) {
	auto_git_setup struct git_setup g = { .name = xstrdup(""), .email = xstrdup("") };
	int r;

	/* What others make images or containers of for themselves is left alone. */
	g.is_wanted = c->kind == KIND_RUN || c->kind == KIND_SHELL;
	if (g.is_wanted) {
		find_identity(s, &g);
		g.is_fixed = s->settings->git.readonly;
		r = add_patterns(s, &g, err);
		if (r < 0)
			return r;
		g.branches = strv_copy(s->settings->git.protected_branches);
	}
	if (g.is_fixed && !*g.name) {
		(void)err_set(err, ERR_CONFIG, -EINVAL,
			      "git.readonly is set, and there is no identity to be fixed");
		return err_hint(err, "set git.name and git.email, or those of your own git: git "
				     "config --global user.name NAME");
	}
	*ret = g;
	g = (struct git_setup){ 0 };
	return 0;
}

void git_setup_add_hooks(struct git_setup *g, int dir) {
	static const char *const places[] = { ".git/hooks", "hooks" };

	for (size_t i = 0; i < ARRAY_SIZE(places); i++)
		for (const char *const *name = git_hook_rare_names; *name; name++) {
			autofree char *path = path_join(places[i], *name);
			autoclose int fd = open_beneath(dir, path, O_PATH | O_NOFOLLOW, 0);

			if (fd >= 0 && !strv_contains(g->hooks, *name))
				strv_add(&g->hooks, *name);
		}
}

json_t *git_setup_to_json(const struct git_setup *g) {
	return json_pack("{s:b, s:o, s:o, s:b, s:o, s:o, s:o, s:o}", "wanted", g->is_wanted, "name",
			 json_text(g->name ? g->name : ""), "email",
			 json_text(g->email ? g->email : ""), "fixed", g->is_fixed, "patterns",
			 json_from_strv(g->patterns), "branches", json_from_strv(g->branches),
			 "hooks", json_from_strv(g->hooks), "safe", json_from_strv(g->safe));
}

void git_setup_from_json(const json_t *j, struct git_setup *ret) {
	*ret = (struct git_setup){
		.is_wanted = json_get_bool(j, "wanted", false),
		.name = xstrdup(json_get_str(j, "name", "")),
		.email = xstrdup(json_get_str(j, "email", "")),
		.is_fixed = json_get_bool(j, "fixed", false),
		.patterns = json_get_strv(j, "patterns"),
		.branches = json_get_strv(j, "branches"),
		.hooks = json_get_strv(j, "hooks"),
		.safe = json_get_strv(j, "safe"),
	};
}

/* ---- its files ---- */

static bool has_hooks(const struct git_setup *g) {
	return g->patterns || g->branches || g->is_fixed;
}

static void add_quoted(struct buf *b, const char *section, const char *key, const char *value) {
	buf_addf(b, "[%s]\n\t%s = \"", section, key);
	for (; *value; value++) {
		if (*value == '"' || *value == '\\')
			buf_addc(b, '\\');
		if (*value == '\n')
			buf_adds(b, "\\n");
		else
			buf_addc(b, *value);
	}
	buf_adds(b, "\"\n");
}

static void add_identity(struct buf *b, const struct git_setup *g) {
	/* Without one, none is made up from the names of the user and the machine. */
	buf_adds(b, "[user]\n\tuseConfigOnly = true\n");
	if (!*g->name)
		return;
	add_quoted(b, "user", "name", g->name);
	add_quoted(b, "user", "email", g->email);
}

static int write_text(int dir, const char *name, const char *text, mode_t mode) {
	return file_write_quick_at(dir, name, text, strlen(text), mode);
}

static int write_lines(int dir, const char *name, char *const *lines) {
	autofree char *joined = strv_join(lines, "\n");
	autofree char *text = xasprintf("%s%s", joined, lines ? "\n" : "");

	return write_text(dir, name, text, 0444);
}

static int write_config(const struct git_setup *g, int dir) {
	autobuf struct buf b = { 0 };

	buf_init(&b, 1 << 20);
	buf_adds(&b, "# What coi's settings say of git; made anew at each start.\n");
	add_identity(&b, g);
	for (char **path = g->safe; path && *path; path++)
		add_quoted(&b, "safe", "directory", *path);
	if (has_hooks(g))
		add_quoted(&b, "core", "hooksPath", GIT_SETUP_INSIDE "/" HOOKS);
	return b.overflow ? -EFBIG : write_text(dir, "config", b.data, 0444);
}

static int write_identity(const struct git_setup *g, int dir) {
	autofree char *lines = xasprintf("%s\n%s\n", g->name, g->email);
	autobuf struct buf b = { 0 };
	int r;

	if (!g->is_fixed)
		return 0;
	buf_init(&b, 16384);
	buf_adds(&b, "# git.readonly: who commits cannot be changed here.\n");
	add_identity(&b, g);
	r = write_text(dir, GIT_SETUP_FIXED, b.data, 0444);
	return r < 0 ? r : write_text(dir, "identity", lines, 0444);
}

/* One program by all the names that git knows. */
static int write_hooks(const struct git_setup *g, int dir) {
	autoclose int hooks = open_mkdir_beneath(dir, HOOKS, 0755);
	int r = hooks < 0 ? hooks : write_text(hooks, "coi-hook", git_hook_text, 0555);

	for (const char *const *name = git_hook_names; *name && r == 0; name++)
		if (symlinkat("coi-hook", hooks, *name) < 0 && errno != EEXIST)
			r = -errno;
	for (char **name = g->hooks; name && *name && r == 0; name++)
		if (symlinkat("coi-hook", hooks, *name) < 0 && errno != EEXIST)
			r = -errno;
	return r;
}

int git_setup_write(const struct git_setup *g, int dir) {
	auto_json json_t *j = git_setup_to_json(g);
	autofree char *text = json_dumps(j, JSON_INDENT(2));
	int r = fchmod(dir, 0755) < 0 ? -errno : write_config(g, dir);

	if (r == 0)
		r = text ? write_text(dir, SETUP_NAME, text, 0444) : -ENOMEM;
	if (r == 0)
		r = write_identity(g, dir);
	if (r == 0)
		r = write_lines(dir, "patterns", g->patterns);
	if (r == 0)
		r = write_lines(dir, "branches", g->branches);
	return r == 0 && has_hooks(g) ? write_hooks(g, dir) : r;
}

/* ---- in a running container ---- */

int git_setup_load(const struct session *s, const struct container *c, struct git_setup *ret) {
	autofree char *path = xasprintf("%s/" GIT_SETUP_DIR, c->name);
	autoclose int dir = open_beneath(s->layout->run_fd, path, O_RDONLY | O_DIRECTORY, 0);
	autobuf struct buf b = { 0 };
	auto_json json_t *j = NULL;

	if (dir >= 0 && file_read_at(dir, SETUP_NAME, SETUP_MAX, &b) == 0)
		j = json_loadb(b.data, b.len, 0, NULL);
	git_setup_from_json(j, ret);
	return j ? 0 : -ENOENT;
}

void git_setup_environment(const struct session *s, const struct container *c, char ***env) {
	auto_git_setup struct git_setup g = { 0 };

	if (git_setup_load(s, c, &g) < 0)
		return;
	if (g.is_fixed) {
		env_set(env, "GIT_AUTHOR_NAME", g.name);
		env_set(env, "GIT_AUTHOR_EMAIL", g.email);
		env_set(env, "GIT_COMMITTER_NAME", g.name);
		env_set(env, "GIT_COMMITTER_EMAIL", g.email);
	}
	/* A repository with a directory of its own would go round the one of the system. */
	if (has_hooks(&g)) {
		env_set(env, "GIT_CONFIG_COUNT", "1");
		env_set(env, "GIT_CONFIG_KEY_0", "core.hooksPath");
		env_set(env, "GIT_CONFIG_VALUE_0", GIT_SETUP_INSIDE "/" HOOKS);
	}
}
