/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Records, read again: what one is about, and a line of it for people. */
#ifndef COI_AUDIT_READER_H
#define COI_AUDIT_READER_H

#include <jansson.h>
#include <stdbool.h>
#include <time.h>

#include "audit/threat.h"

struct audit_about {
	time_t when; /* -1: it does not say */
	enum audit_level level;
	/*
	 * A threat's own; "process", "network", "filesystem" for streams, "audit"
	 * for what is about the watching; for what coi did the word before the
	 * dot: "container". Static or borrowed from the record.
	 */
	char category[32];
	bool is_threat;
};

/* False: it is no record of ours (of coi 0.9 or ours, that is the same shape). */
bool audit_about(const json_t *record, struct audit_about *ret);
/* Is @word a category that some record can have? */
bool audit_is_category(const char *word);
/* All of them, a new strv. */
char **audit_categories(void);
/*
 * One line without a newline, newly allocated; NULL when it is no record of
 * ours. Foreign text in it may be anything: whoever prints it escapes.
 */
char *audit_text(const json_t *record);

/*
 * The newest threat that @container was frozen (AUDIT_PAUSED) or killed (AUDIT_KILLED)
 * for and that nobody has answered (container.unfreeze, another start): a new reference
 * in *@ret. Looks at the newest file of each kind only, from its end. 0 or -errno
 * (-ENOENT: there is none).
 */
int audit_acted_for(const struct privilege *who, const char *container, enum audit_action action,
		    json_t **ret);

#endif
