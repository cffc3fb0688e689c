/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What coi-config(5) and coi-profile(5) say of each setting: its row, in words. */
#include <string.h>

#include "base/mem.h"
#include "cli/man.h"
#include "cli/mdoc.h"
#include "config/member.h"
#include "config/profile.h"
#include "config/rows.h"

/* ---- what a value looks like ---- */

static void add_range(struct buf *b, double min, double max, const char *unit) {
	autofree char *text = xasprintf(" from %.15g to %.15g%s%s", min, max, unit ? " " : "",
					unit ? unit : "");

	if (min != 0 || max != 0)
		mdoc_text(b, text);
}

static void add_format(struct buf *b, enum setting_format format, bool is_first) {
	const char *what = format_expected(format);

	if (is_first && what[0] >= 'a' && what[0] <= 'z') {
		buf_addc(b, (char)(what[0] - 'a' + 'A'));
		what++;
	}
	mdoc_text(b, what);
}

static void add_choices(struct buf *b, const char *const *choices) {
	buf_adds(b, "One of");
	for (size_t i = 0; choices[i]; i++) {
		buf_adds(b, i ? ", " : " ");
		mdoc_text(b, *choices[i] ? choices[i] : "\"\"");
	}
}

static void add_kind(struct buf *b, const struct setting_row *row) {
	char low[FORMAT_TEXT], high[FORMAT_TEXT];

	switch (row->type) {
	case SETTING_BOOL:
	case SETTING_TRISTATE:
		buf_adds(b, "True or false");
		break;
	case SETTING_INT:
		buf_adds(b, "An integer");
		add_range(b, row->min, row->max, row->unit);
		break;
	case SETTING_FLOAT:
		buf_adds(b, "A number");
		add_range(b, row->min, row->max, row->unit);
		break;
	case SETTING_PATH:
		buf_adds(b, "A path");
		break;
	case SETTING_CHOICE:
		add_choices(b, row->choices);
		break;
	case SETTING_DURATION:
		add_format(b, row->format, true);
		if (row->max != 0)
			buf_addf(b, ", from %s to %s", format_duration((int64_t)row->min, low),
				 format_duration((int64_t)row->max, high));
		break;
	case SETTING_STRV:
		buf_adds(b, "A list, each member ");
		add_format(b, row->format, false);
		break;
	case SETTING_MAP:
		buf_addf(b, "A table of %s, each name ", row->lists ? "lists" : "texts");
		add_format(b, row->format, false);
		if (row->lists) {
			buf_adds(b, ".\nEach member is ");
			add_format(b, row->lists, false);
		}
		break;
	case SETTING_TABLES:
		buf_adds(b, "An array of tables");
		break;
	default:
		add_format(b, row->format, true);
		break;
	}
	buf_adds(b, ".\n");
}

static void add_default(struct buf *b, const struct setting_row *row) {
	bool is_text = row->type != SETTING_BOOL && row->type != SETTING_INT &&
		       row->type != SETTING_FLOAT;

	if (row->type == SETTING_MAP || row->type == SETTING_TABLES || row->may_be_unset ||
	    row->deprecated)
		return;
	if (row->type == SETTING_STRV && row->def_list) {
		buf_adds(b, "Default:");
		for (size_t i = 0; row->def_list[i]; i++) {
			buf_adds(b, i ? ", " : " ");
			mdoc_text(b, row->def_list[i]);
		}
		buf_adds(b, ".\n");
	} else if (row->def && *row->def) {
		buf_adds(b, is_text ? "Default:\n.Ql " : "Default: ");
		mdoc_text(b, row->def);
		buf_adds(b, is_text ? " .\n" : ".\n");
	}
}

/* ---- what the rules of a row mean ---- */

static const char *merge_text(const struct setting_row *row) {
	switch (row->merge) {
	case MERGE_UNION:
	case MERGE_APPEND:
		return "Each layer adds to those below; an empty list takes all of them away.";
	case MERGE_NAMED:
		return "Each layer adds to those below, and one of the same name replaces it; an empty "
		       "list takes all of them away.";
	case MERGE_KEYS:
		return "Layers are put together key by key.";
	default:
		return row->type == SETTING_STRV || row->type == SETTING_TABLES
			       ? "A later layer's list stands for all below."
			       : "";
	}
}

static const char *project_text(const struct setting_row *row) {
	switch (row->project) {
	case PROJECT_FREE:
		return "Free to a project.";
	case PROJECT_NOTED:
		return "Free to a project, and said.";
	case PROJECT_REFUSED:
		return "Not for a project.";
	case PROJECT_ONLY_TRUE:
		return "A project may only say true.";
	case PROJECT_ONLY_FALSE:
		return "A project may only say false.";
	case PROJECT_ONLY_LOWER:
		return row->type == SETTING_CHOICE
			       ? "A project may only choose a stricter one: the strictest stands first."
			       : "A project may only say less.";
	case PROJECT_ONLY_HIGHER:
		return "A project may only say more.";
	case PROJECT_ONLY_ADD:
		return "A project may only add.";
	case PROJECT_ONLY_FEWER:
		return "A project may only say fewer.";
	case PROJECT_INSIDE:
		return "A project may only name a file in the workspace.";
	case PROJECT_GATED:
		return "What a project asks for waits for its approval.";
	case PROJECT_GATED_OUTSIDE:
		return "What a project asks for outside of the workspace waits for its approval.";
	case PROJECT_DOMAINS:
		return "A project may name what is public, and where the trusted files say allowlist "
		       "what is on their list already; other names wait for approval.";
	}
	return "";
}

static const char *applies_text(const struct setting_row *row) {
	switch (row->applies) {
	case APPLIES_CREATE:
		return "Counts when a container is made.";
	case APPLIES_START:
		return "Counts at each start of a container.";
	case APPLIES_LIVE:
		return "Counts at each start of a container, and can be changed while it runs.";
	default:
		return "";
	}
}

static void add_line(struct buf *b, const char *text) {
	if (!*text)
		return;
	mdoc_text(b, text);
	buf_addc(b, '\n');
}

/* ---- the lists ---- */

static void add_fields(struct buf *b, const struct setting_table *table) {
	buf_adds(b, ".Bl -tag -width Ds -compact\n");
	for (const struct setting_field *f = table->fields; f->name; f++) {
		buf_adds(b, ".It Ic ");
		mdoc_text(b, f->name);
		buf_addc(b, '\n');
		mdoc_text(b, f->summary);
		buf_adds(b, f->is_required ? "\nNeeded.\n" : "\n");
		if (f->type == SETTING_INT && f->max > 0) {
			buf_adds(b, "An integer");
			add_range(b, f->min, f->max, NULL);
			buf_adds(b, ".\n");
		}
		if (f->def) {
			buf_adds(b, "Default:\n.Ql ");
			mdoc_text(b, f->def);
			buf_adds(b, " .\n");
		}
	}
	buf_adds(b, ".El\n");
}

static void add_no_effect(struct buf *b, const char *why) {
	buf_adds(b, "It has no effect: ");
	mdoc_text(b, why);
	buf_adds(b, ".\n");
}

static void add_history(struct buf *b, const struct setting_row *row) {
	const char *in_profile = settings_profile_path(row);

	if (row->env)
		buf_addf(b, "The variable\n.Ev %s\nsays it too.\n", row->env);
	if (!in_profile)
		buf_adds(b, "Not in profiles.\n");
	else if (strcmp(in_profile, row->path) != 0)
		buf_addf(b, "In a profile this is\n.Ic %s .\n", in_profile);
	if (row->deprecated)
		buf_addf(b, "Its place is\n.Ic %s .\n", row->deprecated);
	else if (row->without_effect)
		add_no_effect(b, row->without_effect);
	else if (!row->acted_since)
		buf_adds(b, "This version knows it and does nothing with it, which is said.\n");
	if (row->profile_yields)
		buf_adds(b, "What a project's file says stays, whatever a profile says.\n");
	if (row->is_secret)
		buf_adds(b, "The values are shown by\n.Ic coi config show Fl \\-secrets\nonly.\n");
}

static void add_setting(struct buf *b, const struct setting_row *row, bool for_profile) {
	buf_adds(b, ".It Ic ");
	mdoc_text(b, for_profile ? settings_profile_path(row) : row->path);
	buf_addc(b, '\n');
	add_line(b, row->summary);
	add_kind(b, row);
	if (row->table)
		add_fields(b, row->table);
	if (row->takes_files)
		buf_adds(b, "A text that stands in a file is written\n"
			    ".Ql { file = \\(dqpath\\(dq } .\n");
	if (row->takes_numbers)
		buf_adds(b, "Members may be integers.\n");
	if (for_profile)
		return;
	add_default(b, row);
	add_line(b, merge_text(row));
	add_line(b, project_text(row));
	add_line(b, applies_text(row));
	add_history(b, row);
}

/* "container.build" of "container.build.base"; "" for a key of the root. */
static char *section_of(const char *path) {
	const char *dot = strrchr(path, '.');

	return xstrndup(path, dot ? (size_t)(dot - path) : 0);
}

static void add_section_head(struct buf *b, const char *section) {
	autofree char *title = xasprintf("[%s]", section);

	buf_adds(b, ".Ss ");
	mdoc_argument(b, *section ? title : "Keys without a section");
	buf_adds(b, "\n.Bl -tag -width Ds\n");
}

static void add_settings(struct buf *b, bool for_profile) {
	size_t count;
	const struct setting_row *rows = settings_rows(&count);
	autofree char *current = NULL;

	/* As in a file: keys without a section come before the first one. */
	for (size_t k = 0; k < 2 * count; k++) {
		const struct setting_row *row = &rows[k % count];
		const char *path = for_profile ? settings_profile_path(row) : row->path;
		autofree char *section = path ? section_of(path) : NULL;

		if (!path || (k < count) != (*section == '\0') || (for_profile && row->deprecated))
			continue;
		if (!current || strcmp(section, current) != 0) {
			buf_adds(b, current ? ".El\n" : "");
			add_section_head(b, section);
			str_replace(&current, section);
		}
		add_setting(b, row, for_profile);
	}
	buf_adds(b, ".El\n");
}

static void add_main_settings(struct buf *b) {
	add_settings(b, false);
}

static void add_profile_settings(struct buf *b) {
	add_settings(b, true);
}

static void add_moved(struct buf *b) {
	size_t count;
	const struct setting_moved *moved = settings_moved(&count);

	buf_adds(b, ".Bl -tag -width Ds -compact\n");
	for (size_t i = 0; i < count; i++)
		buf_addf(b, ".It Ic %s\nis\n.Ic %s\nnow.\n", moved[i].path, moved[i].to);
	buf_adds(b, ".El\n");
}

static void add_hardened(struct buf *b) {
	const char *text = profile_builtin_text("hardened");

	buf_adds(b, ".Bd -literal -offset indent\n");
	mdoc_text(b, text);
	buf_adds(b, ".Ed\n");
}

const struct man_slot man_settings_slots[] = {
	{ "@settings@", add_main_settings },
	{ "@profile-settings@", add_profile_settings },
	{ "@moved-settings@", add_moved },
	{ "@hardened@", add_hardened },
	{ NULL, NULL },
};
