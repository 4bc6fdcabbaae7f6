#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>

#include "base/io.h"
#include "evidence/nmt.h"

enum { MB = 1 << 20 };

static struct nmt parsed_text(const char *text)
{
    struct nmt nmt;

    assert_null(nmt_parse(span_text(text), &nmt));
    return nmt;
}

/* The text stays readable for as long as the test. */
static struct nmt parsed_file(const char *name, struct buffer *text)
{
    assert_null(io_read_file(AT_FDCWD, name, 1 << 20, text));
    return parsed_text(text->bytes);
}

static void test_jdk8_evidence(void **state)
{
    _cleanup_buffer_ struct buffer text = {0};
    struct nmt nmt = parsed_file("unit/data/java/nmt-detail-17667.txt", &text);
    const struct nmt_category *internal = nmt_find(&nmt, "Internal");

    (void)state;
    assert_true(nmt.enabled && !nmt.diff);
    assert_int_equal(nmt.pid, 17667);
    assert_int_equal(nmt.scale_bytes, MB);
    assert_int_equal(nmt.total.reserved.bytes, 15306ULL * MB);
    assert_int_equal(nmt.total.committed.bytes, 11529ULL * MB);
    assert_int_equal(nmt.categories.count, 10);
    assert_int_equal(nmt_find(&nmt, "Java Heap")->committed.bytes, 5678ULL * MB);
    assert_int_equal(internal->committed.bytes, 4778ULL * MB);
    assert_int_equal(internal->malloc.bytes, 4778ULL * MB);
    assert_int_equal(internal->malloc_count, 218361);
    assert_int_equal(nmt_find(&nmt, "Thread")->thread_count, 458);
    assert_int_equal(nmt_find(&nmt, "Thread")->stack_committed.bytes, 459ULL * MB);
    assert_int_equal(nmt_find(&nmt, "Class")->class_count, 23198);
    assert_int_equal(nmt_find(&nmt, "Symbol")->arena.bytes, 4ULL * MB);
    assert_int_equal(nmt_find(&nmt, "Native Memory Tracking")->overhead.bytes, 11ULL * MB);
    assert_int_equal(nmt.regions.count, 1);
    assert_int_equal(nmt.regions.items[0].start, 0x5c0000000);
    assert_int_equal(nmt.regions.items[0].end, 0x7c0000000);
    assert_true(nmt.regions.items[0].reserved && !nmt.regions.items[0].committed);
    assert_true(span_is(nmt.regions.items[0].category, "Java Heap"));
    assert_int_equal(nmt.regions.items[0].frame_count, 4);
    assert_true(span_is(nmt.frames.items[3], "G1CollectedHeap::initialize()+0x151"));
    assert_int_equal(nmt.strange, 0);
    nmt_deinit(&nmt);
}

static void test_detail(void **state)
{
    _cleanup_buffer_ struct buffer text = {0};
    struct nmt nmt = parsed_file("unit/data/java/nmt-detail-17.txt", &text);
    uint64_t reserved = 0, committed = 0, committed_parts = 0;

    (void)state;
    assert_int_equal(nmt.strange, 0);
    assert_int_equal(nmt.scale_bytes, 1);
    for (size_t i = 0; i < nmt.categories.count; i++) {
        reserved += nmt.categories.items[i].reserved.bytes;
        committed += nmt.categories.items[i].committed.bytes;
    }
    assert_int_equal(nmt.total.reserved.bytes, 1637420606);
    assert_int_equal(nmt.total.committed.bytes, 222985790);
    assert_int_equal(reserved, nmt.total.reserved.bytes);
    assert_int_equal(committed, nmt.total.committed.bytes);
    assert_int_equal(nmt.total.malloc.bytes + nmt.total.mmap_committed.bytes, committed);

    const struct nmt_category *other = nmt_find(&nmt, "Other");

    assert_int_equal(other->malloc.bytes, 16 * MB);
    assert_int_equal(other->malloc_count, 16);
    assert_true(nmt.regions.items[0].reserved && nmt.regions.items[0].committed);
    for (size_t i = 0; i < nmt.regions.count; i++) {
        committed_parts += !nmt.regions.items[i].reserved;
        assert_true(nmt.regions.items[i].category.len > 0);
    }
    assert_true(committed_parts > 0);
    assert_true(nmt.sites.count > 3);
    assert_true(span_is(nmt.sites.items[0].category, "Other"));
    assert_int_equal(nmt.sites.items[0].malloc.bytes, 16 * MB);
    assert_int_equal(nmt.sites.items[0].malloc_count, 16);
    assert_int_equal(nmt.sites.items[0].frame_count, 2);
    assert_true(
        span_is(nmt.frames.items[nmt.sites.items[0].first_frame], "Unsafe_AllocateMemory0+0x7c"));
    assert_int_equal(nmt.frames.items[nmt.sites.items[0].first_frame + 1].len, 0);
    nmt_deinit(&nmt);
}

static void test_diffs(void **state)
{
    _cleanup_buffer_ struct buffer detail_text = {0}, summary_text = {0};
    struct nmt detail = parsed_file("unit/data/java/nmt-detail-diff-17.txt", &detail_text);
    struct nmt summary = parsed_file("unit/data/java/nmt-summary-diff-17.txt", &summary_text);
    int64_t delta = 0;

    (void)state;
    assert_true(detail.diff && summary.diff);
    assert_int_equal(detail.total.reserved.delta, 4275387);
    assert_int_equal(detail.total.committed.bytes, 222985251);
    assert_int_equal(detail.total.committed.delta, 4287675);
    for (size_t i = 0; i < detail.categories.count; i++)
        delta += detail.categories.items[i].committed.delta;
    assert_int_equal(delta, 4287675);
    assert_int_equal(detail.strange, 0);

    const struct nmt_site *last = &detail.sites.items[detail.sites.count - 1];

    assert_true(span_is(last->category, "Thread Stack"));
    assert_int_equal(last->mmap_committed.bytes, 1265664);
    assert_int_equal(last->mmap_committed.delta, 12288);
    last--;
    assert_true(span_is(last->category, "Native Memory Tracking"));
    assert_int_equal(last->malloc.delta, 3696);
    assert_int_equal(last->malloc_count, 42);
    assert_int_equal(nmt_find(&summary, "Internal")->committed.delta, 4 * MB);
    assert_int_equal(nmt_find(&summary, "Internal")->malloc_count, 1290);
    assert_int_equal(summary.strange, 0);
    nmt_deinit(&detail);
    nmt_deinit(&summary);
}

static void test_jdk25(void **state)
{
    struct nmt nmt = parsed_text(
        "17667:\r\n\r\nNative Memory Tracking:\r\n\r\n"
        "(Omitting categories weighting less than 1KB)\r\n\r\n"
        "Total: reserved=1595038KB, committed=213742KB\r\n"
        "       malloc: 23510KB #8983, peak=23600KB #9000\r\n"
        "       mmap:   reserved=1571528KB, committed=190232KB\r\n\r\n"
        "-                    Thread (reserved=24641KB, committed=1409KB)\r\n"
        "                            (threads #22)\r\n"
        "                            (stack: reserved=24576KB, committed=1344KB, peak=1344KB)\r\n"
        "                            (malloc=39KB tag=Thread #148) (peak=47KB #152)\r\n"
        "-       Shared class space (reserved=16384KB, committed=13012KB, readonly=0KB)\r\n"
        "                            (mmap: reserved=16384KB, committed=13012KB, at peak)\r\n"
        "Details:\r\n\r\n"
        "[0x00007f75d7ad0c9c] Unsafe_AllocateMemory0+0x7c\r\n"
        "                             (malloc=114746KB tag=Other #18) (at peak)\r\n"
        "[0x00007f75d7ad0c9c] os::reserve_memory(unsigned long)+0x7c\r\n"
        "                             (mmap: reserved=64KB, committed=4KB -8KB Tag=Class)\r\n"
        "[0x00007f75d7ad0c9c] x+0x7c\r\n"
        "                             (malloc=1KB tag=GC -7KB #1 -3)\r\n"
        "[0x00007f75d7ad0c9c] y+0x7c\r\n"
        "                             (reserved=23552KB, committed=1224KB Tag=Thread Stack)\r\n"
        "(1479 call sites weighting less than 1KB each omitted.)\r\n");

    (void)state;
    assert_int_equal(nmt.strange, 0);
    assert_int_equal(nmt.total.malloc.bytes, 23510 * 1024);
    assert_int_equal(nmt.total.malloc_count, 8983);
    assert_int_equal(nmt_find(&nmt, "Thread")->thread_count, 22);
    assert_int_equal(nmt_find(&nmt, "Thread")->malloc.bytes, 39 * 1024);
    assert_int_equal(nmt_find(&nmt, "Shared class space")->mmap_committed.bytes, 13012 * 1024);
    assert_int_equal(nmt.sites.count, 4);
    assert_true(span_is(nmt.sites.items[3].category, "Thread Stack"));
    assert_int_equal(nmt.sites.items[3].mmap_committed.bytes, 1224 * 1024);
    assert_true(span_is(nmt.sites.items[0].category, "Other"));
    assert_true(span_is(nmt.sites.items[1].category, "Class"));
    assert_int_equal(nmt.sites.items[1].mmap_committed.delta, -8 * 1024);
    assert_true(span_is(nmt.sites.items[2].category, "GC"));
    assert_int_equal(nmt.sites.items[2].malloc.delta, -7 * 1024);
    assert_int_equal(nmt.sites.items[2].malloc_count, 1);
    nmt_deinit(&nmt);
}

static void test_others(void **state)
{
    struct nmt nmt = parsed_text("");

    (void)state;
    assert_false(nmt.enabled);
    nmt_deinit(&nmt);
    nmt = parsed_text("1:\nNative memory tracking is not enabled\n");
    assert_false(nmt.enabled);
    assert_int_equal(nmt.pid, 1);
    nmt_deinit(&nmt);
    assert_true(nmt_is_disabled(span_text("Native memory tracking is not enabled")));
    assert_true(nmt_begins(span_text("Native Memory Tracking:")));
    assert_false(nmt_begins(span_text("- Native Memory Tracking (reserved=1KB, committed=1KB)")));
    nmt =
        parsed_text("Native Memory Tracking:\nTotal: reserved=99999999999999999999KB, committed=1\n"
                    "(malloc=1\n-  (reserved=1, committed=1)\n[0x2 - 0x1] reserved 1 for X\n");
    assert_false(nmt.total.reserved.known);
    assert_int_equal(nmt.total.committed.bytes, 1);
    assert_int_equal(nmt.categories.count, 0);
    nmt_deinit(&nmt);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_jdk8_evidence), cmocka_unit_test(test_detail),
        cmocka_unit_test(test_diffs),         cmocka_unit_test(test_jdk25),
        cmocka_unit_test(test_others),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
