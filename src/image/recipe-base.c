/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The base of an image, made by mmdebstrap or debootstrap in a directory that
 * a repair removes, and then imported like any other image.
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
#include "image/recipe.h"
#include "image/store.h"
#include "image/tool.h"

struct base {
	const struct layout *l;
	const struct recipe *recipe;
	const struct recipe_report *report;
	struct apt_sources sources;
	struct stage stage;
	char *dir; /* path of the stage */
	char *packages; /* separated by commas */
	char *optional; /* by blanks; "" for none */
};

#define LEFT_OUT "coi-left-out "

static void say(const struct base *b, const char *line, bool is_note) {
	if (b->report && b->report->fn)
		b->report->fn(line, is_note, b->report->data);
}

static void on_line(const char *text, void *data) {
	const struct base *b = data;
	autofree char *note = NULL;

	if (strncmp(text, LEFT_OUT, strlen(LEFT_OUT)) != 0) {
		say(b, text, false);
		return;
	}
	note = xasprintf("left out, since '%s' has no such package: %s", b->sources.suite,
			 text + strlen(LEFT_OUT));
	say(b, note, true);
}

/* Documents and translations are half of a small system, and nobody reads them there. */
static const char *const excluded[] = {
	"/usr/share/doc/*", "/usr/share/info/*", "/usr/share/lintian/*", "/usr/share/linda/*",
	"/usr/share/man/*", "/usr/share/locale/*", "/usr/share/groff/*",
};
static const char *const included[] = { "/usr/share/doc/*/copyright", "/usr/share/locale/locale.alias" };

/*
 * What the builder leaves of the host, and what the suite may lack. $1 is the
 * new root; everything is run in there. Names of packages have been checked.
 */
static const char finish_script[] =
	"set -eu\n"
	"root=$1\n"
	"shift\n"
	"export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8\n"
	"have=\n"
	"for p in \"$@\"; do\n"
	"	case $(chroot \"$root\" apt-cache policy \"$p\" 2>/dev/null) in\n"
	"	*'Candidate: (none)'*|'') echo '" LEFT_OUT "'\"$p\" >&2 ;;\n"
	"	*) have=\"$have $p\" ;;\n"
	"	esac\n"
	"done\n"
	"if [ -n \"$have\" ]; then\n"
	"	chroot \"$root\" apt-get --yes --quiet --no-install-recommends install $have\n"
	"fi\n"
	"rm -f \"$root/etc/hostname\" \"$root/etc/hosts\" \"$root/etc/machine-id\"\n"
	"umask 022\n"
	"echo coi >\"$root/etc/hostname\"\n"
	"printf '127.0.0.1\\tlocalhost\\n' >\"$root/etc/hosts\"\n"
	"rm -f \"$root/etc/resolv.conf\"\n"
	": >\"$root/etc/resolv.conf\"\n"
	": >\"$root/etc/machine-id\"\n"
	"for f in \"$root\"/etc/apt/apt.conf.d/99mmdebstrap; do\n"
	"	if [ -e \"$f\" ]; then sed -i '/[Pp]roxy/d' \"$f\"; fi\n"
	"done\n"
	"if [ -n \"${COI_PRUNE:-}\" ]; then\n"
	"	chroot \"$root\" apt-get clean\n"
	"	rm -rf \"$root\"/var/lib/apt/lists/*\n"
	"	find \"$root/usr/share/doc\" ! -type d ! -name copyright -delete\n"
	"	rm -rf \"$root\"/usr/share/man \"$root\"/usr/share/info \"$root\"/usr/share/lintian\n"
	"	find \"$root/usr/share/locale\" -mindepth 1 -maxdepth 1 ! -name locale.alias "
	"-exec rm -rf {} +\n"
	"fi\n";

static int write_file(const struct base *b, const char *name, const char *content, mode_t mode,
		      struct err *err) {
	int r = file_write_quick_at(b->stage.dir_fd, name, content, strlen(content), mode);

	return r < 0 ? err_sys(err, r, "cannot write '%s/%s'", b->dir, name) : 0;
}

static int prepare(struct base *b, struct err *err) {
	autofree char *lines = NULL, *list = NULL;
	int r = apt_sources_find(b->recipe, &b->sources, err);

	if (r == 0)
		r = stage_begin(b->l, b->l->layers_fd, &b->stage, err);
	if (r < 0)
		return r;
	/* apt fetches as its own user, who has to come through. */
	if (fchmod(b->stage.dir_fd, 0711) < 0)
		return err_sys(err, -errno, "cannot open the build directory");
	b->dir = xasprintf("%s/layers/%s", b->l->root, b->stage.name);
	b->packages = strv_join(b->recipe->packages, ",");
	b->optional = strv_join(b->recipe->optional_packages, " ");
	lines = strv_join(b->sources.lines, "\n");
	list = xasprintf("%s\n", lines);
	r = write_file(b, "sources.list", list, 0644, err);
	return r < 0 ? r : write_file(b, "finish.sh", finish_script, 0755, err);
}

/*
 * The builders' mounts and processes live in namespaces of theirs: when we are
 * killed, unshare is, with it the first process in there, and so all of them.
 */
static void begin_command(char ***argv) {
	strv_add(argv, "unshare");
	strv_add(argv, "--mount");
	strv_add(argv, "--pid");
	strv_add(argv, "--fork");
	strv_add(argv, "--kill-child=KILL");
	strv_add(argv, "--propagation=slave");
	strv_add(argv, "--mount-proc");
	strv_add(argv, "--");
}

static char **build_env(const struct base *b, bool prune) {
	char **env = NULL;

	for (char **e = environ; *e; e++)
		strv_add(&env, *e);
	/* TMPDIR: the same file system, and found by a repair. */
	env_set(&env, "TMPDIR", b->dir);
	env_set(&env, "LC_ALL", "C.UTF-8");
	env_set(&env, "DEBIAN_FRONTEND", "noninteractive");
	if (prune)
		env_set(&env, "COI_PRUNE", "1");
	return env;
}

static int run(struct base *b, const char *name, char **argv, bool prune, struct err *err) {
	autostrv char **env = build_env(b, prune);
	struct tool_spec tool = { .argv = argv, .name = name, .env = env, .cwd = "/", .out_fd = -1,
				  .uid = TOOL_NONE, .line = on_line, .data = b };

	return tool_run(&tool, err);
}

static int run_mmdebstrap(struct base *b, struct err *err) {
	autostrv char **argv = NULL;

	begin_command(&argv);
	strv_add(&argv, "mmdebstrap");
	strv_add(&argv, "--mode=root");
	strv_add(&argv, "--format=tar");
	strv_addf(&argv, "--variant=%s", b->recipe->variant ? b->recipe->variant : "minbase");
	if (b->packages && *b->packages)
		strv_addf(&argv, "--include=%s", b->packages);
	for (size_t i = 0; i < ARRAY_SIZE(excluded); i++)
		strv_addf(&argv, "--dpkgopt=path-exclude=%s", excluded[i]);
	for (size_t i = 0; i < ARRAY_SIZE(included); i++)
		strv_addf(&argv, "--dpkgopt=path-include=%s", included[i]);
	for (size_t i = 0; i < strv_len(b->sources.options); i++)
		strv_addf(&argv, "--aptopt=%s", b->sources.options[i]);
	strv_addf(&argv, "--customize-hook=sh '%s/finish.sh' \"$1\" %s", b->dir,
		  b->optional ? b->optional : "");
	strv_add(&argv, b->sources.suite);
	strv_addf(&argv, "%s/base.tar", b->dir);
	strv_addf(&argv, "%s/sources.list", b->dir);
	return run(b, "mmdebstrap", argv, false, err);
}

/* debootstrap knows one source: the others come by an upgrade from inside. */
static const char debootstrap_script[] =
	"set -eu\n"
	"here=$1 variant=$2 packages=$3 suite=$4 mirror=$5\n"
	"shift 5\n"
	"debootstrap --variant=\"$variant\" ${packages:+--include=\"$packages\"} \"$suite\" "
	"\"$here/root\" \"$mirror\"\n"
	"cp \"$here/sources.list\" \"$here/root/etc/apt/sources.list\"\n"
	"cp \"$here/apt.conf\" \"$here/root/etc/apt/apt.conf.d/99mmdebstrap\"\n"
	"cp /etc/resolv.conf \"$here/root/etc/resolv.conf\" 2>/dev/null || true\n"
	"mount -t proc proc \"$here/root/proc\"\n"
	"chroot \"$here/root\" apt-get --quiet update\n"
	"chroot \"$here/root\" apt-get --yes --quiet dist-upgrade\n"
	"sh \"$here/finish.sh\" \"$here/root\" \"$@\"\n"
	"umount \"$here/root/proc\"\n";

static int run_debootstrap(struct base *b, struct err *err) {
	autostrv char **argv = NULL, **optional = strv_split(b->optional ? b->optional : "", " ");
	autobuf struct buf options;
	int r;

	buf_init(&options, 65536);
	for (size_t i = 0; i < strv_len(b->sources.options); i++)
		buf_addf(&options, "%s\n", b->sources.options[i]);
	r = write_file(b, "apt.conf", options.data, 0644, err);
	if (r == 0)
		r = write_file(b, "debootstrap.sh", debootstrap_script, 0755, err);
	if (r < 0)
		return r;
	begin_command(&argv);
	strv_add(&argv, "sh");
	strv_addf(&argv, "%s/debootstrap.sh", b->dir);
	strv_add(&argv, b->dir);
	strv_add(&argv, b->recipe->variant ? b->recipe->variant : "minbase");
	strv_add(&argv, b->packages ? b->packages : "");
	strv_add(&argv, b->sources.suite);
	strv_add(&argv, b->sources.mirror);
	strv_add_all(&argv, optional);
	return run(b, "debootstrap", argv, true, err);
}

static int bootstrap(struct base *b, const char **ret_result, struct err *err) {
	int r;

	if (tool_exists("mmdebstrap")) {
		*ret_result = "base.tar";
		r = run_mmdebstrap(b, err);
	} else if (tool_exists("debootstrap")) {
		*ret_result = "root";
		r = run_debootstrap(b, err);
	} else {
		(void)err_set(err, ERR_MISSING, -ENOENT,
			      "an image is built with mmdebstrap or debootstrap, and neither is here");
		return err_hint(err, "apt-get install mmdebstrap");
	}
	return r < 0 ? err_wrap(err, "fetching the base of '%s'", b->recipe->name) : 0;
}

static void base_done(struct base *b) {
	stage_abort(&b->stage);
	apt_sources_done(&b->sources);
	free(b->dir);
	free(b->packages);
	free(b->optional);
}

static int import_base(struct base *b, const char *result, struct image_info **ret,
		       struct err *err) {
	autofree char *path = path_join(b->dir, result);
	autofree char *alias = xasprintf("%s-base", b->recipe->name);
	autofree char *about = xasprintf("base of %s: %s", b->recipe->name, b->sources.suite);
	char hash[IMAGE_FINGERPRINT_SIZE];
	struct image_import_result imported;
	struct image_import_spec spec = {
		.path = path, .fd = -1, .alias = alias, .description = about,
		.recipe = b->recipe->name, .recipe_hash = hash, .registries = b->sources.hosts,
	};
	int r = recipe_hash(b->recipe, NULL, hash, err);

	if (r == 0) {
		say(b, "unpacking the base", false);
		r = image_import(b->l, &spec, &imported, err);
	}
	if (r == 0)
		*ret = imported.info;
	return r;
}

int recipe_fetch_base(const struct layout *l, const struct recipe *r,
		      const struct recipe_report *report, struct image_info **ret, struct err *err) {
	struct base b = { .l = l, .recipe = r, .report = report, .stage = STAGE_NONE };
	const char *result = NULL;
	int code = prepare(&b, err);

	if (code == 0)
		code = bootstrap(&b, &result, err);
	if (code == 0)
		code = import_base(&b, result, ret, err);
	base_done(&b);
	return code;
}

int recipe_find_base(const struct layout *l, const struct recipe *r, time_t max_age,
		     struct image_info **ret, struct err *err) {
	autofree char *alias = xasprintf("%s-base", r->name);
	auto_image_info struct image_info *info = NULL;
	char hash[IMAGE_FINGERPRINT_SIZE];
	time_t age;
	int code = recipe_hash(r, NULL, hash, err);

	if (code < 0)
		return code;
	code = image_find(l, alias, &info, err);
	if (code < 0)
		return code == -ENOENT ? 0 : code;
	age = time(NULL) - info->created;
	if (strcmp(info->recipe_hash, hash) != 0 || age < 0 || age > max_age)
		return 0;
	*ret = steal_ptr(info);
	return 1;
}

int recipe_prune_bases(const struct layout *l, const struct recipe *r,
		       const struct image_users *users, struct err *err) {
	auto_image_list struct image_list all = { 0 };
	int code = image_list_load(l, &all, err);

	for (size_t i = 0; code == 0 && i < all.count; i++) {
		const struct image_info *info = all.items[i];

		if (strcmp(info->recipe, r->name) != 0 || *info->base || strv_len(info->aliases))
			continue;
		code = image_delete(l, info->fingerprint, users, err);
		if (code == -EBUSY || code == -ENOENT)
			code = 0;
	}
	return code;
}
