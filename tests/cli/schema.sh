#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# The JSON Schemas, measured by a validator that is not ours: what coi writes and what the
# manual shows is valid, and schema and loader agree on what is right and wrong, key by key.
src=${COI_TEST_SRC:-.}
build=${COI_TEST_BUILD:-.}
. "$src/tests/lib/tap.sh"
. "$src/tests/lib/peer.sh"
peer_run jsonschema,tomllib "$src/tests/lib/schema.py" "$build/coi" "$src"
