/*
 * Who points into some memory of a process, as far as its memory was saved.
 *
 *     references_open(c, &dumps, pid, runtime, &references);             its regions, what was saved
 *     references_find(&references, targets, count, &options, results);   one pass over all of it
 *     results[0].holders    [heap] 12 words   libnetty.so 1 word   thread stack 3 words, in doubt
 *     references_sentence(&results[0], &text)     "referenced only from [heap] (12 words)"
 *
 * A pointer is any aligned word whose value lies in the target (content/pointers.h); those that lie in
 * the target themselves do not count. Dumps are taken while the process runs: a stack has changed until
 * it is read, and no register is saved. So what a stack points to is told, but counts for nothing.
 */
#pragma once

#include <sys/types.h>

#include "analyzer/analysis.h"
#include "analyzer/saved_memory.h"
#include "content/pointers.h"
#include "evidence/case.h"

struct references_region {
    uint64_t start, end;
    char *name; /* as in maps; of what lies behind a file's mapping, that file's */
    uint32_t perms;
    enum region kind;
    uint64_t rss_bytes;   /* ANALYSIS_UNKNOWN */
    uint64_t saved_bytes; /* of it, that can be read */
};

VECTOR_TYPE(references_regions, struct references_region);

/* A process's regions at the look nearest to its newest dump, and what was saved of them. */
struct references {
    pid_t pid;
    unsigned word_bytes;
    struct references_regions regions; /* by address */
    struct saved_pieces pieces;
    struct address_range *ranges; /* of the regions */
    uint64_t searched_bytes;      /* of writable memory, that was saved */
    uint64_t unsearched_bytes;    /* resident, and was not; ANALYSIS_UNKNOWN */
};

/* DUMPS outlive it. RUNTIME as of classify_vma. Nothing saved of PID gives no pieces. */
struct seep_error *references_open(struct case_dir *c, const struct dumps *dumps, pid_t pid,
                                   const char *runtime, struct references *ret_references);
void references_deinit(struct references *references);

/* The region that holds ADDRESS; NULL: none. */
const struct references_region *references_region(const struct references *references,
                                                  uint64_t address);

/* A name for people, not escaped: "[heap]", "libfoo.so", "anonymous memory", "a thread's stack". */
const char *references_region_name(const struct references_region *region);

/* What of one name points into a target. */
struct references_holder {
    const struct references_region
        *region; /* the one with the most words; NULL: of no known region */
    uint64_t words, regions;
    uint64_t address, value; /* of the first word */
    bool counts;             /* else it is a stack of a process that ran on */
};

struct references_target {
    const struct address_range *ranges; /* sorted, apart */
    size_t range_count;
};

struct references_result {
    struct pointers pointers;                 /* into the target's ranges */
    VECTOR(struct references_holder) holders; /* that count first, then by words */
    uint64_t outside_bytes; /* of what was searched outside of the target; 0: nothing can be said */
    uint64_t unsearched_bytes;
};

/* RESULTS: one for each of the COUNT targets, the caller's to references_result_deinit. */
struct seep_error *references_find(const struct references *references,
                                   const struct references_target *targets, size_t count,
                                   const struct scan_options *options,
                                   struct references_result *results);
void references_result_deinit(struct references_result *result);

/* RET_TEXT: names are not escaped, the caller frees; NULL when nothing can be said. */
struct seep_error *references_sentence(const struct references_result *result, char **ret_text);
