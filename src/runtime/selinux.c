/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runtime/selinux.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fd.h"
#include "base/mem.h"

/* Takes a label and refuses what the policy has not (selinuxfs). */
#define SELINUX_CONTEXT "/sys/fs/selinux/context"
#define SOCKETS_LABEL "/proc/thread-self/attr/sockcreate"

/*
 * The pairs of categories in order: 0,1 0,2 1,2 0,3 … The place of the range among all there
 * can be is the number of its pair, so two ranges never have the same one; the last of them
 * ends before c363, and policies have 1024.
 */
static void categories(const struct id_range *ids, uint32_t *low, uint32_t *high) {
	uint32_t left = ids->base / IDS_COUNT_PLAIN, h = 1;

	while (left >= h)
		left -= h++;
	*low = left;
	*high = h;
}

void selinux_process_label(const struct id_range *ids, char ret[SELINUX_LABEL_SIZE]) {
	uint32_t low, high;

	categories(ids, &low, &high);
	(void)snprintf(ret, SELINUX_LABEL_SIZE,
		       "system_u:system_r:coi_container_t:s0-s0:c%" PRIu32 ",c%" PRIu32, low, high);
}

void selinux_file_label(const struct id_range *ids, char ret[SELINUX_LABEL_SIZE]) {
	uint32_t low, high;

	categories(ids, &low, &high);
	(void)snprintf(ret, SELINUX_LABEL_SIZE,
		       "system_u:object_r:coi_container_file_t:s0:c%" PRIu32 ",c%" PRIu32, low, high);
}

int selinux_look(const char *file, enum selinux *ret, struct err *err) {
	const struct id_range any = { .base = IDS_COUNT_PLAIN, .count = IDS_COUNT_PLAIN };
	const char *path = file ? file : SELINUX_CONTEXT;
	char labels[2][SELINUX_LABEL_SIZE];

	selinux_process_label(&any, labels[0]);
	selinux_file_label(&any, labels[1]);
	for (size_t i = 0; i < ARRAY_SIZE(labels); i++) {
		int r = file_write_value_at(AT_FDCWD, path, labels[i]);

		if (r == -ENOENT || r == -EINVAL) {
			*ret = r == -ENOENT ? SELINUX_OFF : SELINUX_NO_TYPE;
			return 0;
		}
		if (r < 0)
			return err_sys(err, r, "cannot ask SELinux whether it knows containers ('%s')",
				       path);
	}
	*ret = SELINUX_ON;
	return 0;
}

char *selinux_label_of(pid_t pid) {
	autobuf struct buf b = { 0 };
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/%d/attr/current", (int)pid);
	if (file_read_at(AT_FDCWD, path, 4096, &b) < 0 || !b.data || !*b.data)
		return NULL;
	/* Its end is a NUL or, with other modules, a newline. */
	b.data[strcspn(b.data, "\n")] = '\0';
	return xstrdup(b.data);
}

int selinux_sockets_begin(const struct id_range *ids) {
	enum selinux selinux;
	struct err why;
	int r = selinux_look(NULL, &selinux, &why);

	if (r == 0 && selinux == SELINUX_ON) {
		char label[SELINUX_LABEL_SIZE];

		selinux_process_label(ids, label);
		r = file_write_value_at(AT_FDCWD, SOCKETS_LABEL, label);
	}
	return r;
}

void selinux_sockets_end(void) {
	/* An empty line is the usual label. Without SELinux there is nobody to take it. */
	(void)file_write_value_at(AT_FDCWD, SOCKETS_LABEL, "\n");
}
