/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config/told.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fd.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/strv.h"
#include "config/load.h"

#define TOLD_MAX 1000 /* lines; past that the older half is forgotten */

static char **read_memory(const struct privilege *person) {
	autofree char *path = path_join(person->home, ".coi/told");
	struct file_where where = { AT_FDCWD, path, NULL };
	auto_file_text struct file_text f = { 0 };
	struct err ignored;

	if (file_text_read(person, &where, FILE_UNTRUSTED, &f, &ignored) < 0)
		return NULL;
	return strv_split(f.text, "\n");
}

static void write_memory(const struct privilege *person, char *const *lines) {
	autofree char *dir = path_join(person->home, ".coi");
	size_t count = strv_len(lines);
	autofree char *text = strv_join(count > TOLD_MAX ? lines + count - TOLD_MAX / 2 : lines, "\n");
	autofree char *all = xasprintf("%s\n", text);
	int fd;

	privilege_person_begin(person);
	(void)mkdir(dir, 0700); /* it may be there; and if not, the next line says so */
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0) {
		/* Whether it worked or not, the person has been told. */
		(void)file_write_quick_at(fd, "told", all, strlen(all), 0600);
		(void)close(fd);
	}
	privilege_person_end(person);
}

static void remove_note(struct config *c, size_t i) {
	struct config_note *n = &c->notes[i];

	free(n->file);
	free(n->key);
	free(n->message);
	free(n->hint);
	memmove(n, n + 1, (c->note_count - i - 1) * sizeof(*n));
	c->note_count--;
}

void told_once(struct config *c, const struct privilege *person) {
	autostrv char **lines = NULL;
	bool is_read = false, is_new = false;

	for (size_t i = 0; i < c->note_count;) {
		char fingerprint[HASH_HEX_SIZE];

		if (!c->notes[i].is_once) {
			i++;
			continue;
		}
		if (!is_read)
			lines = read_memory(person);
		is_read = true;
		hash_hex(c->notes[i].message, strlen(c->notes[i].message), fingerprint);
		if (strv_contains(lines, fingerprint)) {
			remove_note(c, i);
			continue;
		}
		strv_add(&lines, fingerprint);
		is_new = true;
		i++;
	}
	if (is_new)
		write_memory(person, lines);
}
