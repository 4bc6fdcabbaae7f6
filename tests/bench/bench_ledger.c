/*
 * How many events a second the ledger takes, and what a live mapping costs in memory, with 100,000
 * mappings live: churn at random addresses by 16 threads from 64 call paths in 8 sizes.
 *
 *     bench_ledger [MAPPINGS [EVENTS]]
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

#include "analyzer/ledger.h"
#include "base/units.h"

enum { PID = 1000, PAGE = 4096, SLOT_PAGES = 64, THREADS = 16, STACKS = 64 };

struct slots {
    uint32_t *live, *free;
    uint8_t *pages;
    size_t live_count, free_count;
};

static uint64_t seed = 1;

static uint64_t below(uint64_t n)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (seed >> 33) % n;
}

static uint64_t address_of(uint32_t slot)
{
    return UINT64_C(0x7f0000000000) + (uint64_t)slot * SLOT_PAGES * PAGE;
}

static void fill(struct event *ev, uint8_t kind, uint64_t result)
{
    static uint64_t now_ns;

    now_ns += 500;
    *ev = (struct event){
        .enter_ns = now_ns,
        .exit_ns = now_ns + 100,
        .pid = PID,
        .tid = PID + (pid_t)below(THREADS),
        .stack_id = 1 + (uint32_t)below(STACKS),
        .kind = kind,
        .result = (int64_t)result,
    };
}

static void make_mmap(struct slots *slots, struct event *ev)
{
    size_t at = below(slots->free_count);
    uint32_t slot = slots->free[at];

    slots->free[at] = slots->free[--slots->free_count];
    slots->live[slots->live_count++] = slot;
    slots->pages[slot] = (uint8_t)(1 + below(8) * 4);
    fill(ev, EVENT_MMAP, address_of(slot));
    ev->args[1] = (uint64_t)slots->pages[slot] * PAGE;
    ev->args[2] = PROT_READ | PROT_WRITE;
    ev->args[3] = MAP_PRIVATE | MAP_ANONYMOUS;
}

static void make_other(struct slots *slots, struct event *ev, uint64_t choice)
{
    size_t at = below(slots->live_count);
    uint32_t slot = slots->live[at];
    uint64_t address = address_of(slot), old_bytes = (uint64_t)slots->pages[slot] * PAGE;

    if (choice < 70) {
        slots->live[at] = slots->live[--slots->live_count];
        slots->free[slots->free_count++] = slot;
        fill(ev, EVENT_MUNMAP, 0);
    } else if (choice < 85) {
        fill(ev, EVENT_MREMAP, address);
        slots->pages[slot] = (uint8_t)(1 + below(8) * 4);
        ev->args[2] = (uint64_t)slots->pages[slot] * PAGE;
    } else {
        fill(ev, choice < 95 ? EVENT_MPROTECT : EVENT_MADVISE, 0);
        ev->args[2] = choice < 95 ? PROT_READ | (choice & 1 ? PROT_WRITE : 0) : MADV_DONTNEED;
    }
    ev->args[0] = address;
    ev->args[1] = old_bytes;
}

/* Of this process: a busy machine does not count. */
static uint64_t cpu_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
    return (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
}

static void apply(struct ledger *ledger, const struct event *events, size_t count, const char *what)
{
    uint64_t start_ns = cpu_ns();

    for (size_t i = 0; i < count; i++) {
        struct seep_error *err = ledger_apply(ledger, &events[i]);

        if (err) {
            fprintf(stderr, "bench_ledger: %s\n", err->message);
            exit(1);
        }
    }

    uint64_t spent_ns = cpu_ns() - start_ns;

    printf("%-6s %9zu events  %5.2f million events/s\n", what, count,
           (double)count * 1e3 / (double)spent_ns);
}

int main(int argc, char **argv)
{
    size_t mappings = argc > 1 ? strtoul(argv[1], NULL, 10) : 100000;
    size_t count = argc > 2 ? strtoul(argv[2], NULL, 10) : 1000000;
    _cleanup_free_ struct event *events =
        calloc(count > mappings ? count : mappings, sizeof(*events));
    struct slots slots = {
        .live = calloc(2 * mappings, sizeof(uint32_t)),
        .free = calloc(2 * mappings, sizeof(uint32_t)),
        .pages = calloc(2 * mappings, 1),
    };
    _cleanup_(ledger_destroyp) struct ledger *ledger = NULL;
    struct ledger_totals totals;

    if (!events || !slots.live || !slots.free || !slots.pages || ledger_create(&ledger))
        return 1;
    for (size_t i = 0; i < 2 * mappings; i++)
        slots.free[slots.free_count++] = (uint32_t)i;
    for (size_t i = 0; i < mappings; i++)
        make_mmap(&slots, &events[i]);
    apply(ledger, events, mappings, "fill");
    ledger_totals(ledger, &totals);
    printf("       %" PRIu64 " live mappings, %.1f bytes each (%" PRIu64
           " groups' share included)\n",
           totals.live_charges, (double)totals.memory_bytes / (double)totals.live_charges,
           (uint64_t)THREADS * STACKS * 8);
    for (size_t i = 0; i < count; i++) {
        uint64_t choice = below(100);

        if (slots.live_count < mappings ? choice < 38 : choice < 32)
            make_mmap(&slots, &events[i]);
        else
            make_other(&slots, &events[i], choice);
    }
    apply(ledger, events, count, "churn");
    ledger_totals(ledger, &totals);
    printf("       %zu live mappings in %" PRIu64 " intervals of %" PRIu64
           " charges: %.1f bytes a mapping, %" PRIu64 " conflicts\n",
           slots.live_count, totals.intervals, totals.live_charges,
           (double)totals.memory_bytes / (double)slots.live_count, totals.conflicts);
    free(slots.live);
    free(slots.free);
    free(slots.pages);
    return 0;
}
