/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Lines of logs: whole, in pieces, too long, with any bytes; and what is made of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "monitor/detect.h"
#include "monitor/source/auth-lines.h"

#define MAX 16

struct told {
	char *lines[MAX];
	size_t count;
};

static void tell(const char *text, void *data) {
	struct told *t = data;

	assert_true(t->count < MAX);
	t->lines[t->count++] = strdup(text);
}

static void told_done(struct told *t) {
	for (size_t i = 0; i < t->count; i++)
		free(t->lines[i]);
	*t = (struct told){ 0 };
}

static void lines_are_put_together(void **state) {
	static const char text[] = "one\n\ntwo\nthr\0ee\nunfinished";
	(void)state;

	for (size_t piece = 1; piece < sizeof(text); piece++) {
		struct auth_lines l = { 0 };
		struct told t = { 0 };

		for (size_t at = 0; at < sizeof(text) - 1; at += piece)
			auth_lines_feed(&l, text + at,
			                sizeof(text) - 1 - at < piece ? sizeof(text) - 1 - at : piece,
			                tell, &t);
		assert_int_equal(t.count, 3);
		assert_string_equal(t.lines[0], "one");
		assert_string_equal(t.lines[1], "two");
		assert_string_equal(t.lines[2], "thr ee");
		told_done(&t);
	}
}

static void a_long_line_is_cut_and_no_more(void **state) {
	const size_t size = 10 * AUTH_LINE_MAX;
	struct auth_lines l = { 0 };
	struct told t = { 0 };
	char *text = malloc(size + 6);
	(void)state;

	memset(text, 'x', size);
	memcpy(text + size, "\nnext\n", 6);
	auth_lines_feed(&l, text, size + 6, tell, &t);
	assert_int_equal(t.count, 2);
	assert_int_equal(strlen(t.lines[0]), AUTH_LINE_MAX);
	assert_string_equal(t.lines[1], "next");
	told_done(&t);
	free(text);
}

static void only_messages_about_logins_are_taken(void **state) {
	static const struct {
		const char *message, *text;
	} rows[] = {
		{ "<86>Nov 29 12:00:00 su: pam_unix(su:auth): failure",
		  "Nov 29 12:00:00 su: pam_unix(su:auth): failure" },
		{ "<38>sshd[1]: Accepted password", "sshd[1]: Accepted password" },
		{ "<85>a\nb", "a b" },
		{ "<86>", "" },
		{ "<13>user: authentication failure", NULL },
		{ "<6>kernel", NULL },
		{ "<999>x", NULL },
		{ "<86", NULL },
		{ "<>x", NULL },
		{ "<86 >x", NULL },
		{ "<00086>x", NULL },
		{ "86>x", NULL },
		{ "", NULL },
	};
	(void)state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char message[256];
		const char *text;

		memcpy(message, rows[i].message, strlen(rows[i].message) + 1);
		text = auth_message(message, strlen(message));
		if (rows[i].text)
			assert_string_equal(text, rows[i].text);
		else
			assert_null(text);
	}
}

/* Whatever bytes: nothing is read or written beside them. */
static void any_bytes_are_survived(void **state) {
	uint64_t seed = 1;
	(void)state;

	for (int round = 0; round < 20000; round++) {
		size_t len = (seed >> 16) % 64;
		char *m = malloc(len + 1);
		struct auth_lines l = { 0 };
		struct told t = { 0 };

		for (size_t i = 0; i < len; i++) {
			seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
			m[i] = i == 0 ? '<' : "0123456789>\n\0x\377\033"[(seed >> 33) % 16];
		}
		auth_lines_feed(&l, m, len < 16 ? len : 16, tell, &t);
		(void)auth_message(m, len);
		told_done(&t);
		free(m);
	}
}

static void lines_that_programs_write_are_known(void **state) {
	static const struct {
		const char *text, *rule;
	} rows[] = {
		{ "su: pam_unix(su:auth): authentication failure; logname= uid=1000 "
		  "euid=0 tty=pts/1 ruser=code rhost=  user=root",
		  "auth.failure" },
		{ "su: FAILED SU (to root) code on pts/1", "auth.failure" },
		{ "sudo:     code : 3 incorrect password attempts ; TTY=pts/1 ; PWD=/ ; "
		  "USER=root ; COMMAND=/bin/sh",
		  "auth.failure" },
		{ "sudo: bob : user NOT in sudoers ; TTY=pts/0 ; PWD=/ ; USER=root ; "
		  "COMMAND=/bin/sh",
		  "auth.sudoers" },
		{ "sshd[99]: Failed password for invalid user x from 192.0.2.1 port 4 "
		  "ssh2",
		  "auth.failure" },
		{ "sshd[99]: Accepted publickey for code from 192.0.2.1 port 4 "
		  "ssh2",
		  "auth.login" },
		{ "useradd[12]: new user: name=eve, UID=1001, GID=1001, home=/home/eve, "
		  "shell=/bin/sh, from=none",
		  "auth.user" },
		{ "usermod[12]: add 'eve' to group 'sudo'", "auth.user" },
		{ "passwd[5]: pam_unix(passwd:chauthtok): password changed for eve", "auth.user" },
		{ "su: (to root) code on pts/1", NULL },
		{ "sudo: pam_unix(sudo:session): session opened for user root(uid=0) by "
		  "(uid=1000)",
		  NULL },
		{ "sudo:     code : TTY=pts/1 ; PWD=/ ; USER=root ; "
		  "COMMAND=/usr/bin/apt-get update",
		  NULL },
		{ "CRON[3]: pam_unix(cron:session): session closed for user root", NULL },
		{ "systemd-logind[80]: New session 1 of user code.", NULL },
	};
	static const struct detect_settings set = { 0 };
	(void)state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct watch_event e = { .kind = WATCH_LINE,
			                       .line = { .file = "syslog", .text = rows[i].text } };
		struct findings all = { 0 };

		detect_line(&e, &set, &all);
		assert_int_equal(all.count, rows[i].rule ? 1 : 0);
		if (!rows[i].rule)
			continue;
		assert_string_equal(all.items[0].rule, rows[i].rule);
		assert_int_equal(all.items[0].level, AUDIT_WARNING);
		assert_int_equal(all.items[0].category, AUDIT_AUTH);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_are_put_together),
		cmocka_unit_test(a_long_line_is_cut_and_no_more),
		cmocka_unit_test(only_messages_about_logins_are_taken),
		cmocka_unit_test(any_bytes_are_survived),
		cmocka_unit_test(lines_that_programs_write_are_known),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
