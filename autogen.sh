#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Make ./configure out of configure.ac.
set -e
cd "$(dirname "$0")"
exec autoreconf --install --warnings=all
