/*
 * The dumps of runtimes' threads that a case holds (docs/FORMAT.md, threads/), to be read one by one.
 *
 *     threads/12-17667-1614673360000000000.jstack.gz      number, pid, time on the case's clock, kind
 *
 *     thread_dumps_open(case_fd, &dumps)                  the names alone; none where there are none
 *     entry = thread_dumps_nearest(&dumps, pid, event_ns, "jstack")
 *     thread_dumps_read(&dumps, entry, &text)             then thread_dump_parse(), thread_dump_find()
 */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/vector.h"

enum {
    THREAD_DUMPS_KIND_BYTES = 33,
    THREAD_DUMPS_MAX_BYTES = 64 << 20, /* of one dump */
};

struct thread_dumps_entry {
    uint32_t number;
    pid_t pid;        /* 0: unknown */
    uint64_t time_ns; /* 0: unknown */
    char kind[THREAD_DUMPS_KIND_BYTES];
};

struct thread_dumps {
    int dir_fd;                                /* -1: the case has none */
    VECTOR(struct thread_dumps_entry) entries; /* by time, then by number */
};

struct seep_error *thread_dumps_open(int case_fd, struct thread_dumps *ret_dumps);
void thread_dumps_deinit(struct thread_dumps *dumps);

/* The dump of that kind whose time is nearest, of PID or of a process that is not known (PID 0: of
 * any); of two as near the earlier. NULL: there is none whose time is known. */
const struct thread_dumps_entry *thread_dumps_nearest(const struct thread_dumps *dumps, pid_t pid,
                                                      uint64_t time_ns, const char *kind);

/* Appends the dump's text; ERROR_CORRUPT when it is damaged or larger than any dump. */
struct seep_error *thread_dumps_read(const struct thread_dumps *dumps,
                                     const struct thread_dumps_entry *entry,
                                     struct buffer *ret_text);
