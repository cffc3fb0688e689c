/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "monitor/pattern/update.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/linux.h"
#include "base/lock.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/strv.h"
#include "monitor/pattern/frame.h"
#include "monitor/pattern/helper.h"
#include "monitor/pattern/set.h"

#define SET_NAME ".git/coi-patterns.json"
#define MODE 0700

static const struct {
	const char *name, *directory;
} kinds[PATTERN_KIND_COUNT] = {
	[PATTERN_GTFOBINS] = { "gtfobins", "_gtfobins" },
	[PATTERN_SIGMA] = { "sigma", "rules/linux/process_creation" },
};

const char *pattern_kind_to_string(enum pattern_kind kind) {
	return kinds[kind].name;
}

const char *pattern_kind_directory(enum pattern_kind kind) {
	return kinds[kind].directory;
}

void pattern_change_done(struct pattern_change *c) {
	json_decref(c->skipped);
	free(c->kept);
	*c = (struct pattern_change){ 0 };
}

int pattern_url_check(const char *url, struct err *err) {
	const char *host = url + 8;

	for (const char *c = url; *c; c++)
		if (!isgraph((unsigned char)*c))
			return err_set(err, ERR_CONFIG, -EINVAL,
			               "the address of a repository has a blank or an unprintable "
			               "character in it");
	if (strncmp(url, "file:///", 8) == 0)
		return 0;
	if (strncmp(url, "https://", 8) != 0)
		return err_set(err, ERR_CONFIG, -EINVAL,
		               "'%.300s' is neither an https address nor a file:///… one", url);
	if (memchr(host, '@', strcspn(host, "/?#")))
		return err_set(err, ERR_CONFIG, -EINVAL,
		               "an address with a user or a password in it is not taken");
	if (strcspn(host, "/?#") == 0)
		return err_set(err, ERR_CONFIG, -EINVAL, "'%.300s' names no server", url);
	return 0;
}

/* --- the set that is there */

/* Regular, and not too large: it lies where the person, and what runs as the person, writes. */
static int open_set(int dirfd) {
	autoclose int fd = open_beneath(dirfd, SET_NAME, O_RDONLY | O_CLOEXEC | O_NONBLOCK, 0);
	struct stat st;

	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode) || st.st_size > (off_t)PATTERN_SET_BYTES_MAX)
		return -EINVAL;
	return steal_fd(&fd);
}

int pattern_set_open(const char *dir, const struct privilege *who) {
	autoclose int dirfd = -1;
	int r;

	privilege_person_begin(who);
	dirfd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	r = dirfd < 0 ? -errno : open_set(dirfd);
	privilege_person_end(who);
	return r;
}

static json_t *read_set(int dirfd) {
	autoclose int fd = open_set(dirfd);
	autobuf struct buf data;

	buf_init(&data, PATTERN_SET_BYTES_MAX);
	if (fd < 0 || fd_read_all(fd, &data) < 0)
		return NULL;
	return json_loadb(data.data, data.len, 0, NULL);
}

/* --- what has changed */

static const json_t *find_rule(const json_t *rules, const char *id) {
	for (size_t i = 0; i < json_array_size(rules); i++) {
		const json_t *one = json_array_get(rules, i);

		if (!strcmp(json_get_str(one, "id", ""), id))
			return one;
	}
	return NULL;
}

static void compare(const json_t *now, const json_t *before, struct pattern_change *c) {
	size_t common = 0;

	c->rules = json_array_size(now);
	for (size_t i = 0; i < c->rules; i++) {
		const json_t *rule = json_array_get(now, i);
		const json_t *old = find_rule(before, json_get_str(rule, "id", ""));

		common += old != NULL;
		c->changed += old && !json_equal((json_t *)rule, (json_t *)old);
	}
	c->added = c->rules - common;
	c->removed = json_array_size(before) > common ? json_array_size(before) - common : 0;
}

/* --- the directory, and what lies beside it */

struct place {
	const struct pattern_source *source;
	const struct privilege *who;
	char *parent, *name, *fresh, *gone, *kept; /* names in the parent but the first */
	char *path;                                /* of @fresh */
	int fd;                                    /* the parent */
	int lock;
	bool is_there, is_ours;
	json_t *before; /* the set of today; NULL: none */
};

static void place_done(struct place *p) {
	mem_close_ptr(&p->fd);
	mem_close_ptr(&p->lock);
	json_decref(p->before);
	free(p->parent);
	free(p->name);
	free(p->fresh);
	free(p->gone);
	free(p->kept);
	free(p->path);
}

/* A directory of files of somebody's is nobody's to throw away. */
static int look(struct place *p, struct err *err) {
	const char *dir = p->source->dir;
	autostrv char **names = NULL;
	autoclose int fd = -1;
	struct stat st;

	if (fstatat(p->fd, p->name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : err_sys(err, -errno, "cannot look at '%s'", dir);
	fd = S_ISDIR(st.st_mode)
	             ? open_beneath(p->fd, p->name, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0)
	             : -ENOTDIR;
	if (fd < 0)
		return err_set(err, ERR_CONFLICT, -ENOTDIR, "'%s' is no directory", dir);
	if (dir_names(fd, &names) == 0 && !names)
		return 0; /* an empty one is as good as none */
	p->is_there = true;
	p->before = read_set(fd);
	p->is_ours = exists_at(fd, SET_NAME) == 1;
	if (p->is_ours)
		return 0;
	if (fstatat(fd, ".git", &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISDIR(st.st_mode)) {
		(void)err_set(err, ERR_CONFLICT, -EEXIST,
		              "'%s' is there and is no clone of a "
		              "repository: it is left alone",
		              dir);
		return err_hint(err, "move it away, or set detection.%s_dir to another directory",
		                pattern_kind_to_string(p->source->kind));
	}
	if (exists_at(p->fd, p->kept) == 1)
		return err_set(err, ERR_CONFLICT, -EEXIST,
		               "'%s' is a clone that coi has not made, and "
		               "'%s/%s', where it would be kept, is there already",
		               dir, p->parent, p->kept);
	return 0;
}

/* What one that was killed has left: a new one that is not ready, and an old one moved away. */
static int repair(struct place *p, struct err *err) {
	int r = 0;

	if (exists_at(p->fd, p->name) == 0 && exists_at(p->fd, p->gone) == 1 &&
	    renameat(p->fd, p->gone, p->fd, p->name) < 0)
		r = -errno;
	if (r == 0)
		r = tree_remove_at(p->fd, p->fresh);
	if (r == 0)
		r = tree_remove_at(p->fd, p->gone);
	return r < 0 ? err_sys(err, r, "cannot tidy up in '%s'", p->parent) : 0;
}

static int open_parent(struct place *p, struct err *err) {
	autofree char *lock = xasprintf(".%s.lock", p->name);
	int r = mkdir_parents(p->parent, MODE);

	if (r == 0)
		r = p->fd = open_dir_make(AT_FDCWD, p->parent, MODE);
	if (r < 0)
		return err_sys(err, r, "cannot open '%s'", p->parent);
	p->lock = lock_take(p->fd, lock, 0, err);
	return p->lock < 0 ? p->lock : 0;
}

static int place_open(struct place *p, const struct pattern_source *source,
                      const struct privilege *who, struct err *err) {
	autofree char *dir = path_clean(source->dir);
	const char *base = path_base(dir);
	int r;

	*p = (struct place){ .source = source, .who = who, .fd = -1, .lock = -1 };
	if (!*base || *dir != '/')
		return err_set(err, ERR_CONFIG, -EINVAL, "'%s' is no directory for rules", dir);
	p->parent = xstrndup(dir, base - dir > 1 ? (size_t)(base - dir) - 1 : 1);
	p->name = xstrdup(base);
	p->fresh = xasprintf(".%s.new", base);
	p->gone = xasprintf(".%s.gone", base);
	p->kept = xasprintf("%s.before-coi", base);
	p->path = path_join(p->parent, p->fresh);
	r = open_parent(p, err);
	if (r == 0)
		r = repair(p, err);
	if (r == 0)
		r = look(p, err);
	if (r == 0 && mkdirat(p->fd, p->fresh, MODE) < 0)
		r = err_sys(err, -errno, "cannot make '%s'", p->path);
	return r;
}

/* --- in one step */

/* To a name that is free; looked at before, where the file system cannot do both at once. */
static int move_new(int fd, const char *from, const char *to) {
	if (renameat2(fd, from, fd, to, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno != EINVAL && errno != ENOSYS)
		return -errno;
	if (exists_at(fd, to) != 0)
		return -EEXIST;
	return renameat(fd, from, fd, to) < 0 ? -errno : 0;
}

/*
 * Where two directories cannot be exchanged, one is moved away before. Cut off in between,
 * the next update puts it back (repair()).
 */
static int exchange(const struct place *p) {
	int r;

	if (renameat2(p->fd, p->fresh, p->fd, p->name, RENAME_EXCHANGE) == 0)
		return 0;
	if (errno != EINVAL && errno != ENOSYS)
		return -errno;
	if (renameat(p->fd, p->name, p->fd, p->gone) < 0)
		return -errno;
	r = renameat(p->fd, p->fresh, p->fd, p->name) < 0 ? -errno : 0;
	if (r < 0)
		(void)renameat(p->fd, p->gone, p->fd, p->name);
	return r;
}

static int put(const struct place *p, struct pattern_change *c, struct err *err) {
	int r = 0;

	/* It has no set, so nothing is lost for the moment in which there is none. */
	if (p->is_there && !p->is_ours) {
		r = move_new(p->fd, p->name, p->kept);
		if (r < 0)
			return err_sys(err, r, "cannot keep '%s'", p->source->dir);
		c->kept = path_join(p->parent, p->kept);
	}
	if (!p->is_there)
		(void)unlinkat(p->fd, p->name, AT_REMOVEDIR); /* where there is an empty one */
	r = p->is_ours ? exchange(p) : move_new(p->fd, p->fresh, p->name);
	if (r < 0 && c->kept) {
		(void)renameat(p->fd, p->kept, p->fd, p->name);
		free(c->kept);
		c->kept = NULL;
	}
	if (r == 0 && fsync(p->fd) < 0)
		r = -errno;
	if (r < 0)
		return err_sys(err, r, "cannot put the new rules in place of '%s'", p->source->dir);
	/* The old ones, whichever way they went; what stays of them the next update removes. */
	(void)tree_remove_at(p->fd, p->fresh);
	(void)tree_remove_at(p->fd, p->gone);
	return 0;
}

/* --- all of it */

static int compile(const struct place *p, int dirfd, struct pattern_change *c, json_t **ret,
                   struct err *err) {
	const char *kind = pattern_kind_to_string(p->source->kind);
	auto_json json_t *compiled = NULL;
	autobuf struct buf frames;
	int r;

	buf_init(&frames, FRAMES_BYTES_MAX);
	privilege_person_begin(p->who);
	r = pattern_collect(p->source->kind, dirfd, &frames, c->skipped, err);
	privilege_person_end(p->who);
	if (r == 0)
		r = pattern_compile_all(kind, &frames, &compiled, err);
	if (r < 0)
		return r;
	json_array_extend(c->skipped, json_object_get(compiled, "skipped"));
	c->ignored = (size_t)json_get_int(compiled, "ignored", 0);
	*ret = json_incref(json_object_get(compiled, "rules"));
	if (!json_array_size(*ret))
		return err_set(err, ERR_SYSTEM, -ENODATA,
		               "no rule in it can be used (%zu skipped, %zu of no weight)",
		               json_array_size(c->skipped), c->ignored);
	return 0;
}

static int write_set(const struct place *p, int dirfd, const json_t *rules,
                     const struct pattern_change *c, struct err *err) {
	auto_json json_t *set = json_pack(
		"{s:i, s:s, s:s, s:s, s:I, s:O, s:O}", "format", 1, "source",
		pattern_kind_to_string(p->source->kind), "url", p->source->url, "commit", c->commit,
		"ignored", (json_int_t)c->ignored, "skipped", c->skipped, "rules", rules);
	autofree char *text = json_dumps(set, JSON_COMPACT | JSON_SORT_KEYS);
	autoclose int git = open_beneath(dirfd, ".git", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
	int r = git < 0 ? git : text ? 0 : -EILSEQ;

	if (r == 0 && strlen(text) > PATTERN_SET_BYTES_MAX)
		r = -EFBIG;
	if (r == 0)
		r = file_write_atomic_at(git, path_base(SET_NAME), text, strlen(text), 0600,
		                         (uid_t)-1, (gid_t)-1);
	return r < 0 ? err_sys(err, r, "cannot write the set of rules in '%s'", p->path) : 0;
}

/*
 * As whoever reads it later does, who refuses all of it for one thing that is wrong: too many
 * rules, too much memory, too much time.
 */
static int try_set(const struct place *p, const json_t *rules, struct err *err) {
	const char *kind = pattern_kind_to_string(p->source->kind);
	auto_json json_t *set = json_pack("{s:i, s:O}", "format", 1, "rules", rules), *answer = NULL;
	autofree char *text = json_dumps(set, JSON_COMPACT);
	autobuf struct buf frames;
	int r;

	if (json_array_size(rules) > PATTERN_RULES_MAX / PATTERN_KIND_COUNT)
		return err_set(err, ERR_SYSTEM, -E2BIG, "it has %zu rules, and %d are the most",
		               json_array_size(rules), PATTERN_RULES_MAX / PATTERN_KIND_COUNT);
	buf_init(&frames, FRAMES_BYTES_MAX);
	if (!text)
		return err_set(err, ERR_SYSTEM, -EILSEQ, "the rules cannot be written");
	frame_add(&frames, kind, text, strlen(text));
	r = pattern_judge(&frames, &answer, err);
	if (r == 0 && json_array_size(json_object_get(answer, "wrong")))
		return err_set(err, ERR_SYSTEM, -EBADMSG, "its rules cannot be used together");
	return r;
}

static int fetch(const struct place *p, bool is_dry, void (*step)(const char *, void *), void *data,
                 struct pattern_change *c, struct err *err) {
	auto_json json_t *rules = NULL;
	autoclose int dirfd = -1;
	int r;

	if (step)
		step("fetching", data);
	r = pattern_git_clone(p->source->kind, p->source->url, p->path, p->who, c->commit, err);
	if (r < 0)
		return r;
	dirfd = open_beneath(p->fd, p->fresh, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
	if (dirfd < 0)
		return err_sys(err, dirfd, "cannot open '%s'", p->path);
	if (step)
		step("reading the rules", data);
	r = compile(p, dirfd, c, &rules, err);
	if (r == 0)
		r = try_set(p, rules, err);
	if (r < 0)
		return r;
	compare(rules, json_object_get(p->before, "rules"), c);
	if (is_dry)
		return 0;
	privilege_person_begin(p->who);
	r = write_set(p, dirfd, rules, c, err);
	if (r == 0)
		r = put(p, c, err);
	privilege_person_end(p->who);
	return r;
}

/* The set of today is of that commit, of that repository. */
static bool is_same(const struct place *p, const char *commit) {
	return p->before && !strcmp(json_get_str(p->before, "commit", ""), commit) &&
	       !strcmp(json_get_str(p->before, "url", ""), p->source->url) &&
	       json_get_int(p->before, "format", 0) == 1;
}

static int update(const struct place *p, bool is_dry, void (*step)(const char *, void *),
                  void *data, struct pattern_change *c, struct err *err) {
	int r;

	(void)snprintf(c->before, sizeof(c->before), "%s", json_get_str(p->before, "commit", ""));
	if (step)
		step("asking for the newest commit", data);
	r = pattern_git_head(p->source->url, p->path, p->who, c->commit, err);
	if (r < 0)
		return r;
	if (!is_same(p, c->commit))
		return fetch(p, is_dry, step, data, c, err);
	c->is_same = true;
	c->rules = json_array_size(json_object_get(p->before, "rules"));
	c->ignored = (size_t)json_get_int(p->before, "ignored", 0);
	if (json_is_array(json_object_get(p->before, "skipped")))
		json_array_extend(c->skipped, json_object_get(p->before, "skipped"));
	return 0;
}

int pattern_update(const struct pattern_source *source, const struct privilege *who, bool is_dry,
                   void (*step)(const char *what, void *data), void *data,
                   struct pattern_change *ret, struct err *err) {
	struct pattern_change change = { .skipped = json_array() };
	struct place place;
	int r = pattern_url_check(source->url, err);

	if (r < 0) {
		pattern_change_done(&change);
		return r;
	}
	privilege_person_begin(who);
	r = place_open(&place, source, who, err);
	privilege_person_end(who);
	if (r == 0)
		r = update(&place, is_dry, step, data, &change, err);
	privilege_person_begin(who);
	if (place.fd >= 0 && place.lock >= 0)
		(void)tree_remove_at(place.fd, place.fresh);
	privilege_person_end(who);
	place_done(&place);
	if (r < 0)
		pattern_change_done(&change);
	else
		*ret = change;
	return r;
}
