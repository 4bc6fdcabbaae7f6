#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>

#include "base/io.h"
#include "evidence/java_heap.h"

enum { KB = 1 << 10, MB = 1 << 20 };

static struct java_heap read_text(const char *text)
{
    struct java_heap heap;
    struct span rest = span_text(text), line;

    java_heap_init(&heap);
    while (span_next_line(&rest, &line))
        java_heap_line(&heap, line);
    return heap;
}

static struct java_heap read_file(const char *name)
{
    _cleanup_buffer_ struct buffer text = {0};

    assert_null(io_read_file(AT_FDCWD, name, 1 << 20, &text));
    return read_text(text.bytes);
}

static void test_jmap(void **state)
{
    struct java_heap heap = read_file("unit/data/java/jmap-heap-17667.txt");

    (void)state;
    assert_int_equal(heap.max_bytes, 8192ULL * MB);
    assert_int_equal(heap.committed_bytes, 8192ULL * MB);
    assert_int_equal(heap.used_bytes, 1001361104);
    assert_string_equal(heap.collector, "garbage-first");
    heap = read_text("   MaxHeapSize              = 100000 (0.09MB)\n"
                     "Heap Usage:\n"
                     "PS Young Generation\nEden Space:\n   capacity = 1000 (0.0MB)\n"
                     "   used     = 10 (0.0MB)\n   free     = 990 (0.0MB)\n   1.0% used\n"
                     "From Space:\n   capacity = 100 (0.0MB)\n   used     = 5 (0.0MB)\n"
                     "To Space:\n   capacity = 100 (0.0MB)\n   used     = 0 (0.0MB)\n"
                     "PS Old Generation\n   capacity = 5000 (0.0MB)\n   used     = 4000 (0.0MB)\n");
    assert_int_equal(heap.committed_bytes, 6200);
    assert_int_equal(heap.used_bytes, 4015);
    heap = read_text("New Generation (Eden + 1 Survivor Space):\n   capacity = 1100 (0.0MB)\n"
                     "   used     = 15 (0.0MB)\nEden Space:\n   capacity = 1000 (0.0MB)\n"
                     "   used     = 10 (0.0MB)\nFrom Space:\n   capacity = 100 (0.0MB)\n"
                     "   used     = 5 (0.0MB)\nTo Space:\n   capacity = 100 (0.0MB)\n"
                     "   used     = 0 (0.0MB)\nconcurrent mark-sweep generation:\n"
                     "   capacity = 5000 (0.0MB)\n   used     = 4000 (0.0MB)\n");
    assert_int_equal(heap.committed_bytes, 6200);
    assert_int_equal(heap.used_bytes, 4015);
}

static void test_heap_info(void **state)
{
    struct java_heap heap = read_file("unit/data/java/heap-info-17.txt");

    (void)state;
    assert_int_equal(heap.committed_bytes, 131072 * KB);
    assert_int_equal(heap.used_bytes, 1563 * KB);
    assert_int_equal(heap.max_bytes, JAVA_HEAP_UNKNOWN);
    assert_int_equal(heap.start, 0xf8000000);
    assert_int_equal(heap.end, 0x100000000);
    assert_int_equal(heap.metaspace_used_bytes, 322 * KB);
    assert_int_equal(heap.metaspace_committed_bytes, 512 * KB);
}

static void test_collectors(void **state)
{
    struct java_heap heap;

    (void)state;
    heap = read_text(" garbage-first heap   total reserved 4096K, committed 2048K, used 1024K "
                     "[0x0000000700000000, 0x0000000700400000)\n");
    assert_int_equal(heap.max_bytes, 4096 * KB);
    assert_int_equal(heap.committed_bytes, 2048 * KB);
    heap = read_text(" PSYoungGen      total 76288K, used 6554K [0x10000, 0x20000, 0x30000)\n"
                     "  eden space 65536K, 10% used [0x1,0x2,0x3)\n"
                     " ParOldGen       total 175104K, used 10K [0x01000, 0x05000, 0x08000)\n"
                     " Metaspace       used 2K, capacity 4K, committed 5K, reserved 6K\n");
    assert_int_equal(heap.committed_bytes, (76288 + 175104) * KB);
    assert_int_equal(heap.used_bytes, 6564 * KB);
    assert_int_equal(heap.start, 0x1000);
    assert_int_equal(heap.end, 0x30000);
    assert_string_equal(heap.collector, "parallel");
    heap = read_text(" def new generation   total 100K, used 4K [0x1, 0x2, 0x3)\n"
                     " tenured generation   total 200K, used 6K [0x1, 0x2, 0x3)\n");
    assert_int_equal(heap.committed_bytes, 300 * KB);
    assert_int_equal(heap.used_bytes, 10 * KB);
    heap = read_text(" ZHeap           used 12M, capacity 254M, max capacity 4012M\n");
    assert_int_equal(heap.used_bytes, 12 * MB);
    assert_int_equal(heap.committed_bytes, 254 * MB);
    assert_int_equal(heap.max_bytes, 4012ULL * MB);
    heap = read_text("Shenandoah Heap\n 4096M max, 4095M soft max, 256M committed, 12M used\n");
    assert_int_equal(heap.max_bytes, 4096ULL * MB);
    assert_int_equal(heap.committed_bytes, 256 * MB);
    assert_int_equal(heap.used_bytes, 12 * MB);
    assert_false(java_heap_line(&heap, span_text("used = x")));
    java_heap_init(&heap);
    assert_false(java_heap_line(&heap, span_text("used = 12")));
    assert_false(java_heap_known(&heap));
    heap = read_text("G1 Heap:\nused = 18446744073709551615\nused = 7\n");
    assert_int_equal(heap.used_bytes, JAVA_HEAP_UNKNOWN - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_jmap),
        cmocka_unit_test(test_heap_info),
        cmocka_unit_test(test_collectors),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
