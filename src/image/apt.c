/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * apt itself says where the host's packages come from, whatever form its
 * sources have. Of these only the distribution's own archive is taken: the
 * host's further repositories are no part of an image.
 */
#include "image/apt.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/record.h"
#include "base/strv.h"
#include "image/tool.h"

#define OUTPUT_MAX (1u << 20)

void apt_sources_done(struct apt_sources *s) {
	free(s->suite);
	free(s->mirror);
	strv_free(s->lines);
	strv_free(s->hosts);
	strv_free(s->options);
	*s = (struct apt_sources){ 0 };
}

char *url_host(const char *url) {
	const char *start = strstr(url, "://"), *at;
	size_t len;

	if (!start)
		return NULL;
	start += 3;
	len = strcspn(start, "/?#");
	at = memrchr(start, '@', len);
	if (at) {
		len -= (size_t)(at + 1 - start);
		start = at + 1;
	}
	/* An IPv6 address stands in brackets. */
	if (*start == '[')
		len = strcspn(start, "]") + 1;
	else
		len = strcspn(start, ":/?#") < len ? strcspn(start, ":/?#") : len;
	return len ? xstrndup(start, len) : NULL;
}

static void add_line(struct apt_sources *s, const char *uri, const char *suite,
		     const char *components) {
	autofree char *line = xasprintf("deb %s %s %s", uri, suite, components);
	autofree char *host = url_host(uri);

	if (!strv_contains(s->lines, line))
		strv_add(&s->lines, line);
	if (host && !strv_contains(s->hosts, host))
		strv_add(&s->hosts, host);
}

struct target {
	const char *uri, *release, *component, *origin;
};

/* Cuts @line. */
static bool split_target(char *line, struct target *ret) {
	const char *field[4];

	for (int i = 0; i < 4; i++) {
		field[i] = strsep(&line, "|");
		if (!field[i])
			return false;
	}
	*ret = (struct target){ field[0], field[1], field[2], field[3] };
	return true;
}

/* "bookworm-updates" of "bookworm" gives "-updates"; NULL: another release. */
static const char *release_tail(const char *release, const char *codename) {
	size_t len = strlen(codename);
	const char *tail = release + len;

	if (strncmp(release, codename, len) != 0)
		return NULL;
	if (!*tail || strcmp(tail, "-updates") == 0 || strcmp(tail, "-security") == 0)
		return tail;
	return NULL;
}

static bool is_distribution(const char *origin) {
	/* Empty: its lists have not been fetched; the name of the release must do. */
	return !*origin || strcmp(origin, "Debian") == 0 || strcmp(origin, "Ubuntu") == 0;
}

int apt_sources_parse(const struct recipe *r, const char *codename, const char *targets,
		      struct apt_sources *ret, struct err *err) {
	autostrv char **lines = strv_split(targets, "\n");
	struct apt_sources s = { .suite = xstrdup(r->suite ? r->suite : codename) };
	const char *components = r->components ? r->components : "main";

	for (size_t i = 0; lines && lines[i]; i++) {
		struct target t;
		const char *tail;
		autofree char *suite = NULL;

		if (!split_target(lines[i], &t) || strcmp(t.component, "main") != 0 ||
		    !is_distribution(t.origin))
			continue;
		tail = release_tail(t.release, codename);
		if (!tail)
			continue;
		suite = xasprintf("%s%s", s.suite, tail);
		/* A mirror of the recipe's stands for the archive; updates come from the host's. */
		if (!*tail && !s.mirror)
			s.mirror = xstrdup(r->mirror ? r->mirror : t.uri);
		add_line(&s, !*tail && r->mirror ? r->mirror : t.uri, suite, components);
	}
	if (!s.mirror && r->mirror && *s.suite) {
		s.mirror = xstrdup(r->mirror);
		add_line(&s, r->mirror, s.suite, components);
	}
	if (!s.mirror || !*s.suite) {
		apt_sources_done(&s);
		(void)err_set(err, ERR_CONFIG, -ENOENT, "cannot find out where Debian packages come "
			      "from: the host's apt has no source of its own release");
		return err_hint(err, "name suite and mirror in section [base] of %s/image.ini", r->dir);
	}
	*ret = s;
	return 0;
}

static char *host_codename(void) {
	auto_record struct record *r = NULL;
	struct buf b;
	const char *value;

	if (file_read_at(AT_FDCWD, "/etc/os-release", 65536, &b) < 0)
		return xstrdup("");
	if (record_parse(b.data, "/etc/os-release", 0, &r, NULL) < 0)
		r = record_new(0);
	buf_done(&b);
	value = record_get(r, "", "VERSION_CODENAME");
	return xstrdup(value ? value : "");
}

/* Some of the host's settings decide whether its own sources can be read at all. */
static int read_options(struct apt_sources *s, struct err *err) {
	static const char *const wanted[] = {
		"Acquire::http::Proxy ",    "Acquire::https::Proxy ", "Acquire::Check-Valid-Until ",
		"Acquire::Check-Date ",	    "Acquire::Retries ",
	};
	char *const argv[] = { (char *)"apt-config", (char *)"dump", (char *)"Acquire", NULL };
	struct tool_spec tool = { .argv = argv, .out_fd = -1, .uid = TOOL_NONE };
	autostrv char **lines = NULL;
	autobuf struct buf out;
	int r;

	buf_init(&out, OUTPUT_MAX);
	r = tool_output(&tool, &out, err);
	if (r < 0)
		return r;
	lines = strv_split(out.data, "\n");
	for (size_t i = 0; lines && lines[i]; i++)
		for (size_t n = 0; n < ARRAY_SIZE(wanted); n++)
			if (strncmp(lines[i], wanted[n], strlen(wanted[n])) == 0 &&
			    !strstr(lines[i], "\"\""))
				strv_add(&s->options, lines[i]);
	return 0;
}

int apt_sources_find(const struct recipe *r, struct apt_sources *ret, struct err *err) {
	char *const argv[] = {
		(char *)"apt-get", (char *)"indextargets", (char *)"--format",
		(char *)"$(REPO_URI)|$(RELEASE)|$(COMPONENT)|$(ORIGIN)",
		(char *)"Created-By: Packages", NULL,
	};
	struct tool_spec tool = { .argv = argv, .out_fd = -1, .uid = TOOL_NONE };
	autofree char *codename = host_codename();
	autobuf struct buf out;
	int code = 0;

	buf_init(&out, OUTPUT_MAX);
	if (tool_exists("apt-get"))
		code = tool_output(&tool, &out, err);
	if (code == 0)
		code = apt_sources_parse(r, codename, out.data, ret, err);
	if (code == 0 && tool_exists("apt-config")) {
		code = read_options(ret, err);
		if (code < 0)
			apt_sources_done(ret);
	}
	return code;
}
