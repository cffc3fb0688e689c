/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Is there an AppArmor that confines containers, and what do its profiles have to say? */
#ifndef COI_RUNTIME_APPARMOR_H
#define COI_RUNTIME_APPARMOR_H

#include <stdbool.h>

enum apparmor {
	APPARMOR_OFF,        /* not in this kernel, or switched off at boot */
	APPARMOR_NO_PARSER,  /* nothing that could load a profile: containers go without one */
	APPARMOR_ON,         /* containers get a profile of ours (apparmor-profile.h) */
	APPARMOR_NAMESPACES, /* likewise, and it has to allow user namespaces */
};

/* What is loaded, a line each (securityfs, apparmor(7)). */
#define APPARMOR_PROFILES "/sys/kernel/security/apparmor/profiles"

struct apparmor_facts {
	const char *enabled; /* the line of /sys/module/apparmor/parameters/enabled: "Y", "N"; NULL */
	bool has_parser;     /* apparmor_parser(8), and the files of securityfs that it writes */
	/*
	 * Kernel and parser know the rule "userns" (AppArmor 4.0): a profile without it refuses
	 * user namespaces, and a parser of before does not take one with it. Linux says so in a
	 * list (features/namespaces/mask; NULL: there is none), Ubuntu's kernels in a directory.
	 */
	const char *namespaces;
	bool has_userns_directory;
	bool parser_knows_userns;
};

/* Pure. */
enum apparmor apparmor_decide(const struct apparmor_facts *facts);
/* Where apparmor_parser(8) is, static; NULL: nowhere. */
const char *apparmor_parser(void);
/* Of this machine, now. */
enum apparmor apparmor_look(void);
/* Do containers get a profile? */
bool apparmor_confines(enum apparmor apparmor);

#endif
