/* The ledger against an array of pages: hundreds of thousands of calls from fixed seeds, most of
 * them across whatever happens to be there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/shm.h>

#include "analyzer/ledger.h"
#include "tests/unit/ledger_invariants.h"

enum { PAGES = 1500, PAGE = 4096, PID = 9, STEPS = 60000, SEGMENT_PAGES = 6, AIO_PAGES = 3 };

#define BASE UINT64_C(0x10000000)

struct model_page {
    uint64_t time_ns; /* of the event it is charged to; 0: free; 1: of unknown origin */
    uint8_t perms;
    uint32_t segment; /* 0: none; else the number of the attachment */
    int32_t origin;   /* the page where the segment's offset 0 is */
    bool aio;         /* of io_setup */
    bool kept;        /* MADV_DONTFORK */
};

struct model {
    uint64_t seed, now_ns;
    struct model_page pages[PAGES];
    uint32_t brk;
    uint32_t segments;
    struct ledger *ledger;
};

static uint64_t below(struct model *m, uint64_t n)
{
    m->seed = m->seed * 6364136223846793005u + 1442695040888963407u;
    return (m->seed >> 33) % n;
}

static uint64_t address(uint32_t page)
{
    return BASE + (uint64_t)page * PAGE;
}

static void call(struct model *m, uint8_t kind, uint64_t result, uint64_t a, uint64_t b, uint64_t c,
                 uint64_t d)
{
    struct event ev = {.enter_ns = m->now_ns - 1,
                       .exit_ns = m->now_ns,
                       .args = {a, b, c, d},
                       .result = (int64_t)result,
                       .pid = PID,
                       .tid = PID + (pid_t)below(m, 3),
                       .stack_id = (uint32_t)below(m, 5),
                       .kind = kind};

    assert_null(ledger_apply(m->ledger, &ev));
}

static void choose_range(struct model *m, uint32_t *ret_first, uint32_t *ret_count)
{
    *ret_first = (uint32_t)below(m, PAGES);
    *ret_count = 1 + (uint32_t)below(m, below(m, 4) ? 8 : 60);
    if (*ret_first + *ret_count > PAGES)
        *ret_count = PAGES - *ret_first;
}

static bool is_free(const struct model *m, uint32_t first, uint32_t count)
{
    if (first + count > PAGES)
        return false;
    for (uint32_t i = first; i < first + count; i++)
        if (m->pages[i].time_ns)
            return false;
    return true;
}

static bool is_mapped(const struct model *m, uint32_t first, uint32_t count)
{
    if (first + count > PAGES)
        return false;
    for (uint32_t i = first; i < first + count; i++)
        if (!m->pages[i].time_ns)
            return false;
    return true;
}

static bool find_free(struct model *m, uint32_t count, uint32_t *ret_first)
{
    for (int i = 0; i < 20; i++) {
        *ret_first = (uint32_t)below(m, PAGES);
        if (is_free(m, *ret_first, count))
            return true;
    }
    return false;
}

static void fill(struct model *m, uint32_t first, uint32_t count, struct model_page page)
{
    for (uint32_t i = first; i < first + count; i++)
        m->pages[i] = page;
}

/* --- the calls --- */

static void do_mmap(struct model *m)
{
    uint32_t first, count;
    uint64_t prot = below(m, 5) ? PROT_READ | PROT_WRITE : PROT_NONE;
    uint64_t flags = MAP_PRIVATE | MAP_ANONYMOUS;

    choose_range(m, &first, &count);
    if (below(m, 3) == 0)
        flags |= MAP_FIXED;
    else if (!is_free(m, first, count))
        return;
    call(m, EVENT_MMAP, address(first), flags & MAP_FIXED ? address(first) : 0,
         (uint64_t)count * PAGE - below(m, PAGE), prot, flags);
    fill(m, first, count, (struct model_page){.time_ns = m->now_ns, .perms = (uint8_t)prot});
}

static void do_munmap(struct model *m)
{
    uint32_t first, count;

    choose_range(m, &first, &count);
    call(m, EVENT_MUNMAP, 0, address(first), (uint64_t)count * PAGE - below(m, PAGE), 0, 0);
    fill(m, first, count, (struct model_page){0});
}

static void do_mprotect(struct model *m)
{
    uint32_t first, count;
    uint8_t prot = (uint8_t)(uint64_t[]){PROT_NONE, PROT_READ, PROT_READ | PROT_WRITE}[below(m, 3)];

    choose_range(m, &first, &count);
    call(m, below(m, 2) ? EVENT_MPROTECT : EVENT_PKEY_MPROTECT, 0, address(first),
         (uint64_t)count * PAGE, prot, 0);
    for (uint32_t i = first; i < first + count; i++) {
        struct model_page *page = &m->pages[i];

        if (!page->time_ns)
            continue;
        if ((page->perms & 7) == 0 && prot & PROT_WRITE)
            page->time_ns = m->now_ns;
        page->perms = (uint8_t)((page->perms & VMA_SHARED) | prot);
    }
}

static void shift_origin(struct model *m, uint32_t first, uint32_t count, int32_t shift)
{
    uint32_t was = 0;

    for (uint32_t i = first; i < first + count; i++) {
        struct model_page *page = &m->pages[i];

        if (!page->segment)
            continue;
        if (page->segment != was) {
            was = page->segment;
            m->segments++;
        }
        page->segment = m->segments;
        page->origin += shift;
    }
}

/* Moves, shrinks or grows what is mapped without holes; the pages of one segment at most. */
static void do_mremap(struct model *m)
{
    uint32_t first, old, to, new = 1 + (uint32_t)below(m, 20);
    struct model_page moved[PAGES];
    bool fixed = below(m, 3) == 0;

    choose_range(m, &first, &old);
    while (old > 1 && !is_mapped(m, first, old))
        old--;
    if (!is_mapped(m, first, old))
        return;
    for (uint32_t i = first; i < first + old; i++)
        if (m->pages[i].segment)
            return;
    if (!fixed && (new <= old || is_free(m, first + old, new - old))) {
        struct model_page page = {.time_ns = m->now_ns, .perms = m->pages[first].perms};

        if (first + new > PAGES)
            return;
        call(m, EVENT_MREMAP, address(first), address(first), (uint64_t)old * PAGE,
             (uint64_t) new *PAGE, MREMAP_MAYMOVE);
        page.kept = m->pages[first].kept;
        if (new > old)
            fill(m, first + old, new - old, page);
        else
            fill(m, first + new, old - new, (struct model_page){0});
        return;
    }
    if (fixed)
        to = (uint32_t)below(m, PAGES);
    else if (!find_free(m, new, &to))
        return;
    if (to + new > PAGES || (to < first + old && first < to + new))
        return;
    call(m, EVENT_MREMAP, address(to), address(first), (uint64_t)old * PAGE, (uint64_t) new *PAGE,
         MREMAP_MAYMOVE | (fixed ? MREMAP_FIXED : 0));
    memcpy(moved, &m->pages[first], old * sizeof(moved[0]));
    fill(m, first, old, (struct model_page){0});
    memcpy(&m->pages[to], moved, (old < new ? old : new) * sizeof(moved[0]));
    if (new > old)
        fill(m, to + old, new - old,
             (struct model_page){
                 .time_ns = m->now_ns, .perms = moved[0].perms, .kept = moved[0].kept});
}

/* Part of a segment goes elsewhere. */
static void do_move_segment(struct model *m)
{
    uint32_t first = (uint32_t)below(m, PAGES), count = 1, to;

    while (first < PAGES && !m->pages[first].segment)
        first++;
    if (first == PAGES || m->pages[first].aio)
        return;
    while (first + count < PAGES && below(m, 4) &&
           m->pages[first + count].segment == m->pages[first].segment)
        count++;
    if (!find_free(m, count, &to))
        return;
    call(m, EVENT_MREMAP, address(to), address(first), (uint64_t)count * PAGE,
         (uint64_t)count * PAGE, MREMAP_MAYMOVE);
    memcpy(&m->pages[to], &m->pages[first], count * sizeof(m->pages[0]));
    fill(m, first, count, (struct model_page){0});
    shift_origin(m, to, count, (int32_t)to - (int32_t)first);
}

static void do_brk(struct model *m)
{
    uint32_t to = m->brk + 10 - (uint32_t)below(m, 20);

    if (to < m->brk || to > PAGES) {
        to = to > PAGES ? 0 : to;
        fill(m, to, m->brk - to, (struct model_page){0});
    } else {
        if (!is_free(m, m->brk, to - m->brk)) {
            call(m, EVENT_BRK, address(m->brk), address(to), 0, 0, 0);
            return;
        }
        fill(m, m->brk, to - m->brk,
             (struct model_page){.time_ns = m->now_ns, .perms = VMA_READ | VMA_WRITE});
    }
    m->brk = to;
    call(m, EVENT_BRK, address(to), address(to), 0, 0, 0);
}

static void do_attach(struct model *m)
{
    bool aio = below(m, 3) == 0;
    uint32_t count = aio ? AIO_PAGES : SEGMENT_PAGES, first;

    if (!find_free(m, count, &first))
        return;
    /* An origin stands for one segment here; the ledger takes the newest. */
    for (uint32_t i = 0; i < PAGES; i++)
        if (m->pages[i].segment && m->pages[i].origin == (int32_t)first)
            return;
    if (aio)
        call(m, EVENT_IO_SETUP, 0, 10, 0, address(first), (uint64_t)count * PAGE);
    else
        call(m, EVENT_SHMAT, address(first), 5, 0, 0, (uint64_t)count * PAGE);
    m->segments++;
    fill(m, first, count,
         (struct model_page){.time_ns = m->now_ns,
                             .perms = VMA_READ | VMA_WRITE | VMA_SHARED,
                             .segment = m->segments,
                             .aio = aio,
                             .origin = (int32_t)first});
}

/* shmdt takes what is left of the segment, io_destroy all that is where the ring was. */
static void do_detach(struct model *m)
{
    uint32_t at = (uint32_t)below(m, PAGES), segment;
    int32_t origin;
    bool aio;

    while (at < PAGES && !m->pages[at].segment)
        at++;
    if (at == PAGES || m->pages[at].origin < 0)
        return;
    segment = m->pages[at].segment;
    origin = m->pages[at].origin;
    aio = m->pages[at].aio;
    for (uint32_t i = 0; i < PAGES; i++)
        if (m->pages[i].segment && m->pages[i].segment != segment && m->pages[i].origin == origin)
            return;
    call(m, aio ? EVENT_IO_DESTROY : EVENT_SHMDT, 0, address((uint32_t)origin), 0, 0, 0);
    if (aio)
        fill(m, (uint32_t)origin, AIO_PAGES, (struct model_page){0});
    for (uint32_t i = 0; !aio && i < PAGES; i++)
        if (m->pages[i].segment == segment)
            m->pages[i] = (struct model_page){0};
}

static void do_madvise(struct model *m)
{
    static const uint64_t advice[] = {MADV_DONTNEED, MADV_FREE, MADV_DONTFORK, MADV_DOFORK};
    uint64_t which = below(m, 4);
    uint32_t first, count;

    choose_range(m, &first, &count);
    call(m, EVENT_MADVISE, below(m, 2) ? 0 : (uint64_t)-12, address(first), (uint64_t)count * PAGE,
         advice[which], 0);
    for (uint32_t i = first; i < first + count; i++)
        if (m->pages[i].time_ns && which >= 2)
            m->pages[i].kept = advice[which] == MADV_DONTFORK;
}

static void do_failed(struct model *m)
{
    uint32_t first, count;

    choose_range(m, &first, &count);
    call(m, (uint8_t)(EVENT_MMAP + below(m, 3)), (uint64_t)-22, address(first),
         (uint64_t)count * PAGE, (uint64_t)count * PAGE, MAP_FIXED);
}

/* --- comparing --- */

struct comparison {
    const struct model *model;
    uint64_t pages;
    bool child;
};

static bool compare_interval(const struct ledger_interval *interval, void *context)
{
    struct comparison *c = context;

    for (uint64_t at = interval->start; at < interval->end; at += PAGE) {
        const struct model_page *page = &c->model->pages[(at - BASE) / PAGE];

        assert_int_not_equal(page->time_ns, 0);
        assert_int_equal(interval->perms, page->perms);
        if (c->child) {
            assert_true(interval->inherited && !interval->charge);
            assert_false(page->kept);
        } else {
            assert_int_equal(interval->charge ? interval->charge->time_ns : 1, page->time_ns);
        }
        c->pages++;
    }
    return true;
}

static void compare(const struct model *m, pid_t pid)
{
    struct comparison c = {.model = m, .child = pid != PID};
    uint64_t pages = 0;

    for (uint32_t i = 0; i < PAGES; i++)
        pages += m->pages[i].time_ns && !(c.child && m->pages[i].kept);
    ledger_each(ledger_find(m->ledger, pid), 0, UINT64_MAX, compare_interval, &c);
    assert_int_equal(c.pages, pages);
}

static void compare_child(struct model *m)
{
    struct event fork = {.enter_ns = m->now_ns,
                         .exit_ns = m->now_ns,
                         .args = {EVENT_START_FORK, PID},
                         .pid = 77,
                         .tid = 77,
                         .kind = EVENT_PROCESS_START};
    struct event end = fork;

    assert_null(ledger_apply(m->ledger, &fork));
    compare(m, 77);
    end.kind = EVENT_PROCESS_EXIT;
    assert_null(ledger_apply(m->ledger, &end));
}

static void run_model(uint64_t seed)
{
    static void (*const calls[])(struct model *) = {
        do_mmap,     do_mmap,   do_mmap,    do_munmap, do_munmap,
        do_mprotect, do_mremap, do_mremap,  do_brk,    do_attach,
        do_attach,   do_detach, do_madvise, do_failed, do_move_segment,
    };
    struct model *m = calloc(1, sizeof(*m));

    m->seed = seed;
    m->now_ns = 2;
    assert_null(ledger_create(&m->ledger));
    call(m, EVENT_BRK, address(0), 0, 0, 0, 0);
    for (unsigned i = 0; i < STEPS; i++) {
        m->now_ns += 2;
        calls[below(m, sizeof(calls) / sizeof(calls[0]))](m);
        if (i % 64 == 0)
            compare(m, PID);
        if (i % 512 == 0) {
            const char *broken = invariants_check(m->ledger);

            if (broken)
                fail_msg("step %u: %s", i, broken);
        }
        if (i % 2048 == 0)
            compare_child(m);
    }
    compare(m, PID);
    assert_null(invariants_check(m->ledger));
    ledger_destroy(m->ledger);
    free(m);
}

static void test_model(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 6; seed++)
        run_model(seed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_model)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
