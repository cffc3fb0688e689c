/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The pure parts of src/image: records, names, metadata, policy, ACLs, sources of packages. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/record.h"
#include "base/strv.h"
#include "image/apt.h"
#include "image/debs.h"
#include "image/archive/acl.h"
#include "image/archive/oci.h"
#include "image/archive/policy.h"
#include "image/metadata.h"
#include "image/npm.h"
#include "image/store.h"

#define FP "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void test_record_round_trip(void **state) {
	auto_image_info struct image_info *info = image_info_new(), *back = NULL;
	auto_record struct record *r = NULL, *again = NULL;
	autofree char *text = NULL, *second = NULL;
	struct err err = { 0 };

	(void)state;
	memcpy(info->fingerprint, FP, sizeof(FP));
	info->created = 1700000000;
	info->size = 123456789012;
	str_replace(&info->description, "quotes \" ; # and \\ a\nbreak ü");
	str_replace(&info->os, "debian");
	str_replace(&info->version, "coi-default-20260102-030405");
	image_info_add_layer(info, "default", FP);
	image_info_add_layer(info, "fast:disk", FP);
	strv_add(&info->registries, "one.example");
	strv_add(&info->registries, "two.example");
	strv_add(&info->env, "PATH=/a:/b");
	strv_add(&info->env, "LINES=one\ntwo\x1b[31m");
	strv_add(&info->cmd, "");
	strv_add(&info->cmd, " -c ");
	str_replace(&info->user, "1000:1000");
	r = image_to_record(info);
	text = record_text(r);
	assert_int_equal(record_parse(text, "test", IMAGE_FORMAT, &again, &err), 0);
	assert_int_equal(image_from_record(again, "test", &back, &err), 0);
	assert_string_equal(back->fingerprint, FP);
	assert_int_equal(back->created, 1700000000);
	assert_int_equal(back->size, 123456789012);
	assert_string_equal(back->description, info->description);
	assert_string_equal(back->os, "debian");
	assert_string_equal(back->release, "");
	assert_int_equal(back->layer_count, 2);
	assert_string_equal(back->layers[1].pool, "fast:disk");
	assert_int_equal(strv_len(back->registries), 2);
	assert_int_equal(strv_len(back->env), 2);
	assert_string_equal(back->env[1], "LINES=one\ntwo\x1b[31m");
	assert_int_equal(strv_len(back->cmd), 2);
	assert_string_equal(back->cmd[0], "");
	assert_string_equal(back->cmd[1], " -c ");
	assert_null(back->entrypoint);
	assert_string_equal(back->user, "1000:1000");
	record_free(r);
	r = image_to_record(back);
	second = record_text(r);
	assert_string_equal(second, text);
}

static void test_record_refuses(void **state) {
	static const char *const bad[] = {
		"format = 1\n",
		"format = 1\nfingerprint = abc\ncreated = 2026-01-01T00:00:00Z\n[layers]\n"
		"0 = default:" FP,
		"format = 1\nfingerprint = " FP "\ncreated = yesterday\n[layers]\n"
		"0 = default:" FP,
		"format = 1\nfingerprint = " FP "\ncreated = 2026-01-01T00:00:00Z\n",
		"format = 1\nfingerprint = " FP "\ncreated = 2026-01-01T00:00:00Z\n[layers]\n"
		"0 = " FP,
		"format = 1\nfingerprint = " FP
		"\ncreated = 2026-01-01T00:00:00Z\n[layers]\n0 = default:../../etc\n",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		auto_record struct record *r = NULL;
		auto_image_info struct image_info *info = NULL;
		struct err err = { 0 };

		assert_int_equal(record_parse(bad[i], "test", IMAGE_FORMAT, &r, &err), 0);
		assert_true(image_from_record(r, "test", &info, &err) < 0);
		assert_true(err.code < 0);
		assert_null(info);
	}
}

static void test_aliases(void **state) {
	autofree char *version = image_version_alias("coi-default", 1700000000);

	(void)state;
	assert_true(image_alias_is_valid("coi-default"));
	assert_true(image_alias_is_valid("debian/12"));
	assert_false(image_alias_is_valid(""));
	assert_false(image_alias_is_valid("-x"));
	assert_false(image_alias_is_valid("a b"));
	assert_false(image_alias_is_valid("a:b"));
	assert_false(image_alias_is_valid("a\nb"));
	assert_string_equal(version, "coi-default-20231114-221320");
	assert_true(image_alias_is_version(version));
	assert_false(image_alias_is_version("coi-default"));
	assert_false(image_alias_is_version("-20231114-221320"));
	assert_false(image_alias_is_version("x-20231114-22132"));
	assert_false(image_alias_is_version("x-20231114x221320"));
	assert_false(image_alias_is_version("x-2023111a-221320"));
}

static void test_metadata(void **state) {
	struct image_metadata m, back;
	autofree char *text = NULL, *deep = xmalloc(70001);

	(void)state;
	metadata_parse("architecture: \"x86_64\"\ncreation_date: 1700000000\nproperties:\n"
		       "  os: 'It''s'\n  release: bookworm # not this\n  description: \"a \\\"b\\\"\"\n"
		       "  architecture: other\ntemplates:\n  os: wrong\n",
		       &m);
	assert_string_equal(m.architecture, "x86_64");
	assert_string_equal(m.os, "It's");
	assert_string_equal(m.release, "bookworm");
	assert_string_equal(m.description, "a \"b\"");
	assert_int_equal(m.creation_date, 1700000000);
	text = metadata_text(&m);
	metadata_parse(text, &back);
	assert_memory_equal(&back, &m, offsetof(struct image_metadata, creation_date));
	/* JSON is YAML too, on lines of its own. */
	metadata_parse("{\n  \"architecture\": \"aarch64\",\n}\n", &m);
	assert_string_equal(m.architecture, "");
	/* Nothing that is not text comes out, whatever goes in. */
	memset(deep, 'x', 70000);
	deep[70000] = '\0';
	memcpy(deep, "architecture: ", 14);
	metadata_parse(deep, &m);
	assert_int_equal(strlen(m.architecture), METADATA_VALUE_MAX - 1);
	metadata_parse("architecture: \"\\x1b[31m\033[31m\nos: \"open\ncreation_date: -5\n", &m);
	assert_string_equal(m.architecture, "");
	assert_string_equal(m.os, "");
	assert_int_equal(m.creation_date, 0);
}

static void test_whiteouts(void **state) {
	static const struct {
		const char *name;
		enum policy_whiteout kind;
		const char *hides;
	} rows[] = {
		{ "etc/x", WHITEOUT_NONE, NULL },	{ "etc/.whx", WHITEOUT_NONE, NULL },
		{ ".wh", WHITEOUT_NONE, NULL },		{ ".wh.x", WHITEOUT_NAME, "x" },
		{ "a/b/.wh.c d", WHITEOUT_NAME, "c d" },	{ "a/.wh..x", WHITEOUT_NAME, ".x" },
		{ ".wh..wh..opq", WHITEOUT_OPAQUE, NULL }, { "a/.wh..wh..opq", WHITEOUT_OPAQUE, NULL },
		{ ".wh..wh.plnk", WHITEOUT_FOREIGN, NULL },
		{ ".wh..wh.plnk/1.2", WHITEOUT_FOREIGN, NULL },
		{ "a/.wh.", WHITEOUT_INVALID, NULL },	{ ".wh..", WHITEOUT_INVALID, NULL },
		{ "a/.wh...", WHITEOUT_INVALID, NULL },	{ ".wh.a/b", WHITEOUT_INVALID, NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const char *hides = NULL;

		assert_int_equal(policy_whiteout(rows[i].name, &hides), rows[i].kind);
		if (rows[i].hides)
			assert_string_equal(hides, rows[i].hides);
		assert_int_equal(policy_has_whiteout(rows[i].name), rows[i].kind != WHITEOUT_NONE);
	}
}

static int rank(const char *machine, const char *arch, const char *variant) {
	struct oci_platform ours, p = { .os = "linux" };

	oci_platform_of(machine, &ours);
	(void)snprintf(p.arch, sizeof(p.arch), "%s", arch);
	(void)snprintf(p.variant, sizeof(p.variant), "%s", variant);
	return oci_platform_rank(&ours, &p);
}

static void test_platforms(void **state) {
	struct oci_platform p;
	char digest[HASH_HEX_SIZE];

	(void)state;
	assert_true(rank("x86_64", "amd64", "") == 0 && rank("x86_64", "amd64", "v1") == 0);
	assert_true(rank("x86_64", "amd64", "v2") < rank("x86_64", "amd64", "v3"));
	assert_true(rank("x86_64", "arm64", "") < 0 && rank("x86_64", "386", "") < 0);
	assert_true(rank("aarch64", "arm64", "v8") == 0);
	assert_true(rank("armv7l", "arm", "v7") == 0 && rank("armv7l", "arm", "v6") == 1);
	assert_true(rank("armv6l", "arm", "v7") < 0 && rank("armv6l", "arm", "") > 0);
	assert_true(rank("made-up", "made-up", "") == 0);
	oci_platform_of("x86_64", &p);
	(void)snprintf(p.os, sizeof(p.os), "windows");
	{
		struct oci_platform ours;

		oci_platform_of("x86_64", &ours);
		assert_true(oci_platform_rank(&ours, &p) < 0);
	}
	assert_string_equal(oci_machine_of("amd64"), "x86_64");
	assert_string_equal(oci_machine_of("vax"), "vax");
	assert_true(oci_digest("sha256:" FP, digest));
	assert_string_equal(digest, FP);
	assert_false(oci_digest("sha512:" FP, digest));
	assert_false(oci_digest("sha256:" FP "0", digest));
	assert_false(oci_digest("sha256:../../etc/passwd", digest));
	assert_false(oci_digest("", digest));
}

static int parse_config(const char *text, struct oci_plan *plan, struct err *err) {
	json_t *doc = json_loads(text, 0, NULL);
	int r = oci_parse_config(doc, plan, err);

	json_decref(doc);
	return r;
}

static void test_oci_config(void **state) {
	static const char *const bad[] = {
		"[]", "{}", "{\"os\":\"linux\"}",
		"{\"os\":\"linux\",\"rootfs\":{\"diff_ids\":[\"sha256:abc\"]}}",
		"{\"os\":\"linux\",\"rootfs\":{\"diff_ids\":[7]}}",
		"{\"os\":\"plan9\",\"rootfs\":{\"diff_ids\":[\"sha256:" FP "\"]}}",
		"{\"os\":\"linux\",\"rootfs\":{\"diff_ids\":[\"sha256:" FP "\"]},"
		"\"config\":{\"Env\":[{}]}}",
	};
	struct oci_plan plan = { 0 };
	struct err err = { 0 };

	(void)state;
	assert_int_equal(parse_config("{\"os\":\"linux\",\"architecture\":\"arm\",\"variant\":\"v6\","
				      "\"created\":\"1970-01-01T00:01:40.5Z\",\"rootfs\":{\"diff_ids\":"
				      "[\"sha256:" FP "\"]},\"config\":{\"Env\":[\"A=b\"],\"Cmd\":"
				      "\"old style\",\"Entrypoint\":null,\"User\":\"u\","
				      "\"WorkingDir\":\"/w\"}}", &plan, &err), 0);
	assert_int_equal(plan.layer_count, 1);
	assert_string_equal(plan.layers[0].diff_id, FP);
	assert_int_equal(plan.created, 100);
	assert_string_equal(plan.env[0], "A=b");
	assert_string_equal(plan.cmd[0], "old style");
	assert_null(plan.entrypoint);
	assert_string_equal(plan.user, "u");
	assert_string_equal(plan.dir, "/w");
	assert_string_equal(plan.platform.variant, "v6");
	oci_plan_done(&plan);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_true(parse_config(bad[i], &plan, &err) < 0);
		oci_plan_done(&plan);
	}
}

static void test_names(void **state) {
	static const struct {
		const char *raw, *clean; /* NULL: refused */
	} rows[] = {
		{ "./", "" }, { ".", "" }, { "", "" }, { "etc/", "etc" }, { "./etc/./x", "etc/x" },
		{ "a//b///c", "a/b/c" }, { ".../x", ".../x" }, { "..x", "..x" }, { ".w/x", ".w/x" },
		{ "/etc", NULL }, { "//etc", NULL }, { "..", NULL }, { "a/..", NULL }, { "../a", NULL },
		{ "a/../b", NULL }, { "./..", NULL },
	};
	char out[POLICY_NAME_MAX + 1], raw[6000];
	const char *why;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		int r = policy_clean_name(rows[i].raw, out, &why);

		if (rows[i].clean)
			assert_string_equal(r == 0 ? out : "refused", rows[i].clean);
		else
			assert_int_equal(r, -EINVAL);
	}
	memset(raw, 'n', 255);
	raw[255] = '\0';
	assert_int_equal(policy_clean_name(raw, out, &why), 0);
	raw[255] = 'n';
	raw[256] = '\0';
	assert_int_equal(policy_clean_name(raw, out, &why), -EINVAL);
	for (size_t i = 0; i < sizeof(raw) - 1; i++)
		raw[i] = i % 200 == 199 ? '/' : 'p';
	raw[sizeof(raw) - 1] = '\0';
	assert_int_equal(policy_clean_name(raw, out, &why), -EINVAL);
	raw[4095] = '\0';
	assert_int_equal(policy_clean_name(raw, out, &why), 0);
}

static void test_devices(void **state) {
	(void)state;
	assert_int_equal(policy_device("dev/null", S_IFCHR, 1, 3), POLICY_SKIP);
	assert_int_equal(policy_device("rootfs/dev/null", S_IFCHR, 1, 3), POLICY_SKIP);
	assert_int_equal(policy_device("dev/tty63", S_IFCHR, 4, 63), POLICY_SKIP);
	assert_int_equal(policy_device("dev/net/tun", S_IFCHR, 10, 200), POLICY_SKIP);
	assert_int_equal(policy_device("dev/null", S_IFBLK, 1, 3), POLICY_REFUSE);
	assert_int_equal(policy_device("dev/null", S_IFCHR, 1, 1), POLICY_REFUSE);
	assert_int_equal(policy_device("etc/null", S_IFCHR, 1, 3), POLICY_REFUSE);
	assert_int_equal(policy_device("dev/sda", S_IFBLK, 8, 0), POLICY_REFUSE);
	assert_int_equal(policy_device("dev/ttyX", S_IFCHR, 4, 1), POLICY_REFUSE);
	assert_int_equal(policy_device("dev/x", S_IFCHR, 0, 0), POLICY_REFUSE);
	assert_int_equal(policy_device("rootfs/rootfs/dev/null", S_IFCHR, 1, 3), POLICY_REFUSE);
}

static void test_xattrs(void **state) {
	unsigned char v2[20] = { 1, 0, 0, 2 }, v3[24] = { 1, 0, 0, 3, 0xaa }, x[4] = "x";
	size_t len = 4;

	(void)state;
	assert_int_equal(policy_xattr("user.a", S_IFREG, x, &len), POLICY_KEEP);
	assert_int_equal(policy_xattr("user.a", S_IFDIR, x, &len), POLICY_KEEP);
	assert_int_equal(policy_xattr("user.a", S_IFLNK, x, &len), POLICY_SKIP);
	assert_int_equal(policy_xattr("user.", S_IFREG, x, &len), POLICY_SKIP);
	assert_int_equal(policy_xattr("trusted.a", S_IFREG, x, &len), POLICY_SKIP);
	assert_int_equal(policy_xattr("security.selinux", S_IFREG, x, &len), POLICY_SKIP);
	assert_int_equal(policy_xattr("system.posix_acl_access", S_IFREG, x, &len), POLICY_SKIP);
	assert_int_equal(policy_xattr("trusted.overlay.opaque", S_IFDIR, x, &len), POLICY_REFUSE);
	assert_int_equal(policy_xattr("user.overlay.redirect", S_IFDIR, x, &len), POLICY_REFUSE);
	len = sizeof(v2);
	assert_int_equal(policy_xattr("security.capability", S_IFREG, v2, &len), POLICY_KEEP);
	assert_int_equal(policy_xattr("security.capability", S_IFDIR, v2, &len), POLICY_SKIP);
	len = sizeof(v3);
	assert_int_equal(policy_xattr("security.capability", S_IFREG, v3, &len), POLICY_KEEP);
	assert_int_equal(len, 20);
	assert_int_equal(v3[3], 2);
	assert_int_equal(v3[4], 0xaa);
	v3[3] = 3;
	v3[20] = 1; /* root of another namespace */
	len = sizeof(v3);
	assert_int_equal(policy_xattr("security.capability", S_IFREG, v3, &len), POLICY_SKIP);
	len = 3;
	assert_int_equal(policy_xattr("security.capability", S_IFREG, v2, &len), POLICY_SKIP);
}

static int find(const char *name, bool group, void *data) {
	(void)data;
	return strcmp(name, "known") == 0 ? group ? 7 : 8 : -ENOENT;
}

static void test_acls(void **state) {
	/* user::rw-, user:1000:rwx, group::r--, mask::rwx, other::--- */
	static const unsigned char value[] = {
		2, 0, 0, 0, 1, 0, 6, 0, 255, 255, 255, 255, 2, 0, 7, 0, 0xe8, 3, 0, 0,
		4, 0, 4, 0, 255, 255, 255, 255, 16, 0, 7, 0, 255, 255, 255, 255,
		32, 0, 0, 0, 255, 255, 255, 255,
	};
	const struct acl_names names = { find, NULL };
	unsigned char out[ACL_XATTR_MAX];
	struct archive_entry *e = archive_entry_new();
	int type = ARCHIVE_ENTRY_ACL_TYPE_ACCESS;

	(void)state;
	archive_entry_set_mode(e, S_IFREG | 0670);
	assert_int_equal(acl_to_xattr(e, type, NULL, out), 0);
	assert_int_equal(acl_from_xattr(e, type, value, sizeof(value)), 0);
	assert_int_equal(acl_to_xattr(e, type, NULL, out), sizeof(value));
	assert_memory_equal(out, value, sizeof(value));
	assert_int_equal(acl_from_xattr(e, type, value, 3), -EINVAL);
	assert_int_equal(acl_from_xattr(e, type, value, sizeof(value) - 1), -EINVAL);
	archive_entry_acl_add_entry(e, type, 4, ARCHIVE_ENTRY_ACL_GROUP, -1, "known");
	assert_int_equal(acl_to_xattr(e, type, NULL, out), -ENOENT);
	assert_int_equal(acl_to_xattr(e, type, &names, out), sizeof(value) + 8);
	archive_entry_acl_add_entry(e, type, 4, ARCHIVE_ENTRY_ACL_USER, -1, "70000");
	assert_int_equal(acl_to_xattr(e, type, &names, out), -EINVAL);
	archive_entry_free(e);
}

static void test_urls(void **state) {
	autofree char *a = url_host("https://user:secret@packages.example:8080/debian");
	autofree char *b = url_host("http://[2001:db8::1]:80/x"), *c = url_host("file:/x");
	autofree char *d = npm_url("https://r.example/npm/", "@scope/name", "1.2.3");
	autofree char *e = npmrc_registry("a=b\n@x:registry=https://no.example/\n"
					   "registry = \"https://r/\"\n");
	autofree char *f = npmrc_registry("registry=javascript:x\n");

	(void)state;
	assert_string_equal(a, "packages.example");
	assert_string_equal(b, "[2001:db8::1]");
	assert_null(c);
	assert_string_equal(d, "https://r.example/npm/@scope/name/-/name-1.2.3.tgz");
	assert_string_equal(e, "https://r/");
	assert_null(f);
}

static void test_apt(void **state) {
	static const char targets[] = "http://m/debian/|bookworm|main|Debian\n"
				      "http://m/debian/|bookworm-updates|main|Debian\n"
				      "http://m/debian/|bookworm-backports|main|Debian\n"
				      "http://s/security/|bookworm-security|main|Debian\n"
				      "http://m/debian/|bookworm|contrib|Debian\n"
				      "http://other/|bookworm|main|Another Vendor\n"
				      "broken line\n";
	struct recipe own = { .dir = (char *)"/r" }, other = { .dir = (char *)"/r" };
	struct apt_sources s = { 0 };
	struct err err = { 0 };

	(void)state;
	assert_int_equal(apt_sources_parse(&own, "bookworm", targets, &s, &err), 0);
	assert_string_equal(s.suite, "bookworm");
	assert_string_equal(s.mirror, "http://m/debian/");
	assert_int_equal(strv_len(s.lines), 3);
	assert_string_equal(s.lines[2], "deb http://s/security/ bookworm-security main");
	assert_int_equal(strv_len(s.hosts), 2);
	apt_sources_done(&s);
	other.suite = (char *)"trixie";
	other.components = (char *)"main contrib";
	assert_int_equal(apt_sources_parse(&other, "bookworm", targets, &s, &err), 0);
	assert_string_equal(s.lines[0], "deb http://m/debian/ trixie main contrib");
	assert_string_equal(s.lines[2], "deb http://s/security/ trixie-security main contrib");
	apt_sources_done(&s);
	assert_int_equal(apt_sources_parse(&own, "", "", &s, &err), -ENOENT);
	assert_non_null(strstr(err.hint, "/r/image.ini"));
	other.mirror = (char *)"http://mine/";
	assert_int_equal(apt_sources_parse(&other, "", "", &s, &err), 0);
	assert_string_equal(s.lines[0], "deb http://mine/ trixie main contrib");
	apt_sources_done(&s);
}

static void test_integrity(void **state) {
	autofree char *text = NULL;
	struct err err = { 0 };
	int fd = memfd_create("x", MFD_CLOEXEC);

	(void)state;
	assert_int_equal(write(fd, "abc", 3), 3);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	assert_int_equal(npm_integrity(fd, &text, &err), 0);
	/* FIPS 180-4's own example. */
	assert_string_equal(text, "sha512-3a81oZNherrMQXNJriBBMRLm+k6JqX6iCp7u5ktV05ohkpkqJ0/BqDa6PCOj/"
				  "uu9RU1EI2Q86A4qmslPpUyknw==");
	close(fd);
}

static void test_recipes(void **state) {
	static const char *const names[] = { "coi-default", "coi-slim" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		autofree char *dir = xasprintf("%s/images/%s", COI_SOURCE_DIR, names[i]);
		auto_recipe struct recipe *r = NULL;
		char *const wrong[] = { (char *)"pi", (char *)"no-such-agent", NULL };
		char *const few[] = { (char *)"pi", NULL };
		char one[IMAGE_FINGERPRINT_SIZE], two[IMAGE_FINGERPRINT_SIZE];
		struct err err = { 0 };

		assert_int_equal(recipe_load(dir, &r, &err), 0);
		assert_string_equal(r->name, names[i]);
		assert_true(strv_contains(r->packages, "systemd"));
		assert_int_equal(strv_contains(r->packages, "docker.io"), i == 0);
		assert_true(strv_contains(r->agents, "pi"));
		assert_null(r->mirror);
		assert_null(r->npm_registry);
		for (size_t n = 0; n < r->item_count; n++)
			if (r->items[n].package)
				assert_int_equal(strlen(r->items[n].integrity), 95);
		assert_int_equal(recipe_check_agents(r, wrong, &err), -EINVAL);
		assert_non_null(strstr(err.msg, "no-such-agent"));
		assert_int_equal(recipe_hash(r, NULL, one, &err), 0);
		assert_int_equal(recipe_hash(r, r->agents, two, &err), 0);
		assert_string_equal(one, two);
		assert_int_equal(recipe_hash(r, few, two, &err), 0);
		assert_int_equal(strcmp(one, two) == 0, i == 1);
	}
}

static void test_recipes_on_an_image(void **state) {
	static const char *const names[] = { "coi-docker", "coi-podman" };
	static const char *const packages[] = { "docker.io", "podman" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		autofree char *dir = xasprintf("%s/images/%s", COI_SOURCE_DIR, names[i]);
		auto_recipe struct recipe *r = NULL;
		struct err err = { 0 };

		assert_int_equal(recipe_load(dir, &r, &err), 0);
		assert_string_equal(r->name, names[i]);
		assert_string_equal(r->image, "coi-default");
		assert_true(strv_contains(r->packages, packages[i]));
		assert_int_equal(r->item_count, 0);
		assert_int_equal(strv_len(r->agents), 0);
	}
}

static void test_candidates(void **state) {
	autostrv char **have = debs_available("podman:\n  Installed: (none)\n  Candidate: 4.3.1\n"
					      "  Version table:\n     4.3.1 500\n"
					      "virtual:\n  Installed: (none)\n  Candidate: (none)\n"
					      "odd:\n  Installed: 1\n"
					      "  Candidate: 2\nN: Unable to locate package x\n");
	autostrv char **none = debs_available("  Candidate: 1\n:\n  Candidate: 1\n");

	(void)state;
	assert_int_equal(strv_len(have), 2);
	assert_string_equal(have[0], "podman");
	assert_string_equal(have[1], "odd");
	assert_int_equal(strv_len(none), 0);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_record_round_trip), cmocka_unit_test(test_record_refuses),
		cmocka_unit_test(test_aliases),		  cmocka_unit_test(test_metadata),
		cmocka_unit_test(test_names),		  cmocka_unit_test(test_devices),
		cmocka_unit_test(test_whiteouts),	  cmocka_unit_test(test_platforms),
		cmocka_unit_test(test_oci_config),
		cmocka_unit_test(test_xattrs),		  cmocka_unit_test(test_acls),
		cmocka_unit_test(test_urls),		  cmocka_unit_test(test_apt),
		cmocka_unit_test(test_integrity),	  cmocka_unit_test(test_recipes),
		cmocka_unit_test(test_recipes_on_an_image), cmocka_unit_test(test_candidates),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
