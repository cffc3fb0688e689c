/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runtime/apparmor.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/strv.h"

#define FEATURES "/sys/kernel/security/apparmor/features/namespaces/"

static bool kernel_judges_userns(const struct apparmor_facts *facts) {
	autostrv char **judged = facts->namespaces ? strv_split(facts->namespaces, " ") : NULL;

	return facts->has_userns_directory || strv_contains(judged, "userns_create");
}

enum apparmor apparmor_decide(const struct apparmor_facts *facts) {
	if (!facts->enabled || facts->enabled[0] != 'Y')
		return APPARMOR_OFF;
	if (!facts->has_parser)
		return APPARMOR_NO_PARSER;
	/* A rule that the parser does not know would keep the container from starting. */
	return facts->parser_knows_userns && kernel_judges_userns(facts) ? APPARMOR_NAMESPACES
									 : APPARMOR_ON;
}

bool apparmor_confines(enum apparmor apparmor) {
	return apparmor == APPARMOR_ON || apparmor == APPARMOR_NAMESPACES;
}

const char *apparmor_parser(void) {
	static const char *const parsers[] = { "/sbin/apparmor_parser", "/usr/sbin/apparmor_parser" };

	for (size_t i = 0; i < ARRAY_SIZE(parsers); i++)
		if (access(parsers[i], X_OK) == 0)
			return parsers[i];
	return NULL;
}

enum apparmor apparmor_look(void) {
	autofree char *enabled = NULL, *namespaces = NULL;
	struct apparmor_facts facts = { 0 };

	if (file_read_line_at(AT_FDCWD, "/sys/module/apparmor/parameters/enabled", &enabled) < 0)
		return APPARMOR_OFF;
	facts.enabled = enabled;
	/* Without securityfs, as in a container, there is nothing to load it into. */
	facts.has_parser = apparmor_parser() && access(APPARMOR_PROFILES, F_OK) == 0;
	(void)file_read_line_at(AT_FDCWD, FEATURES "mask", &namespaces);
	facts.namespaces = namespaces;
	facts.has_userns_directory = access(FEATURES "userns_create", F_OK) == 0;
	/* It comes with the parser. */
	facts.parser_knows_userns = access("/etc/apparmor.d/abi/4.0", F_OK) == 0;
	return apparmor_decide(&facts);
}
