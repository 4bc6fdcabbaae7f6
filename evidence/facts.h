/*
 * What imported evidence says beyond events, snapshots and memory: figures with a meaning, and texts that
 * are evidence themselves. They are the array `facts` of case.json (docs/FORMAT.md).
 *
 *     {"kind": "java-heap-used",  "value": 1000358912, "pid": 17667, "file": "jmap-heap.txt", "line": 26}
 *     {"kind": "nmt-committed",   "name": "Internal", "value": 5010096128, ...}
 *     {"kind": "direct-memory-stack", "text": "io.netty.util.internal.OutOfDirectMemoryError: ..."}
 *
 * Sizes are in bytes. A kind is one row of facts.c: its word and whether it has a name.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/vector.h"

enum fact_kind {
    /* Java's heap and what its runtime says of its memory. */
    FACT_JAVA_HEAP_MAX,       /* the limit, -Xmx */
    FACT_JAVA_HEAP_COMMITTED, /* what it has taken of it */
    FACT_JAVA_HEAP_USED,
    FACT_JAVA_VERSION,  /* text */
    FACT_NMT_RESERVED,  /* name: the category, "Internal"; "Total" */
    FACT_NMT_COMMITTED, /* likewise */
    FACT_NMT_MALLOC,    /* likewise: what it got from malloc */
    FACT_NMT_MMAP,      /* likewise: what it committed of its own mappings */
    FACT_NMT_GROWTH,    /* likewise: by how much its committed grew since the baseline */
    FACT_NMT_THREADS,   /* value: how many */
    FACT_NMT_SCALE,     /* value: to how many bytes the figures of this file are rounded */
    FACT_NMT_REGION, /* name: the category; value: the bytes committed in a range that it reserved;
                           text: "0x5c0000000-0x7c0000000" and the innermost frames that reserved it */
    FACT_NMT_SITE,   /* name: the category; value: the bytes had by the call path that is its text,
                           innermost first, "Unsafe_AllocateMemory0 < ..." */
    FACT_DIRECT_MEMORY_USED,
    FACT_DIRECT_MEMORY_MAX,
    FACT_DIRECT_MEMORY_WANTED, /* the allocation that failed */
    FACT_OUT_OF_MEMORY,        /* text: the message and the failing stack, as they were logged */

    /* The kernel and the machine. */
    FACT_OOM_KILLED,       /* pid, name: whom the OOM killer killed; value: its anonymous RSS */
    FACT_OOM_LIMIT,        /* name: "cgroup PATH" or "system"; value: the limit */
    FACT_OOM_REPORT,       /* text */
    FACT_CRASH,            /* text: the headline of an hs_err file */
    FACT_THP_ENABLED,      /* text: always, madvise, never */
    FACT_THP_DEFRAG,       /* text */
    FACT_MEMORY_TOTAL,     /* of the machine */
    FACT_MEMORY_AVAILABLE, /* likewise */
    FACT_SWAP_TOTAL,
    FACT_SWAP_FREE,
    FACT_HUGE_PAGES, /* AnonHugePages of the machine */

    /* Processes. */
    FACT_PROCESS,      /* pid, name: its command; value: RSS */
    FACT_PARENT,       /* pid; value: its parent's pid */
    FACT_DELETED_FILE, /* pid, name: the file; value: its size */
    FACT_VIRTUAL,      /* pid; value: mapped bytes */
    FACT_RSS_SHARED,   /* pid; value: resident and mapped by others too; as the next two of smem */
    FACT_RSS_PRIVATE_CLEAN,
    FACT_RSS_PRIVATE_DIRTY,
    FACT_REGION_PRIVATE, /* pid, name: what is mapped, "" anonymous; value: its size; text: resident
                          * bytes clean and dirty, "7610368 265027584". Addresses are not known */
    FACT_REGION_SHARED,  /* likewise */
    FACT_COUNT,
};

struct fact {
    enum fact_kind kind;
    pid_t pid;        /* 0 unknown */
    const char *name; /* NULL: none */
    bool has_value;
    uint64_t value;
    const char *text; /* NULL: none */
    uint64_t time_ns; /* on the case's clock; 0 unknown */
    const char *file; /* that says so */
    uint64_t line;    /* of it; 0 unknown */
};

/* "java-heap-used". */
const char *fact_kind_name(enum fact_kind kind);

/* One element of the array, both ways; *RET_FACT points into JSON. false: it is none that is known. */
json_t *fact_to_json(const struct fact *fact);
bool fact_from_json(const json_t *json, struct fact *ret_fact);
