/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Forms of texts in settings: pattern, words for messages, and what they amount to. Pure. */
#ifndef COI_CONFIG_FORMATS_H
#define COI_CONFIG_FORMATS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum setting_format {
	FORMAT_ANY,
	FORMAT_NAME,          /* image and pool names */
	FORMAT_ALIAS,
	FORMAT_SESSION_NAME,
	FORMAT_USER,
	FORMAT_ENV_NAME,
	FORMAT_COMPRESSION,
	FORMAT_DOMAIN,        /* of allowed_domains */
	FORMAT_SET_NAME,      /* of domain_sets, without the "@" */
	FORMAT_IPV4,
	FORMAT_IP,
	FORMAT_PORTS,         /* "443" or "8000-8100" */
	FORMAT_BINARY,
	FORMAT_MODEL,
	FORMAT_CPUS,          /* "2", "0-3", "0,2" */
	FORMAT_ALLOWANCE,     /* "50%" or "25ms/100ms" */
	FORMAT_SIZE,          /* "512MiB" */
	FORMAT_SIZE_OR_SHARE, /* and "50%" */
	FORMAT_SWAP,          /* "true", "false" or a size */
	FORMAT_RATE,          /* "10MB/s", "10MiB" or "100iops" */
	FORMAT_DURATION,      /* "2h30m" */
	FORMAT_TIMEZONE,
	FORMAT_MODE,          /* octal */
	FORMAT_ABSOLUTE,      /* a path that begins with '/' */
	FORMAT_RELATIVE,      /* a path in the workspace: neither absolute nor with ".." */
	FORMAT_AUDIT_SINK,    /* of monitoring.audit_sinks */
	FORMAT_INSIDE,        /* a path in the container: absolute, or in everybody's home ("~/…") */
	FORMAT_PROGRAM,       /* a name, or an absolute path */
	FORMAT_LABEL,         /* names of ports and the like */
	FORMAT_COUNT,
};

/* POSIX extended and ECMA alike, anchored; NULL for FORMAT_ANY. */
const char *format_pattern(enum setting_format format);
/* Bytes of the longest text. */
unsigned format_max_len(enum setting_format format);
/* "a size such as 512MiB or 2GB", for "expected …". */
const char *format_expected(enum setting_format format);
bool format_matches(enum setting_format format, const char *text);

/*
 * What a text of this format amounts to, to tell which of two is stricter.
 * @ret_kind tells apart what cannot be compared (a share of the processor and
 * a time slice). False when the format has no amount or the text is not of it.
 */
bool format_measure(enum setting_format format, const char *text, double *ret, int *ret_kind);

/* 0, -EINVAL, -ERANGE. Units: K M G T with B are powers of 1000, with iB of 1024. */
int format_parse_size(const char *text, uint64_t *ret_bytes, uint64_t *ret_percent);
/* Units ns us ms s m h, fractions and sums as in "1h30m", "1.5s". */
int format_parse_duration(const char *text, int64_t *ret_ms);
/* One of the two is set. */
int format_parse_rate(const char *text, uint64_t *ret_bytes, uint64_t *ret_iops);
/* A share (percent, soft) or a slice (quota of period, hard, microseconds). */
int format_parse_allowance(const char *text, unsigned *ret_percent, uint64_t *ret_quota_us,
			   uint64_t *ret_period_us);
/*
 * The set of processors as a list "0-3,5". A single number N is a count: then
 * *ret_count is N and *ret_set NULL. *ret_set is newly allocated.
 */
int format_parse_cpus(const char *text, unsigned *ret_count, char **ret_set);

/* Shortest forms that parse back: "1h30m", "512MiB", "50%". */
#define FORMAT_TEXT 48
char *format_duration(int64_t ms, char out[FORMAT_TEXT]);
char *format_size(uint64_t bytes, uint64_t percent, char out[FORMAT_TEXT]);

#endif
