#include "analyzer/verdict.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/units.h"

enum {
    FEW = 4,  /* fewer allocations are no habit */
    MANY = 8, /* as many, in as many moments, are */
    MANY_MOMENTS = 6,
    DOUBTFUL_PER_CENT = 5, /* of RSS: less that cannot be judged leaves the verdict alone */
    MIN_DESPITE = 3,       /* stacks mapped while abandoned ones stood by */
    UNTOUCHED_SHARE = 20,  /* resident less than a 20th: hardly touched */
    MIN_LOOKS = 6,         /* fewer, and no events: nobody saw that growth came to an end */
};

static bool is_known(uint64_t value)
{
    return value != ANALYSIS_UNKNOWN;
}

static bool is_untouched(const struct suspect *s)
{
    return is_known(s->resident_bytes) && s->resident_bytes < s->bytes / UNTOUCHED_SHARE;
}

static struct judgement say(enum verdict verdict, enum cause cause, double confidence)
{
    return (struct judgement){
        .told = true, .verdict = verdict, .cause = cause, .confidence = confidence};
}

/* --- growth that has come to an end, or has not begun to be judged --- */

static struct judgement judge_ended(const struct suspect *s, double without_work)
{
    switch (s->shape.kind) {
    case SHAPE_TURNOVER:
        return say(VERDICT_NOT_LEAK, CAUSE_BOUNDED, 0.85);
    case SHAPE_SETTLED:
        return say(VERDICT_NOT_LEAK, CAUSE_BOUNDED, 0.9);
    case SHAPE_ONCE:
        if (s->shape.worked == ACTIVITY_WORKED)
            return say(VERDICT_NOT_LEAK, CAUSE_BOUNDED, 0.9);
        if (s->shape.worked == ACTIVITY_UNKNOWN && without_work > 0)
            return say(VERDICT_NOT_LEAK, CAUSE_BOUNDED, without_work);
        return say(VERDICT_INCONCLUSIVE, CAUSE_UNKNOWN, 0.3);
    default:
        return say(VERDICT_INCONCLUSIVE, CAUSE_UNKNOWN, 0.3);
    }
}

static bool goes_on(const struct suspect *s)
{
    return s->shape.kind == SHAPE_STEADY || s->shape.kind == SHAPE_LATE ||
           s->shape.kind == SHAPE_FEW;
}

/* It grew through half of the window and more before it stopped. */
static bool grew_long(const struct suspect *s)
{
    return s->shape.kind == SHAPE_STALLED && s->shape.grown >= 0.45 && s->shape.moments >= 8;
}

/* Often enough, and all through the window, to be called a leak. */
static bool is_habit(const struct suspect *s)
{
    return s->shape.kind == SHAPE_STEADY && s->count >= MANY && s->shape.moments >= MANY_MOMENTS;
}

/* It goes on, though there is less of it. */
static bool is_tendency(const struct suspect *s)
{
    return goes_on(s) && s->count >= FEW && s->shape.moments >= SHAPE_MIN_MOMENTS;
}

/* A log in which nothing is ever given back: grep keeps the lines that it was asked for. */
static bool is_thinned(const struct suspect *s)
{
    return s->process->log_last_ns && !s->process->log_whole;
}

/* What was given back while no log was written may be what is thought to be held. */
static bool has_gap(const struct suspect *s)
{
    const struct history_process *p = s->process;

    return p->log_gap_ns > (p->log_last_ns - p->log_first_ns) / 20;
}

/* Most of it lies in regions that a look shows. */
static bool is_seen_mapped(const struct suspect *s)
{
    uint64_t bytes = 0;

    for (size_t i = 0; i < s->ranges.count; i++)
        bytes += s->ranges.items[i].bytes;
    return bytes >= s->bytes - s->bytes / 10;
}

static double steady_confidence(const struct suspect *s)
{
    double confidence = 0.75;

    if (s->shape.moments >= 8)
        confidence += 0.05;
    if (is_known(s->count) && s->count >= 16)
        confidence += 0.05;
    if (is_known(s->freed) && s->freed == 0)
        confidence += is_thinned(s) ? 0.05 : 0.1;
    return confidence;
}

/* --- by what it is --- */

static enum cause cause_of_mappings(const struct suspect *s)
{
    const struct growth *growth = &s->process->growth;
    uint64_t now = growth->ranges.count;

    if (now >= VERDICT_MANY_MAPPINGS && now - growth->first_count >= now / 2 &&
        now > growth->first_count && s->count > 0 &&
        s->bytes / s->count <= VERDICT_SMALL_MAPPING_BYTES && s->ranges.count >= s->count / 2)
        return CAUSE_MAPPING_COUNT;
    return CAUSE_NEVER_FREED;
}

/* The process as a whole grew by less than half of it: as much as was mapped was given back of what
 * had been there before, whose age nobody knows. */
static bool is_replaced(const struct suspect *s)
{
    return s->net_bytes != SUSPECT_NET_UNKNOWN && s->region == REGION_ANON_MMAP &&
           s->net_bytes < (int64_t)(s->bytes / 2);
}

/* Some were freed, but the trace does not hold when those were born. */
static bool is_frees_untimed(const struct suspect *s)
{
    return is_known(s->freed) && !s->has_births && s->freed > s->calls / 10;
}

const char *verdict_allocator(const struct suspect *s)
{
    static const char *const libraries[] = {"libjemalloc.", "libtcmalloc", "libmimalloc",
                                            "librpmalloc",  "libsnmalloc", "libhoard."};
    const struct growth *growth = &s->process->growth;

    /* Its own calls say more than what else is mapped. */
    if (s->culprit || s->pool)
        return s->pool;
    for (size_t i = 0; i < growth->ranges.count; i++) {
        const char *slash = strrchr(growth->ranges.items[i].name, '/');

        for (size_t j = 0; slash && j < ARRAY_SIZE(libraries); j++)
            if (strncmp(slash + 1, libraries[j], strlen(libraries[j])) == 0)
                return slash + 1;
    }
    return NULL;
}

/* Each larger than the one before: so grow the extents of an allocator that was linked in statically
 * (jemalloc, src/extent.c, exp_grow), and hardly what leaks. */
static bool is_ascending(const struct suspect *s)
{
    const struct shape_point *points = s->points.items;

    for (size_t i = 1; i < s->points.count; i++)
        if (points[i].bytes <= points[i - 1].bytes)
            return false;
    return s->points.count > 0;
}

/* glibc's malloc maps a large block by itself and unmaps it when it is freed. Others take many blocks'
 * worth at a time and keep it: that says as little as growth of the heap. Call paths tell which it was,
 * where there are any. */
static bool is_allocators(const struct suspect *s)
{
    return s->region == REGION_ANON_MMAP && (is_ascending(s) || verdict_allocator(s));
}

enum balance {
    BALANCE_RISES,  /* or nothing is known of it */
    BALANCE_LEVEL,  /* what came took the place of something, mapped in the window or before */
    BALANCE_SWINGS, /* farther than what is held matters */
};

/* How all mappings together went in the second half of the window, next to what is held from then. */
static enum balance find_balance(const struct suspect *s)
{
    uint64_t middle_ns = s->start_ns + (s->end_ns - s->start_ns) / 2;
    struct flow_trend trend;
    double recent = 0;

    if (s->region != REGION_ANON_MMAP ||
        !flow_trend(&s->process->flow, middle_ns, s->end_ns, &trend))
        return BALANCE_RISES;
    for (size_t i = 0; i < s->points.count; i++)
        if (s->points.items[i].time_ns >= middle_ns)
            recent += (double)s->points.items[i].bytes;
    if (trend.range_bytes > 2 * recent)
        return BALANCE_SWINGS;
    /* One large release has nothing to do with what comes bit by bit. */
    if (trend.fall_bytes > 0.4 * recent + (double)s->unit_max)
        return BALANCE_RISES;
    return trend.rise_bytes < recent / 2 ? BALANCE_LEVEL : BALANCE_RISES;
}

/* What stays level as a whole leaks nothing; and a few of many that came and went may be those in
 * use, when the whole swings by more. */
static struct judgement weigh_balance(const struct suspect *s, struct judgement j)
{
    enum balance balance = j.verdict >= VERDICT_SUSPECT ? find_balance(s) : BALANCE_RISES;

    if (balance == BALANCE_LEVEL) {
        j = say(VERDICT_NOT_LEAK, CAUSE_BOUNDED, 0.7);
        j.balanced = true;
    }
    if (balance == BALANCE_SWINGS && j.verdict == VERDICT_SUSPECT && is_known(s->freed) &&
        s->freed > s->count)
        j = say(VERDICT_INCONCLUSIVE, CAUSE_UNKNOWN, 0.3);
    return j;
}

static struct judgement judge_mappings(const struct suspect *s)
{
    struct judgement j = judge_ended(s, 0.6);

    if (s->shape.kind == SHAPE_ONCE && j.verdict == VERDICT_NOT_LEAK && is_untouched(s))
        j.cause = CAUSE_UNTOUCHED_RESERVATION;
    if (is_habit(s))
        j = say(VERDICT_LEAK, cause_of_mappings(s), steady_confidence(s));
    else if (is_tendency(s))
        j = say(VERDICT_SUSPECT, cause_of_mappings(s), 0.5);
    else if (grew_long(s))
        j = say(VERDICT_SUSPECT, CAUSE_NEVER_FREED, 0.5);
    j = weigh_balance(s, j);
    /* What was given back such a log does not tell, but the looks do. */
    if (j.verdict >= VERDICT_SUSPECT && is_thinned(s) && is_replaced(s) &&
        s->process->growth.last_ns > s->start_ns) {
        j = say(VERDICT_INCONCLUSIVE, CAUSE_UNKNOWN, 0.3);
        j.doubts |= DOUBT_REPLACED;
    }
    if (j.verdict == VERDICT_LEAK) {
        if (is_replaced(s))
            j.doubts |= DOUBT_REPLACED;
        if (is_frees_untimed(s))
            j.doubts |= DOUBT_FREES_UNTIMED;
        if (s->shape.ageing)
            j.doubts |= DOUBT_AGEING;
        if (is_untouched(s))
            j.doubts |= DOUBT_UNTOUCHED;
        if (is_allocators(s))
            j.doubts |= DOUBT_ALLOCATOR;
        if (is_thinned(s) && !is_seen_mapped(s))
            j.doubts |= DOUBT_NO_UNMAPS;
        if (has_gap(s) && !is_seen_mapped(s))
            j.doubts |= DOUBT_GAP;
        if (j.doubts) {
            j.verdict = VERDICT_SUSPECT;
            j.confidence = 0.5;
        }
    }
    return j;
}

static struct judgement judge_block(const struct suspect *s)
{
    if (is_habit(s))
        return say(VERDICT_LEAK, CAUSE_GROWING_BUFFER, steady_confidence(s) - 0.05);
    if (is_tendency(s) || grew_long(s))
        return say(VERDICT_SUSPECT, CAUSE_GROWING_BUFFER, 0.5);
    return judge_ended(s, 0.6);
}

/* What an allocator holds: whether that is in use is for its walker to say. */
static struct judgement judge_heap(const struct suspect *s)
{
    if (s->shape.kind == SHAPE_STEADY || s->shape.kind == SHAPE_LATE || grew_long(s))
        return say(VERDICT_SUSPECT, CAUSE_UNKNOWN, 0.5);
    if (s->shape.kind == SHAPE_FEW && s->shape.moments >= SHAPE_MIN_MOMENTS)
        return say(VERDICT_SUSPECT, CAUSE_UNKNOWN, 0.4);
    return judge_ended(s, 0.6);
}

static struct judgement judge_stacks(const struct suspect *s)
{
    if (is_tendency(s))
        return say(VERDICT_SUSPECT, CAUSE_UNKNOWN, 0.5);
    return judge_ended(s, 0.6);
}

/* glibc keeps stacks of exited threads for the next ones. A thread that was joined, or detached,
 * leaves its stack there, so that no new one is mapped while one stands by. */
static struct judgement judge_orphans(const struct suspect *s)
{
    bool despite = s->despite >= MIN_DESPITE && s->despite >= s->count / 2;

    if (despite && (goes_on(s) || grew_long(s)))
        return say(VERDICT_LEAK, CAUSE_THREADS_NOT_JOINED, steady_confidence(s) + 0.05);
    /* One more may just have ended. */
    if (s->bytes > VERDICT_STACK_CACHE_BYTES + s->unit_max || despite)
        return say(VERDICT_SUSPECT, CAUSE_THREADS_NOT_JOINED, despite ? 0.7 : 0.5);
    return say(VERDICT_NOT_LEAK, CAUSE_BOUNDED, 0.8);
}

/* Address space without access costs nothing, unless it is the mappings that run out. */
static struct judgement judge_reservations(const struct suspect *s)
{
    if (s->shape.kind == SHAPE_STEADY && cause_of_mappings(s) == CAUSE_MAPPING_COUNT)
        return say(VERDICT_SUSPECT, CAUSE_MAPPING_COUNT, 0.6);
    return say(VERDICT_NOT_LEAK, CAUSE_UNTOUCHED_RESERVATION, 0.9);
}

static struct judgement judge_held(const struct suspect *s)
{
    if (is_habit(s))
        return say(VERDICT_LEAK, CAUSE_DESCRIPTOR_HELD, steady_confidence(s));
    if (is_tendency(s) || grew_long(s))
        return say(VERDICT_SUSPECT, CAUSE_DESCRIPTOR_HELD, 0.5);

    struct judgement j = judge_ended(s, 0);

    j.cause = CAUSE_DESCRIPTOR_HELD;
    return j;
}

static struct judgement judge_other(const struct suspect *s)
{
    if (s->shape.kind == SHAPE_STEADY)
        return say(VERDICT_SUSPECT, CAUSE_UNKNOWN, 0.3);
    return judge_ended(s, 0.5);
}

/* Growth that no event explains: never more than a suspicion. */
static struct judgement judge_region(const struct suspect *s)
{
    switch (s->region) {
    case REGION_FILE:
        return say(VERDICT_NOT_LEAK, CAUSE_PAGE_CACHE, 0.9);
    case REGION_MAIN_STACK:
        return say(VERDICT_NOT_LEAK, CAUSE_HIGH_WATER, 0.8);
    case REGION_RUNTIME_HEAP:
        return say(VERDICT_NOT_LEAK, CAUSE_BOUNDED, 0.6);
    case REGION_RESERVATION:
        return say(VERDICT_NOT_LEAK, CAUSE_UNTOUCHED_RESERVATION, 0.8);
    case REGION_SHARED_MEMORY:
        /* Filling what is mapped to its end is all that can happen. */
        if (s->kind == SUSPECT_TOUCHED)
            return say(VERDICT_NOT_LEAK, CAUSE_BOUNDED, 0.8);
        break;
    case REGION_THREAD_STACK:
        if (s->kind == SUSPECT_TOUCHED)
            return say(VERDICT_NOT_LEAK, CAUSE_HIGH_WATER, 0.7);
        break;
    default:
        break;
    }
    if (s->net_bytes != SUSPECT_NET_UNKNOWN && s->net_bytes < (int64_t)(s->bytes / 2))
        return say(VERDICT_NOT_LEAK, CAUSE_BOUNDED, 0.6);
    if (s->shape.kind == SHAPE_STEADY || s->shape.kind == SHAPE_LATE || grew_long(s))
        return say(VERDICT_SUSPECT, CAUSE_UNKNOWN, 0.4);
    /* Two or three looks at what grew show no end of it. */
    if (!s->has_events && s->process->growth.looks < MIN_LOOKS)
        return say(VERDICT_INCONCLUSIVE, CAUSE_UNKNOWN, 0.3);
    return judge_ended(s, 0);
}

static struct judgement judge_kind(const struct suspect *s)
{
    switch (s->kind) {
    case SUSPECT_MAPPINGS:
    case SUSPECT_MIXED:
        return judge_mappings(s);
    case SUSPECT_BLOCK:
        return judge_block(s);
    case SUSPECT_COMMITS:
    case SUSPECT_HEAP:
        return judge_heap(s);
    case SUSPECT_STACKS:
        return judge_stacks(s);
    case SUSPECT_ORPHANS:
        return judge_orphans(s);
    case SUSPECT_RESERVATIONS:
        return judge_reservations(s);
    case SUSPECT_FILES:
        return say(VERDICT_NOT_LEAK, CAUSE_PAGE_CACHE, 0.9);
    case SUSPECT_RUNTIME:
        return say(VERDICT_NOT_LEAK, CAUSE_BOUNDED, 0.6);
    case SUSPECT_OTHER:
        return judge_other(s);
    case SUSPECT_HELD:
        return judge_held(s);
    case SUSPECT_MAPPED:
    case SUSPECT_TOUCHED:
        return judge_region(s);
    }
    return say(VERDICT_INCONCLUSIVE, CAUSE_UNKNOWN, 0.3);
}

/* Small and steady is told: what leaks 4 KiB in each run of a test leaks. Small and anything else
 * is what every program does when it starts. */
static bool is_worth_telling(const struct suspect *s, const struct judgement *j)
{
    /* Room that was made and is hardly used is not what memory goes into. */
    if ((s->kind == SUSPECT_HEAP || s->kind == SUSPECT_STACKS) &&
        j->verdict == VERDICT_INCONCLUSIVE &&
        (is_known(s->resident_bytes) ? s->resident_bytes < VERDICT_FLOOR_BYTES : s->count < MANY))
        return false;
    /* Few, and none given back, in a process that goes on: a longer look may tell. Where no call was
     * seen, the looks are all there is. */
    if (j->verdict == VERDICT_INCONCLUSIVE && s->has_events && is_known(s->process->rss_bytes) &&
        !(goes_on(s) && s->freed == 0 && s->process->end_ns == 0) &&
        s->bytes < s->process->rss_bytes / 100 * DOUBTFUL_PER_CENT)
        return false;
    if (s->bytes >= VERDICT_FLOOR_BYTES)
        return true;
    /* A region's size comes and goes by as much; an allocation is there or is not. */
    if (s->kind == SUSPECT_MAPPED || s->kind == SUSPECT_TOUCHED)
        return false;
    return is_known(s->process->rss_bytes) && s->shape.kind == SHAPE_STEADY &&
           j->verdict >= VERDICT_SUSPECT &&
           s->bytes >= s->process->rss_bytes / 100 * VERDICT_FLOOR_PER_CENT;
}

static bool is_partly_watched(const struct suspect *s)
{
    const struct history_process *p = s->process;
    uint64_t end_ns = p->end_ns ? p->end_ns : p->growth.last_ns;

    return p->detached_ns && p->detached_ns < end_ns &&
           end_ns - p->detached_ns > (end_ns - s->start_ns) / 20;
}

static bool is_short(const struct suspect *s)
{
    return s->process->end_ns == 0 &&
           s->end_ns - s->start_ns < VERDICT_SHORT_S * (uint64_t)NS_PER_S;
}

struct judgement verdict_judge(const struct suspect *s, uint64_t lost_events)
{
    struct judgement j = judge_kind(s);

    j.region = j.cause == CAUSE_UNTOUCHED_RESERVATION ? REGION_RESERVATION : s->region;
    j.told = is_worth_telling(s, &j);
    if (!s->has_events)
        j.doubts |= DOUBT_NO_EVENTS;
    if (s->shape.worked == ACTIVITY_UNKNOWN &&
        (s->shape.kind == SHAPE_ONCE || s->shape.kind == SHAPE_STALLED))
        j.doubts |= DOUBT_UNRESOLVED;
    if (j.verdict == VERDICT_LEAK && is_short(s)) {
        j.doubts |= DOUBT_SHORT;
        j.confidence = j.confidence < 0.7 ? j.confidence : 0.7;
    }
    if (lost_events) {
        /* One munmap lost in a thousand may be the one that matters; most are not. */
        bool many = lost_events > s->process->events / 100;

        j.doubts |= DOUBT_LOST_EVENTS;
        j.confidence *= many ? 0.6 : 0.9;
        if (many && j.verdict == VERDICT_LEAK)
            j.verdict = VERDICT_SUSPECT;
    }
    if (is_partly_watched(s)) {
        j.doubts |= DOUBT_PARTLY_WATCHED;
        j.confidence *= 0.9;
    }
    if (j.confidence > 0.97)
        j.confidence = 0.97;
    return j;
}
