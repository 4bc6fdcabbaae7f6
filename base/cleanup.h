/*
 * Scope cleanup and the handing on of ownership.
 *
 *     _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
 *     _cleanup_free_ char *text = NULL;
 *     ...
 *     *ret_fd = take_fd(&fd);        // the caller owns it now
 *     return NULL;
 *
 * A type's own cleanup is made by DEFINE_CLEANUP(struct x *, x_destroy) and used as
 * _cleanup_(x_destroyp); destroying NULL is always fine.
 */
#pragma once

#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

#define _cleanup_(function) __attribute__((cleanup(function), unused))

#define DEFINE_CLEANUP(type, function)                                                             \
    static inline void function##p(type *object)                                                   \
    {                                                                                              \
        function(*object);                                                                         \
    }                                                                                              \
    struct cleanup_needs_a_semicolon

static inline void cleanup_free(void *pointer)
{
    free(*(void **)pointer);
}

static inline void cleanup_close(int *fd)
{
    if (*fd >= 0)
        close(*fd);
}

#define _cleanup_free_  _cleanup_(cleanup_free)
#define _cleanup_close_ _cleanup_(cleanup_close)

/* Hands a pointer on: its value, the variable becoming NULL. */
#define take_ptr(pointer)                                                                          \
    ({                                                                                             \
        __typeof__(pointer) *take_from_ = &(pointer);                                              \
        __typeof__(pointer) taken_ = *take_from_;                                                  \
        *take_from_ = NULL;                                                                        \
        taken_;                                                                                    \
    })

/* Hands a descriptor on: its number, the variable becoming -1. */
static inline int take_fd(int *fd)
{
    int taken = *fd;

    *fd = -1;
    return taken;
}

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))
