/*
 * What a JVM says of itself, as facts of the case.
 *
 *     evidence/nmt.h, java_heap.h, java_options.h ── java_facts_* ──> collection_fact
 *
 * LINE is that of the file at which the text begins; PID 0 unknown.
 */
#pragma once

#include "evidence/java_heap.h"
#include "evidence/java_options.h"
#include "evidence/nmt.h"
#include "importer/collection.h"
#include "importer/java_log.h"

struct java_facts_place {
    struct collection *collection;
    struct when when;
    pid_t pid;
    uint64_t line;
};

struct seep_error *java_facts_value(const struct java_facts_place *place, enum fact_kind kind,
                                    uint64_t value);
struct seep_error *java_facts_text(const struct java_facts_place *place, enum fact_kind kind,
                                   struct span text);

/* Categories; of a detail also where each range belongs (4,096 at most), and the 64 call paths that
 * hold most. */
struct seep_error *java_facts_nmt(const struct java_facts_place *place, const struct nmt *nmt);

struct seep_error *java_facts_heap(const struct java_facts_place *place,
                                   const struct java_heap *heap);
struct seep_error *java_facts_options(const struct java_facts_place *place,
                                      const struct java_options *options);

/* TEXT: the error with its stack as it was logged. */
struct seep_error *java_facts_error(const struct java_facts_place *place,
                                    const struct java_log_error *error, struct span text);
