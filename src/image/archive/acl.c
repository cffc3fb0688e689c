/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "image/archive/acl.h"

#include <archive.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#include "image/archive/policy.h"

#define ACL_VERSION 2
#define ACL_NO_ID UINT32_MAX

struct acl_line {
	uint16_t tag; /* the kernel's ACL_USER_OBJ and so on, in the order it wants */
	uint16_t perm;
	uint32_t id;
};

static const struct {
	int archive;
	uint16_t kernel;
	bool has_id;
} acl_tags[] = {
	{ ARCHIVE_ENTRY_ACL_USER_OBJ, 0x01, false },  { ARCHIVE_ENTRY_ACL_USER, 0x02, true },
	{ ARCHIVE_ENTRY_ACL_GROUP_OBJ, 0x04, false }, { ARCHIVE_ENTRY_ACL_GROUP, 0x08, true },
	{ ARCHIVE_ENTRY_ACL_MASK, 0x10, false },      { ARCHIVE_ENTRY_ACL_OTHER, 0x20, false },
};

static void put16(unsigned char *p, uint16_t v) {
	p[0] = (unsigned char)(v & 0xff);
	p[1] = (unsigned char)(v >> 8);
}

static void put32(unsigned char *p, uint32_t v) {
	put16(p, (uint16_t)(v & 0xffff));
	put16(p + 2, (uint16_t)(v >> 16));
}

static uint16_t get16(const unsigned char *p) {
	return (uint16_t)(p[0] | p[1] << 8);
}

static uint32_t get32(const unsigned char *p) {
	return get16(p) | (uint32_t)get16(p + 2) << 16;
}

static int compare_lines(const void *a, const void *b) {
	const struct acl_line *x = a, *y = b;

	if (x->tag != y->tag)
		return x->tag < y->tag ? -1 : 1;
	return x->id < y->id ? -1 : x->id > y->id;
}

/* GNU tar writes only a name, or a number where a name could stand. */
static int qualifier_id(int qual, const char *name, bool group, const struct acl_names *names) {
	char *end = NULL;
	long n;

	if (qual >= 0 || !name || !*name)
		return qual;
	n = strtol(name, &end, 10);
	if (*end)
		return names ? names->find(name, group, names->data) : -ENOENT;
	return n < 0 || n > POLICY_ID_MAX ? -EINVAL : (int)n;
}

static int line_from_entry(struct acl_line *line, int permset, int tag, int qual,
			   const char *name, const struct acl_names *names) {
	for (size_t i = 0; i < sizeof(acl_tags) / sizeof(acl_tags[0]); i++) {
		if (acl_tags[i].archive != tag)
			continue;
		if (acl_tags[i].has_id) {
			qual = qualifier_id(qual, name, tag == ARCHIVE_ENTRY_ACL_GROUP, names);
			if (qual < 0 || qual > POLICY_ID_MAX)
				return qual == -ENOENT ? qual : -EINVAL;
		}
		line->tag = acl_tags[i].kernel;
		line->perm = (uint16_t)(permset & 7);
		line->id = acl_tags[i].has_id ? (uint32_t)qual : ACL_NO_ID;
		return 0;
	}
	return -EINVAL;
}

int acl_to_xattr(struct archive_entry *e, int type, const struct acl_names *names,
		 unsigned char *out) {
	struct acl_line lines[ACL_LINES_MAX];
	size_t n = 0;
	int permset, tag, qual, t;
	const char *text;

	if ((archive_entry_acl_types(e) & type) == 0 || archive_entry_acl_reset(e, type) == 0)
		return 0;
	while (archive_entry_acl_next(e, type, &t, &permset, &tag, &qual, &text) == ARCHIVE_OK) {
		int r = n == ACL_LINES_MAX ? -EINVAL
					   : line_from_entry(&lines[n], permset, tag, qual, text, names);

		if (r < 0)
			return r;
		n++;
	}
	if (!n)
		return 0;
	qsort(lines, n, sizeof(lines[0]), compare_lines);
	put32(out, ACL_VERSION);
	for (size_t i = 0; i < n; i++) {
		put16(out + 4 + 8 * i, lines[i].tag);
		put16(out + 6 + 8 * i, lines[i].perm);
		put32(out + 8 + 8 * i, lines[i].id);
	}
	return (int)(4 + 8 * n);
}

int acl_from_xattr(struct archive_entry *e, int type, const unsigned char *value, size_t len) {
	if (len < 4 || (len - 4) % 8 != 0 || len > ACL_XATTR_MAX || get32(value) != ACL_VERSION)
		return -EINVAL;
	for (size_t off = 4; off < len; off += 8) {
		uint16_t tag = get16(value + off);
		uint32_t id = get32(value + off + 4);
		size_t i;

		for (i = 0; i < sizeof(acl_tags) / sizeof(acl_tags[0]); i++)
			if (acl_tags[i].kernel == tag)
				break;
		if (i == sizeof(acl_tags) / sizeof(acl_tags[0]))
			return -EINVAL;
		if (archive_entry_acl_add_entry(e, type, get16(value + off + 2) & 7,
						acl_tags[i].archive,
						acl_tags[i].has_id ? (int)id : -1,
						NULL) != ARCHIVE_OK)
			return -EINVAL;
	}
	return 0;
}
