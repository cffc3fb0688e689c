/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/killed.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "audit/place.h"
#include "audit/reader.h"
#include "base/escape.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "cli/resolve.h"
#include "session/names.h"

#define TEXT_MAX 400
#define DAY (24 * 60 * 60)

static json_t *find(const struct privilege *who, const char *name) {
	json_t *threat = NULL;

	return audit_acted_for(who, name, AUDIT_KILLED, &threat) == 0 ? threat : NULL;
}

static char *text_of(const json_t *threat) {
	autofree char *text = xasprintf("monitoring killed it at %s: %s (%s)",
					json_get_str(threat, "timestamp", "?"),
					json_get_str(threat, "title", "?"),
					json_get_str(threat, "description", "?"));

	return escape_text(text, TEXT_MAX);
}

char *killed_text(const struct privilege *who, const char *name) {
	auto_json json_t *threat = audit_is_stem(name) ? find(who, name) : NULL;

	return threat ? text_of(threat) : NULL;
}

char *killed_text_of(const struct cli *cli, const struct container *c) {
	struct privilege who = container_person(c);

	return container_is_running(cli->session, c) ? NULL : killed_text(&who, c->name);
}

char *killed_text_here(struct cli *cli, char **ret_name) {
	autofree char *identity = app_identity(cli);
	auto_json json_t *newest = NULL;
	time_t newest_at = time(NULL) - DAY;

	for (int slot = 1; slot <= SLOT_MAX; slot++) {
		autofree char *name = name_for(name_prefix(), identity, slot);
		auto_container struct container *c = NULL;
		auto_json json_t *threat = find(cli->who, name);
		struct audit_about about;
		struct err ignored = { 0 };

		if (!threat || !audit_about(threat, &about) || about.when < newest_at ||
		    resolve_name(cli, name, &c, &ignored) == 0)
			continue;
		newest_at = about.when;
		json_decref(newest);
		newest = json_incref(threat);
		str_replace(ret_name, name);
	}
	return newest ? text_of(newest) : NULL;
}

int killed_explain(const struct privilege *who, const char *name, struct err *err) {
	autofree char *text = killed_text(who, name);
	struct err plain = *err;

	if (!text)
		return err->code;
	(void)err_set(err, plain.kind, plain.code, "%s: %s", plain.msg, text);
	return err_hint(err, "'coi audit %s --level high' shows what it did, 'coi logs %s' the rest",
			name, name);
}

int killed_not_running(const struct container *c, struct err *err) {
	struct privilege who = container_person(c);

	(void)err_set(err, ERR_CONFLICT, -ESRCH, "container '%s' is not running", c->name);
	return killed_explain(&who, c->name, err);
}

int killed_tell(const struct container *c) {
	struct privilege who = container_person(c);
	autofree char *text = killed_text(&who, c->name);

	if (text)
		log_warn("container '%s': %s; 'coi audit %s --level high' shows what it did", c->name,
			 text, c->name);
	return text != NULL;
}
