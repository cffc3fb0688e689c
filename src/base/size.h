/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sizes as people write them. */
#ifndef COI_BASE_SIZE_H
#define COI_BASE_SIZE_H

#include <stdint.h>

/* "1.5 MB": 1024-based, one decimal, a space. */
#define SIZE_TEXT 24
char *size_text(uint64_t bytes, char out[SIZE_TEXT]);
/* "512B", "1.5KB", "12.3MB", "4.0GB": the form of the image table, no space. */
char *size_text_short(uint64_t bytes, char out[SIZE_TEXT]);

#endif
