/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From place_child() on everything runs inside, as the container's user. */
#include "session/tool/place.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/strv.h"
#include "runtime/inside.h"
#include "runtime/passwd.h"
#include "session/environment.h"
#include "session/tool/merge.h"

#define FILE_MAX ((size_t)32 << 20)
#define PASSWD_MAX (1 << 20)

void place_plan_done(struct place_plan *p) {
	for (size_t i = 0; i < p->count; i++) {
		struct place_item *item = &p->items[i];

		free(item->path);
		free(item->data);
		free(item->list_key);
		free(item->list_item);
		json_decref(item->set);
		json_decref(item->defaults);
	}
	free(p->items);
	*p = (struct place_plan){ 0 };
}

struct place_item *place_add(struct place_plan *p, enum place_kind kind, enum place_base base,
			     const char *path) {
	p->items = xreallocarray(p->items, p->count + 1, sizeof(*p->items));
	p->items[p->count] = (struct place_item){ .kind = kind, .base = base, .path = xstrdup(path) };
	return &p->items[p->count++];
}

struct job {
	const struct container *c;
	const struct place_plan *plan;
	const struct place_look *look;
};

struct inside {
	const struct container *c;
	char home_path[256];
	int bases[3]; /* by enum place_base; -1: there is none */
	struct buf *text;
};

/* "~/.pi/agent/auth.json", for messages. */
static const char *shown(const struct inside *in, const struct place_item *item, char out[512]) {
	(void)snprintf(out, 512, "%s/%s",
		       item->base == BASE_HOME	    ? "~" :
		       item->base == BASE_WORKSPACE ? in->c->workspace_path : "", item->path);
	return out;
}

static int failed(const struct inside *in, const struct place_item *item, int r, struct err *err) {
	char name[512];

	(void)shown(in, item, name);
	if (r == -ELOOP)
		return err_set(err, ERR_CONFLICT, r, "a symbolic link is in the way to '%s' in the "
			       "container", name);
	if (r == -EXDEV || r == -EBUSY)
		return err_set(err, ERR_CONFLICT, r, "'%s' is a mount in the container and is left "
			       "alone", name);
	if (r == -EFBIG)
		return err_set(err, ERR_CONFLICT, r, "'%s' in the container is too large", name);
	if (r == -ENXIO || r == -EISDIR)
		return err_set(err, ERR_CONFLICT, r, "'%s' is no regular file in the container",
			       name);
	return err_sys(err, r, "cannot write '%s' in the container", name);
}

static int open_base(const struct inside *in, enum place_base base, const char *path, int flags) {
	int at = in->bases[base];

	if (at < 0)
		return -ENOENT;
	return base == BASE_HOME ? open_beneath_here(at, path, flags | O_CLOEXEC, 0) :
				   open_beneath(at, path, flags | O_CLOEXEC, 0);
}

/* mkdir -p; an O_DIRECTORY descriptor. */
static int open_dir(const struct inside *in, enum place_base base, const char *path, bool make) {
	size_t len = 0;

	for (;;) {
		size_t next = len + strcspn(path + len, "/");
		autofree char *so_far = xstrndup(path, next);
		int fd;

		if (make && *so_far && in->bases[base] >= 0 &&
		    mkdirat(in->bases[base], so_far, base == BASE_HOME ? 0700 : 0755) < 0 &&
		    errno != EEXIST && errno != EROFS && errno != EACCES)
			return -errno;
		fd = open_base(in, base, *so_far ? so_far : ".", O_RDONLY | O_DIRECTORY);
		if (fd < 0 || !path[next])
			return fd;
		(void)close(fd);
		len = next + 1;
	}
}

struct target {
	int dir;
	const char *name;
	struct stat st; /* st_mode 0: there is none */
	struct buf text;
};

static void target_done(struct target *t) {
	mem_close_ptr(&t->dir);
	buf_done(&t->text);
}

/* Where the item's file is, and what is in it; mkdirs what is above. */
static int target_open(const struct inside *in, const struct place_item *item, bool make,
		       struct target *ret) {
	const char *slash = strrchr(item->path, '/');
	autofree char *up = slash ? xstrndup(item->path, (size_t)(slash - item->path)) : xstrdup(".");
	autoclose int fd = -1;

	*ret = (struct target){ .dir = -1, .name = slash ? slash + 1 : item->path };
	buf_init(&ret->text, FILE_MAX);
	ret->dir = open_dir(in, item->base, up, make);
	if (ret->dir < 0)
		return ret->dir;
	fd = item->base == BASE_HOME
		     ? open_beneath_here(ret->dir, ret->name, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0)
		     : open_beneath(ret->dir, ret->name, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
	if (fd == -ELOOP && (item->kind == PLACE_BLOCK || item->kind == PLACE_FILE))
		return 0; /* 0.9 put a link there; the link itself is replaced */
	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	if (fstat(fd, &ret->st) < 0)
		return -errno;
	if (!S_ISREG(ret->st.st_mode))
		return -ENXIO;
	return fd_read_all(fd, &ret->text);
}

static int replace(struct target *t, const struct place_item *item, const char *data, size_t len) {
	mode_t mode = item->mode		      ? item->mode :
		      t->st.st_mode ? t->st.st_mode & 0777 : 0644;
	const struct timespec times[] = { { .tv_nsec = UTIME_OMIT }, item->changed };
	int r = file_write_quick_at(t->dir, t->name, data, len, mode);

	if (r == 0 && item->changed.tv_sec)
		(void)utimensat(t->dir, t->name, times, AT_SYMLINK_NOFOLLOW);
	return r;
}

static bool is_same(const struct target *t, const char *data) {
	return t->st.st_mode && strlen(data) == t->text.len && !memcmp(data, t->text.data, t->text.len);
}

static int do_seed(const struct inside *in, const struct place_item *item, struct target *t) {
	(void)in;
	if (item->newer && t->st.st_mode &&
	    (t->st.st_mtim.tv_sec > item->changed.tv_sec ||
	     (t->st.st_mtim.tv_sec == item->changed.tv_sec &&
	      t->st.st_mtim.tv_nsec >= item->changed.tv_nsec)))
		return 0;
	return replace(t, item, item->data, item->len);
}

static int do_merge(const struct inside *in, const struct place_item *item, struct target *t) {
	auto_json json_t *j = NULL;
	autofree char *text = NULL;
	json_error_t e;
	bool changed = !t->st.st_mode;
	char name[512];

	if (!t->st.st_mode && !item->create)
		return 0;
	/* An empty file says nothing. */
	if (t->text.len == strspn(t->text.data, " \t\r\n"))
		j = json_object();
	else
		j = json_loadb(t->text.data, t->text.len, JSON_ALLOW_NUL, &e);
	if (!json_is_object(j)) {
		buf_addf(in->text, "Warning: '%s' is no JSON %s", shown(in, item, name),
			 j ? "object" : "(line ");
		if (!j)
			buf_addf(in->text, "%d)", e.line);
		buf_adds(in->text, ": it is left as it is, without what a sandbox needs in it\n");
		return 0;
	}
	if (item->defaults)
		changed |= merge_json(j, item->defaults, MERGE_THEIRS);
	if (item->set)
		changed |= merge_json(j, item->set, MERGE_OURS);
	if (item->list_key)
		changed |= merge_list(j, item->list_key, item->list_item);
	if (!changed)
		return 0;
	text = merge_text(j);
	return replace(t, item, text, strlen(text));
}

static int do_text(const struct place_item *item, struct target *t) {
	autofree char *text = NULL;

	/* What follows a NUL byte would be lost. */
	if (strlen(t->text.data) != t->text.len)
		return -ENXIO;
	text = item->kind == PLACE_BLOCK ? merge_block(t->text.data, item->data) :
					   merge_line(t->text.data, item->data);
	if (is_same(t, text) || (!t->st.st_mode && !*text))
		return 0;
	return replace(t, item, text, strlen(text));
}

static int do_dir(const struct inside *in, const struct place_item *item, struct err *err) {
	autoclose int fd = open_dir(in, item->base, item->path, true);

	if (fd < 0)
		return failed(in, item, fd, err);
	if (faccessat(fd, ".", W_OK, 0) < 0)
		return failed(in, item, -errno, err);
	return 0;
}

static int do_item(const struct inside *in, const struct place_item *item, struct err *err) {
	bool make = item->kind != PLACE_LINE &&
		    (item->kind == PLACE_FILE || item->kind == PLACE_SEED || item->create);
	struct target t;
	int r;

	if (item->kind == PLACE_DIR)
		return do_dir(in, item, err);
	r = target_open(in, item, make, &t);
	if (r == -ENOENT && !make)
		r = 0;
	else if (r == 0)
		r = item->kind == PLACE_SEED  ? do_seed(in, item, &t) :
		    item->kind == PLACE_FILE  ? replace(&t, item, item->data, item->len) :
		    item->kind == PLACE_MERGE ? do_merge(in, item, &t) :
						do_text(item, &t);
	target_done(&t);
	return r < 0 ? failed(in, item, r, err) : 0;
}

/* Has the tool been at home here before? */
static bool has_seeds(const struct inside *in, const struct place_plan *plan) {
	for (size_t i = 0; i < plan->count; i++) {
		autoclose int fd = -1;

		if (plan->items[i].kind != PLACE_SEED)
			continue;
		fd = open_base(in, plan->items[i].base, plan->items[i].path, O_PATH | O_NOFOLLOW);
		if (fd != -ENOENT)
			return true;
	}
	return false;
}

static int run_plan(const struct inside *in, const struct place_plan *plan, struct err *err) {
	bool no_seeds = plan->is_known && has_seeds(in, plan);

	for (size_t i = 0; i < plan->count; i++) {
		const struct place_item *item = &plan->items[i];
		struct err why = { 0 };
		int r;

		if (item->kind == PLACE_SEED && no_seeds)
			continue;
		r = do_item(in, item, &why);
		if (r < 0 && !item->optional) {
			*err = why;
			return r;
		}
		if (r < 0)
			buf_addf(in->text, "Warning: %s\n", why.msg);
	}
	return 0;
}

static bool is_program(int at, const char *path) {
	autoclose int fd = open_in_root(at, path, O_PATH, 0);
	struct stat st;

	return fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && (st.st_mode & 0111);
}

static bool find_program(const struct inside *in, const char *program, char *const *paths) {
	autostrv char **dirs = strv_split(ENVIRONMENT_PATH, ":");
	int root = in->bases[BASE_ROOT];

	if (strchr(program, '/')) {
		autofree char *path = *program == '/'
					      ? xstrdup(program)
					      : xasprintf("%s/%s", in->c->workspace_path, program);

		return is_program(root, path);
	}
	for (char *const *dir = paths; dir && *dir; dir++)
		strv_addf(&dirs, "%s/%s", in->home_path, *dir);
	for (char **dir = dirs; dir && *dir; dir++) {
		autofree char *path = xasprintf("%s/%s", *dir, program);

		if (is_program(root, path))
			return true;
	}
	return false;
}

/* In a directory of the workspace its path is from there. */
static void find_in_sessions(const struct inside *in, const struct place_look *look,
			     struct conversation *best) {
	for (char *const *dir = look->sessions; dir && *dir && !*best->id; dir++) {
		autoclose int fd = open_base(in, BASE_WORKSPACE, *dir, O_RDONLY | O_DIRECTORY);
		autofree char *file = NULL;

		if (fd < 0)
			continue;
		conversation_find(fd, look->store->sessions, look->store->file_created,
				  &look->window, best);
		file = xasprintf("%s/%s", *dir, best->file);
		if (strlen(file) >= sizeof(best->file))
			*best = (struct conversation){ 0 };
		else if (*best->id)
			(void)snprintf(best->file, sizeof(best->file), "%s", file);
	}
}

static void find_conversation(const struct inside *in, const struct place_look *look,
			      struct conversation *best) {
	if (look->home_pattern)
		conversation_find(in->bases[BASE_HOME], look->home_pattern, NULL, &look->window,
				  best);
	else if (look->store && look->store->sessions && in->bases[BASE_WORKSPACE] >= 0)
		find_in_sessions(in, look, best);
}

static void run_look(const struct inside *in, const struct place_look *look) {
	autoclose int fd = look->project_file && in->bases[BASE_WORKSPACE] >= 0
				   ? open_base(in, BASE_WORKSPACE, look->project_file, O_PATH)
				   : -1;
	struct conversation best = { 0 };
	const char *parts[] = { in->home_path, best.id, best.file };

	find_conversation(in, look, &best);
	buf_addf(in->text, "%d%d%d", find_program(in, look->program, look->paths),
		 find_program(in, "sudo", NULL), fd >= 0);
	/* With their ends: names of files may have anything in them but a NUL byte. */
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
		buf_add(in->text, parts[i], strlen(parts[i]) + 1);
}

static int open_bases(struct inside *in, struct err *err) {
	const struct container *c = in->c;
	struct passwd_entry who = { .home = "" };
	autobuf struct buf passwd = { 0 };
	int root = in->bases[BASE_ROOT], r;

	if (file_read_at(root, "etc/passwd", PASSWD_MAX, &passwd) == 0 &&
	    passwd_find(passwd.data, c->code_uid, &who) && who.home[0] == '/')
		(void)snprintf(in->home_path, sizeof(in->home_path), "%s", who.home);
	else
		(void)snprintf(in->home_path, sizeof(in->home_path), "/home/%s", c->code_user);
	r = open_in_root(root, in->home_path, O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
	if (r < 0)
		return err_sys(err, r, "cannot open the home '%s' in the container", in->home_path);
	in->bases[BASE_HOME] = r;
	if (*c->workspace_path)
		in->bases[BASE_WORKSPACE] = open_in_root(root, c->workspace_path,
							 O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
	return 0;
}

static int place_child(int pidfd, void *data, struct buf *text, struct err *err) {
	const struct job *job = data;
	struct inside in = { .c = job->c, .bases = { -1, -1, -1 }, .text = text };
	int r = inside_become_root(pidfd, err);

	if (r == 0)
		r = inside_enter_mounts(pidfd, &in.bases[BASE_ROOT], err);
	if (r == 0)
		r = inside_become(job->c->code_uid, job->c->code_gid, err);
	if (r == 0)
		r = open_bases(&in, err);
	if (r == 0 && job->plan)
		r = run_plan(&in, job->plan, err);
	if (r == 0 && job->look)
		run_look(&in, job->look);
	return r;
}

static int go(struct session *s, struct job *job, struct buf *ret_text, struct err *err) {
	struct runtime_ref ref = container_ref(s, job->c);

	return inside_run(&(struct inside_job){ .ref = &ref, .act = place_child, .data = job },
			  ret_text, err);
}

int place_run(struct session *s, const struct container *c, const struct place_plan *plan,
	      struct err *err) {
	autobuf struct buf text = { 0 };
	autostrv char **lines = NULL;
	int r = go(s, &(struct job){ .c = c, .plan = plan }, &text, err);

	if (r < 0)
		return r;
	lines = strv_split(text.data, "\n");
	for (char **line = lines; line && *line; line++)
		session_say(s, "%s", *line);
	return 0;
}

int place_look(struct session *s, const struct container *c, const struct place_look *look,
	       struct place_seen *ret, struct err *err) {
	autobuf struct buf text = { 0 };
	const char *home, *id, *file;
	int r = go(s, &(struct job){ .c = c, .look = look }, &text, err);

	if (r < 0)
		return r;
	home = text.len > 3 ? text.data + 3 : "";
	id = home + strlen(home) + 1;
	if (text.len < 6 || id >= text.data + text.len || strlen(home) >= sizeof(ret->home))
		return err_set(err, ERR_SYSTEM, -EIO, "container '%s' gives no answer", c->name);
	file = id + strlen(id) + 1;
	*ret = (struct place_seen){ .has_program = text.data[0] == '1',
				    .has_sudo = text.data[1] == '1',
				    .has_project_file = text.data[2] == '1' };
	(void)snprintf(ret->home, sizeof(ret->home), "%s", home);
	if (file >= text.data + text.len || !conversation_id_is_plain(id))
		return 0;
	(void)snprintf(ret->conversation.id, sizeof(ret->conversation.id), "%s", id);
	(void)snprintf(ret->conversation.file, sizeof(ret->conversation.file), "%s", file);
	return 0;
}
