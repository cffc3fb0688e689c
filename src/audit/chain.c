/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "audit/chain.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"

#define HEX 64
#define SEQ_KEY ",\"seq\":"
#define CHAIN_KEY ",\"chain\":\""
#define HEAD_FORMAT "coi-audit-head 1 %020" PRIu64 " %s %020" PRIu64 " %s %020" PRIu64 " %s\n"
#define HEAD_SIZE (sizeof("coi-audit-head 1") - 1 + 3 * (1 + 20 + 1 + HEX) + 1)

void chain_hash(const struct chain_mark *before, const char *body, size_t len,
		char out[HASH_HEX_SIZE]) {
	struct sha256_ctx ctx;

	sha256_init(&ctx);
	sha256_update(&ctx, HEX, (const uint8_t *)before->hash);
	sha256_update(&ctx, len, (const uint8_t *)body);
	hash_ctx_hex(&ctx, out);
}

bool chain_same(const struct chain_mark *a, const struct chain_mark *b) {
	return a->seq == b->seq && !strcmp(a->hash, b->hash);
}

void chain_seal(struct chain_mark *m, const char *line, size_t len, struct buf *out) {
	size_t start = out->len;
	struct chain_mark before = *m;

	buf_add(out, line, len - 2); /* without "}\n" */
	m->seq++;
	buf_addf(out, SEQ_KEY "%" PRIu64, m->seq);
	chain_hash(&before, out->data + start, out->len - start, m->hash);
	buf_addf(out, CHAIN_KEY "%s\"}\n", m->hash);
}

static bool is_hex(const char *s) {
	return strspn(s, "0123456789abcdef") >= HEX;
}

/* A decimal number that ends at @end, not before @line; NULL when there is none. */
static const char *number_start(const char *line, const char *end) {
	const char *p = end;

	while (p > line && p[-1] >= '0' && p[-1] <= '9')
		p--;
	return p == end || end - p > 19 ? NULL : p;
}

bool chain_read(const char *line, size_t len, struct chain_mark *ret, size_t *ret_body) {
	const size_t tail = sizeof(CHAIN_KEY) - 1 + HEX + 2, key = sizeof(SEQ_KEY) - 1;
	const char *at, *number;

	if (len <= tail)
		return false;
	at = line + len - tail;
	if (memcmp(at, CHAIN_KEY, sizeof(CHAIN_KEY) - 1) != 0 || memcmp(line + len - 2, "\"}", 2) != 0)
		return false;
	number = number_start(line, at);
	if (!number || number - line < (ptrdiff_t)key || memcmp(number - key, SEQ_KEY, key) != 0)
		return false;
	memcpy(ret->hash, at + sizeof(CHAIN_KEY) - 1, HEX);
	ret->hash[HEX] = '\0';
	ret->seq = strtoull(number, NULL, 10);
	*ret_body = (size_t)(at - line);
	return is_hex(ret->hash);
}

int chain_last(int fd, off_t size, struct chain_mark *ret) {
	char end[CHAIN_END_MAX + 1];
	size_t want = size < CHAIN_END_MAX ? (size_t)size : CHAIN_END_MAX, body;
	ssize_t n = pread(fd, end, want, size - (off_t)want);

	if (n < 0 || (size_t)n != want)
		return n < 0 ? -errno : -EIO;
	if (n == 0 || end[n - 1] != '\n')
		return 0;
	end[n] = '\0';
	return chain_read(end, (size_t)n - 1, ret, &body);
}

/* --- the head */

static bool take_mark(const char **at, struct chain_mark *ret) {
	char *end;

	if (**at != ' ')
		return false;
	ret->seq = strtoull(*at + 1, &end, 10);
	if (end != *at + 21 || *end != ' ' || !is_hex(end + 1))
		return false;
	memcpy(ret->hash, end + 1, HEX);
	ret->hash[HEX] = '\0';
	*at = end + 1 + HEX;
	return true;
}

static bool head_parse(const char *text, struct chain_head *ret) {
	static const char magic[] = "coi-audit-head 1";

	if (strlen(text) != HEAD_SIZE || strncmp(text, magic, sizeof(magic) - 1) != 0)
		return false;
	text += sizeof(magic) - 1;
	return take_mark(&text, &ret->now) && take_mark(&text, &ret->next) &&
	       take_mark(&text, &ret->floor) && !strcmp(text, "\n");
}

/* A plain file of the owner alone. */
static int head_open(int dir, const char *name, uid_t owner, int flags) {
	int fd = openat(dir, name, flags | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0600);
	struct stat st;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_nlink == 1 &&
	    st.st_uid == owner)
		return fd;
	(void)close(fd);
	return -EPERM;
}

int chain_head_read(int dir, const char *name, uid_t owner, struct chain_head *ret) {
	autoclose int fd = head_open(dir, name, owner, O_RDONLY);
	struct chain_head head;
	char text[HEAD_SIZE + 2];
	ssize_t n = fd < 0 ? -1 : pread(fd, text, sizeof(text) - 1, 0);

	*ret = (struct chain_head){ CHAIN_START, CHAIN_START, CHAIN_START };
	if (n < 0)
		return 0;
	text[n] = '\0';
	if (!head_parse(text, &head))
		return 0;
	*ret = head;
	return 1;
}

int chain_head_write(int dir, const char *name, uid_t owner, const struct chain_head *h) {
	char text[HEAD_SIZE + 1];
	int n = snprintf(text, sizeof(text), HEAD_FORMAT, h->now.seq, h->now.hash, h->next.seq,
			 h->next.hash, h->floor.seq, h->floor.hash);
	autoclose int fd = -1;

	fd = head_open(dir, name, owner, O_RDWR | O_CREAT);
	/* Somebody else's, or a link: it is in the way, and says nothing. */
	if ((fd == -EPERM || fd == -ELOOP) && unlinkat(dir, name, 0) == 0)
		fd = head_open(dir, name, owner, O_RDWR | O_CREAT | O_EXCL);
	if (fd < 0)
		return fd;
	return pwrite(fd, text, (size_t)n, 0) == n ? 0 : -EIO;
}
