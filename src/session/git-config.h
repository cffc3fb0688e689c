/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Git's configuration format, as far as it takes to know which other files a
 * repository names. What is read is hostile input: bounded, never carried out.
 */
#ifndef COI_SESSION_GIT_CONFIG_H
#define COI_SESSION_GIT_CONFIG_H

#include <stdbool.h>

struct git_setting {
	const char *section;    /* lower case */
	const char *subsection; /* as it is written; "" without one */
	const char *key;        /* lower case */
	const char *value;      /* "" for a key that stands alone */
};

/*
 * A value whose words have other white space than spaces between them is told
 * twice, as older and as newer versions of git read it.
 *
 * Each setting of the regular file @name below @dir (O_PATH will do), in order
 * and without following includes or links. 0; -ENOENT when there is none;
 * -EBADMSG from where on it is none of git's, which makes git fail too; -errno.
 */
int git_config_each(int dir, const char *name,
		    void (*each)(const struct git_setting *setting, void *data), void *data);
/* The same of an open file, and of text. */
int git_config_read(int fd, void (*each)(const struct git_setting *setting, void *data),
		    void *data);
int git_config_parse(const char *text,
		     void (*each)(const struct git_setting *setting, void *data), void *data);

#endif
