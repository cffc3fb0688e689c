/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "session/timezone.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/pool.h"
#include "base/strv.h"
#include "session/storage.h"

#define ZONES "usr/share/zoneinfo"
#define NAME_MAX_LEN 64

/* As the settings want it: no "..", no absolute path. */
static bool is_zone(const char *name) {
	size_t len = strlen(name);

	return len > 0 && len <= NAME_MAX_LEN && *name != '/' && name[len - 1] != '/' &&
	       !strstr(name, "//") &&
	       strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_+-/") == len;
}

char *timezone_host(void) {
	static const char mark[] = "/zoneinfo/";
	autofree char *line = NULL;
	char target[4096];
	char *name;
	ssize_t n;

	if (file_read_line_at(AT_FDCWD, "/etc/timezone", &line) == 0 && is_zone(line))
		return steal_ptr(line);
	n = readlink("/etc/localtime", target, sizeof(target) - 1);
	if (n < 0)
		return NULL;
	target[n] = '\0';
	name = strstr(target, mark);
	return name && is_zone(name + strlen(mark)) ? xstrdup(name + strlen(mark)) : NULL;
}

static bool has_file(const char *dir, const char *file) {
	autoclose int fd = open(dir, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	autoclose int found = fd < 0 ? -1 : open_in_root(fd, file, O_PATH, 0);

	return found >= 0;
}

static bool layer_has_file(const struct session *s, const struct image_layer *layer,
			   const char *file) {
	autostrv char **paths = NULL;

	return image_layer_paths(s->layout, layer, 1, &paths, NULL) == 0 && has_file(paths[0], file);
}

/* In what it was made of, or what has been installed since. */
static bool knows_zone(const struct session *s, const struct container *c, const char *name) {
	autofree char *file = xasprintf(ZONES "/%s", name);
	auto_storage struct storage storage = STORAGE_INIT;
	autofree char *upper = NULL;

	for (size_t i = 0; i < c->layer_count; i++)
		if (layer_has_file(s, &c->layers[i], file))
			return true;
	/* Last, since it may be a disk, which has to be mounted. */
	if (c->state == STATE_CREATING || storage_open(s, c, &storage, NULL) < 0)
		return false;
	for (size_t i = 0; i < c->layer_count; i++)
		if (pool_is_disk(c->layers[i].pool) && layer_has_file(s, &c->layers[i], file))
			return true;
	upper = path_join(storage.path, "upper");
	return has_file(upper, file);
}

char *timezone_of(const struct session *s, const struct container *c) {
	bool is_fixed = s->settings->timezone.mode == TIMEZONE_FIXED;
	autofree char *name = NULL;

	if (s->settings->timezone.mode == TIMEZONE_UTC)
		return xstrdup("UTC");
	name = is_fixed ? xstrdup(s->settings->timezone.name) : timezone_host();
	if (!name)
		return xstrdup("UTC");
	if (is_fixed && !*name)
		session_say(s, "Warning: timezone.mode is \"fixed\" and timezone.name is not set: UTC");
	else if (is_zone(name) && knows_zone(s, c, name))
		return steal_ptr(name);
	else if (is_fixed)
		session_say(s, "Warning: the container does not know the time zone '%s' "
			       "(timezone.name; is tzdata in its image?): UTC", name);
	return xstrdup("UTC");
}
