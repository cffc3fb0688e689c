/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a file that came with a project gets: nothing that widens the sandbox. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/path.h"
#include "base/strv.h"
#include "config/load.h"
#include "config/show.h"
#include "config/trust-store.h"
#include "unit/config-fixture.h"

/* ---- every row in every untrusted layer ---- */

static const struct {
	enum config_layer layer;
	const char *file;
	bool in_profile;
} untrusted_layers[] = {
	{ LAYER_PROJECT, "ws/.coi/config.toml", false },
	{ LAYER_WORKSPACE, "other/.coi/config.toml", false },
	{ LAYER_PROFILE, "ws/.coi/profiles/p/config.toml", true },
};

/* What the rule of a row says about the second sample, against the built-in default. */
static void check_rule(struct fixture *f, const struct setting_row *row, const char *value,
		       enum config_layer layer) {
	bool set = config_origin(f->config, row->path)->layer == layer;
	bool refused = fixture_note(f, NOTE_REFUSED, row->path) != NULL;
	bool gated = fixture_note(f, NOTE_GATED, row->path) != NULL;
	bool is_true = strcmp(value, "true") == 0;
	bool wanted = false;

	switch (row->project) {
	case PROJECT_FREE:
	case PROJECT_NOTED:
		wanted = true;
		break;
	case PROJECT_ONLY_TRUE:
		wanted = is_true || (row->def && strcmp(row->def, "false") == 0);
		break;
	case PROJECT_ONLY_FALSE:
		wanted = !is_true || (row->def && strcmp(row->def, "true") == 0);
		break;
	case PROJECT_REFUSED:
	case PROJECT_GATED:
	case PROJECT_INSIDE: /* the samples lie outside */
		wanted = false;
		break;
	default:
		/* Measured below, by cases of their own. */
		if (set == (refused || gated))
			fail_msg("%s = %s: neither or both of set and refused", row->path, value);
		return;
	}
	if (set != wanted)
		fail_msg("%s = %s in layer %d is %s", row->path, value, layer,
			 set ? "taken" : "not taken");
	if (wanted && (refused || gated))
		fail_msg("%s = %s is taken and refused", row->path, value);
	if (row->project == PROJECT_GATED && !gated && strcmp(value, "[]") != 0)
		fail_msg("%s is dropped in silence", row->path);
	if (row->project == PROJECT_NOTED && !fixture_note(f, NOTE_NOTED, row->path) &&
	    row->type != SETTING_BOOL)
		fail_msg("%s is taken in silence", row->path);
}

static void every_row_in_every_untrusted_layer(void **state) {
	struct fixture *f = *state;
	size_t count;
	const struct setting_row *rows = settings_rows(&count);

	fixture_write(f, "ws/.coi/profiles/p/config.toml", "");
	f->workspace = f->other;
	f->profile = "p";
	for (size_t i = 0; i < count; i++) {
		for (size_t l = 0; l < ARRAY_SIZE(untrusted_layers); l++) {
			autofree char *value = fixture_sample(&rows[i], 1);
			autofree char *line = value ? fixture_line(&rows[i],
								   untrusted_layers[l].in_profile,
								   value) : NULL;

			if (!line)
				continue;
			fixture_write(f, untrusted_layers[l].file, line);
			fixture_settings(f);
			check_rule(f, &rows[i], value, untrusted_layers[l].layer);
			/* A refusal names file, line and where to put it. */
			const struct config_note *n = fixture_note(f, NOTE_REFUSED, rows[i].path);

			if (n) {
				autofree char *path = path_join(f->base, untrusted_layers[l].file);

				assert_string_equal(n->file, path);
				assert_int_equal(n->line, 1);
				assert_non_null(strstr(n->hint, "~/.coi/"));
				assert_int_equal(n->level, NOTE_WARNING);
			}
			fixture_write(f, untrusted_layers[l].file, "");
		}
	}
}

/* The rules that measure, one by one: what trusted files say, what the project says. */
static const struct {
	const char *user;
	const char *project;
	const char *path;
	bool taken;
} measured[] = {
	{ "", "network.mode = \"allowlist\"", "network.mode", true },
	{ "", "network.mode = \"restricted\"", "network.mode", true },
	{ "", "network.mode = \"open\"", "network.mode", false },
	{ "network.mode = \"open\"", "network.mode = \"restricted\"", "network.mode", true },
	{ "network.mode = \"allowlist\"", "network.mode = \"restricted\"", "network.mode", false },
	{ "limits.memory.limit = \"2GiB\"", "limits.memory.limit = \"1GiB\"", "limits.memory.limit",
	  true },
	{ "limits.memory.limit = \"2GiB\"", "limits.memory.limit = \"3GiB\"", "limits.memory.limit",
	  false },
	{ "limits.memory.limit = \"2GiB\"", "limits.memory.limit = \"10%\"", "limits.memory.limit",
	  false }, /* cannot be compared */
	{ "limits.memory.limit = \"2GiB\"", "limits.memory.limit = \"\"", "limits.memory.limit",
	  false },
	{ "", "limits.memory.limit = \"64GiB\"", "limits.memory.limit", true },
	{ "limits.cpu.count = \"2\"", "limits.cpu.count = \"0-1\"", "limits.cpu.count", true },
	{ "limits.cpu.count = \"2\"", "limits.cpu.count = \"0-2\"", "limits.cpu.count", false },
	{ "limits.cpu.allowance = \"50%\"", "limits.cpu.allowance = \"1ms/100ms\"",
	  "limits.cpu.allowance", false },
	{ "limits.cpu.allowance = \"50%\"", "limits.cpu.allowance = \"20%\"", "limits.cpu.allowance",
	  true },
	{ "", "limits.memory.swap = \"false\"", "limits.memory.swap", true },
	{ "limits.memory.swap = \"false\"", "limits.memory.swap = \"true\"", "limits.memory.swap",
	  false },
	{ "limits.memory.swap = \"1GiB\"", "limits.memory.swap = \"1GB\"", "limits.memory.swap",
	  true },
	{ "", "limits.memory.enforce = \"hard\"", "limits.memory.enforce", true },
	{ "limits.memory.enforce = \"hard\"", "limits.memory.enforce = \"soft\"",
	  "limits.memory.enforce", false },
	{ "limits.disk.read = \"10MB/s\"", "limits.disk.read = \"100iops\"", "limits.disk.read",
	  false },
	{ "limits.runtime.max_duration = \"1h\"", "limits.runtime.max_duration = \"59m\"",
	  "limits.runtime.max_duration", true },
	{ "limits.runtime.max_duration = \"1h\"", "limits.runtime.max_duration = \"61m\"",
	  "limits.runtime.max_duration", false },
	{ "limits.runtime.max_duration = \"1h\"", "limits.runtime.max_duration = \"\"",
	  "limits.runtime.max_duration", false },
	{ "limits.runtime.max_processes = 100", "limits.runtime.max_processes = 0",
	  "limits.runtime.max_processes", false },
	{ "limits.runtime.max_processes = 100", "limits.runtime.max_processes = 99",
	  "limits.runtime.max_processes", true },
	{ "", "monitoring.process_spawn_rate_threshold = 5",
	  "monitoring.process_spawn_rate_threshold", true },
	{ "", "monitoring.process_spawn_rate_threshold = 0",
	  "monitoring.process_spawn_rate_threshold", false },
	{ "", "monitoring.audit_log_retention_days = 31", "monitoring.audit_log_retention_days",
	  true },
	{ "", "monitoring.audit_log_retention_days = 1", "monitoring.audit_log_retention_days",
	  false },
	{ "", "monitoring.file_read_threshold_mb = 49.5", "monitoring.file_read_threshold_mb", true },
	{ "", "monitoring.file_read_threshold_mb = 0.0", "monitoring.file_read_threshold_mb",
	  false },
	{ "tool.permission_mode = \"interactive\"", "tool.permission_mode = \"bypass\"",
	  "tool.permission_mode", false },
	{ "", "tool.permission_mode = \"interactive\"", "tool.permission_mode", true },
	{ "", "network.allowed_ports = [443]", "network.allowed_ports", true },
	{ "network.allowed_ports = [\"1-100\"]", "network.allowed_ports = [80, \"90-100\"]",
	  "network.allowed_ports", true },
	{ "network.allowed_ports = [\"1-100\"]", "network.allowed_ports = [\"90-101\"]",
	  "network.allowed_ports", false },
	{ "network.allowed_ports = [\"1-100\"]", "network.allowed_ports = []",
	  "network.allowed_ports", false },
	{ "", "security.protected_paths = [\".git/hooks\"]", "security.protected_paths", false },
	{ "", "security.protected_paths = []", "security.protected_paths", false },
	{ "security.protected_paths = [\"a\"]", "security.protected_paths = [\"b\", \"a\"]",
	  "security.protected_paths", true },
	{ "container.stale_base_check = \"error\"", "container.stale_base_check = \"off\"",
	  "container.stale_base_check", false },
};

static void measures_are_against_trusted_files(void **state) {
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(measured); i++) {
		bool set, refused;

		fixture_user(f, measured[i].user);
		fixture_project(f, measured[i].project);
		fixture_settings(f);
		set = config_origin(f->config, measured[i].path)->layer == LAYER_PROJECT;
		refused = fixture_note(f, NOTE_REFUSED, measured[i].path) != NULL;
		if (set != measured[i].taken || refused == measured[i].taken)
			fail_msg("'%s' over '%s' is %s", measured[i].project, measured[i].user,
				 set ? "taken" : "not taken");
	}
}

/* How open a value is, in words of this test: more is more open. */
static double openness(const struct setting_row *row, const void *m) {
	double n = 0;
	int kind;

	switch (row->type) {
	case SETTING_BOOL:
		return row->project == PROJECT_ONLY_TRUE ? !*(const bool *)m : *(const bool *)m;
	case SETTING_CHOICE:
		return *(const int *)m;
	case SETTING_INT:
		n = *(const int *)m;
		if (n < 0)
			return 1e100; /* not said: coi's own judgement */
		break;
	case SETTING_FLOAT:
		n = *(const double *)m;
		break;
	case SETTING_DURATION:
		n = (double)((const struct setting_duration *)m)->ms;
		break;
	case SETTING_SIZE: {
		const struct setting_size *size = m;

		n = size->percent ? (double)size->percent : (double)size->bytes;
		break;
	}
	case SETTING_STRING:
		if (**(char *const *)m && !format_measure(row->format, *(char *const *)m, &n, &kind))
			fail_msg("%s cannot be measured", row->path);
		break;
	default:
		return 0;
	}
	if (n == 0 && row->zero_is_none)
		return 1e200;
	return row->project == PROJECT_ONLY_HIGHER ? -n : n;
}

static bool has_all(char *const *whole, char *const *part) {
	for (; part && *part; part++)
		if (!strv_contains(whole, *part))
			return false;
	return true;
}

/* Is what holds in the end more open than what the trusted layers say? */
static bool is_looser(const struct setting_row *row, const void *trusted, const void *now) {
	switch (row->project) {
	case PROJECT_ONLY_TRUE:
	case PROJECT_ONLY_FALSE:
	case PROJECT_ONLY_LOWER:
	case PROJECT_ONLY_HIGHER:
		return openness(row, now) > openness(row, trusted);
	case PROJECT_ONLY_ADD:
		return !has_all(*(char **const *)now, *(char **const *)trusted);
	case PROJECT_REFUSED:
	case PROJECT_GATED:
	case PROJECT_GATED_OUTSIDE:
	case PROJECT_INSIDE:
		return !member_equal(row, trusted, now);
	default:
		return false;
	}
}

/* Every row: what trusted layers say by what an untrusted one says, of all samples. */
static void nothing_is_looser_than_the_trusted_layers(void **state) {
	struct fixture *f = *state;
	size_t count, stricter = 0;
	const struct setting_row *rows = settings_rows(&count);

	fixture_write(f, "ws/.coi/profiles/p/config.toml", "");
	f->workspace = f->other;
	f->profile = "p";
	for (size_t i = 0; i < count * 9 * ARRAY_SIZE(untrusted_layers); i++) {
		const struct setting_row *row = &rows[i % count];
		size_t layer = i / count / 9;
		autofree char *mine = fixture_sample(row, (int)(i / count % 3));
		autofree char *theirs = fixture_sample(row, (int)(i / count / 3 % 3));
		autofree char *user = fixture_line(row, false, mine);
		autofree char *line = fixture_line(row, untrusted_layers[layer].in_profile, theirs);
		union member before = { 0 };

		if (!line || strcmp(row->path, "defaults.profile") == 0)
			continue;
		fixture_user(f, user);
		fixture_write(f, untrusted_layers[layer].file, "");
		fixture_settings(f);
		member_copy(row, &before, member_of_const(row, config_settings(f->config)));
		fixture_write(f, untrusted_layers[layer].file, line);
		fixture_settings(f);
		if (is_looser(row, &before, member_of_const(row, config_settings(f->config))))
			fail_msg("%s = %s over %s", row->path, theirs, mine);
		stricter += !member_equal(row, &before,
					  member_of_const(row, config_settings(f->config)));
		member_free(row, &before);
		fixture_write(f, untrusted_layers[layer].file, "");
	}
	assert_true(stricter > 100);
}

/*
 * Each key that watches, records, limits, or opens the network, in words of this test: what a
 * person says, and all that a project might say to see less of itself, or to get further.
 */
static const struct {
	const char *path;
	const char *mine;
	const char *theirs[2];
} guards[] = {
	{ "limits.cpu.count", "\"2\"", { "\"4\"", "\"\"" } },
	{ "limits.cpu.allowance", "\"50%\"", { "\"60%\"", "\"\"" } },
	{ "limits.cpu.priority", "5", { "6", "0" } },
	{ "limits.memory.limit", "\"1GiB\"", { "\"2GiB\"", "\"\"" } },
	{ "limits.memory.enforce", "\"hard\"", { "\"soft\"" } },
	{ "limits.memory.swap", "\"false\"", { "\"true\"", "\"1GiB\"" } },
	{ "limits.disk.read", "\"10MB/s\"", { "\"11MB/s\"", "\"\"" } },
	{ "limits.disk.write", "\"10MB/s\"", { "\"11MB/s\"", "\"\"" } },
	{ "limits.disk.max", "\"10MB/s\"", { "\"11MB/s\"", "\"\"" } },
	{ "limits.disk.priority", "5", { "6", "0" } },
	{ "limits.disk.size", "\"1GiB\"", { "\"2GiB\"", "\"\"" } },
	{ "limits.disk.tmpfs_size", "\"1GiB\"", { "\"2GiB\"", "\"\"" } },
	{ "limits.runtime.max_duration", "\"1h\"", { "\"2h\"", "\"\"" } },
	{ "limits.runtime.max_processes", "100", { "101", "0" } },
	{ "limits.runtime.auto_stop", "true", { "false" } },
	{ "limits.runtime.stop_graceful", "false", { "true" } },
	{ "network.mode", "\"allowlist\"", { "\"restricted\"", "\"open\"" } },
	{ "network.block_private_networks", "true", { "false" } },
	{ "network.block_metadata_endpoint", "true", { "false" } },
	{ "network.allow_local_network_access", "false", { "true" } },
	{ "network.allowed_domains", "[\"a.example.com\"]", { NULL } }, /* see allowed_domains() */
	{ "network.domain_sets", "{ a = [\"a.example.com\"] }", { "{ a = [\"b.example.com\"] }" } },
	/* In allowlist mode learnt addresses run out whether they are asked for again or not. */
	{ "network.refresh_interval_minutes", "30", { NULL } },
	{ "network.use_sudo", "true", { "false" } },
	{ "network.hosts", "[]", { "[{ ip = \"10.0.0.1\", hostnames = [\"a\"] }]" } },
	{ "network.dns_servers", "[\"192.0.2.1\"]", { "[\"192.0.2.2\"]", "[]" } },
	{ "network.allowed_ports", "[443]", { "[443, 80]", "[]" } },
	{ "network.logging.enabled", "true", { "false" } },
	{ "network.logging.path", "\"/a\"", { "\"/dev/null\"" } },
	{ "security.protected_paths", "[\"a\"]", { "[]", "[\"b\"]" } },
	{ "security.additional_protected_paths", "[\"a\"]", { NULL } }, /* unions, see above */
	{ "security.secret_paths", "[\"a\"]", { NULL } },
	{ "security.writable_paths", "[]", { "[\".git/hooks\"]" } },
	{ "security.disable_protection", "false", { "true" } },
	{ "security.host_immutable", "true", { "false" } },
	{ "security.reduce_kernel_surface", "true", { "false" } },
	{ "security.reduce_kernel_surface_strict", "true", { "false" } },
	{ "monitoring.enabled", "true", { "false" } },
	{ "monitoring.auto_pause_on_high", "true", { "false" } },
	{ "monitoring.auto_kill_on_critical", "true", { "false" } },
	{ "monitoring.poll_interval_sec", "2", { "3", "1" } },
	{ "monitoring.file_read_threshold_mb", "50.0", { "51.0", "0.0" } },
	{ "monitoring.file_read_rate_mb_per_sec", "10.0", { "11.0", "0.0" } },
	{ "monitoring.process_count_threshold", "100", { "101", "0" } },
	{ "monitoring.process_spawn_rate_threshold", "100", { "101", "0" } },
	{ "monitoring.audit_log_retention_days", "30", { "29" } },
	{ "monitoring.forensics_on_kill", "true", { "false" } },
	{ "monitoring.audit_sinks", "[\"syslog\"]", { "[]", "[\"journald\"]" } },
	{ "monitoring.canaries", "true", { "false" } },
	{ "monitoring.block", "true", { "false" } },
	{ "monitoring.block_secrets", "[\"~/.ssh/id_a\"]", { "[]", "[\"~/.ssh/id_b\"]" } },
	{ "monitoring.block_tools", "[\"nmap\"]", { "[]", "[\"ncat\"]" } },
	{ "monitoring.reverse_shell_one_liners", "\"critical\"", { "\"warn\"", "\"off\"" } },
	{ "monitoring.nft.enabled", "true", { "false" } },
	{ "monitoring.nft.rate_limit_per_second", "100", { "99", "101" } },
	{ "monitoring.nft.dns_query_threshold", "100", { "101", "0" } },
	{ "monitoring.nft.log_dns_queries", "true", { "false" } },
	{ "monitoring.nft.lima_host", "\"a\"", { "\"b\"" } },
	{ "detection.gtfobins_source", "\"https://a.example.com/g\"", { "\"\"" } },
	{ "detection.gtfobins_dir", "\"/a\"", { "\"/b\"" } },
	{ "detection.sigma_source", "\"https://a.example.com/s\"", { "\"\"" } },
	{ "detection.sigma_dir", "\"/a\"", { "\"/b\"" } },
};

static bool is_guard(const char *path) {
	static const char *const sections[] = { "limits.", "network.", "security.", "monitoring.",
						"detection." };

	for (size_t i = 0; i < ARRAY_SIZE(sections); i++)
		if (strncmp(path, sections[i], strlen(sections[i])) == 0)
			return true;
	return false;
}

static void no_guard_is_weakened(void **state) {
	struct fixture *f = *state;
	size_t count, i = 0;
	const struct setting_row *rows = settings_rows(&count);

	for (const struct setting_row *row = rows; row < rows + count; row++) {
		size_t n = 0;

		for (i = 0; i < ARRAY_SIZE(guards); i++)
			n += strcmp(guards[i].path, row->path) == 0;
		if (n != is_guard(row->path))
			fail_msg("%s: what weakens it is not said here", row->path);
	}
	for (i = 0; i < ARRAY_SIZE(guards); i++) {
		autofree char *mine = xasprintf("%s = %s\n", guards[i].path, guards[i].mine);
		const struct setting_row *row = settings_row(guards[i].path);

		fixture_user(f, mine);
		for (size_t k = 0; k < ARRAY_SIZE(guards[i].theirs) && guards[i].theirs[k]; k++) {
			autofree char *theirs = xasprintf("%s = %s\n", row->path, guards[i].theirs[k]);
			union member before = { 0 };

			fixture_project(f, "");
			fixture_settings(f);
			assert_int_equal(config_origin(f->config, row->path)->layer, LAYER_USER);
			member_copy(row, &before, member_of_const(row, config_settings(f->config)));
			fixture_project(f, theirs);
			fixture_settings(f);
			if (!member_equal(row, &before,
					  member_of_const(row, config_settings(f->config))))
				fail_msg("a project's '%s' changes '%s'", theirs, mine);
			if (!fixture_note(f, NOTE_REFUSED, row->path) &&
			    !fixture_note(f, NOTE_GATED, row->path))
				fail_msg("a project's '%s' is dropped in silence", theirs);
			member_free(row, &before);
		}
	}
}

/* Where a trusted layer stands in the order does not matter. */
static void later_trusted_layers_count_too(void **state) {
	struct fixture *f = *state;

	fixture_env_file(f, "[network]\nmode = \"allowlist\"\n");
	fixture_project(f, "[network]\nmode = \"allowlist\"\n"
			   "allowed_domains = [\"evil.example.com\"]\n");
	fixture_settings(f);
	assert_false(strv_contains(config_settings(f->config)->network.allowed_domains,
				   "evil.example.com"));
	assert_non_null(fixture_note(f, NOTE_GATED, "network.allowed_domains"));
}

static void unions_are_only_added_to(void **state) {
	struct fixture *f = *state;
	const struct settings *s;

	fixture_user(f, "[security]\nadditional_protected_paths = [\"a\"]\nsecret_paths = [\"x\"]\n"
			"[defaults]\nforward_env = [\"A\"]\n");
	fixture_project(f, "[security]\nadditional_protected_paths = []\nsecret_paths = [\"y\"]\n"
			   "[defaults]\nforward_env = []\n[mounts]\ndefault = []\n");
	s = fixture_settings(f);
	assert_int_equal(strv_len(s->security.additional_protected_paths), 1);
	assert_int_equal(strv_len(s->security.secret_paths), 2);
	assert_int_equal(strv_len(s->defaults.forward_env), 1);
}

static void allowed_domains(void **state) {
	static const struct {
		const char *domain;
		bool public;
	} list[] = {
		{ "a.example.com", true },  { "*.example.com", true },	{ "8.8.8.8", true },
		{ "8.8.0.0/16", true },	    { "x.com:443", true },	{ "@registries", true },
		{ "10.0.0.1", false },	    { "192.168.0.0/16", false }, { "0.0.0.0/0", false },
		{ "128.0.0.0/1", false },   { "169.254.169.254", false }, { "127.0.0.1", false },
		{ "localhost", false },	    { "db", false },		{ "x.local", false },
		{ "x.INTERNAL", false },    { "x.local.", false },	{ "0x7f.1", false },
		{ "2130706433", false },    { "127.1", false },		{ "10.0.0.1:80", false },
		{ "172.31.1.1", false },    { "100.64.0.1", false },	{ "foo.localhost", false },
		{ "metadata.google.internal", false }, { "0x7f.0.0.0x1", false },
		{ "a.example.1", false },   { "3com.com", true },
		{ "168.63.129.16", false }, { "168.63.129.17", true },
		{ "168.63.0.0/16", false }, { "192.0.0.192", false },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(list); i++) {
		autofree char *text = xasprintf("[network]\nmode = \"allowlist\"\n"
						"allowed_domains = [\"ok.example.com\", \"%s\"]\n",
						list[i].domain);
		bool taken;

		fixture_user(f, "");
		fixture_project(f, text);
		taken = strv_contains(fixture_settings(f)->network.allowed_domains, list[i].domain);
		if (taken != list[i].public)
			fail_msg("%s is %s", list[i].domain, taken ? "taken" : "not taken");
		if (!taken)
			assert_non_null(fixture_note(f, NOTE_REFUSED, "network.allowed_domains"));
		/* Where trusted files have a list, each name beyond it waits. */
		fixture_user(f, "[network]\nmode = \"allowlist\"\n"
				"allowed_domains = [\"ok.example.com\"]\n");
		taken = strv_contains(fixture_settings(f)->network.allowed_domains, list[i].domain);
		assert_false(taken);
	}
	/* A shorter list and fewer ports are stricter. */
	fixture_user(f, "[network]\nmode = \"allowlist\"\nallowed_domains = [\"a.com\", \"b.com\"]\n");
	fixture_project(f, "[network]\nallowed_domains = [\"a.com:443\"]\n");
	assert_int_equal(strv_len(fixture_settings(f)->network.allowed_domains), 1);
	assert_int_equal(fixture_count(f, NOTE_GATED), 0);
}

/* A set of the person's gives a project what its members would, and no more. */
static void domain_sets(void **state) {
	static const char sets[] = "[network.domain_sets]\npub = [\"a.com\", \"b.com:443\"]\n"
				   "lan = [\"a.com\", \"10.0.0.1\"]\nouter = [\"@lan\"]\n"
				   "round = [\"@round\"]\nempty = []\n";
	struct fixture *f = *state;
	autofree char *open_user = xasprintf("[network]\nmode = \"restricted\"\n%s", sets);
	autofree char *list_user = xasprintf("[network]\nmode = \"allowlist\"\n"
					     "allowed_domains = [\"@pub\", \"@lan\"]\n%s", sets);
	static const struct {
		const char *domain;
		bool open, list; /* taken where all is open, and where there is a list */
	} list[] = {
		{ "@pub", true, true },	   { "@lan", false, true },   { "@outer", false, true },
		{ "@round", false, false }, { "@empty", true, true }, { "@unknown", true, false },
		{ "a.com", true, true },   { "10.0.0.1", false, true }, { "c.com", true, false },
		{ "b.com:443", true, true }, { "b.com", true, false }, { "10.0.0.2", false, false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(list); i++) {
		autofree char *text = xasprintf("[network]\nmode = \"allowlist\"\n"
						"allowed_domains = [\"ok.example.com\", \"%s\"]\n",
						list[i].domain);
		bool taken;

		fixture_user(f, open_user);
		fixture_project(f, text);
		taken = strv_contains(fixture_settings(f)->network.allowed_domains, list[i].domain);
		if (taken != list[i].open)
			fail_msg("open: %s is %s", list[i].domain, taken ? "taken" : "not taken");
		fixture_user(f, list_user);
		taken = strv_contains(fixture_settings(f)->network.allowed_domains, list[i].domain);
		if (taken != list[i].list)
			fail_msg("list: %s is %s", list[i].domain, taken ? "taken" : "not taken");
	}
	/* It defines none, and cannot change what one of them is. */
	fixture_user(f, list_user);
	fixture_project(f, "[network.domain_sets]\npub = [\"evil.com\"]\nmore = [\"x.com\"]\n");
	assert_int_equal(strv_len(fixture_settings(f)->network.domain_sets.entries), 5);
	assert_false(strv_contains(fixture_settings(f)->network.domain_sets.entries, "pub=evil.com"));
	assert_non_null(fixture_note(f, NOTE_REFUSED, "network.domain_sets"));
}

/* ---- the gate ---- */

static void gate_opens_for_exactly_what_was_approved(void **state) {
	struct fixture *f = *state;
	const struct settings *s;
	const struct config_gated *items;
	autofree char *script = path_join(f->cwd, ".coi/build.sh");
	size_t count;

	fixture_write(f, "ws/sub/file", "");
	fixture_write(f, "ws/.coi/build.sh", "echo hi\n");
	fixture_project(f, "[[mounts.default]]\nhost = \"/etc\"\ncontainer = \"/x\"\nreadonly = true\n"
			   "[[mounts.default]]\nhost = \"sub\"\ncontainer = \"/y\"\n"
			   "[[sockets]]\nhost = \"/run/x.sock\"\ncontainer = \"/s\"\nenv = \"S\"\n"
			   "[defaults]\nforward_env = [\"TOKEN\"]\n"
			   "[container.build]\nscript = \"build.sh\"\ncommands = [\"id\"]\n");
	s = fixture_settings(f);
	/* The one inside is there, with the directory that was looked at. */
	assert_int_equal(s->mounts.count, 1);
	assert_string_equal(s->mounts.items[0].container, "/y");
	assert_true(s->mounts.items[0].host_fd >= 0);
	assert_int_equal(s->sockets.count, 0);
	assert_int_equal(strv_len(s->defaults.forward_env), 0);
	assert_string_equal(s->container.build.script, "");
	assert_int_equal(strv_len(s->container.build.commands), 0);
	items = config_gated(f->config, &count);
	assert_int_equal(count, 5);
	assert_int_equal(fixture_count(f, NOTE_GATED), 5);
	for (size_t i = 0; i < count; i++) {
		assert_true(items[i].line > 0);
		assert_false(items[i].is_approved);
	}
	fixture_approve(f);
	s = fixture_settings(f);
	assert_int_equal(fixture_count(f, NOTE_GATED), 0);
	assert_int_equal(s->mounts.count, 2);
	assert_string_equal(s->mounts.items[1].host, "/etc");
	assert_true(s->mounts.items[1].host_fd >= 0);
	assert_true(s->mounts.items[1].readonly);
	assert_int_equal(s->sockets.count, 1);
	assert_string_equal(s->defaults.forward_env[0], "TOKEN");
	assert_string_equal(s->container.build.script, script);
	assert_string_equal(s->container.build.commands[0], "id");
	assert_false(config_origin(f->config, "sockets")->is_trusted);
	/* One byte of the script is another script. */
	fixture_write(f, "ws/.coi/build.sh", "echo ho\n");
	s = fixture_settings(f);
	assert_int_equal(s->mounts.count, 1);
	assert_int_equal(fixture_count(f, NOTE_GATED), 5);
	fixture_write(f, "ws/.coi/build.sh", "echo hi\n");
	assert_int_equal(fixture_settings(f)->mounts.count, 2);
}

static void any_change_revokes(void **state) {
	static const char base[] = "[[mounts.default]]\nhost = \"/etc\"\ncontainer = \"/x\"\n";
	static const char *const changed[] = {
		"[[mounts.default]]\nhost = \"/etc\"\ncontainer = \"/y\"\n",
		"[[mounts.default]]\nhost = \"/usr\"\ncontainer = \"/x\"\n",
		"[[mounts.default]]\nhost = \"/etc\"\ncontainer = \"/x\"\nreadonly = true\n",
		"[[mounts.default]]\nhost = \"/etc\"\ncontainer = \"/x\"\nshift = true\n",
		"[[mounts.default]]\nhost = \"/etc\"\ncontainer = \"/x\"\n"
		"[[mounts.default]]\nhost = \"/usr\"\ncontainer = \"/z\"\n",
		"[[mounts.default]]\nhost = \"/etc\"\ncontainer = \"/x\"\n"
		"[[sockets]]\nhost = \"/s\"\ncontainer = \"/s\"\n",
		"[[mounts.default]]\nhost = \"/etc\\\"|\\\"/x\"\ncontainer = \"/x\"\n",
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(changed); i++) {
		fixture_project(f, base);
		fixture_settings(f);
		fixture_approve(f);
		assert_int_equal(fixture_settings(f)->mounts.count, 1);
		fixture_project(f, changed[i]);
		if (fixture_settings(f)->mounts.count != 0)
			fail_msg("still approved: %s", changed[i]);
		assert_true(fixture_count(f, NOTE_GATED) > 0);
	}
	/* What says the same in other words is the same. */
	fixture_project(f, "mounts.default = [ {container=\"/x\", host='/./etc/'} ] # a comment\n");
	assert_int_equal(fixture_settings(f)->mounts.count, 1);
}

static void link_that_is_turned_revokes(void **state) {
	struct fixture *f = *state;
	autofree char *link = path_join(f->cwd, "link");

	assert_int_equal(symlink("/etc", link), 0);
	fixture_project(f, "[[mounts.default]]\nhost = \"link\"\ncontainer = \"/x\"\n");
	assert_int_equal(fixture_settings(f)->mounts.count, 0);
	fixture_approve(f);
	assert_int_equal(fixture_settings(f)->mounts.count, 1);
	assert_int_equal(unlink(link), 0);
	assert_int_equal(symlink("/usr", link), 0);
	assert_int_equal(fixture_settings(f)->mounts.count, 0);
}

/* The descriptor is of what was judged, whatever happens to the name. */
static void swapped_after_the_check(void **state) {
	struct fixture *f = *state;
	autofree char *dir = path_join(f->cwd, "dir");
	autofree char *away = path_join(f->cwd, "away");
	const struct settings *s;
	struct stat judged, held;

	fixture_write(f, "ws/dir/file", "");
	fixture_project(f, "[[mounts.default]]\nhost = \"dir\"\ncontainer = \"/x\"\n");
	s = fixture_settings(f);
	assert_int_equal(stat(dir, &judged), 0);
	assert_int_equal(rename(dir, away), 0);
	assert_int_equal(symlink("/etc", dir), 0);
	assert_int_equal(fstat(s->mounts.items[0].host_fd, &held), 0);
	assert_true(held.st_ino == judged.st_ino && held.st_dev == judged.st_dev);
	assert_true(fcntl(s->mounts.items[0].host_fd, F_GETFD) & FD_CLOEXEC);
}

/* What was judged is what is run, whatever lies there now. */
static void script_swapped_after_the_check(void **state) {
	struct fixture *f = *state;
	autofree char *text = NULL, *again = NULL;

	fixture_write(f, "ws/.coi/build.sh", "echo approved\n");
	fixture_project(f, "container.build.script = \"build.sh\"\n");
	fixture_settings(f);
	assert_int_equal(config_build_script(f->config, NULL, &text, &f->err), 0);
	fixture_approve(f);
	fixture_settings(f);
	/* In place: the same inode, other bytes. */
	fixture_write(f, "ws/.coi/build.sh", "echo forged!!\n");
	assert_int_equal(config_build_script(f->config, NULL, &text, &f->err), 1);
	assert_string_equal(text, "echo approved\n");
	/* And the next start asks again. */
	fixture_settings(f);
	assert_int_equal(config_build_script(f->config, NULL, &again, &f->err), 0);
	assert_int_equal(fixture_count(f, NOTE_GATED), 1);
}

/* Named by hand, [container] of a project's profile beats the workspace's file too. */
static void profile_named_by_hand_beats_the_workspace(void **state) {
	struct fixture *f = *state;
	const struct settings *s;
	autofree char *text = NULL;
	size_t count;

	fixture_write(f, "ws/.coi/profiles/p/build.sh", "echo p\n");
	fixture_write(f, "ws/.coi/profiles/p/config.toml",
		      "[container]\nimage = \"profile\"\nsession_name = \"x\"\ndocker = true\n"
		      "build.script = \"build.sh\"\n[network]\nmode = \"allowlist\"\n"
		      "[[mounts]]\nhost = \"/etc\"\ncontainer = \"/x\"\n");
	fixture_write(f, "other/.coi/config.toml",
		      "[container]\nimage = \"overlay\"\npersistent = true\ndocker = false\n");
	fixture_user(f, "container.docker = false\n");
	f->workspace = f->other;
	f->profile = "p";
	s = fixture_settings(f);
	assert_string_equal(s->container.image, "profile");
	assert_int_equal(config_origin(f->config, "container.image")->layer, LAYER_PROFILE);
	assert_false(config_origin(f->config, "container.image")->is_trusted);
	assert_true(s->container.persistent);
	/* Under the rules of a project, and each said once. */
	assert_string_equal(s->container.session_name, "");
	assert_false(s->container.docker);
	assert_int_equal(fixture_count(f, NOTE_REFUSED), 2);
	assert_int_equal(fixture_count(f, NOTE_GATED), 2);
	(void)config_gated(f->config, &count);
	assert_int_equal(count, 2);
	assert_string_equal(s->container.build.script, "");
	/* Approved, the script is its own and the mount there once. */
	fixture_approve(f);
	s = fixture_settings(f);
	assert_int_equal(fixture_count(f, NOTE_GATED), 0);
	assert_int_equal(s->mounts.count, 1);
	assert_int_equal(config_build_script(f->config, NULL, &text, &f->err), 1);
	assert_string_equal(text, "echo p\n");
	(void)config_gated(f->config, &count);
	assert_int_equal(count, 2);
	/* Chosen by a setting it does not. */
	f->profile = NULL;
	fixture_write(f, "home/.coi/config.toml", "defaults.profile = \"p\"\n");
	assert_string_equal(fixture_settings(f)->container.image, "overlay");
	/* Not approved, the workspace's own script is not replaced by nothing. */
	f->profile = "p";
	fixture_write(f, "ws/.coi/profiles/p/build.sh", "echo q\n");
	fixture_write(f, "other/.coi/build.sh", "echo other\n");
	fixture_write(f, "other/.coi/config.toml", "container.build.script = \"build.sh\"\n");
	fixture_settings(f);
	{
		autofree char *file = path_join(f->other, ".coi/config.toml");
		autofree char *other_text = NULL;
		size_t files;

		assert_int_equal(trust_approve(f->config, &f->person, f->home, file, &files, &f->err),
				 0);
		fixture_settings(f);
		assert_int_equal(config_build_script(f->config, NULL, &other_text, &f->err), 1);
		assert_string_equal(other_text, "echo other\n");
	}
}

static void each_file_is_approved_alone(void **state) {
	static const char text[] = "[[mounts.default]]\nhost = \"/etc\"\ncontainer = \"/x\"\n";
	struct fixture *f = *state;

	fixture_project(f, text);
	fixture_settings(f);
	fixture_approve(f);
	fixture_write(f, "other/.coi/config.toml", text);
	f->workspace = f->other;
	/* The project's own is approved, that of the other directory is not. */
	assert_int_equal(fixture_settings(f)->mounts.count, 1);
	assert_int_equal(fixture_count(f, NOTE_GATED), 1);
}

static void trust_all_opens_the_gate_only(void **state) {
	static const char *const yes[] = { "1", "true", "yes", "TRUE", " Yes " };
	static const char *const no[] = { "", "0", "no", "2", "truex", "on" };
	struct fixture *f = *state;
	const struct settings *s;

	fixture_project(f, "[[mounts.default]]\nhost = \"/etc\"\ncontainer = \"/x\"\n"
			   "[network]\nmode = \"open\"\n[defaults.env_commands]\nA = \"id\"\n");
	for (size_t i = 0; i < ARRAY_SIZE(yes); i++) {
		fixture_setenv(f, "COI_TRUST_ALL", yes[i]);
		s = fixture_settings(f);
		assert_int_equal(s->mounts.count, 1);
		assert_int_equal(s->network.mode, MODE_RESTRICTED);
		assert_null(s->defaults.env_commands.entries);
	}
	for (size_t i = 0; i < ARRAY_SIZE(no); i++) {
		fixture_setenv(f, "COI_TRUST_ALL", no[i]);
		assert_int_equal(fixture_settings(f)->mounts.count, 0);
	}
}

static void garbled_store_approves_nothing(void **state) {
	static const char *const garbled[] = { "not toml [", "approvals = 1\n",
					       "[approvals]\nx = 1\n", "\xff\xfe" };
	struct fixture *f = *state;
	autofree char *store = path_join(f->home, ".coi/trust.toml");
	struct stat st;

	fixture_project(f, "[[mounts.default]]\nhost = \"/etc\"\ncontainer = \"/x\"\n");
	fixture_settings(f);
	fixture_approve(f);
	assert_int_equal(stat(store, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(chmod(store, 0622), 0);
	assert_int_equal(fixture_settings(f)->mounts.count, 0);
	assert_non_null(fixture_note(f, NOTE_FILE, NULL));
	assert_int_equal(chmod(store, 0600), 0);
	assert_int_equal(fixture_settings(f)->mounts.count, 1);
	for (size_t i = 0; i < ARRAY_SIZE(garbled); i++) {
		fixture_write(f, "home/.coi/trust.toml", garbled[i]);
		assert_int_equal(fixture_settings(f)->mounts.count, 0);
		/* And it can be made anew. */
		fixture_approve(f);
		assert_int_equal(fixture_settings(f)->mounts.count, 1);
	}
	assert_int_equal(unlink(store), 0);
	assert_int_equal(symlink("../../elsewhere.toml", store), 0);
	assert_int_equal(fixture_settings(f)->mounts.count, 0);
}

static void revoking(void **state) {
	struct fixture *f = *state;
	autofree char *file = path_join(f->cwd, ".coi/config.toml");
	auto_trust_store struct trust_store store = { 0 };

	fixture_project(f, "[[mounts.default]]\nhost = \"/etc\"\ncontainer = \"/x\"\n");
	fixture_settings(f);
	fixture_approve(f);
	assert_int_equal(trust_store_load(&f->person, f->home, &store, &f->err), 0);
	assert_int_equal(store.count, 1);
	assert_string_equal(store.entries[0].file, file);
	assert_true(trust_store_remove(&store, file));
	assert_false(trust_store_remove(&store, file));
	assert_int_equal(trust_store_save(&f->person, f->home, &store, &f->err), 0);
	assert_int_equal(fixture_settings(f)->mounts.count, 0);
}

/* The form of 0.9, so that its approvals still hold. */
static void fingerprint_is_that_of_0_9(void **state) {
	const struct config_gated items[] = {
		{ .file = "/f", .canonical = (char *)"socket:\"/s\"|\"/c\"|\"E\"" },
		{ .file = "/other", .canonical = (char *)"x" },
		{ .file = "/f", .canonical = (char *)"mount:\"/etc\"|\"/x\"|true" },
	};
	static const char text[] = "mount:\"/etc\"|\"/x\"|true\nsocket:\"/s\"|\"/c\"|\"E\"";
	char want[HASH_HEX_SIZE], got[HASH_HEX_SIZE];
	struct fixture *f = *state;
	size_t count;

	hash_hex(text, strlen(text), want);
	trust_fingerprint(items, ARRAY_SIZE(items), "/f", got);
	assert_string_equal(want, got);
	fixture_project(f, "[[mounts.default]]\nhost = \"/etc\"\ncontainer = \"/x\"\nreadonly = true\n"
			   "[[sockets]]\nhost = \"/s\"\ncontainer = \"/c\"\nenv = \"E\"\n");
	fixture_settings(f);
	const struct config_gated *real = config_gated(f->config, &count);

	assert_int_equal(count, 2);
	trust_fingerprint(real, count, real[0].file, got);
	assert_string_equal(want, got);
}

#define T(name) cmocka_unit_test_setup_teardown(name, fixture_make, fixture_remove)

int main(void) {
	const struct CMUnitTest tests[] = {
		T(every_row_in_every_untrusted_layer),
		T(measures_are_against_trusted_files),
		T(nothing_is_looser_than_the_trusted_layers),
		T(no_guard_is_weakened),
		T(later_trusted_layers_count_too),
		T(unions_are_only_added_to),
		T(allowed_domains),
		T(domain_sets),
		T(gate_opens_for_exactly_what_was_approved),
		T(any_change_revokes),
		T(link_that_is_turned_revokes),
		T(swapped_after_the_check),
		T(script_swapped_after_the_check),
		T(profile_named_by_hand_beats_the_workspace),
		T(each_file_is_approved_alone),
		T(trust_all_opens_the_gate_only),
		T(garbled_store_approves_nothing),
		T(revoking),
		T(fingerprint_is_that_of_0_9),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
