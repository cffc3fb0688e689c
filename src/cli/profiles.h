/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the commands about profiles and settings files have in common. */
#ifndef COI_CLI_PROFILES_H
#define COI_CLI_PROFILES_H

#include "cli/app.h"
#include "config/config.h"
#include "config/profile.h"

/* What settings are read with here; @cwd is borrowed. */
struct config_inputs profiles_inputs(const struct cli *cli, const char *cwd);

/* What one profile says, its ancestors included, and nobody else. */
int profiles_load_alone(const struct cli *cli, const char *name, struct config **ret,
			struct err *err);

/* A profile that lies in a directory. */
struct profile_place {
	char *name;
	char *base;  /* the home, the working directory, or where the file of COI_CONFIG lies */
	char *below; /* ".coi/profiles" or "profiles": of @base */
	char *file;  /* its config.toml */
	bool is_project;
};
void profile_place_done(struct profile_place *place);
#define auto_profile_place __attribute__((cleanup(profile_place_done)))

/*
 * The one of @name that counts. ERR_MISSING when there is none; ERR_CONFLICT when
 * it is built in, where @verb ("edit") makes no sense.
 */
int profiles_find(const struct cli *cli, const char *name, const char *verb,
		  struct profile_place *ret, struct err *err);
/*
 * Open @place's directory of profiles, as the person. In a project no link is
 * followed on the way. A descriptor or -errno.
 */
int profiles_open(const struct cli *cli, const struct profile_place *place, struct err *err);

/* Print a note on standard error, in one line and one for what to do. */
void profiles_tell_note(const struct config_note *note);

/* Names for completion, sorted; a newly allocated strv, NULL when there are none. */
char **profiles_names(void);

/*
 * Put @text into the new file @name of directory @dirfd, as the person, all of it
 * or nothing: -EEXIST when something of that name is there.
 */
int profiles_write_new(const struct cli *cli, int dirfd, const char *name, const char *text);

/*
 * Look at a file; what is wrong goes to *@ret_errors, what is only worth a word
 * to *@ret_warnings (strv, "pointer<TAB>message"; each may be NULL). Fails when it
 * cannot be read at all.
 */
int profiles_check(const struct cli *cli, const char *path, bool is_profile, char ***ret_errors,
		   char ***ret_warnings, struct err *err);

#endif
