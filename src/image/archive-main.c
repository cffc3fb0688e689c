/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * coi-archive: packs and unpacks, in a cage (confine.h). The only program that
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
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/msg.h"
#include "image/archive/confine.h"
#include "image/archive/pack.h"
#include "image/archive/protocol.h"
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

/* What has been unpacked: an image with its metadata, only the metadata, or a root. */
static int describe(int root, json_t *body, struct err *err) {
	autobuf struct buf text = { 0 };
	struct image_metadata m;
	struct stat st;
	bool has_root;
	int r;

	if (fstatat(root, "metadata.yaml", &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode)) {
		add_text(body, "layout", "rootfs");
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

static int do_unpack(struct msg *request, struct err *err) {
	struct unpack_spec spec = { .progress = tell };
	struct unpack_result sum;
	auto_json json_t *body = NULL;
	autoclose int in = -1, root = -1, tree = -1;
	int r;

	if (request->fd_count != 2)
		return err_set(err, ERR_BUG, -EINVAL, "coi-archive: unpack wants two descriptors");
	in = steal_fd(&request->fds[0]);
	r = confine_clone(request->fds[1], false, &tree, err);
	/* From here on no descriptor may lead to a directory outside. */
	mem_close_ptr(&request->fds[1]);
	request->fds[1] = -1;
	if (r == 0)
		r = confine_namespaces(err);
	if (r == 0)
		r = confine_root(tree, err);
	if (r < 0)
		return r;
	root = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return err_sys(err, -errno, "cannot open the new root");
	r = confine_rights(false, err);
	if (r < 0)
		return r;
	spec.in = in;
	spec.root = root;
	r = unpack_archive(&spec, &sum, err);
	if (r < 0)
		return r;
	body = json_pack("{s:I,s:I,s:I,s:I}", "entries", (json_int_t)sum.entries, "bytes",
			 (json_int_t)sum.bytes, "dropped_xattrs", (json_int_t)sum.dropped_xattrs,
			 "skipped_devices", (json_int_t)sum.skipped_devices);
	r = describe(root, body, err);
	return r < 0 ? r : msg_send(ARCHIVE_SOCKET_FD, "done", steal_ptr(body), NULL, 0);
}

/* overlayfs takes layers only from its own mount namespace: open each once more in ours. */
static int reopen(int *fd, struct err *err) {
	char link[32], path[4096];
	ssize_t n = readlink(fd_proc_path(*fd, link), path, sizeof(path) - 1);
	int again;

	if (n < 0)
		return err_sys(err, -errno, "cannot find a layer of the image");
	path[n] = '\0';
	again = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (again < 0)
		return err_sys(err, -errno, "cannot open a layer of the image");
	(void)close(*fd);
	*fd = again;
	return 0;
}

/*
 * One tree of all layers, in our own mount namespace: a read-only overlay,
 * newest first. Names relative to /proc/self/fd keep 400 layers within the
 * page that mount(2) takes.
 */
static int merge_layers(int *layers, size_t count, int *ret, struct err *err) {
	autobuf struct buf options;
	int r = 0;

	buf_init(&options, 4000);
	buf_adds(&options, "redirect_dir=follow,metacopy=off,lowerdir=");
	for (size_t i = count; i > 0 && r == 0; i--) {
		r = reopen(&layers[i - 1], err);
		buf_addf(&options, "%s%d", i == count ? "" : ":", layers[i - 1]);
	}
	if (r < 0)
		return r;
	if (options.overflow)
		return err_set(err, ERR_SYSTEM, -E2BIG, "the image has too many layers");
	if (chdir("/proc/self/fd") < 0 ||
	    mount("overlay", "/tmp", "overlay", MS_RDONLY | MS_NODEV | MS_NOSUID, options.data) < 0)
		return err_sys(err, -errno, "cannot lay the layers of the image over each other");
	*ret = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return *ret < 0 ? err_sys(err, -errno, "cannot open the layers of the image") : 0;
}

/* The root to pack: the one layer, or the overlay of all. Layers are closed. */
static int prepare_tree(int *layers, size_t count, int *ret, struct err *err) {
	autoclose int merged = -1;
	int r = 0;

	if (count == 1)
		r = confine_clone(layers[0], true, ret, err);
	if (r == 0)
		r = confine_namespaces(err);
	if (r == 0 && count > 1)
		r = merge_layers(layers, count, &merged, err);
	if (r == 0 && count > 1)
		r = confine_clone(merged, true, ret, err);
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
		r = confine_root(tree, err);
	if (r < 0)
		return r;
	root = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return err_sys(err, -errno, "cannot open the new root");
	r = confine_rights(true, err);
	if (r < 0)
		return r;
	spec.root = root;
	spec.out = out;
	spec.compression = json_get_str(request->body, "compression", "none");
	spec.prefix = json_get_str(request->body, "prefix", NULL);
	spec.metadata = json_get_str(request->body, "metadata", NULL);
	spec.metadata_time = json_get_int(request->body, "metadata_time", 0);
	r = pack_tree(&spec, &sum, err);
	if (r < 0)
		return r;
	return msg_send(ARCHIVE_SOCKET_FD, "done",
			json_pack("{s:I,s:I,s:I,s:I}", "entries", (json_int_t)sum.entries, "bytes",
				  (json_int_t)sum.bytes, "dropped_xattrs",
				  (json_int_t)sum.dropped_xattrs, "skipped_sockets",
				  (json_int_t)sum.skipped_sockets), NULL, 0);
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
		else
			r = err_set(err, ERR_BUG, -EINVAL, "coi-archive: unknown request");
		msg_done(&m);
		return r;
	}
}

int main(void) {
	struct stat st;
	struct err err = { 0 };

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
	if (serve(&err) < 0) {
		(void)msg_send_err(ARCHIVE_SOCKET_FD, &err);
		return 1;
	}
	return 0;
}
