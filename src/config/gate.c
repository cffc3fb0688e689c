/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What an untrusted file may have only after a person has approved it.
 *
 * Each value is taken apart: what needs no approval is merged at once, the rest
 * is kept with a canonical line for each item until the file has been read to
 * its end. Only then is the fingerprint over all lines known and compared.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/escape.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/strv.h"
#include "config/load.h"
#include "config/trust-store.h"

/* "text" in quotes, so that no text can pass for the separator. */
static void quote(struct buf *out, const char *text) {
	buf_addc(out, '"');
	for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
		if (*p == '"' || *p == '\\')
			buf_addf(out, "\\%c", *p);
		else if (*p < 0x20 || *p == 0x7f)
			buf_addf(out, "\\x%02x", *p);
		else
			buf_addc(out, (char)*p);
	}
	buf_addc(out, '"');
}

static void add_item(struct config *c, const struct layer *layer, const struct setting_row *row,
		     const struct setting_source *source, struct buf *canonical, char *what) {
	struct config_gated *item;

	c->gated = xreallocarray(c->gated, c->gated_count + 1, sizeof(*c->gated));
	item = &c->gated[c->gated_count++];
	*item = (struct config_gated){
		.file = layer->real_file,
		.line = source->line,
		.column = source->column,
		.key = row->path,
		.canonical = buf_steal(canonical),
		.what = what,
	};
	buf_done(canonical);
}

static struct gate_part *add_part(struct gate *g, const struct setting_row *row,
				  enum setting_merge merge, const struct setting_source *source) {
	g->parts = xreallocarray(g->parts, g->part_count + 1, sizeof(*g->parts));
	g->parts[g->part_count] = (struct gate_part){
		.row = row,
		.merge = merge,
		.source = *source,
	};
	return &g->parts[g->part_count++];
}

/* ---- arrays of tables ---- */

static void describe_mount(struct buf *line, char **what, const struct setting_mount *m) {
	buf_adds(line, "mount:");
	quote(line, m->host);
	buf_addc(line, '|');
	quote(line, m->container);
	buf_addf(line, "|%s", m->readonly ? "true" : "false");
	if (m->shift != TRI_UNSET)
		buf_addf(line, "|shift=%s", m->shift == TRI_TRUE ? "true" : "false");
	*what = xasprintf("mount '%s' at '%s' (%s)", m->host, m->container,
			  m->readonly ? "read-only" : "writable");
}

static void describe_socket(struct buf *line, char **what, const struct setting_socket *s) {
	buf_adds(line, "socket:");
	quote(line, s->host);
	buf_addc(line, '|');
	quote(line, s->container);
	buf_addc(line, '|');
	quote(line, s->env);
	*what = xasprintf("socket '%s' at '%s'%s%s", s->host, s->container,
			  *s->env ? ", named by the variable " : "", s->env);
}

static void describe_credential(struct buf *line, char **what,
				const struct setting_credential *d) {
	buf_adds(line, "credential:");
	quote(line, d->host);
	buf_addc(line, '|');
	quote(line, d->container);
	buf_addc(line, '|');
	quote(line, d->mode);
	*what = xasprintf("copy '%s' to '%s'%s%s", d->host, d->container,
			  *d->mode ? " with mode " : "", d->mode);
}

static void describe_port(struct buf *line, char **what, const struct setting_port *p) {
	buf_adds(line, "port:");
	quote(line, p->name);
	buf_addf(line, "|%d|%d|", p->container, p->host);
	quote(line, p->listen);
	if (p->host)
		*what = xasprintf("port %d of the container at port %d of %s", p->container, p->host,
				  p->listen);
	else
		*what = xasprintf("port %d of the container at %s", p->container, p->listen);
}

static void describe(const struct setting_row *row, const void *item, const char *real,
		     struct buf *line, char **what) {
	const char *noun = row->table->noun;

	if (strcmp(noun, "mount") == 0)
		describe_mount(line, what, item);
	else if (strcmp(noun, "socket") == 0)
		describe_socket(line, what, item);
	else if (strcmp(noun, "credential") == 0)
		describe_credential(line, what, item);
	else
		describe_port(line, what, item);
	/* A link on the way that is turned elsewhere later is another thing. */
	if (real) {
		char *both = xasprintf("%s; the path leads to '%s'", *what, real);

		free(*what);
		*what = both;
		buf_adds(line, "|real=");
		quote(line, real);
	}
}

/* Bundles name files of ours, not paths of theirs. */
static bool is_free_item(const struct setting_row *row, const void *item) {
	return strcmp(row->table->noun, "credential") == 0 &&
	       *((const struct setting_credential *)item)->bundle &&
	       !*((const struct setting_credential *)item)->host;
}

static void split_tables(struct config *c, struct gate *g, const struct setting_row *row,
			 const struct layer *layer, const struct setting_source *source,
			 void *proposed) {
	struct member_tables *t = proposed;
	struct gate_part *part = NULL;

	for (size_t i = 0; i < t->count;) {
		void *item = tables_item(row->table, proposed, i);
		char **host = tables_host(row->table, item);
		int *fd = tables_host_fd(row->table, item);
		autofree char *real = NULL;
		bool inside = false;

		/* What was judged is what will be used: the descriptor stays with the item. */
		if (host && **host)
			inside = file_is_inside(c, *host, fd, &real);
		if ((row->project == PROJECT_GATED_OUTSIDE && inside) || is_free_item(row, item)) {
			i++;
			continue;
		}

		struct buf line;
		char *what = NULL;
		bool is_linked = real && host && strcmp(real, *host) != 0;

		buf_init(&line, 65536);
		describe(row, item, is_linked ? real : NULL, &line, &what);
		add_item(c, layer, row, item, &line, what);
		if (!part)
			part = add_part(g, row, row->merge, source);
		tables_move(row->table, &part->member, proposed, i);
	}
}

/* ---- lists and paths ---- */

static void move_member(struct gate_part *part, char **list, size_t i,
			struct member_sources *sources) {
	part->sources.items = xreallocarray(part->sources.items, part->sources.count + 1,
					    sizeof(*part->sources.items));
	part->sources.items[part->sources.count++] = sources->items[i];
	strv_take(&part->member.list, list[i]);
	for (size_t j = i; list[j]; j++) {
		list[j] = list[j + 1];
		if (j + 1 < sources->count)
			sources->items[j] = sources->items[j + 1];
	}
	sources->count--;
}

/* Names beyond those that the trusted layers forward already. */
static void split_forward_env(struct config *c, struct gate *g, const struct setting_row *row,
			      const struct layer *layer, const struct setting_source *source,
			      char **list, struct member_sources *sources) {
	struct gate_part *part = NULL;

	for (size_t i = 0; list && list[i];) {
		struct buf line;

		if (strv_contains(c->trusted.settings.defaults.forward_env, list[i])) {
			i++;
			continue;
		}
		buf_init(&line, 65536);
		buf_adds(&line, "forward-env:");
		quote(&line, list[i]);
		add_item(c, layer, row, &sources->items[i], &line,
			 xasprintf("variable '%s' of the host", list[i]));
		if (!part)
			part = add_part(g, row, MERGE_UNION, source);
		move_member(part, list, i, sources);
	}
}

static void split_domains(struct config *c, struct gate *g, const struct setting_row *row,
			  const struct layer *layer, const struct setting_source *source,
			  char **list, struct member_sources *sources) {
	struct gate_part *part = NULL;

	for (size_t i = 0; list && list[i];) {
		enum domain_verdict verdict = trust_judge_domain(&c->trusted.settings, list[i]);
		struct buf line;

		if (verdict == DOMAIN_ALLOW) {
			i++;
			continue;
		}
		if (verdict == DOMAIN_REFUSE) {
			struct note_at at = {
				.level = NOTE_WARNING,
				.kind = NOTE_REFUSED,
				.file = layer->file,
				.line = sources->items[i].line,
				.column = sources->items[i].column,
				.key = row->path,
				.hint = PLACE_HINT,
			};
			struct gate_part refused = { 0 };

			note_add(c, &at, "'%s' in '%s' is ignored: a file that comes with a project "
				 "may not open what is not public", list[i], row->path);
			move_member(&refused, list, i, sources);
			strv_free(refused.member.list);
			free(refused.sources.items);
			continue;
		}
		buf_init(&line, 65536);
		buf_adds(&line, "domain:");
		quote(&line, list[i]);
		add_item(c, layer, row, &sources->items[i], &line,
			 xasprintf("reach '%s'", list[i]));
		if (!part)
			part = add_part(g, row, MERGE_UNION, source);
		move_member(part, list, i, sources);
	}
}

/* A list that runs as root in a build, as a whole. */
static void split_commands(struct config *c, struct gate *g, const struct setting_row *row,
			   const struct layer *layer, const struct setting_source *source,
			   void *proposed, struct member_sources *sources) {
	char **list = *(char ***)proposed;
	struct gate_part *part;

	if (!list || !list[0])
		return;
	for (size_t i = 0; list[i]; i++) {
		struct buf line;

		buf_init(&line, 1024 * 1024);
		buf_addf(&line, "build-command:%06zu:", i);
		quote(&line, list[i]);
		add_item(c, layer, row, &sources->items[i], &line,
			 xasprintf("run '%s' as root in the build container", list[i]));
	}
	part = add_part(g, row, MERGE_REPLACE, source);
	part->member.list = list;
	part->sources = *sources;
	*(char ***)proposed = NULL;
	*sources = (struct member_sources){ 0 };
}

/* A script: its content is part of what is approved. */
static void split_script(struct config *c, struct gate *g, const struct setting_row *row,
			 const struct layer *layer, const struct setting_source *source,
			 void *proposed) {
	char **path = proposed;
	struct file_where where = { AT_FDCWD, *path, NULL };
	auto_file_text struct file_text f = { 0 };
	char hash[HASH_HEX_SIZE] = "missing";
	struct gate_part *part;
	struct buf line;
	struct err err;

	if (!**path)
		return;
	if (file_text_read(c->person, &where, FILE_UNTRUSTED, &f, &err) == 0)
		hash_hex(f.text, f.len, hash);
	buf_init(&line, 65536);
	buf_adds(&line, "build-script:");
	quote(&line, *path);
	buf_addf(&line, "|%s", hash);
	add_item(c, layer, row, source, &line,
		 xasprintf("run '%s' as root in the build container", *path));
	part = add_part(g, row, MERGE_REPLACE, source);
	part->member.text = *path;
	part->text = steal_ptr(f.text);
	*path = xstrdup("");
}

/* A path that may only lie in the workspace. */
static void split_inside(struct config *c, const struct setting_row *row,
			 const struct layer *layer, const struct setting_source *source,
			 void *proposed) {
	char **path = proposed;
	autofree char *real = NULL;
	int path_fd = -1;
	bool inside = !**path || file_is_inside(c, *path, &path_fd, &real);
	struct note_at at = {
		.level = NOTE_WARNING,
		.kind = NOTE_REFUSED,
		.file = layer->file,
		.line = source->line,
		.column = source->column,
		.key = row->path,
		.hint = PLACE_HINT,
	};

	if (path_fd >= 0)
		close(path_fd);
	if (inside) {
		/* Without links: what is opened later is in the place that was judged. */
		if (real)
			str_replace(path, real);
		return;
	}
	note_add(c, &at, "'%s' is ignored: '%s' is outside of the workspace, and a file that comes "
		 "with a project may only name one inside", row->path, *path);
	str_replace(path, "");
}

void gate_split(struct config *c, struct gate *g, const struct setting_row *row,
		const struct layer *layer, const struct setting_source *source, void *proposed,
		struct member_sources *sources, enum setting_merge *merge) {
	if (row->type == SETTING_TABLES)
		split_tables(c, g, row, layer, source, proposed);
	else if (row->project == PROJECT_INSIDE)
		split_inside(c, row, layer, source, proposed);
	else if (row->project == PROJECT_DOMAINS)
		split_domains(c, g, row, layer, source, *(char ***)proposed, sources);
	else if (row->type == SETTING_PATH)
		split_script(c, g, row, layer, source, proposed);
	else if (row->merge == MERGE_UNION)
		split_forward_env(c, g, row, layer, source, *(char ***)proposed, sources);
	else
		split_commands(c, g, row, layer, source, proposed, sources);
}

/* ---- the end of a file ---- */

static bool is_approved(struct config *c, const struct gate *g, const struct layer *layer) {
	auto_trust_store struct trust_store store = { 0 };
	char fingerprint[HASH_HEX_SIZE];
	const char *approved;
	struct err err;

	if (c->trust_all)
		return true;
	if (trust_store_load(c->person, c->home, &store, &err) < 0) {
		struct note_at at = { .level = NOTE_WARNING, .kind = NOTE_FILE };

		note_add(c, &at, "%s", err.msg);
		return false;
	}
	trust_fingerprint(c->gated + g->first_item, c->gated_count - g->first_item,
			  layer->real_file, fingerprint);
	approved = trust_store_get(&store, layer->real_file);
	return approved && strcmp(approved, fingerprint) == 0;
}

void gate_forget(struct config *c, size_t first) {
	for (size_t i = first; i < c->gated_count; i++) {
		free(c->gated[i].canonical);
		free(c->gated[i].what);
	}
	c->gated_count = first;
}

/*
 * A part of a file that has been judged as a whole before: is each item of it among
 * those that were approved then? A script that is another one by now is not.
 */
static bool was_approved(const struct config *c, const struct gate *g) {
	for (size_t i = g->first_item; i < c->gated_count; i++) {
		const struct config_gated *again = &c->gated[i];
		bool found = false;

		for (size_t k = 0; k < g->first_item && !found; k++)
			found = c->gated[k].is_approved &&
				strcmp(c->gated[k].file, again->file) == 0 &&
				strcmp(c->gated[k].canonical, again->canonical) == 0;
		if (!found)
			return false;
	}
	return true;
}

static void part_done(struct gate_part *part) {
	member_free(part->row, &part->member);
	free(part->sources.items);
	free(part->text);
}

/* The command that loads this file too: without the same flags it would find nothing. */
static char *how_to_approve(const struct config *c, const struct layer *layer) {
	const char *all = "or set COI_TRUST_ALL=1 for once";
	autofree char *workspace = escape_shell(c->workspace);

	if (layer->is_profile)
		return xasprintf("approve it with coi --profile %s trust, %s", c->profile, all);
	if (layer->layer == LAYER_WORKSPACE)
		return xasprintf("approve it with coi -w %s trust, %s", workspace, all);
	return xasprintf("approve it with coi trust, %s", all);
}

void gate_close(struct config *c, struct gate *g, const struct layer *layer) {
	bool approved = g->part_count && (layer->only ? was_approved(c, g) : is_approved(c, g, layer));
	autofree char *hint = how_to_approve(c, layer);

	for (size_t i = g->first_item; i < c->gated_count; i++) {
		const struct config_gated *item = &c->gated[i];
		struct note_at at = {
			.level = NOTE_WARNING,
			.kind = NOTE_GATED,
			.file = layer->file,
			.line = item->line,
			.column = item->column,
			.key = item->key,
			.hint = hint,
		};

		c->gated[i].is_approved = approved;
		if (!approved)
			note_add(c, &at, "%s: ignored until it is approved", item->what);
	}
	for (size_t i = 0; i < g->part_count; i++) {
		struct gate_part *p = &g->parts[i];

		if (!approved) {
			part_done(p);
			continue;
		}
		if (p->row->type == SETTING_PATH) {
			free(c->build_script_text);
			c->build_script_text = steal_ptr(p->text);
		}
		target_merge(&c->now, p->row, p->merge, &p->source, &p->member, &p->sources);
	}
	if (layer->only)
		gate_forget(c, g->first_item);
	free(g->parts);
	g->parts = NULL;
	g->part_count = 0;
}
