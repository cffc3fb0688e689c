/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Secrets in command lines, and the tables of threats. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "audit/mask.h"
#include "audit/threat.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/strv.h"

/* "hunter2…" is the secret; what else there is has to stay. */
static const struct {
	const char *in, *out;
} lines[] = {
	{ "mysql --password=hunter2 db", "mysql --password=*** db" },
	{ "mysql --password hunter2 db", "mysql --password *** db" },
	{ "mysql --password -u root", "mysql --password -u root" },
	{ "PGPASSWORD=hunter2 psql -h x", "PGPASSWORD=*** psql -h x" },
	{ "export GITHUB_TOKEN='hunter2 with blank'; git push", "export GITHUB_TOKEN=***; git push" },
	{ "env AWS_SECRET_ACCESS_KEY=hunter2 aws s3 ls", "env AWS_SECRET_ACCESS_KEY=*** aws s3 ls" },
	{ "curl -H 'Authorization: Bearer hunter2' https://x/y",
	  "curl -H 'Authorization: Bearer ***' https://x/y" },
	{ "curl -H \"X-Api-Key: hunter2\" https://x", "curl -H \"X-Api-Key: ***\" https://x" },
	{ "git clone https://ann:hunter2@git.test/r.git", "git clone https://ann:***@git.test/r.git" },
	{ "git clone https://hunter2@git.test/r.git", "git clone https://***@git.test/r.git" },
	{ "git clone git@git.test:a/r.git", "git clone git@git.test:a/r.git" },
	{ "npm i @scope/pkg@1.2.3", "npm i @scope/pkg@1.2.3" },
	{ "curl https://x/y?a=b@c", "curl https://x/y?a=b@c" },
	{ "tool --key sk-abcdefghijklmnopqrstuvwxyz", "tool --key sk-***" },
	{ "tool KEY=ghp_abcdefghijklmnopqrstuv x", "tool KEY=ghp_*** x" },
	{ "echo sk-short", "echo sk-short" },
	{ "task-sk-abcdefghijklmnopqrstuvwxyz", "task-sk-abcdefghijklmnopqrstuvwxyz" },
	{ "docker login --password-stdin", "docker login --password-stdin" },
	{ "tool --token-file=/run/t x", "tool --token-file=/run/t x" },
	{ "make -j4 CFLAGS=-O2", "make -j4 CFLAGS=-O2" },
	{ "", "" },
	{ "--password", "--password" },
	{ "a://", "a://" },
	{ "=", "=" },
};

static void texts_are_masked(void **state) {
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		autofree char *out = mask_text(lines[i].in);

		assert_string_equal(out, lines[i].out);
		assert_null(strstr(out, "hunter2"));
	}
}

static const struct {
	const char *in[6];
	const char *out;
} commands[] = {
	{ { "curl", "-u", "ann:hunter2", "https://x" }, "curl -u '***' https://x" },
	{ { "/usr/bin/sshpass", "-phunter2", "ssh", "x" }, "/usr/bin/sshpass '-p***' ssh x" },
	{ { "sshpass", "-p", "hunter2", "ssh" }, "sshpass -p '***' ssh" },
	{ { "ssh", "-p", "2222", "x" }, "ssh -p 2222 x" },
	{ { "mysql", "-uroot", "-phunter2" }, "mysql -uroot '-p***'" },
	{ { "tool", "--api-key", "hunter2 3", "go" }, "tool --api-key '***' go" },
	{ { "sh", "-c", "TOKEN=hunter2 make", NULL }, "sh -c 'TOKEN=*** make'" },
	{ { "curl", "-H", "Authorization: token hunter2" }, "curl -H 'Authorization: token ***'" },
	{ { "openssl", "enc", "-pass", "pass:hunter2" }, "openssl enc -pass '***'" },
	{ { "git", "commit", "-m", "it's done" }, "git commit -m 'it'\\''s done'" },
	{ { "printf", "" }, "printf ''" },
};

static void commands_are_masked(void **state) {
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		autostrv char **out = mask_command((char *const *)commands[i].in);
		autofree char *joined = strv_to_shell(out);

		assert_string_equal(joined, commands[i].out);
	}
	assert_null(mask_command(NULL));
}

/* ---- the tables */

static void words_and_back(void **state) {
	for (int i = 0; i < AUDIT_LEVEL_COUNT; i++)
		assert_int_equal(audit_level_from_string(audit_level_to_string((enum audit_level)i)), i);
	for (int i = 0; i < AUDIT_CATEGORY_COUNT; i++)
		assert_int_equal(audit_category_from_string(
					 audit_category_to_string((enum audit_category)i)), i);
	for (int i = 0; i < AUDIT_ACTION_COUNT; i++)
		for (int k = 0; k < i; k++)
			assert_string_not_equal(audit_action_to_string((enum audit_action)i),
						audit_action_to_string((enum audit_action)k));
	for (int i = 0; i < AUDIT_EVIDENCE_COUNT; i++)
		assert_int_equal(audit_evidence_from_string(
					 audit_evidence_def((enum audit_evidence)i)->name), i);
	assert_int_equal(audit_level_from_string("x"), AUDIT_LEVEL_COUNT);
	assert_int_equal(audit_category_from_string(""), AUDIT_CATEGORY_COUNT);
	assert_int_equal(audit_evidence_from_string("none"), AUDIT_EVIDENCE_COUNT);
}

static struct audit *memory_audit(struct audit_sink **ret) {
	const struct privilege who = { .user = (char *)"ann", .home = (char *)"/" };
	struct audit *a = audit_new(&who);

	*ret = audit_sink_memory();
	audit_add_sink(a, *ret);
	return a;
}

/* Each kind of evidence with all its fields: the shape that people know. */
static void each_evidence_has_its_shape(void **state) {
	static char *list[] = { (char *)"one", (char *)"--password=hunter2", NULL };

	for (int kind = 0; kind < AUDIT_EVIDENCE_COUNT; kind++) {
		const struct audit_evidence_def *def = audit_evidence_def((enum audit_evidence)kind);
		struct audit_field fields[AUDIT_FIELDS_MAX + 1] = { 0 };
		struct audit_sink *sink;
		auto_audit struct audit *a = memory_audit(&sink);
		struct err err;
		size_t n = 0;

		for (const struct audit_field_def *d = def->fields; d->name; d++) {
			assert_true(d->meaning && *d->meaning);
			fields[n++] = (struct audit_field){ .name = d->name, .kind = d->kind,
							    .text = "te\033xt", .list = list,
							    .number = 7, .real = 1.005 };
		}
		const struct audit_threat t = {
			.level = AUDIT_CRITICAL,
			.category = AUDIT_NETWORK,
			.title = "title",
			.description = "description",
			.evidence = (enum audit_evidence)kind,
			.fields = fields,
			.action = AUDIT_KILLED,
			.count = 3,
			.src = "10.0.0.1",
		};

		assert_int_equal(audit_threat(a, "c", &t, &err), 0);

		const json_t *j = audit_memory_get(sink, 0);
		const json_t *one = json_object_get(json_object_get(j, "evidence"), def->name);
		autofree char *text = json_dumps(j, JSON_COMPACT);

		assert_int_equal(strlen(json_get_str(j, "id", "")), 36);
		assert_string_equal(json_get_str(j, "level", ""), "critical");
		assert_string_equal(json_get_str(j, "category", ""), "network");
		assert_string_equal(json_get_str(j, "action", ""), "killed");
		assert_string_equal(json_get_str(j, "src", ""), "10.0.0.1");
		assert_int_equal(json_get_int(j, "count", 0), 3);
		assert_true(json_object_size(one) > 0);
		assert_null(strchr(text, '\033'));
		if (def->fields[1].flags & AUDIT_COMMAND)
			assert_null(strstr(text, "hunter2"));
	}
}

static void a_connection_is_an_object(void **state) {
	struct audit_sink *sink;
	auto_audit struct audit *a = memory_audit(&sink);
	const struct audit_threat t = {
		.level = AUDIT_HIGH,
		.category = AUDIT_NETWORK,
		.title = "t",
		.description = "d",
		.evidence = AUDIT_EVIDENCE_NETWORK,
		.fields = AUDIT_FIELDS(AUDIT_TEXT("connection.protocol", "tcp"),
				       AUDIT_TEXT("connection.remote_addr", "203.0.113.10:4444"),
				       AUDIT_TEXT("reason", "port")),
		.action = AUDIT_PAUSED,
		.is_network = true,
	};
	struct err err;

	assert_int_equal(audit_threat(a, "c", &t, &err), 0);

	const json_t *e = json_object_get(json_object_get(audit_memory_get(sink, 0), "evidence"),
					  "network");

	assert_string_equal(json_get_str(json_object_get(e, "connection"), "remote_addr", ""),
			    "203.0.113.10:4444");
	assert_string_equal(json_get_str(e, "reason", ""), "port");
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts_are_masked),
		cmocka_unit_test(commands_are_masked),
		cmocka_unit_test(words_and_back),
		cmocka_unit_test(each_evidence_has_its_shape),
		cmocka_unit_test(a_connection_is_an_object),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
