/*
 * The judgement of one suspect: leak, suspect, not a leak, or that the evidence cannot tell.
 *
 *     what it is   x   the shape of its growth   ->   verdict, cause
 *     mappings         steady                         leak, never-freed
 *     mappings         settled, once, turnover        not-leak, bounded
 *     heap             steady                         suspect, unknown
 *
 * The rule is stated in docs/INTERNALS.md. A wrong accusation is worse than none, so that every
 * doubt lowers a verdict or the confidence, and is handed on to be told.
 */
#pragma once

#include "analyzer/correlate.h"

enum doubt {
    DOUBT_LOST_EVENTS = 1 << 0,    /* what was not seen may have been given back */
    DOUBT_NO_EVENTS = 1 << 1,      /* from looks alone */
    DOUBT_REPLACED = 1 << 2,       /* the process as a whole did not grow as much */
    DOUBT_UNTOUCHED = 1 << 3,      /* hardly any of it is resident */
    DOUBT_UNRESOLVED = 1 << 4,     /* whether work went on after the growth is not known */
    DOUBT_FREES_UNTIMED = 1 << 5,  /* some of the kind were freed, of what age is not known */
    DOUBT_AGEING = 1 << 6,         /* the older ones are fewer: it may yet level off */
    DOUBT_PARTLY_WATCHED = 1 << 7, /* the process was let go before the end */
    DOUBT_ALLOCATOR = 1 << 8,      /* an allocator that maps for all its callers may hold it */
    DOUBT_SHORT = 1 << 9,          /* it lives on, and was watched for moments only */
    DOUBT_GAP = 1 << 11,           /* between its logs nobody watched */
    DOUBT_NO_UNMAPS = 1 << 10, /* the log has no munmap at all, and no look shows what is left */
};

struct judgement {
    bool told;     /* false: too little, or nothing that moves a verdict */
    bool balanced; /* not a leak, since as much was unmapped as was mapped */
    enum verdict verdict;
    enum cause cause;
    enum region region; /* as the suspect's, save for what was never touched */
    double confidence;
    unsigned doubts; /* enum doubt */
};

enum {
    VERDICT_FLOOR_BYTES = 1 << 20,        /* growth under this and under ... */
    VERDICT_FLOOR_PER_CENT = 1,           /* ... this share of RSS moves no verdict */
    VERDICT_STACK_CACHE_BYTES = 40 << 20, /* what glibc keeps of exited threads' stacks */
    VERDICT_MANY_MAPPINGS = 8192,         /* of the 65,530 that a process may have */
    VERDICT_SMALL_MAPPING_BYTES = 64 << 10,
    VERDICT_SHORT_S = 10, /* of a process that lives on: a warm-up may take as long */
};

/* What maps for many callers and made the mappings of SUSPECT, as its call paths say; without paths, the
 * library that stands in for the C library's malloc in the process, such as "libjemalloc.so.2". NULL:
 * none that shows. */
const char *verdict_allocator(const struct suspect *suspect);

/* LOST_EVENTS: in the whole recording. */
struct judgement verdict_judge(const struct suspect *suspect, uint64_t lost_events);
