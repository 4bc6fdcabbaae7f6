/*
 * The names that one thread id had, and from when on: threads are renamed, and ids are given again.
 *
 *     thread_names_add(&names, t1, "java")             its start, or what it inherited
 *     thread_names_add(&names, t2, "nio-3-1")          renamed
 *     thread_names_at(&names, t)                       "java" before t2, "nio-3-1" from then on
 *
 * A name that was first seen late is taken for the earlier time too: nothing says otherwise. Bounded:
 * of very many names the oldest are forgotten, and nothing is said of their time.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/vector.h"

enum { THREAD_NAMES_MAX = 256, THREAD_NAMES_MAX_BYTES = 63 };

struct thread_name {
    uint64_t since_ns;
    char *text; /* raw; "" not known */
};

/* All zeros is empty. */
struct thread_names {
    VECTOR(struct thread_name) items; /* by time */
    bool forgot;                      /* there were older ones */
};

void thread_names_deinit(struct thread_names *names);

/* TEXT (cut at THREAD_NAMES_MAX_BYTES) is the name from TIME_NS on; what is no change adds nothing.
 * Times before the last one's are taken for that. */
struct seep_error *thread_names_add(struct thread_names *names, uint64_t time_ns, const char *text);

/* As read by a look that began at TIME_NS: left out when a change was told since, or at that time. */
struct seep_error *thread_names_look(struct thread_names *names, uint64_t time_ns,
                                     const char *text);

/* NULL: not known. */
const char *thread_names_at(const struct thread_names *names, uint64_t time_ns);

static inline const char *thread_names_last(const struct thread_names *names)
{
    return thread_names_at(names, UINT64_MAX);
}
