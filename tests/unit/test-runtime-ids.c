/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "runtime/idmap.h"
#include "runtime/ids.h"
#include "runtime/subid.h"

static void test_parse(void **state) {
	static const char text[] = "# comment\n"
				   "alice:100000:65536\n"
				   "root:200000:65536\n"
				   "root:265536:65536\n"
				   "0:500000:10\n"
				   "rooty:1:1\n"
				   ":5:5\n"
				   "root:x:65536\n"
				   "root:1:\n"
				   "root:4294967290:10\n"
				   "root:99999999999:1\n"
				   "root:700000:0\n"
				   "root:600000:1:2\n"
				   "root:800000:20";
	struct id_ranges r;

	(void)state;
	subid_parse(text, "root", 0, &r);
	assert_int_equal(r.count, 3);
	assert_int_equal(r.v[0].base, 200000);
	assert_int_equal(r.v[0].count, 131072);
	assert_int_equal(r.v[1].base, 500000);
	assert_int_equal(r.v[2].base, 800000);
	assert_int_equal(r.v[2].count, 20);
	id_ranges_done(&r);
	subid_parse("", "root", 0, &r);
	assert_int_equal(r.count, 0);
	id_ranges_done(&r);
}

static void test_parse_joins_and_sorts(void **state) {
	struct id_ranges r;

	(void)state;
	subid_parse("root:300000:10\nroot:100000:10\nroot:100005:100\nroot:100050:5\n", "root", 0, &r);
	assert_int_equal(r.count, 2);
	assert_int_equal(r.v[0].base, 100000);
	assert_int_equal(r.v[0].count, 105);
	assert_int_equal(r.v[1].base, 300000);
	id_ranges_done(&r);
}

static void test_intersect(void **state) {
	struct id_ranges a, b, r;

	(void)state;
	subid_parse("root:100:100\nroot:300:100\n", "root", 0, &a);
	subid_parse("root:150:200\n", "root", 0, &b);
	id_ranges_intersect(&a, &b, &r);
	assert_int_equal(r.count, 2);
	assert_int_equal(r.v[0].base, 150);
	assert_int_equal(r.v[0].count, 50);
	assert_int_equal(r.v[1].base, 300);
	assert_int_equal(r.v[1].count, 50);
	id_ranges_done(&a);
	id_ranges_done(&b);
	id_ranges_done(&r);
}

static void test_place(void **state) {
	struct id_range taken[] = { { 1000000, 65536 }, { 1131072, 1 } }, got;
	struct id_ranges room;

	(void)state;
	subid_parse("root:0:65536\nroot:1000000:300000\n", "root", 0, &room);
	assert_int_equal(id_ranges_place(&room, NULL, 0, 65536, &got), 0);
	assert_int_equal(got.base, 1000000);
	assert_int_equal(id_ranges_place(&room, taken, 2, 65536, &got), 0);
	assert_int_equal(got.base, 1000000 + 65536);
	assert_int_equal(id_ranges_place(&room, taken, 1, 131072, &got), 0);
	assert_int_equal(got.base, 1000000 + 131072);
	assert_int_equal(id_ranges_place(&room, taken, 2, 131072, &got), -ENOSPC);
	assert_int_equal(id_ranges_place(&room, NULL, 0, 300001, &got), -ENOSPC);
	id_ranges_done(&room);
	/* Never the range of the machine's own users. */
	subid_parse("root:0:131072\n", "root", 0, &room);
	assert_int_equal(id_ranges_place(&room, NULL, 0, 65536, &got), 0);
	assert_int_equal(got.base, 65536);
	id_ranges_done(&room);
}

static void test_suggest_overlaps_nobody(void **state) {
	(void)state;
	assert_int_equal(subid_suggest("", 1000000, 65536), 1000000);
	assert_int_equal(subid_suggest("a:999999:2\n", 1000000, 65536), 1048576);
	assert_int_equal(subid_suggest("a:1000000:65536\nb:1065536:100\n", 1000000, 65536), 1114112);
	assert_int_equal(subid_suggest("a:2000000:65536\n", 1000000, 65536), 1000000);
}

/* A directory with the two files; free with dir_remove(). */
static char *dir_make(const char *uids, const char *gids) {
	char *dir = xstrdup("/tmp/coi-test-ids.XXXXXX");
	autoclose int fd = -1;

	assert_non_null(mkdtemp(dir));
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (uids)
		assert_int_equal(file_write_quick_at(fd, "subuid", uids, strlen(uids), 0644), 0);
	if (gids)
		assert_int_equal(file_write_quick_at(fd, "subgid", gids, strlen(gids), 0644), 0);
	return dir;
}

static void dir_remove(char *dir) {
	autoclose int tmp = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	assert_int_equal(tree_remove_at(tmp, path_base(dir)), 0);
	free(dir);
}

struct fixture {
	char *dir, *subuid, *subgid, *claims;
	struct ids_files files;
};

static void fixture_make(struct fixture *f, const char *uids, const char *gids) {
	f->dir = dir_make(uids, gids);
	f->subuid = xasprintf("%s/subuid", f->dir);
	f->subgid = xasprintf("%s/subgid", f->dir);
	f->claims = xasprintf("%s/claims", f->dir);
	f->files = (struct ids_files){ f->subuid, f->subgid, f->claims };
}

static void fixture_done(struct fixture *f) {
	dir_remove(f->dir);
	free(f->subuid);
	free(f->subgid);
	free(f->claims);
}

/* The container's directory, which a claim is taken for. */
static void owner_make(const struct fixture *f, const char *name) {
	autofree char *path = xasprintf("%s/containers/%s", f->dir, name);

	assert_int_equal(mkdir_parents(path, 0700), 0);
}

/* Ids that no container of this machine has while the tests run: those in use are passed over. */
static void test_claims_never_overlap(void **state) {
	struct id_range got[10];
	struct err err;
	struct fixture f;

	(void)state;
	fixture_make(&f, "root:3000000000:655360\n", "root:3000000000:655360\n");
	for (int i = 0; i < 10; i++) {
		char name[16];

		(void)snprintf(name, sizeof(name), "c%d", i);
		owner_make(&f, name);
		assert_int_equal(ids_claim(&f.files, 65536, f.dir, name, &got[i], &err), 0);
		for (int j = 0; j < i; j++)
			assert_true(got[i].base >= got[j].base + got[j].count ||
				    got[j].base >= got[i].base + got[i].count);
	}
	assert_true(ids_claim(&f.files, 65536, f.dir, "c10", &got[0], &err) < 0);
	assert_int_equal(err.kind, ERR_CONFLICT);
	/* Again by the same owner: the same one. */
	assert_int_equal(ids_claim(&f.files, 65536, f.dir, "c3", &got[0], &err), 0);
	assert_int_equal(got[0].base, got[3].base);
	/* Another root's container of the same name is somebody else. */
	assert_true(ids_claim(&f.files, 65536, "/elsewhere", "c3", &got[0], &err) < 0);
	assert_int_equal(ids_release(&f.files, f.dir, "c5", &err), 0);
	assert_int_equal(ids_release(&f.files, f.dir, "c5", &err), 0);
	owner_make(&f, "c10");
	assert_int_equal(ids_claim(&f.files, 65536, f.dir, "c10", &got[0], &err), 0);
	assert_int_equal(got[0].base, got[5].base);
	fixture_done(&f);
}

static void test_claims_of_another_boot_and_of_lost_roots_are_void(void **state) {
	static const char old[] = "00000000-0000-0000-0000-000000000000\nclaimed\n/r\nx\n";
	struct id_range got;
	struct err err;
	struct fixture f;
	autoclose int claims = -1;

	(void)state;
	fixture_make(&f, "root:3000000000:65536\n", "root:3000000000:65536\n");
	owner_make(&f, "a");
	assert_int_equal(mkdir(f.claims, 0700), 0);
	claims = open(f.claims, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(file_write_quick_at(claims, "3000000000-65536", old, sizeof(old) - 1, 0600),
			 0);
	assert_int_equal(ids_claim(&f.files, 65536, f.dir, "a", &got, &err), 0);
	/* Its directory goes without a release. */
	autofree char *dir = xasprintf("%s/containers/a", f.dir);
	assert_int_equal(rmdir(dir), 0);
	owner_make(&f, "b");
	assert_int_equal(ids_claim(&f.files, 65536, f.dir, "b", &got, &err), 0);
	fixture_done(&f);
}

/* Whose ids they are is not known, so they are nobody else's. */
static void test_a_claim_that_cannot_be_read_is_none_that_is_void(void **state) {
	struct fixture f;
	struct id_range range;
	struct err err = { 0 };
	autofree char *file = NULL;

	fixture_make(&f, "root:3000000000:65536\n", "root:3000000000:65536\n");
	file = xasprintf("%s/3000000000-65536", f.claims);
	assert_int_equal(mkdir(f.claims, 0700), 0);
	assert_int_equal(mkdir(file, 0700), 0);
	assert_true(ids_claim(&f.files, 65536, f.dir, "a", &range, &err) < 0);
	assert_non_null(strstr(err.msg, f.claims));
	err = (struct err){ 0 };
	assert_true(ids_release(&f.files, f.dir, "a", &err) < 0);
	assert_non_null(strstr(err.msg, f.claims));
	assert_int_equal(rmdir(file), 0);
	owner_make(&f, "a");
	assert_int_equal(ids_claim(&f.files, 65536, f.dir, "a", &range, &err), 0);
	fixture_done(&f);
}

static void found_name(const char *name, void *data) {
	(void)snprintf(data, 16, "%s", name);
}

static void test_sweep_takes_what_has_no_container(void **state) {
	struct id_range got;
	struct err err;
	struct fixture f;
	char name[16] = "";

	(void)state;
	fixture_make(&f, "root:3000000000:131072\n", "root:3000000000:131072\n");
	owner_make(&f, "kept");
	owner_make(&f, "gone");
	assert_int_equal(ids_claim(&f.files, 65536, f.dir, "kept", &got, &err), 0);
	assert_int_equal(ids_claim(&f.files, 65536, f.dir, "gone", &got, &err), 0);
	assert_int_equal(ids_sweep(&f.files, f.dir, false, found_name, name, &err), 0);
	autofree char *dir = xasprintf("%s/containers/gone", f.dir);
	assert_int_equal(rmdir(dir), 0);
	/* That of another root is not looked at. */
	assert_int_equal(ids_sweep(&f.files, "/elsewhere", false, found_name, name, &err), 0);
	assert_string_equal(name, "");
	for (int i = 0; i < 2; i++) {
		assert_int_equal(ids_sweep(&f.files, f.dir, i == 0, found_name, name, &err), 1);
		assert_string_equal(name, "gone");
	}
	assert_int_equal(ids_sweep(&f.files, f.dir, false, NULL, NULL, &err), 0);
	fixture_done(&f);
}

static void test_missing_line_is_named(void **state) {
	struct err err;
	struct fixture f;

	(void)state;
	fixture_make(&f, "alice:1000000:65536\n", "alice:1000000:65536\n");
	assert_int_equal(ids_check(&f.files, 65536, &err), -ENOENT);
	assert_int_equal(err.kind, ERR_CONFIG);
	assert_non_null(strstr(err.hint, "root:1114112:33554432"));
	assert_non_null(strstr(err.hint, f.subuid));
	assert_non_null(strstr(err.hint, f.subgid));
	fixture_done(&f);
	/* Only one of them: the line is that of the other. */
	fixture_make(&f, "root:3000000:1000000\n", NULL);
	assert_int_equal(ids_check(&f.files, 65536, &err), -ENOENT);
	assert_non_null(strstr(err.hint, "root:3000000:1000000"));
	assert_null(strstr(err.hint, f.subuid));
	assert_non_null(strstr(err.hint, f.subgid));
	fixture_done(&f);
	/* Too small for docker, large enough without. */
	fixture_make(&f, "root:3000000:65536\n", "root:3000000:65536\n");
	assert_int_equal(ids_check(&f.files, IDS_COUNT_PLAIN, &err), 0);
	assert_int_equal(ids_check(&f.files, IDS_COUNT_NESTED, &err), -ENOENT);
	fixture_done(&f);
}

static void test_maps(void **state) {
	const struct id_range ids = { 1000000, 65536 };
	char text[IDMAP_TEXT_SIZE];
	struct idmap m;

	(void)state;
	idmap_whole(&ids, &m);
	assert_string_equal(idmap_text(&m, text), "0 1000000 65536\n");
	assert_int_equal(idmap_owner(&ids, 1000, 1234, 1001000, &m), 0);
	assert_string_equal(idmap_text(&m, text), "1234 1001000 1\n"
						  "1000000 1000000 1000\n"
						  "1001001 1001001 64535\n");
	assert_int_equal(idmap_owner(&ids, 1000, 0, 1001000, &m), 0);
	assert_int_equal(idmap_owner(&ids, 1000, 1000005, 1001000, &m), -EINVAL);
	assert_int_equal(idmap_hole(&ids, 1000, 1234, &m), 0);
	assert_string_equal(idmap_text(&m, text), "0 1000000 1000\n1000 1234 1\n1001 1001001 64535\n");
	/* Code is never the host's root. */
	assert_int_equal(idmap_hole(&ids, 1000, 0, &m), -EINVAL);
	assert_int_equal(idmap_hole(&ids, 1000, 1000000, &m), -EINVAL);
	assert_int_equal(idmap_hole(&ids, 70000, 1234, &m), -EINVAL);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_parse_joins_and_sorts),
		cmocka_unit_test(test_intersect),
		cmocka_unit_test(test_place),
		cmocka_unit_test(test_suggest_overlaps_nobody),
		cmocka_unit_test(test_claims_never_overlap),
		cmocka_unit_test(test_claims_of_another_boot_and_of_lost_roots_are_void),
		cmocka_unit_test(test_a_claim_that_cannot_be_read_is_none_that_is_void),
		cmocka_unit_test(test_sweep_takes_what_has_no_container),
		cmocka_unit_test(test_missing_line_is_named),
		cmocka_unit_test(test_maps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
