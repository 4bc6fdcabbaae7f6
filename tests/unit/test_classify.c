#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "analyzer/classify.h"

/* TEXT's entries must be of the REGIONS named, which end with -1. */
static void expect(const char *text, const char *runtime, const int *regions)
{
    struct maps maps;

    assert_null(maps_parse(text, strlen(text), &maps));
    assert_int_equal(maps.bad_lines, 0);
    for (size_t i = 0; i < maps.count; i++) {
        if (classify_vma(&maps, i, runtime) != (enum region)regions[i])
            print_error("entry %zu of\n%s", i, text);
        assert_int_equal(classify_vma(&maps, i, runtime), regions[i]);
    }
    assert_int_equal(regions[maps.count], -1);
    maps_deinit(&maps);
}

#define EXPECT(text, runtime, ...) expect(text, runtime, (const int[]){__VA_ARGS__, -1})

static void names_tell(void **state)
{
    (void)state;
    EXPECT("55a000000000-55a000100000 r-xp 00000000 08:01 5 /usr/bin/x\n"
           "55a000200000-55a000300000 rw-p 00000000 00:00 0 [heap]\n"
           "7f0000000000-7f0000100000 rw-s 00000000 00:01 6 /memfd:ring (deleted)\n"
           "7f0000200000-7f0000300000 rw-s 00000000 00:19 6 /dev/shm/segment\n"
           "7f0000400000-7f0000500000 rw-s 00000000 00:01 6 /SYSV00000000 (deleted)\n"
           "7f0000600000-7f0000700000 rw-s 00000000 00:01 6 /dev/zero (deleted)\n"
           "7f0000800000-7f0000900000 rw-s 00000000 00:0e 6 /[aio] (deleted)\n"
           "7f0000a00000-7f0000b00000 rw-p 00000000 00:00 0 [anon:pool]\n"
           "7f0000c00000-7f0000d00000 rw-s 00000000 00:06 6 /dev/nvidia0\n"
           "7ffc00000000-7ffc00100000 rw-p 00000000 00:00 0 [stack]\n"
           "7ffc00200000-7ffc00201000 r-xp 00000000 00:00 0 [vdso]\n",
           NULL, REGION_FILE, REGION_HEAP, REGION_SHARED_MEMORY, REGION_SHARED_MEMORY,
           REGION_SHARED_MEMORY, REGION_SHARED_MEMORY, REGION_OTHER, REGION_ANON_MMAP, REGION_OTHER,
           REGION_MAIN_STACK, REGION_OTHER);
}

static void arenas_are_aligned_and_followed_by_their_rest(void **state)
{
    (void)state;
    EXPECT("7f3a98000000-7f3a98021000 rw-p 00000000 00:00 0 \n"
           "7f3a98021000-7f3a9c000000 ---p 00000000 00:00 0 \n",
           NULL, REGION_ARENA, REGION_ARENA);
    /* Two heaps: the first is full and joined with the start of the second. */
    EXPECT("7f3a98000000-7f3a9c021000 rw-p 00000000 00:00 0 \n"
           "7f3a9c021000-7f3aa0000000 ---p 00000000 00:00 0 \n",
           NULL, REGION_ARENA, REGION_ARENA);
    /* Not aligned; the rest does not reach the boundary. */
    EXPECT("7f3a98001000-7f3a98021000 rw-p 00000000 00:00 0 \n"
           "7f3a98021000-7f3a9c000000 ---p 00000000 00:00 0 \n",
           NULL, REGION_ANON_MMAP, REGION_RESERVATION);
    EXPECT("7f3a98000000-7f3a98021000 rw-p 00000000 00:00 0 \n"
           "7f3a98021000-7f3a99000000 ---p 00000000 00:00 0 \n",
           NULL, REGION_ANON_MMAP, REGION_RESERVATION);
    /* With VmFlags, no MAP_NORESERVE is no arena. */
    EXPECT("7f3a98000000-7f3a98021000 rw-p 00000000 00:00 0 \nSize: 132 kB\nRss: 4 kB\n"
           "VmFlags: rd wr mr mw me ac sd \n"
           "7f3a98021000-7f3a9c000000 ---p 00000000 00:00 0 \nSize: 65404 kB\nRss: 0 kB\n"
           "VmFlags: mr mw me sd \n",
           NULL, REGION_ANON_MMAP, REGION_RESERVATION);
    EXPECT("7f3a98000000-7f3a9c000000 rw-p 00000000 00:00 0 \nSize: 65536 kB\nRss: 4 kB\n"
           "VmFlags: rd wr mr mw me nr sd \n",
           NULL, REGION_ARENA);
}

static void stacks_stand_on_a_guard(void **state)
{
    (void)state;
    EXPECT("7f55223fe000-7f55223ff000 ---p 00000000 00:00 0 \n"
           "7f55223ff000-7f5522bff000 rw-p 00000000 00:00 0 \n"
           "7f5522bff000-7f5522c00000 ---p 00000000 00:00 0 \n"
           "7f5522c00000-7f5523400000 rw-p 00000000 00:00 0 \n"
           "7f5523400000-7f5523800000 rw-p 00000000 00:00 0 \n",
           NULL, REGION_THREAD_STACK, REGION_THREAD_STACK, REGION_THREAD_STACK, REGION_THREAD_STACK,
           REGION_ANON_MMAP);
    EXPECT("7f55223fe000-7f55223ff000 ---p 00000000 00:00 0 \n"
           "7f5522400000-7f5522c00000 rw-p 00000000 00:00 0 \n",
           NULL, REGION_RESERVATION, REGION_ANON_MMAP);
}

static void what_was_never_touched_is_a_reservation(void **state)
{
    (void)state;
    EXPECT("7f0000000000-7f0040000000 rw-p 00000000 00:00 0 \nSize: 1048576 kB\nRss: 0 kB\n"
           "7f1000000000-7f1040000000 rw-p 00000000 00:00 0 \nSize: 1048576 kB\nRss: 4 kB\n"
           "7f2000000000-7f2040000000 rw-p 00000000 00:00 0 \nSize: 1048576 kB\nRss: 0 kB\n"
           "Swap: 8 kB\n"
           "7f3000000000-7f3040000000 ---p 00000000 00:00 0 \n",
           NULL, REGION_RESERVATION, REGION_ANON_MMAP, REGION_ANON_MMAP, REGION_RESERVATION);
}

static void runtimes_have_their_places(void **state)
{
    (void)state;
    EXPECT("5c0000000-5d0000000 rw-p 00000000 00:00 0 \n"
           "7f0000000000-7f0000270000 rwxp 00000000 00:00 0 \n"
           "7f1000001000-7f1000101000 rw-p 00000000 00:00 0 \n",
           "java", REGION_RUNTIME_HEAP, REGION_RUNTIME_HEAP, REGION_ANON_MMAP);
    EXPECT("5c0000000-5d0000000 rw-p 00000000 00:00 0 \n"
           "c000000000-c004000000 rw-p 00000000 00:00 0 \n",
           NULL, REGION_ANON_MMAP, REGION_RUNTIME_HEAP);
}

static void the_library_tells_the_runtime(void **state)
{
    static const char text[] =
        "7f0000000000-7f0000100000 r-xp 00000000 08:01 5 /opt/lib/libjvm.so\n";
    static const char other[] = "7f0000000000-7f0000100000 r-xp 00000000 08:01 5 libjvm.so\n";
    struct maps maps;

    (void)state;
    assert_null(maps_parse(text, strlen(text), &maps));
    assert_string_equal(classify_runtime(&maps), "java");
    maps_deinit(&maps);
    assert_null(maps_parse(other, strlen(other), &maps));
    assert_null(classify_runtime(&maps));
    maps_deinit(&maps);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_tell),
        cmocka_unit_test(arenas_are_aligned_and_followed_by_their_rest),
        cmocka_unit_test(stacks_stand_on_a_guard),
        cmocka_unit_test(what_was_never_touched_is_a_reservation),
        cmocka_unit_test(runtimes_have_their_places),
        cmocka_unit_test(the_library_tells_the_runtime),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
