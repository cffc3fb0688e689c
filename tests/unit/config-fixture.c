/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit/config-fixture.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/strv.h"
#include "config/toml.h"
#include "config/trust-store.h"

int fixture_make(void **state) {
	struct fixture *f = xcalloc(1, sizeof(*f));
	char template[] = "/var/tmp/coi-test-config-XXXXXX";

	assert_non_null(mkdtemp(template));
	f->base = realpath(template, NULL);
	assert_non_null(f->base);
	f->fd = open(f->base, O_DIRECTORY | O_CLOEXEC);
	f->home = path_join(f->base, "home");
	f->cwd = path_join(f->base, "ws");
	f->other = path_join(f->base, "other");
	assert_int_equal(mkdirat(f->fd, "home", 0755), 0);
	assert_int_equal(mkdirat(f->fd, "ws", 0755), 0);
	assert_int_equal(mkdirat(f->fd, "other", 0755), 0);
	f->person = (struct privilege){
		.is_root = geteuid() == 0,
		.uid = geteuid(),
		.gid = getegid(),
		.user = (char *)"ann",
		.home = f->home,
	};
	*state = f;
	return 0;
}

int fixture_remove(void **state) {
	struct fixture *f = *state;
	autoclose int above = open("/var/tmp", O_DIRECTORY | O_CLOEXEC);

	config_free(f->config);
	close(f->fd);
	assert_int_equal(tree_remove_at(above, path_base(f->base)), 0);
	free(f->base);
	free(f->home);
	free(f->cwd);
	free(f->other);
	strv_free(f->env);
	free(f);
	return 0;
}

void fixture_write(struct fixture *f, const char *path, const char *text) {
	const char *slash = strrchr(path, '/');
	autofree char *dir = slash ? xstrndup(path, (size_t)(slash - path)) : xstrdup(".");
	autoclose int dir_fd = slash ? open_mkdir_beneath(f->fd, dir, 0755) : dup(f->fd);
	int r;

	assert_true(dir_fd >= 0);
	/* A file that is replaced is written out at once by some file systems. */
	(void)unlinkat(dir_fd, slash ? slash + 1 : path, 0);
	r = file_write_quick_at(dir_fd, slash ? slash + 1 : path, text, strlen(text), 0644);
	assert_int_equal(r, 0);
}

void fixture_user(struct fixture *f, const char *text) {
	fixture_write(f, "home/.coi/config.toml", text);
}

void fixture_project(struct fixture *f, const char *text) {
	fixture_write(f, "ws/.coi/config.toml", text);
}

void fixture_env_file(struct fixture *f, const char *text) {
	autofree char *path = path_join(f->base, "env/my.toml");

	fixture_write(f, "env/my.toml", text);
	env_set(&f->env, "COI_CONFIG", path);
}

void fixture_setenv(struct fixture *f, const char *name, const char *value) {
	env_set(&f->env, name, value);
}

int fixture_load_with(struct fixture *f, const struct config_override *overrides, size_t count) {
	struct config_inputs in = {
		.person = &f->person,
		.home = f->home,
		.cwd = f->cwd,
		.workspace = f->workspace,
		.environment = f->env,
		.profile = f->profile,
		.overrides = overrides,
		.override_count = count,
		.is_strict = f->is_strict,
	};

	config_free(f->config);
	f->config = NULL;
	f->err = (struct err){ 0 };
	return config_load(&in, &f->config, &f->err);
}

int fixture_load(struct fixture *f) {
	return fixture_load_with(f, NULL, 0);
}

const struct settings *fixture_settings(struct fixture *f) {
	int r = fixture_load(f);

	if (r < 0)
		print_error("%s\n", f->err.msg);
	assert_int_equal(r, 0);
	return config_settings(f->config);
}

const struct config_note *fixture_note(const struct fixture *f, enum config_note_kind kind,
				       const char *key) {
	size_t count;
	const struct config_note *notes = config_notes(f->config, &count);

	for (size_t i = 0; i < count; i++)
		if (notes[i].kind == kind && (!key || strcmp(notes[i].key, key) == 0))
			return &notes[i];
	return NULL;
}

size_t fixture_count(const struct fixture *f, enum config_note_kind kind) {
	size_t count, found = 0;
	const struct config_note *notes = config_notes(f->config, &count);

	for (size_t i = 0; i < count; i++)
		found += notes[i].kind == kind;
	return found;
}

void fixture_approve(struct fixture *f) {
	size_t files = 0;

	assert_int_equal(trust_approve(f->config, &f->person, f->home, NULL, &files, &f->err), 0);
	assert_true(files > 0);
}

/* Values that each type and format takes, as TOML. */
static const char *sample(const struct setting_row *r, int which) {
	static const char *const by_format[FORMAT_COUNT][2] = {
		[FORMAT_ANY] = { "\"one\"", "\"two \\\" \\\\ \xc3\xa9\"" },
		[FORMAT_NAME] = { "\"one\"", "\"two\"" },
		[FORMAT_ALIAS] = { "\"one\"", "\"two\"" },
		[FORMAT_SESSION_NAME] = { "\"one\"", "\"two\"" },
		[FORMAT_USER] = { "\"one\"", "\"two\"" },
		[FORMAT_ENV_NAME] = { "\"ONE\"", "\"TWO\"" },
		[FORMAT_COMPRESSION] = { "\"zstd\"", "\"xz-9\"" },
		[FORMAT_DOMAIN] = { "\"a.example.com\"", "\"1.1.1.1\"" },
		[FORMAT_IPV4] = { "\"1.1.1.1\"", "\"8.8.8.8\"" },
		[FORMAT_IP] = { "\"1.1.1.1\"", "\"::1\"" },
		[FORMAT_PORTS] = { "\"443\"", "\"1-2\"" },
		[FORMAT_BINARY] = { "\"one\"", "\"/two\"" },
		[FORMAT_MODEL] = { "\"one\"", "\"two\"" },
		[FORMAT_CPUS] = { "\"2\"", "\"0-3\"" },
		[FORMAT_ALLOWANCE] = { "\"50%\"", "\"1ms/2ms\"" },
		[FORMAT_SIZE] = { "\"1MiB\"", "\"2GB\"" },
		[FORMAT_SIZE_OR_SHARE] = { "\"1MiB\"", "\"5%\"" },
		[FORMAT_SWAP] = { "\"false\"", "\"1GiB\"" },
		[FORMAT_RATE] = { "\"1MB/s\"", "\"9iops\"" },
		[FORMAT_DURATION] = { "\"1m\"", "\"59m1s1ms\"" },
		[FORMAT_TIMEZONE] = { "\"UTC\"", "\"A/B\"" },
		[FORMAT_MODE] = { "\"600\"", "\"0644\"" },
		[FORMAT_ABSOLUTE] = { "\"/one\"", "\"/two\"" },
		[FORMAT_RELATIVE] = { "\"one\"", "\"two/three\"" },
		[FORMAT_INSIDE] = { "\"~/one\"", "\"/two\"" },
		[FORMAT_PROGRAM] = { "\"one\"", "\"/two\"" },
		[FORMAT_AUDIT_SINK] = { "\"journald\"", "\"syslog\"" },
		[FORMAT_LABEL] = { "\"one\"", "\"two\"" },
	};

	return by_format[r->format][which];
}

/* Arrays of one or two tables, by what the table calls its items. */
static const char *table_sample(const struct setting_table *table, int which) {
	static const struct {
		const char *noun;
		const char *samples[2];
	} list[] = {
		{ "mount",
		  { "[{host = \"/m\", container = \"/m\", readonly = true}]",
		    "[{host = \"/n\", container = \"/n\", shift = false}, "
		    "{host = \"/o\", container = \"/o\", shift = true}]" } },
		{ "socket",
		  { "[{host = \"/s\", container = \"/s\", env = \"S\"}]",
		    "[{host = \"/t\", container = \"/t\"}]" } },
		{ "credential",
		  { "[{host = \"/k\", container = \"/k\", mode = \"0600\"}]",
		    "[{host = \"/l\", container = \"/l\"}]" } },
		{ "host",
		  { "[{ip = \"10.0.0.1\", hostnames = [\"a\"], ports = [80, \"1-2\"]}]",
		    "[{ip = \"10.0.0.2\", hostnames = [\"b\", \"c\"]}]" } },
		{ "port",
		  { "[{name = \"web\", container = 80}, {name = \"ssh\", container = 22}]",
		    "[{name = \"db\", container = 81, host = 8081, listen = \"0.0.0.0\"}, "
		    "{name = \"web\", container = 82}]" } },
		{ "tool",
		  { "[{name = \"one\", binary = \"one\", new = [\"-n\"]}, {name = \"three\"}]",
		    "[{name = \"two\", files = [\"a/b\"], environment = [\"A=b\"]}, "
		    "{name = \"one\", bypass = [\"-y\"]}]" } },
	};

	for (size_t i = 0; i < ARRAY_SIZE(list); i++)
		if (strcmp(list[i].noun, table->noun) == 0)
			return which ? list[i].samples[which - 1] : "[]";
	fail_msg("there is no sample of a %s", table->noun);
	return NULL;
}

static char *list_sample(const struct setting_row *r, int which) {
	if (which == 0)
		return xstrdup("[]");
	return which == 1 ? xasprintf("[%s, %s]", sample(r, 0), sample(r, 1))
			  : xasprintf("[%s]", sample(r, 1));
}

static char *map_sample(const struct setting_row *r, int which) {
	if (which == 0)
		return xstrdup("{}");
	if (r->takes_files)
		return xstrdup(which == 1 ? "{ A = \"1\", B-c = { file = \"/x <y\" } }"
					  : "{ A = { file = \"/z\" }, D = \"4\" }");
	if (r->lists)
		return xstrdup(which == 1 ? "{ a = [\"x.example\", \"@providers\"], b-c = [] }"
					  : "{ b-c = [\"10.0.0.1\"], d = [\"*.y.example:80\"] }");
	return xstrdup(which == 1 ? "{ A = \"1\", B = \"\" }" : "{ B = \"2\", C = \"3\" }");
}

char *fixture_sample(const struct setting_row *r, int which) {
	switch (r->type) {
	case SETTING_BOOL:
		return xstrdup(which == 1 ? "true" : "false");
	case SETTING_INT:
		return xasprintf("%d", (int)(which == 0 ? r->min : which == 1 ? r->max : r->min + 1));
	case SETTING_FLOAT:
		return xstrdup(which == 0 ? "7.0" : which == 1 ? "1.25" : "1e3");
	case SETTING_PATH:
		return xstrdup(which == 0 ? "\"/c\"" : which == 1 ? "\"/a/b\"" : "\"/d\"");
	case SETTING_CHOICE:
		return xasprintf("\"%s\"", r->choices[which == 2 && !r->choices[2] ? 0 : which]);
	case SETTING_STRV:
		return list_sample(r, which);
	case SETTING_MAP:
		return map_sample(r, which);
	case SETTING_TABLES:
		return xstrdup(table_sample(r->table, which));
	default:
		return xstrdup(sample(r, which == 2 ? 0 : which));
	}
}

char *fixture_text(const struct setting_row *row, int which) {
	autofree char *value = fixture_sample(row, which);
	autofree char *toml = xasprintf("k = %s", value);
	auto_toml struct toml_node *root = NULL;
	const struct toml_node *n;
	struct buf out;
	struct err err;

	/* A flag says one variable of a map. */
	if (row->type == SETTING_TABLES || row->type == SETTING_MAP)
		return NULL;
	assert_int_equal(toml_parse(toml, strlen(toml), "t", &root, &err), 0);
	n = &root->items[0];
	if (n->type == TOML_STRING)
		return xstrdup(n->text);
	if (n->type != TOML_ARRAY)
		return steal_ptr(value);
	buf_init(&out, 4096);
	for (size_t i = 0; i < n->count; i++) {
		/* Commas part the members. */
		if (strchr(n->items[i].text, ',')) {
			buf_done(&out);
			return NULL;
		}
		buf_addf(&out, "%s%s", i ? "," : "", n->items[i].text);
	}
	return out.data;
}

char *fixture_line(const struct setting_row *row, bool in_profile, const char *value) {
	const char *path = in_profile ? settings_profile_path(row) : row->path;

	return path ? xasprintf("%s = %s\n", path, value) : NULL;
}
