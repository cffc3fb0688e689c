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
		[FORMAT_LABEL] = { "\"one\"", "\"two\"" },
	};

	return by_format[r->format][which];
}

char *fixture_sample(const struct setting_row *r, int which) {
	switch (r->type) {
	case SETTING_BOOL:
		return xstrdup(which ? "true" : "false");
	case SETTING_INT:
		return xasprintf("%d", (int)(which ? r->max : r->min));
	case SETTING_FLOAT:
		return xstrdup(which ? "1.25" : "7.0");
	case SETTING_PATH:
		return xstrdup(which ? "\"/a/b\"" : "\"/c\"");
	case SETTING_CHOICE:
		return xasprintf("\"%s\"", r->choices[which]);
	case SETTING_STRV:
		return which ? xasprintf("[%s, %s]", sample(r, 0), sample(r, 1)) : xstrdup("[]");
	case SETTING_MAP:
		if (which && r->takes_files)
			return xstrdup("{ A = \"1\", B-c = { file = \"/x <y\" } }");
		return xstrdup(which ? "{ A = \"1\", B = \"\" }" : "{}");
	case SETTING_TABLES:
		return NULL;
	default:
		return xstrdup(sample(r, which));
	}
}

char *fixture_line(const struct setting_row *row, bool in_profile, const char *value) {
	const char *path = in_profile ? settings_profile_path(row) : row->path;

	return path ? xasprintf("%s = %s\n", path, value) : NULL;
}
