/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * coi-archive: packs and unpacks, in a cage (cage.h). The only program that
 * is linked with libarchive. Told what to do over a socket (protocol.h).
 */
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/msg.h"
#include "image/archive/cage.h"
#include "image/archive/merge.h"
#include "image/archive/oci.h"
#include "image/archive/pack.h"
#include "image/archive/protocol.h"
#include "image/archive/reader.h"
#include "image/archive/unpack.h"
#include "image/image.h"
#include "image/metadata.h"

static void tell(uint64_t bytes, void *data) {
	struct pollfd pfd = { .fd = ARCHIVE_SOCKET_FD, .events = POLLOUT };

	(void)data;
	/* Nobody has to listen: what would have to wait is not said. */
	if (poll(&pfd, 1, 0) == 1 && pfd.revents == POLLOUT)
		(void)msg_send(ARCHIVE_SOCKET_FD, "progress",
			       json_pack("{s:I}", "bytes", (json_int_t)bytes), NULL, 0);
}

static void add_text(json_t *body, const char *key, const char *value) {
	(void)json_object_set_new(body, key, json_text(value));
}

/* What has been unpacked: an image with its metadata, only the metadata, an OCI one, or a root. */
static int describe(int root, json_t *body, struct err *err) {
	autobuf struct buf text = { 0 };
	struct image_metadata m;
	struct stat st;
	bool has_root;
	int r;

	if (fstatat(root, "metadata.yaml", &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode)) {
		add_text(body, "layout", oci_is_there(root) ? "oci" : "rootfs");
		return 0;
	}
	r = file_read_at(root, "metadata.yaml", METADATA_MAX, &text);
	if (r < 0)
		return err_sys(err, r, "cannot read metadata.yaml of the image");
	metadata_parse(text.data, &m);
	has_root = fstatat(root, "rootfs", &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode);
	add_text(body, "layout", has_root ? "unified" : "metadata");
	add_text(body, "architecture", m.architecture);
	add_text(body, "description", m.description);
	add_text(body, "os", m.os);
	add_text(body, "release", m.release);
	(void)json_object_set_new(body, "creation_date", json_integer(m.creation_date));
	return 0;
}

static json_t *counts(const struct unpack_result *sum) {
	return json_pack("{s:I,s:I,s:I,s:I}", "entries", (json_int_t)sum->entries, "bytes",
			 (json_int_t)sum->bytes, "dropped_xattrs", (json_int_t)sum->dropped_xattrs,
			 "skipped_devices", (json_int_t)sum->skipped_devices);
}

/* Into @tree, which is all there is from now on, for @job alone. */
static int enter(int tree, enum cage_job job, int *ret_root, struct err *err) {
	autoclose int root = -1;
	int r = cage_root(tree, err);

	if (r < 0)
		return r;
	root = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return err_sys(err, -errno, "cannot open the new root");
	r = cage_rights(job, err);
	if (r < 0)
		return r;
	*ret_root = steal_fd(&root);
	return 0;
}

/* Unpack there, and say that it is done: the counts, and what @add (may be NULL) says. */
static int unpack_into(struct unpack_spec *spec, int tree, enum cage_job job,
		       int (*add)(int root, json_t *body, struct err *err), struct err *err) {
	struct unpack_result sum;
	auto_json json_t *body = NULL;
	autoclose int root = -1;
	int r = enter(tree, job, &root, err);

	if (r < 0)
		return r;
	spec->root = root;
	r = unpack_archive(spec, &sum, err);
	if (r < 0)
		return r;
	body = counts(&sum);
	r = add ? add(root, body, err) : 0;
	return r < 0 ? r : msg_send(ARCHIVE_SOCKET_FD, "done", steal_ptr(body), NULL, 0);
}

static int do_unpack(struct msg *request, struct err *err) {
	struct unpack_spec spec = { .progress = tell };
	autoclose int in = -1, tree = -1, hashes = -1;
	int r;

	if (request->fd_count != 2 && request->fd_count != 3)
		return err_set(err, ERR_BUG, -EINVAL, "coi-archive: unpack wants two descriptors");
	spec.in = in = steal_fd(&request->fds[0]);
	spec.hashes = hashes = request->fd_count == 3 ? steal_fd(&request->fds[2]) : -1;
	r = cage_clone(request->fds[1], false, &tree, err);
	/* From here on no descriptor may lead to a directory outside. */
	mem_close_ptr(&request->fds[1]);
	request->fds[1] = -1;
	if (r == 0)
		r = cage_namespaces(err);
	return r < 0 ? r : unpack_into(&spec, tree, CAGE_WRITE, describe, err);
}

/* ---- images of layers ---- */

/* The tree that a layer is put on: an empty directory, or an overlay with one on top. */
static int prepare_layer(int *layers, size_t count, struct msg *request, int *ret, struct err *err) {
	struct merge m = { .layers = layers, .count = count, .upper = request->fds[1],
			   .work = request->fds[2] };
	autoclose int merged = -1;
	int r = count ? 0 : cage_clone(m.upper, false, ret, err);

	if (r == 0)
		r = cage_namespaces(err);
	if (r == 0 && count)
		r = merge_layers(&m, &merged, err);
	if (r == 0 && count)
		r = cage_clone(merged, false, ret, err);
	/* From here on no descriptor may lead to a directory outside. */
	for (size_t i = 0; i < count; i++)
		(void)close(layers[i]);
	(void)close(m.upper);
	(void)close(m.work);
	request->fds[1] = request->fds[2] = -1;
	return r;
}

static int do_apply(struct msg *request, int *layers, size_t count, struct err *err) {
	struct unpack_spec spec = { .progress = tell, .is_layer = true };
	autoclose int in = -1, tree = -1, hashes = -1;
	int r;

	if (request->fd_count != 4)
		return err_set(err, ERR_BUG, -EINVAL, "coi-archive: apply wants four descriptors");
	spec.in = in = steal_fd(&request->fds[0]);
	spec.hashes = hashes = steal_fd(&request->fds[3]);
	r = prepare_layer(layers, count, request, &tree, err);
	return r < 0 ? r : unpack_into(&spec, tree, CAGE_APPLY, NULL, err);
}

static int do_inflate(struct msg *request, struct err *err) {
	autoclose int tree = -1;
	int r;

	if (request->fd_count != 2)
		return err_set(err, ERR_BUG, -EINVAL, "coi-archive: inflate wants two descriptors");
	r = cage_namespaces(err);
	if (r == 0)
		r = cage_nothing(&tree, err);
	if (r == 0)
		r = cage_root(tree, err);
	if (r == 0)
		r = cage_rights(CAGE_STREAM, err);
	if (r == 0)
		r = reader_inflate(request->fds[0], request->fds[1], err);
	return r < 0 ? r : msg_send(ARCHIVE_SOCKET_FD, "done", NULL, NULL, 0);
}

static int send_layer(const struct oci_blob *b) {
	return msg_send(ARCHIVE_SOCKET_FD, "layer",
			json_pack("{s:s,s:s,s:I,s:s}", "path", b->path, "digest", b->digest, "size",
				  (json_int_t)b->size, "diff_id", b->diff_id), NULL, 0);
}

static int send_plan(const struct oci_plan *p, struct err *err) {
	autofree char *platform = oci_platform_text(&p->platform);
	auto_json json_t *body = json_object();
	int r = 0;

	for (size_t i = 0; i < p->layer_count && r == 0; i++)
		r = send_layer(&p->layers[i]);
	add_text(body, "layout", "oci");
	add_text(body, "platform", platform);
	add_text(body, "architecture", oci_machine_of(p->platform.arch));
	add_text(body, "description", p->description);
	add_text(body, "reference", p->reference);
	add_text(body, "user", p->user);
	add_text(body, "dir", p->dir);
	add_text(body, "config", p->config.path);
	(void)json_object_set_new(body, "creation_date", json_integer(p->created));
	(void)json_object_set_new(body, "platforms", json_from_strv(p->platforms));
	(void)json_object_set_new(body, "env", json_from_strv(p->env));
	(void)json_object_set_new(body, "entrypoint", json_from_strv(p->entrypoint));
	(void)json_object_set_new(body, "cmd", json_from_strv(p->cmd));
	if (r == 0)
		r = msg_send(ARCHIVE_SOCKET_FD, "done", steal_ptr(body), NULL, 0);
	if (r == -EMSGSIZE)
		return err_set(err, ERR_SYSTEM, -EBADMSG, "its environment, commands and names are "
			       "longer than %d KiB together", MSG_MAX >> 10);
	return r;
}

static int do_plan(struct msg *request, struct err *err) {
	struct oci_want want = { .reference = json_get_str(request->body, "reference", NULL) };
	struct oci_plan plan = { 0 };
	autoclose int tree = -1, root = -1;
	int r;

	if (request->fd_count != 1)
		return err_set(err, ERR_BUG, -EINVAL, "coi-archive: plan wants a directory");
	oci_platform_of(json_get_str(request->body, "machine", ""), &want.platform);
	r = cage_clone(request->fds[0], true, &tree, err);
	(void)close(steal_fd(&request->fds[0]));
	if (r == 0)
		r = cage_namespaces(err);
	if (r == 0)
		r = enter(tree, CAGE_READ, &root, err);
	if (r == 0)
		r = oci_read(root, &want, &plan, err);
	if (r == 0)
		r = send_plan(&plan, err);
	oci_plan_done(&plan);
	return r;
}

/* ---- packing ---- */

/* The root to pack: the one layer, or the overlay of all. Layers are closed. */
static int prepare_tree(int *layers, size_t count, int *ret, struct err *err) {
	struct merge m = { .layers = layers, .count = count, .upper = -1, .work = -1 };
	autoclose int merged = -1;
	int r = 0;

	if (count == 1)
		r = cage_clone(layers[0], true, ret, err);
	if (r == 0)
		r = cage_namespaces(err);
	if (r == 0 && count > 1)
		r = merge_layers(&m, &merged, err);
	if (r == 0 && count > 1)
		r = cage_clone(merged, true, ret, err);
	for (size_t i = 0; i < count; i++)
		(void)close(layers[i]);
	return r;
}

static int do_pack(struct msg *request, int *layers, size_t count, struct err *err) {
	struct pack_spec spec = { .progress = tell };
	struct pack_result sum;
	autoclose int out = -1, root = -1, tree = -1;
	int r;

	if (request->fd_count != 1 || count == 0)
		return err_set(err, ERR_BUG, -EINVAL, "coi-archive: pack wants layers and an output");
	out = steal_fd(&request->fds[0]);
	r = prepare_tree(layers, count, &tree, err);
	if (r == 0)
		r = enter(tree, CAGE_READ, &root, err);
	if (r < 0)
		return r;
	spec.root = root;
	spec.out = out;
	spec.compression = json_get_str(request->body, "compression", "none");
	spec.prefix = json_get_str(request->body, "prefix", NULL);
	spec.metadata = json_get_str(request->body, "metadata", NULL);
	spec.metadata_time = json_get_int(request->body, "metadata_time", 0);
	spec.skip_marks = json_is_true(json_object_get(request->body, "skip_marks"));
	r = pack_tree(&spec, &sum, err);
	if (r < 0)
		return r;
	return msg_send(ARCHIVE_SOCKET_FD, "done",
			json_pack("{s:I,s:I,s:I,s:I,s:I}", "entries", (json_int_t)sum.entries, "bytes",
				  (json_int_t)sum.bytes, "dropped_xattrs",
				  (json_int_t)sum.dropped_xattrs, "skipped_sockets",
				  (json_int_t)sum.skipped_sockets, "skipped_marks",
				  (json_int_t)sum.skipped_marks), NULL, 0);
}

static int serve(struct err *err) {
	static int layers[IMAGE_LAYERS_MAX];
	size_t count = 0;

	for (;;) {
		struct msg m;
		int r = msg_recv(ARCHIVE_SOCKET_FD, &m);

		if (r <= 0)
			return r < 0 ? err_sys(err, r, "coi-archive: no request") : 0;
		if (strcmp(m.type, "layer") == 0) {
			for (size_t i = 0; i < m.fd_count && count < IMAGE_LAYERS_MAX; i++)
				layers[count++] = steal_fd(&m.fds[i]);
			msg_done(&m);
			continue;
		}
		if (strcmp(m.type, "unpack") == 0)
			r = do_unpack(&m, err);
		else if (strcmp(m.type, "pack") == 0)
			r = do_pack(&m, layers, count, err);
		else if (strcmp(m.type, "plan") == 0)
			r = do_plan(&m, err);
		else if (strcmp(m.type, "inflate") == 0)
			r = do_inflate(&m, err);
		else if (strcmp(m.type, "apply") == 0)
			r = do_apply(&m, layers, count, err);
		else
			r = err_set(err, ERR_BUG, -EINVAL, "coi-archive: unknown request");
		msg_done(&m);
		return r;
	}
}

int main(void) {
	struct stat st;
	struct err err = { 0 };
	int r;

	if (fstat(ARCHIVE_SOCKET_FD, &st) < 0 || !S_ISSOCK(st.st_mode)) {
		(void)fputs("coi-archive is started by coi, not by hand\n", stderr);
		return 2;
	}
	/* Whoever started us decides when to stop; a lost reader shows as an error of write. */
	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGINT, SIG_IGN);
	(void)umask(0);
	/* libarchive turns names from and to UTF-8, which this locale has; glibc has it built in. */
	(void)setlocale(LC_CTYPE, "C.UTF-8");
	r = serve(&err);
	if (r < 0) {
		if (err.code == 0)
			(void)err_sys(&err, r, "coi-archive: cannot say what it has done");
		(void)msg_send_err(ARCHIVE_SOCKET_FD, &err);
		return 1;
	}
	return 0;
}
