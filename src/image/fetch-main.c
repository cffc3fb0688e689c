/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * coi-fetch URL MAX-BYTES [OFFSET]: a file of a web server to standard output,
 * from byte OFFSET on (a server that cannot do that is an error). What begins as
 * https stays https behind a redirection. Proxies are those of the environment
 * (https_proxy, all_proxy, no_proxy), certificates those of the system, or of
 * SSL_CERT_FILE, SSL_CERT_DIR or CURL_CA_BUNDLE. On standard error: "size N" as
 * soon as the server has said how much it is in all (with OFFSET only), then, when
 * it fails, why. The exit status is FETCH_TOO_MUCH (base/download.h) when there are more
 * than MAX-BYTES, which asking again does not change.
 *
 * The only program that is linked with libcurl. It runs as nobody, and what it
 * brings is checked by whoever asked: it has no hash to compare with.
 */
#include <curl/curl.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/download.h"
#include "base/fd.h"
#include "base/mem.h"

struct download {
	long long bytes, max, offset;
	bool told;
};

static size_t on_data(char *data, size_t size, size_t count, void *user) {
	struct download *d = user;
	size_t len = size * count;

	d->bytes += (long long)len;
	if (d->bytes > d->max)
		return 0;
	return fd_write_all(STDOUT_FILENO, data, len) < 0 ? 0 : len;
}

static int on_progress(void *user, curl_off_t total, curl_off_t now, curl_off_t up_total,
		       curl_off_t up_now) {
	struct download *d = user;

	/* The bodies of redirections and errors are counted too; they come before any data. */
	if (!d->told && total > 0 && now > 0 && d->bytes > 0) {
		(void)fprintf(stderr, "size %lld\n", (long long)total + d->offset);
		d->told = true;
	}
	return 0;
}

/* As OpenSSL and curl's own program have it. */
static CURLcode set_authorities(CURL *c) {
	const char *file = getenv("SSL_CERT_FILE"), *dir = getenv("SSL_CERT_DIR");
	CURLcode r = CURLE_OK;

	if (!file || !*file)
		file = getenv("CURL_CA_BUNDLE");
	if (file && *file)
		r = curl_easy_setopt(c, CURLOPT_CAINFO, file);
	if (r == CURLE_OK && dir && *dir)
		r = curl_easy_setopt(c, CURLOPT_CAPATH, dir);
	return r;
}

static const struct {
	CURLoption option;
	long value;
} numbers[] = {
	{ CURLOPT_NOPROGRESS, 0 },
	{ CURLOPT_FOLLOWLOCATION, 1 },
	{ CURLOPT_MAXREDIRS, 5 },
	{ CURLOPT_FAILONERROR, 1 },
	{ CURLOPT_CONNECTTIMEOUT, 30 },
	/* Slower than 1 kB/s for a minute is dead. */
	{ CURLOPT_LOW_SPEED_LIMIT, 1024 },
	{ CURLOPT_LOW_SPEED_TIME, 60 },
	{ CURLOPT_NOSIGNAL, 1 },
};

static CURLcode configure(CURL *c, const char *url, curl_off_t offset, struct download *d) {
	const char *protocols = strncmp(url, "https://", 8) == 0 ? "https" : "https,http";
	CURLcode r = curl_easy_setopt(c, CURLOPT_URL, url);

	/* Nothing but the web, also behind a redirection. */
	if (r == CURLE_OK)
		r = curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, protocols);
	if (r == CURLE_OK)
		r = curl_easy_setopt(c, CURLOPT_REDIR_PROTOCOLS_STR, protocols);
	if (r == CURLE_OK)
		r = set_authorities(c);
	for (size_t i = 0; i < ARRAY_SIZE(numbers) && r == CURLE_OK; i++)
		r = curl_easy_setopt(c, numbers[i].option, numbers[i].value);
	if (r == CURLE_OK && offset > 0)
		r = curl_easy_setopt(c, CURLOPT_RESUME_FROM_LARGE, offset);
	if (r == CURLE_OK)
		r = curl_easy_setopt(c, CURLOPT_XFERINFOFUNCTION, on_progress);
	if (r == CURLE_OK)
		r = curl_easy_setopt(c, CURLOPT_XFERINFODATA, d);
	if (r == CURLE_OK)
		r = curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_data);
	return r == CURLE_OK ? curl_easy_setopt(c, CURLOPT_WRITEDATA, d) : r;
}

static int fetch(const char *url, long long max, long long offset) {
	struct download d = { .max = max, .offset = offset, .told = offset < 0 };
	char why[CURL_ERROR_SIZE] = "";
	CURL *c = curl_easy_init();
	CURLcode r = c ? configure(c, url, offset, &d) : CURLE_FAILED_INIT;
	long status = 0;

	if (r == CURLE_OK)
		(void)curl_easy_setopt(c, CURLOPT_ERRORBUFFER, why);
	if (r == CURLE_OK)
		r = curl_easy_perform(c);
	if (c)
		(void)curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &status);
	if (c)
		curl_easy_cleanup(c);
	if (r == CURLE_OK)
		return 0;
	if (d.bytes > d.max) {
		(void)fprintf(stderr, "more than %lld bytes\n", max + (offset > 0 ? offset : 0));
		return FETCH_TOO_MUCH;
	}
	if (r == CURLE_UNSUPPORTED_PROTOCOL)
		(void)fputs("a redirection to something that is not https\n", stderr);
	else if (status >= 400)
		(void)fprintf(stderr, "the server answered %ld\n", status);
	else
		(void)fprintf(stderr, "%s\n", *why ? why : curl_easy_strerror(r));
	return 1;
}

int main(int argc, char **argv) {
	const struct rlimit none = { 0, 0 };
	long long max = argc == 3 || argc == 4 ? strtoll(argv[2], NULL, 10) : 0;
	/* Without one, nobody asks how much it is. */
	long long offset = argc == 4 ? strtoll(argv[3], NULL, 10) : -1;

	if (max <= 0 || (argc == 4 && offset < 0)) {
		(void)fputs("usage: coi-fetch URL MAX-BYTES [OFFSET]\n", stderr);
		return 2;
	}
	(void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	(void)setrlimit(RLIMIT_CORE, &none);
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return 1;
	return fetch(argv[1], max, offset);
}
