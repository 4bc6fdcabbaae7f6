/*
 * What a case says: the findings and the figures behind them, ready to be printed.
 *
 *     analysis_run(case, &options, &analysis)   ->   report/text.h, report/json.h
 *
 * The structures mirror the schema seep-report/1 (docs/FORMAT.md) field by field: a name that is
 * there has the same meaning here. Times are wall-clock nanoseconds since the epoch.
 * ANALYSIS_UNKNOWN (and NULL, and NAN) become null. All strings belong to the analysis.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/vector.h"
#include "evidence/case.h"
#include "evidence/stack.h"

#define ANALYSIS_UNKNOWN UINT64_MAX

enum verdict { /* in order of gravity */
               VERDICT_NOT_LEAK,
               VERDICT_INCONCLUSIVE,
               VERDICT_SUSPECT,
               VERDICT_LEAK,
};

enum region {
    REGION_ANON_MMAP,
    REGION_HEAP,
    REGION_ARENA,
    REGION_THREAD_STACK,
    REGION_MAIN_STACK,
    REGION_SHARED_MEMORY,
    REGION_FILE,
    REGION_RESERVATION,
    REGION_RUNTIME_HEAP,
    REGION_OTHER,
};

enum cause {
    CAUSE_NEVER_FREED,
    CAUSE_GROWING_BUFFER,
    CAUSE_THREADS_NOT_JOINED,
    CAUSE_DESCRIPTOR_HELD,
    CAUSE_MAPPING_COUNT,
    CAUSE_FREE_BUT_RETAINED,
    CAUSE_LAZY_FREE,
    CAUSE_GARBAGE,
    CAUSE_HUGE_PAGES,
    CAUSE_FORK_COW,
    CAUSE_UNTOUCHED_RESERVATION,
    CAUSE_BOUNDED,
    CAUSE_HIGH_WATER,
    CAUSE_PAGE_CACHE,
    CAUSE_UNKNOWN,
};

/* The schema's words: "not-leak", "anon-mmap", "never-freed". */
const char *verdict_name(enum verdict verdict);
const char *region_name(enum region region);
const char *cause_name(enum cause cause);

struct analysis_vma {
    pid_t pid;
    uint64_t start, end;
    char perms[5];
    char *name;
    enum region region;
    uint64_t size_bytes, rss_bytes;
    int64_t growth_bytes;       /* of its size (RSS where the size does not tell) over the window */
    uint64_t explained_bytes;   /* charged to events of the window */
    uint64_t preexisting_bytes; /* of unknown origin */
};

struct analysis_thread {
    pid_t pid, tid;
    char *name;
    uint64_t count, bytes; /* outstanding */
};

struct analysis_string {
    char *text; /* raw, NUL-terminated: escape before printing */
    uint64_t count, bytes;
};

enum { ANALYSIS_EXAMPLES = 3 };

/* Strings that differ only in parameters (content/templates.h). */
struct analysis_template {
    char *text; /* raw, parameters as "*": escape before printing, as the examples */
    uint64_t count, bytes, block_bytes;
    char *examples[ANALYSIS_EXAMPLES]; /* NULL: no more */
};

void analysis_template_deinit(struct analysis_template *template);

struct analysis_frame {
    enum stack_frame_kind kind;
    uint64_t address; /* 0 unknown */
    char *function;
    bool inlined; /* into the next frame */
    char *module;
    char *build_id;  /* hexadecimal */
    uint64_t offset; /* in the module; ANALYSIS_UNKNOWN */
    char *file;
    uint32_t line; /* 0 unknown */
};

/* A call path that allocations came by; what lies inside of the culprit is an example. */
struct analysis_stack {
    uint64_t count, bytes;
    char *end;                            /* why the frames are not all; NULL: they are */
    VECTOR(struct analysis_frame) frames; /* innermost first */
    size_t culprit;                       /* index of a frame; frames.count: none */
};

VECTOR_TYPE(analysis_stacks, struct analysis_stack);

void analysis_stack_deinit(struct analysis_stack *stack);

struct analysis_culprit {
    pid_t pid; /* 0: unknown, as tid */
    char *process;
    pid_t tid;
    char *thread, *module, *function;
};

struct finding {
    unsigned rank; /* from 1, the gravest and largest first */
    enum verdict verdict;
    enum region region;
    enum cause cause;
    char *title;
    uint64_t bytes, resident_bytes, count, unit_bytes;
    uint64_t first_ns, last_ns;
    double bytes_per_s; /* NAN unknown */
    double confidence;
    struct analysis_culprit culprit;
    VECTOR(struct analysis_vma) vmas;
    VECTOR(struct analysis_thread) threads;
    struct analysis_stacks stacks; /* the most bytes first */
    bool sampled;                  /* a path is that of whoever made an allocator ask for more */
    uint64_t
        placed; /* of COUNT, by where they must be, their results not being known: geometry.h */
    VECTOR(struct analysis_string) strings;     /* of dumps of its regions, the most bytes first */
    VECTOR(struct analysis_template) templates; /* those that stand in the most memory first */
    uint64_t times_first_ns, times_last_ns, times_count; /* timestamps written in its dumps */
    char *written; /* a sentence on content times against mapping times; NULL */
    char *reason;
    VECTOR(char *) next;
};

struct analysis_process {
    pid_t pid, ppid;
    char *exe;
    uint64_t rss_bytes, pss_bytes;
    /* what imported looks and listings say beyond that; a recording leaves it unknown */
    char *command;
    uint64_t virtual_bytes, shared_bytes, private_clean_bytes, private_dirty_bytes;
    uint64_t dirty_bytes; /* private and shared together, where they are not told apart */
    uint64_t huge_bytes;  /* anonymous huge pages */
};

/* What of a region is resident. Of listings without addresses START is 0. */
struct analysis_resident {
    pid_t pid;
    uint64_t start, end;
    uint64_t inode;
    uint32_t perms;
    char *name; /* "" when anonymous */
    enum region region;
    uint64_t size_bytes, rss_bytes, pss_bytes;
    uint64_t shared_clean_bytes, shared_dirty_bytes, private_clean_bytes, private_dirty_bytes;
    uint64_t dirty_bytes, huge_bytes;
};

/* How a process differs from the one that it was forked from, or from a sibling. */
struct analysis_difference {
    pid_t pid, from_pid;
    enum region region;
    uint64_t from_bytes, bytes; /* size of all regions of the kind, in the one and in the other */
    uint64_t appeared, gone, resized; /* regions; by start address */
};

/* What a Java runtime says of its own memory. */
struct analysis_category {
    char *name;
    uint64_t reserved_bytes, committed_bytes, malloc_bytes, mmap_bytes, growth_bytes;
    uint64_t first_bytes; /* committed in the first of several reports; ANALYSIS_UNKNOWN: one */
};
struct analysis_java {
    pid_t pid; /* 0 unknown */
    char *version;
    uint64_t heap_max_bytes, heap_committed_bytes, heap_used_bytes;
    uint64_t direct_used_bytes, direct_max_bytes, direct_wanted_bytes;
    uint64_t threads;
    uint64_t reserved_bytes, committed_bytes;    /* of native memory tracking */
    VECTOR(struct analysis_category) categories; /* the most committed first */
    uint64_t rss_bytes;                          /* of the process */
    uint64_t outside_bytes;                      /* RSS beyond what it says to have committed */
    uint64_t malloc_bytes;                       /* of all categories */
    uint64_t unmapped_bytes; /* anonymous memory (RSS, else size) in no range of its own map */
};

/* What a log or the kernel reported: out of memory, a crash. */
struct analysis_incident {
    const char *kind; /* "out-of-memory" */
    pid_t pid;        /* 0 unknown */
    char *name, *text;
    uint64_t bytes;
    uint64_t time_ns;
    char *file;
    uint64_t line;
};

/* A file that was imported. */
struct analysis_import {
    char *file, *format;
    uint64_t lines, skipped;
};

/* What would have told more, and how it is collected. */
struct analysis_missing {
    char *what, *command;
};

/* What is written in a saved region that no finding is about. */
struct analysis_content {
    pid_t pid;
    uint64_t start, end;
    char *name;
    enum region region;
    VECTOR(struct analysis_string) strings;
    uint64_t times_first_ns, times_last_ns, times_count;
};

struct analysis {
    struct case_info info; /* borrows from the case, which must outlive the analysis */
    char *command;
    /* evidence */
    uint64_t started_ns, ended_ns, duration_ns;
    const char *time_basis; /* "absolute" */
    uint64_t events, lost_events, lost_stacks, snapshots, dumps;
    uint64_t unexplained_bytes; /* ANALYSIS_UNKNOWN: nothing to compare with */
    uint64_t preexisting_bytes; /* mapped before the window, still there */
    bool complete;
    bool has_calls;                 /* events that are memory calls, not only threads' lives */
    VECTOR(char *) symbol_troubles; /* "libfoo.so: build-id differs from the recorded one" */
    /* memory of the first target's processes together */
    uint64_t rss_first_bytes, rss_last_bytes, virtual_first_bytes, virtual_last_bytes;
    double growth_bytes_per_s;
    uint64_t limit_bytes;
    char *limit_source; /* "cgroup memory.max" */
    double exhaustion_s;
    enum verdict verdict;
    VECTOR(struct finding) findings; /* by rank */
    VECTOR(struct analysis_vma) vmas;
    VECTOR(struct analysis_thread) threads;
    VECTOR(struct analysis_process) processes;
    /* of imported evidence; empty in a recording */
    VECTOR(struct analysis_import) imports;
    VECTOR(char *) assumptions; /* sentences */
    VECTOR(struct analysis_missing) missing;
    VECTOR(struct analysis_resident) residents; /* the most private and dirty first */
    VECTOR(struct analysis_difference) differences;
    VECTOR(struct analysis_java) java;
    VECTOR(struct analysis_incident) incidents;
    VECTOR(struct analysis_content) contents;
    char *thp; /* the setting of transparent huge pages; NULL */
    uint64_t machine_huge_bytes;
};

struct analysis_options {
    bool skip_content;             /* do not read the dumps */
    bool skip_symbols;             /* look for no ELF files: offsets instead of names */
    const char *const *debug_dirs; /* as symbols_options has them */
    /* Told what is being read or fetched, now and then; NULL: nobody. */
    void (*progress)(const char *text, void *context);
    void *context;
};

struct seep_error *analysis_run(struct case_dir *c, const struct analysis_options *options,
                                struct analysis **ret_analysis);
void analysis_finding_deinit(struct finding *finding);
void analysis_destroy(struct analysis *analysis);
DEFINE_CLEANUP(struct analysis *, analysis_destroy);
