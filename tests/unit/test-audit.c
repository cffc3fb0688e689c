/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The table of events, the encoding, and the files. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "audit/audit.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/strv.h"

struct place {
	char *home;
	int fd;
	struct privilege who;
};

static int place_make(void **state) {
	struct place *p = xcalloc(1, sizeof(*p));
	char template[] = "/var/tmp/coi-test-audit-XXXXXX";

	assert_non_null(mkdtemp(template));
	p->home = xstrdup(template);
	p->fd = open(template, O_DIRECTORY | O_CLOEXEC);
	assert_true(p->fd >= 0);
	p->who = (struct privilege){
		.is_root = geteuid() == 0,
		.uid = geteuid(),
		.gid = getegid(),
		.user = (char *)"ann",
		.home = p->home,
	};
	*state = p;
	return 0;
}

static int place_remove(void **state) {
	struct place *p = *state;

	autoclose int above = open("/var/tmp", O_DIRECTORY | O_CLOEXEC);

	close(p->fd);
	assert_int_equal(tree_remove_at(above, path_base(p->home)), 0);
	free(p->home);
	free(p);
	return 0;
}

static char *place_read(const struct place *p, const char *name) {
	struct buf b; /* file_read_at() makes it, when it works */

	return file_read_at(p->fd, name, AUDIT_FILE_MAX, &b) < 0 ? NULL : b.data;
}

/* ---- the table ---- */

static void table_is_complete(void **state) {
	for (int t = 0; t < AUDIT_TYPE_COUNT; t++) {
		const struct audit_event_def *def = audit_event_def((enum audit_type)t);
		size_t n = 0;

		assert_non_null(def->name);
		assert_true(!strchr(def->name, '.') == def->is_stream);
		assert_true(def->meaning && def->meaning[0]);
		for (int u = 0; u < t; u++)
			assert_string_not_equal(def->name,
						audit_event_def((enum audit_type)u)->name);
		for (const struct audit_field_def *f = def->fields; f->name; f++, n++) {
			static const char *const taken[] = { "ts", "type", "container", "who" };

			assert_true(f->meaning && f->meaning[0]);
			for (size_t i = 0; i < ARRAY_SIZE(taken); i++)
				assert_string_not_equal(f->name, taken[i]);
			for (const struct audit_field_def *g = def->fields; g < f; g++)
				assert_string_not_equal(f->name, g->name);
		}
		assert_true(n <= AUDIT_FIELDS_MAX);
	}
}

/* Values for every field of a type, without field @but (-1: none). */
static void fill(const struct audit_event_def *def, int but,
		 struct audit_field out[AUDIT_FIELDS_MAX + 1]) {
	static char *list[] = { (char *)"A=one", (char *)"B=two", NULL };
	size_t n = 0;

	for (int i = 0; def->fields[i].name; i++) {
		if (i == but)
			continue;
		out[n++] = (struct audit_field){
			.name = def->fields[i].name,
			.kind = def->fields[i].kind,
			.text = "text",
			.list = list,
			.number = 1,
		};
	}
	out[n] = (struct audit_field)AUDIT_END;
}

static void every_type_takes_its_fields(void **state) {
	for (int t = 0; t < AUDIT_TYPE_COUNT; t++) {
		const struct audit_event_def *def = audit_event_def((enum audit_type)t);
		struct audit_field fields[AUDIT_FIELDS_MAX + 1];
		struct err err = { 0 };

		fill(def, -1, fields);
		assert_int_equal(audit_check((enum audit_type)t, fields, &err), 0);
		for (int i = 0; def->fields[i].name; i++) {
			bool must = def->fields[i].flags & AUDIT_MANDATORY;

			fill(def, i, fields);
			assert_int_equal(audit_check((enum audit_type)t, fields, &err),
					 must ? -EINVAL : 0);
			if (must) {
				assert_int_equal(err.kind, ERR_BUG);
				assert_non_null(strstr(err.msg, def->fields[i].name));
			}
		}
	}
}

static void misfits_are_found(void **state) {
	struct err err;

	assert_int_equal(audit_check(AUDIT_CONTAINER_READY,
				     AUDIT_FIELDS(AUDIT_INT("ms", 1), AUDIT_INT("nonsense", 1)),
				     &err), -EINVAL);
	assert_int_equal(audit_check(AUDIT_CONTAINER_READY, AUDIT_FIELDS(AUDIT_TEXT("ms", "1")),
				     &err), -EINVAL);
	assert_int_equal(audit_check(AUDIT_CONTAINER_READY,
				     AUDIT_FIELDS(AUDIT_INT("ms", 1), AUDIT_INT("ms", 2)), &err),
			 -EINVAL);
	assert_int_equal(audit_check(AUDIT_CONTAINER_STOP, AUDIT_FIELDS(AUDIT_TEXT("how", NULL)),
				     &err), -EINVAL);
	assert_int_equal(audit_check(AUDIT_TYPE_COUNT, AUDIT_NO_FIELDS, &err), -EINVAL);
}

/* ---- what is written ---- */

static struct audit *memory_audit(struct audit_sink **ret_sink) {
	const struct privilege who = { .uid = 1234, .user = (char *)"an\033n", .home = (char *)"/" };
	struct audit *a = audit_new(&who);

	*ret_sink = audit_sink_memory();
	audit_add_sink(a, *ret_sink);
	return a;
}

static void event_has_who_when_what(void **state) {
	struct audit_sink *sink;
	auto_audit struct audit *a = memory_audit(&sink);
	struct err err;

	assert_int_equal(audit_write(a, AUDIT_CONTAINER_CREATE, "coi-1",
				     AUDIT_FIELDS(AUDIT_BOOL("persistent", true),
						  AUDIT_TEXT("image", "coi-default"),
						  AUDIT_TEXT("workspace", NULL)),
				     &err), 0);
	assert_int_equal(audit_memory_count(sink), 1);

	const json_t *e = audit_memory_get(sink, 0);

	assert_true(clock_parse_rfc3339(json_get_str(e, "ts", "")) > 1500000000);
	assert_string_equal(json_get_str(e, "type", ""), "container.create");
	assert_string_equal(json_get_str(e, "container", ""), "coi-1");
	assert_string_equal(json_get_str(e, "image", ""), "coi-default");
	assert_true(json_is_true(json_object_get(e, "persistent")));
	assert_null(json_object_get(e, "workspace"));

	const json_t *who = json_object_get(e, "who");

	assert_int_equal(json_get_int(who, "uid", -1), 1234);
	assert_string_equal(json_get_str(who, "user", ""), "an\\x1bn");
}

static void secrets_are_masked(void **state) {
	static char *command[] = { (char *)"env", NULL };
	static char *environment[] = { (char *)"TOKEN=hunter2", (char *)"hunter2", NULL };
	struct audit_sink *sink;
	auto_audit struct audit *a = memory_audit(&sink);
	struct err err;

	assert_int_equal(audit_write(a, AUDIT_CONTAINER_EXEC, "c",
				     AUDIT_FIELDS(AUDIT_LIST("command", command),
						  AUDIT_LIST("environment", environment)),
				     &err), 0);

	autofree char *text = json_dumps(audit_memory_get(sink, 0), JSON_COMPACT);

	assert_null(strstr(text, "hunter2"));
	assert_non_null(strstr(text, "\"environment\":[\"TOKEN=***\",\"***\"]"));
}

static void foreign_text_is_escaped_and_bounded(void **state) {
	struct audit_sink *sink;
	auto_audit struct audit *a = memory_audit(&sink);
	autofree char *big = xmalloc(1024 * 1024);
	autostrv char **list = NULL;
	struct err err;

	memset(big, 'x', 1024 * 1024 - 1);
	big[1024 * 1024 - 1] = '\0';
	for (int i = 0; i < 5000; i++)
		strv_add(&list, "\033]0;evil\a\n{\"type\":\"forged\"}\342\200\256\377");
	assert_int_equal(audit_write(a, AUDIT_CONTAINER_EXEC, "c",
				     AUDIT_FIELDS(AUDIT_LIST("command", list),
						  AUDIT_TEXT("cwd", big)), &err), 0);

	const json_t *e = audit_memory_get(sink, 0);
	autofree char *text = json_dumps(e, JSON_COMPACT);

	assert_true(strlen(text) < AUDIT_LINE_MAX);
	assert_true(strlen(json_get_str(e, "cwd", "")) <= AUDIT_TEXT_MAX + 4);
	for (const char *p = text; *p; p++)
		assert_true((unsigned char)*p >= 0x20 && (unsigned char)*p != 0x7f);
	assert_null(strstr(text, "\342\200\256"));
	assert_non_null(strstr(text, "\\\\x1b"));
}

static void longest_line_stays_whole(void **state) {
	struct audit_sink *sink;
	auto_audit struct audit *a = memory_audit(&sink);
	autofree char *big = xmalloc(AUDIT_TEXT_MAX);
	autostrv char **list = NULL;
	struct err err;

	memset(big, '"', AUDIT_TEXT_MAX - 1);
	big[AUDIT_TEXT_MAX - 1] = '\0';
	for (int i = 0; i < AUDIT_LIST_MAX; i++)
		strv_add(&list, big);
	assert_int_equal(audit_write(a, AUDIT_CONTAINER_EXEC, "c",
				     AUDIT_FIELDS(AUDIT_LIST("command", list),
						  AUDIT_LIST("environment", list)), &err), 0);

	autofree char *text = json_dumps(audit_memory_get(sink, 0), JSON_COMPACT);

	assert_true(strlen(text) + 1 <= AUDIT_LINE_MAX);
}

/* ---- the files ---- */

static void file_is_private_and_appended(void **state) {
	struct place *p = *state;
	auto_audit struct audit *a = audit_open(&p->who);
	struct stat st;
	struct err err;

	for (int i = 0; i < 3; i++)
		assert_int_equal(audit_write(a, AUDIT_CONTAINER_READY, "coi-x-1",
					     AUDIT_FIELDS(AUDIT_INT("ms", i)), &err), 0);
	assert_int_equal(audit_write(a, AUDIT_IMAGE_DELETE, NULL,
				     AUDIT_FIELDS(AUDIT_TEXT("fingerprint", "f")), &err), 0);
	assert_int_equal(fstatat(p->fd, ".coi/audit", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	assert_int_equal(fstatat(p->fd, ".coi/audit/coi-x-1.jsonl", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0600);

	autofree char *text = place_read(p, ".coi/audit/coi-x-1.jsonl");
	autofree char *other = place_read(p, ".coi/audit/_coi.jsonl");
	autostrv char **lines = strv_split(text, "\n");

	assert_int_equal(strv_len(lines), 3);
	for (int i = 0; i < 3; i++) {
		auto_json json_t *e = json_loads(lines[i], 0, NULL);

		assert_int_equal(json_get_int(e, "ms", -1), i);
	}
	assert_non_null(strstr(other, "\"type\":\"image.delete\""));
	assert_null(strstr(other, "\"container\""));
}

static void torn_line_loses_only_itself(void **state) {
	struct place *p = *state;
	auto_audit struct audit *a = audit_open(&p->who);
	struct err err;

	assert_int_equal(audit_write(a, AUDIT_CONTAINER_READY, "t",
				     AUDIT_FIELDS(AUDIT_INT("ms", 1)), &err), 0);

	autoclose int fd = openat(p->fd, ".coi/audit/t.jsonl", O_WRONLY | O_APPEND | O_CLOEXEC);

	assert_int_equal(write(fd, "{\"ts\":\"half", 11), 11);
	assert_int_equal(audit_write(a, AUDIT_CONTAINER_READY, "t",
				     AUDIT_FIELDS(AUDIT_INT("ms", 2)), &err), 0);

	autofree char *text = place_read(p, ".coi/audit/t.jsonl");
	autostrv char **lines = strv_split(text, "\n");
	auto_json json_t *last = json_loads(lines[2], 0, NULL);

	assert_int_equal(strv_len(lines), 3);
	assert_int_equal(json_get_int(last, "ms", -1), 2);
}

static void traps_are_refused(void **state) {
	struct place *p = *state;
	auto_audit struct audit *a = audit_open(&p->who);
	struct err err;

	assert_int_equal(mkdirat(p->fd, ".coi", 0755), 0);
	assert_int_equal(mkdirat(p->fd, ".coi/audit", 0700), 0);
	assert_int_equal(symlinkat("../../victim", p->fd, ".coi/audit/link.jsonl"), 0);
	assert_int_equal(mkfifoat(p->fd, ".coi/audit/fifo.jsonl", 0600), 0);
	assert_int_equal(mkdirat(p->fd, ".coi/audit/dir.jsonl", 0700), 0);

	autoclose int fd = openat(p->fd, "victim", O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(linkat(p->fd, "victim", p->fd, ".coi/audit/hard.jsonl", 0), 0);

	static const char *const names[] = { "link", "fifo", "dir", "hard", "../x", "a/b", "",
					     ".hidden", "_coi", "a b", "a\nb" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		err = (struct err){ 0 };
		assert_true(audit_write(a, AUDIT_CONTAINER_READY, names[i],
					AUDIT_FIELDS(AUDIT_INT("ms", 1)), &err) < 0);
		assert_true(err.code < 0 && err.msg[0]);
	}

	struct stat st;

	assert_int_equal(fstatat(p->fd, "victim", &st, 0), 0);
	assert_int_equal(st.st_size, 0);
}

static void linked_directory_is_refused(void **state) {
	struct place *p = *state;
	auto_audit struct audit *a = audit_open(&p->who);
	struct err err;
	struct stat st;

	assert_int_equal(mkdirat(p->fd, ".coi", 0755), 0);
	assert_int_equal(mkdirat(p->fd, "elsewhere", 0755), 0);
	assert_int_equal(symlinkat("../elsewhere", p->fd, ".coi/audit"), 0);
	assert_true(audit_write(a, AUDIT_CONTAINER_READY, "c", AUDIT_FIELDS(AUDIT_INT("ms", 1)),
				&err) < 0);
	assert_true(fstatat(p->fd, "elsewhere/c.jsonl", &st, 0) < 0);
}

static void first_failure_is_told_and_others_still_get_it(void **state) {
	struct place *p = *state;
	auto_audit struct audit *a = audit_new(&p->who);
	struct audit_sink *memory = audit_sink_memory();
	struct err err = { 0 };

	audit_add_sink(a, audit_sink_file(&p->who));
	audit_add_sink(a, memory);
	assert_int_equal(symlinkat("nowhere", p->fd, ".coi"), 0);
	assert_true(audit_write(a, AUDIT_CONTAINER_READY, "c", AUDIT_FIELDS(AUDIT_INT("ms", 1)),
				&err) < 0);
	assert_non_null(strstr(err.msg, ".coi"));
	assert_int_equal(audit_memory_count(memory), 1);
}

static void many_writers_keep_lines_whole(void **state) {
	enum { WRITERS = 4, EACH = 200 };
	struct place *p = *state;

	for (int w = 0; w < WRITERS; w++) {
		pid_t pid = fork();

		assert_true(pid >= 0);
		if (pid == 0) {
			struct audit *a = audit_open(&p->who);
			int bad = 0;

			for (int i = 0; i < EACH; i++)
				bad |= audit_write(a, AUDIT_CONTAINER_READY, "many",
						   AUDIT_FIELDS(AUDIT_INT("ms", w * EACH + i)),
						   NULL);
			_exit(bad ? 1 : 0);
		}
	}
	for (int w = 0; w < WRITERS; w++) {
		int status;

		assert_true(wait(&status) > 0);
		assert_int_equal(status, 0);
	}

	autofree char *text = place_read(p, ".coi/audit/many.jsonl");
	autostrv char **lines = strv_split(text, "\n");
	bool seen[WRITERS * EACH] = { false };

	assert_int_equal(strv_len(lines), WRITERS * EACH);
	for (size_t i = 0; lines[i]; i++) {
		auto_json json_t *e = json_loads(lines[i], 0, NULL);
		int64_t ms = json_get_int(e, "ms", -1);

		assert_true(ms >= 0 && ms < WRITERS * EACH && !seen[ms]);
		seen[ms] = true;
	}
}

static void full_file_is_put_aside(void **state) {
	struct place *p = *state;
	auto_audit struct audit *a = audit_open(&p->who);
	struct stat st;
	struct err err;

	assert_int_equal(audit_write(a, AUDIT_CONTAINER_READY, "f",
				     AUDIT_FIELDS(AUDIT_INT("ms", 1)), &err), 0);

	autoclose int fd = openat(p->fd, ".coi/audit/f.jsonl", O_WRONLY | O_CLOEXEC);

	assert_int_equal(ftruncate(fd, AUDIT_FILE_MAX), 0);
	assert_int_equal(audit_write(a, AUDIT_CONTAINER_READY, "f",
				     AUDIT_FIELDS(AUDIT_INT("ms", 2)), &err), 0);
	assert_int_equal(fstatat(p->fd, ".coi/audit/f.jsonl.1", &st, 0), 0);
	assert_int_equal(st.st_size, AUDIT_FILE_MAX);

	autofree char *text = place_read(p, ".coi/audit/f.jsonl");

	assert_non_null(strstr(text, "\"ms\":2"));
	assert_null(strstr(text, "\"ms\":1}"));
}

static void under_sudo_files_are_the_persons(void **state) {
	struct place *p = *state;
	struct stat st;
	struct err err;

	/* In a user namespace there may be nobody of that number. */
	if (geteuid() != 0 || fchown(p->fd, 1234, 1235) < 0)
		skip();
	assert_int_equal(fchmod(p->fd, 0700), 0);
	p->who = (struct privilege){
		.is_root = true,
		.via_sudo = true,
		.uid = 1234,
		.gid = 1235,
		.user = (char *)"ann",
		.home = p->home,
	};

	auto_audit struct audit *a = audit_open(&p->who);

	assert_int_equal(audit_write(a, AUDIT_CONTAINER_READY, "s",
				     AUDIT_FIELDS(AUDIT_INT("ms", 1)), &err), 0);
	static const char *const made[] = { ".coi", ".coi/audit", ".coi/audit/s.jsonl" };

	for (size_t i = 0; i < ARRAY_SIZE(made); i++) {
		assert_int_equal(fstatat(p->fd, made[i], &st, 0), 0);
		assert_int_equal(st.st_uid, 1234);
		assert_int_equal(st.st_gid, 1235);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(table_is_complete),
		cmocka_unit_test(every_type_takes_its_fields),
		cmocka_unit_test(misfits_are_found),
		cmocka_unit_test(event_has_who_when_what),
		cmocka_unit_test(secrets_are_masked),
		cmocka_unit_test(foreign_text_is_escaped_and_bounded),
		cmocka_unit_test(longest_line_stays_whole),
		cmocka_unit_test_setup_teardown(file_is_private_and_appended, place_make, place_remove),
		cmocka_unit_test_setup_teardown(torn_line_loses_only_itself, place_make, place_remove),
		cmocka_unit_test_setup_teardown(traps_are_refused, place_make, place_remove),
		cmocka_unit_test_setup_teardown(linked_directory_is_refused, place_make, place_remove),
		cmocka_unit_test_setup_teardown(first_failure_is_told_and_others_still_get_it,
						place_make, place_remove),
		cmocka_unit_test_setup_teardown(many_writers_keep_lines_whole, place_make, place_remove),
		cmocka_unit_test_setup_teardown(full_file_is_put_aside, place_make, place_remove),
		cmocka_unit_test_setup_teardown(under_sudo_files_are_the_persons, place_make,
						place_remove),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
