/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config/domain-sets.h"

#include <string.h>

#include "base/mem.h"
#include "base/strv.h"
#include "config/member.h"

bool domain_set_members(const struct settings *s, const char *name, char ***ret) {
	char *const *entries = s->network.domain_sets.entries;
	size_t len = strlen(name);

	for (size_t i = 0; len > 1 && entries && entries[i]; i++) {
		if (map_name_len(entries[i]) != len - 1 || strncmp(entries[i], name + 1, len - 1) != 0)
			continue;
		*ret = strv_split(entries[i] + len, " ");
		return true;
	}
	return false;
}

char **domain_set_names(const struct settings *s) {
	char *const *entries = s->network.domain_sets.entries;
	char **names = NULL;

	for (size_t i = 0; entries && entries[i]; i++)
		strv_addf(&names, "@%.*s", (int)map_name_len(entries[i]), entries[i]);
	return names;
}
