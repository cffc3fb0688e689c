/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The config of an OCI image, and its plan. Pure. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/strv.h"
#include "image/archive/oci.h"

static void free_blobs(struct oci_blob *blobs, size_t count) {
	for (size_t i = 0; i < count; i++)
		free(blobs[i].path);
	free(blobs);
}

void oci_plan_done(struct oci_plan *p) {
	strv_free(p->platforms);
	strv_free(p->env);
	strv_free(p->entrypoint);
	strv_free(p->cmd);
	free(p->reference);
	free(p->description);
	free(p->user);
	free(p->dir);
	free(p->config.path);
	free_blobs(p->layers, p->layer_count);
	*p = (struct oci_plan){ 0 };
}

static void copy_word(char out[OCI_WORD], const json_t *from, const char *key) {
	(void)snprintf(out, OCI_WORD, "%s", json_get_str(from, key, ""));
}

/* A list of strings, or a single one, which old tools wrote; NULL when there is none. */
static int take_list(const json_t *from, const char *key, char ***ret, struct err *err) {
	const json_t *list = json_object_get(from, key), *item;
	size_t i, size = 0;

	if (json_is_string(list))
		strv_add(ret, json_string_value(list));
	json_array_foreach(list, i, item) {
		if (!json_is_string(item))
			return err_set(err, ERR_SYSTEM, -EBADMSG, "%s of its config is no list of "
				       "texts", key);
		size += json_string_length(item) + 1;
		if (size > OCI_LIST_MAX || i >= OCI_LIST_COUNT_MAX)
			return err_set(err, ERR_SYSTEM, -EBADMSG, "%s of its config is longer than "
				       "%d bytes or %d texts", key, OCI_LIST_MAX,
				       OCI_LIST_COUNT_MAX);
		strv_add(ret, json_string_value(item));
	}
	return 0;
}

static char *take_text(const json_t *from, const char *key) {
	return xstrndup(json_get_str(from, key, ""), 4096);
}

static int take_diff_ids(const json_t *config, struct oci_plan *plan, struct err *err) {
	const json_t *list = json_object_get(json_object_get(config, "rootfs"), "diff_ids"), *item;
	size_t i, count = json_array_size(list);

	if (count == 0)
		return err_set(err, ERR_SYSTEM, -EBADMSG, "its config names no layers");
	if (count > OCI_LAYERS_MAX)
		return err_set(err, ERR_SYSTEM, -EBADMSG, "it has %zu layers; %d are taken at most",
			       count, OCI_LAYERS_MAX);
	plan->layers = xcalloc(count, sizeof(plan->layers[0]));
	plan->layer_count = count;
	json_array_foreach(list, i, item) {
		const char *text = json_string_value(item);

		plan->layers[i].size = -1;
		if (!text || !oci_digest(text, plan->layers[i].diff_id))
			return err_set(err, ERR_SYSTEM, -EBADMSG, "layer %zu of its config has no "
				       "SHA-256: '%.100s'", i, text ? text : "");
	}
	return 0;
}

int oci_parse_config(const json_t *config, struct oci_plan *plan, struct err *err) {
	const json_t *run = json_object_get(config, "config");
	const json_t *labels = json_object_get(run, "Labels");
	const char *created = json_get_str(config, "created", NULL);
	time_t when = created ? clock_parse_rfc3339(created) : -1;
	int r;

	if (!json_is_object(config))
		return err_set(err, ERR_SYSTEM, -EBADMSG, "its config is no JSON object");
	copy_word(plan->platform.os, config, "os");
	copy_word(plan->platform.arch, config, "architecture");
	copy_word(plan->platform.variant, config, "variant");
	if (strcmp(plan->platform.os, "linux") != 0)
		return err_set(err, ERR_SYSTEM, -EBADMSG, "it is an image for '%s', not for linux",
			       plan->platform.os);
	plan->created = when > 0 ? when : 0;
	r = take_diff_ids(config, plan, err);
	if (r == 0)
		r = take_list(run, "Env", &plan->env, err);
	if (r == 0)
		r = take_list(run, "Entrypoint", &plan->entrypoint, err);
	if (r == 0)
		r = take_list(run, "Cmd", &plan->cmd, err);
	if (r < 0)
		return r;
	plan->user = take_text(run, "User");
	plan->dir = take_text(run, "WorkingDir");
	plan->description = take_text(labels, "org.opencontainers.image.description");
	if (!*plan->description) {
		free(plan->description);
		plan->description = take_text(labels, "org.opencontainers.image.title");
	}
	return 0;
}
