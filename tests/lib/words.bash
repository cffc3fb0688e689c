# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# What suites of every kind say.

# not COMMAND...: it fails, or the test does. "! command" stops no test, as the shell has
# it: only as the last line of one does it say anything.
not() {
	! "$@"
}

another_byte() { # FILE OFFSET: the byte there is another than it was
	local was
	was=$(od -An -tu1 -j "$2" -N 1 "$1")
	printf '%b' "\\x$(printf %02x $((was ^ 1)))" | dd of="$1" bs=1 seek="$2" count=1 conv=notrunc status=none
}
