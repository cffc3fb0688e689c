/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/aliases.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/json.h"
#include "base/lock.h"
#include "base/mem.h"
#include "cli/parse.h"

#define FILE_NAME "aliases.json"
#define FILE_MAX_BYTES (1024 * 1024)

void alias_entry_done(struct alias_entry *e) {
	free(e->workspace);
	free(e->profile);
	*e = (struct alias_entry){ 0 };
}

/* ~/.coi, made when @make; the caller has taken the person's rights. */
static int open_dir(const struct privilege *who, bool make) {
	autoclose int home = open(who->home, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (home < 0)
		return -errno;
	return make ? open_mkdir_beneath(home, ".coi", 0700) :
		      open_beneath(home, ".coi", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
}

/* The whole file; an empty object when there is none. */
static int read_file(int dir, json_t **ret) {
	autobuf struct buf b;
	autoclose int fd = open_beneath(dir, FILE_NAME, O_RDONLY | O_NONBLOCK | O_CLOEXEC, 0);
	auto_json json_t *doc = NULL;
	int r;

	buf_init(&b, FILE_MAX_BYTES);
	if (fd == -ENOENT) {
		*ret = json_object();
		return 0;
	}
	r = fd < 0 ? fd : fd_read_all(fd, &b);
	if (r < 0)
		return r;
	doc = json_loadb(b.data, b.len, JSON_REJECT_DUPLICATES, NULL);
	if (!json_is_object(doc))
		return -EBADMSG;
	*ret = steal_ptr(doc);
	return 0;
}

static int tell(int r, const struct privilege *who, struct err *err) {
	if (r == -EBADMSG)
		return err_set(err, ERR_CONFIG, r, "'%s/.coi/" FILE_NAME "' is no JSON object",
			       who->home);
	return err_sys(err, r, "cannot use '%s/.coi/" FILE_NAME "'", who->home);
}

/* The entry of "web-2" is that of "web". */
static const json_t *entry_of(const json_t *doc, const char *word, int *ret_slot) {
	const char *dash = strrchr(word, '-');
	const json_t *entry = json_object_get(doc, word);
	autofree char *name = NULL;
	int slot;

	*ret_slot = 0;
	if (entry || !dash || cli_number(dash + 1, &slot) < 0 || slot <= 0)
		return entry;
	name = xstrndup(word, (size_t)(dash - word));
	*ret_slot = slot;
	return json_object_get(doc, name);
}

int alias_find(const struct privilege *who, const char *word, struct alias_entry *ret,
	       struct err *err) {
	auto_json json_t *doc = NULL;
	const json_t *entry;
	const char *workspace;
	int dir, slot, r;

	privilege_person_begin(who);
	dir = open_dir(who, false);
	r = dir < 0 ? dir : read_file(dir, &doc);
	privilege_person_end(who);
	if (dir >= 0)
		(void)close(dir);
	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return tell(r, who, err);
	entry = entry_of(doc, word, &slot);
	workspace = entry ? json_get_str(entry, "workspace", "") : "";
	if (*workspace != '/')
		return 0;
	*ret = (struct alias_entry){
		.workspace = xstrdup(workspace),
		.profile = xstrdup(json_get_str(entry, "profile", "")),
		.slot = slot,
	};
	return 1;
}

static int write_file(int dir, const json_t *doc) {
	autofree char *text = json_dumps(doc, JSON_INDENT(2) | JSON_SORT_KEYS);

	if (!text)
		return -EBADMSG;
	return file_write_atomic_at(dir, FILE_NAME, text, strlen(text), 0600, (uid_t)-1, (gid_t)-1);
}

static json_t *new_entry(const char *workspace, const char *profile) {
	json_t *entry = json_object();

	(void)json_object_set_new(entry, "workspace", json_text(workspace));
	if (profile && *profile)
		(void)json_object_set_new(entry, "profile", json_text(profile));
	return entry;
}

static int register_in(int dir, const struct privilege *who, const char *alias,
		       const char *workspace, const char *profile, struct err *err) {
	auto_json json_t *doc = NULL, *entry = new_entry(workspace, profile);
	const json_t *old;
	const char *old_workspace;
	int r = read_file(dir, &doc);

	if (r < 0)
		return tell(r, who, err);
	old = json_object_get(doc, alias);
	if (json_equal(old, entry))
		return 0;
	old_workspace = old ? json_get_str(old, "workspace", "") : "";
	if (*old_workspace && strcmp(old_workspace, workspace) != 0 &&
	    access(old_workspace, F_OK) == 0) {
		err_set(err, ERR_CONFLICT, -EEXIST, "the alias '%s' belongs to the workspace '%s'",
			alias, old_workspace);
		return err_hint(err, "Give one of them another alias ([container] alias).");
	}
	(void)json_object_set(doc, alias, entry);
	r = write_file(dir, doc);
	return r < 0 ? tell(r, who, err) : 0;
}

int alias_register(const struct privilege *who, const char *alias, const char *workspace,
		   const char *profile, struct err *err) {
	int dir, lock = -1, r;

	privilege_person_begin(who);
	dir = open_dir(who, true);
	r = dir < 0 ? tell(dir, who, err) : 0;
	if (r == 0) {
		lock = lock_take(dir, FILE_NAME ".lock", 0, err);
		r = lock < 0 ? lock : register_in(dir, who, alias, workspace, profile, err);
	}
	privilege_person_end(who);
	if (lock >= 0)
		(void)close(lock);
	if (dir >= 0)
		(void)close(dir);
	return r;
}
