/* Each rule of the ledger by a small story: what the calls did, and who holds what afterwards. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/ledger_stories.h"

/* --- mmap and munmap --- */

static void test_unmaps(void **state)
{
    (void)state;
    map(page(0), 4);
    map(page(4), 4);
    map(page(10), 2);
    assert_picture("0-4:a 4-8:b 10-12:c");
    CALL(EVENT_MUNMAP, 0, page(1), PAGE + 1);
    assert_picture("0-1:a 3-4:a 4-8:b 10-12:c");
    CALL(EVENT_MUNMAP, 0, page(3), 8 * PAGE); /* over an end, a whole, a hole, a beginning */
    assert_picture("0-1:a 11-12:b");
    CALL(EVENT_MUNMAP, -EINVAL, page(0), 12 * PAGE);
    assert_picture("0-1:a 11-12:b");
    assert_int_equal(totals().live_bytes, 2 * PAGE);
    assert_int_equal(group(EVENT_MMAP, 4).calls, 2);
    assert_int_equal(group(EVENT_MMAP, 4).freed, 1);
    assert_int_equal(group(EVENT_MMAP, 4).live_bytes, PAGE);
    assert_int_equal(totals().conflicts, 0);
}

static void test_fixed(void **state)
{
    (void)state;
    map(page(0), 8);
    CALL(EVENT_MMAP, page(2), page(2), 2 * PAGE, RW, ANON | MAP_FIXED, (uint64_t)-1, 0);
    assert_picture("0-2:a 2-4:b 4-8:a");
    assert_int_equal(group(EVENT_MMAP, 8).live_bytes, 6 * PAGE);
    CALL(EVENT_MMAP, -EEXIST, page(2), 2 * PAGE, RW, ANON | MAP_FIXED_NOREPLACE, (uint64_t)-1, 0);
    assert_picture("0-2:a 2-4:b 4-8:a");
    /* A hint that was not followed. */
    CALL(EVENT_MMAP, page(20), page(2), PAGE, RW, ANON, (uint64_t)-1, 0);
    assert_picture("0-2:a 2-4:b 4-8:a 20-21:c");
    assert_int_equal(totals().conflicts, 0);
    /* Books that must be wrong: the kernel never replaces for a plain mmap. */
    map(page(7), 2);
    assert_int_equal(totals().conflicts, 1);
    assert_picture("0-2:a 2-4:b 4-7:a 7-9:d 20-21:c");
}

static void test_huge(void **state)
{
    (void)state;
    CALL(EVENT_MMAP, page(0), 0, 1, RW, ANON | MAP_HUGETLB, (uint64_t)-1, 0);
    assert_picture("0-512:a");
    CALL(EVENT_MMAP, page(262144), 0, PAGE, RW, ANON | MAP_HUGETLB | 30 << 26, (uint64_t)-1, 0);
    assert_picture("0-512:a 262144-524288:b");
    CALL(EVENT_MREMAP, page(0), page(0), 2 << 20, 1, 0, 0); /* no smaller than one huge page */
    assert_picture("0-512:a 262144-524288:b");
}

/* --- mremap --- */

static void test_mremap_in_place(void **state)
{
    (void)state;
    map(page(0), 4);
    CALL(EVENT_MREMAP, page(0), page(0), 4 * PAGE, 6 * PAGE, 0, 0);
    assert_picture("0-4:a 4-6:b");
    CALL(EVENT_MREMAP, page(0), page(0), 6 * PAGE, 9 * PAGE, 0, 0);
    assert_picture("0-4:a 4-6:b 6-9:c");
    assert_int_equal(pieces[1].charge->steps, 1);
    assert_int_equal(pieces[2].charge->steps, 2);
    assert_int_equal(group(EVENT_MREMAP, 3).extensions, 1);
    CALL(EVENT_MREMAP, -ENOMEM, page(0), 9 * PAGE, 90 * PAGE, 0, 0);
    CALL(EVENT_MREMAP, page(0), page(0), 9 * PAGE, 9 * PAGE, 0, 0);
    assert_picture("0-4:a 4-6:b 6-9:c");
    CALL(EVENT_MREMAP, page(0), page(0), 9 * PAGE, 5 * PAGE, 0, 0);
    assert_picture("0-4:a 4-5:b");
    assert_int_equal(group(EVENT_MREMAP, 3).freed, 1);
}

static void test_mremap_moves(void **state)
{
    (void)state;
    map(page(0), 4);
    CALL(EVENT_MREMAP, page(10), page(0), 4 * PAGE, 6 * PAGE, MREMAP_MAYMOVE, 0);
    assert_picture("10-14:a 14-16:b");
    assert_int_equal(pieces[0].charge->start, page(0));
    map(page(40), 8);
    /* Fixed, smaller, over another mapping's middle. */
    CALL(EVENT_MREMAP, page(42), page(10), 6 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED,
         page(42));
    assert_picture("40-42:b 42-44:a 44-48:b");
    assert_int_equal(totals().conflicts, 0);
    /* What nobody saw being mapped stays unknown where it goes; only the growth is known. */
    CALL(EVENT_MREMAP, page(90), page(80), 2 * PAGE, 3 * PAGE, MREMAP_MAYMOVE, 0);
    assert_picture("40-42:b 42-44:a 44-48:b 90-92:. 92-93:c");
}

static void test_mremap_buffer(void **state)
{
    uint64_t at = page(0), pages = 1;

    (void)state;
    map(at, 1);
    for (uint32_t i = 1; i <= 20; i++, pages++) {
        uint64_t to = page(i * 100);

        CALL(EVENT_MREMAP, to, at, pages * PAGE, (pages + 1) * PAGE, MREMAP_MAYMOVE, 0);
        at = to;
    }
    picture_of(PID);
    assert_int_equal(piece_count, 21);
    assert_int_equal(pieces[20].charge->steps, 20);
    assert_int_equal(group(EVENT_MREMAP, 1).extensions, 20);
    assert_int_equal(group(EVENT_MREMAP, 1).live_bytes, 20 * PAGE);
}

static void test_mremap_copies(void **state)
{
    (void)state;
    CALL(EVENT_MMAP, page(0), 0, 2 * PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, (uint64_t)-1, 0);
    CALL(EVENT_MREMAP, page(10), page(0), 0, 2 * PAGE, MREMAP_MAYMOVE, 0);
    assert_picture("0-2:a 10-12:b");
    assert_int_equal(pieces[1].backing, LEDGER_ANON_SHARED);
    assert_int_equal(pieces[1].charge->steps, 0);
    map(page(20), 2);
    CALL(EVENT_MREMAP, page(30), page(20), 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | 4, 0);
    assert_picture("0-2:a 10-12:b 20-22:c 30-32:d");
}

/* Since Linux 6.17 several mappings with their holes. */
static void test_mremap_many(void **state)
{
    (void)state;
    map(page(0), 2);
    map(page(4), 2);
    CALL(EVENT_MREMAP, page(10), page(0), 6 * PAGE, 6 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED,
         page(10));
    assert_picture("10-12:a 14-16:b");
}

/* --- brk --- */

static void test_brk(void **state)
{
    (void)state;
    CALL(EVENT_BRK, page(0) + 16, 0);
    picture_of(PID);
    assert_int_equal(piece_count, 0);
    CALL(EVENT_BRK, page(3) + 1, page(3) + 1);
    assert_picture("1-4:a");
    assert_int_equal(pieces[0].backing, LEDGER_HEAP);
    CALL(EVENT_BRK, page(4), page(4)); /* within the last page */
    CALL(EVENT_BRK, page(6), page(6));
    assert_picture("1-4:a 4-6:b");
    CALL(EVENT_BRK, page(6), page(600)); /* refused: tells where it is */
    assert_picture("1-4:a 4-6:b");
    CALL(EVENT_BRK, page(2), page(2));
    assert_picture("1-2:a");
    assert_int_equal(group(EVENT_BRK, 2).freed, 1);
    CALL(EVENT_BRK, page(3), 0); /* it was elsewhere after all: nobody's doing */
    assert_picture("1-2:a 2-3:.");
}

static void test_brk_unknown(void **state)
{
    (void)state;
    CALL(EVENT_BRK, page(3), page(3));
    picture_of(PID);
    assert_int_equal(piece_count, 0);
    assert_true(ledger_is_uncertain(ledger, PID));
    CALL(EVENT_BRK, page(5), page(5));
    assert_picture("3-5:a");
}

/* --- mprotect, madvise --- */

/* glibc's new_heap: twice the size, cut to an aligned half, committed bit by bit. */
static void test_arena(void **state)
{
    (void)state;
    CALL(EVENT_MMAP, page(3), 0, 134217728, PROT_NONE, ANON | MAP_NORESERVE, (uint64_t)-1, 0);
    CALL(EVENT_MUNMAP, 0, page(3), 16381 * PAGE);
    CALL(EVENT_MUNMAP, 0, page(32768), 3 * PAGE);
    assert_picture("16384-32768:A");
    CALL(EVENT_MPROTECT, 0, page(16384), 33 * PAGE, RW);
    assert_picture("16384-16417:b 16417-32768:A");
    CALL(EVENT_MPROTECT, 0, page(16417), PAGE, RW);
    CALL(EVENT_MPROTECT, 0, page(16418), PAGE, RW);
    assert_picture("16384-16417:b 16417-16418:c 16418-16419:d 16419-32768:A");
    assert_int_equal(group(EVENT_MPROTECT, 1).live_count, 2);
    assert_int_equal(group(EVENT_MMAP, 32768).live_bytes, (16384 - 35) * PAGE);
    CALL(EVENT_MUNMAP, 0, page(16384), 16384 * PAGE);
    assert_int_equal(totals().live_bytes, 0);
    assert_int_equal(group(EVENT_MPROTECT, 33).freed, 1);
}

static void test_mprotect(void **state)
{
    (void)state;
    map(page(0), 8);
    CALL(EVENT_MPROTECT, 0, page(2), 2 * PAGE, PROT_NONE);
    assert_picture("0-2:a 2-4:A 4-8:a");
    CALL(EVENT_MPROTECT, 0, page(3), PAGE, PROT_READ); /* readable commits nothing */
    assert_picture("0-2:a 2-3:A 3-4:a 4-8:a");
    CALL(EVENT_MPROTECT, 0, page(0), 10 * PAGE, RW); /* only 2-3 was without access; 8-10 a hole */
    assert_picture("0-2:a 2-3:b 3-8:a");
    CALL(EVENT_MPROTECT, 0, page(0), 8 * PAGE, PROT_READ | PROT_EXEC);
    CALL(EVENT_PKEY_MPROTECT, 0, page(0), 8 * PAGE, RW, 1);
    assert_picture("0-2:a 2-3:b 3-8:a");
    assert_int_equal(pieces[0].perms, VMA_READ | VMA_WRITE);
    /* All of an event's bytes charged to another: it gave nothing back. */
    CALL(EVENT_MPROTECT, 0, page(2), PAGE, PROT_NONE);
    CALL(EVENT_MPROTECT, 0, page(2), PAGE, RW);
    assert_int_equal(group(EVENT_MPROTECT, 1).calls, 2);
    assert_int_equal(group(EVENT_MPROTECT, 1).dropped, 1);
    assert_int_equal(group(EVENT_MPROTECT, 1).freed, 0);
}

static void test_madvise(void **state)
{
    (void)state;
    map(page(0), 8);
    CALL(EVENT_MADVISE, 0, page(2), 2 * PAGE, MADV_DONTNEED);
    CALL(EVENT_MADVISE, 0, page(7), 4 * PAGE, MADV_FREE);
    CALL(EVENT_MADVISE, 0, page(0), 4 * PAGE, MADV_HUGEPAGE);
    assert_picture("0-8:a");
    assert_int_equal(group(EVENT_MMAP, 8).advised_bytes, 3 * PAGE);
    assert_int_equal(group(EVENT_MMAP, 8).live_bytes, 8 * PAGE);
}

/* --- SysV segments, aio, shadow stacks --- */

static void test_shm(void **state)
{
    (void)state;
    CALL(EVENT_SHMAT, page(0), 7, 0, 0, 4 * PAGE);
    CALL(EVENT_SHMAT, page(4), 7, 0, SHM_RDONLY, 4 * PAGE);
    assert_picture("0-4:a 4-8:b");
    assert_int_equal(pieces[1].perms, VMA_READ | VMA_SHARED);
    assert_int_equal(pieces[1].backing, LEDGER_SYSV);
    CALL(EVENT_MUNMAP, 0, page(0), PAGE);
    CALL(EVENT_MUNMAP, 0, page(2), PAGE);
    map(page(2), 1);
    assert_picture("1-2:a 2-3:c 3-4:a 4-8:b");
    CALL(EVENT_SHMDT, 0, page(0)); /* what is left of that segment, and no more */
    assert_picture("2-3:b 4-8:a");
    /* Half of it moved: each half has an address of its own. */
    CALL(EVENT_MREMAP, page(20), page(6), 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE, 0);
    assert_picture("2-3:b 4-6:a 20-22:a");
    CALL(EVENT_SHMDT, 0, page(4));
    assert_picture("2-3:b 20-22:a");
    CALL(EVENT_SHMDT, 0, page(18));
    assert_picture("2-3:a");
    assert_int_equal(group(EVENT_SHMAT, 4).freed, 2);
}

static void test_shm_sizes(void **state)
{
    (void)state;
    CALL(EVENT_SHMGET, 9, IPC_PRIVATE, 3 * PAGE - 5, IPC_CREAT | 0600);
    CALL(EVENT_SHMGET, 9, 1234, 0, 0);
    CALL(EVENT_SHMAT, page(0), 9, 0, 0);
    assert_picture("0-3:a");
    CALL(EVENT_SHMAT, page(10), 11, 0, 0); /* of a segment made before the window */
    assert_picture("0-3:a 10-11:b");
    CALL(EVENT_SHMDT, 0, page(10));
    assert_picture("0-3:a");
}

static void test_aio(void **state)
{
    (void)state;
    CALL(EVENT_IO_SETUP, 0, 128, BASE, page(0), 2 * PAGE);
    assert_picture("0-2:a");
    CALL(EVENT_IO_DESTROY, 0, page(0));
    assert_picture("");
    CALL(EVENT_MAP_SHADOW_STACK, page(5), 0, 2 * PAGE, 1);
    assert_picture("5-7:a");
    CALL(EVENT_REMAP_FILE_PAGES, 0, page(5), PAGE, 0, 0, 0);
    assert_picture("5-7:a");
}

/* --- lives --- */

static void start(pid_t pid, enum event_start how, pid_t parent)
{
    CALL_OF(pid, EVENT_PROCESS_START, 0, how, (uint64_t)parent, 1);
}

static void test_fork(void **state)
{
    (void)state;
    start(PID, EVENT_START_ATTACHED, 1);
    map(page(0), 4);
    map(page(4), 4);
    CALL(EVENT_MADVISE, 0, page(4), PAGE, MADV_DONTFORK);
    start(200, EVENT_START_FORK, PID);
    assert_string_equal(picture_of(200), "0-4:~ 5-8:~");
    CALL_OF(200, EVENT_MMAP, page(4), 0, PAGE, RW, ANON, (uint64_t)-1, 0);
    CALL_OF(200, EVENT_MUNMAP, 0, page(0), 4 * PAGE);
    assert_string_equal(picture_of(200), "4-5:a 5-8:~");
    assert_picture("0-4:a 4-5:b 5-8:b");
    /* The parent holds its eight pages once, the child its one. */
    assert_int_equal(totals().live_bytes, 9 * PAGE);
    CALL_OF(200, EVENT_PROCESS_EXIT, 0, 0);
    assert_string_equal(picture_of(200), "4-5:a 5-8:~");
    /* The pid comes back as somebody else. */
    start(200, EVENT_START_FORK, PID);
    assert_string_equal(picture_of(200), "0-4:~ 5-8:~");
    assert_int_equal(totals().live_bytes, 9 * PAGE);
}

static void test_vfork_exec(void **state)
{
    (void)state;
    start(PID, EVENT_START_ATTACHED, 1);
    map(page(0), 4);
    start(200, EVENT_START_SHARED, PID);
    assert_ptr_equal(ledger_find(ledger, 200), ledger_find(ledger, PID));
    CALL_OF(200, EVENT_MMAP, page(9), 0, PAGE, RW, ANON, (uint64_t)-1, 0);
    assert_picture("0-4:a 9-10:b");
    CALL_OF(200, EVENT_EXEC, 0, 200);
    assert_string_equal(picture_of(200), "");
    assert_true(ledger_is_uncertain(ledger, 200));
    assert_picture("0-4:a 9-10:b");
    CALL(EVENT_EXEC, 0, TID);
    assert_picture("");
    assert_int_equal(totals().live_bytes, 0);
    assert_int_equal(group(EVENT_MMAP, 4).dropped, 1);
    assert_int_equal(group(EVENT_MMAP, 4).freed, 0);
}

static void exit_process(pid_t pid)
{
    CALL_OF(pid, EVENT_PROCESS_EXIT, 0, 0);
}

/* Books that are shared end with the last who shares them. */
static void test_shared_ends(void **state)
{
    (void)state;
    start(PID, EVENT_START_ATTACHED, 1);
    map(page(0), 4);
    start(200, EVENT_START_SHARED, PID);
    exit_process(200);
    assert_null(ledger_find(ledger, 200));
    start(201, EVENT_START_SHARED, PID);
    exit_process(PID);
    CALL_OF(201, EVENT_MMAP, page(9), 0, PAGE, RW, ANON, (uint64_t)-1, 0);
    assert_picture("0-4:a 9-10:b");
    CALL_OF(201, EVENT_EXEC, 0, 201);
    assert_picture("0-4:a 9-10:b");
    assert_string_equal(picture_of(201), "");
    start(202, EVENT_START_SHARED, PID); /* of a dead one: nonsense, and harmless */
    assert_string_equal(picture_of(202), "");
    exit_process(202);
    exit_process(202);
    assert_int_equal(totals().live_bytes, 5 * PAGE);
}

/* A server that forks for every request does not fill the memory with its dead. */
static void test_many_dead(void **state)
{
    enum { CHILDREN = 5000, LARGE = 300 };

    (void)state;
    start(PID, EVENT_START_ATTACHED, 1);
    map(page(0), 4);
    for (pid_t i = 0; i < CHILDREN; i++) {
        start(1000 + i, EVENT_START_FORK, PID);
        CALL_OF(1000 + i, EVENT_MMAP, page(9), 0, i < LARGE ? 1 << 20 : PAGE, RW, ANON,
                (uint64_t)-1, 0);
        exit_process(1000 + i);
    }
    assert_int_equal(totals().forgotten, CHILDREN - LARGE - 1024);
    assert_int_equal(totals().spaces, 1 + LARGE + 1024);
    assert_int_equal(totals().live_bytes, 4 * PAGE + ((uint64_t)LARGE << 20) + 1024 * PAGE);
    assert_string_equal(picture_of(1000), "0-4:~ 9-265:a");
    assert_null(ledger_find(ledger, 1000 + LARGE));
    assert_string_equal(picture_of(1000 + CHILDREN - 1), "0-4:~ 9-10:a");
}

static void test_unknown_result(void **state)
{
    struct ledger_effect effect;

    (void)state;
    start(PID, EVENT_START_ATTACHED, 1);
    map(page(0), 4);

    struct event ev = call_of(PID, EVENT_MADVISE, EVENT_RESULT_UNKNOWN, (uint64_t[]){0}, 1);

    ledger_effect(ledger, &ev, &effect);
    assert_false(effect.unknown);
    ev.kind = EVENT_MUNMAP;
    ev.args[0] = page(0);
    ev.args[1] = PAGE;
    ledger_effect(ledger, &ev, &effect);
    assert_true(effect.unknown);
    assert_null(ledger_apply(ledger, &ev));
    /* munmap fails for arguments that make no sense only. */
    assert_picture("1-4:a");
    ev = call_of(PID, EVENT_MREMAP, EVENT_RESULT_UNKNOWN, (uint64_t[]){page(1), 3 * PAGE, PAGE, 0},
                 4);
    assert_null(ledger_apply(ledger, &ev));
    assert_picture("1-4:a");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(test_unmaps),
        STORY(test_fixed),
        STORY(test_huge),
        STORY(test_mremap_in_place),
        STORY(test_mremap_moves),
        STORY(test_mremap_buffer),
        STORY(test_mremap_copies),
        STORY(test_mremap_many),
        STORY(test_brk),
        STORY(test_brk_unknown),
        STORY(test_arena),
        STORY(test_mprotect),
        STORY(test_madvise),
        STORY(test_shm),
        STORY(test_shm_sizes),
        STORY(test_aio),
        STORY(test_fork),
        STORY(test_vfork_exec),
        STORY(test_shared_ends),
        STORY(test_many_dead),
        STORY(test_unknown_result),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
