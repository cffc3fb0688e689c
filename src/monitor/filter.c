/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Programs that only turn one text into another. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/strv.h"
#include "monitor/decode.h"
#include "monitor/shell.h"

static bool has_option(char *const *words, const char *letters, const char *name) {
	for (size_t i = 1; words[i]; i++) {
		const char *w = words[i];

		if (w[0] != '-' || !w[1])
			continue;
		if (w[1] == '-' ? !strcmp(w + 2, name) : strpbrk(w + 1, letters) != NULL)
			return true;
	}
	return false;
}

static bool has_word(char *const *words, const char *word) {
	return strv_contains(words, word);
}

static void echo(char *const *words, struct buf *out) {
	size_t i = 1;
	bool escapes = false, newline = true;

	for (; words[i] && words[i][0] == '-' && words[i][1] &&
	       strspn(words[i] + 1, "neE") == strlen(words[i] + 1);
	     i++) {
		escapes |= strchr(words[i], 'e') != NULL;
		newline &= strchr(words[i], 'n') == NULL;
	}
	for (size_t first = i; words[i]; i++) {
		if (i > first)
			buf_addc(out, ' ');
		if (escapes)
			decode_escapes(words[i], strlen(words[i]), out);
		else
			buf_adds(out, words[i]);
	}
	if (newline)
		buf_addc(out, '\n');
}

/* printf FORMAT WORD…: %s and %b take a word, other conversions too; the rest is text. */
static void print(char *const *words, struct buf *out) {
	size_t next = 2, i = words[1] && !strcmp(words[1], "--") ? 2 : 1;
	const char *format = words[i];

	next = i + 1;
	for (const char *p = format; p && *p; p++) {
		const char *end;

		if (*p != '%' || !p[1]) {
			const char *percent = strchr(p, '%');
			size_t n = percent ? (size_t)(percent - p) : strlen(p);

			n = n ? n : 1;
			decode_escapes(p, n, out);
			p += n - 1;
			continue;
		}
		end = p + 1 + strspn(p + 1, "-+ #0123456789.");
		if (*end == '%') {
			buf_addc(out, '%');
		} else if (*end && words[next]) {
			const char *w = words[next++];

			if (*end == 'b')
				decode_escapes(w, strlen(w), out);
			else
				buf_adds(out, w);
		}
		p = *end ? end : end - 1;
	}
	/* The format again, for what words are left: each behind the other is close enough. */
	for (; format && strchr(format, '%') && words[next]; next++)
		buf_adds(out, words[next]);
}

static void reverse(const char *input, struct buf *out) {
	while (*input) {
		size_t n = strcspn(input, "\n");

		for (size_t i = n; i > 0; i--)
			buf_addc(out, input[i - 1]);
		if (input[n])
			buf_addc(out, '\n');
		input += input[n] ? n + 1 : n;
	}
}

/* "a-z" as a whole list of letters; classes and escapes are left out. */
static void letters_of(const char *set, struct buf *out) {
	for (; *set; set++) {
		if (set[1] == '-' && set[2] && (unsigned char)set[2] >= (unsigned char)*set) {
			for (int c = (unsigned char)*set; c <= (unsigned char)set[2]; c++)
				buf_addc(out, (char)c);
			set += 2;
		} else {
			buf_addc(out, *set);
		}
	}
}

static void translate(char *const *words, const char *input, struct buf *out) {
	bool deletes = has_option(words, "d", "delete");
	const char *from_set = NULL, *to_set = NULL;
	autobuf struct buf from, to;

	for (size_t i = 1; words[i]; i++) {
		if (words[i][0] == '-' && words[i][1])
			continue;
		if (!from_set)
			from_set = words[i];
		else if (!to_set)
			to_set = words[i];
	}
	buf_init(&from, 1024);
	buf_init(&to, 1024);
	letters_of(from_set ? from_set : "", &from);
	letters_of(to_set ? to_set : "", &to);
	for (; *input; input++) {
		const char *at = from.len ? memchr(from.data, *input, from.len) : NULL;
		size_t i = at ? (size_t)(at - from.data) : 0;

		if (!at)
			buf_addc(out, *input);
		else if (!deletes && to.len)
			buf_addc(out, to.data[i < to.len ? i : to.len - 1]);
	}
}

static bool decode_with(bool (*decode)(const char *, size_t, struct buf *), const char *input,
                        struct buf *out) {
	return input && decode(input, strlen(input), out);
}

static bool openssl(char *const *words, const char *input, struct buf *out) {
	bool is_base64 =
		has_word(words, "base64") || has_word(words, "-base64") || has_word(words, "-a");

	return is_base64 && has_word(words, "-d") && decode_with(decode_base64, input, out);
}

static bool filter(const struct command *c, const char *input, struct buf *out) {
	const char *p = c->program;
	char *const *words = c->words;

	if (!strcmp(p, "echo")) {
		echo(words, out);
	} else if (!strcmp(p, "printf")) {
		print(words, out);
	} else if (!strcmp(p, "base64") || !strcmp(p, "basenc")) {
		return has_option(words, "dD", "decode") && decode_with(decode_base64, input, out);
	} else if (!strcmp(p, "base32")) {
		return has_option(words, "d", "decode") && decode_with(decode_base32, input, out);
	} else if (!strcmp(p, "openssl")) {
		return openssl(words, input, out);
	} else if (!strcmp(p, "xxd")) {
		return has_option(words, "r", "revert") && decode_with(decode_hex, input, out);
	} else if (!input) {
		return false;
	} else if (!strcmp(p, "rev")) {
		reverse(input, out);
	} else if (!strcmp(p, "tr")) {
		translate(words, input, out);
	} else if ((!strcmp(p, "cat") && (!words[1] || !strcmp(words[1], "-"))) ||
	           !strcmp(p, "tee")) {
		buf_adds(out, input);
	} else {
		return false;
	}
	return true;
}

char *filter_output(const struct command *c, const char *input) {
	struct buf out;

	buf_init(&out, COMMAND_WORD_MAX);
	if (c->program && c->words && !c->is_unknown && filter(c, input, &out) && !out.overflow)
		return out.data;
	buf_done(&out);
	return NULL;
}
