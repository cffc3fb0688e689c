/* SPDX-License-Identifier: GPL-2.0-or-later */
/* DNS messages by hand, for the tests: nothing here is shared with what is tested. */
#ifndef COI_TEST_NET_DNSWIRE_H
#define COI_TEST_NET_DNSWIRE_H

#include <stddef.h>
#include <stdint.h>

#define TYPE_A 1
#define TYPE_CNAME 5
#define TYPE_AAAA 28
#define TYPE_OPT 41
#define HEADER 12
#define MESSAGE_MAX 65535

/* The message that is being written. */
extern uint8_t out[MESSAGE_MAX + 2];
extern size_t out_len;

void put(const void *data, size_t len);
void put16(unsigned v);
/* "a.b" as labels, with the root at its end. */
void put_name(const char *name);
void set16(size_t at, unsigned v);
unsigned get16(const uint8_t *p);
/* Behind the first question; 0: there is none. */
size_t question_end(const uint8_t *in, size_t len);
/* A question of type @type. */
void query(unsigned id, const char *name, unsigned type);

/*
 * dnsserver.c: until end of file on standard input. With @label (may be NULL) each
 * question is answered as if that were its first. The exit status.
 */
int serve(const char *address, const char *label);

#endif
