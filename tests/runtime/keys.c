/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * keys give ARGV…   a session keyring of its own with a key in it, then ARGV
 * keys find         is that key in the session keyring? Exit status 0: yes, 1: no
 */
#include <linux/keyctl.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static const char name[] = "coi-test-secret";

int main(int argc, char **argv) {
	char value[16];
	long key;

	if (argc > 2 && !strcmp(argv[1], "give")) {
		if (syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL) < 0 ||
		    syscall(SYS_add_key, "user", name, "secret", 6, KEY_SPEC_SESSION_KEYRING) < 0) {
			perror("keys");
			return 2;
		}
		(void)execvp(argv[2], argv + 2);
		return 127;
	}
	key = syscall(SYS_keyctl, KEYCTL_SEARCH, KEY_SPEC_SESSION_KEYRING, "user", name, 0);
	if (key < 0)
		return 1;
	return syscall(SYS_keyctl, KEYCTL_READ, key, value, sizeof(value)) == 6 ? 0 : 1;
}
