/*
 * What a case was told by the files that were imported into it, besides events, looks and memory.
 *
 *     told_read(c, &told);
 *     told_value(&told, FACT_JAVA_HEAP_USED, 17667, NULL)       the last one of that pid
 *     told.imports, told.remarks                                file by file what was assumed
 *
 * Everything borrows from the case. A case may come from anyone: what is not of its form is left out.
 */
#pragma once

#include "evidence/case.h"
#include "evidence/facts.h"

enum { TOLD_MAX_FACTS = 1 << 17 };

struct told_import {
    const char *file, *format; /* may be NULL */
    uint64_t lines, skipped, events, snapshots, memory_bytes, thread_dumps;
    const json_t *first_skipped, *assumptions; /* arrays, or NULL */
};

struct told {
    VECTOR(struct fact) facts; /* in the order of the files */
    VECTOR(struct told_import) imports;
    const json_t *remarks; /* an array of texts, or NULL */
};

struct seep_error *told_read(const struct case_dir *c, struct told *ret_told);
void told_deinit(struct told *told);

/* The last fact of KIND of PID (0: whosever), and of NAME unless that is NULL; NULL: there is none. */
const struct fact *told_find(const struct told *told, enum fact_kind kind, pid_t pid,
                             const char *name);

/* Its value; UINT64_MAX: there is none. */
uint64_t told_value(const struct told *told, enum fact_kind kind, pid_t pid, const char *name);

/* Whether a file of FORMAT was imported. */
bool told_has(const struct told *told, const char *format);
