#include "analyzer/narrate.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/units.h"

static bool is_known(uint64_t value)
{
    return value != ANALYSIS_UNKNOWN;
}

static void put_size(struct buffer *out, uint64_t bytes)
{
    struct units_text text;

    buffer_printf(out, "%s", units_format_size(&text, bytes));
}

/* "1 mapping", "96 mappings" */
static void put_count(struct buffer *out, uint64_t count, const char *noun)
{
    struct units_text text;

    buffer_printf(out, "%s %s%s", units_format_count(&text, count), noun, count == 1 ? "" : "s");
}

static void put_number(struct buffer *out, uint64_t count)
{
    struct units_text text;

    buffer_printf(out, "%s", units_format_count(&text, count));
}

/* "16.0 MiB", or "64.0 KiB to 2.0 MiB" */
static void put_units(struct buffer *out, const struct diagnosis *d)
{
    put_size(out, d->unit_min);
    if (d->unit_max != d->unit_min) {
        buffer_printf(out, " to ");
        put_size(out, d->unit_max);
    }
}

/* --- the title --- */

static const char *region_phrase(enum region region)
{
    static const char *const phrases[] = {
        [REGION_ANON_MMAP] = "anonymous mappings",
        [REGION_HEAP] = "the heap",
        [REGION_ARENA] = "malloc's arenas",
        [REGION_THREAD_STACK] = "thread stacks",
        [REGION_MAIN_STACK] = "the main stack",
        [REGION_SHARED_MEMORY] = "shared memory",
        [REGION_FILE] = "file mappings",
        [REGION_RESERVATION] = "reserved address space",
        [REGION_RUNTIME_HEAP] = "the runtime's heap",
        [REGION_OTHER] = "other mappings",
    };

    return phrases[region];
}

/* Of parts that are not of one kind. */
static enum suspect_kind kind_of_region(enum region region)
{
    switch (region) {
    case REGION_FILE:
        return SUSPECT_FILES;
    case REGION_HEAP:
    case REGION_ARENA:
        return SUSPECT_MAPPED;
    case REGION_THREAD_STACK:
        return SUSPECT_STACKS;
    case REGION_RUNTIME_HEAP:
        return SUSPECT_RUNTIME;
    default:
        return SUSPECT_MIXED;
    }
}

enum suspect_kind narrate_kind(const struct diagnosis *d)
{
    enum suspect_kind kind = d->parts.items[0]->kind;

    for (size_t i = 1; i < d->parts.count; i++)
        if (d->parts.items[i]->kind != kind)
            return kind_of_region(d->judgement.region);
    if (kind == SUSPECT_MAPPINGS && d->unit_min != d->unit_max)
        return SUSPECT_MIXED;
    return kind;
}

static void put_mappings(struct buffer *out, const struct diagnosis *d, const char *noun)
{
    if (!is_known(d->count)) {
        buffer_printf(out, " of %s", region_phrase(d->judgement.region));
        return;
    }
    buffer_printf(out, " in ");
    put_count(out, d->count, noun);
    if (d->unit_min <= d->unit_max) {
        buffer_printf(out, " of ");
        put_units(out, d);
    }
}

static void put_what(struct buffer *out, const struct diagnosis *d)
{
    switch (narrate_kind(d)) {
    case SUSPECT_MAPPINGS:
    case SUSPECT_MIXED:
        put_mappings(out, d, "mapping");
        break;
    case SUSPECT_BLOCK:
        buffer_printf(out, " added to %s by ",
                      d->parts.count == 1 ? "one block" : "growing blocks");
        put_count(out, d->count, "mremap");
        break;
    case SUSPECT_COMMITS:
        buffer_printf(out, " made usable inside reservations by ");
        put_count(out, d->count, "call");
        break;
    case SUSPECT_HEAP:
        buffer_printf(out, " added to %s in ", region_phrase(d->judgement.region));
        put_count(out, d->count, "step");
        break;
    case SUSPECT_STACKS:
        put_mappings(out, d, "thread stack");
        break;
    case SUSPECT_ORPHANS:
        buffer_printf(out, " in ");
        put_count(out, d->count, "stack");
        buffer_printf(out, " of threads that have ended");
        break;
    case SUSPECT_RESERVATIONS:
        buffer_printf(out, " reserved in ");
        put_count(out, d->count, "mapping");
        buffer_printf(out, " and not usable yet");
        break;
    case SUSPECT_HELD:
        buffer_printf(out, " in ");
        put_count(out, d->count, "shared memory object");
        buffer_printf(out, " that nobody maps");
        break;
    case SUSPECT_TOUCHED:
        buffer_printf(out, " of %s became resident", region_phrase(d->judgement.region));
        break;
    case SUSPECT_FILES:
    case SUSPECT_RUNTIME:
    case SUSPECT_OTHER:
    case SUSPECT_MAPPED:
        buffer_printf(out, " more of %s", region_phrase(d->judgement.region));
        break;
    }
}

static void put_rate(struct buffer *out, double bytes_per_s)
{
    static const struct {
        double seconds;
        const char *name;
    } spans[] = {{1, "s"}, {60, "min"}, {3600, "h"}};
    size_t i = 0;

    while (i + 1 < ARRAY_SIZE(spans) && bytes_per_s * spans[i].seconds < 1 << 20)
        i++;

    double bytes = bytes_per_s * spans[i].seconds;

    buffer_printf(out, "+");
    put_size(out, bytes < 0x1p63 ? (uint64_t)bytes : UINT64_MAX);
    buffer_printf(out, "/%s", spans[i].name);
}

void narrate_title(const struct diagnosis *d, struct buffer *out)
{
    put_size(out, d->bytes);
    put_what(out, d);
    if (d->processes > 1) {
        buffer_printf(out, " of ");
        put_number(out, d->processes);
        buffer_printf(out, " processes");
    }
    if (!diagnosis_goes_on(d))
        return;
    if (isfinite(d->bytes_per_s)) {
        buffer_printf(out, ", ");
        put_rate(out, d->bytes_per_s);
    }
    buffer_printf(out, ", still growing");
}

/* --- the reason: what is held --- */

static double per_cent(double share)
{
    return floor(share * 100 + 0.5);
}

static void put_threads(struct buffer *out, const struct diagnosis *d,
                        const struct history *history)
{
    const char *name;

    if (d->threads.count == 0)
        return;
    if (d->threads.count > 1) {
        buffer_printf(out, " by ");
        put_count(out, d->threads.count, "thread");
        return;
    }
    name = history_thread_name_at(history, d->threads.items[0].tid, d->threads.items[0].last_ns);
    buffer_printf(out, " by thread %d%s%s", (int)d->threads.items[0].tid, name ? " " : "",
                  name ? name : "");
}

static void put_freed(struct buffer *out, const struct diagnosis *d)
{
    const struct history_process *p = d->parts.items[0]->process;

    if (!is_known(d->calls) || !is_known(d->freed))
        return;
    if (d->freed == 0 && p->log_last_ns && !p->log_whole) {
        buffer_printf(out, ", none seen unmapped (the log holds no munmap, and no call but "
                           "mmap and brk: that they are still there only what is mapped can tell)");
        return;
    }
    if (d->freed == 0) {
        buffer_printf(out, ", none unmapped");
        return;
    }
    buffer_printf(out, ", ");
    put_number(out, d->freed);
    buffer_printf(out, " of ");
    put_number(out, d->calls);
    buffer_printf(out, " of the kind unmapped");
}

/* Looked at once: what it grew by is not known, how large it is. */
static void put_share_of_vma(struct buffer *out, const struct narrate_vma *vma)
{
    double share = (double)vma->of_finding_bytes / (double)(vma->end - vma->start);

    if (share < 0.5) {
        buffer_printf(out, "; the most of it lies in VMA %" PRIx64, vma->start);
        return;
    }
    buffer_printf(out, ": %.1f%% of VMA %" PRIx64 ", which has ",
                  share >= 1 ? 100.0 : fmin(share * 100, 99.9), vma->start);
    put_size(out, vma->end - vma->start);
}

static void put_explained(struct buffer *out, const struct diagnosis *d,
                          const struct narrate_vma *vma)
{
    if (!vma || vma->of_finding_bytes == 0 || d->judgement.verdict == VERDICT_NOT_LEAK)
        return;
    if (vma->growth_bytes == 0) {
        put_share_of_vma(out, vma);
        return;
    }

    double share = (double)vma->of_finding_bytes / (double)vma->growth_bytes;

    if (vma->of_finding_bytes < d->bytes) {
        buffer_printf(out, "; ");
        put_size(out, vma->of_finding_bytes);
        buffer_printf(out, " of it makes up ");
    } else {
        buffer_printf(out, ": %s up ", d->count == 1 ? "it makes" : "they make");
    }
    buffer_printf(out, "%.1f%% of VMA %" PRIx64 ", which grew by ",
                  share >= 1 ? 100.0 : fmin(share * 100, 99.9), vma->start);
    put_size(out, vma->growth_bytes);
}

static void put_calls(struct buffer *out, const struct diagnosis *d, const struct history *history,
                      const struct narrate_vma *vma, const char *noun)
{
    put_count(out, d->count, noun);
    if (d->unit_min == d->unit_max) {
        buffer_printf(out, " of ");
        put_number(out, d->unit_min);
        buffer_printf(out, " bytes");
    } else if (d->unit_min < d->unit_max) {
        buffer_printf(out, " of ");
        put_units(out, d);
    }
    put_threads(out, d, history);
    put_freed(out, d);
    buffer_printf(out, ", ");
    put_size(out, d->bytes);
    put_explained(out, d, vma);
}

static void put_orphans(struct buffer *out, const struct diagnosis *d)
{
    put_count(out, d->count, "stack");
    buffer_printf(out, " whose threads have ended, ");
    put_size(out, d->bytes);
    if (d->judgement.cause != CAUSE_THREADS_NOT_JOINED) {
        buffer_printf(out, ": glibc keeps up to 40 MiB of them for the threads to come");
        return;
    }
    if (d->despite) {
        buffer_printf(out, "; ");
        put_number(out, d->despite);
        buffer_printf(out, " were mapped while others stood by, where the stack of a joined or "
                           "detached thread would have been used again");
    } else {
        buffer_printf(out, ", more than the 40 MiB that glibc keeps for the threads to come");
    }
}

static void put_held(struct buffer *out, const struct diagnosis *d)
{
    const struct suspect *s = d->parts.items[0];

    put_count(out, d->count, "shared memory object");
    buffer_printf(out, " (%s%s) held by descriptors or ids and mapped by no process seen, ",
                  s->names.count ? s->names.items[0] : "", d->count > 1 ? ", ..." : "");
    put_size(out, d->bytes);
    if (s->held_before_bytes) {
        buffer_printf(out, "; ");
        put_size(out, s->held_before_bytes);
        buffer_printf(out, " more were held at the start");
    }
}

static void put_held_memory(struct buffer *out, const struct diagnosis *d,
                            const struct history *history, const struct narrate_vma *vma)
{
    switch (narrate_kind(d)) {
    case SUSPECT_MAPPINGS:
    case SUSPECT_MIXED:
        if (!is_known(d->count)) {
            put_size(out, d->bytes);
            buffer_printf(out, " of %s", region_phrase(d->judgement.region));
            break;
        }
        put_calls(out, d, history, vma, "mmap");
        break;
    case SUSPECT_BLOCK:
        put_calls(out, d, history, vma, "mremap");
        buffer_printf(out, "; the block was never shrunk by as much");
        break;
    case SUSPECT_COMMITS:
        put_calls(out, d, history, vma, "commit");
        buffer_printf(out, " inside address space that was reserved before, as an allocator or a "
                           "runtime does");
        break;
    case SUSPECT_HEAP:
        put_count(out, d->count, "step");
        put_threads(out, d, history);
        buffer_printf(out, " added ");
        put_size(out, d->bytes);
        buffer_printf(out, " to %s", region_phrase(d->judgement.region));
        if (d->judgement.verdict >= VERDICT_SUSPECT)
            buffer_printf(out, "; whether malloc's callers hold it or malloc keeps it free is not "
                               "known without a look inside");
        break;
    case SUSPECT_STACKS:
        put_count(out, d->count, "stack");
        buffer_printf(out, " of threads not seen to end, ");
        put_size(out, d->bytes);
        break;
    case SUSPECT_ORPHANS:
        put_orphans(out, d);
        break;
    case SUSPECT_RESERVATIONS:
        put_count(out, d->count, "mapping");
        buffer_printf(out, " without access (PROT_NONE): address space, no memory");
        break;
    case SUSPECT_FILES:
        buffer_printf(out, "files mapped: the kernel can drop what is clean and read it again");
        break;
    case SUSPECT_RUNTIME:
        buffer_printf(out, "the heap of a runtime with a collector, bounded by what it reserved");
        break;
    case SUSPECT_HELD:
        put_held(out, d);
        break;
    case SUSPECT_OTHER:
    case SUSPECT_MAPPED:
        buffer_printf(out, "%s grew by ", region_phrase(d->judgement.region));
        put_size(out, d->bytes);
        put_explained(out, d, vma);
        break;
    case SUSPECT_TOUCHED:
        put_size(out, d->bytes);
        buffer_printf(out, " of %s that had been mapped before became resident",
                      region_phrase(d->judgement.region));
        break;
    }
}

/* --- the reason: how it grew --- */

static void put_turnover(struct buffer *out, const struct shape *shape)
{
    buffer_printf(out,
                  "they come and go: of about %.0f made in the first half of the window %.0f are "
                  "held, of about %.0f in the second %.0f, the last tenth left out",
                  shape->early_births, shape->early_held, shape->recent_births, shape->recent_held);
}

static void put_since(struct buffer *out, const struct shape *shape)
{
    switch (shape->worked) {
    case ACTIVITY_WORKED:
        buffer_printf(out, " while work went on");
        break;
    case ACTIVITY_IDLE:
        buffer_printf(out, ", but the process hardly worked then");
        break;
    case ACTIVITY_UNKNOWN:
        buffer_printf(out, "; whether work went on then was not measured");
        break;
    }
}

/* Two points make a line through anything. */
static bool is_between_two_looks(const struct diagnosis *d)
{
    const struct suspect *s = d->parts.items[0];

    return !s->has_events && s->process->growth.looks == 2;
}

static void put_shape(struct buffer *out, const struct diagnosis *d)
{
    const struct shape *shape = &d->parts.items[0]->shape;
    bool churn =
        is_known(d->freed) && d->freed > 0 && d->parts.items[0]->has_births && !shape->ageing;

    if (d->judgement.balanced) {
        buffer_printf(out, "all that is mapped stayed level in the second half of the window: what "
                           "came took the place of something");
        return;
    }
    if (is_between_two_looks(d)) {
        buffer_printf(out, "between two looks: what came and went in between, and whether it goes "
                           "on, they do not show");
        return;
    }
    if (d->parts.items[0]->looked_on)
        buffer_printf(out, "by its events and, since the process was let go, by looks: ");
    switch (shape->kind) {
    case SHAPE_NONE:
        return;
    case SHAPE_STEADY:
        buffer_printf(out, "growth in %u of 16 equal parts of the window", shape->moments);
        if (churn)
            buffer_printf(out,
                          "; those kept are of every age (%.0f from its first half, %.0f from its "
                          "second, the last tenth left out), not the youngest few in use",
                          shape->early_held, shape->recent_held);
        return;
    case SHAPE_LATE:
        buffer_printf(out, "all of it from the second half of the window: it may yet settle");
        return;
    case SHAPE_FEW:
        buffer_printf(out,
                      "growth in %u of 16 equal parts of the window: too few to call it steady",
                      shape->moments);
        return;
    case SHAPE_YOUNG:
        buffer_printf(out, "nearly all of it is from the last tenth of the window: too young to "
                           "tell what is in use from what is lost");
        return;
    case SHAPE_TURNOVER:
        put_turnover(out, shape);
        return;
    case SHAPE_ONCE:
        buffer_printf(out, "all at one time, and for %.0f%% of the window nothing more",
                      per_cent(shape->flat));
        put_since(out, shape);
        return;
    case SHAPE_SETTLED:
    case SHAPE_STALLED:
        buffer_printf(out, "it grew for %.0f%% of the window and then not for %.0f%%",
                      per_cent(shape->grown), per_cent(shape->flat));
        put_since(out, shape);
        return;
    }
}

static bool tells_shape(const struct diagnosis *d)
{
    switch (d->judgement.cause) {
    case CAUSE_PAGE_CACHE:
    case CAUSE_UNTOUCHED_RESERVATION:
    case CAUSE_HIGH_WATER:
        return d->judgement.verdict != VERDICT_NOT_LEAK;
    default:
        return narrate_kind(d) != SUSPECT_RUNTIME &&
               (narrate_kind(d) != SUSPECT_ORPHANS || d->judgement.verdict != VERDICT_NOT_LEAK);
    }
}

/* --- the reason: what speaks against it --- */

static void put_doubts(struct buffer *out, const struct diagnosis *d)
{
    unsigned doubts = d->judgement.doubts;
    char pid[16];
    const struct suspect *first = d->parts.items[0];
    int64_t net = first->net_bytes;

    narrate_pid(first->process, pid, sizeof(pid));
    if (doubts & DOUBT_REPLACED) {
        buffer_printf(out, "; the process's anonymous memory as a whole %s by ",
                      net < 0 ? "shrank" : "grew");
        put_size(out, net < 0 ? 0 - (uint64_t)net : (uint64_t)net);
        buffer_printf(out, ": it may take the place of what was there before");
    }
    if (doubts & DOUBT_UNTOUCHED) {
        buffer_printf(out, "; about ");
        put_size(out, d->resident_bytes);
        buffer_printf(out, " of it is resident: so far it costs address space");
    }
    if (doubts & DOUBT_ALLOCATOR) {
        const char *library = verdict_allocator(first);

        if (library)
            buffer_printf(out, "; %s maps so for whatever asks it for memory", library);
        else
            buffer_printf(out,
                          "; each is larger than the one before, as an allocator's extents are");
        buffer_printf(out, ": it may all be in use");
    }
    if (doubts & DOUBT_NO_UNMAPS)
        buffer_printf(out, "; no look at the regions shows what is still mapped: a pmap or smaps "
                           "from after these calls would tell");
    if (doubts & DOUBT_GAP)
        buffer_printf(out, "; what was given back between its logs nobody saw");
    if (doubts & DOUBT_FREES_UNTIMED)
        buffer_printf(out, "; of what age those unmapped were is not known");
    if (doubts & DOUBT_AGEING)
        buffer_printf(out,
                      "; yet fewer of the older ones are left than of the younger: it may level "
                      "off");
    if (doubts & DOUBT_NO_EVENTS)
        buffer_printf(out, first->process->imported
                               ? "; no call of the process is among the evidence, so that nobody "
                                 "can be named"
                               : "; no memory syscall of the process was recorded, so that nobody "
                                 "can be named");
    if (doubts & DOUBT_SHORT)
        buffer_printf(out, "; watched for only %.0f s: watch longer (seep trace -p %s --for 5m)",
                      fmax(1, (double)(first->end_ns - first->start_ns) / 1e9), pid);
    if (doubts & DOUBT_LOST_EVENTS)
        buffer_printf(out, "; events were lost, and an munmap may be among them");
    if (doubts & DOUBT_PARTLY_WATCHED)
        buffer_printf(out, "; the process was let go before the end of the recording");
}

void narrate_pid(const struct history_process *p, char *text, size_t size)
{
    if (p->made_up)
        snprintf(text, size, "PID");
    else
        snprintf(text, size, "%d", (int)p->pid);
}

void narrate_reason(const struct diagnosis *d, const struct history *history,
                    const struct narrate_vma *vma, struct buffer *out)
{
    put_held_memory(out, d, history, vma);
    if (tells_shape(d)) {
        buffer_printf(out, d->parts.count > 1 ? "; of the largest part: " : "; ");
        put_shape(out, d);
    }
    if (d->judgement.verdict >= VERDICT_SUSPECT && is_known(d->resident_bytes) &&
        !(d->judgement.doubts & DOUBT_UNTOUCHED) && narrate_kind(d) != SUSPECT_HELD &&
        narrate_kind(d) != SUSPECT_TOUCHED) {
        buffer_printf(out, "; about ");
        put_size(out, d->resident_bytes);
        buffer_printf(out, " resident, by its share of its VMAs' RSS");
    }
    if (d->judgement.verdict != VERDICT_NOT_LEAK)
        put_doubts(out, d);
}
