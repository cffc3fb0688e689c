/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Protected paths: what the settings say, what is bound in which order, over the wire. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/strv.h"
#include "session/health/decoy.h"
#include "session/host-mounts.h"
#include "session/protect-find.h"

static void clean_is(const char *entry, const char *wanted) {
	autofree char *clean = protect_entry_clean(entry);

	if (wanted)
		assert_string_equal(clean, wanted);
	else
		assert_null(clean);
}

static void entries(void **state) {
	autofree char *endless = xmalloc(5000);

	(void)state;
	clean_is(".git/hooks", ".git/hooks");
	clean_is("./.git//hooks/", ".git/hooks");
	clean_is("a..b/..c/d..", "a..b/..c/d..");
	clean_is("...", "...");
	clean_is("", NULL);
	clean_is("/etc", NULL);
	clean_is("/", NULL);
	clean_is(".", NULL);
	clean_is("./.", NULL);
	clean_is("..", NULL);
	clean_is("../x", NULL);
	clean_is("a/..", NULL);
	clean_is("a/../b", NULL);
	clean_is("a/b/../../..", NULL);
	memset(endless, 'a', 4999);
	endless[4999] = '\0';
	clean_is(endless, NULL);
}

static char *words(char *const *list) {
	return strv_join(list, " ");
}

#define LIST(...) ((char *[]){ __VA_ARGS__, NULL })

static void rules_are(const struct settings *set, const char *paths, const char *writable,
		      size_t warnings) {
	auto_protect_rules struct protect_rules r = { 0 };
	autostrv char **told = NULL;
	autofree char *got_paths = NULL, *got_writable = NULL;

	protect_rules_make(set, &r, &told);
	got_paths = words(r.paths);
	got_writable = words(r.writable);
	assert_string_equal(got_paths, paths);
	assert_string_equal(got_writable, writable);
	assert_int_equal(strv_len(told), warnings);
	assert_int_equal(r.immutable, set->security.host_immutable &&
					      !set->security.disable_protection);
}

static void settings_to_rules(void **state) {
	struct settings set = { 0 };

	(void)state;
	set.security.host_immutable = true;
	set.security.protected_paths = LIST((char *)".git/hooks", (char *)".coi/", (char *)"..");
	rules_are(&set, ".git/hooks .coi", "", 1);
	set.security.additional_protected_paths = LIST((char *)".coi", (char *)"x/y", (char *)"/z");
	rules_are(&set, ".git/hooks .coi x/y", "", 2);
	set.git.writable_hooks = true;
	rules_are(&set, ".git/hooks .coi x/y", ".git/hooks", 2);
	set.security.writable_paths = LIST((char *)"x", (char *)".git/hooks/");
	rules_are(&set, ".git/hooks .coi x/y", "x .git/hooks", 2);
	set.security.disable_protection = true;
	rules_are(&set, "", "", 0);
}

static void selection(void **state) {
	autostrv char **kept = protect_select(
		LIST((char *)".git/hooks", (char *)".git/hooks2", (char *)"a/b/c", (char *)"d"),
		LIST((char *)".git/hooks", (char *)"a", (char *)"d/e"));
	autofree char *text = words(kept);

	(void)state;
	assert_string_equal(text, ".git/hooks2 d");
}

static void kinds(void **state) {
	(void)state;
	assert_int_equal(protect_kind_of(".git/config"), PROTECT_FILE);
	assert_int_equal(protect_kind_of(".git/config.worktree"), PROTECT_FILE);
	assert_int_equal(protect_kind_of(".git/info/attributes"), PROTECT_FILE);
	assert_int_equal(protect_kind_of(".git/worktrees/a/config.worktree"), PROTECT_FILE);
	assert_int_equal(protect_kind_of(".git/commondir"), PROTECT_COMMONDIR);
	assert_int_equal(protect_kind_of("commondir"), PROTECT_DIR);
	assert_int_equal(protect_kind_of(".git/hooks"), PROTECT_DIR);
	/* A file that git shows would be a file too much. */
	assert_int_equal(protect_kind_of("config"), PROTECT_DIR);
	assert_int_equal(protect_kind_of(".coi"), PROTECT_DIR);
	assert_true(protect_is_git(".git"));
	assert_true(protect_is_git(".git/x"));
	assert_false(protect_is_git(".github"));
}

/* "=" read-only, "^" parent, "+" writable, "-" hidden. */
static enum protect_role role_of(char c) {
	return c == '=' ? PROTECT_ROLE_READONLY :
	       c == '+' ? PROTECT_ROLE_WRITABLE :
	       c == '-' ? PROTECT_ROLE_HIDDEN :
			  PROTECT_ROLE_PARENT;
}

static void settle_is(const char *in, const char *out) {
	autostrv char **list = strv_split(in, " ");
	struct protect_steps s = { 0 };
	autobuf struct buf b;

	buf_init(&b, 4096);
	for (char **one = list; one && *one; one++)
		protect_steps_add(&s, *one + 1, role_of(**one));
	protect_steps_settle(&s);
	for (size_t i = 0; i < s.count; i++)
		buf_addf(&b, "%s%c%s", i ? " " : "", "^=+-"[s.items[i].role], s.items[i].path);
	protect_steps_done(&s);
	assert_string_equal(b.data, out);
}

static void order(void **state) {
	(void)state;
	settle_is("", "");
	settle_is("=.coi", "=.coi");
	/* Each parent once, before what is in it, or it could be renamed. */
	settle_is("=.git/info/attributes =.git/config =.git/hooks",
		  "^.git =.git/config =.git/hooks ^.git/info =.git/info/attributes");
	settle_is("=a/b/c/d", "^a ^a/b ^a/b/c =a/b/c/d");
	/* What is in a read-only one is so anyway. */
	settle_is("=.git/hooks =.git", "=.git");
	settle_is("=a/b/c =a", "=a");
	settle_is("=ab/c =a", "=a ^ab =ab/c");
	/* Spared within a read-only one; read-only again within that. */
	settle_is("=a +a/b", "=a +a/b");
	settle_is("=a +a/b/c", "=a +a/b/c");
	settle_is("=a +a/b =a/b/c", "=a +a/b =a/b/c");
	settle_is("+a/b", "");
	settle_is("=a +a", "=a");
	/* Hidden wins, and needs no parents. */
	settle_is("-a/b/c", "-a/b/c");
	settle_is("=a -a/b", "=a -a/b");
	settle_is("-a =a/b +a/c", "-a");
	settle_is("-a =a", "-a");
}

static void wire(void **state) {
	struct protect_rules a = {
		.paths = LIST((char *)".git/hooks", (char *)"\xc3\xa4 b"),
		.own = LIST((char *)"/home/x/.coi"),
		.secret = LIST((char *)"*.pem"),
		.immutable = true,
	};
	auto_json json_t *j = protect_rules_to_json(&a), *again = NULL;
	auto_protect_rules struct protect_rules b = { 0 };

	(void)state;
	protect_rules_from_json(j, &b);
	again = protect_rules_to_json(&b);
	assert_true(json_equal(j, again));
	assert_null(b.writable);
	assert_string_equal(b.paths[1], "\xc3\xa4 b");
	assert_true(b.immutable);
}

static void key_is(const struct host_mounts *m, size_t i, const char *path, const char *wanted) {
	autofree char *key = host_mounts_key_of(&m->items[i], path);

	if (wanted)
		assert_string_equal(key, wanted);
	else
		assert_null(key);
}

static void keys(void **state) {
	auto_host_mounts struct host_mounts m = { 0 };

	(void)state;
	host_mounts_parse("21 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n"
			  "30 21 8:2 /@home /home rw - btrfs /dev/sda2 rw\n"
			  "31 21 8:2 /@home/a\\040b /mnt/a\\040b rw - btrfs /dev/sda2 rw\n"
			  "32 21 0:4 net:[4026532] /run/netns/x rw - nsfs nsfs rw\n"
			  "garbage\n\n33 21\n"
			  "34 21 8:3 / /data rw - ext4 /dev/sdb rw",
			  &m);
	assert_int_equal(m.count, 4);
	assert_int_equal(m.items[1].id, 30);
	key_is(&m, 0, "/", "8:1:");
	key_is(&m, 0, "/srv/x", "8:1:/srv/x");
	key_is(&m, 1, "/home/a b/c", "8:2:/@home/a b/c");
	/* The same directory, by its other place. */
	key_is(&m, 2, "/mnt/a b/c", "8:2:/@home/a b/c");
	key_is(&m, 2, "/mnt/a b", "8:2:/@home/a b");
	key_is(&m, 2, "/mnt/a bc", NULL);
	key_is(&m, 3, "/data", "8:3:");
	key_is(&m, 3, "/data/x", "8:3:/x");
	key_is(&m, 3, "/database", NULL);
}

static void items(void **state) {
	auto_protect_items struct protect_items a = { 0 }, b = { 0 };
	struct protect_item item = { (char *)"8:1:/x", PROTECT_ROLE_HIDDEN, PROTECT_LIVE, true };
	auto_json json_t *j = NULL, *again = NULL;

	(void)state;
	protect_items_append(&a, &(struct protect_items){ &item, 1 });
	protect_items_append(&a, &(struct protect_items){ &item, 1 });
	j = protect_items_to_json(&a);
	protect_items_from_json(j, &b);
	again = protect_items_to_json(&b);
	assert_true(json_equal(j, again));
	assert_int_equal(b.count, 2);
	assert_int_equal(b.items[1].kind, PROTECT_LIVE);
}

static enum health_status told(int secret, int control) {
	struct health_result r = { 0 };
	enum health_status status;

	decoy_tell(secret, control, &r);
	status = r.status;
	free(r.message);
	free(r.remedy);
	json_decref(r.details);
	return status;
}

/* What 'coi health' says of its decoy. */
static void decoy(void **state) {
	(void)state;
	assert_int_equal(told(0, 9), HEALTH_OK);
	assert_int_equal(told(9, 9), HEALTH_FAILED);
	assert_int_equal(told(1, 0), HEALTH_FAILED);
	assert_int_equal(told(0, 0), HEALTH_WARNING);
	assert_int_equal(told(0, -ENOENT), HEALTH_WARNING);
	assert_int_equal(told(-EACCES, 9), HEALTH_WARNING);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(entries),   cmocka_unit_test(settings_to_rules),
		cmocka_unit_test(selection), cmocka_unit_test(kinds),
		cmocka_unit_test(order),     cmocka_unit_test(wire),
		cmocka_unit_test(keys),      cmocka_unit_test(items),
		cmocka_unit_test(decoy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
