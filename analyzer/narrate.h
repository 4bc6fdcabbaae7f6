/*
 * A diagnosis in words: what is held, why it was judged as it was, and what to do next.
 *
 *     title    1,536.4 MiB in 96 mappings of 16.0 MiB, +8.1 MiB/min, still growing
 *     reason   96 mmaps of 16,781,312 bytes by 8 threads, none unmapped, ...: they make up 99.9% of
 *              VMA 7f4674483000, which grew by 1,538.4 MiB; ...
 *     next     seep dump -p 16067 --finding 1
 *
 * Every figure is the diagnosis's; names of the target come as they are, to be escaped by whoever
 * prints them.
 */
#pragma once

#include "analyzer/diagnosis.h"
#include "base/buffer.h"

/* The most telling VMA of a diagnosis, with what is known of its growth. */
struct narrate_vma {
    uint64_t start, end;
    uint64_t growth_bytes, of_finding_bytes;
};

/* The kind of its parts; of parts of several kinds, that of their region. */
enum suspect_kind narrate_kind(const struct diagnosis *diagnosis);

/* What stands for the pid in a command: "PID" where it is not known. */
void narrate_pid(const struct history_process *process, char *text, size_t size);

void narrate_title(const struct diagnosis *diagnosis, struct buffer *out);

/* VMA: NULL, none. */
void narrate_reason(const struct diagnosis *diagnosis, const struct history *history,
                    const struct narrate_vma *vma, struct buffer *out);

/* Appends commands or settings, one string each, that the caller frees. RANK: of the finding. */
struct narrate_steps {
    char **items;
    size_t count;
    size_t capacity;
};
struct narrate_case {
    const char *path; /* as the user named it */
    bool has_dumps;   /* of the region that is named */
    bool
        dumped; /* it was recorded with --dump growing or all, whether there was something or not */
};
/* VMA as above. */
struct seep_error *narrate_next(const struct diagnosis *diagnosis, unsigned rank,
                                const struct narrate_case *at, const struct narrate_vma *vma,
                                struct narrate_steps *steps);
