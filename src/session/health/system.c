/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The machine: kernel, distribution, time zone. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/strv.h"
#include "session/health/checks.h"
#include "session/health/verdict.h"
#include "session/timezone.h"

#define OS_RELEASE_MAX 65536
#define VULNERABILITIES "/sys/devices/system/cpu/vulnerabilities"

/* One value of os-release(5), without its quotes; NULL: not there. Newly allocated. */
static char *os_release(const char *key) {
	autobuf struct buf b = { 0 };
	size_t len = strlen(key);
	char *save = NULL;

	if (file_read_at(AT_FDCWD, "/etc/os-release", OS_RELEASE_MAX, &b) < 0 &&
	    file_read_at(AT_FDCWD, "/usr/lib/os-release", OS_RELEASE_MAX, &b) < 0)
		return NULL;
	for (char *line = strtok_r(b.data, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		char *value = line + len + 1;
		size_t n;

		if (strncmp(line, key, len) != 0 || line[len] != '=')
			continue;
		n = strlen(value);
		if (n >= 2 && (*value == '"' || *value == '\'') && value[n - 1] == *value) {
			value[n - 1] = '\0';
			value++;
		}
		return xstrdup(value);
	}
	return NULL;
}

static void look_os(const struct health_subject *s, struct health_result *ret) {
	autofree char *name = os_release("PRETTY_NAME");
	struct utsname u = { 0 };

	(void)uname(&u);
	health_ok(ret, "%s (%s)", name ? name : "Linux", u.machine);
	health_detail(ret, "os", json_text(name ? name : "Linux"));
	health_detail(ret, "arch", json_text(u.machine));
}

static void look_kernel(const struct health_subject *s, struct health_result *ret) {
	struct utsname u = { 0 };

	(void)uname(&u);
	verdict_kernel(u.release, ret);
}

/* The date at the end of "Linux version … #1 SMP … Thu Aug 14 12:00:00 UTC 2025", or -1. */
static time_t build_date(char *line) {
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	char *words[64], *save = NULL;
	size_t n = 0;

	for (char *w = strtok_r(line, " ()", &save); w && n < ARRAY_SIZE(words);
	     w = strtok_r(NULL, " ()", &save))
		words[n++] = w;
	/* Debian: "#1 SMP PREEMPT_DYNAMIC Debian 6.1.148-1 (2025-08-26)". */
	for (size_t i = n; i-- > 0;) {
		struct tm t = { 0 };
		const char *end = strptime(words[i], "%Y-%m-%d", &t);

		if (end && !*end)
			return timegm(&t);
	}
	for (size_t i = 0; i + 3 < n; i++) {
		const char *m = strlen(words[i]) == 3 ? strstr(months, words[i]) : NULL;
		struct tm t = { .tm_mday = (int)strtol(words[i + 1], NULL, 10) };
		long year = strtol(words[n - 1], NULL, 10);

		if (!m || (m - months) % 3 || t.tm_mday < 1 || t.tm_mday > 31 || year < 2000 ||
		    year > 9999)
			continue;
		t.tm_mon = (int)(m - months) / 3;
		t.tm_year = (int)year - 1900;
		return timegm(&t);
	}
	return -1;
}

static void look_kernel_age(const struct health_subject *s, struct health_result *ret) {
	autofree char *line = NULL;
	time_t built = -1;

	if (file_read_line_at(AT_FDCWD, "/proc/version", &line) == 0)
		built = build_date(line);
	verdict_kernel_age(built, time(NULL), ret);
}

static void look_mitigations(const struct health_subject *s, struct health_result *ret) {
	autobuf struct buf cmdline = { 0 };
	autoclose int dir = open(VULNERABILITIES, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	autostrv char **names = NULL, **open_ones = NULL;
	autofree char *text = NULL;

	if (file_read_at(AT_FDCWD, "/proc/cmdline", OS_RELEASE_MAX, &cmdline) == 0 &&
	    (strstr(cmdline.data, "mitigations=off") || strstr(cmdline.data, "nospectre_v"))) {
		health_warn(ret, "switched off on the kernel's command line");
		health_remedy(ret, "boot without it: a container may read what it must not");
		return;
	}
	if (dir >= 0)
		(void)dir_names(dir, &names);
	for (char **name = names; name && *name; name++) {
		autofree char *line = NULL;

		if (file_read_line_at(dir, *name, &line) == 0 && strncmp(line, "Vulnerable", 10) == 0)
			strv_add(&open_ones, *name);
	}
	if (open_ones) {
		text = strv_join(open_ones, ", ");
		health_detail(ret, "vulnerable", json_from_strv(open_ones));
		/* Often out of the person's hands: the firmware or the hypervisor. */
		health_ok(ret, "on; this processor stays open to %s", text);
		return;
	}
	health_ok(ret, "on");
}

/*
 * SUPPORT_END of os-release(5), else what Debian's distro-info-data has for this
 * release: the later one of "eol" and the column behind it ("eol-lts" of Debian,
 * "eol-server" of Ubuntu), which needs no contract with anybody. -1: no data.
 */
static time_t support_end(char **ret_date) {
	autofree char *end = os_release("SUPPORT_END"), *id = os_release("ID");
	autofree char *codename = os_release("VERSION_CODENAME"), *path = NULL;
	autobuf struct buf b = { 0 };
	char *save = NULL;
	struct tm t = { 0 };

	if (!end && id && codename && *codename && !strchr(id, '/')) {
		path = xasprintf("/usr/share/distro-info/%s.csv", id);
		if (file_read_at(AT_FDCWD, path, 1 << 20, &b) < 0)
			return -1;
		for (char *line = strtok_r(b.data, "\n", &save); line;
		     line = strtok_r(NULL, "\n", &save)) {
			/* version,codename,series,created,release,eol[,further] */
			const char *fields[7] = { 0 };
			size_t n = 0;

			while (n < ARRAY_SIZE(fields) && line)
				fields[n++] = strsep(&line, ",");
			if (n < 6 || strcmp(fields[2], codename) != 0)
				continue;
			/* Dates as text sort like dates. */
			end = xstrdup(n == 7 && strcmp(fields[6], fields[5]) > 0 ? fields[6] :
										   fields[5]);
			break;
		}
	}
	if (!end || !strptime(end, "%Y-%m-%d", &t))
		return -1;
	*ret_date = steal_ptr(end);
	return timegm(&t);
}

static void look_support(const struct health_subject *s, struct health_result *ret) {
	autofree char *date = NULL;
	time_t end = support_end(&date);

	verdict_support(end, date, time(NULL), ret);
}

/* A host that has no /etc/localtime is at UTC by localtime(5), as containers are then. */
static void look_timezone(const struct health_subject *s, struct health_result *ret) {
	autofree char *zone = timezone_host();

	if (!zone && access("/etc/localtime", F_OK) < 0) {
		health_ok(ret, "UTC");
		return;
	}
	if (!zone) {
		health_warn(ret, "the host's is not found: containers get UTC");
		health_remedy(ret, "timedatectl set-timezone AREA/CITY");
		return;
	}
	health_ok(ret, "%s", zone);
	health_detail(ret, "timezone", json_text(zone));
}

const struct health_check health_system_checks[] = {
	{ "os", "Operating system", HEALTH_SYSTEM, look_os, NULL },
	{ "kernel_version", "Kernel version", HEALTH_SYSTEM, look_kernel, NULL },
	{ "kernel_build_age", "Kernel build age", HEALTH_SYSTEM, look_kernel_age, NULL },
	{ "kernel_mitigations", "Kernel mitigations", HEALTH_SYSTEM, look_mitigations, NULL },
	{ "distro_eol", "Distro support", HEALTH_SYSTEM, look_support, NULL },
	{ "timezone", "Timezone", HEALTH_SYSTEM, look_timezone, NULL },
	{ 0 },
};
