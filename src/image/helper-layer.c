/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Images that consist of layers. A layer that is compressed goes through two
 * helpers, one that only undoes the compression and one that unpacks, with us
 * between them: so its hash is that of what the second one reads, whatever the
 * first one did.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/strv.h"
#include "image/helper-private.h"

/* More than any image has: what a helper says is not trusted. */
#define LAYERS_MAX IMAGE_LAYERS_MAX

void helper_plan_done(struct helper_plan *p) {
	for (size_t i = 0; i < p->count; i++)
		free(p->layers[i].path);
	free(p->layers);
	strv_free(p->platforms);
	strv_free(p->env);
	strv_free(p->entrypoint);
	strv_free(p->cmd);
	free(p->platform);
	free(p->reference);
	free(p->config);
	free(p->user);
	free(p->dir);
	*p = (struct helper_plan){ 0 };
}

static bool is_hex(const char *text, bool may_be_empty) {
	return (may_be_empty && !*text) ||
	       (strlen(text) == HASH_HEX_SIZE - 1 &&
		strspn(text, "0123456789abcdef") == HASH_HEX_SIZE - 1);
}

static int take_layer(const json_t *body, struct helper_plan *p) {
	const char *digest = json_get_str(body, "digest", "-");
	const char *diff_id = json_get_str(body, "diff_id", "-");
	struct helper_layer *layer;

	if (p->count == LAYERS_MAX || !is_hex(digest, true) || !is_hex(diff_id, false))
		return -EBADMSG;
	p->layers = xreallocarray(p->layers, p->count + 1, sizeof(p->layers[0]));
	layer = &p->layers[p->count++];
	*layer = (struct helper_layer){ .size = json_get_int(body, "size", -1) };
	layer->path = xstrdup(json_get_str(body, "path", ""));
	memcpy(layer->digest, digest, strlen(digest) + 1);
	memcpy(layer->diff_id, diff_id, strlen(diff_id) + 1);
	return 0;
}

static char *text_of(const json_t *body, const char *key) {
	return xstrdup(json_get_str(body, key, ""));
}

static int take_plan(const json_t *body, struct helper_plan *p) {
	helper_metadata(body, &p->metadata);
	p->platform = text_of(body, "platform");
	p->reference = text_of(body, "reference");
	p->config = text_of(body, "config");
	p->user = text_of(body, "user");
	p->dir = text_of(body, "dir");
	p->platforms = json_get_strv(body, "platforms");
	p->env = json_get_strv(body, "env");
	p->entrypoint = json_get_strv(body, "entrypoint");
	p->cmd = json_get_strv(body, "cmd");
	return p->count ? 0 : -EBADMSG;
}

static int hear_plan(struct helper *h, struct helper_plan *p, struct err *err) {
	for (;;) {
		struct msg m;
		int r = helper_hear(h, &m, err), s = 0;

		if (r < 0)
			return r;
		if (r == 1)
			s = take_plan(m.body, p);
		else if (strcmp(m.type, "layer") == 0)
			s = take_layer(m.body, p);
		msg_done(&m);
		if (s < 0)
			return err_set(err, ERR_BUG, s, "cannot understand the archive process");
		if (r == 1)
			return 0;
	}
}

int helper_plan(int dir, const char *machine, const char *reference, struct helper_plan *ret,
		struct err *err) {
	auto_helper struct helper h = HELPER_NONE;
	struct helper_plan plan = { 0 };
	int r = helper_start(-1, &h, err);

	if (r < 0)
		return r;
	r = msg_send(h.socket, "plan", json_pack("{s:s,s:s*}", "machine", machine, "reference",
						 reference), &dir, 1);
	if (r < 0)
		return err_sys(err, r, "cannot talk to the archive process");
	r = hear_plan(&h, &plan, err);
	if (r < 0) {
		helper_plan_done(&plan);
		return r;
	}
	*ret = plan;
	return 0;
}

/* ---- a layer ---- */

static int start_apply(const struct helper_apply *spec, struct helper *h, int *ret_stream,
		       struct err *err) {
	int ends[2], fds[4], r = helper_start(spec->lock_fd, h, err);

	if (r == 0)
		r = helper_name_layers(h, spec->lower, spec->lower_count, err);
	if (r == 0)
		r = helper_stream(ends, err);
	if (r < 0)
		return r;
	fds[0] = ends[1];
	fds[1] = spec->upper;
	fds[2] = spec->work;
	fds[3] = spec->hashes;
	r = msg_send(h->socket, "apply", NULL, fds, 4);
	(void)close(ends[1]);
	if (r < 0) {
		(void)close(ends[0]);
		return err_sys(err, r, "cannot talk to the archive process");
	}
	*ret_stream = ends[0];
	return 0;
}

/* *@ret_in: where the bytes without compression come from. */
static int start_inflate(const struct helper_apply *spec, struct helper *h, int *ret_in,
			 struct err *err) {
	int ends[2], r = helper_stream(ends, err);

	if (r < 0)
		return r;
	r = helper_inflate(spec->lock_fd, spec->blob, ends[0], h, err);
	(void)close(ends[0]);
	if (r < 0)
		(void)close(ends[1]);
	else
		*ret_in = ends[1];
	return r;
}

int helper_apply(const struct helper_apply *spec, struct helper_result *ret, struct err *err) {
	auto_helper struct helper inflater = HELPER_NONE, h = HELPER_NONE;
	struct helper_feed feed = { .in = spec->blob, .file = spec->blob, .total = spec->total,
				    .done = spec->done, .hash = spec->hash,
				    .progress = spec->progress };
	int stream = -1, in = -1, r = 0;

	if (spec->is_packed)
		r = start_inflate(spec, &inflater, &in, err);
	if (r == 0)
		r = start_apply(spec, &h, &stream, err);
	if (r == 0) {
		feed.in = spec->is_packed ? in : spec->blob;
		r = helper_feed(&h, stream, &feed, ret, err);
	}
	mem_close_ptr(&in);
	return spec->is_packed ? helper_after(&inflater, r, err) : r;
}
