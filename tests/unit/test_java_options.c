#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "evidence/java_options.h"

static void test_options(void **state)
{
    struct java_options options;

    (void)state;
    java_options_init(&options);
    assert_int_equal(java_options_take(&options, span_text("/usr/bin/java -Xmx1g -Xss512k -Xmx256m "
                                                           "-XX:MaxDirectMemorySize=2G "
                                                           "-Dio.netty.maxDirectMemory=2147483648 "
                                                           "-XX:NativeMemoryTracking=detail Main")),
                     6);
    assert_int_equal(options.max_heap_bytes, 256 << 20);
    assert_int_equal(options.thread_stack_bytes, 512 << 10);
    assert_int_equal(options.max_direct_bytes, 2ULL << 30);
    assert_int_equal(options.netty_max_direct_bytes, 2ULL << 30);
    assert_int_equal(options.nmt, JAVA_NMT_DETAIL);
    assert_int_equal(options.max_metaspace_bytes, JAVA_OPTIONS_UNKNOWN);
    java_options_init(&options);
    assert_int_equal(
        java_options_take(&options, span_text("-XX:MaxHeapSize=134217728 -XX:ThreadStackSize=1024 "
                                              "-XX:ReservedCodeCacheSize=251658240 -XX:+UseG1GC ")),
        3);
    assert_int_equal(options.max_heap_bytes, 134217728);
    assert_int_equal(options.thread_stack_bytes, 1 << 20);
    assert_int_equal(options.nmt, JAVA_NMT_UNKNOWN);
    assert_int_equal(java_options_take(&options, span_text("-Xmx -Xmxlarge -Xmx1x -Xmx1g:2")), 0);
    assert_int_equal(java_options_take(&options, span_text("")), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_options)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
