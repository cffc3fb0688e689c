/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Debian packages for a recipe that stands on an image: apt finds out, from what
 * dpkg has noted in there, which are missing, fetches them and checks them against
 * the archive's signature; they are installed in the build container.
 *
 * What the image says of itself is no more to be trusted than the image: apt reads
 * it as nobody, in a directory of its own, which stands in the place of the host's in
 * a namespace of mounts, and without the host's configuration but for what
 * apt_sources_find() takes of it.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fd.h"
#include "base/linux.h"
#include "base/mem.h"
#include "base/mountns.h"
#include "base/path.h"
#include "base/strv.h"
#include "image/apt.h"
#include "image/debs.h"
#include "image/layer.h"
#include "image/store.h"
#include "image/tool.h"

#define NOBODY 65534
/* Where every user comes, and where nothing else is looked for. */
#define PLACE "/var/lib/apt"
#define STATUS "var/lib/dpkg/status"
#define STATUS_MAX (32u << 20)
#define POLICY_MAX (1u << 20)
#define ARCHIVES "cache/archives"

struct debs {
	const struct layout *l;
	const struct recipe *recipe;
	const struct recipe_report *report;
	struct apt_sources sources;
	struct stage stage;
	char *dir; /* path of the stage */
};

static void on_line(const char *text, void *data) {
	const struct debs *d = data;

	if (d->report && d->report->fn)
		d->report->fn(text, false, d->report->data);
}

/* ---- its directory ---- */

static int put_file(const struct debs *d, const char *name, const char *text, struct err *err) {
	int r = file_write_quick_at(d->stage.dir_fd, name, text, strlen(text), 0644);

	return r < 0 ? err_sys(err, r, "cannot write '%s/%s'", d->dir, name) : 0;
}

/* Which packages the image has, as a file of its own. */
static int put_status(const struct debs *d, const struct image_info *base, struct err *err) {
	autoclose int tree = layers_view(d->l, base->layers, base->layer_count, NULL, err);
	autoclose int in = -1, out = -1;
	struct stat st;
	int64_t n;

	if (tree < 0)
		return tree;
	in = open_in_root(tree, STATUS, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0);
	if (in < 0 || fstat(in, &st) < 0 || !S_ISREG(st.st_mode)) {
		(void)err_set(err, ERR_CONFLICT, -ENOENT, "recipe '%s': image '%s' has no list of "
			      "Debian packages (/" STATUS ")", d->recipe->dir, d->recipe->image);
		return err_hint(err, "packages can be added to an image of Debian or Ubuntu only");
	}
	if (st.st_size > STATUS_MAX)
		return err_set(err, ERR_CONFLICT, -EFBIG, "the list of packages of image '%s' is "
			       "longer than anybody's", d->recipe->image);
	out = openat(d->stage.dir_fd, "status", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	n = out < 0 ? -errno : fd_copy(in, out);
	return n < 0 ? err_sys(err, (int)n, "cannot copy the list of packages of image '%s'",
			       d->recipe->image) : 0;
}

/* Read before all else, and in place of the host's. */
static int put_conf(const struct debs *d, struct err *err) {
	autobuf struct buf text;

	buf_init(&text, 65536);
	buf_adds(&text, "Dir::Etc::main \"/dev/null\";\n"
			"Dir::Etc::parts \"/dev/null\";\n"
			"Acquire::Languages \"none\";\n"
			"Acquire::Retries \"5\";\n"
			"APT::Install-Recommends \"false\";\n"
			"APT::Get::Assume-Yes \"true\";\n"
			/* The locks are beside what dpkg writes, and nobody else is here. */
			"Debug::NoLocking \"true\";\n");
	for (size_t i = 0; i < strv_len(d->sources.options); i++)
		buf_addf(&text, "%s\n", d->sources.options[i]);
	return put_file(d, "apt.conf", text.data, err);
}

static int put_sources(const struct debs *d, struct err *err) {
	autofree char *lines = strv_join(d->sources.lines, "\n");
	autofree char *text = xasprintf("%s\n", lines);

	return put_file(d, "sources.list", text, err);
}

static int make_dirs(const struct debs *d, struct err *err) {
	static const char *const dirs[] = { "lists", "lists/partial", "cache", ARCHIVES,
					    ARCHIVES "/partial", "none",
					    "tmp" };

	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++)
		if (mkdirat(d->stage.dir_fd, dirs[i], 0755) < 0 ||
		    fchownat(d->stage.dir_fd, dirs[i], NOBODY, NOBODY, AT_SYMLINK_NOFOLLOW) < 0)
			return err_sys(err, -errno, "cannot make '%s/%s'", d->dir, dirs[i]);
	return fchmod(d->stage.dir_fd, 0711) < 0 ?
		       err_sys(err, -errno, "cannot open the directory '%s'", d->dir) : 0;
}

static int prepare(struct debs *d, const struct image_info *base, struct err *err) {
	int r = apt_sources_find(d->recipe, &d->sources, err);

	if (r == 0 && !tool_exists("apt-get")) {
		(void)err_set(err, ERR_MISSING, -ENOENT, "packages are added to an image by apt-get, "
			      "which is not here");
		return err_hint(err, "apt-get install apt");
	}
	if (r == 0)
		r = stage_begin(d->l, d->l->layers_fd, &d->stage, err);
	if (r < 0)
		return r;
	d->dir = xasprintf("%s/layers/%s", d->l->root, d->stage.name);
	r = make_dirs(d, err);
	if (r == 0)
		r = put_status(d, base, err);
	if (r == 0)
		r = put_conf(d, err);
	return r < 0 ? r : put_sources(d, err);
}

/* ---- apt ---- */

static void option(char ***argv, const char *key, const char *file) {
	strv_add(argv, "-o");
	strv_addf(argv, "%s=" PLACE "/%s", key, file);
}

/* Where a release keeps its keys: beside the others, or only named by the host's sources. */
static void keys(char ***argv) {
	static const char *const rings[] = { "/usr/share/keyrings/debian-archive-keyring.gpg",
					     "/usr/share/keyrings/ubuntu-archive-keyring.gpg" };

	strv_add(argv, "-o");
	strv_add(argv, "Dir::Etc::trustedparts=/etc/apt/trusted.gpg.d");
	for (size_t i = 0; i < ARRAY_SIZE(rings); i++)
		if (access(rings[i], R_OK) == 0) {
			strv_add(argv, "-o");
			strv_addf(argv, "Dir::Etc::trusted=%s", rings[i]);
			return;
		}
}

static char **command(const char *program, const char *what) {
	char **argv = NULL;

	strv_add(&argv, program);
	option(&argv, "Dir::State", ".");
	option(&argv, "Dir::State::lists", "lists");
	option(&argv, "Dir::State::status", "status");
	option(&argv, "Dir::State::extended_states", "extended_states");
	option(&argv, "Dir::Cache", "cache");
	option(&argv, "Dir::Etc::sourcelist", "sources.list");
	option(&argv, "Dir::Etc::sourceparts", "none");
	option(&argv, "Dir::Etc::preferences", "preferences");
	option(&argv, "Dir::Etc::preferencesparts", "none");
	keys(&argv);
	strv_add(&argv, what);
	return argv;
}

static int run(struct debs *d, char *const *argv, struct buf *out, struct err *err) {
	autostrv char **env = NULL;
	struct tool_spec tool = { .argv = argv, .cwd = "/", .out_fd = -1, .uid = NOBODY,
				  .line = out ? NULL : on_line, .data = d };

	for (char **e = environ; *e; e++)
		strv_add(&env, *e);
	env_set(&env, "APT_CONFIG", PLACE "/apt.conf");
	env_set(&env, "TMPDIR", PLACE "/tmp");
	env_set(&env, "HOME", PLACE "/tmp");
	env_set(&env, "LC_ALL", "C.UTF-8");
	tool.env = env;
	return out ? tool_output(&tool, out, err) : tool_run(&tool, err);
}

/*
 * `apt-cache policy A B`: a block for each that is known, "A:" and below it, with
 * blanks before them, its lines, of which "Candidate: VERSION" says that there is one.
 */
char **debs_available(const char *policy) {
	autostrv char **lines = strv_split(policy, "\n");
	const char *name = NULL;
	char **have = NULL;

	for (size_t i = 0; lines && lines[i]; i++) {
		char *line = lines[i];
		size_t len = strlen(line);

		if (!isspace((unsigned char)*line) && len > 1 && line[len - 1] == ':') {
			line[len - 1] = '\0';
			name = line;
		} else if (name && strstr(line, "  Candidate: ") == line) {
			if (!strstr(line, "(none)"))
				strv_add(&have, name);
			name = NULL;
		}
	}
	return have;
}

static int add_optional(struct debs *d, char ***wanted, char ***left_out, struct err *err) {
	autostrv char **argv = command("apt-cache", "policy");
	char *const *optional = d->recipe->optional_packages;
	autostrv char **have = NULL;
	autobuf struct buf out;
	int r;

	if (!strv_len(optional))
		return 0;
	strv_add_all(&argv, optional);
	buf_init(&out, POLICY_MAX);
	r = run(d, argv, &out, err);
	if (r < 0)
		return r;
	have = debs_available(out.data);
	for (size_t i = 0; optional[i]; i++) {
		if (strv_contains(have, optional[i]))
			strv_add(wanted, optional[i]);
		else
			strv_addf(left_out, "left out, since '%s' has no such package: %s",
				  d->sources.suite, optional[i]);
	}
	return 0;
}

/* Is all of it there? Without the archive's lists apt knows what the image has, and no more. */
static bool has_all(struct debs *d) {
	autostrv char **install = command("apt-get", "install");
	struct err none = { 0 };
	autobuf struct buf out;

	buf_init(&out, POLICY_MAX);
	strv_add(&install, "--simulate");
	strv_add(&install, "--no-upgrade");
	strv_add(&install, "--");
	strv_add_all(&install, d->recipe->packages);
	strv_add_all(&install, d->recipe->optional_packages);
	return run(d, install, &out, &none) == 0;
}

static int fetch(struct debs *d, char ***left_out, struct err *err) {
	autostrv char **update = command("apt-get", "update");
	autostrv char **install = command("apt-get", "install");
	autostrv char **wanted = strv_copy(d->recipe->packages);
	int r;

	if (has_all(d))
		return 0;
	r = run(d, update, NULL, err);
	if (r == 0)
		r = add_optional(d, &wanted, left_out, err);
	if (r < 0)
		return r;
	/* What the image has stays as it is. */
	strv_add(&install, "--no-upgrade");
	strv_add(&install, "--download-only");
	strv_add(&install, "--");
	strv_add_all(&install, wanted);
	return run(d, install, NULL, err);
}

static int fetch_in_place(struct debs *d, char ***left_out, struct err *err) {
	/* Taken here: mounts of another namespace cannot be bound. */
	autoclose int tree = open_tree(d->stage.dir_fd, "",
				       OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);
	struct mountns ns = MOUNTNS_INIT;
	int r, back;

	if (tree < 0)
		return err_sys(err, -errno, "cannot take the directory '%s'", d->dir);
	r = mountns_enter(&ns);
	if (r < 0)
		return err_sys(err, r, "cannot make a mount namespace");
	if (move_mount(tree, "", AT_FDCWD, PLACE, MOVE_MOUNT_F_EMPTY_PATH) < 0)
		r = err_sys(err, -errno, "cannot use '" PLACE "'");
	else
		r = fetch(d, left_out, err);
	back = mountns_leave(&ns);
	if (r == 0 && back < 0)
		r = err_sys(err, back, "cannot go back to the mount namespace");
	return r;
}

/* ---- what came ---- */

static bool is_archive(const char *name) {
	size_t len = strlen(name);

	return len > 4 && *name != '.' && *name != '-' && strcmp(name + len - 4, ".deb") == 0;
}

static int take(int from, int to, const char *name, struct err *err) {
	autoclose int fd = openat(from, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(err, -errno, "cannot open the package '%s'", name);
	if (!S_ISREG(st.st_mode) || st.st_nlink != 1)
		return err_set(err, ERR_SYSTEM, -EINVAL, "the package '%s' is no plain file", name);
	if (fchown(fd, 0, 0) < 0 || fchmod(fd, 0644) < 0 || renameat(from, name, to, name) < 0)
		return err_sys(err, -errno, "cannot hand '%s' to the build", name);
	return 0;
}

static int take_all(const struct debs *d, int to, struct err *err) {
	autoclosedir DIR *dir = NULL;
	struct dirent *entry;
	int fd = openat(d->stage.dir_fd, ARCHIVES,
			O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	int r = 0;

	/* From now on nobody comes in any more. */
	if (fd < 0 || fchown(fd, 0, 0) < 0 || fchmod(fd, 0700) < 0 || !(dir = fdopendir(fd))) {
		r = err_sys(err, -errno, "cannot open '%s/" ARCHIVES "'", d->dir);
		if (fd >= 0)
			(void)close(fd);
		return r;
	}
	while (r == 0 && (entry = readdir(dir)))
		if (is_archive(entry->d_name))
			r = take(dirfd(dir), to, entry->d_name, err);
	return r;
}

int debs_fetch(const struct layout *l, const struct recipe *r, const struct image_info *base,
	       const struct recipe_report *report, int to, char ***ret_hosts, char ***ret_left_out,
	       struct err *err) {
	struct debs d = { .l = l, .recipe = r, .report = report, .stage = STAGE_NONE };
	int code;

	if (!strv_len(r->packages) && !strv_len(r->optional_packages))
		return 0;
	code = prepare(&d, base, err);
	if (code == 0)
		code = fetch_in_place(&d, ret_left_out, err);
	if (code == 0)
		code = take_all(&d, to, err);
	if (code == 0)
		strv_add_all(ret_hosts, d.sources.hosts);
	else
		code = err_wrap(err, "fetching the packages of '%s'", r->name);
	stage_abort(&d.stage);
	apt_sources_done(&d.sources);
	free(d.dir);
	return code;
}
