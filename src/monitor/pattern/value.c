/* SPDX-License-Identifier: GPL-2.0-or-later */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "monitor/pattern/value.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <pcre2.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* In a compiled text; values with these bytes of their own are refused. */
#define ANY '\1'
#define ONE '\2'

#define RE_MATCH_LIMIT 100000
#define RE_DEPTH_LIMIT 2000
#define RE_HEAP_LIMIT 4096 /* KiB */
#define RE_STEPS 100000    /* what a try is taken to cost when it fails by a limit */

struct pattern_value {
	enum pattern_how how;
	bool is_cased;
	bool has_wild;
	char *written;
	char *text; /* compiled, in lower case unless is_cased */
	size_t len;
	pcre2_code *re;
	pcre2_match_context *context;
	int family; /* of the network */
	uint8_t address[16];
	unsigned bits;
};

/* Of all of them: what a match needs besides stays in it, and nobody asks where one was. */
static pcre2_match_data *match_data;

static const char *const hows[PATTERN_HOW_COUNT] = {
	[PATTERN_EQUALS] = "equals",   [PATTERN_CONTAINS] = "contains",
	[PATTERN_STARTS] = "starts",   [PATTERN_ENDS] = "ends",
	[PATTERN_RE] = "re",           [PATTERN_CIDR] = "cidr",
	[PATTERN_NOTHING] = "nothing",
};

const char *pattern_how_to_string(enum pattern_how how) {
	return hows[how];
}

enum pattern_how pattern_how_from_string(const char *word) {
	enum pattern_how how = PATTERN_EQUALS;

	while (how < PATTERN_HOW_COUNT && strcmp(hows[how], word) != 0)
		how++;
	return how;
}

/* --- texts */

/*
 * "*" and "?" are wildcards, "\*" and "\?" are not, "\\" is a backslash, and one
 * before anything else is itself.
 */
static void compile_text(struct pattern_value *v, const char *text) {
	char *to = v->text = xmalloc(strlen(text) + 1);

	for (; *text; text++) {
		if (*text == '\\' && text[1] && strchr("*?\\", text[1])) {
			*to++ = *++text;
		} else if (*text == '*' || *text == '?') {
			v->has_wild = true;
			*to++ = *text == '*' ? ANY : ONE;
		} else {
			*to++ = v->is_cased ? *text : (char)tolower((unsigned char)*text);
		}
	}
	*to = '\0';
	if (v->has_wild) {
		bool is_late = v->how == PATTERN_CONTAINS || v->how == PATTERN_ENDS;
		bool is_open = v->how == PATTERN_CONTAINS || v->how == PATTERN_STARTS;
		char *all = xasprintf("%s%s%s", is_late ? "\1" : "", v->text, is_open ? "\1" : "");

		free(v->text);
		v->text = all;
	}
	v->len = strlen(v->text);
}

static bool spend(struct pattern_budget *b, uint64_t steps) {
	if (b->steps < steps) {
		b->steps = 0;
		b->is_spent = true;
		return false;
	}
	b->steps -= steps;
	return true;
}

/* From the last "*" on is tried again one further: steps are at most lengths multiplied. */
static bool wild(const char *p, const char *text, struct pattern_budget *b) {
	const char *star = NULL, *again = NULL;

	while (*text) {
		if (!spend(b, 1))
			return false;
		if (*p == ANY) {
			star = ++p;
			again = text;
		} else if (*p && (*p == ONE || *p == *text)) {
			p++;
			text++;
		} else if (star) {
			p = star;
			text = ++again;
		} else {
			return false;
		}
	}
	while (*p == ANY)
		p++;
	return !*p;
}

static bool text_matches(const struct pattern_value *v, const struct pattern_subject *s,
                         struct pattern_budget *b) {
	const char *text = v->is_cased ? s->text : s->low;

	if (!spend(b, 1 + s->len / 16))
		return false;
	if (v->has_wild)
		return wild(v->text, text, b);
	if (v->how == PATTERN_CONTAINS)
		return strstr(text, v->text) != NULL;
	if (s->len < v->len)
		return false;
	if (v->how == PATTERN_STARTS)
		return memcmp(text, v->text, v->len) == 0;
	if (v->how == PATTERN_ENDS)
		return memcmp(text + s->len - v->len, v->text, v->len) == 0;
	return s->len == v->len && memcmp(text, v->text, v->len) == 0;
}

/* --- regular expressions */

/*
 * Before each item of an expression, at whichever position. pcre2's own limit of steps
 * begins anew at each position of the text (pcre2api(3)), so it bounds no whole match.
 */
static int on_item(pcre2_callout_block *at, void *data) {
	size_t n = at->current_position > at->start_match ? at->current_position - at->start_match : 0;

	return spend(data, 1 + n / 16) ? 0 : PCRE2_ERROR_CALLOUT;
}

static bool compile_re(struct pattern_value *v, const char *flags, const char *text,
                       char **ret_why) {
	uint32_t options = PCRE2_NEVER_UTF | PCRE2_NEVER_BACKSLASH_C | PCRE2_AUTO_CALLOUT;
	PCRE2_UCHAR message[120];
	PCRE2_SIZE at;
	int code;

	options |= strchr(flags, 'i') ? PCRE2_CASELESS : 0;
	options |= strchr(flags, 'm') ? PCRE2_MULTILINE : 0;
	options |= strchr(flags, 's') ? PCRE2_DOTALL : 0;
	v->re = pcre2_compile((PCRE2_SPTR)text, PCRE2_ZERO_TERMINATED, options, &code, &at, NULL);
	if (!v->re) {
		(void)pcre2_get_error_message(code, message, sizeof(message));
		*ret_why = xasprintf("a regular expression that cannot be used: %s", message);
		return false;
	}
	if (!match_data)
		match_data = pcre2_match_data_create(1, NULL);
	v->context = pcre2_match_context_create(NULL);
	if (!match_data || !v->context) {
		*ret_why = xstrdup("no memory");
		return false;
	}
	(void)pcre2_set_match_limit(v->context, RE_MATCH_LIMIT);
	(void)pcre2_set_depth_limit(v->context, RE_DEPTH_LIMIT);
	(void)pcre2_set_heap_limit(v->context, RE_HEAP_LIMIT);
	return true;
}

static bool re_matches(const struct pattern_value *v, const struct pattern_subject *s,
                       struct pattern_budget *b) {
	int r;

	if (!spend(b, 100 + s->len))
		return false;
	(void)pcre2_set_callout(v->context, on_item, b);
	r = pcre2_match(v->re, (PCRE2_SPTR)s->text, s->len, 0, 0, match_data, v->context);
	if (r >= 0)
		return true;
	if (r != PCRE2_ERROR_NOMATCH) {
		b->is_spent = true;
		(void)spend(b, RE_STEPS);
	}
	return false;
}

/* --- networks */

static bool compile_cidr(struct pattern_value *v, const char *text, char **ret_why) {
	size_t n = strcspn(text, "/");
	autofree char *address = xstrndup(text, n);
	unsigned max;
	unsigned long bits;
	char *end = NULL;

	v->family = strchr(address, ':') ? AF_INET6 : AF_INET;
	max = v->family == AF_INET ? 32 : 128;
	bits = text[n] ? strtoul(text + n + 1, &end, 10) : max;
	if (inet_pton(v->family, address, v->address) != 1 || bits > max ||
	    (text[n] && (*end || !isdigit((unsigned char)text[n + 1])))) {
		*ret_why = xasprintf("'%.60s' is no network", text);
		return false;
	}
	v->bits = (unsigned)bits;
	return true;
}

static bool is_in_network(const struct pattern_value *v, const char *text, size_t len) {
	uint8_t address[16];
	char one[INET6_ADDRSTRLEN];
	unsigned whole = v->bits / 8, rest = v->bits % 8;

	if (len >= sizeof(one))
		return false;
	memcpy(one, text, len);
	one[len] = '\0';
	if (inet_pton(v->family, one, address) != 1 || memcmp(address, v->address, whole) != 0)
		return false;
	return !rest || (address[whole] ^ v->address[whole]) >> (8 - rest) == 0;
}

/* Of a command line: an address that stands in it. */
static bool cidr_matches(const struct pattern_value *v, const struct pattern_subject *s,
                         struct pattern_budget *b) {
	static const char v4[] = "0123456789.", v6[] = "0123456789abcdef:.";
	const char *digits = v->family == AF_INET ? v4 : v6, *text = s->low;

	if (!spend(b, 1 + s->len))
		return false;
	while (*text) {
		size_t n = strspn(text, digits);

		/* "1.2.3.4." ends a sentence. */
		if (n && (is_in_network(v, text, n) || is_in_network(v, text, n - 1)))
			return true;
		text += n;
		while (*text && !strchr(digits, *text))
			text++;
	}
	return false;
}

/* --- all of them */

struct pattern_value *pattern_value_new(enum pattern_how how, const char *flags, const char *text,
                                        bool is_cased, char **ret_why) {
	struct pattern_value *v;
	bool ok = true;

	if (strlen(text) > PATTERN_VALUE_MAX) {
		*ret_why = xstrdup("a value that is too long");
		return NULL;
	}
	if (strpbrk(text, "\1\2")) {
		*ret_why = xstrdup("a control character in a value");
		return NULL;
	}
	v = xcalloc(1, sizeof(*v));
	v->how = how;
	v->is_cased = is_cased;
	v->written = xstrdup(text);
	if (how == PATTERN_RE)
		ok = compile_re(v, flags, text, ret_why);
	else if (how == PATTERN_CIDR)
		ok = compile_cidr(v, text, ret_why);
	else
		compile_text(v, text);
	if (ok)
		return v;
	pattern_value_free(v);
	return NULL;
}

void pattern_value_free(struct pattern_value *v) {
	if (!v)
		return;
	pcre2_match_context_free(v->context);
	pcre2_code_free(v->re);
	free(v->written);
	free(v->text);
	free(v);
}

const char *pattern_value_text(const struct pattern_value *v) {
	return v->written;
}

bool pattern_value_matches(const struct pattern_value *v, const struct pattern_subject *subject,
                           struct pattern_budget *budget) {
	switch (v->how) {
	case PATTERN_RE:
		return re_matches(v, subject, budget);
	case PATTERN_CIDR:
		return cidr_matches(v, subject, budget);
	case PATTERN_NOTHING:
		return !subject->len;
	default:
		return text_matches(v, subject, budget);
	}
}
