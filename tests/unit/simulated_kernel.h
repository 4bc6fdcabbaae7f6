/*
 * A kernel and a program of several threads, simulated: what the events and snapshots of a trace
 * look like when calls overlap, and what was truly mapped.
 *
 *     thread 3    enter ----- act ---------------- exit        the event: enter and exit
 *                              ^ the pages change here         the truth
 *
 * Threads share blocks: one unmaps what another mapped, and the address goes to a third at once. A
 * thread acts only on blocks that it can know: an address is known when the call that mapped it has
 * returned. Everything follows from the seed.
 */
#pragma once

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "analyzer/ledger.h"
#include "base/vector.h"
#include "evidence/event_source.h"

enum {
    SIM_PAGES = 400, /* few, so that addresses come back at once */
    SIM_HEAP_PAGES = 4,
    SIM_BASE_PAGES = 20,
    SIM_THREADS = 12,
    SIM_TICKS = 16, /* thread N acts at times that are N modulo this, the snapshots' reader at 15 */
    SIM_READER = 15,
    SIM_PID = 500,
    SIM_PAGE = 4096,
    SIM_CHUNKS = 4, /* pieces in which a snapshot is read */
};

#define SIM_BASE UINT64_C(0x7f0000000000)

struct sim_page {
    uint32_t owner; /* 0: free; 1: before the trace; else 2 + the call's number */
    uint8_t perms;
};

struct sim_block {
    uint32_t first, count;
    bool segment;
};

enum sim_phase { SIM_IDLE, SIM_ENTERED, SIM_ACTED };

struct sim_thread {
    enum sim_phase phase;
    uint64_t next_ns;
    struct event ev;
    uint32_t number; /* of the call */
    struct sim_block block;
};

struct sim {
    uint64_t seed;
    struct sim_page pages[SIM_PAGES];
    struct sim_thread threads[SIM_THREADS];
    unsigned thread_count;
    VECTOR(struct sim_block) blocks; /* mapped, known, and in nobody's hands */
    uint32_t brk;                    /* page */
    bool brk_taken;
    uint32_t calls, calls_wanted;
    VECTOR(uint64_t) exits; /* when call N returned */
    VECTOR(struct event) events;
    VECTOR(struct snapshot) snaps;
    struct snapshot reading;
    unsigned chunk;
    uint64_t reader_next_ns;
    /* the event source */
    struct event_source source;
    size_t next_event, next_snap;
};

static uint64_t sim_below(struct sim *sim, uint64_t n)
{
    sim->seed = sim->seed * 6364136223846793005u + 1442695040888963407u;
    return (sim->seed >> 33) % n;
}

static uint64_t sim_address(uint32_t page)
{
    return SIM_BASE + (uint64_t)page * SIM_PAGE;
}

static uint32_t sim_page_of(uint64_t address)
{
    return (uint32_t)((address - SIM_BASE) / SIM_PAGE);
}

/* Mostly short, now and then long enough for others to do much meanwhile. */
static uint64_t sim_later(struct sim *sim, uint64_t now_ns, unsigned who)
{
    uint64_t ticks = 1 + sim_below(sim, sim_below(sim, 20) == 0 ? 400 : 12);

    return (now_ns / SIM_TICKS + ticks) * SIM_TICKS + who;
}

static void sim_check(struct seep_error *err)
{
    if (err)
        abort();
}

/* --- what threads ask for --- */

static bool sim_take_block(struct sim *sim, bool segments_too, struct sim_block *ret_block)
{
    size_t at;

    if (sim->blocks.count == 0)
        return false;
    at = sim_below(sim, sim->blocks.count);
    if (sim->blocks.items[at].segment && !segments_too)
        return false;
    *ret_block = sim->blocks.items[at];
    sim->blocks.items[at] = sim->blocks.items[--sim->blocks.count];
    return true;
}

static void sim_ask(struct sim_thread *t, uint8_t kind, uint64_t a, uint64_t b, uint64_t c,
                    uint64_t d, uint64_t e)
{
    t->ev.kind = kind;
    memcpy(t->ev.args, (uint64_t[]){a, b, c, d, e, 0}, sizeof(t->ev.args));
}

static void sim_choose_brk(struct sim *sim, struct sim_thread *t)
{
    uint32_t to = sim->brk + 3 - (uint32_t)sim_below(sim, 7);

    sim->brk_taken = true;
    if (to > SIM_PAGES)
        to = 1;
    sim_ask(t, EVENT_BRK, sim_address(to), 0, 0, 0, 0);
}

static void sim_choose_on_block(struct sim *sim, struct sim_thread *t, uint64_t choice)
{
    struct sim_block *b = &t->block;
    uint64_t at = sim_address(b->first), len = (uint64_t)b->count * SIM_PAGE;
    uint64_t new_len = (1 + sim_below(sim, 12)) * SIM_PAGE;

    if (b->segment) {
        sim_ask(t, EVENT_SHMDT, at, 0, 0, 0, 0);
    } else if (choice < 75) { /* all of it, or only a part */
        uint32_t from = (uint32_t)sim_below(sim, 3) ? 0 : (uint32_t)sim_below(sim, b->count);
        uint32_t count = (uint32_t)sim_below(sim, 3)
                             ? b->count - from
                             : 1 + (uint32_t)sim_below(sim, b->count - from);

        sim_ask(t, EVENT_MUNMAP, sim_address(b->first + from), (uint64_t)count * SIM_PAGE, 0, 0, 0);
    } else if (choice < 87) {
        sim_ask(t, EVENT_MREMAP, at, len, new_len, MREMAP_MAYMOVE, 0);
    } else if (choice < 92) {
        sim_ask(t, EVENT_MMAP, at, len, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
                UINT64_MAX);
    } else {
        sim_ask(t, EVENT_MPROTECT, at, len, sim_below(sim, 2) ? PROT_NONE : PROT_READ | PROT_WRITE,
                0, 0);
    }
}

static void sim_enter(struct sim *sim, struct sim_thread *t, uint64_t now_ns)
{
    bool crowded = sim->blocks.count > 4 * SIM_THREADS;
    uint64_t choice = crowded ? 45 + sim_below(sim, 55) : sim_below(sim, 100);

    t->ev = (struct event){.enter_ns = now_ns,
                           .pid = SIM_PID,
                           .tid = SIM_PID + (pid_t)(t - sim->threads),
                           .stack_id = 1};
    t->number = sim->calls++;
    t->block = (struct sim_block){0};
    t->phase = SIM_ENTERED;
    if (choice >= 45 && choice < 50 && !sim->brk_taken)
        sim_choose_brk(sim, t);
    else if (choice >= 50 && sim_take_block(sim, choice < 75, &t->block))
        sim_choose_on_block(sim, t, choice);
    else if (choice < 5)
        sim_ask(t, EVENT_SHMAT, 3, 0, 0, (1 + sim_below(sim, 4)) * SIM_PAGE, 0);
    else
        sim_ask(t, EVENT_MMAP, 0, (1 + sim_below(sim, 8)) * SIM_PAGE,
                choice < 10 ? PROT_NONE : PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
                UINT64_MAX);
}

/* --- what the kernel does --- */

static bool sim_is_free(const struct sim *sim, uint32_t first, uint32_t count)
{
    if (first + count > SIM_PAGES)
        return false;
    for (uint32_t i = first; i < first + count; i++)
        if (sim->pages[i].owner)
            return false;
    return true;
}

/* Top down, as Linux does. */
static bool sim_find_free(const struct sim *sim, uint32_t count, uint32_t *ret_first)
{
    for (uint32_t first = SIM_PAGES - count + 1; first > 0; first--)
        if (sim_is_free(sim, first - 1, count)) {
            *ret_first = first - 1;
            return true;
        }
    return false;
}

static void sim_fill(struct sim *sim, uint32_t first, uint32_t count, uint32_t owner, uint8_t perms)
{
    for (uint32_t i = first; i < first + count; i++)
        sim->pages[i] = (struct sim_page){owner, owner ? perms : 0};
}

static void sim_act_mremap(struct sim *sim, struct sim_thread *t, uint32_t owner)
{
    uint32_t from = sim_page_of(t->ev.args[0]), to;
    uint32_t old = (uint32_t)(t->ev.args[1] / SIM_PAGE), new = (uint32_t)(t->ev.args[2] / SIM_PAGE);
    struct sim_page moved[SIM_PAGES];

    t->ev.result = (int64_t)t->ev.args[0];
    if (new <= old) {
        sim_fill(sim, from + new, old - new, 0, 0);
    } else if (sim_is_free(sim, from + old, new - old)) {
        sim_fill(sim, from + old, new - old, owner, sim->pages[from].perms);
    } else if (sim_find_free(sim, new, &to)) {
        memcpy(moved, &sim->pages[from], old * sizeof(moved[0]));
        sim_fill(sim, from, old, 0, 0);
        memcpy(&sim->pages[to], moved, old * sizeof(moved[0]));
        sim_fill(sim, to + old, new - old, owner, moved[0].perms);
        t->ev.result = (int64_t)sim_address(to);
    } else {
        t->ev.result = -ENOMEM;
    }
}

static void sim_act_brk(struct sim *sim, struct sim_thread *t, uint32_t owner)
{
    uint32_t to = sim_page_of(t->ev.args[0]);

    if (to < sim->brk) {
        sim_fill(sim, to, sim->brk - to, 0, 0);
        sim->brk = to;
    } else if (sim_is_free(sim, sim->brk, to - sim->brk)) {
        sim_fill(sim, sim->brk, to - sim->brk, owner, VMA_READ | VMA_WRITE);
        sim->brk = to;
    }
    t->ev.result = (int64_t)sim_address(sim->brk);
}

static void sim_act_map(struct sim *sim, struct sim_thread *t, uint32_t owner)
{
    bool fixed = t->ev.kind == EVENT_MMAP && t->ev.args[3] & MAP_FIXED;
    uint64_t len = t->ev.kind == EVENT_MMAP ? t->ev.args[1] : t->ev.args[3];
    uint8_t perms =
        t->ev.kind == EVENT_MMAP ? (uint8_t)t->ev.args[2] : VMA_READ | VMA_WRITE | VMA_SHARED;
    uint32_t at = fixed ? sim_page_of(t->ev.args[0]) : 0;

    if (!fixed && !sim_find_free(sim, (uint32_t)(len / SIM_PAGE), &at)) {
        t->ev.result = -ENOMEM;
        return;
    }
    sim_fill(sim, at, (uint32_t)(len / SIM_PAGE), owner, perms);
    t->ev.result = (int64_t)sim_address(at);
}

static void sim_act_mprotect(struct sim *sim, struct sim_thread *t, uint32_t owner)
{
    uint32_t first = sim_page_of(t->ev.args[0]), count = (uint32_t)(t->ev.args[1] / SIM_PAGE);

    for (uint32_t i = first; i < first + count; i++) {
        if (sim->pages[i].perms == 0 && t->ev.args[2] & PROT_WRITE)
            sim->pages[i].owner = owner;
        sim->pages[i].perms = (uint8_t)t->ev.args[2];
    }
}

static void sim_act(struct sim *sim, struct sim_thread *t)
{
    uint32_t owner = t->number + 2;

    t->phase = SIM_ACTED;
    switch (t->ev.kind) {
    case EVENT_MMAP:
    case EVENT_SHMAT:
        sim_act_map(sim, t, owner);
        break;
    case EVENT_MUNMAP:
        sim_fill(sim, sim_page_of(t->ev.args[0]), (uint32_t)(t->ev.args[1] / SIM_PAGE), 0, 0);
        break;
    case EVENT_SHMDT:
        sim_fill(sim, t->block.first, t->block.count, 0, 0);
        break;
    case EVENT_MREMAP:
        sim_act_mremap(sim, t, owner);
        break;
    case EVENT_BRK:
        sim_act_brk(sim, t, owner);
        break;
    default:
        sim_act_mprotect(sim, t, owner);
        break;
    }
}

/* --- what comes back --- */

static void sim_give_block(struct sim *sim, uint32_t first, uint32_t count, bool segment)
{
    if (count > 0)
        sim_check(vector_push(&sim->blocks, (struct sim_block){first, count, segment}));
}

/* What the thread knows of the outcome becomes known to all. */
static void sim_publish(struct sim *sim, struct sim_thread *t)
{
    const struct event *ev = &t->ev;
    const struct sim_block *b = &t->block;
    uint32_t first = sim_page_of(ev->args[0]), count = (uint32_t)(ev->args[1] / SIM_PAGE);

    switch (ev->kind) {
    case EVENT_BRK:
        sim->brk_taken = false;
        break;
    case EVENT_MMAP:
        if (!event_failed(ev))
            sim_give_block(sim, sim_page_of((uint64_t)ev->result), count, false);
        break;
    case EVENT_SHMAT:
        if (!event_failed(ev))
            sim_give_block(sim, sim_page_of((uint64_t)ev->result),
                           (uint32_t)(ev->args[3] / SIM_PAGE), true);
        break;
    case EVENT_MUNMAP:
        sim_give_block(sim, b->first, first - b->first, false);
        sim_give_block(sim, first + count, b->first + b->count - first - count, false);
        break;
    case EVENT_MREMAP:
        if (event_failed(ev))
            sim_give_block(sim, b->first, b->count, false);
        else
            sim_give_block(sim, sim_page_of((uint64_t)ev->result),
                           (uint32_t)(ev->args[2] / SIM_PAGE), false);
        break;
    case EVENT_MPROTECT:
        sim_give_block(sim, b->first, b->count, false);
        break;
    default:
        break;
    }
}

static void sim_exit(struct sim *sim, struct sim_thread *t, uint64_t now_ns)
{
    t->phase = SIM_IDLE;
    t->ev.exit_ns = now_ns;
    for (unsigned i = 0; i < sim->thread_count; i++) {
        const struct sim_thread *other = &sim->threads[i];

        if (other->phase != SIM_IDLE &&
            (t->ev.pending_ns == 0 || other->ev.enter_ns < t->ev.pending_ns))
            t->ev.pending_ns = other->ev.enter_ns;
    }
    while (sim->exits.count <= t->number)
        sim_check(vector_push(&sim->exits, 0));
    sim->exits.items[t->number] = now_ns;
    sim_check(vector_push(&sim->events, t->ev));
    sim_publish(sim, t);
}

/* --- snapshots --- */

/* Appends what the pages [FIRST, LAST) are now; a run ends with the piece that was read. */
static void sim_read(const struct sim *sim, struct maps *maps, uint32_t first, uint32_t last)
{
    for (uint32_t i = first; i < last; i++) {
        struct vma *vma = maps->count ? &maps->vmas[maps->count - 1] : NULL;

        if (!sim->pages[i].owner)
            continue;
        if (vma && i > first && vma->end == sim_address(i) && vma->perms == sim->pages[i].perms) {
            vma->end += SIM_PAGE;
            continue;
        }
        maps->vmas[maps->count++] = (struct vma){.start = sim_address(i),
                                                 .end = sim_address(i + 1),
                                                 .perms = sim->pages[i].perms,
                                                 .name = ""};
    }
}

static void sim_begin_reading(struct sim *sim, enum snapshot_reason reason, uint64_t now_ns)
{
    sim->reading = (struct snapshot){.pid = SIM_PID, .reason = reason, .begin_ns = now_ns};
    sim->reading.maps.vmas = calloc(SIM_PAGES, sizeof(struct vma));
    sim->chunk = 0;
    if (!sim->reading.maps.vmas)
        abort();
}

static void sim_end_reading(struct sim *sim, uint64_t now_ns)
{
    sim->reading.end_ns = now_ns;
    sim_check(vector_push(&sim->snaps, sim->reading));
}

/* One step of the reader: begins, reads a piece, ends. */
static void sim_step_reader(struct sim *sim)
{
    uint64_t now_ns = sim->reader_next_ns;

    if (sim->chunk == SIM_CHUNKS + 1) {
        sim_begin_reading(sim, SNAPSHOT_PERIODIC, now_ns);
    } else if (sim->chunk < SIM_CHUNKS) {
        sim_read(sim, &sim->reading.maps, SIM_PAGES * sim->chunk / SIM_CHUNKS,
                 SIM_PAGES * (sim->chunk + 1) / SIM_CHUNKS);
        sim->chunk++;
    } else {
        sim_end_reading(sim, now_ns);
        sim->chunk++;
        sim->reader_next_ns += 1000 * SIM_TICKS;
        return;
    }
    sim->reader_next_ns = sim_later(sim, now_ns, SIM_READER);
}

static void sim_whole_snapshot(struct sim *sim, enum snapshot_reason reason, uint64_t now_ns)
{
    sim_begin_reading(sim, reason, now_ns);
    sim->reading.stopped = true;
    sim_read(sim, &sim->reading.maps, 0, SIM_PAGES);
    sim_end_reading(sim, now_ns);
    sim->chunk = SIM_CHUNKS + 1;
}

/* --- the run --- */

static struct seep_error *sim_next(struct event_source *src, struct event *ret_ev,
                                   enum event_source_step *ret_step)
{
    struct sim *sim = (struct sim *)((char *)src - offsetof(struct sim, source));

    *ret_step = EVENT_SOURCE_END;
    if (sim->next_event < sim->events.count) {
        *ret_ev = sim->events.items[sim->next_event++];
        *ret_step = EVENT_SOURCE_MORE;
    }
    return NULL;
}

static void sim_create(struct sim *sim, uint64_t seed, unsigned threads)
{
    *sim = (struct sim){.seed = seed, .thread_count = threads, .brk = SIM_HEAP_PAGES};
    sim->source.next = sim_next;
    sim_fill(sim, 0, SIM_HEAP_PAGES, 1, VMA_READ | VMA_WRITE);
    sim_fill(sim, SIM_PAGES / 2, SIM_BASE_PAGES, 1, VMA_READ | VMA_WRITE);
    sim_give_block(sim, SIM_PAGES / 2, SIM_BASE_PAGES, false);
    sim_whole_snapshot(sim, SNAPSHOT_START, 1);
    sim->snaps.items[0].maps.vmas[0].name = "[heap]";
    sim->reader_next_ns = 1000 * SIM_TICKS + SIM_READER;
    for (unsigned i = 0; i < threads; i++)
        sim->threads[i].next_ns = SIM_TICKS + i;
}

/* Runs CALLS calls to their end. */
static void sim_run(struct sim *sim, uint32_t calls)
{
    uint64_t now_ns = 0;
    unsigned busy = 0;

    for (;;) {
        struct sim_thread *t = &sim->threads[0];

        for (unsigned i = 1; i < sim->thread_count; i++)
            if (sim->threads[i].next_ns < t->next_ns)
                t = &sim->threads[i];
        if (sim->reader_next_ns < t->next_ns) {
            sim_step_reader(sim);
            continue;
        }
        now_ns = t->next_ns;
        t->next_ns = sim_later(sim, now_ns, (unsigned)(t - sim->threads));
        switch (t->phase) {
        case SIM_IDLE:
            if (sim->calls < calls) {
                sim_enter(sim, t, now_ns);
                busy++;
            }
            break;
        case SIM_ENTERED:
            sim_act(sim, t);
            break;
        default:
            sim_exit(sim, t, now_ns);
            busy--;
            break;
        }
        if (busy == 0 && sim->calls == calls)
            break;
    }
    if (sim->chunk <= SIM_CHUNKS)
        free(sim->reading.maps.vmas);
    sim_whole_snapshot(sim, SNAPSHOT_END, now_ns + 1);
}

static void sim_destroy(struct sim *sim)
{
    for (size_t i = sim->next_snap; i < sim->snaps.count; i++)
        maps_deinit(&sim->snaps.items[i].maps);
    vector_deinit(&sim->snaps);
    vector_deinit(&sim->events);
    vector_deinit(&sim->exits);
    vector_deinit(&sim->blocks);
}

/* --- the truth against the books --- */

struct sim_check {
    const struct sim *sim;
    uint64_t wrong_pages; /* mapped in one only */
    uint64_t wrong_charges, wrong_perms;
    bool booked[SIM_PAGES];
};

static bool sim_visit(const struct ledger_interval *interval, void *context)
{
    struct sim_check *check = context;

    for (uint64_t at = interval->start; at < interval->end; at += SIM_PAGE) {
        const struct sim_page *page = &check->sim->pages[sim_page_of(at)];
        uint64_t time_ns = page->owner > 1 ? check->sim->exits.items[page->owner - 2] : 0;

        check->booked[sim_page_of(at)] = true;
        if (!page->owner)
            continue;
        check->wrong_charges += (interval->charge ? interval->charge->time_ns : 0) != time_ns;
        check->wrong_perms += page->perms != interval->perms;
    }
    return true;
}

static struct sim_check sim_compare(const struct sim *sim, const struct ledger *ledger)
{
    struct sim_check check = {.sim = sim};

    ledger_each(ledger_find(ledger, SIM_PID), 0, UINT64_MAX, sim_visit, &check);
    for (uint32_t i = 0; i < SIM_PAGES; i++)
        check.wrong_pages += check.booked[i] != (sim->pages[i].owner != 0);
    return check;
}
