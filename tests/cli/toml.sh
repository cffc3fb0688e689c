#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# TOML 1.0, beside a reader that is not ours (Python's): values of every form, what is
# taken and what is refused, and texts that are made by chance, always the same ones.
src=${COI_TEST_SRC:-.}
build=${COI_TEST_BUILD:-.}
. "$src/tests/lib/tap.sh"
. "$src/tests/lib/peer.sh"
peer_run tomllib "$src/tests/lib/toml.py" "$build/coi"
