/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Archives of web servers, in a file without a name: nothing is left whatever ends us. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/download.h"
#include "base/mem.h"
#include "image/store.h"

bool image_is_url(const char *path) {
	return strncmp(path, "https://", 8) == 0 || strncmp(path, "http://", 7) == 0;
}

int image_download(const struct layout *l, const char *url, const char *sha256,
		   const struct image_progress *progress, int *ret_fd, struct err *err) {
	autoclose int file = openat(l->layers_fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	struct download_spec spec = { .url = url, .file = file, .keeps_free = true,
				      .max = IMAGE_DOWNLOAD_MAX,
				      .progress = progress ? progress->fn : NULL,
				      .data = progress ? progress->data : NULL };
	char have[HASH_HEX_SIZE];
	int r;

	if (file < 0)
		return err_sys(err, -errno, "cannot make a file to fetch to below '%s'", l->root);
	r = download_file(&spec, have, err);
	if (r < 0)
		return r;
	if (strcmp(have, sha256) != 0) {
		err_set(err, ERR_SYSTEM, -EBADMSG, "what the server holds has the SHA-256 %s, not %s",
			have, sha256);
		return err_wrap(err, "fetching '%s'", url);
	}
	if (lseek(file, 0, SEEK_SET) < 0)
		return err_sys(err, -errno, "cannot read what was fetched");
	*ret_fd = steal_fd(&file);
	return 0;
}
