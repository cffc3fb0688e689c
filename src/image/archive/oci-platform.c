/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Platforms, digests, and which image is meant. Pure. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/strv.h"
#include "image/archive/oci.h"

/* uname(2) and GOARCH with GOARM. */
static const struct {
	const char *machine, *arch, *variant;
} machines[] = {
	{ "x86_64", "amd64", "" },	 { "aarch64", "arm64", "" },  { "armv7l", "arm", "v7" },
	{ "armv8l", "arm", "v7" },	 { "armv6l", "arm", "v6" },   { "armv5tel", "arm", "v5" },
	{ "i686", "386", "" },		 { "i586", "386", "" },	      { "i486", "386", "" },
	{ "i386", "386", "" },		 { "ppc64le", "ppc64le", "" }, { "s390x", "s390x", "" },
	{ "riscv64", "riscv64", "" },	 { "loongarch64", "loong64", "" },
	{ "mips64", "mips64le", "" },
};

void oci_platform_of(const char *machine, struct oci_platform *ret) {
	*ret = (struct oci_platform){ .os = "linux" };
	for (size_t i = 0; i < ARRAY_SIZE(machines); i++) {
		if (strcmp(machines[i].machine, machine) != 0)
			continue;
		(void)snprintf(ret->arch, sizeof(ret->arch), "%s", machines[i].arch);
		(void)snprintf(ret->variant, sizeof(ret->variant), "%s", machines[i].variant);
		return;
	}
	(void)snprintf(ret->arch, sizeof(ret->arch), "%s", machine);
}

const char *oci_machine_of(const char *arch) {
	for (size_t i = 0; i < ARRAY_SIZE(machines); i++)
		if (strcmp(machines[i].arch, arch) == 0)
			return machines[i].machine;
	return arch;
}

char *oci_platform_text(const struct oci_platform *p) {
	return xasprintf("%s/%s%s%s", *p->os ? p->os : "unknown", *p->arch ? p->arch : "unknown",
			 *p->variant ? "/" : "", p->variant);
}

/* "v7" is 7; -1 for what is none. */
static int variant_number(const char *variant) {
	char *end;
	long n;

	if (variant[0] != 'v' || !variant[1])
		return -1;
	n = strtol(variant + 1, &end, 10);
	return *end == '\0' && n >= 0 && n < 100 ? (int)n : -1;
}

int oci_platform_rank(const struct oci_platform *machine, const struct oci_platform *p) {
	int n = variant_number(p->variant), ours = variant_number(machine->variant);

	if (strcmp(p->os, machine->os) != 0 || strcmp(p->arch, machine->arch) != 0)
		return -1;
	if (strcmp(p->arch, "arm") == 0) {
		if (!*p->variant)
			return 50;
		return n >= 0 && ours >= n ? ours - n : -1;
	}
	if (!*p->variant)
		return 0;
	/* Those are for more and more of the processor's abilities; the least is always right. */
	if (strcmp(p->arch, "amd64") == 0)
		return n >= 1 ? n - 1 : 60;
	if (strcmp(p->arch, "arm64") == 0)
		return n == 8 ? 0 : 60;
	return 60;
}

bool oci_digest(const char *text, char out[HASH_HEX_SIZE]) {
	if (strncmp(text, "sha256:", 7) != 0 || strlen(text + 7) != HASH_HEX_SIZE - 1 ||
	    strspn(text + 7, "0123456789abcdef") != HASH_HEX_SIZE - 1)
		return false;
	memcpy(out, text + 7, HASH_HEX_SIZE);
	return true;
}

void oci_images_done(struct oci_images *list) {
	for (size_t i = 0; i < list->count; i++) {
		strv_free(list->items[i].names);
		free(list->items[i].manifest.path);
	}
	free(list->items);
	*list = (struct oci_images){ 0 };
}

static bool has_name(const struct oci_image *image, const char *name) {
	return !name || strv_contains(image->names, name);
}

static bool is_same(const struct oci_image *a, const struct oci_image *b) {
	return a->docker == b->docker && strcmp(a->manifest.digest, b->manifest.digest) == 0;
}

/* What can be chosen from, as a list in words. */
static void list_names(const struct oci_images *list, struct buf *out) {
	autostrv char **all = NULL;
	autofree char *text = NULL;

	for (size_t i = 0; i < list->count; i++)
		for (char **n = list->items[i].names; n && *n; n++)
			if (!strv_contains(all, *n))
				strv_add(&all, *n);
	text = all ? strv_join(all, ", ") : xstrdup("none has a name");
	buf_addf(out, "%.600s", text);
}

static int no_such_name(const struct oci_images *list, const char *name, struct err *err) {
	autobuf struct buf names;

	buf_init(&names, 700);
	list_names(list, &names);
	(void)err_set(err, ERR_MISSING, -ENOENT, "there is no image '%.200s' in it", name);
	return err_hint(err, "its images: %s", names.data);
}

static int too_many(const struct oci_images *list, struct err *err) {
	autobuf struct buf names;

	buf_init(&names, 700);
	list_names(list, &names);
	(void)err_set(err, ERR_USAGE, -EINVAL, "it holds several images");
	return err_hint(err, "say which with '--reference NAME': %s", names.data);
}

static int wrong_platform(const struct oci_images *list, const struct oci_want *want,
			  struct err *err) {
	autofree char *ours = oci_platform_text(&want->platform), *text = NULL;
	autostrv char **theirs = NULL;

	for (size_t i = 0; i < list->count; i++) {
		autofree char *one = oci_platform_text(&list->items[i].platform);

		if (has_name(&list->items[i], want->reference) && !strv_contains(theirs, one))
			strv_add(&theirs, one);
	}
	text = strv_join(theirs, ", ");
	return err_set(err, ERR_MISSING, -ENOENT, "it holds no image for %s, only for %.600s", ours,
		       text);
}

int oci_choose(const struct oci_images *list, const struct oci_want *want,
	       const struct oci_image **ret, struct err *err) {
	const struct oci_image *best = NULL, *only = NULL;
	int best_rank = -1;
	bool several = false, many = false;

	for (size_t i = 0; i < list->count; i++) {
		const struct oci_image *image = &list->items[i];
		int rank;

		if (!has_name(image, want->reference))
			continue;
		many |= only && !is_same(only, image);
		only = image;
		rank = oci_platform_rank(&want->platform, &image->platform);
		if (rank < 0 || (best && rank > best_rank))
			continue;
		several = best && rank == best_rank && (several || !is_same(best, image));
		best = image;
		best_rank = rank;
	}
	if (!only)
		return want->reference ? no_such_name(list, want->reference, err) :
					 err_set(err, ERR_SYSTEM, -EBADMSG, "it holds no image");
	if (several)
		return too_many(list, err);
	/* One image for another machine may be wanted; one out of many was not. */
	if (!best && many)
		return wrong_platform(list, want, err);
	*ret = best ? best : only;
	return 0;
}
