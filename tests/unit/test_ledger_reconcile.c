/* The books against snapshots: bases, differences, and what the kernel does by itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/ledger_stories.h"

static struct vma vmas[MAX_PIECES];
static struct snapshot snap;

static void snapshot_begin(void)
{
    memset(vmas, 0, sizeof(vmas));
    snap = (struct snapshot){.pid = PID, .maps = {.vmas = vmas}};
}

static struct vma *snapshot_add(uint64_t first, uint64_t last, uint32_t perms, const char *name)
{
    struct vma *vma = &vmas[snap.maps.count++];

    *vma = (struct vma){.start = page(first), .end = page(last), .perms = perms, .name = name};
    return vma;
}

static uint64_t reconcile(void)
{
    uint64_t unexplained = UINT64_MAX;

    assert_null(ledger_reconcile(ledger, &snap, NULL, 0, &unexplained));
    return unexplained / PAGE;
}

static void base_of_one(void)
{
    snapshot_begin();
    snapshot_add(0, 4, VMA_READ | VMA_WRITE, "");
    assert_null(ledger_rebase(ledger, &snap));
    assert_false(ledger_is_uncertain(ledger, PID));
}

static void test_base(void **state)
{
    (void)state;
    snapshot_begin();
    snapshot_add(0, 4, VMA_READ | VMA_WRITE, "");
    snapshot_add(4, 8, 0, "");
    snapshot_add(10, 20, VMA_READ | VMA_WRITE, "[heap]");
    snapshot_add(90, 92, VMA_READ, "[vvar]");
    snapshot_add(92, 94, VMA_READ | VMA_EXEC, "[vdso]");
    assert_true(ledger_is_uncertain(ledger, PID));
    assert_null(ledger_rebase(ledger, &snap));
    assert_picture("0-4:. 4-8:. 10-20:.");
    assert_int_equal(pieces[2].backing, LEDGER_HEAP);
    assert_int_equal(totals().unknown_bytes, 18 * PAGE);
    assert_int_equal(totals().live_bytes, 0);
    CALL(EVENT_MPROTECT, 0, page(5), PAGE, RW); /* commits what was reserved before the window */
    CALL(EVENT_MUNMAP, 0, page(0), PAGE);
    CALL(EVENT_BRK, page(22) - 8, page(22) - 8);
    assert_picture("1-4:. 4-5:. 5-6:a 6-8:. 10-20:. 20-22:b");
    snap.maps.vmas[0].start = page(1);
    snap.maps.vmas[2].end = page(22);
    assert_int_equal(reconcile(), 0);
    assert_int_equal(totals().perms_differ_bytes, PAGE); /* of 5-6, as that text is old */
}

static void test_differences(void **state)
{
    struct ledger_range touched[] = {{page(6), page(7)}, {page(30), page(31)}};
    uint64_t unexplained;

    (void)state;
    base_of_one();
    map(page(10), 4);
    map(page(30), 1);
    snapshot_begin();
    snapshot_add(1, 7, VMA_READ | VMA_WRITE, ""); /* 0 vanished; 4-7 came, 6 while being read */
    snapshot_add(10, 12, VMA_READ | VMA_WRITE, "");
    assert_null(ledger_reconcile(ledger, &snap, touched, 2, &unexplained));
    assert_int_equal(unexplained, (1 + 2 + 2) * PAGE);
    assert_picture("1-6:. 10-12:a 30-31:b");
    assert_int_equal(group(EVENT_MMAP, 4).live_bytes, 2 * PAGE);
    snapshot_add(30, 31, VMA_READ | VMA_WRITE, "");
    assert_int_equal(reconcile(), 1); /* the page 6 that was touched is there now */
    assert_int_equal(reconcile(), 0);
}

static void test_torn(void **state)
{
    (void)state;
    base_of_one();
    snapshot_begin();
    snapshot_add(0, 3, VMA_READ | VMA_WRITE, "");
    snapshot_add(0, 4, VMA_READ | VMA_WRITE, "");
    snapshot_add(1, 2, VMA_READ | VMA_WRITE, "");
    snap.maps.torn = true;
    assert_int_equal(reconcile(), 0);
    assert_picture("0-4:.");
}

static void test_lost(void **state)
{
    (void)state;
    base_of_one();
    map(page(10), 4);
    map(page(20), 4);
    CALL_OF(0, EVENT_LOST, 0, 12);
    assert_true(ledger_is_uncertain(ledger, PID));
    snapshot_begin();
    snapshot_add(0, 4, VMA_READ | VMA_WRITE, "");
    snapshot_add(21, 24, VMA_READ, "");
    assert_int_equal(reconcile(), 0);
    assert_false(ledger_is_uncertain(ledger, PID));
    assert_picture("0-4:. 21-24:a");
    assert_int_equal(pieces[1].perms, VMA_READ);
    assert_int_equal(group(EVENT_MMAP, 4).dropped, 1);
    assert_int_equal(group(EVENT_MMAP, 4).freed, 0);
}

static void test_let_go(void **state)
{
    (void)state;
    base_of_one();
    map(page(10), 4);
    CALL_OF(PID, EVENT_DETACH, 0);
    assert_true(ledger_is_uncertain(ledger, PID));
    snapshot_begin();
    snapshot_add(0, 4, VMA_READ | VMA_WRITE, "");
    snapshot_add(20, 24, VMA_READ | VMA_WRITE, "");
    reconcile();
    assert_picture("0-4:. 20-24:.");
    assert_true(ledger_is_uncertain(ledger, PID)); /* no rebase brings its calls back */
}

static void test_kernel_growth(void **state)
{
    (void)state;
    snapshot_begin();
    snapshot_add(100, 104, VMA_READ | VMA_WRITE, "[stack]");
    assert_null(ledger_rebase(ledger, &snap));
    CALL(EVENT_MMAP, page(50), 0, PAGE, RW, ANON | MAP_GROWSDOWN, (uint64_t)-1, 0);
    snapshot_begin();
    snapshot_add(45, 51, VMA_READ | VMA_WRITE, "");
    snapshot_add(80, 104, VMA_READ | VMA_WRITE, "[stack]");
    assert_int_equal(reconcile(), 0);
    assert_picture("45-51:a 80-104:.");
    assert_int_equal(totals().live_bytes, 6 * PAGE);
    CALL(EVENT_MUNMAP, 0, page(45), 6 * PAGE);
    assert_int_equal(totals().live_bytes, 0);
}

static void test_unsized(void **state)
{
    (void)state;
    base_of_one();
    CALL(EVENT_SHMAT, page(10), 11, 0, 0);
    snapshot_begin();
    snapshot_add(0, 4, VMA_READ | VMA_WRITE, "");
    snapshot_add(10, 16, VMA_READ | VMA_WRITE | VMA_SHARED, "/SYSV00000000 (deleted)");
    assert_int_equal(reconcile(), 0);
    assert_picture("0-4:. 10-16:a");
    CALL(EVENT_SHMDT, 0, page(10));
    assert_picture("0-4:.");
    assert_int_equal(totals().live_bytes, 0);
}

/* A segment attached before the window, in two pieces. */
static void test_base_segment(void **state)
{
    (void)state;
    snapshot_begin();
    snapshot_add(10, 12, VMA_READ | VMA_SHARED, "/SYSV00000001 (deleted)")->offset = 0;
    snapshot_add(13, 16, VMA_READ | VMA_SHARED, "/SYSV00000001 (deleted)")->offset = 3 * PAGE;
    assert_null(ledger_rebase(ledger, &snap));
    assert_picture("10-12:. 13-16:.");
    CALL(EVENT_SHMDT, 0, page(10));
    assert_picture("");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(test_base),    STORY(test_differences),  STORY(test_torn),
        STORY(test_lost),    STORY(test_let_go),       STORY(test_kernel_growth),
        STORY(test_unsized), STORY(test_base_segment),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
