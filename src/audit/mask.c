/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "audit/mask.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/strv.h"

/* A name with one of these in it has a secret for a value. */
static const char *const secret_words[] = {
	"password",    "passwd",     "passphrase",   "secret",	    "token",	 "api_key",
	"apikey",      "api-key",    "private_key",  "private-key", "access_key", "access-key",
	"credential",  "_pat",	     "auth_key",     "authkey",	    "pgpass",	 "mysql_pwd",
	"_pwd",
};

/* Names with such a word whose value is no secret: a file, a count. */
static const char *const plain_ends[] = { "_file", "-file", "_path", "-path", "_dir", "_url", "-stdin" };

static const char *const secret_headers[] = { "authorization", "proxy-authorization", "cookie",
					      "x-api-key",     "private-token",	      "x-auth-token" };

/* What begins so, at the start of a word, and goes on for 16 letters more. */
static const char *const secret_prefixes[] = {
	"sk-",	 "ghp_",  "gho_",  "ghu_", "ghs_", "ghr_",  "github_pat_", "glpat-",
	"xoxb-", "xoxp-", "xoxa-", "npm_", "hf_",  "pypi-", "AIza",	   "dckr_pat_",
	"eyJ",	 "ASIA",
};
#define PREFIX_REST 16

/* Short options that only their programs give a meaning. */
static const struct {
	const char *program;
	const char *option;
	bool joined; /* -pSECRET in one word */
} secret_options[] = {
	{ "curl", "-u", false },     { "curl", "--user", false }, { "curl", "-U", false },
	{ "curl", "--proxy-user", false }, { "sshpass", "-p", true }, { "mysql", "-p", true },
	{ "mysqldump", "-p", true }, { "mysqladmin", "-p", true }, { "redis-cli", "-a", false },
	{ "openssl", "-pass", false }, { "openssl", "-passin", false },
	{ "openssl", "-passout", false }, { "wget", "--http-passwd", false },
};

static bool is_word_end(char c) {
	return !c || isspace((unsigned char)c) || strchr("'\"`;&|()<>,", c);
}

static bool is_name_letter(char c) {
	return isalnum((unsigned char)c) || c == '_' || c == '-' || c == '.';
}

static bool ends_with(const char *text, size_t len, const char *end) {
	size_t n = strlen(end);

	return len >= n && strncasecmp(text + len - n, end, n) == 0;
}

static bool contains(const char *text, size_t len, const char *part) {
	size_t n = strlen(part);

	for (size_t i = 0; i + n <= len; i++)
		if (strncasecmp(text + i, part, n) == 0)
			return true;
	return false;
}

static bool is_secret_name(const char *name, size_t len) {
	for (size_t i = 0; i < ARRAY_SIZE(plain_ends); i++)
		if (ends_with(name, len, plain_ends[i]))
			return false;
	for (size_t i = 0; i < ARRAY_SIZE(secret_words); i++)
		if (contains(name, len, secret_words[i]))
			return true;
	return false;
}

static bool is_secret_header(const char *name, size_t len) {
	for (size_t i = 0; i < ARRAY_SIZE(secret_headers); i++)
		if (strlen(secret_headers[i]) == len && strncasecmp(name, secret_headers[i], len) == 0)
			return true;
	return false;
}

/* Length of the prefix when the word at @s is a secret by its looks, else 0. */
static size_t secret_prefix(const char *s) {
	for (size_t i = 0; i < ARRAY_SIZE(secret_prefixes); i++) {
		size_t n = strlen(secret_prefixes[i]);

		if (strncmp(s, secret_prefixes[i], n) == 0 &&
		    strspn(s + n, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.") >=
			    PREFIX_REST)
			return n;
	}
	return 0;
}

static size_t word_length(const char *s) {
	size_t n = 0;

	while (!is_word_end(s[n]))
		n++;
	return n;
}

/* The end of a quoted or plain value that begins at @s. */
static size_t value_length(const char *s) {
	const char *end;

	if (*s != '\'' && *s != '"')
		return word_length(s);
	end = strchr(s + 1, *s);
	return end ? (size_t)(end - s) + 1 : strlen(s);
}

/* A header's value goes to the end of its quotes or of its line; its scheme is kept. */
static size_t mask_header(const char *s, char quote, struct buf *out) {
	size_t n = 0, scheme = strspn(s, " \t");

	while (s[n] && s[n] != '\n' && s[n] != quote)
		n++;
	while (isalpha((unsigned char)s[scheme]))
		scheme++;
	if (s[scheme] != ' ')
		scheme = strspn(s, " \t");
	buf_add(out, s, scheme);
	if (scheme < n)
		buf_adds(out, s[scheme] == ' ' ? " " MASK_TEXT : MASK_TEXT);
	return n;
}

/* "://user:secret@": what is before the secret; 0 when there is none in this word. */
static size_t url_secret(const char *s, size_t len, size_t *ret_secret) {
	const char *scheme = memmem(s, len, "://", 3), *at, *colon, *slash;

	if (!scheme)
		return 0;
	scheme += 3;
	at = memchr(scheme, '@', len - (size_t)(scheme - s));
	slash = memchr(scheme, '/', len - (size_t)(scheme - s));
	if (!at || (slash && slash < at))
		return 0;
	colon = memchr(scheme, ':', (size_t)(at - scheme));
	*ret_secret = (size_t)(at - (colon ? colon + 1 : scheme));
	return colon ? (size_t)(colon + 1 - s) : (size_t)(scheme - s);
}

/* The word at @s, masked where it has to be. How much of @s that was. */
static size_t mask_word(const char *s, char quote, bool *next_is_secret, struct buf *out) {
	size_t len = word_length(s), name = 0, secret = 0, before;

	while (name < len && is_name_letter(s[name]))
		name++;
	if (s[name] == '=' && name && is_secret_name(s, name)) {
		buf_add(out, s, name + 1);
		buf_adds(out, MASK_TEXT);
		return name + 1 + value_length(s + name + 1);
	}
	if (s[name] == ':' && is_secret_header(s, name)) {
		buf_add(out, s, name + 1);
		return name + 1 + mask_header(s + name + 1, quote, out);
	}
	/* One of its own program goes on in the same word. */
	before = s[name] == '=' && name ? name + 1 : 0;
	if (secret_prefix(s + before)) {
		buf_add(out, s, before + secret_prefix(s + before));
		buf_adds(out, MASK_TEXT);
		return len;
	}
	before = url_secret(s, len, &secret);
	if (before) {
		buf_add(out, s, before);
		buf_adds(out, MASK_TEXT);
		buf_add(out, s + before + secret, len - before - secret);
		return len;
	}
	*next_is_secret = name == len && len > 2 && s[0] == '-' && s[1] == '-' &&
			  is_secret_name(s, len);
	buf_add(out, s, len);
	return len;
}

static void mask_into(const char *s, struct buf *out) {
	bool next_is_secret = false;
	char quote = '\0';

	while (*s) {
		if (!is_word_end(*s)) {
			bool mask_it = next_is_secret && *s != '-';

			next_is_secret = false;
			if (mask_it) {
				buf_adds(out, MASK_TEXT);
				s += word_length(s);
			} else {
				s += mask_word(s, quote, &next_is_secret, out);
			}
			continue;
		}
		if (*s == '\'' || *s == '"')
			quote = quote == *s ? '\0' : quote ? quote : *s;
		if (!isspace((unsigned char)*s) && *s != '\'' && *s != '"')
			next_is_secret = false;
		buf_addc(out, *s++);
	}
}

char *mask_text(const char *text) {
	struct buf out;

	buf_init(&out, SIZE_MAX / 2);
	mask_into(text, &out);
	return out.data;
}

/* What @word of @program does to the word behind it, or to its own rest. */
static bool is_secret_option(const char *program, const char *word, size_t *ret_joined) {
	*ret_joined = 0;
	if (!strncmp(word, "--", 2) && !strchr(word, '=') && is_secret_name(word, strlen(word)))
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(secret_options); i++) {
		const char *option = secret_options[i].option;
		size_t n = strlen(option);

		if (strcmp(program, secret_options[i].program) != 0 || strncmp(word, option, n) != 0)
			continue;
		if (!word[n])
			return true;
		if (secret_options[i].joined)
			*ret_joined = n;
	}
	return false;
}

char **mask_command(char *const *argv) {
	const char *program = argv && argv[0] ? path_base(argv[0]) : "";
	bool is_secret = false;
	char **out = NULL;

	for (size_t i = 0; argv && argv[i]; i++) {
		size_t joined = 0;

		if (is_secret && argv[i][0] != '-') {
			strv_add(&out, MASK_TEXT);
			is_secret = false;
			continue;
		}
		is_secret = i > 0 && is_secret_option(program, argv[i], &joined);
		if (joined)
			strv_addf(&out, "%.*s" MASK_TEXT, (int)joined, argv[i]);
		else
			strv_take(&out, mask_text(argv[i]));
	}
	return out;
}
