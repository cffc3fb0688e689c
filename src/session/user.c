/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "session/user.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "session/exec.h"

#define TIMEOUT_MS 120000
#define OUTPUT_MAX 4096
#define TAKEN 3

/*
 * Runs inside as root: what it reads and runs is the container's, and so is the
 * harm. Not usermod(8): it refuses while the user has processes, as in a container
 * that is used again. Words: name, id.
 */
static const char follow_script[] =
	"set -eu\n"
	"umask 022\n"
	"field() { awk -F: -v k=\"$1\" -v v=\"$2\" -v f=\"$3\" \\\n"
	"	'$k == v { print $f; exit }' \"$4\"; }\n"
	"name=$1 id=$2\n"
	"old=$(field 1 \"$name\" 3 /etc/passwd)\n"
	"other=$(field 3 \"$id\" 1 /etc/passwd)\n"
	"if [ -n \"$other\" ] && [ \"$other\" != \"$name\" ]; then echo \"$other\"; exit 3; fi\n"
	"gold=$(field 1 \"$name\" 3 /etc/group)\n"
	"gother=$(field 3 \"$id\" 1 /etc/group)\n"
	"edit() {\n"
	"	cp -p \"$1\" \"$1.coi\"\n"
	"	awk -F: -v OFS=: -v n=\"$name\" -v i=\"$id\" \"$2\" \"$1\" >\"$1.coi\"\n"
	"	mv \"$1.coi\" \"$1\"\n"
	"}\n"
	"if [ -z \"$gother\" ]; then\n"
	"	if [ -n \"$gold\" ]; then edit /etc/group '$1 == n { $3 = i } { print }'\n"
	"	else echo \"$name:x:$id:\" >>/etc/group; fi\n"
	"fi\n"
	"if [ -z \"$old\" ]; then\n"
	"	shell=/bin/sh; [ ! -x /bin/bash ] || shell=/bin/bash\n"
	"	echo \"$name:x:$id:$id:$name:/home/$name:$shell\" >>/etc/passwd\n"
	"	[ ! -e /etc/shadow ] || echo \"$name:*::0:99999:7:::\" >>/etc/shadow\n"
	"	mkdir -p \"/home/$name\"; chown \"$id:$id\" \"/home/$name\"\n"
	"	exit 0\n"
	"fi\n"
	"goldid=$(field 1 \"$name\" 4 /etc/passwd)\n"
	"home=$(field 1 \"$name\" 6 /etc/passwd)\n"
	"[ \"$old\" = \"$id\" ] && [ \"$goldid\" = \"$id\" ] ||\n"
	"	edit /etc/passwd '$1 == n { $3 = i; $4 = i } { print }'\n"
	"case $home in /?*) ;; *) exit 0 ;; esac\n"
	"[ -d \"$home\" ] || exit 0\n"
	/* -xdev: what is mounted below has an owner of its own, and may be read-only. */
	"find \"$home\" -xdev -user \"$old\" ! -user \"$id\" -exec chown -h \"$id:$id\" {} + || true\n";

static int say_failed(const struct container *c, int status, const struct buf *out,
		      const struct buf *err_out, struct err *err) {
	int len = (int)strcspn(status == TAKEN ? out->data : err_out->data, "\n");

	if (status != TAKEN)
		return err_set(err, ERR_SYSTEM, -EIO,
			       "cannot give user '%s' the id %u in container '%s': %.*s",
			       c->code_user, c->code_uid, c->name, len, err_out->data);
	(void)err_set(err, ERR_CONFLICT, -EEXIST,
		      "the id %u belongs to user '%.*s' in container '%s'", c->code_uid, len,
		      out->data, c->name);
	return err_hint(err, "set incus.code_uid to another one, or incus.code_user to that user");
}

static int note(struct session *s, struct container *c, struct err *err) {
	auto_container struct container *now = NULL;
	autoclose int lock = container_lock(s, c->name, 0, err);
	int r = lock < 0 ? lock : container_load(s, c->name, &now, err);

	if (r < 0)
		return r;
	c->user_uid = now->user_uid = c->code_uid;
	return container_store(s, now, err);
}

int user_follow(struct session *s, struct container *c, struct err *err) {
	autofree char *id = xasprintf("%u", c->code_uid);
	char *const argv[] = { (char *)"sh", (char *)"-c", (char *)follow_script, (char *)"sh",
			       c->code_user, id, NULL };
	const struct exec_request request = { .argv = argv, .cwd = "/", .timeout_ms = TIMEOUT_MS };
	autobuf struct buf out = { 0 }, err_out = { 0 };
	int r;

	if (c->user_uid == c->code_uid)
		return 0;
	buf_init(&out, OUTPUT_MAX);
	buf_init(&err_out, OUTPUT_MAX);
	r = exec_capture(s, c, &request, &out, &err_out, err);
	if (r < 0)
		return err_wrap(err, "user '%s' in container '%s'", c->code_user, c->name);
	return r > 0 ? say_failed(c, r, &out, &err_out, err) : note(s, c, err);
}
