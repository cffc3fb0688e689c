/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "session/git-config.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fd.h"
#include "base/mem.h"

#define CONFIG_MAX_BYTES (1024 * 1024)
#define WORD_MAX_BYTES 8192

struct parser {
	const char *at;
	struct buf section, subsection, key, value;
	struct buf raw; /* the value, with white space as it is written */
};

static const char *skip_space(const char *at) {
	while (*at == ' ' || *at == '\t' || *at == '\r')
		at++;
	return at;
}

static const char *skip_line(const char *at) {
	at += strcspn(at, "\n");
	return *at ? at + 1 : at;
}

/* [section], [section "sub section"], and the old [section.subsection]. */
static int parse_section(struct parser *p) {
	buf_reset(&p->section);
	buf_reset(&p->subsection);
	p->at++;
	for (; isalnum((unsigned char)*p->at) || *p->at == '-'; p->at++)
		buf_addc(&p->section, (char)tolower((unsigned char)*p->at));
	if (*p->at == '.') {
		for (p->at++; *p->at && *p->at != ']' && *p->at != '\n'; p->at++)
			buf_addc(&p->subsection, (char)tolower((unsigned char)*p->at));
	} else if (*p->at == ' ' || *p->at == '\t') {
		p->at = skip_space(p->at);
		if (*p->at != '"')
			return -EBADMSG;
		for (p->at++; *p->at && *p->at != '"' && *p->at != '\n'; p->at++) {
			if (*p->at == '\\' && p->at[1])
				p->at++;
			buf_addc(&p->subsection, *p->at);
		}
		if (*p->at != '"')
			return -EBADMSG;
		p->at++;
	}
	if (*p->at != ']')
		return -EBADMSG;
	p->at++;
	return 0;
}

/* Not the library's: a vertical tab is none to git. */
static bool is_space(char c) {
	return c == ' ' || c == '\t' || c == '\r';
}

static void add_to_value(struct parser *p, char c) {
	buf_addc(&p->value, c);
	buf_addc(&p->raw, c);
}

/* A backslash at the end of the text is one before its last line's end. */
static int parse_escape(struct parser *p) {
	static const char from[] = "ntb\\\"", to[] = "\n\t\b\\\"";
	const char *known;

	if (*p->at == '\r' && p->at[1] == '\n')
		p->at++;
	if (*p->at == '\n') { /* goes on in the next line */
		p->at++;
		return 0;
	}
	if (!*p->at)
		return 0;
	known = strchr(from, *p->at);
	if (!known)
		return -EBADMSG;
	p->at++;
	add_to_value(p, to[known - from]);
	return 0;
}

/* White space between words: git before 2.45 has a space for each of it. */
static void flush_space(struct parser *p, const char **space) {
	for (; *space && is_space(**space) && *space < p->at; ++*space) {
		buf_addc(&p->value, ' ');
		buf_addc(&p->raw, **space);
	}
	*space = NULL;
}

static int parse_value(struct parser *p) {
	const char *space = NULL; /* where a run of it began */
	bool quoted = false;

	while (*p->at && *p->at != '\n') {
		char c = *p->at;

		if (!quoted && is_space(c)) {
			if (p->value.len && !space)
				space = p->at;
			p->at++;
			continue;
		}
		if (!quoted && (c == '#' || c == ';')) {
			p->at += strcspn(p->at, "\n");
			break;
		}
		flush_space(p, &space);
		p->at++;
		if (c == '"')
			quoted = !quoted;
		else if (c == '\\' && parse_escape(p) < 0)
			return -EBADMSG;
		else if (c != '\\' && !(c == '\r' && *p->at == '\n'))
			add_to_value(p, c);
	}
	return quoted ? -EBADMSG : 0;
}

static int parse_setting(struct parser *p) {
	buf_reset(&p->key);
	buf_reset(&p->value);
	buf_reset(&p->raw);
	for (; isalnum((unsigned char)*p->at) || *p->at == '-'; p->at++)
		buf_addc(&p->key, (char)tolower((unsigned char)*p->at));
	if (!p->key.len)
		return -EBADMSG;
	p->at = skip_space(p->at);
	if (*p->at == '=') {
		p->at++;
		return parse_value(p);
	}
	return !*p->at || strchr("\n#;", *p->at) ? 0 : -EBADMSG;
}

static void tell(struct parser *p, void (*each)(const struct git_setting *setting, void *data),
		 void *data) {
	struct git_setting s = { p->section.data, p->subsection.data, p->key.data, p->value.data };

	if (p->value.len >= WORD_MAX_BYTES - 1)
		return;
	each(&s, data);
	s.value = p->raw.data;
	if (strcmp(s.value, p->value.data) != 0)
		each(&s, data);
}

static int parse_all(struct parser *p,
		     void (*each)(const struct git_setting *setting, void *data), void *data) {
	while (*(p->at = skip_space(p->at))) {
		int r = 0;

		if (*p->at == '\n' || *p->at == '#' || *p->at == ';') {
			p->at = skip_line(p->at);
			continue;
		}
		if (*p->at == '[') {
			r = parse_section(p);
		} else {
			r = parse_setting(p);
			if (r == 0)
				tell(p, each, data);
		}
		if (r < 0)
			return r;
	}
	return 0;
}

int git_config_parse(const char *text,
		     void (*each)(const struct git_setting *setting, void *data), void *data) {
	struct parser p = { .at = text };
	int r;

	if (!strncmp(p.at, "\xef\xbb\xbf", 3))
		p.at += 3;
	buf_init(&p.section, WORD_MAX_BYTES);
	buf_init(&p.subsection, WORD_MAX_BYTES);
	buf_init(&p.key, WORD_MAX_BYTES);
	buf_init(&p.value, WORD_MAX_BYTES);
	buf_init(&p.raw, WORD_MAX_BYTES);
	r = parse_all(&p, each, data);
	buf_done(&p.section);
	buf_done(&p.subsection);
	buf_done(&p.key);
	buf_done(&p.value);
	buf_done(&p.raw);
	return r;
}

int git_config_each(int dir, const char *name,
		    void (*each)(const struct git_setting *setting, void *data), void *data) {
	autoclose int fd = open_beneath(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0);

	return fd < 0 ? fd : git_config_read(fd, each, data);
}

int git_config_read(int fd, void (*each)(const struct git_setting *setting, void *data),
		    void *data) {
	struct buf text;
	struct stat st;
	int r;

	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return -EBADMSG;
	buf_init(&text, CONFIG_MAX_BYTES);
	r = fd_read_all(fd, &text);
	if (r == 0)
		r = strlen(text.data) == text.len ? git_config_parse(text.data, each, data)
						  : -EBADMSG;
	buf_done(&text);
	return r;
}
