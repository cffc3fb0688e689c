# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# not COMMAND...: it fails, or the test does. "! command" stops no test, as the shell has
# it: only as the last line of one does it say anything.
not() {
	! "$@"
}
