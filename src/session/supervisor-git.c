/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What [git] of the settings is in the container: files of the run directory, bound read-only. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/strv.h"
#include "session/git-setup.h"
#include "session/supervisor.h"

#define PASSWD_MAX (1 << 20)

/* "name:x:1000:1000:text:/home/name:/bin/sh": the home of @user in @text, or NULL. */
static char *home_in(const char *text, const char *user) {
	autostrv char **lines = strv_split(text, "\n");
	size_t len = strlen(user);

	for (char **line = lines; line && *line; line++) {
		const char *at = *line;

		if (strncmp(at, user, len) != 0 || at[len] != ':')
			continue;
		for (int field = 0; at && field < 5; field++) {
			at = strchr(at, ':');
			at = at ? at + 1 : NULL;
		}
		if (at && *at == '/' && at[strcspn(at, ":")] == ':')
			return xstrndup(at, strcspn(at, ":"));
	}
	return NULL;
}

static char *passwd_of(int root) {
	autoclose int fd = open_in_root(root, "etc/passwd", O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
	autobuf struct buf b = { 0 };

	buf_init(&b, PASSWD_MAX);
	return fd >= 0 && fd_read_all(fd, &b) == 0 ? buf_steal(&b) : NULL;
}

/* From the first layer that has a passwd, the container's own before all. */
static char *find_home(const struct supervisor *v) {
	autofree char *upper = path_join(v->files_path, "upper");
	autostrv char **dirs = NULL;

	strv_add(&dirs, upper);
	strv_add_all(&dirs, v->layers);
	for (char **dir = dirs; *dir; dir++) {
		autoclose int root = open(*dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
		autofree char *text = root < 0 ? NULL : passwd_of(root);
		char *home = text ? home_in(text, v->c->code_user) : NULL;

		if (home)
			return home;
	}
	return xasprintf("/home/%s", v->c->code_user);
}

int supervisor_git_make(struct supervisor *v, struct err *err) {
	autoclose int run = container_run_dir(&v->session, v->c->name), dir = -1;
	int r;

	if (!v->plan.git.is_wanted)
		return 0;
	dir = run < 0 ? run : open_mkdir_beneath(run, GIT_SETUP_DIR, 0755);
	r = dir < 0 ? dir : git_setup_write(&v->plan.git, dir);
	if (r < 0)
		return err_sys(err, r, "cannot write what git is to be told in '%s'", v->c->name);
	v->git_path = xasprintf("%s/%s/" GIT_SETUP_DIR, v->session.layout->run, v->c->name);
	if (v->plan.git.is_fixed) {
		autofree char *home = find_home(v);

		v->git_fixed = path_join(v->git_path, GIT_SETUP_FIXED);
		v->git_home = path_join(home, ".gitconfig");
	}
	return 0;
}

static void add_bind(struct supervisor *v, const char *source, const char *target) {
	struct protect_binds *b = &v->protect;

	b->items = xreallocarray(b->items, b->count + 1, sizeof(*b->items));
	b->items[b->count++] = (struct runtime_bind){ .fd = -1,
						      .source = source,
						      .target = target,
						      .readonly = true,
						      .ids = RUNTIME_BIND_PLAIN };
}

void supervisor_git_bind(struct supervisor *v) {
	if (v->git_path)
		add_bind(v, v->git_path, GIT_SETUP_INSIDE);
	if (v->git_fixed)
		add_bind(v, v->git_fixed, v->git_home);
}

void supervisor_git_done(struct supervisor *v) {
	free(v->git_path);
	free(v->git_fixed);
	free(v->git_home);
}
