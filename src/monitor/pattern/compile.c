/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "monitor/pattern/compile.h"

#include <string.h>

#include "base/err.h"
#include "base/json.h"
#include "monitor/pattern/gtfobins.h"
#include "monitor/pattern/set.h"
#include "monitor/pattern/sigma.h"

static int sigma(const char *file, const char *data, size_t len, json_t *rules, size_t *ret_ignored,
                 unsigned *ret_line, struct err *err) {
	json_t *rule = NULL;
	int r = sigma_read(file, data, len, &rule, ret_line, err);

	if (r > 0)
		json_array_append_new(rules, rule);
	*ret_ignored = r == 0;
	return r < 0 ? r : 0;
}

/* What is made is what can be loaded: whoever reads the set later would refuse all of it. */
static int check(const json_t *rules, struct err *err) {
	auto_patterns struct patterns *all = patterns_new();
	int r = 0;

	for (size_t i = 0; r == 0 && i < json_array_size(rules); i++)
		r = patterns_add_rule(all, json_array_get(rules, i), err);
	return r;
}

json_t *pattern_compile(const char *kind, const char *file, const char *data, size_t len) {
	auto_json json_t *rules = json_array();
	size_t ignored = 0;
	unsigned line = 0;
	struct err err = { 0 };
	int r = !strcmp(kind, "sigma")
	                ? sigma(file, data, len, rules, &ignored, &line, &err)
	                : gtfobins_read(file, data, len, rules, &ignored, &line, &err);

	if (r == 0)
		r = check(rules, &err);
	if (r < 0)
		return json_pack("{s:[], s:i, s:i, s:o}", "rules", "ignored", 0, "line", (int)line,
		                 "reason", pattern_text(err.msg, sizeof(err.msg)));
	return json_pack("{s:O, s:I}", "rules", rules, "ignored", (json_int_t)ignored);
}
