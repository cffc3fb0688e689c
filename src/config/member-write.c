/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A member as TOML writes it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/strv.h"
#include "config/member.h"

void toml_quote(const char *text, struct buf *out) {
	buf_addc(out, '"');
	for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
		if (*p == '"' || *p == '\\')
			buf_addf(out, "\\%c", *p);
		else if (*p == '\n')
			buf_adds(out, "\\n");
		else if (*p == '\t')
			buf_adds(out, "\\t");
		else if (*p < 0x20 || *p == 0x7f)
			buf_addf(out, "\\u%04X", *p);
		else
			buf_addc(out, (char)*p);
	}
	buf_addc(out, '"');
}

static void strv_to_toml(char *const *list, struct buf *out) {
	buf_addc(out, '[');
	for (size_t i = 0; list && list[i]; i++) {
		if (i)
			buf_adds(out, ", ");
		toml_quote(list[i], out);
	}
	buf_addc(out, ']');
}

static void map_to_toml(char *const *entries, bool show, bool has_lists, struct buf *out) {
	buf_addc(out, '{');
	for (size_t i = 0; entries && entries[i]; i++) {
		size_t len = map_name_len(entries[i]);
		bool is_file = entries[i][len] == '<';

		buf_addf(out, "%s%.*s = %s", i ? ", " : " ", (int)len, entries[i],
			 is_file ? "{ file = " : "");
		if (has_lists) {
			autostrv char **list = strv_split(entries[i] + len + 1, " ");

			strv_to_toml(list, out);
			continue;
		}
		toml_quote(show ? entries[i] + len + 1 : "***", out);
		buf_adds(out, is_file ? " }" : "");
	}
	buf_adds(out, entries && entries[0] ? " }" : "}");
}

static void real_to_toml(double real, struct buf *out) {
	char text[64];

	(void)snprintf(text, sizeof(text), "%.17g", real);
	for (int digits = 1; digits < 17; digits++) {
		char shorter[64];

		(void)snprintf(shorter, sizeof(shorter), "%.*g", digits, real);
		if (strtod(shorter, NULL) == real) {
			(void)snprintf(text, sizeof(text), "%s", shorter);
			break;
		}
	}
	buf_adds(out, text);
	if (!strpbrk(text, ".e"))
		buf_adds(out, ".0");
}

void member_to_toml(const struct setting_row *row, const void *m, bool show_secrets,
		    struct buf *out) {
	bool show = show_secrets || !row->is_secret;
	char text[FORMAT_TEXT];

	switch (row->type) {
	case SETTING_BOOL:
		buf_adds(out, *(const bool *)m ? "true" : "false");
		break;
	case SETTING_INT:
		buf_addf(out, "%d", *(const int *)m);
		break;
	case SETTING_FLOAT:
		real_to_toml(*(const double *)m, out);
		break;
	case SETTING_CHOICE:
		toml_quote(row->choices[*(const int *)m], out);
		break;
	case SETTING_DURATION: {
		int64_t ms = ((const struct setting_duration *)m)->ms;

		toml_quote(ms || !row->zero_is_none ? format_duration(ms, text) : "", out);
		break;
	}
	case SETTING_SIZE: {
		const struct setting_size *size = m;

		toml_quote(format_size(size->bytes, size->percent, text), out);
		break;
	}
	case SETTING_STRV:
		strv_to_toml(*(char **const *)m, out);
		break;
	case SETTING_MAP:
		map_to_toml(*(char **const *)m, show, row->lists != FORMAT_ANY, out);
		break;
	case SETTING_TABLES:
		tables_to_toml(row->table, m, out);
		break;
	default:
		toml_quote(show ? *(char *const *)m : "***", out);
		break;
	}
}
