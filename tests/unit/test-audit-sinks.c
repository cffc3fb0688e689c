/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Loggers of the host as sinks: what they get, and that nothing waits for them. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "audit/audit.h"
#include "audit/threat.h"
#include "base/json.h"
#include "base/mem.h"

static char directory[] = "/tmp/coi-sinks.XXXXXX";
static char path[64];

static int make_directory(void **state) {
	(void)state;
	if (!mkdtemp(directory))
		return -1;
	(void)snprintf(path, sizeof(path), "%s/socket", directory);
	return 0;
}

static int remove_directory(void **state) {
	(void)state;
	(void)unlink(path);
	return rmdir(directory);
}

static int listen_there(void) {
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	(void)unlink(path);
	memcpy(a.sun_path, path, strlen(path) + 1);
	assert_true(fd >= 0 && bind(fd, (struct sockaddr *)&a, sizeof(a)) == 0);
	return fd;
}

/* The next datagram as text; "" when there is none. */
static const char *next(int fd) {
	static char text[128 * 1024];
	ssize_t n = recv(fd, text, sizeof(text) - 1, 0);

	text[n < 0 ? 0 : n] = '\0';
	return text;
}

static struct audit *open_audit(struct audit_sink *sink) {
	static const struct privilege who = { .user = (char *)"ann", .home = (char *)"/nowhere" };
	struct audit *a = audit_new(&who);

	audit_add_sink(a, sink);
	return a;
}

static int tell(struct audit *a, const char *what) {
	struct err err = { 0 };

	return audit_write(a, AUDIT_CONTAINER_DELETE, "c1", AUDIT_FIELDS(AUDIT_TEXT("reason", what)),
			   &err);
}

static int tell_threat(struct audit *a, const char *command) {
	const struct audit_threat t = {
		.level = AUDIT_CRITICAL,
		.category = AUDIT_PROCESS,
		.title = "Reverse shell",
		.description = "what it is",
		.evidence = AUDIT_EVIDENCE_PROCESS,
		.fields = AUDIT_FIELDS(AUDIT_INT("pid", 7),
				       AUDIT_LIST("command", ((char *[]){ (char *)command, NULL })),
				       AUDIT_TEXT("pattern", "x"),
				       AUDIT_LIST("indicators", ((char *[]){ (char *)"y", NULL }))),
		.action = AUDIT_KILLED,
	};
	struct err err = { 0 };

	return audit_threat(a, "c1", &t, &err);
}

static bool has_control(const char *text) {
	for (; *text; text++)
		if ((unsigned char)*text < 0x20 && *text != '\n')
			return true;
	return false;
}

static void journal_gets_fields(void **state) {
	int fd = listen_there();
	auto_audit struct audit *a = open_audit(audit_sink_journal(path));
	const char *text, *record;
	auto_json json_t *j = NULL;

	(void)state;
	assert_int_equal(tell_threat(a, "sh\033[2J\nPRIORITY=0\nMESSAGE=nothing"), 0);
	text = next(fd);
	assert_non_null(strstr(text, "MESSAGE="));
	assert_non_null(strstr(text, "Reverse shell"));
	assert_non_null(strstr(text, "\nPRIORITY=2\n"));
	assert_non_null(strstr(text, "\nCOI_CONTAINER=c1\n"));
	assert_non_null(strstr(text, "\nCOI_LEVEL=critical\n"));
	/* What the container calls itself makes no field. */
	assert_null(strstr(text, "\nPRIORITY=0"));
	assert_null(strstr(text, "\nMESSAGE=nothing"));
	assert_false(has_control(text));
	record = strstr(text, "\nCOI_RECORD=");
	assert_non_null(record);
	j = json_loads(record + strlen("\nCOI_RECORD="), JSON_DISABLE_EOF_CHECK, NULL);
	assert_string_equal(json_get_str(j, "action", ""), "killed");
	(void)close(fd);
}

static void syslog_gets_lines(void **state) {
	int fd = listen_there();
	auto_audit struct audit *a = open_audit(audit_sink_syslog(path));
	const char *text;

	(void)state;
	assert_int_equal(tell_threat(a, "sh\033[2J\n<0>forged"), 0);
	text = next(fd);
	assert_true(!strncmp(text, "<82>", 4)); /* authpriv, critical */
	assert_non_null(strstr(text, " coi["));
	assert_non_null(strstr(text, "]: c1: "));
	assert_null(strchr(text, '\n'));
	assert_false(has_control(text));
	assert_int_equal(tell(a, "somebody"), 0);
	assert_true(!strncmp(next(fd), "<86>", 4)); /* info */
	(void)close(fd);
}

static void streams_stay_in_the_files(void **state) {
	int fd = listen_there();
	auto_audit struct audit *a = open_audit(audit_sink_journal(path));
	struct err err = { 0 };

	(void)state;
	assert_int_equal(audit_write(a, AUDIT_STREAM_FILE, "c1",
				     AUDIT_FIELDS(AUDIT_TEXT("path", "/x"), AUDIT_TEXT("op", "open")),
				     &err),
			 0);
	assert_string_equal(next(fd), "");
	/* About the watching itself is no stream of the container's. */
	assert_int_equal(audit_write(a, AUDIT_STREAM_AUDIT, "c1",
				     AUDIT_FIELDS(AUDIT_TEXT("msg", "source.gap")), &err),
			 0);
	assert_non_null(strstr(next(fd), "source.gap"));
	(void)close(fd);
}

/* Nobody there, somebody who does not read, somebody new: never an error, and the loss is told. */
static void a_dead_reader_costs_nothing(void **state) {
	struct audit_sink *(*const open[])(const char *) = { audit_sink_journal, audit_sink_syslog };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(open); i++) {
		auto_audit struct audit *a = NULL;
		const char *text;
		int fd, full = 0;

		(void)unlink(path);
		a = open_audit(open[i](path));
		assert_int_equal(tell(a, "one"), 0);
		assert_int_equal(tell(a, "two"), 0);
		fd = listen_there();
		assert_int_equal(tell(a, "three"), 0);
		text = next(fd);
		assert_non_null(strstr(text, "2 records"));
		assert_non_null(strstr(next(fd), "three"));
		/* It does not read: the queue fills, and nobody waits. */
		for (int n = 0; n < 5000; n++)
			assert_int_equal(tell(a, "more"), 0);
		while (*next(fd))
			full++;
		assert_true(full > 0 && full < 5000);
		assert_int_equal(tell(a, "again"), 0);
		assert_non_null(strstr(next(fd), " records"));
		assert_non_null(strstr(next(fd), "again"));
		/* Another one at the same place. */
		(void)close(fd);
		fd = listen_there();
		assert_int_equal(tell(a, "new"), 0);
		text = next(fd);
		assert_non_null(strstr(text, "new"));
		(void)close(fd);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(journal_gets_fields),
		cmocka_unit_test(syslog_gets_lines),
		cmocka_unit_test(streams_stay_in_the_files),
		cmocka_unit_test(a_dead_reader_costs_nothing),
	};

	return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
