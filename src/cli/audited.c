/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/audited.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "audit/place.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/strv.h"
#include "cli/resolve.h"
#include "session/names.h"

#define SUFFIX ".jsonl"
#define NAMED_MAX 8

void audited_done(struct audited *a) {
	free(a->name);
	container_free(a->container);
	*a = (struct audited){ 0 };
}

static void take(struct container *c, struct audited *ret) {
	ret->container = c;
	ret->name = xstrdup(c->name);
	ret->who = container_person(c);
}

static int take_name(const struct cli *cli, const char *name, struct audited *ret, struct err *err) {
	if (!audit_is_stem(name))
		return err_set(err, ERR_USAGE, -EINVAL, "'%s' is no name of a container", name);
	ret->name = xstrdup(name);
	ret->who = *cli->who;
	return 0;
}

/* The only one of the workspace's containers, of those that had any, with records. */
static int gone_of_workspace(const struct cli *cli, struct audited *ret, struct err *err) {
	autostrv char **all = audited_all(cli), **names = NULL;
	autofree char *identity = app_identity(cli), *joined = NULL;

	for (int slot = 1; slot <= SLOT_MAX; slot++) {
		autofree char *name = name_for(name_prefix(), identity, slot);

		if (strv_contains(all, name))
			strv_add(&names, name);
	}
	if (strv_len(names) == 1)
		return take_name(cli, names[0], ret, err);
	if (!names) {
		(void)err_set(err, ERR_MISSING, -ENOENT, "there are no records of a container of '%s'",
			      cli->workspace);
		return audited_hint(cli, err);
	}
	joined = strv_join(names, ", ");
	(void)err_set(err, ERR_CONFLICT, -EEXIST, "there are records of several containers of '%s': %s",
		      cli->workspace, joined);
	return err_hint(err, "Name one of them.");
}

int audited_find(struct cli *cli, const char *word, struct audited *ret, struct err *err) {
	const char *variable = getenv("COI_CONTAINER");
	struct container *c = NULL;
	int r = cli->who->is_root ? app_open_session(cli, err) : 0;

	if (r < 0)
		return r;
	if (!word && variable && *variable)
		word = variable;
	r = cli->session ? resolve_meant(cli, word, 0, &c, err) : -ENOENT;
	if (r == 0) {
		take(c, ret);
		return 0;
	}
	if (r != -ENOENT)
		return r;
	return word ? take_name(cli, word, ret, err) : gone_of_workspace(cli, ret, err);
}

char **audited_all(const struct cli *cli) {
	autostrv char **files = NULL;
	char **all = NULL;
	int dir;

	privilege_person_begin(cli->who);
	dir = audit_open_directory(cli->who, false, NULL);
	if (dir >= 0)
		(void)dir_names(dir, &files);
	privilege_person_end(cli->who);
	if (dir >= 0)
		(void)close(dir);
	for (char **f = files; f && *f; f++) {
		size_t len = strlen(*f), suffix = sizeof(SUFFIX) - 1;

		if (len > suffix && !strcmp(*f + len - suffix, SUFFIX))
			strv_take(&all, xstrndup(*f, len - suffix));
	}
	return all;
}

int audited_hint(const struct cli *cli, struct err *err) {
	autostrv char **all = audited_all(cli), **some = NULL;
	autofree char *joined = NULL;

	for (size_t i = 0; i < strv_len(all) && i < NAMED_MAX; i++)
		strv_add(&some, all[i]);
	if (!some)
		return err->code;
	joined = strv_join(some, ", ");
	return err_hint(err, "there are records of: %s%s", joined,
			strv_len(all) > NAMED_MAX ? ", …" : "");
}

void audited_tell_unknown(uint64_t count) {
	log_warn("%" PRIu64 " line%s no record of coi and %s left out", count,
		 count == 1 ? " is" : "s are", count == 1 ? "was" : "were");
}
