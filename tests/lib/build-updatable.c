/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A release build whose releases are those of tests/cli/update.bats (tests/lib/release-key.pem). */
#undef PACKAGE_VERSION
#define PACKAGE_VERSION "1.0.0"
#undef COI_RELOCATABLE
#define COI_RELOCATABLE true
#undef COI_RELEASE_KEY
#define COI_RELEASE_KEY "9bdf32cd48336e55b585a66c7aca9013f0c7dbef2bbbebd15b04e1dccf77b003"
#include "base/build.c"
