/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "session/tool/conversation.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/strv.h"

#define UUID "{uuid}"
#define UUID_LEN 36
#define HEAD_MAX 8192
#define DEPTH_MAX 8

void conversation_store_done(struct conversation_store *store) {
	free(store->home);
	free(store->sessions);
	free(store->file_created);
	strv_free(store->command);
	free(store->id_key);
	free(store->created_key);
	free(store->updated_key);
	*store = (struct conversation_store){ 0 };
}

/*
 * The better one of two: the youngest that was there in the window, of two of the same
 * age the one that was changed last. Puts it into *@best.
 */
static void conversation_consider(struct conversation *best, const struct conversation *one,
				  const struct conversation_window *window) {
	if (window->wanted && !strcmp(one->id, window->wanted)) {
		*best = *one;
		return;
	}
	if (window->wanted && !strcmp(best->id, window->wanted))
		return;
	if (one->created_ms > window->until_ms || one->updated_ms < window->since_ms)
		return;
	if (*best->id && (one->created_ms < best->created_ms ||
			  (one->created_ms == best->created_ms &&
			   one->updated_ms <= best->updated_ms)))
		return;
	*best = *one;
}

bool conversation_id_is_plain(const char *id) {
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				      "._-";
	size_t len = strlen(id);

	return len >= 1 && len <= CONVERSATION_ID_MAX && strspn(id, allowed) == len &&
	       *id != '.' && *id != '-';
}

static bool is_uuid(const char *text) {
	for (int i = 0; i < UUID_LEN; i++) {
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;

		if (dash ? text[i] != '-' : !isxdigit((unsigned char)text[i]))
			return false;
	}
	return true;
}

bool conversation_name_fits(const char *pattern, const char *name,
			    char id[CONVERSATION_ID_MAX + 1]) {
	for (; *pattern; pattern++, name++) {
		if (*pattern == '*') {
			/* Names have at most 255 bytes and patterns few stars. */
			for (const char *rest = name;; rest++) {
				if (conversation_name_fits(pattern + 1, rest, id))
					return true;
				if (!*rest)
					return false;
			}
		}
		if (!strncmp(pattern, UUID, strlen(UUID))) {
			if (!is_uuid(name))
				return false;
			if (id)
				(void)snprintf(id, CONVERSATION_ID_MAX + 1, "%.*s", UUID_LEN, name);
			pattern += strlen(UUID) - 1;
			name += UUID_LEN - 1;
			continue;
		}
		if (*pattern != *name)
			return false;
	}
	return !*name;
}

void conversation_parse(const struct conversation_store *store, const char *text, size_t len,
			const struct conversation_window *window, struct conversation *best) {
	auto_json json_t *list = json_loadb(text, len, 0, NULL);
	const json_t *item;
	size_t i;

	json_array_foreach(list, i, item) {
		const char *id = json_get_str(item, store->id_key, "");
		struct conversation one = { .updated_ms = json_get_int(item, store->updated_key, 0) };

		one.created_ms = json_get_int(item, store->created_key, one.updated_ms);
		if (!conversation_id_is_plain(id))
			continue;
		(void)snprintf(one.id, sizeof(one.id), "%s", id);
		conversation_consider(best, &one, window);
	}
}

/* --- files */

struct search {
	char **parts;
	const char *created_key;
	const struct conversation_window *window;
	struct conversation *best;
	size_t seen;
};

/* -1: the file does not say. */
static int64_t created_ms(int fd, const char *key) {
	char head[HEAD_MAX];
	ssize_t n = pread(fd, head, sizeof(head), 0);
	auto_json json_t *first =
		n <= 0 ? NULL : json_loadb(head, (size_t)n, JSON_DISABLE_EOF_CHECK, NULL);
	const char *text = json_get_str(first, key, ""), *dot = strchr(text, '.');
	time_t at = clock_parse_rfc3339(text);
	int ms = 0;

	if (at == (time_t)-1)
		return -1;
	if (dot)
		(void)sscanf(dot + 1, "%3d", &ms);
	return (int64_t)at * 1000 + ms;
}

static void consider_file(struct search *s, int dir, const char *name, const char *path,
			  const char *id) {
	autoclose int fd = open_beneath_here(dir, name, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
	struct conversation one = { 0 };
	struct stat st;
	int64_t created;

	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) ||
	    strlen(path) >= sizeof(one.file))
		return;
	one.updated_ms = (int64_t)st.st_mtim.tv_sec * 1000 + st.st_mtim.tv_nsec / 1000000;
	created = s->created_key ? created_ms(fd, s->created_key) : -1;
	one.created_ms = created < 0 ? one.updated_ms : created;
	(void)snprintf(one.id, sizeof(one.id), "%s", id);
	(void)snprintf(one.file, sizeof(one.file), "%s", path);
	conversation_consider(s->best, &one, s->window);
}

static void walk(struct search *s, int dir, const char *path, size_t depth) {
	autoclosedir DIR *d = NULL;
	int own = open_beneath_here(dir, ".", O_RDONLY | O_DIRECTORY, 0);
	struct dirent *e;

	d = own < 0 ? NULL : fdopendir(own);
	if (!d)
		mem_close_ptr(&own);
	while (d && s->seen < CONVERSATIONS_MAX && (e = readdir(d))) {
		char id[CONVERSATION_ID_MAX + 1] = "";
		autofree char *here = xasprintf("%s%s%s", path, *path ? "/" : "", e->d_name);
		autoclose int next = -1;

		s->seen++;
		if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, "..") ||
		    !conversation_name_fits(s->parts[depth], e->d_name, id))
			continue;
		if (!s->parts[depth + 1]) {
			if (*id)
				consider_file(s, dir, e->d_name, here, id);
			continue;
		}
		next = open_beneath_here(dir, e->d_name, O_RDONLY | O_DIRECTORY, 0);
		if (next >= 0)
			walk(s, next, here, depth + 1);
	}
}

void conversation_find(int dirfd, const char *pattern, const char *created_key,
		       const struct conversation_window *window, struct conversation *best) {
	autostrv char **parts = strv_split(pattern, "/");
	struct search s = { .parts = parts, .created_key = created_key, .window = window,
			    .best = best };

	if (parts && strv_len(parts) <= DEPTH_MAX)
		walk(&s, dirfd, "", 0);
}
