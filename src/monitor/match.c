/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "base/strv.h"
#include "monitor/rule.h"

bool word_in(const char *word, const char *const *list) {
	return strv_contains((char *const *)list, word);
}

bool starts_with(const char *text, const char *start) {
	return strncmp(text, start, strlen(start)) == 0;
}

bool starts_with_any_case(const char *text, const char *start) {
	return strncasecmp(text, start, strlen(start)) == 0;
}

const char *contains_any(const char *text, const char *const *list) {
	for (; *list; list++)
		if (strstr(text, *list))
			return *list;
	return NULL;
}

bool host_is_loopback(const char *host, size_t len) {
	static const char *const names[] = { "localhost",     "localhost.localdomain",
		                             "ip6-localhost", "::1",
		                             "[::1]",         "0",
		                             "0.0.0.0",       NULL };
	autofree char *word = xstrndup(host, len);

	return word_in(word, names) || (starts_with(word, "127.") && word_is_ipv4(word));
}

bool word_is_port(const char *word) {
	size_t n = strspn(word, "0123456789");
	unsigned long v;

	if (!n || n > 5 || word[n])
		return false;
	v = strtoul(word, NULL, 10);
	return v >= 1 && v <= 65535;
}

/* The length of the address that begins at @s; 0: none does. */
static size_t ipv4_length(const char *s) {
	size_t at = 0;

	for (int part = 0; part < 4; part++) {
		size_t n = strspn(s + at, "0123456789");

		if (!n || n > 3 || strtoul(s + at, NULL, 10) > 255)
			return 0;
		at += n;
		if (part < 3 && s[at++] != '.')
			return 0;
	}
	return at;
}

bool word_is_ipv4(const char *word) {
	size_t n = ipv4_length(word);

	return n && !word[n];
}

bool word_is_host(const char *word) {
	size_t n =
		strspn(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_");

	if (*word == '-' || !n || word[n] || word_is_port(word))
		return false;
	return strchr(word, '.') != NULL || word_is_ipv4(word) || host_is_loopback(word, n);
}

static bool is_host_letter(char c) {
	return isalnum((unsigned char)c) || c == '.' || c == '-' || c == '_';
}

/* name:port that begins at @s, the name with a dot in it or localhost. The length of the name. */
static size_t named_length(const char *s) {
	size_t n = 0, digits;
	bool has_dot = false;

	while (is_host_letter(s[n]))
		has_dot |= s[n++] == '.';
	if (!n || s[n] != ':' || !isalpha((unsigned char)*s))
		return 0;
	digits = strspn(s + n + 1, "0123456789");
	if (digits < 2 || digits > 5 || is_host_letter(s[n + 1 + digits]))
		return 0;
	return has_dot || host_is_loopback(s, n) ? n : 0;
}

const char *find_remote(const char *text, size_t *ret_len, bool *ret_local) {
	*ret_local = false;
	for (const char *s = text; *s; s++) {
		size_t n;

		if (s > text && is_host_letter(s[-1]))
			continue;
		n = ipv4_length(s);
		if (n && is_host_letter(s[n]))
			n = 0; /* 1.2.3.4.5, 1.2.3.4-rc1 */
		if (!n)
			n = named_length(s);
		if (!n && starts_with(s, "localhost")) {
			*ret_local = true;
			continue;
		}
		if (!n)
			continue;
		if (host_is_loopback(s, n)) {
			*ret_local = true;
			s += n - 1;
			continue;
		}
		*ret_len = n;
		return s;
	}
	return NULL;
}

bool shell_reads_input(const struct command *c) {
	if (command_language(c->program) != LANGUAGE_SHELL || !c->words)
		return false;
	for (size_t i = 1; c->words[i]; i++) {
		const char *w = c->words[i];

		if ((w[0] != '-' && w[0] != '+') || !w[1])
			return !strcmp(w, "-") || starts_with(w, "/dev/fd/") ||
			       starts_with(w, "/dev/stdin");
		if (w[1] == '-') {
			if (!strcmp(w, "--"))
				return c->words[i + 1] == NULL;
			if (!strcmp(w, "--rcfile") || !strcmp(w, "--init-file"))
				i++;
			continue;
		}
		if (strchr(w + 1, 'c'))
			return false;
		if (strchr(w + 1, 's'))
			return true;
		if ((strchr(w + 1, 'o') || strchr(w + 1, 'O')) && c->words[i + 1])
			i++;
	}
	return true;
}

static bool is_socat_to_network(const struct command *c) {
	static const char *const kinds[] = { "tcp",   "udp",   "ssl",  "openssl", "sctp", "vsock",
		                             "proxy", "socks", "dccp", "ip4-",    NULL };

	for (size_t i = 1; c->words[i]; i++)
		for (const char *const *k = kinds; *k; k++)
			if (starts_with_any_case(c->words[i], *k) && strchr(c->words[i], ':'))
				return true;
	return false;
}

bool is_net_client(const struct command *c) {
	static const char *const clients[] = { "nc",         "ncat",   "netcat",   "nc.traditional",
		                               "nc.openbsd", "pwncat", "cryptcat", "telnet",
		                               "rlwrap",     "dbd",    "sbd",      NULL };

	if (!c->words || !c->words[0])
		return false;
	if (word_in(c->program, clients)) {
		for (size_t i = 1; c->words[i]; i++)
			if (c->words[i][0] == '-' && c->words[i][1] != '-' &&
			    strchr(c->words[i], 'z'))
				return false; /* only looks whether the port is open */
		return c->words[1] != NULL;
	}
	if (!strcmp(c->program, "openssl"))
		return c->words[1] && !strcmp(c->words[1], "s_client");
	return !strcmp(c->program, "socat") && is_socat_to_network(c);
}

void add_command(struct buf *out, const struct command *c) {
	if (out->len)
		buf_adds(out, "; ");
	command_add_line(out, c);
}
