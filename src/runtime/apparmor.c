/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runtime/apparmor.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"

enum apparmor apparmor_decide(const struct apparmor_facts *facts) {
	if (!facts->enabled || facts->enabled[0] != 'Y')
		return APPARMOR_OFF;
	if (!facts->has_parser)
		return APPARMOR_NO_PARSER;
	/* A rule that the parser does not know would keep the container from starting. */
	return facts->kernel_judges_userns && facts->parser_knows_userns ? APPARMOR_NAMESPACES
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
	autofree char *enabled = NULL;
	struct apparmor_facts facts = { 0 };

	if (file_read_line_at(AT_FDCWD, "/sys/module/apparmor/parameters/enabled", &enabled) < 0)
		return APPARMOR_OFF;
	facts.enabled = enabled;
	/* Without securityfs, as in a container, there is nothing to load it into. */
	facts.has_parser = apparmor_parser() && access(APPARMOR_PROFILES, F_OK) == 0;
	facts.kernel_judges_userns =
		access("/sys/kernel/security/apparmor/features/namespaces/userns_create", F_OK) == 0;
	/* It comes with the parser. */
	facts.parser_knows_userns = access("/etc/apparmor.d/abi/4.0", F_OK) == 0;
	return apparmor_decide(&facts);
}
