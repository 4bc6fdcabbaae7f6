/*
 * Saved memory: mem/N-PID/ in a case, dump number N of process PID.
 *
 *     7f46a0000000-7f46a4021000.gz    gzip members of 1 MiB raw each: zcat gives the bytes
 *     7f46a0000000-7f46a4021000.idx   members, page states, page hashes
 *     dump.json                       when, of whom, how, which regions and why not the others
 *
 * A region with absent runs of 64 MiB and more is several such files; one without pages writes none
 * but is listed in dump.json. The format is in docs/FORMAT.md. Read through a mem_source, in which
 * pages absent at the time of the dump read as zeros and unreadable or never saved ones are holes.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/vector.h"
#include "evidence/maps.h"
#include "evidence/mem_source.h"

enum { DUMP_MEMBER_BYTES = 1 << 20, DUMP_PAGE_BYTES = 4096 };

enum dump_page {
    DUMP_PAGE_DATA = 0,
    DUMP_PAGE_ZERO = 1,       /* was read, all zeros */
    DUMP_PAGE_ABSENT = 2,     /* never touched, or dropped: zeros in the file */
    DUMP_PAGE_SWAPPED = 3,    /* in swap, not read: zeros in the file */
    DUMP_PAGE_UNREADABLE = 4, /* zeros in the file */
};

/* One run of saved bytes: one .gz with its index. */
struct dump_range {
    uint64_t start, end;
    uint64_t member_count;
    uint64_t *member_offsets; /* member_count + 1 file offsets */
    uint8_t *pages;           /* enum dump_page, one a page */
    uint64_t *hashes;         /* XXH3-64 of each page; 0 for all but DUMP_PAGE_DATA */
    bool truncated;           /* the region vanished, or the disk filled: END is where it stops */
    char *file_name;          /* of the .gz */
};

struct dump_region {
    uint64_t start, end; /* the part of the VMA that was to be saved */
    uint32_t perms;
    char *name;    /* as in maps */
    char *skipped; /* why it was not saved; NULL: it was */
    uint64_t saved_bytes;
    bool vanished; /* all or part of it went away while it was being saved */
};

/* A part of a region of which no byte was saved, and which is in no file: all of the region, or
 * 64 MiB and more. */
struct dump_gap {
    uint64_t start, end;
    enum dump_page state; /* of all its pages */
};

struct dump {
    int dir_fd;
    uint32_t number;
    pid_t pid;
    uint64_t begin_ns, end_ns; /* monotonic */
    uint64_t wall_begin_ns;
    bool complete; /* false: cut short, or its writer was killed */
    char *reason;  /* why it was cut short; NULL */
    char *why;     /* what was asked for: "growing", "region", "heap", "all"; NULL unknown */
    VECTOR(struct dump_range) ranges;   /* sorted by start, never overlapping */
    VECTOR(struct dump_region) regions; /* sorted by start */
    VECTOR(struct dump_gap) gaps;       /* sorted by start */
};

/* Frees what DUMP holds and closes its directory. */
void dump_deinit(struct dump *dump);

/* Opens every dump of a case, oldest first; damaged ranges are left out and counted. */
struct dumps {
    VECTOR(struct dump *) dumps;
    size_t damaged;
};
struct seep_error *dumps_open(int case_fd, struct dumps *ret_dumps);
void dumps_deinit(struct dumps *dumps);
#define _cleanup_dumps_ _cleanup_(dumps_deinit)

/* A reader over one dump, which must outlive it. Not for several threads at once: make one each. */
struct seep_error *dump_source_create(const struct dump *dump, struct mem_source **ret_source);

/* The index's bytes, both ways; a pure parser of untrusted bytes. RET_RANGE is the caller's to
 * dump_range_deinit. */
struct seep_error *dump_index_parse(const void *bytes, size_t len, struct dump_range *ret_range);
struct seep_error *dump_index_format(const struct dump_range *range, struct buffer *ret_bytes);
void dump_range_deinit(struct dump_range *range);

/* dump.json, both ways: of a dump whose ranges are in their own files. Parsing fills what the text
 * says and leaves the rest of RET_DUMP; ERROR_CORRUPT when it is no such text at all. */
struct seep_error *dump_json_parse(const char *text, size_t len, struct dump *ret_dump);
struct seep_error *dump_json_format(const struct dump *dump, struct buffer *ret_text);

static inline size_t dump_range_page_count(const struct dump_range *range)
{
    return (size_t)((range->end - range->start) / DUMP_PAGE_BYTES);
}

/* XXH3-64 of one page, as the index holds it. */
uint64_t dump_page_hash(const void *page);
