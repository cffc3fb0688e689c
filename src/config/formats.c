/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config/formats.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/*
 * Lengths are a column and not part of the patterns: counted repetitions cost
 * milliseconds to compile.
 */
static const struct {
	const char *pattern;
	unsigned max_len;
	const char *expected;
} formats[FORMAT_COUNT] = {
	[FORMAT_ANY] = { NULL, 65536, "a text" },
	[FORMAT_NAME] = { "^([A-Za-z0-9][A-Za-z0-9._:/-]*)?$", 127,
			  "a name of letters, digits and . _ : / -" },
	[FORMAT_ALIAS] = { "^([a-zA-Z][a-zA-Z0-9_-]*)?$", 64,
			   "a letter, then at most 63 letters, digits, _ or -" },
	[FORMAT_SESSION_NAME] = { "^([a-zA-Z0-9][a-zA-Z0-9._-]*)?$", 64,
				  "at most 64 letters, digits, . _ or -, the first a letter or digit" },
	[FORMAT_USER] = { "^[a-z_][a-z0-9_-]*$", 32, "a login name" },
	[FORMAT_ENV_NAME] = { "^[A-Za-z_][A-Za-z0-9_]*$", 128, "the name of a variable" },
	[FORMAT_COMPRESSION] = { "^([a-z0-9]+(-[0-9]+)?)?$", 32,
				 "a compression such as zstd or zstd-19" },
	[FORMAT_DOMAIN] = { "^(@[a-z][a-z0-9_-]*|"
			    "(\\*\\.)?[A-Za-z0-9_-]+(\\.[A-Za-z0-9_-]+)*\\.?(/[0-9]+)?"
			    "(:[0-9]+(-[0-9]+)?(,[0-9]+(-[0-9]+)?)*)?)$",
			    300,
			    "a host name, an IPv4 address or network, with ports as in name:80,443, or "
			    "a set such as @registries or @providers" },
	[FORMAT_SET_NAME] = { "^[a-z][a-z0-9_-]*$", 64,
			      "a name of small letters, digits, _ or -, the first a letter, other than "
			      "registries and providers" },
	[FORMAT_IPV4] = { "^[0-9]+\\.[0-9]+\\.[0-9]+\\.[0-9]+$", 15, "an IPv4 address" },
	[FORMAT_IP] = { "^([0-9]+\\.[0-9]+\\.[0-9]+\\.[0-9]+|[0-9A-Fa-f:.]+)$", 45, "an IP address" },
	[FORMAT_PORTS] = { "^[0-9]+(-[0-9]+)?$", 11, "a port or a range such as 8000-8100" },
	[FORMAT_BINARY] = { "^([A-Za-z0-9._:/@+-]+)?$", 255, "letters, digits and . _ : / @ + -" },
	[FORMAT_MODEL] = { "^([A-Za-z0-9][A-Za-z0-9._:/@-]*)?$", 255, "the name of a model" },
	[FORMAT_CPUS] = { "^([0-9]+(-[0-9]+)?(,[0-9]+(-[0-9]+)?)*)?$", 1024,
			  "a number of processors or a set such as 0-3 or 0,2" },
	[FORMAT_ALLOWANCE] = { "^([0-9]+%|[0-9]+ms/[0-9]+ms)?$", 32,
			       "a share such as 50% or a time slice such as 25ms/100ms" },
	[FORMAT_SIZE] = { "^([0-9]+[KMGT]i?B)?$", 24, "a size such as 512MiB or 2GB" },
	[FORMAT_SIZE_OR_SHARE] = { "^([0-9]+(%|[KMGT]i?B))?$", 24,
				   "a size such as 512MiB or 2GB, or a share such as 50%" },
	[FORMAT_SWAP] = { "^(true|false|[0-9]+[KMGT]i?B)$", 24,
			  "\"true\", \"false\" or a size such as 512MiB" },
	[FORMAT_RATE] = { "^([0-9]+[KMGT]i?B(/s)?|[0-9]+iops)?$", 24,
			  "a rate such as 10MB/s or 100iops" },
	[FORMAT_DURATION] = { "^(([0-9]+(\\.[0-9]+)?(ns|us|ms|s|m|h))+|0)?$", 64,
			      "a duration such as 30s or 2h30m" },
	[FORMAT_TIMEZONE] = { "^([A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+)*)?$", 64,
			      "a time zone such as Europe/Berlin" },
	[FORMAT_MODE] = { "^(0?[0-7][0-7][0-7])?$", 4, "a mode in octal such as 0600" },
	[FORMAT_ABSOLUTE] = { "^/", 4095, "an absolute path" },
	[FORMAT_RELATIVE] = { "^[^/]", 4095, "a path relative to the workspace" },
	[FORMAT_AUDIT_SINK] = { "^(journald|syslog)$", 16, "journald or syslog" },
	[FORMAT_INSIDE] = { "^(~?/.+)$", 4095, "a path in the container: absolute, or with ~/" },
	[FORMAT_PROGRAM] = { "^(/.+|[^/]+)$", 4095, "the name of a program, or an absolute path" },
	[FORMAT_LABEL] = { "^([A-Za-z0-9_-]+)?$", 64, "letters, digits, _ or -" },
};

const char *format_pattern(enum setting_format format) {
	assert((unsigned)format < FORMAT_COUNT);
	return formats[format].pattern;
}

unsigned format_max_len(enum setting_format format) {
	assert((unsigned)format < FORMAT_COUNT);
	return formats[format].max_len;
}

const char *format_expected(enum setting_format format) {
	assert((unsigned)format < FORMAT_COUNT);
	return formats[format].expected;
}

/* What a pattern cannot say well. */
static bool fits_beyond_pattern(enum setting_format format, const char *text) {
	int64_t ms;
	uint64_t n;
	unsigned a;
	unsigned char address[16];

	switch (format) {
	case FORMAT_RELATIVE:
		/* No component may be ".." or ".", and none empty. */
		for (const char *p = text; p;) {
			size_t len = strcspn(p, "/");

			if ((len == 0 && p[0]) || (len == 1 && p[0] == '.') ||
			    (len == 2 && p[0] == '.' && p[1] == '.'))
				return false;
			p = p[len] ? p + len + 1 : NULL;
		}
		return true;
	case FORMAT_DURATION:
		return !*text || format_parse_duration(text, &ms) == 0;
	case FORMAT_SIZE:
	case FORMAT_SIZE_OR_SHARE:
		return !*text || format_parse_size(text, &n, &n) == 0;
	case FORMAT_SWAP:
		return *text == 't' || *text == 'f' || format_parse_size(text, &n, &n) == 0;
	case FORMAT_RATE:
		return !*text || format_parse_rate(text, &n, &n) == 0;
	case FORMAT_ALLOWANCE:
		return !*text || format_parse_allowance(text, &a, &n, &n) == 0;
	case FORMAT_CPUS: {
		autofree char *set = NULL;

		return !*text || format_parse_cpus(text, &a, &set) == 0;
	}
	case FORMAT_PORTS: {
		unsigned long low = strtoul(text, NULL, 10), high = low;
		const char *dash = strchr(text, '-');

		if (dash)
			high = strtoul(dash + 1, NULL, 10);
		return low >= 1 && low <= high && high <= 65535;
	}
	case FORMAT_SET_NAME:
		return strcmp(text, "registries") != 0 && strcmp(text, "providers") != 0;
	case FORMAT_IPV4:
		return inet_pton(AF_INET, text, address) == 1;
	case FORMAT_IP:
		return inet_pton(AF_INET, text, address) == 1 ||
		       inet_pton(AF_INET6, text, address) == 1;
	default:
		return true;
	}
}

/* Compiled when first needed, and kept: a list asks for each of its members. */
static const regex_t *compiled(enum setting_format format) {
	static struct {
		regex_t re;
		bool is_there;
	} cache[FORMAT_COUNT];

	if (!cache[format].is_there) {
		int r = regcomp(&cache[format].re, formats[format].pattern,
				REG_EXTENDED | REG_NOSUB);

		assert(r == 0);
		(void)r;
		cache[format].is_there = true;
	}
	return &cache[format].re;
}

bool format_matches(enum setting_format format, const char *text) {
	if (strlen(text) > format_max_len(format))
		return false;
	if (!formats[format].pattern)
		return true;
	/* A newline would end a text that is used as one line; none of the forms has it. */
	if (strchr(text, '\n'))
		return false;
	return regexec(compiled(format), text, 0, NULL, 0) == 0 && fits_beyond_pattern(format, text);
}

static int parse_number(const char **text, uint64_t *ret) {
	char *end = NULL;

	if (**text < '0' || **text > '9')
		return -EINVAL;
	errno = 0;
	*ret = strtoull(*text, &end, 10);
	if (errno)
		return -ERANGE;
	*text = end;
	return 0;
}

/* "KB", "MiB", …: the factor, and how many characters. */
static uint64_t parse_unit(const char *text, size_t *ret_len) {
	const char *letters = "KMGT", *l = *text ? strchr(letters, *text) : NULL;
	uint64_t base = 1000, factor = 1;
	size_t len = 1;

	if (!l)
		return 0;
	if (text[len] == 'i') {
		base = 1024;
		len++;
	}
	if (text[len] != 'B')
		return 0;
	for (const char *p = letters; p <= l; p++)
		factor *= base;
	*ret_len = len + 1;
	return factor;
}

int format_parse_size(const char *text, uint64_t *ret_bytes, uint64_t *ret_percent) {
	uint64_t n, factor;
	size_t len = 0;
	int r = parse_number(&text, &n);

	if (r < 0)
		return r;
	if (strcmp(text, "%") == 0) {
		if (n < 1 || n > 100)
			return -ERANGE;
		*ret_bytes = 0;
		*ret_percent = n;
		return 0;
	}
	factor = parse_unit(text, &len);
	if (!factor || text[len])
		return -EINVAL;
	if (n == 0 || n > INT64_MAX / factor)
		return -ERANGE;
	*ret_percent = 0;
	*ret_bytes = n * factor;
	return 0;
}

int format_parse_rate(const char *text, uint64_t *ret_bytes, uint64_t *ret_iops) {
	uint64_t n, factor;
	size_t len = 0;
	int r = parse_number(&text, &n);

	if (r < 0)
		return r;
	if (strcmp(text, "iops") == 0) {
		*ret_bytes = 0;
		*ret_iops = n;
		return n ? 0 : -ERANGE;
	}
	factor = parse_unit(text, &len);
	if (!factor || (text[len] && strcmp(text + len, "/s") != 0))
		return -EINVAL;
	if (n == 0 || n > INT64_MAX / factor)
		return -ERANGE;
	*ret_iops = 0;
	*ret_bytes = n * factor;
	return 0;
}

int format_parse_duration(const char *text, int64_t *ret_ms) {
	static const struct {
		const char *name;
		double ms;
	} units[] = {
		{ "ns", 1e-6 }, { "us", 1e-3 }, { "ms", 1 },
		{ "s", 1000 },	{ "m", 60000 }, { "h", 3600000 },
	};
	double sum = 0;

	if (strcmp(text, "0") == 0) {
		*ret_ms = 0;
		return 0;
	}
	if (!*text)
		return -EINVAL;
	while (*text) {
		char *end = NULL;
		size_t i, len;

		if (*text < '0' || *text > '9')
			return -EINVAL;

		double n = strtod(text, &end);

		text = end;
		len = strcspn(text, "0123456789.");
		for (i = 0; i < ARRAY_SIZE(units); i++)
			if (strlen(units[i].name) == len && memcmp(units[i].name, text, len) == 0)
				break;
		if (i == ARRAY_SIZE(units))
			return -EINVAL;
		sum += n * units[i].ms;
		text += len;
	}
	/* A century and more is a mistake, and would not fit a timer everywhere. */
	if (sum > 3.2e12)
		return -ERANGE;
	*ret_ms = (int64_t)(sum + 0.5);
	/* Less than can be told from nothing is not the same as nothing. */
	if (*ret_ms == 0 && sum > 0)
		*ret_ms = 1;
	return 0;
}

int format_parse_allowance(const char *text, unsigned *ret_percent, uint64_t *ret_quota_us,
			   uint64_t *ret_period_us) {
	uint64_t n, period;
	int r = parse_number(&text, &n);

	if (r < 0)
		return r;
	if (strcmp(text, "%") == 0) {
		if (n < 1 || n > 100000)
			return -ERANGE;
		*ret_percent = (unsigned)n;
		*ret_quota_us = *ret_period_us = 0;
		return 0;
	}
	if (strncmp(text, "ms/", 3) != 0)
		return -EINVAL;
	text += 3;
	r = parse_number(&text, &period);
	if (r < 0 || strcmp(text, "ms") != 0)
		return -EINVAL;
	/* What the kernel's bandwidth controller takes as period. */
	if (n < 1 || period < 1 || period > 1000 || n > 10000000)
		return -ERANGE;
	*ret_percent = 0;
	*ret_quota_us = n * 1000;
	*ret_period_us = period * 1000;
	return 0;
}

int format_parse_cpus(const char *text, unsigned *ret_count, char **ret_set) {
	const char *p = text;
	unsigned count = 0;

	if (!*text || strspn(text, "0123456789,-") != strlen(text))
		return -EINVAL;
	if (strspn(text, "0123456789") == strlen(text)) {
		uint64_t n;
		int r = parse_number(&p, &n);

		if (r < 0 || n < 1 || n > 65536)
			return -ERANGE;
		*ret_count = (unsigned)n;
		*ret_set = NULL;
		return 0;
	}
	for (;;) {
		uint64_t from, to;
		int r = parse_number(&p, &from);

		to = from;
		if (r == 0 && *p == '-') {
			p++;
			r = parse_number(&p, &to);
		}
		if (r < 0)
			return r;
		if (to < from || to > 65535)
			return -ERANGE;
		count += (unsigned)(to - from) + 1;
		if (!*p)
			break;
		if (*p++ != ',')
			return -EINVAL;
	}
	*ret_count = count;
	*ret_set = xstrdup(text);
	return 0;
}

bool format_measure(enum setting_format format, const char *text, double *ret, int *ret_kind) {
	uint64_t a = 0, b = 0;
	unsigned count = 0;
	int64_t ms = 0;

	*ret_kind = 0;
	switch (format) {
	case FORMAT_CPUS: {
		autofree char *set = NULL;

		if (format_parse_cpus(text, &count, &set) < 0)
			return false;
		*ret = count;
		return true;
	}
	case FORMAT_ALLOWANCE:
		if (format_parse_allowance(text, &count, &a, &b) < 0)
			return false;
		*ret_kind = b ? 1 : 0;
		*ret = b ? (double)a / (double)b : count;
		return true;
	case FORMAT_SIZE:
	case FORMAT_SIZE_OR_SHARE:
		if (format_parse_size(text, &a, &b) < 0)
			return false;
		*ret_kind = b ? 1 : 0;
		*ret = b ? (double)b : (double)a;
		return true;
	case FORMAT_SWAP:
		if (strcmp(text, "false") == 0)
			*ret = 0;
		else if (strcmp(text, "true") == 0)
			*ret = 1e300;
		else if (format_parse_size(text, &a, &b) == 0)
			*ret = (double)a;
		else
			return false;
		return true;
	case FORMAT_RATE:
		if (format_parse_rate(text, &a, &b) < 0)
			return false;
		*ret_kind = b ? 1 : 0;
		*ret = b ? (double)b : (double)a;
		return true;
	case FORMAT_DURATION:
		if (format_parse_duration(text, &ms) < 0)
			return false;
		*ret = (double)ms;
		return true;
	default:
		return false;
	}
}

char *format_duration(int64_t ms, char out[FORMAT_TEXT]) {
	int64_t h = ms / 3600000, m = ms / 60000 % 60, s = ms / 1000 % 60;
	size_t n = 0;

	ms %= 1000;
	out[0] = '\0';
	if (h)
		n += (size_t)snprintf(out + n, FORMAT_TEXT - n, "%lldh", (long long)h);
	if (m)
		n += (size_t)snprintf(out + n, FORMAT_TEXT - n, "%lldm", (long long)m);
	if (s)
		n += (size_t)snprintf(out + n, FORMAT_TEXT - n, "%llds", (long long)s);
	if (ms || n == 0)
		(void)snprintf(out + n, FORMAT_TEXT - n, ms ? "%lldms" : "%llds", (long long)ms);
	return out;
}

char *format_size(uint64_t bytes, uint64_t percent, char out[FORMAT_TEXT]) {
	static const char *const binary[] = { "TiB", "GiB", "MiB", "KiB" };
	static const char *const decimal[] = { "TB", "GB", "MB", "KB" };
	uint64_t two = 1ull << 40, ten = 1000000000000ull;

	out[0] = '\0';
	if (percent)
		(void)snprintf(out, FORMAT_TEXT, "%llu%%", (unsigned long long)percent);
	for (size_t i = 0; bytes && i < 4; i++, two /= 1024, ten /= 1000) {
		if (bytes % two == 0) {
			(void)snprintf(out, FORMAT_TEXT, "%llu%s", (unsigned long long)(bytes / two),
				       binary[i]);
			break;
		}
		if (bytes % ten == 0) {
			(void)snprintf(out, FORMAT_TEXT, "%llu%s", (unsigned long long)(bytes / ten),
				       decimal[i]);
			break;
		}
	}
	return out;
}
