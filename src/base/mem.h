/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Memory and descriptors that clean up after themselves.
 *
 * The x-allocators abort the process when memory is out. Locals that own are
 * declared with autofree, autoclose and the like, and initialised; the one
 * line that gives ownership away uses steal_ptr() or steal_fd().
 */
#ifndef COI_BASE_MEM_H
#define COI_BASE_MEM_H

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <dirent.h>

/* All of them end the process when memory is out; free() with free(3). */
void *xmalloc(size_t size) __attribute__((malloc, returns_nonnull, warn_unused_result));
/* Zeroed; aborts on overflow of @count * @size. */
void *xcalloc(size_t count, size_t size) __attribute__((malloc, returns_nonnull, warn_unused_result));
/* Grow an array to @count members of @size bytes; aborts on overflow. */
void *xreallocarray(void *ptr, size_t count, size_t size) __attribute__((warn_unused_result));
/* NULL gives NULL. */
char *xstrdup(const char *s) __attribute__((malloc, warn_unused_result));
char *xstrndup(const char *s, size_t len) __attribute__((malloc, returns_nonnull, warn_unused_result));
void *xmemdup(const void *p, size_t len) __attribute__((malloc, returns_nonnull, warn_unused_result));
char *xasprintf(const char *fmt, ...)
	__attribute__((format(printf, 1, 2), malloc, returns_nonnull, warn_unused_result));
char *xvasprintf(const char *fmt, va_list ap)
	__attribute__((format(printf, 1, 0), malloc, returns_nonnull, warn_unused_result));

/* Replace an owned string: frees *@p, stores a copy of @s (may be NULL). */
void str_replace(char **p, const char *s);

void mem_free_ptr(void *pp);    /* for autofree */
void mem_close_ptr(int *fd);    /* for autoclose; ignores negative ones */
void mem_fclose_ptr(FILE **f);  /* for autofclose */
void mem_closedir_ptr(DIR **d); /* for autoclosedir */

#define autofree __attribute__((cleanup(mem_free_ptr)))
#define autoclose __attribute__((cleanup(mem_close_ptr)))
#define autofclose __attribute__((cleanup(mem_fclose_ptr)))
#define autoclosedir __attribute__((cleanup(mem_closedir_ptr)))

/* Take the pointer out of an owner, which holds NULL afterwards. */
#define steal_ptr(p)                          \
	({                                    \
		__auto_type steal_pp_ = &(p); \
		__auto_type steal_p_ = *steal_pp_; \
		*steal_pp_ = NULL;            \
		steal_p_;                     \
	})

/* Take the descriptor out of an owner, which holds -1 afterwards. */
static inline int steal_fd(int *fd) {
	int taken = *fd;

	*fd = -1;
	return taken;
}

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#endif
