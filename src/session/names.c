/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "session/names.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"

const char *name_prefix(void) {
	const char *prefix = getenv("COI_CONTAINER_PREFIX");

	return prefix && *prefix ? prefix : "coi-";
}

char *name_identity(const char *session_name, const char *workspace) {
	return session_name && *session_name ? xasprintf("session-name:%s", session_name)
					     : xstrdup(workspace);
}

char *name_for(const char *prefix, const char *identity, int slot) {
	char hex[HASH_HEX_SIZE];

	hash_hex(identity, strlen(identity), hex);
	return xasprintf("%s%.8s-%d", prefix, hex, slot);
}

bool name_is_of(const char *name, const char *prefix, const char *identity) {
	autofree char *first = name_for(prefix, identity, 0);
	size_t len = strlen(first) - 1;

	return !strncmp(name, first, len) && name_slot(name) > 0;
}

int name_slot(const char *name) {
	const char *dash = strrchr(name, '-');
	size_t digits = dash ? strspn(dash + 1, "0123456789") : 0;

	if (!digits || digits > 4 || dash[1 + digits])
		return 0;
	return (int)strtol(dash + 1, NULL, 10);
}

int name_check(const char *name, struct err *err) {
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
	static const char all[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-";
	size_t len = strlen(name);

	if (len >= 1 && len <= NAME_MAX_BYTES && strspn(name, letters) >= 1 &&
	    strspn(name, all) == len && name[len - 1] != '-')
		return 0;
	(void)err_set(err, ERR_USAGE, -EINVAL, "'%s' is no name for a container", name);
	return err_hint(err, "a name has letters, digits and '-', starts with a letter, does not end "
			     "in '-' and has at most %d characters", NAME_MAX_BYTES);
}

bool name_is_plain(const char *name) {
	return name_check(name, NULL) == 0;
}

char *name_tmux_session(const char *name) {
	return xasprintf("coi-%s", name);
}

char *name_lxc(const char *tag, const char *name) {
	return *tag ? xasprintf("%s-%s", tag, name) : xstrdup(name);
}
