/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/err.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const char *const kind_words[ERR_KIND_COUNT] = {
	[ERR_NONE] = "none",
	[ERR_USAGE] = "usage",
	[ERR_CONFIG] = "config",
	[ERR_TRUST] = "trust",
	[ERR_MISSING] = "missing",
	[ERR_CONFLICT] = "conflict",
	[ERR_PERMISSION] = "permission",
	[ERR_SYSTEM] = "system",
	[ERR_BUG] = "bug",
};

const char *err_kind_to_string(enum err_kind kind) {
	return (unsigned)kind < ERR_KIND_COUNT ? kind_words[kind] : "bug";
}

enum err_kind err_kind_from_string(const char *word) {
	for (unsigned i = 0; word && i < ERR_KIND_COUNT; i++)
		if (!strcmp(word, kind_words[i]))
			return (enum err_kind)i;
	return ERR_BUG;
}

static int code_or_invalid(int code) {
	return code < 0 ? code : -EINVAL;
}

int err_set(struct err *e, enum err_kind kind, int code, const char *fmt, ...) {
	va_list ap;

	code = code_or_invalid(code);
	if (!e)
		return code;
	e->code = code;
	e->kind = kind;
	e->hint[0] = '\0';
	va_start(ap, fmt);
	(void)vsnprintf(e->msg, sizeof(e->msg), fmt, ap);
	va_end(ap);
	return code;
}

static enum err_kind kind_of_errno(int code) {
	switch (-code) {
	case EACCES:
	case EPERM:
		return ERR_PERMISSION;
	case ENOENT:
		return ERR_MISSING;
	default:
		return ERR_SYSTEM;
	}
}

int err_sys(struct err *e, int code, const char *fmt, ...) {
	const char *reason;
	va_list ap;
	size_t len;

	code = code_or_invalid(code);
	if (!e)
		return code;
	e->code = code;
	e->kind = kind_of_errno(code);
	e->hint[0] = '\0';
	reason = strerror(-code);
	/* A long name must not push out the reason. */
	va_start(ap, fmt);
	(void)vsnprintf(e->msg, sizeof(e->msg) - strlen(reason) - 2, fmt, ap);
	va_end(ap);
	len = strlen(e->msg);
	(void)snprintf(e->msg + len, sizeof(e->msg) - len, ": %s", reason);
	return code;
}

int err_wrap(struct err *e, const char *fmt, ...) {
	char was[sizeof(e->msg)];
	va_list ap;
	size_t len;

	if (!e)
		return -EINVAL;
	memcpy(was, e->msg, sizeof(was));
	va_start(ap, fmt);
	(void)vsnprintf(e->msg, sizeof(e->msg), fmt, ap);
	va_end(ap);
	len = strlen(e->msg);
	(void)snprintf(e->msg + len, sizeof(e->msg) - len, ": %s", was);
	return code_or_invalid(e->code);
}

int err_hint(struct err *e, const char *fmt, ...) {
	va_list ap;

	if (!e)
		return -EINVAL;
	va_start(ap, fmt);
	(void)vsnprintf(e->hint, sizeof(e->hint), fmt, ap);
	va_end(ap);
	return code_or_invalid(e->code);
}
