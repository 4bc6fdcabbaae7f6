/*
 * Which full name each kernel thread had last, so that of thousands of dumps only changes are handed
 * on.
 *
 *     java_names_changed(&names, pid, tid, name)    true: new, or another than before
 */
#pragma once

#include <stddef.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/span.h"

struct java_names {
    struct java_names_entry *entries; /* open addressing; tid 0: free */
    size_t capacity, count;
};

void java_names_deinit(struct java_names *names);

struct seep_error *java_names_note(struct java_names *names, pid_t pid, pid_t tid, struct span name,
                                   bool *ret_changed);
