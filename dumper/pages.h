/*
 * Where each page of a region is to be had from, so that nothing is faulted into the target.
 *
 *                           private anonymous      private file            shared
 *     present in pagemap    memory                 memory                  memory
 *     in swap               memory if asked for, else it stays SWAPPED
 *     absent                ABSENT (zeros)         object                  object; its holes ABSENT
 *     behind the file's end                        UNREADABLE              UNREADABLE
 *
 *     pages_look(&p, at, end, &runs, &next)        what [at, next) holds, at this moment
 *
 * At most a batch of pages that are to be read is looked up at a time: what pagemap says grows
 * stale.
 */
#pragma once

#include <stdbool.h>

#include "base/vector.h"
#include "evidence/dump.h"
#include "evidence/maps.h"
#include "target/object.h"
#include "target/pagemap.h"

enum pages_from {
    PAGES_FROM_MEMORY,
    PAGES_FROM_OBJECT,  /* at the object's offset `object_offset` */
    PAGES_FROM_NOWHERE, /* `state` says why: ZERO, ABSENT, SWAPPED, UNREADABLE */
};

struct pages_run {
    uint64_t start, end;
    enum pages_from from;
    enum dump_page state;
    uint64_t object_offset;
};

VECTOR_TYPE(pages_runs, struct pages_run);

struct pages {
    const struct vma *vma;
    struct pagemap *pagemap; /* NULL: refused */
    struct object object;
    struct pagemap_runs scratch;
    bool swapped; /* read swapped pages too */
};

/* PAGEMAP (NULL: refused) stays the caller's. *RET_SKIPPED: why nothing of this region can be
 * saved, NULL when it can. */
void pages_init(struct pages *pages, pid_t pid, const struct vma *vma, struct pagemap *pagemap,
                bool swapped, const char **ret_skipped);
void pages_deinit(struct pages *pages);

/* Replaces RET_RUNS by runs that cover [START, *RET_NEXT) without gaps, *RET_NEXT <= END. */
struct seep_error *pages_look(struct pages *pages, uint64_t start, uint64_t end,
                              struct pages_runs *ret_runs, uint64_t *ret_next);
