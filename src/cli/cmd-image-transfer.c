/* SPDX-License-Identifier: GPL-2.0-or-later */
/* import, export, publish: what moves whole trees. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/download.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/strv.h"
#include "cli/app.h"
#include "cli/commands.h"
#include "cli/transfer.h"
#include "session/build.h"

/* ---- import ---- */

struct import_args {
	const char *alias;
	const char *description;
	const char *sha256;
	const char *reference;
};

static int check_alias(const char *alias, struct err *err) {
	if (alias && !image_alias_is_valid(alias)) {
		err_set(err, ERR_USAGE, -EINVAL, "'%s' cannot be an alias", alias);
		return err_hint(err, "Letters, digits and . _ - / +, at most %d.", IMAGE_ALIAS_MAX);
	}
	return 0;
}

static int import_check(struct cli *cli, void *args, struct err *err) {
	const struct import_args *a = args;
	const char *file = app_word(cli, 0);
	char digest[IMAGE_FINGERPRINT_SIZE];
	int r = check_alias(a->alias, err);

	if (r < 0)
		return r;
	if (!image_is_url(file))
		return a->sha256 ? err_set(err, ERR_USAGE, -EINVAL,
					   "'--sha256' goes with an https address, '%s' is none",
					   file)
				 : 0;
	if (app_word(cli, 1))
		return err_set(err, ERR_USAGE, -EINVAL,
			       "a split image is imported from files, not from an address");
	r = download_url_check(file, err);
	if (r == 0 && !a->sha256) {
		(void)err_set(err, ERR_USAGE, -EINVAL,
			      "what comes over the network wants '--sha256'");
		return err_hint(err, "its publisher names it; it is what sha256sum prints");
	}
	return r < 0 ? r : download_sha256_parse(a->sha256, digest, err);
}

/* The archive that the address names, open as @spec's. */
static int import_download(struct cli *cli, const struct import_args *a,
			   struct image_import_spec *spec, struct err *err) {
	char digest[IMAGE_FINGERPRINT_SIZE];
	struct transfer t;
	int r = download_sha256_parse(a->sha256, digest, err);

	if (r < 0)
		return r;
	transfer_begin(&t, "Fetching");
	r = image_download(cli->session->layout, spec->path, digest, &t.callback, &spec->fd, err);
	transfer_end(&t);
	spec->path = NULL;
	return r;
}

static void tell_platform(const struct image_import_result *result) {
	autofree char *all = strv_join(result->platforms, ", ");

	if (strv_len(result->platforms) > 1)
		log_info("The image for %s was taken; there are %s", result->platform, all);
	if (result->is_foreign)
		log_warn("the image is for %s, which this machine is not: its programs will not run",
			 result->platform);
}

static void tell_import(const struct image_import_result *result) {
	if (result->platform)
		tell_platform(result);
	if (result->existed)
		log_info("The same image is there already");
	else if (result->shared)
		log_info("%zu of its %zu layers were there already", result->shared,
			 result->info->layer_count);
	if (result->skipped_devices)
		log_info("%" PRIu64 " device nodes were left out", result->skipped_devices);
	if (result->dropped_xattrs)
		log_info("%" PRIu64 " extended attributes were left out", result->dropped_xattrs);
}

static int import_run(struct cli *cli, const void *args, struct err *err) {
	const struct import_args *a = args;
	const char *file = app_word(cli, 0);
	bool from_stdin = strcmp(file, "-") == 0;
	struct image_import_spec spec = {
		.path = from_stdin ? NULL : file,
		.fd = from_stdin ? STDIN_FILENO : -1,
		.rootfs_path = app_word(cli, 1),
		.alias = a->alias,
		.description = a->description,
		.reference = a->reference,
	};
	struct image_import_result result = { 0 };
	bool is_url = image_is_url(file);
	struct transfer t;
	int r = is_url ? import_download(cli, a, &spec, err) : 0;

	if (r < 0)
		return r;
	transfer_begin(&t, "Importing");
	spec.progress = &t.callback;
	r = image_import(cli->session->layout, &spec, &result, err);
	transfer_end(&t);
	if (is_url)
		(void)close(spec.fd);
	if (r < 0)
		return r;
	tell_import(&result);
	r = transfer_print(a->alias, result.info->fingerprint, err);
	image_import_result_done(&result);
	return r;
}

static const struct cli_argument import_arguments[] = {
	{ "file", ARGUMENT_REQUIRED, COMPLETE_FILE,
	  "Archive, directory or https address; - is standard input" },
	{ "rootfs", ARGUMENT_OPTIONAL, COMPLETE_FILE,
	  "Second archive of a split image, whose metadata is the first one" },
	{ NULL },
};

static const struct cli_option import_options[] = {
	{
		.name = "alias",
		CLI_TEXT(struct import_args, alias, "ALIAS"),
		.help = "Name for the image; one that is there moves to it",
		.complete = COMPLETE_IMAGE,
	},
	{
		.name = "description",
		CLI_TEXT(struct import_args, description, "TEXT"),
		.help = "Instead of what the archive says",
	},
	{
		.name = "reference",
		CLI_TEXT(struct import_args, reference, "NAME"),
		.help = "Which image, when the archive holds several",
	},
	{
		.name = "sha256",
		CLI_TEXT(struct import_args, sha256, "HEX"),
		.help = "What an https address must hold; without it none is fetched",
	},
	{ 0 },
};

static const struct cli_example import_examples[] = {
	{ "coi image import debian.tar.zst --alias debian", "A root file system or an Incus image." },
	{ "coi image import meta.tar.xz rootfs.tar.xz --alias old", "A split image." },
	{ "docker save node:22 | coi image import - --alias node", "An image of docker or podman." },
	{ NULL },
};

const struct cli_command cmd_image_import = {
	.name = "import",
	.group = GROUP_IMAGE,
	.summary = "make an image from an archive or a directory",
	.description =
		"Takes a tar archive of a root file system, an Incus or LXD image (unified, or split "
		"into two files), an OCI image layout, or what 'docker save' writes, plain or packed "
		"with gzip, xz or zstd, or any of them as a directory. Of an OCI image for several "
		"platforms this machine's is taken; its layers are shared with other images, each "
		"is compared with its digest, and its environment is that of commands. "
		"From an https address with '--sha256': a transfer that breaks off goes on, and "
		"nothing is unpacked before its hash is right; proxies are those of the "
		"environment (https_proxy, no_proxy), authorities those of the system, or of "
		"SSL_CERT_FILE and SSL_CERT_DIR. Prints alias and fingerprint as JSON.",
	.arguments = import_arguments,
	.options = import_options,
	.examples = import_examples,
	.args_size = sizeof(struct import_args),
	.flags = COMMAND_SESSION,
	.check = import_check,
	.run = import_run,
};

/* ---- export ---- */

struct export_args {
	const char *compression;
};

static int compression_check(const char *name, struct err *err) {
	return name ? image_compression_check(name, err) : 0;
}

static int export_check(struct cli *cli, void *args, struct err *err) {
	const struct export_args *a = args;

	if (!*app_word(cli, 1))
		return err_set(err, ERR_USAGE, -EINVAL, "the name of the file is empty");
	if (strcmp(app_word(cli, 1), "-") == 0 && isatty(STDOUT_FILENO))
		return err_set(err, ERR_USAGE, -EINVAL, "an archive is not written to a terminal");
	return compression_check(a->compression, err);
}

static void tell_export(const struct image_export_result *result) {
	if (result->skipped_sockets)
		log_info("%" PRIu64 " sockets were left out", result->skipped_sockets);
	if (result->skipped_marks)
		log_info("%" PRIu64 " files and directories were left out: their names begin with "
			 "'.wh.', which in an archive means that something was removed",
			 result->skipped_marks);
	if (result->dropped_xattrs)
		log_info("%" PRIu64 " extended attributes were left out", result->dropped_xattrs);
}

static int export_to(struct cli *cli, int fd, const char *compression, struct err *err) {
	const char *usual = cli->settings->container.build.compression;
	struct image_export_result result = { 0 };
	struct transfer t;
	int r;

	if (!compression && *usual)
		compression = usual;
	transfer_begin(&t, "Exporting");
	r = image_export(cli->session->layout, app_word(cli, 0), fd, compression, &t.callback, &result,
			 err);
	transfer_end(&t);
	if (r == 0)
		tell_export(&result);
	return r;
}

/* Written beside and renamed, as the person, so that FILE is whole or not there. */
static int export_to_file(struct cli *cli, const char *file, const char *compression,
			  struct err *err) {
	autofree char *beside = xasprintf("%s.tmp-%d", file, (int)getpid());
	autoclose int fd = -1;
	int r;

	privilege_person_begin(cli->who);
	fd = open(beside, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	r = fd < 0 ? -errno : 0;
	privilege_person_end(cli->who);
	if (r < 0)
		return err_sys(err, r, "cannot write '%s'", file);
	r = export_to(cli, fd, compression, err);
	if (r == 0 && fsync(fd) < 0)
		r = err_sys(err, -errno, "cannot write '%s'", file);
	privilege_person_begin(cli->who);
	if (r == 0 && rename(beside, file) < 0)
		r = err_sys(err, -errno, "cannot write '%s'", file);
	if (r < 0)
		(void)unlink(beside); /* the error is told already */
	privilege_person_end(cli->who);
	return r;
}

/* A link of the system's, as /dev/stdout is one; nothing is put in the place of those. */
static bool is_of_system(const char *file) {
	return (!strncmp(file, "/dev/", 5) && strncmp(file, "/dev/shm/", 9)) ||
	       !strncmp(file, "/proc/", 6);
}

/*
 * A pipe or a device, which is written to and not replaced; by its own name, since a container
 * may have put a link into its workspace that leads to a disk of the host.
 */
static int export_into(struct cli *cli, const char *file, const char *compression,
		       struct err *err) {
	int flags = O_WRONLY | O_NOCTTY | O_CLOEXEC | (is_of_system(file) ? 0 : O_NOFOLLOW);
	autoclose int fd = -1;
	int r;

	privilege_person_begin(cli->who);
	fd = open(file, flags);
	r = fd < 0 ? -errno : 0;
	privilege_person_end(cli->who);
	if (r == -ELOOP)
		return err_set(err, ERR_TRUST, r, "'%s' is a link, and leads to no file; give the name "
			       "of what is to be written to", file);
	return r < 0 ? err_sys(err, r, "cannot write '%s'", file) :
		       export_to(cli, fd, compression, err);
}

/* Opening a directory for writing says what is wrong with it, and before the work. */
static bool is_replaced(struct cli *cli, const char *file) {
	struct stat st;
	bool is;

	if (is_of_system(file))
		return false;
	privilege_person_begin(cli->who);
	is = stat(file, &st) < 0 || S_ISREG(st.st_mode);
	privilege_person_end(cli->who);
	return is;
}

static int export_run(struct cli *cli, const void *args, struct err *err) {
	const struct export_args *a = args;
	const char *file = app_word(cli, 1);
	int r;

	if (strcmp(file, "-") == 0)
		return export_to(cli, STDOUT_FILENO, a->compression, err);
	r = is_replaced(cli, file) ? export_to_file(cli, file, a->compression, err) :
				     export_into(cli, file, a->compression, err);
	if (r == 0)
		log_info("Wrote '%s'", file);
	return r;
}

static const struct cli_argument export_arguments[] = {
	{ "alias", ARGUMENT_REQUIRED, COMPLETE_IMAGE, "Alias, or the beginning of a fingerprint" },
	{ "file", ARGUMENT_REQUIRED, COMPLETE_FILE, "Where to; - is standard output" },
	{ NULL },
};

static const char *const compressions[] = { "none", "gzip", "xz", "zstd", NULL };

static const struct cli_option export_options[] = {
	{
		.name = "compression",
		CLI_TEXT(struct export_args, compression, "NAME"),
		.help = "How to pack; without it container.build.compression, else zstd",
		.choices = compressions,
	},
	{ 0 },
};

static const struct cli_example export_examples[] = {
	{ "coi image export coi-default coi-default.tar.zst", "For another machine." },
	{ NULL },
};

const struct cli_command cmd_image_export = {
	.name = "export",
	.group = GROUP_IMAGE,
	.summary = "write an image as a unified Incus archive",
	.arguments = export_arguments,
	.options = export_options,
	.examples = export_examples,
	.args_size = sizeof(struct export_args),
	.flags = COMMAND_SESSION | COMMAND_CONFIG | COMMAND_LOOKS,
	.check = export_check,
	.run = export_run,
};

/* ---- publish ---- */

struct publish_args {
	const char *description;
	const char *compression;
	bool delete_source;
};

static int publish_check(struct cli *cli, void *args, struct err *err) {
	return check_alias(app_word(cli, 1), err);
}

static int publish_run(struct cli *cli, const void *args, struct err *err) {
	const struct publish_args *a = args;
	auto_image_info struct image_info *info = NULL;
	struct transfer t;
	int r;

	transfer_begin(&t, "Publishing");
	r = build_publish(cli->session, app_word(cli, 0), app_word(cli, 1), a->description,
			  a->delete_source, &t.callback, &info, err);
	transfer_end(&t);
	return r < 0 ? r : transfer_print(app_word(cli, 1), info->fingerprint, err);
}

static const struct cli_argument publish_arguments[] = {
	{ "container", ARGUMENT_REQUIRED, COMPLETE_CONTAINER, "Name of the container" },
	{ "alias", ARGUMENT_REQUIRED, COMPLETE_IMAGE, "Name for the image" },
	{ NULL },
};

static const struct cli_option publish_options[] = {
	{
		.name = "description",
		CLI_TEXT(struct publish_args, description, "TEXT"),
		.help = "What the image is",
	},
	{
		.name = "compression",
		CLI_TEXT(struct publish_args, compression, "NAME"),
		.help = "Taken for scripts; images are kept unpacked and nothing is done",
		.choices = compressions,
	},
	{
		.name = "delete",
		CLI_BOOL(struct publish_args, delete_source),
		.help = "Consume the container, which is quicker",
	},
	{ 0 },
};

static const struct cli_example publish_examples[] = {
	{ "coi image publish box my-tools --description 'with my tools'",
	  "What was changed in the container, as an image." },
	{ NULL },
};

const struct cli_command cmd_image_publish = {
	.name = "publish",
	.group = GROUP_IMAGE,
	.summary = "make an image out of a container",
	.description = "The container stays; a running one stands still while it is copied. Prints "
		       "alias and fingerprint as JSON.",
	.arguments = publish_arguments,
	.options = publish_options,
	.examples = publish_examples,
	.args_size = sizeof(struct publish_args),
	.flags = COMMAND_SESSION | COMMAND_CONFIG,
	.check = publish_check,
	.run = publish_run,
};
