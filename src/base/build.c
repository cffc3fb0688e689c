/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/build.h"

#if defined(__x86_64__) && defined(__LP64__)
#define ARCH "amd64"
#elif defined(__i386__)
#define ARCH "i386"
#elif defined(__aarch64__) && defined(__LP64__)
#define ARCH "arm64"
#elif defined(__arm__) && defined(__ARM_PCS_VFP)
#define ARCH "armhf"
#elif defined(__riscv) && __riscv_xlen == 64
#define ARCH "riscv64"
#elif defined(__powerpc64__) && defined(__LITTLE_ENDIAN__)
#define ARCH "ppc64el"
#elif defined(__s390x__)
#define ARCH "s390x"
#else
#define ARCH ""
#endif

const struct build build = {
	.version = PACKAGE_VERSION,
	.arch = ARCH,
	.release_key = COI_RELEASE_KEY,
	.release_url = COI_RELEASE_URL,
	.is_relocatable = COI_RELOCATABLE,
};
