/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "session/tool/prepare.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/strv.h"
#include "image/image.h"
#include "net/policy.h"
#include "session/context.h"
#include "session/environment.h"
#include "session/network.h"
#include "session/tool/continue.h"
#include "session/tool/place.h"
#include "session/tool/seed.h"

#define CONTEXT_MAX (1 << 20)

void tool_prepared_done(struct tool_prepared *p) {
	strv_free(p->argv);
	strv_free(p->env);
	*p = (struct tool_prepared){ 0 };
}

static int no_program(const struct session *s, const struct tool *t, const char *where,
		      struct err *err) {
	const char *program = tool_program(t, s->settings);

	(void)err_set(err, ERR_MISSING, -ENOENT, "the tool '%s' is not in %s: there is no program "
						 "'%s'", t->name, where, program);
	if (!t->agent || strcmp(program, t->binary) != 0)
		return err_hint(err, "use an image that has it, or set tool.binary");
	return err_hint(err, "add \"%s\" to container.build.agents and build the image again: "
			     "coi build --force. Or take another tool: --tool NAME", t->agent);
}

int tool_check_image(struct session *s, const struct tool *t, const char *image, struct err *err) {
	const char *program = tool_program(t, s->settings);
	autofree char *places = xasprintf("%s:/home/%s/.local/bin", ENVIRONMENT_PATH,
					  s->settings->incus.code_user);
	autofree char *where = xasprintf("the image '%s'", image);
	autostrv char **dirs = strv_split(places, ":");
	auto_image_info struct image_info *info = NULL;
	autostrv char **layers = NULL;

	/* That the image is missing is told by the launch. */
	if (strchr(program, '/') || image_find(s->layout, image, &info, err) < 0)
		return 0;
	for (char **path = t->paths; path && *path; path++)
		strv_addf(&dirs, "/home/%s/%s", s->settings->incus.code_user, *path);
	if (image_layer_paths(s->layout, info->layers, info->layer_count, &layers, err) < 0)
		return 0;
	for (char **layer = layers; layer && *layer; layer++) {
		autoclose int root = open(*layer, O_PATH | O_DIRECTORY | O_CLOEXEC);

		for (char **dir = dirs; *dir; dir++) {
			autofree char *path = xasprintf("%s/%s", *dir, program);
			autoclose int fd = root < 0 ? -1 :
						      open_in_root(root, path, O_PATH | O_NOFOLLOW, 0);

			if (fd >= 0)
				return 0;
		}
	}
	return no_program(s, t, where, err);
}

/* Keys of the description may hold {workspace} too. */
static json_t *fill_json(const json_t *j, const struct tool_place *at) {
	json_t *filled, *value;
	const char *key;
	size_t i;

	if (json_is_string(j)) {
		autofree char *text = tool_fill(json_string_value(j), at, NULL);

		return json_string(text);
	}
	if (json_is_array(j)) {
		filled = json_array();
		json_array_foreach(j, i, value)
			(void)json_array_append_new(filled, fill_json(value, at));
		return filled;
	}
	if (!json_is_object(j))
		return json_deep_copy(j);
	filled = json_object();
	json_object_foreach((json_t *)j, key, value) {
		autofree char *name = tool_fill(key, at, NULL);

		(void)json_object_set_new(filled, name, fill_json(value, at));
	}
	return filled;
}

static void plan_merges(const struct session *s, const struct tool *t, const struct tool_place *at,
			struct place_plan *plan) {
	bool bypass = s->settings->tool.permission_mode == PERMISSION_BYPASS;

	for (size_t i = 0; i < t->merge_count; i++) {
		const struct tool_merge *m = &t->merges[i];
		struct place_item *item;

		if (m->when != WHEN_ALWAYS && (m->when == WHEN_BYPASS) != bypass)
			continue;
		item = place_add(plan, PLACE_MERGE, BASE_HOME, m->file);
		item->create = m->create;
		item->optional = true;
		item->set = m->set ? fill_json(m->set, at) : NULL;
		item->defaults = m->defaults ? fill_json(m->defaults, at) : NULL;
	}
	for (size_t i = 0; i < t->option_count; i++) {
		autofree char *value = tool_option_value(&t->options[i], s->settings);
		struct place_item *item;

		if (!t->options[i].file || !*value)
			continue;
		item = place_add(plan, PLACE_MERGE, BASE_HOME, t->options[i].file);
		item->create = true;
		item->optional = true;
		item->set = json_pack("{s:s}", t->options[i].key, value);
	}
}

static void add_text(struct place_plan *plan, enum place_kind kind, const char *path, mode_t mode,
		     const char *text) {
	struct place_item *item = place_add(plan, kind, BASE_HOME, path);

	item->mode = mode;
	item->create = *text != '\0';
	item->optional = true;
	item->data = xstrdup(text);
	item->len = strlen(text);
}

/* In the workspace, which the agent may change meanwhile, no link is followed. */
static int open_text(const char *path, const char *workspace) {
	static const int flags = O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
	size_t len = strlen(workspace);
	autoclose int dir = -1;
	int fd;

	if (!len || !path_is_below(path, workspace) || !path[len]) {
		fd = open(path, flags);
		return fd < 0 ? -errno : fd;
	}
	dir = open(workspace, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return dir < 0 ? -errno : open_beneath(dir, path + len + 1, flags, 0);
}

/* A file of the person's for the agent, "" when it is of no use; NULL when none is named. */
static char *own_text(const struct session *s, const struct container *c, const char *path) {
	autobuf struct buf b = { 0 };
	struct stat st;
	int fd, r;

	if (!path || !*path)
		return NULL;
	buf_init(&b, CONTEXT_MAX);
	privilege_person_begin(s->who);
	fd = open_text(path, c->workspace);
	privilege_person_end(s->who);
	r = fd < 0 ? fd : fstat(fd, &st) < 0 ? -errno : S_ISREG(st.st_mode) ? 0 : -ENOTSUP;
	if (r == 0)
		r = fd_read_all(fd, &b);
	if (fd >= 0)
		(void)close(fd);
	if (r == 0 && strlen(b.data) == b.len)
		return buf_steal(&b);
	session_say(s, "Warning: the context file '%s' is not used: %s", path,
		    r == 0 || r == -ENOTSUP ? "it is no text file" :
		    r == -EFBIG		    ? "it is larger than 1 MiB" :
		    r == -ELOOP		    ? "it is a symbolic link in the workspace" :
					      strerror(-r));
	return xstrdup("");
}

/* How the tool comes to know the text. */
static void plan_delivery(const struct session *s, const struct tool *t, const char *home,
			  const char *text, struct place_plan *plan) {
	bool wanted = s->settings->tool.auto_context && *text;

	if (t->context == CONTEXT_BLOCK) {
		add_text(plan, PLACE_BLOCK, t->context_file, 0, wanted ? text : "");
	} else if (t->context == CONTEXT_LIST && wanted) {
		struct place_item *item = place_add(plan, PLACE_MERGE, BASE_HOME, t->context_file);

		item->create = true;
		item->optional = true;
		item->list_key = xstrdup(t->context_key);
		item->list_item = xasprintf("%s/" CONTEXT_FILE, home);
	}
}

static void plan_context(const struct session *s, const struct container *c, const struct tool *t,
			 const struct tool_request *request, const struct place_seen *seen,
			 char *const *environment, struct place_plan *plan) {
	const struct settings *set = s->settings;
	auto_context_facts struct context_facts f = { 0 };
	autofree char *text = own_text(s, c, set->tool.context_file);
	autofree char *json = own_text(s, c, set->tool.context_json_file);
	autofree char *profile = own_text(s, c, request->profile_context);

	context_facts(s, c, t->name, seen->home, environment, &f);
	f.can_sudo = seen->has_sudo;
	if (!text)
		text = context_text(&f, profile);
	if (*text)
		add_text(plan, PLACE_FILE, CONTEXT_FILE, 0600, text);
	if (!json && set->tool.context_json)
		json = context_json(&f);
	if (json && *json && set->tool.context_json)
		add_text(plan, PLACE_FILE, CONTEXT_JSON_FILE, 0600, json);
	plan_delivery(s, t, seen->home, text, plan);
}

static void plan_workspace(const struct session *s, const struct tool *t, const struct container *c,
			   const char *sessions, struct place_plan *plan) {
	if (*sessions)
		/* Without it pi spins for ever. */
		(void)place_add(plan, PLACE_DIR, BASE_WORKSPACE,
				sessions + strlen(c->workspace_path) + 1);
	for (char **line = t->exclude; s->settings->tool.git_exclude && line && *line; line++) {
		struct place_item *item =
			place_add(plan, PLACE_LINE, BASE_WORKSPACE, ".git/info/exclude");

		item->optional = true;
		item->data = xasprintf("/%s", *line);
	}
}

/* Its own questions at the start would have no answer. */
static bool is_offline(const struct session *s, const struct container *c, const struct tool *t) {
	auto_net_allowed struct net_allowed allowed = { 0 };
	auto_net_hosts struct net_hosts hosts = { 0 };
	struct net_policy p = { 0 };
	struct err ignored = { 0 };

	if (!t->offline_env)
		return false;
	if (!strcmp(c->network_mode, "none"))
		return true;
	if (network_load(s, c->name, &p, &allowed, &hosts, NULL, &ignored) != 1 ||
	    p.mode != NET_ALLOWLIST)
		return false;
	for (char **host = t->offline_hosts; host && *host; host++)
		if (!net_allowed_name(&allowed, *host))
			return true;
	return false;
}

static char **make_environment(const struct session *s, const struct container *c,
			       const struct tool *t, const struct tool_request *request,
			       const struct tool_place *at) {
	autostrv char **own = tool_environment(t, s->settings, at);
	char **env = strv_copy(request->environment);

	if (t->paths && !env_get(s->settings->defaults.environment.entries, "PATH")) {
		autofree char *path = NULL;
		autostrv char **dirs = NULL;

		for (char **dir = t->paths; *dir; dir++)
			strv_addf(&dirs, "%s/%s", at->home, *dir);
		strv_add(&dirs, ENVIRONMENT_PATH);
		path = strv_join(dirs, ":");
		env_set(&env, "PATH", path);
	}
	for (char **e = own; e && *e; e++) {
		autofree char *name = xstrndup(*e, strcspn(*e, "="));

		env_set(&env, name, *e + strlen(name) + 1);
	}
	if (is_offline(s, c, t))
		env_set(&env, t->offline_env, "1");
	return env;
}

/* The variables that a process of the session will have, as far as they are known here. */
static char **session_environment(const struct session *s, const struct container *c,
				  char *const *env) {
	const struct exec_request request = { .session_env = true, .env = env };
	struct session quiet = *s;

	quiet.say = NULL; /* it is told when the process starts */
	quiet.trail = NULL;
	return environment_make(&quiet, c, &request);
}

int tool_prepare(struct session *s, const struct container *c, const struct tool *t,
		 const struct tool_request *request, struct tool_prepared *ret, struct err *err) {
	autofree char *sessions = tool_sessions_dir(t, c);
	autofree char *where = xasprintf("container '%s'", c->name);
	auto_place_plan struct place_plan plan = { .is_known = request->is_known };
	auto_tool_prepared struct tool_prepared done = { 0 };
	autostrv char **all = NULL;
	struct place_seen seen = { 0 };
	struct tool_place at = { .workspace = c->workspace_path,
				 .sessions = sessions,
				 .id = request->id,
				 .prompt = request->prompt };
	enum tool_start how;
	autofree char *file = NULL;
	int r = continue_look(s, c, t, request, &seen, err);

	if (r == 0 && !seen.has_program && !request->is_shell)
		r = no_program(s, t, where, err);
	if (r < 0)
		return r;
	at.home = seen.home;
	at.has_project_file = seen.has_project_file;
	done.env = make_environment(s, c, t, request, &at);
	how = request->is_shell ? TOOL_NEW
				: continue_choose(s, c, t, request, &seen, &at, done.env, &file);
	if (request->is_shell)
		strv_add(&done.argv, "bash");
	else
		r = tool_command(t, s->settings, how, &at, &done.argv, err);
	if (r == 0 && !request->is_shell)
		r = tool_add_pre_launch(s->settings, &done.argv, err);
	if (r < 0)
		return r;
	all = session_environment(s, c, done.env);
	if (t->directory && t->directory_always)
		place_add(&plan, PLACE_DIR, BASE_HOME, t->directory)->optional = true;
	seed_tool(s, t, c->workspace, &plan);
	seed_credentials(s, c->workspace, &plan);
	plan_merges(s, t, &at, &plan);
	plan_context(s, c, t, request, &seen, all, &plan);
	plan_workspace(s, t, c, sessions, &plan);
	r = place_run(s, c, &plan, err);
	if (r < 0)
		return err_wrap(err, "preparing '%s'", t->name);
	*ret = done;
	done = (struct tool_prepared){ 0 };
	return 0;
}

int tool_refresh(struct session *s, const struct container *c, const struct tool *t,
		 const struct tool_request *request, struct err *err) {
	auto_place_plan struct place_plan plan = { .is_known = true };
	autostrv char **env = session_environment(s, c, request->environment);
	const struct tool_request new_one = { .how = TOOL_NEW };
	struct place_seen seen = { 0 };
	int r = continue_look(s, c, t, &new_one, &seen, err);

	if (r < 0)
		return r;
	plan_context(s, c, t, request, &seen, env, &plan);
	return place_run(s, c, &plan, err);
}

/* --- for somebody else */

/* They stand for texts until the words are written for a shell; no setting has such bytes. */
#define MARK_FIRST "\001first"
#define MARK_SYSTEM "\001system"
/* One argument has 128 KiB at most (MAX_ARG_STRLEN). */
#define ARGUMENT_MAX (100 * 1024)

void tool_spec_done(struct tool_spec *spec) {
	strv_free(spec->words);
	strv_free(spec->env);
	free(spec->prompt);
	*spec = (struct tool_spec){ 0 };
}

/* The path inside of what is to be there; NULL when there is no text. */
static char *stage(struct place_plan *plan, const char *home, const char *id, const char *end,
		   const char *text) {
	autofree char *name = xasprintf(".coi/runs/%s.%s", id, end);
	struct place_item *item;

	if (!text)
		return NULL;
	item = place_add(plan, PLACE_FILE, BASE_HOME, name);
	item->mode = 0600;
	item->data = xstrdup(text);
	item->len = strlen(text);
	return xasprintf("%s/%s", home, name);
}

static char *shell_word(char *word, const char *first, const char *system) {
	const char *file = !strcmp(word, MARK_FIRST)  ? first :
			   !strcmp(word, MARK_SYSTEM) ? system :
							NULL;
	char *const one[] = { file ? (char *)file : word, NULL };
	autofree char *quoted = strv_to_shell(one);

	return file ? xasprintf("\"$(cat %s)\"", quoted) : steal_ptr(quoted);
}

/* Where it goes on, and whether it does. */
static enum tool_start spec_start(struct session *s, const struct container *c, const struct tool *t,
				  const struct tool_spec_request *request,
				  const struct tool_request *how, struct place_seen *seen,
				  struct tool_place *at, char *const *env, char **ret_file) {
	if (request->how != TOOL_RESUME || request->finds)
		return continue_choose(s, c, t, how, seen, at, env, ret_file);
	at->conversation = at->file = request->conversation;
	return TOOL_RESUME;
}

int tool_spec_make(struct session *s, const struct container *c, const struct tool *t,
		   const struct tool_spec_request *request, struct tool_spec *ret, struct err *err) {
	const struct tool_request how = { .how = request->finds ? request->how : TOOL_NEW,
					  .id = request->id, .window = request->window,
					  .was_in = request->was_in, .is_certain = true,
					  .or_new = true,
					  .profile_context = request->profile_context };
	autofree char *sessions = tool_sessions_dir(t, c);
	autofree char *first = NULL, *system = NULL, *file = NULL;
	auto_place_plan struct place_plan plan = { .is_known = true };
	auto_tool_spec struct tool_spec done = { 0 };
	autostrv char **argv = NULL;
	struct place_seen seen = { 0 };
	struct tool_place at = { .workspace = c->workspace_path, .sessions = sessions,
				 .id = request->id };
	enum tool_start start;
	int r;

	if (request->conversation && !t->resume_id)
		return err_set(err, ERR_USAGE, -EOPNOTSUPP,
			       "the tool '%s' goes on with its last conversation only", t->name);
	r = continue_look(s, c, t, &how, &seen, err);
	if (r < 0)
		return r;
	at.home = seen.home;
	at.has_project_file = seen.has_project_file;
	done.env = make_environment(s, c, t, &how, &at);
	start = spec_start(s, c, t, request, &how, &seen, &at, done.env, &file);
	first = stage(&plan, seen.home, request->id, "prompt", request->first);
	system = stage(&plan, seen.home, request->id, "sys", request->system);
	at.system = system ? MARK_SYSTEM : NULL;
	if (first && t->first && strlen(request->first) <= ARGUMENT_MAX)
		at.first = MARK_FIRST;
	else if (first)
		done.prompt = xstrdup(first);
	r = tool_command(t, s->settings, start, &at, &argv, err);
	if (r < 0)
		return r;
	for (char **word = argv; *word; word++)
		strv_take(&done.words, shell_word(*word, first, system));
	if (t->directory && t->directory_always)
		place_add(&plan, PLACE_DIR, BASE_HOME, t->directory)->optional = true;
	plan_context(s, c, t, &how, &seen, done.env, &plan);
	plan_workspace(s, t, c, sessions, &plan);
	r = place_run(s, c, &plan, err);
	if (r < 0)
		return err_wrap(err, "preparing '%s'", t->name);
	*ret = done;
	done = (struct tool_spec){ 0 };
	return 0;
}
