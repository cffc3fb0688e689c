/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Profiles: where they lie, which of two of a name counts, and their ancestors.
 *
 * Only the one that is used is read, so that a broken profile breaks nothing
 * else. A project's profile never stands in for one of the person's or for a
 * built-in one.
 */
#include "config/profile.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/path.h"
#include "base/strv.h"
#include "config/load.h"

/* What `hardened` says; `default` says nothing. */
static const char hardened_text[] =
	"[container]\n"
	"persistent = false\n"
	"[network]\n"
	"mode = \"restricted\"\n"
	"block_private_networks = true\n"
	"block_metadata_endpoint = true\n"
	"allow_local_network_access = false\n"
	"[ssh]\n"
	"forward_agent = false\n"
	"[git]\n"
	"writable_hooks = false\n"
	"[security]\n"
	"disable_protection = false\n"
	"host_immutable = true\n"
	"reduce_kernel_surface = true\n"
	"secret_paths = [\".env\", \"*.pem\", \"*.key\", \"*.p12\", \"id_rsa\", \"id_ed25519\",\n"
	"  \"*.tfvars\", \"*.tfstate\", \".npmrc\", \".netrc\", \".git-credentials\",\n"
	"  \"credentials.json\", \"service_account.json\", \"kubeconfig\", \"database.yml\",\n"
	"  \"secrets/**\"]\n"
	"[monitoring]\n"
	"enabled = true\n"
	"auto_pause_on_high = true\n"
	"auto_kill_on_critical = true\n"
	"[monitoring.nft]\n"
	"enabled = true\n"
	"[limits.runtime]\n"
	"max_duration = \"4h\"\n";

static const struct {
	const char *name;
	const char *text;
} builtin[] = {
	{ "default", "" },
	{ "hardened", hardened_text },
};

const char *profile_builtin_text(const char *name) {
	for (size_t i = 0; i < ARRAY_SIZE(builtin); i++)
		if (strcmp(builtin[i].name, name) == 0)
			return builtin[i].text;
	return NULL;
}

bool profile_name_is_valid(const char *name) {
	return *name && format_matches(FORMAT_SESSION_NAME, name);
}

enum place { PLACE_USER, PLACE_ENV, PLACE_PROJECT, PLACE_COUNT };

/* The three directories; NULL where there is none. Newly allocated. */
static void find_places(const struct config_inputs *in, char *dirs[PLACE_COUNT]) {
	autofree char *env = load_env_file(in);
	const char *slash = env ? strrchr(env, '/') : NULL;

	dirs[PLACE_USER] = path_join(in->home, ".coi/profiles");
	dirs[PLACE_PROJECT] = path_join(in->cwd, ".coi/profiles");
	dirs[PLACE_ENV] = slash ? xasprintf("%.*s/profiles", (int)(slash - env), env) : NULL;
}

static void free_places(char *dirs[PLACE_COUNT]) {
	for (int i = 0; i < PLACE_COUNT; i++)
		free(dirs[i]);
}

/* One profile's file. */
struct found {
	char *dir;
	struct file_text file;
	struct stat dir_st;
	bool is_there;
};

static void found_done(struct found *f) {
	free(f->dir);
	file_text_done(&f->file);
}

static int look(const struct privilege *person, const char *dir, const char *name,
		enum place place, struct found *f, struct err *err) {
	autofree char *path = NULL;
	int r;

	if (!dir)
		return 0;
	f->dir = path_join(dir, name);

	autoclose int fd = file_open_dir(person, f->dir, &f->dir_st);

	if (fd == -ENOENT || fd == -ENOTDIR)
		return 0;
	if (fd < 0)
		return err_sys(err, fd, "cannot read the profile in '%s'", f->dir);
	path = path_join(f->dir, "config.toml");

	struct file_where where = { AT_FDCWD, path, NULL };

	r = file_text_read(person, &where, place == PLACE_PROJECT ? FILE_UNTRUSTED : 0, &f->file,
			   err);
	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return r;
	f->is_there = true;
	return 0;
}

static void note_clash(struct config *c, const struct found *project, const char *name,
		       const char *with) {
	struct note_at at = {
		.level = NOTE_WARNING,
		.kind = NOTE_PROFILE,
		.file = config_intern(c, project->file.real),
		.key = name,
	};

	note_add(c, &at, "the project's profile '%s' is left out: there is %s of that name", name,
		 with);
}

/* Which of the three counts: *@ret_place, or PLACE_COUNT for a built-in one. */
static int choose(struct config *c, const char *name, struct found found[PLACE_COUNT],
		  enum place *ret_place, struct err *err) {
	bool user = found[PLACE_USER].is_there, env = found[PLACE_ENV].is_there;
	bool project = found[PLACE_PROJECT].is_there;

	if (user && env && file_same(&found[PLACE_USER].dir_st, &found[PLACE_ENV].dir_st))
		env = false;
	if (user && env)
		return err_set(err, ERR_CONFLICT, -EEXIST,
			       "profile '%s' is there twice: '%s' and '%s'", name,
			       found[PLACE_USER].dir, found[PLACE_ENV].dir);
	/* The same directory by another name is not the project's. */
	if (project && ((user && file_same(&found[PLACE_USER].dir_st, &found[PLACE_PROJECT].dir_st)) ||
			(env && file_same(&found[PLACE_ENV].dir_st, &found[PLACE_PROJECT].dir_st))))
		project = false;
	if (project && (user || env))
		note_clash(c, &found[PLACE_PROJECT], name, "one of yours");
	else if (project && profile_builtin_text(name))
		note_clash(c, &found[PLACE_PROJECT], name, "a built-in one");
	if (user || env)
		*ret_place = user ? PLACE_USER : PLACE_ENV;
	else if (profile_builtin_text(name))
		*ret_place = PLACE_COUNT;
	else if (project)
		*ret_place = PLACE_PROJECT;
	else
		return err_set(err, ERR_MISSING, -ENOENT, "there is no profile '%s'", name);
	return 0;
}

/*
 * Add the layer of one profile. What a project's profile inherits (@for_project) is
 * what the project asks for, also where the person has written it.
 */
static int add_one(struct config *c, const struct config_inputs *in, const char *name,
		   bool for_project, struct err *err) {
	struct found found[PLACE_COUNT] = { 0 };
	struct err errors[PLACE_COUNT] = { 0 };
	char *dirs[PLACE_COUNT] = { NULL };
	enum place place = PLACE_COUNT;
	int r = 0;

	if (!profile_name_is_valid(name))
		return err_set(err, ERR_USAGE, -EINVAL, "'%s' is no name for a profile", name);
	find_places(in, dirs);
	for (int i = 0; i < PLACE_COUNT; i++)
		/* One that cannot be read matters only where it would be taken. */
		(void)look(in->person, dirs[i], name, (enum place)i, &found[i], &errors[i]);
	if (errors[PLACE_USER].code || errors[PLACE_ENV].code) {
		*err = errors[errors[PLACE_USER].code ? PLACE_USER : PLACE_ENV];
		r = err->code;
	} else {
		r = choose(c, name, found, &place, err);
		if (r == -ENOENT && errors[PLACE_PROJECT].code) {
			*err = errors[PLACE_PROJECT];
			r = err->code;
		}
	}
	if (r == 0) {
		bool is_theirs = place == PLACE_PROJECT;
		bool is_borrowed = for_project && !is_theirs && place != PLACE_COUNT;
		struct layer *l = layer_add(c, LAYER_PROFILE, !is_theirs && !is_borrowed);
		const char *text = place == PLACE_COUNT ? profile_builtin_text(name)
							: found[place].file.text;
		size_t len = place == PLACE_COUNT ? strlen(text) : found[place].file.len;

		l->is_profile = true;
		l->is_borrowed = is_borrowed;
		if (place == PLACE_COUNT) {
			autofree char *title = xasprintf("built-in profile '%s'", name);

			l->file = config_intern(c, title);
			l->dir = c->cwd;
		} else {
			autofree char *path = path_join(found[place].dir, "config.toml");

			l->file = config_intern(c, path);
			l->real_file = config_intern(c, found[place].file.real);
			l->dir = config_intern(c, found[place].dir);
			file_add(c, LAYER_PROFILE, l->is_trusted, path, true);
		}
		l->work_dir = c->cwd;
		r = toml_parse(text, len, l->file, &l->owned_tree, err);
		l->tree = l->owned_tree;
	}
	for (int i = 0; i < PLACE_COUNT; i++)
		found_done(&found[i]);
	free_places(dirs);
	return r;
}

/* ---- inheritance ---- */

static void remove_child(struct toml_node *table, size_t i) {
	struct toml_node removed = table->items[i];

	memmove(&table->items[i], &table->items[i + 1], (table->count - i - 1) * sizeof(removed));
	table->count--;
	/* Freed through a node of its own, as toml_free() wants one. */
	struct toml_node *owned = calloc(1, sizeof(*owned));

	if (owned) {
		*owned = removed;
		toml_free(owned);
	}
}

static struct toml_node *get_mutable(struct toml_node *table, const char *key, size_t *ret_index) {
	for (size_t i = 0; table && table->type == TOML_TABLE && i < table->count; i++) {
		if (strcmp(table->items[i].key, key) == 0) {
			*ret_index = i;
			return &table->items[i];
		}
	}
	return NULL;
}

/* Keys that the child sets to "" are in no ancestor then, and not in the child. */
static void delete_keys(struct toml_node *child, struct toml_node *parent, const char *map) {
	size_t at, other;
	struct toml_node *mine = get_mutable(child, map, &at);
	struct toml_node *theirs = get_mutable(parent, map, &other);

	if (!mine || mine->type != TOML_TABLE || !theirs || theirs->type != TOML_TABLE)
		return;
	for (size_t i = 0; i < mine->count;) {
		struct toml_node *value = &mine->items[i];
		size_t index;

		if (value->type == TOML_STRING && !*value->text &&
		    get_mutable(theirs, value->key, &index)) {
			remove_child(theirs, index);
			remove_child(mine, i);
			continue;
		}
		i++;
	}
}

/*
 * Layers are applied one after the other, ancestors first, which is right for
 * all but two things: these lists of a child stand for the parent's instead of
 * adding to them, and an empty string takes the parent's variable away.
 */
static void child_over_parent(struct toml_node *child, struct toml_node *parent) {
	static const char *const replaced[] = { "mounts", "forward_env", "sockets", "ports",
						"credentials" };
	static const char *const maps[] = { "environment", "env_commands" };

	for (size_t i = 0; i < ARRAY_SIZE(replaced); i++) {
		size_t at;

		if (toml_get(child, replaced[i]) && get_mutable(parent, replaced[i], &at))
			remove_child(parent, at);
	}
	for (size_t i = 0; i < ARRAY_SIZE(maps); i++)
		delete_keys(child, parent, maps[i]);
}

static int take_context(struct config *c, const struct layer *l, struct err *err) {
	const struct toml_node *context = toml_get(l->tree, "context");
	autofree char *real = NULL;
	int fd = -1;
	bool inside;

	if (!context || c->profile_context)
		return 0;
	if (context->type != TOML_STRING)
		return err_set(err, ERR_CONFIG, -EINVAL, "%s:%d:%d: 'context' must be a string, not %s",
			       l->file, context->line, context->column,
			       toml_type_name(context->type));

	char *path = member_path(context->text, c->home, l->dir);

	inside = l->is_trusted || file_is_inside(c, path, &fd, &real);
	if (fd >= 0)
		close(fd);
	if (!inside) {
		struct note_at at = {
			.level = NOTE_WARNING,
			.kind = NOTE_REFUSED,
			.file = l->file,
			.line = context->line,
			.column = context->column,
			.key = "context",
			.hint = PLACE_HINT_PROFILE,
		};

		note_add(c, &at, "'context' is ignored: '%s' is outside of the workspace", path);
		free(path);
		return 0;
	}
	/* Without links: what is opened later is in the place that was judged. */
	if (real && !l->is_trusted)
		str_replace(&path, real);
	c->profile_context = path;
	return 0;
}

static int next_name(const struct layer *l, char **ret, struct err *err) {
	const struct toml_node *inherits = toml_get(l->tree, "inherits");

	*ret = NULL;
	if (!inherits)
		return 0;
	if (inherits->type != TOML_STRING)
		return err_set(err, ERR_CONFIG, -EINVAL,
			       "%s:%d:%d: 'inherits' must be a string, not %s", l->file,
			       inherits->line, inherits->column, toml_type_name(inherits->type));
	if (*inherits->text)
		*ret = xstrdup(inherits->text);
	return 0;
}

void profile_check_keys(struct config *c, const struct layer *layer) {
	static const char *const keys[] = { "inherits", "context" };

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		const struct toml_node *n = toml_get(layer->tree, keys[i]);
		struct note_at at = {
			.level = NOTE_ERROR,
			.kind = NOTE_WRONG_TYPE,
			.file = layer->file,
			.line = n ? n->line : 0,
			.column = n ? n->column : 0,
			.key = keys[i],
		};

		if (!n)
			continue;
		if (n->type != TOML_STRING) {
			note_add(c, &at, "'%s' must be a string, not %s", keys[i],
				 toml_type_name(n->type));
		} else if (i == 0 && *n->text && !profile_name_is_valid(n->text)) {
			at.kind = NOTE_BAD_VALUE;
			note_add(c, &at, "'inherits' must be the name of a profile, not '%s'", n->text);
		}
	}
}

static void reverse_layers(struct config *c, size_t first) {
	for (size_t i = first, j = c->layer_count; i + 1 < j; i++) {
		struct layer swap = c->layers[i];

		j--;
		c->layers[i] = c->layers[j];
		c->layers[j] = swap;
	}
}

int profile_add_layers(struct config *c, const struct config_inputs *in, const char *name,
		       struct err *err) {
	size_t first = c->layer_count;
	autostrv char **seen = NULL;
	autofree char *next = xstrdup(name);
	bool for_project = false;

	while (next) {
		const struct layer *l;
		char *parent = NULL;
		int r;

		if (strv_contains(seen, next))
			return err_set(err, ERR_CONFIG, -ELOOP, "profile '%s' inherits from itself",
				       next);
		if (strv_len(seen) >= CONFIG_PROFILE_DEPTH_MAX)
			return err_set(err, ERR_CONFIG, -ELOOP,
				       "profile '%s' has more than %d ancestors", name,
				       CONFIG_PROFILE_DEPTH_MAX - 1);
		r = add_one(c, in, next, for_project, err);
		if (r < 0) {
			if (seen)
				(void)err_wrap(err, "profile '%s' inherits '%s'",
					       seen[strv_len(seen) - 1], next);
			/* Only the profile itself may be missing in peace. */
			return r == -ENOENT && seen ? -EINVAL : r;
		}
		l = &c->layers[c->layer_count - 1];
		for_project |= !l->is_trusted;
		strv_add(&seen, next);
		r = take_context(c, l, err);
		if (r == 0)
			r = next_name(l, &parent, err);
		if (r < 0)
			return r;
		if (parent && !c->profile_parent)
			c->profile_parent = xstrdup(parent);
		free(next);
		next = parent;
	}
	for (size_t i = first; i + 1 < c->layer_count; i++)
		for (size_t k = i + 1; k < c->layer_count; k++)
			child_over_parent(c->layers[i].owned_tree, c->layers[k].owned_tree);
	reverse_layers(c, first);
	return 0;
}

/* ---- what there is ---- */

static void list_place(const struct config_inputs *in, const char *dir, enum place place,
		       struct profile_entry **entries, size_t *count) {
	if (!dir)
		return;
	if (in->person)
		privilege_person_begin(in->person);

	autoclosedir DIR *d = opendir(dir);
	struct dirent *e;

	while (d && (e = readdir(d)) && *count < PROFILE_LIST_MAX) {
		autofree char *path = NULL;
		struct stat st;

		if (!profile_name_is_valid(e->d_name))
			continue;
		path = xasprintf("%s/%s/config.toml", dir, e->d_name);
		if (lstat(path, &st) < 0)
			continue;
		*entries = xreallocarray(*entries, *count + 1, sizeof(**entries));
		(*entries)[(*count)++] = (struct profile_entry){
			.name = xstrdup(e->d_name),
			.file = steal_ptr(path),
			.is_project = place == PLACE_PROJECT,
		};
	}
	if (in->person)
		privilege_person_end(in->person);
}

static int compare_profiles(const void *a, const void *b) {
	const struct profile_entry *x = a, *y = b;
	int r = strcmp(x->name, y->name);

	return r ? r : (int)x->is_project - (int)y->is_project;
}

void profile_list(const struct config_inputs *in, struct profile_entry **ret, size_t *ret_count) {
	char *dirs[PLACE_COUNT] = { NULL };
	struct profile_entry *entries = NULL;
	struct stat user, project;
	size_t count = 0;

	find_places(in, dirs);
	for (int i = 0; i < PLACE_COUNT; i++) {
		/* Home as working directory: one place by two names. */
		if (i == PLACE_PROJECT && stat(dirs[PLACE_USER], &user) == 0 &&
		    stat(dirs[PLACE_PROJECT], &project) == 0 && file_same(&user, &project))
			continue;
		list_place(in, dirs[i], (enum place)i, &entries, &count);
	}
	for (size_t b = 0; b < ARRAY_SIZE(builtin); b++) {
		bool shadowed = false;

		for (size_t i = 0; i < count; i++)
			shadowed |= !entries[i].is_project &&
				    strcmp(entries[i].name, builtin[b].name) == 0;
		if (shadowed)
			continue;
		entries = xreallocarray(entries, count + 1, sizeof(*entries));
		entries[count++] = (struct profile_entry){ .name = xstrdup(builtin[b].name) };
	}
	qsort(entries, count, sizeof(*entries), compare_profiles);
	for (size_t i = 1; i < count; i++)
		entries[i].is_shadowed = entries[i].is_project &&
					 strcmp(entries[i].name, entries[i - 1].name) == 0;
	free_places(dirs);
	*ret = entries;
	*ret_count = count;
}

void profile_list_free(struct profile_entry *entries, size_t count) {
	for (size_t i = 0; i < count; i++) {
		free(entries[i].name);
		free(entries[i].file);
	}
	free(entries);
}
