/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One error record, filled where a thing fails and printed once, by a main.
 *
 * No heap: it works out of memory and between fork and exec. A message is
 * lower case, has no full stop, puts the subject in single quotes and says
 * what could not be done, then why. A hint, when there is one, says what the
 * person can do about it. Foreign text may stand in both: whoever prints them
 * escapes (escape.h), so nothing needs escaping on the way in.
 */
#ifndef COI_BASE_ERR_H
#define COI_BASE_ERR_H

#include <stdarg.h>

enum err_kind {
	ERR_NONE,
	ERR_USAGE,      /* what was asked is not well formed: exit 2 */
	ERR_CONFIG,     /* a settings file says something impossible */
	ERR_TRUST,      /* refused, since nobody trusted has asked for it */
	ERR_MISSING,    /* a thing that was named is not there */
	ERR_CONFLICT,   /* a thing is there that must not be, or is in use */
	ERR_PERMISSION, /* the right to do it is missing */
	ERR_SYSTEM,     /* the kernel, the disk or a program said no */
	ERR_BUG,        /* our own fault */
	ERR_KIND_COUNT,
};

struct err {
	int code; /* -errno; 0 while nothing has failed */
	enum err_kind kind;
	char msg[1024];
	char hint[768];
};

/* The word for a kind as JSON and messages between processes have it. */
const char *err_kind_to_string(enum err_kind kind);
/* The kind for a word; ERR_BUG for a word that is none. */
enum err_kind err_kind_from_string(const char *word);

/*
 * Fill @e (may be NULL). @code is -errno (a positive or zero one is taken as
 * -EINVAL). Returns the code, so that `return err_set(…)` reads well.
 */
int err_set(struct err *e, enum err_kind kind, int code, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/*
 * Fill @e from a failed system call: kind by errno (EACCES and EPERM are
 * ERR_PERMISSION, ENOENT is ERR_MISSING, all else ERR_SYSTEM), and the
 * message is followed by ": " and the errno's text.
 */
int err_sys(struct err *e, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Put "<what>: " before the message that is there. Returns the code. */
int err_wrap(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Set what the person can do about it. Returns the code. */
int err_hint(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
