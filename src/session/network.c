/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "session/network.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/msg.h"
#include "base/strv.h"
#include "image/image.h"
#include "session/session.h"
#include "session/spawn.h"

#define FILE_NAME "network.json"
#define FILE_MAX (256 * 1024)
#define ANSWER_TIMEOUT_MS 10000

/* An image that has been deleted while its layers are in use tells nothing any more. */
static int registries_of(const struct session *s, const struct container *c, char ***ret,
			 struct err *err) {
	auto_image_info struct image_info *image = NULL;
	int r = image_find(s->layout, c->fingerprint, &image, err);

	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return r;
	strv_add_all(ret, image->registries);
	return 0;
}

int network_expand(const struct session *s, const struct container *c, char *const *entries,
		   char ***ret, struct err *err) {
	autostrv char **all = NULL;
	char **given;

	for (size_t i = 0; entries && entries[i]; i++) {
		size_t before = strv_len(all);

		if (!strcmp(entries[i], "@providers")) {
			strv_add_all(&all, (char *const *)net_providers);
		} else if (!strcmp(entries[i], "@registries")) {
			int r = registries_of(s, c, &all, err);

			if (r < 0)
				return r;
		} else {
			strv_add(&all, entries[i]);
		}
		if (strv_len(all) == before)
			session_say(s, "Note: the image of '%s' names no registries, so '%s' allows "
				       "nothing", c->name, entries[i]);
	}
	given = *ret;
	*ret = steal_ptr(all);
	strv_free(given);
	return 0;
}

int network_allowed(const struct session *s, const struct container *c, struct net_allowed *ret,
		    struct err *err) {
	const struct settings *set = s->settings;
	struct session silent = *s;
	autostrv char **all = NULL;
	int r;

	/* In the other modes the list waits for `coi network mode`. */
	if (set->network.mode != MODE_ALLOWLIST)
		silent.say = NULL;
	r = network_expand(&silent, c, set->network.allowed_domains, &all, err);
	if (r == 0)
		r = net_allowed_parse(ret, all, err);
	return r < 0 ? err_wrap(err, "network.allowed_domains") : 0;
}

json_t *network_policy_to_json(const struct net_policy *p) {
	autostrv char **texts = net_allowed_texts(p->allowed);

	return json_pack("{s:s, s:b, s:b, s:b, s:I, s:o}", "mode", net_mode_to_string(p->mode),
			 "block_private", p->block_private, "block_metadata", p->block_metadata,
			 "allow_local_network", p->allow_local_network, "refresh_s",
			 (json_int_t)p->refresh_s, "allowed",
			 texts ? json_from_strv(texts) : json_array());
}

int network_policy_from_json(const json_t *j, struct net_policy *p, struct net_allowed *allowed,
			     struct err *err) {
	autostrv char **texts = json_get_strv(j, "allowed");
	int mode = net_mode_from_string(json_get_str(j, "mode", ""));
	int r;

	if (mode < 0)
		return err_set(err, ERR_BUG, -EBADMSG, "a network policy without a mode");
	r = net_allowed_parse(allowed, texts, err);
	if (r < 0)
		return r;
	*p = (struct net_policy){
		.mode = (enum net_mode)mode,
		.block_private = json_get_bool(j, "block_private", true),
		.block_metadata = json_get_bool(j, "block_metadata", true),
		.allow_local_network = json_get_bool(j, "allow_local_network", false),
		.refresh_s = (uint32_t)json_get_int(j, "refresh_s", 0),
		.allowed = allowed,
	};
	return 0;
}

int network_store(const struct session *s, const char *name, const struct net_policy *p) {
	autoclose int dir = container_run_dir(s, name);
	auto_json json_t *j = network_policy_to_json(p);
	autofree char *text = j ? json_dumps(j, JSON_COMPACT) : NULL;

	if (dir < 0)
		return dir;
	return text ? file_write_quick_at(dir, FILE_NAME, text, strlen(text), 0600) : -ENOMEM;
}

int network_load(const struct session *s, const char *name, struct net_policy *p,
		 struct net_allowed *allowed, struct err *err) {
	autoclose int dir = container_run_dir(s, name);
	autobuf struct buf text = { 0 };
	auto_json json_t *j = NULL;
	int r = dir < 0 ? dir : file_read_at(dir, FILE_NAME, FILE_MAX, &text);

	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return err_sys(err, r, "cannot read the network policy of '%s'", name);
	j = json_loadb(text.data, text.len, 0, NULL);
	r = network_policy_from_json(j, p, allowed, err);
	return r < 0 ? err_wrap(err, "reading the network policy of '%s'", name) : 1;
}

int network_ask(struct session *s, const struct container *c, json_t *body, json_t **ret,
		struct err *err) {
	autoclose int sock = spawn_connect(s, c, err);
	struct msg m;
	int r;

	if (sock < 0) {
		json_decref(body);
		return sock;
	}
	r = msg_send(sock, "network", body, NULL, 0);
	if (r == 0)
		r = msg_recv_timeout(sock, &m, ANSWER_TIMEOUT_MS);
	if (r <= 0)
		return err_set(err, ERR_SYSTEM, r < 0 ? r : -EPIPE,
			       "the supervisor of container '%s' does not answer", c->name);
	r = 0;
	if (!strcmp(m.type, "error")) {
		msg_to_err(&m, err);
		r = err->code;
	} else {
		*ret = json_incref(m.body);
	}
	msg_done(&m);
	return r;
}
