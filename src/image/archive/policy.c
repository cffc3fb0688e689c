/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "image/archive/policy.h"

#include <endian.h>
#include <errno.h>
#include <linux/capability.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

static const char *component_fault(const char *c, size_t len) {
	if (len == 2 && c[0] == '.' && c[1] == '.')
		return "it has a '..' in it";
	if (len > POLICY_COMPONENT_MAX)
		return "a part of it is longer than 255 bytes";
	return NULL;
}

int policy_clean_name(const char *raw, char *out, const char **ret_why) {
	char clean[POLICY_NAME_MAX + 1];
	size_t n = 0, depth = 0;

	if (raw[0] == '/') {
		*ret_why = "it is absolute";
		return -EINVAL;
	}
	while (*raw) {
		size_t len = strcspn(raw, "/");
		const char *fault = component_fault(raw, len);

		if (fault) {
			*ret_why = fault;
			return -EINVAL;
		}
		if (len && !(len == 1 && raw[0] == '.')) {
			if (++depth > POLICY_DEPTH_MAX) {
				*ret_why = "it is nested too deeply";
				return -EINVAL;
			}
			if (n + (n > 0) + len > POLICY_NAME_MAX) {
				*ret_why = "it is longer than 4095 bytes";
				return -EINVAL;
			}
			if (n)
				clean[n++] = '/';
			memcpy(clean + n, raw, len);
			n += len;
		}
		raw += len;
		raw += *raw == '/';
	}
	clean[n] = '\0';
	memcpy(out, clean, n + 1);
	return 0;
}

bool policy_has_whiteout(const char *name) {
	for (; *name; name += strcspn(name, "/"), name += *name == '/')
		if (strncmp(name, ".wh.", 4) == 0)
			return true;
	return false;
}

enum policy_whiteout policy_whiteout(const char *name, const char **ret_hides) {
	const char *slash = strrchr(name, '/'), *base = slash ? slash + 1 : name;

	for (const char *part = name; part < base; part = strchr(part, '/') + 1) {
		if (strncmp(part, ".wh..wh.", 8) == 0)
			return WHITEOUT_FOREIGN;
		if (strncmp(part, ".wh.", 4) == 0)
			return WHITEOUT_INVALID;
	}
	if (strncmp(base, ".wh.", 4) != 0)
		return WHITEOUT_NONE;
	if (strcmp(base, ".wh..wh..opq") == 0)
		return WHITEOUT_OPAQUE;
	if (strncmp(base, ".wh..wh.", 8) == 0)
		return WHITEOUT_FOREIGN;
	*ret_hides = base + 4;
	if (!base[4] || strcmp(base + 4, ".") == 0 || strcmp(base + 4, "..") == 0)
		return WHITEOUT_INVALID;
	return WHITEOUT_NAME;
}

int policy_check_target(const char *target, const char **ret_why) {
	size_t len = strlen(target);

	if (!len) {
		*ret_why = "its target is empty";
		return -EINVAL;
	}
	if (len > POLICY_NAME_MAX) {
		*ret_why = "its target is longer than 4095 bytes";
		return -EINVAL;
	}
	return 0;
}

/* "rootfs/x" is "x": in a unified image the root lies one level down. */
static const char *policy_below_root(const char *name) {
	return strncmp(name, "rootfs/", 7) == 0 ? name + 7 : name;
}

struct usual_device {
	const char *name; /* below dev/; a '*' at the end stands for a number */
	mode_t type;
	int major_nr;
	int minor_nr; /* -1: any */
};

/* What debootstrap, distributions' root tarballs and MAKEDEV of old put into /dev. */
static const struct usual_device usual_devices[] = {
	{ "console", S_IFCHR, 5, 1 },   { "full", S_IFCHR, 1, 7 },      { "fuse", S_IFCHR, 10, 229 },
	{ "kmsg", S_IFCHR, 1, 11 },     { "loop*", S_IFBLK, 7, -1 },    { "net/tun", S_IFCHR, 10, 200 },
	{ "null", S_IFCHR, 1, 3 },      { "ptmx", S_IFCHR, 5, 2 },      { "pts/ptmx", S_IFCHR, 5, 2 },
	{ "ram*", S_IFBLK, 1, -1 },     { "random", S_IFCHR, 1, 8 },    { "tty", S_IFCHR, 5, 0 },
	{ "tty*", S_IFCHR, 4, -1 },     { "ttyS*", S_IFCHR, 4, -1 },    { "urandom", S_IFCHR, 1, 9 },
	{ "zero", S_IFCHR, 1, 5 },      { "rtc0", S_IFCHR, 254, 0 },
};

static bool device_name_matches(const char *pattern, const char *name) {
	size_t len = strlen(pattern);
	size_t digits;

	if (pattern[len - 1] != '*')
		return strcmp(pattern, name) == 0;
	if (strncmp(pattern, name, len - 1) != 0)
		return false;
	digits = strspn(name + len - 1, "0123456789");
	return digits > 0 && digits <= 3 && name[len - 1 + digits] == '\0';
}

enum policy_verdict policy_device(const char *name, mode_t mode, unsigned int major_nr,
				  unsigned int minor_nr) {
	name = policy_below_root(name);
	if (strncmp(name, "dev/", 4) != 0)
		return POLICY_REFUSE;
	for (size_t i = 0; i < sizeof(usual_devices) / sizeof(usual_devices[0]); i++) {
		const struct usual_device *d = &usual_devices[i];

		if (d->type == (mode & S_IFMT) && (unsigned int)d->major_nr == major_nr &&
		    (d->minor_nr < 0 || (unsigned int)d->minor_nr == minor_nr) &&
		    device_name_matches(d->name, name + 4))
			return POLICY_SKIP;
	}
	return POLICY_REFUSE;
}

static enum policy_verdict capability_value(unsigned char *value, size_t *len) {
	uint32_t magic, rootid;

	if (*len < sizeof(magic))
		return POLICY_SKIP;
	memcpy(&magic, value, sizeof(magic));
	magic = le32toh(magic);
	if ((magic & ~(uint32_t)VFS_CAP_FLAGS_EFFECTIVE) == VFS_CAP_REVISION_2)
		return *len == XATTR_CAPS_SZ_2 ? POLICY_KEEP : POLICY_SKIP;
	if ((magic & ~(uint32_t)VFS_CAP_FLAGS_EFFECTIVE) != VFS_CAP_REVISION_3 ||
	    *len != XATTR_CAPS_SZ_3)
		return POLICY_SKIP;
	memcpy(&rootid, value + XATTR_CAPS_SZ_2, sizeof(rootid));
	if (rootid)
		return POLICY_SKIP;
	magic = htole32(VFS_CAP_REVISION_2 | (magic & VFS_CAP_FLAGS_EFFECTIVE));
	memcpy(value, &magic, sizeof(magic));
	*len = XATTR_CAPS_SZ_2;
	return POLICY_KEEP;
}

enum policy_verdict policy_xattr(const char *name, mode_t mode, unsigned char *value, size_t *len) {
	mode_t type = mode & S_IFMT;

	if (strncmp(name, "trusted.overlay.", 16) == 0 || strncmp(name, "user.overlay.", 13) == 0)
		return POLICY_REFUSE;
	if (*len > POLICY_XATTR_SIZE_MAX || strlen(name) > 255)
		return POLICY_SKIP;
	if (strcmp(name, "security.capability") == 0)
		return type == S_IFREG ? capability_value(value, len) : POLICY_SKIP;
	/* The kernel has user attributes on files and directories only. */
	if (strncmp(name, "user.", 5) == 0 && name[5])
		return type == S_IFREG || type == S_IFDIR ? POLICY_KEEP : POLICY_SKIP;
	return POLICY_SKIP;
}
