/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "update/core.h"

#include <errno.h>
#include <paths.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/build.h"
#include "base/download.h"
#include "base/fd.h"
#include "base/layout.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/proc.h"

#define INDEX_NAME "releases.json"
#define SIGNATURE_NAME INDEX_NAME ".sig"
#define SIGNATURE_SIZE 64
#define DAY (24 * 60 * 60)

/* ---- what has to be so ---- */

int core_check(const char *url, const char **ret, struct err *err) {
	if (!*build.release_key) {
		(void)err_set(err, ERR_TRUST, -EKEYREJECTED,
			      "this build of coi has no key to verify releases with");
		return err_hint(err, "install a release by its install.sh, or configure with "
				     "--with-release-key");
	}
	if (!*build.arch)
		return err_set(err, ERR_MISSING, -ENOENT, "there are no releases for this machine");
	if (!*url)
		url = build.release_url;
	if (!*url) {
		(void)err_set(err, ERR_CONFIG, -EDESTADDRREQ, "it is not said where releases lie");
		return err_hint(err, "set update.url in ~/.coi/config.toml to the https address of the "
				     "directory with " INDEX_NAME);
	}
	if (download_url_check(url, err) < 0) {
		err->kind = ERR_CONFIG;
		return err_wrap(err, "update.url");
	}
	*ret = url;
	return 0;
}

/* ---- the list ---- */

static char *address_of(const char *url, const char *name) {
	return xasprintf("%s%s%s", url, url[strlen(url) - 1] == '/' ? "" : "/", name);
}

/* A small file into @out. */
static int fetch(const char *url, const char *name, size_t max, struct buf *out, struct err *err) {
	autofree char *address = address_of(url, name);
	autoclose int file = memfd_create("coi-update", MFD_CLOEXEC);
	struct download_spec spec = { .url = address, .file = file, .max = max };
	char hash[HASH_HEX_SIZE];
	int r;

	if (file < 0)
		return err_sys(err, -errno, "cannot make a file in memory");
	r = download_file(&spec, hash, err);
	if (r < 0)
		return r;
	buf_init(out, max);
	if (lseek(file, 0, SEEK_SET) < 0)
		return err_sys(err, -errno, "cannot read what was fetched");
	r = fd_read_all(file, out);
	return r < 0 ? err_sys(err, r, "cannot read what was fetched") : 0;
}

static int verify(const struct buf *document, const struct buf *signature, struct err *err) {
	autofree char *program = layout_program("coi-verify");
	autoclose int in = memfd_create("coi-verify", MFD_CLOEXEC);
	const struct spawn_fd fds[] = { { in, STDIN_FILENO } };
	char hex[2 * SIGNATURE_SIZE + 1];
	char *const argv[] = { program, (char *)build.release_key, hex, NULL };
	const struct spawn_spec spec = { .path = program, .argv = argv, .fds = fds, .fd_count = 1,
					 .null_stdio = true, .cwd = "/", .uid = (uid_t)-1,
					 .gid = (gid_t)-1, .death_signal = SIGKILL };
	int r = -EBADMSG;

	if (signature->len == SIGNATURE_SIZE) {
		for (size_t i = 0; i < SIGNATURE_SIZE; i++)
			(void)snprintf(hex + 2 * i, 3, "%02x", (unsigned char)signature->data[i]);
		r = in < 0 ? -errno : fd_write_all(in, document->data, document->len);
		if (r < 0 || lseek(in, 0, SEEK_SET) < 0)
			return err_sys(err, r < 0 ? r : -errno, "cannot verify the list of releases");
		r = proc_run(&spec, err);
		if (r < 0)
			return err_wrap(err, "verifying the list of releases");
	}
	if (r == 0)
		return 0;
	if (r > 1)
		return err_set(err, ERR_SYSTEM, -EIO, "cannot verify the list of releases: '%s' ended "
			       "with status %d", program, r);
	(void)err_set(err, ERR_TRUST, -EKEYREJECTED,
		      "the list of releases is not signed by the owner of the key of this build");
	return err_hint(err, "nothing was changed; if it stays so, ask the project what has happened");
}

/* A clock that is behind takes certificates for ones of the future, and old lists for new ones. */
static int check_clock(int64_t made, struct err *err) {
	int64_t now = (int64_t)time(NULL);
	autofree char *theirs = index_date(made), *ours = index_date(now);

	if (made <= now + DAY)
		return 0;
	(void)err_set(err, ERR_SYSTEM, -ETIME, "the list of releases was made at %s, and the clock of "
		      "this machine says %s", theirs, ours);
	return err_hint(err, "set the clock (timedatectl set-ntp true) and try again");
}

/* Who holds new lists back can show the last one only so long. */
static int check_expiry(int64_t expires, struct err *err) {
	int64_t now = (int64_t)time(NULL);
	autofree char *theirs = index_date(expires), *ours = index_date(now);

	if (!expires || now < expires)
		return 0;
	(void)err_set(err, ERR_TRUST, -ESTALE, "the list of releases has expired at %s, and the clock "
		      "of this machine says %s", theirs, ours);
	return err_hint(err, "nothing was changed; if the clock is right, the project has not renewed "
			"its list, or somebody shows an old one: ask the project");
}

int core_index(const char *url, struct release_index *ret, struct err *err) {
	autobuf struct buf document = { 0 }, signature = { 0 };
	auto_index struct release_index index = { 0 };
	int r = fetch(url, INDEX_NAME, INDEX_MAX, &document, err);

	if (r == 0)
		r = fetch(url, SIGNATURE_NAME, SIGNATURE_SIZE, &signature, err);
	if (r == 0)
		r = verify(&document, &signature, err);
	if (r == 0)
		r = index_parse(document.data, document.len, build.arch, &index, err);
	if (r == 0)
		r = check_clock(index.made, err);
	if (r == 0)
		r = check_expiry(index.expires, err);
	if (r < 0)
		return r;
	*ret = index;
	index = (struct release_index){ 0 };
	return 0;
}

/* ---- the release ---- */

/*
 * The archive, once it is what the list says: in memory, where it is small, leaves nothing behind
 * and wants nothing of the file system (those of networks have no files without a name).
 */
static int fetch_archive(const struct release *release, struct download_spec *spec,
			 struct err *err) {
	char hash[HASH_HEX_SIZE];
	int r;

	spec->max = release->size;
	spec->file = memfd_create("coi-update", MFD_CLOEXEC);
	if (spec->file < 0)
		return err_sys(err, -errno, "cannot make a file in memory");
	r = download_file(spec, hash, err);
	if (r < 0)
		return r;
	if (strcmp(hash, release->sha256) != 0)
		return err_set(err, ERR_TRUST, -EBADMSG, "'%s' has the SHA-256 %s, and the list of "
			       "releases says %s", spec->url, hash, release->sha256);
	return lseek(spec->file, 0, SEEK_SET) < 0 ?
		       err_sys(err, -errno, "cannot read what was fetched") : 0;
}

/* It is what the owner of the key has made: tar(1) may do with it what it says. */
static int unpack(const struct site *p, const char *name, int archive, struct err *err) {
	autofree char *below = path_join(p->dir, "releases"), *dir = path_join(below, name);
	const char *const argv[] = { "tar", "--extract", "--xz", "--file=-", "--no-same-owner",
				     "--no-same-permissions", "--strip-components=1", NULL };
	const struct spawn_fd fds[] = { { archive, STDIN_FILENO },
					{ STDERR_FILENO, STDERR_FILENO } };
	/* Nothing of a person's habits: TAR_OPTIONS, XZ_OPT. */
	autofree char *path = xasprintf("PATH=%s", getenv("PATH") ? getenv("PATH") : _PATH_STDPATH);
	char *const env[] = { path, (char *)"LC_ALL=C", NULL };
	const struct spawn_spec spec = { .path = "tar", .argv = (char *const *)argv, .env = env,
					 .fds = fds, .fd_count = 2, .null_stdio = true, .cwd = dir,
					 .uid = (uid_t)-1, .gid = (gid_t)-1, .death_signal = SIGKILL };
	mode_t mask = umask(022);
	int r = proc_run(&spec, err);

	(void)umask(mask);
	if (r < 0)
		return err_wrap(err, "unpacking the release");
	if (r == 0)
		return 0;
	(void)err_set(err, ERR_SYSTEM, -EIO, "tar cannot unpack the release (status %d)", r);
	return err_hint(err, "is there space left, and is xz there? (on Debian: apt-get install "
			     "xz-utils)");
}

/* Libraries that it wants may be missing here. */
static int try_it(const struct site *p, const char *name, const char *version, struct err *err) {
	autofree char *program = xasprintf("%s/releases/%s/bin/coi", p->dir, name);
	autofree char *line = xasprintf("coi v%s\n", version);
	const char *const argv[] = { program, "--version", NULL };
	const struct spawn_fd fds[] = { { STDERR_FILENO, STDERR_FILENO } };
	const struct spawn_spec spec = { .path = program, .argv = (char *const *)argv, .fds = fds,
					 .fd_count = 1, .null_stdio = true, .cwd = "/",
					 .uid = (uid_t)-1, .gid = (gid_t)-1,
					 .death_signal = SIGKILL };
	autobuf struct buf out = { 0 };
	int status;

	buf_init(&out, 4096);
	status = proc_output(&spec, &out, err);
	if (status < 0)
		return err_wrap(err, "starting the new release");
	if (status == 0 && strcmp(out.data, line) == 0)
		return 0;
	(void)err_set(err, ERR_SYSTEM, -ENOEXEC, "version %s does not run on this machine (status %d), "
		      "so it is not installed", version, status);
	return err_hint(err, "a library may be missing: its name stands above");
}

static int install(const struct core_order *o, int archive, struct err *err) {
	const struct site *p = o->site;
	const char *version = o->release->version;
	autofree char *name = NULL;
	int r = site_begin(p, &name, err);

	if (r < 0)
		return r;
	r = unpack(p, name, archive, err);
	if (r == 0)
		r = try_it(p, name, version, err);
	if (r < 0) {
		(void)tree_remove_at(p->releases, name);
		return r;
	}
	r = site_commit(p, name, version, err);
	if (r == 0)
		r = site_note_list(p, o->made, err);
	return r < 0 ? r : site_switch(p, o->from, version, err);
}

int core_install(const struct core_order *o, struct err *err) {
	autofree char *address = address_of(o->url, o->release->file);
	struct download_spec spec = { .url = address, .file = -1, .progress = o->progress,
				      .data = o->data };
	int r = fetch_archive(o->release, &spec, err);
	/* Of this place alone, by people who update at the same time: tar is not long at it. */
	autoclose int archive = spec.file, lock = r < 0 ? -1 : site_lock(o->site, err);

	if (r == 0 && lock < 0)
		r = lock;
	/* Another list, another update may have come meanwhile. */
	if (r == 0)
		r = site_check_list(o->site, o->made, err);
	if (r == 0)
		r = site_check_current(o->site, o->from, err);
	if (r == 0)
		r = install(o, archive, err);
	if (r == 0)
		site_clean(o->site);
	return r;
}
