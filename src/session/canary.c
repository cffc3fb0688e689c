/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "session/canary.h"

#include <errno.h>
#include <fcntl.h>
#include <nettle/base64.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/strv.h"

#define LAYER "canaries" /* in the container's directory */
#define FILE_MAX 8192
#define LINE 70 /* of a key in PEM */

/* --- what is in them: the form of the real thing, and nothing that opens anything */

static int add_random(struct buf *b, const char *letters, size_t count) {
	unsigned char random[128];
	size_t n = strlen(letters);

	if (count > sizeof(random) || getrandom(random, sizeof(random), 0) != sizeof(random))
		return -EIO;
	for (size_t i = 0; i < count; i++)
		buf_addc(b, letters[random[i] % n]);
	return 0;
}

static const char alphanumeric[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/* Numbers of real keys are base 32, which has no zero: this one was never given to anybody. */
static int fill_aws(struct buf *b) {
	int r;

	buf_adds(b, "[default]\naws_access_key_id = AKIA");
	r = add_random(b, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 15);
	buf_adds(b, "0\naws_secret_access_key = ");
	if (r == 0)
		r = add_random(b, alphanumeric, 40);
	buf_adds(b, "\nregion = eu-central-1\n");
	return r;
}

/* Real ones begin with the version 2, in base 64 "Ag". */
static int fill_pypi(struct buf *b) {
	int r;

	buf_adds(b, "[distutils]\nindex-servers = pypi\n\n[pypi]\nusername = __token__\n"
		    "password = pypi-x");
	r = add_random(b, alphanumeric, 127);
	buf_addc(b, '\n');
	return r;
}

static int fill_vault(struct buf *b) {
	buf_adds(b, "hvs.");
	return add_random(b, alphanumeric, 90);
}

static void add_string(struct buf *b, const void *data, size_t len) {
	const unsigned char head[] = { (unsigned char)(len >> 24), (unsigned char)(len >> 16),
				       (unsigned char)(len >> 8), (unsigned char)len };

	buf_add(b, head, sizeof(head));
	buf_add(b, data, len);
}

#define ADD_WORD(b_, word_) add_string(b_, word_, sizeof(word_) - 1)

/*
 * PROTOCOL.key of OpenSSH: what is behind the passphrase is random, so that none fits.
 */
static void add_key(struct buf *b, const unsigned char random[256]) {
	static const unsigned char one[] = { 0, 0, 0, 1 }, rounds[] = { 0, 0, 0, 16 };
	unsigned char options[4 + 16 + 4] = { 0, 0, 0, 16 };
	autobuf struct buf public = { 0 };

	memcpy(options + 4, random, 16);
	memcpy(options + 20, rounds, sizeof(rounds));
	buf_init(&public, FILE_MAX);
	ADD_WORD(&public, "ssh-ed25519");
	add_string(&public, random + 16, 32);
	buf_add(b, "openssh-key-v1", sizeof("openssh-key-v1"));
	ADD_WORD(b, "aes256-ctr");
	ADD_WORD(b, "bcrypt");
	add_string(b, options, sizeof(options));
	buf_add(b, one, sizeof(one));
	add_string(b, public.data, public.len);
	add_string(b, random + 48, 144);
}

static int fill_ssh(struct buf *b) {
	unsigned char random[256];
	autobuf struct buf key = { 0 };
	autofree char *text = NULL;
	size_t len;

	if (getrandom(random, sizeof(random), 0) != sizeof(random))
		return -EIO;
	buf_init(&key, FILE_MAX);
	add_key(&key, random);
	len = BASE64_ENCODE_RAW_LENGTH(key.len);
	text = xcalloc(1, len + 1);
	base64_encode_raw(text, key.len, (const uint8_t *)key.data);
	buf_adds(b, "-----BEGIN OPENSSH PRIVATE KEY-----\n");
	for (size_t at = 0; at < len; at += LINE)
		buf_addf(b, "%.*s\n", LINE, text + at);
	buf_adds(b, "-----END OPENSSH PRIVATE KEY-----\n");
	return 0;
}

static const struct {
	const char *path; /* in a home */
	int (*fill)(struct buf *b);
} baits[] = {
	{ ".aws/credentials", fill_aws },
	{ ".pypirc", fill_pypi },
	{ ".ssh/id_ed25519_deploy", fill_ssh },
	{ ".vault-token", fill_vault },
};

/* --- the layer */

struct owner {
	uid_t uid;
	gid_t gid;
};

/* The directory @path in @top and those above it, that is there or is made as @o's. */
static int make_directory(int top, const char *path, mode_t mode, const struct owner *o) {
	autoclose int fd = -1;

	fd = open_mkdir_beneath(top, path, 0755);
	if (fd < 0)
		return fd;
	return fchown(fd, o->uid, o->gid) < 0 || fchmod(fd, mode) < 0 ? -errno : 0;
}

static int plant_one(int home, size_t i, const struct owner *o) {
	const char *path = baits[i].path, *slash = strchr(path, '/');
	autofree char *dir = xstrndup(path, slash ? (size_t)(slash - path) : 0);
	autobuf struct buf text = { 0 };
	autoclose int fd = -1;
	int r = *dir ? make_directory(home, dir, 0700, o) : 0;

	if (r < 0)
		return r;
	buf_init(&text, FILE_MAX);
	r = baits[i].fill(&text);
	if (r < 0)
		return r;
	fd = open_beneath(home, path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
	if (fd < 0)
		return fd;
	r = fd_write_all(fd, text.data, text.len);
	return r < 0 ? r : fchown(fd, o->uid, o->gid) < 0 ? -errno : 0;
}

static int plant(int layer, const char *home, const struct owner *o) {
	autoclose int fd = -1;
	int r = make_directory(layer, home + 1, 0700, o);

	if (r == 0)
		fd = open_beneath(layer, home + 1, O_RDONLY | O_DIRECTORY, 0);
	if (r == 0 && fd < 0)
		r = fd;
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(baits); i++)
		r = plant_one(fd, i, o);
	return r;
}

static char **homes_of(const struct container *c) {
	char **homes = NULL;

	strv_add(&homes, "/root");
	strv_addf(&homes, "/home/%s", c->code_user);
	return homes;
}

static int fill_layer(const struct container *c, int layer) {
	const struct owner owners[] = { { 0, 0 }, { c->code_uid, c->code_gid } };
	autostrv char **homes = homes_of(c);
	int r = fchmod(layer, 0755) < 0 ? -errno : 0;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(owners); i++)
		r = plant(layer, homes[i], &owners[i]);
	return r;
}

int canary_make(const struct session *s, const struct container *c, char **ret_path,
		struct err *err) {
	autoclose int dir = container_dir(s, c->name);
	autoclose int layer = -1;
	int r = dir < 0 ? dir : tree_remove_at(dir, LAYER);

	if (r == 0) {
		layer = open_mkdir_beneath(dir, LAYER, 0755);
		r = layer < 0 ? layer : fill_layer(c, layer);
	}
	if (r < 0)
		return err_sys(err, r, "cannot make the canaries of '%s'", c->name);
	*ret_path = xasprintf("%s/containers/%s/" LAYER, s->layout->root, c->name);
	return 0;
}

static bool is_same(int layer, int root, const char *path) {
	autoclose int ours = open_beneath(layer, path + 1, O_RDONLY | O_NOFOLLOW, 0);
	autoclose int seen = open_beneath(root, path + 1, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0);
	autobuf struct buf a = { 0 }, b = { 0 };
	struct stat st;

	buf_init(&a, FILE_MAX);
	buf_init(&b, FILE_MAX);
	return ours >= 0 && seen >= 0 && fstat(seen, &st) == 0 && S_ISREG(st.st_mode) &&
	       st.st_size < FILE_MAX && fd_read_all(ours, &a) >= 0 && fd_read_all(seen, &b) >= 0 &&
	       a.len == b.len && !memcmp(a.data, b.data, a.len);
}

char **canary_seen(const struct session *s, const struct container *c, int root_fd) {
	autoclose int dir = container_dir(s, c->name);
	autoclose int layer = dir < 0 ? -1 : open_beneath(dir, LAYER, O_RDONLY | O_DIRECTORY, 0);
	autostrv char **homes = homes_of(c);
	char **seen = NULL;

	for (char **home = homes; layer >= 0 && *home; home++) {
		for (size_t i = 0; i < ARRAY_SIZE(baits); i++) {
			autofree char *path = path_join(*home, baits[i].path);

			if (is_same(layer, root_fd, path))
				strv_add(&seen, path);
		}
	}
	return seen;
}

int canary_remove(const struct session *s, const char *name) {
	autoclose int dir = container_dir(s, name);

	return dir == -ENOENT ? 0 : dir < 0 ? dir : tree_remove_at(dir, LAYER);
}
