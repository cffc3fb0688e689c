/* SPDX-License-Identifier: GPL-2.0-or-later */
/* coi image verify: is each layer still what it was when it was made? */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/strv.h"
#include "cli/app.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "cli/transfer.h"

#define EXIT_DAMAGED 1
/* Of one layer; how many there are is always said. */
#define DIFFERENCES_KEPT 1000
#define DIFFERENCES_SHOWN 50

struct verify_args {
	bool all;
};

struct difference {
	char *path, *what;
};

/* One layer, however many images have it. */
struct checked {
	char id[IMAGE_FINGERPRINT_SIZE];
	struct image_verify_result result;
	struct difference *differences;
	size_t kept;
};

struct verification {
	const struct image_info **images;
	size_t image_count;
	struct checked *layers;
	size_t count;
};

/* ---- looking ---- */

static void keep_difference(const char *path, const char *what, void *data) {
	struct checked *c = data;

	if (c->kept == DIFFERENCES_KEPT)
		return;
	c->differences = xreallocarray(c->differences, c->kept + 1, sizeof(c->differences[0]));
	c->differences[c->kept++] = (struct difference){ xstrdup(path), xstrdup(what) };
}

static const struct checked *find_checked(const struct verification *v, const char *id) {
	for (size_t i = 0; i < v->count; i++)
		if (strcmp(v->layers[i].id, id) == 0)
			return &v->layers[i];
	return NULL;
}

static int check_layer(struct cli *cli, struct verification *v, const struct image_layer *layer,
		       struct err *err) {
	struct image_verify_spec spec = { .report = keep_difference };
	autofree char *title = xasprintf("Verifying layer %.12s", layer->id);
	struct checked *c;
	struct transfer t;
	int r;

	if (find_checked(v, layer->id))
		return 0;
	v->layers = xreallocarray(v->layers, v->count + 1, sizeof(v->layers[0]));
	c = &v->layers[v->count++];
	*c = (struct checked){ .kept = 0 };
	memcpy(c->id, layer->id, sizeof(c->id));
	transfer_begin(&t, title);
	spec.progress = &t.callback;
	spec.data = c;
	r = image_verify(cli->session->layout, layer, &spec, &c->result, err);
	transfer_end(&t);
	return r;
}

static void verification_done(struct verification *v) {
	for (size_t i = 0; i < v->count; i++) {
		for (size_t n = 0; n < v->layers[i].kept; n++) {
			free(v->layers[i].differences[n].path);
			free(v->layers[i].differences[n].what);
		}
		free(v->layers[i].differences);
	}
	free(v->layers);
}

/* ---- saying ---- */

static const char *layer_status(const struct checked *c) {
	return c->result.differences ? "damaged" : c->result.is_unknown ? "unknown" : "ok";
}

static const char *image_status(const struct verification *v, const struct image_info *image) {
	bool is_unknown = false;

	for (size_t i = 0; i < image->layer_count; i++) {
		const struct checked *c = find_checked(v, image->layers[i].id);

		if (c->result.differences)
			return "damaged";
		is_unknown |= c->result.is_unknown;
	}
	return is_unknown ? "unknown" : "ok";
}

static bool is_well(const struct verification *v) {
	for (size_t i = 0; i < v->image_count; i++)
		if (strcmp(image_status(v, v->images[i]), "ok") != 0)
			return false;
	return true;
}

static json_t *layer_document(const struct checked *c) {
	json_t *list = json_array();

	for (size_t n = 0; n < c->kept; n++)
		(void)json_array_append_new(list, json_pack("{s:o,s:o}", "path",
							    json_text(c->differences[n].path), "what",
							    json_text(c->differences[n].what)));
	return json_pack("{s:s,s:s,s:I,s:I,s:o}", "id", c->id, "status", layer_status(c), "objects",
			 (json_int_t)c->result.objects, "difference_count",
			 (json_int_t)c->result.differences, "differences", list);
}

static json_t *document(const struct verification *v) {
	json_t *images = json_array(), *layers = json_array();

	for (size_t i = 0; i < v->image_count; i++) {
		const struct image_info *image = v->images[i];
		json_t *ids = json_array();

		for (size_t n = 0; n < image->layer_count; n++)
			(void)json_array_append_new(ids, json_text(image->layers[n].id));
		(void)json_array_append_new(
			images, json_pack("{s:o,s:s,s:s,s:o}", "aliases",
					  json_from_strv(image->aliases), "fingerprint",
					  image->fingerprint, "status", image_status(v, image),
					  "layers", ids));
	}
	for (size_t i = 0; i < v->count; i++)
		(void)json_array_append_new(layers, layer_document(&v->layers[i]));
	return json_pack("{s:o,s:o}", "images", images, "layers", layers);
}

static void print_layer(const struct checked *c) {
	if (c->result.is_unknown) {
		output_line("  layer %.12s was made before coi wrote down what layers consist of",
			    c->id);
		return;
	}
	for (size_t n = 0; n < c->kept && n < DIFFERENCES_SHOWN; n++) {
		const struct difference *d = &c->differences[n];

		if (*d->path)
			output_line("  layer %.12s: '%s': %s", c->id, d->path, d->what);
		else
			output_line("  layer %.12s: %s", c->id, d->what);
	}
	if (c->result.differences > DIFFERENCES_SHOWN)
		output_line("  layer %.12s: %" PRIu64 " more", c->id,
			    c->result.differences - DIFFERENCES_SHOWN);
}

static void print_image(const struct verification *v, const struct image_info *image) {
	const char *name = image->aliases ? image->aliases[0] : image->fingerprint;
	const char *status = image_status(v, image);
	uint64_t objects = 0;

	for (size_t i = 0; i < image->layer_count; i++)
		objects += find_checked(v, image->layers[i].id)->result.objects;
	if (strcmp(status, "ok") == 0) {
		output_line("✓ %s: %zu layer%s, %" PRIu64 " objects", name, image->layer_count,
			    image->layer_count == 1 ? "" : "s", objects);
		return;
	}
	output_line("✗ %s: %s", name,
		    strcmp(status, "damaged") == 0 ? "not as it was made" : "cannot be told");
	for (size_t i = 0; i < image->layer_count; i++) {
		const struct checked *c = find_checked(v, image->layers[i].id);

		if (c->result.differences || c->result.is_unknown)
			print_layer(c);
	}
}

/* ---- the command ---- */

static int verify_images(struct cli *cli, struct verification *v, struct err *err) {
	int r = 0;

	for (size_t i = 0; i < v->image_count && r == 0; i++)
		for (size_t n = 0; n < v->images[i]->layer_count && r == 0; n++)
			r = check_layer(cli, v, &v->images[i]->layers[n], err);
	if (r < 0)
		return r;
	if (cli->json) {
		r = output_document(document(v), err);
	} else {
		for (size_t i = 0; i < v->image_count; i++)
			print_image(v, v->images[i]);
		if (!v->image_count)
			output_line("There are no images.");
	}
	return r < 0 ? r : is_well(v) ? 0 : EXIT_DAMAGED;
}

static int verify_run(struct cli *cli, const void *args, struct err *err) {
	const struct verify_args *a = args;
	auto_image_info struct image_info *one = NULL;
	auto_image_list struct image_list list = { 0 };
	const struct image_info *single;
	struct verification v = { 0 };
	int r = a->all ? image_list_load(cli->session->layout, &list, err)
		       : image_find(cli->session->layout, app_word(cli, 0), &one, err);

	if (r < 0)
		return r;
	single = one;
	v.images = a->all ? (const struct image_info **)list.items : &single;
	v.image_count = a->all ? list.count : 1;
	r = verify_images(cli, &v, err);
	verification_done(&v);
	return r;
}

static int verify_check(struct cli *cli, void *args, struct err *err) {
	const struct verify_args *a = args;

	if (a->all == (app_word(cli, 0) != NULL))
		return err_set(err, ERR_USAGE, -EINVAL, "say which image, or '--all'");
	return 0;
}

static const struct cli_argument verify_arguments[] = {
	{ "alias", ARGUMENT_OPTIONAL, COMPLETE_IMAGE, "Alias, or the beginning of a fingerprint" },
	{ NULL },
};

static const struct cli_option verify_options[] = {
	{
		.name = "all",
		.letter = 'a',
		CLI_BOOL(struct verify_args, all),
		.help = "All images, each layer once",
	},
	{ 0 },
};

static const struct cli_example verify_examples[] = {
	{ "coi image verify coi-default", "After a disk has made errors." },
	{ "coi image verify --all --format json", "For a program that looks after it." },
	{ NULL },
};

const struct cli_command cmd_image_verify = {
	.name = "verify",
	.group = GROUP_IMAGE,
	.summary = "compare images with what they were when they were made",
	.description =
		"Reads each file of each layer again and compares it with the list that was written "
		"when the layer was made: names, kinds, modes, owners, times, attributes, content "
		"and hard links. What differs is named; to mend it, import or build the image "
		"again under another name, or delete it first. Exits with 1 when something differs "
		"or a layer is too old to have a list. JSON is an object with images (aliases, "
		"fingerprint, layers, status) and layers (id, status, objects, difference_count, "
		"differences with path and what); status is ok, damaged or unknown.",
	.arguments = verify_arguments,
	.options = verify_options,
	.examples = verify_examples,
	.args_size = sizeof(struct verify_args),
	.flags = COMMAND_SESSION | COMMAND_FORMAT | COMMAND_LOOKS,
	.check = verify_check,
	.run = verify_run,
};
