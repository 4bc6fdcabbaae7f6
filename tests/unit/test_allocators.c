#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "analyzer/allocators.h"
#include "base/cleanup.h"

static void expect(const char *module, const char *function, int kind)
{
    const struct allocators_row *row = allocators_find(module, function);

    if ((row ? (int)row->kind : -1) != kind)
        print_error("%s in %s\n", function ? function : "-", module ? module : "-");
    assert_int_equal(row ? (int)row->kind : -1, kind);
    if (row)
        assert_true(row->what[0]);
}

enum { PROGRAM = -1 };

static void who_hands_memory_on_is_known(void **state)
{
    (void)state;
    expect("/usr/lib/x86_64-linux-gnu/libc.so.6", NULL, ALLOCATORS_LIBRARY);
    expect("/lib/libc-2.31.so", "qsort", ALLOCATORS_LIBRARY);
    expect("/lib/ld-musl-x86_64.so.1", NULL, ALLOCATORS_LIBRARY);
    expect("libstdc++.so.6.0.30", "std::string::append(char const*)", ALLOCATORS_LIBRARY);
    expect("/usr/lib/libjemalloc.so.2", NULL, ALLOCATORS_POOL);
    expect("[vdso]", NULL, ALLOCATORS_LIBRARY);
    expect("/opt/static", "malloc", ALLOCATORS_ALLOCATOR);
    expect("/opt/static", "sysmalloc_mmap.isra.0", ALLOCATORS_ALLOCATOR);
    expect("/opt/static", "__libc_malloc2", ALLOCATORS_ALLOCATOR);
    expect("/opt/static", "pthread_create@@GLIBC_2.34", ALLOCATORS_LIBRARY);
    expect(NULL, "operator new(unsigned long, std::nothrow_t const&)", ALLOCATORS_ALLOCATOR);
    expect(NULL, "operator new[](unsigned long)", ALLOCATORS_ALLOCATOR);
    expect(NULL, "void std::vector<int, std::allocator<int> >::_M_realloc_insert<int>(int&&)",
           ALLOCATORS_LIBRARY);
    expect(NULL, "std::__new_allocator<char>::allocate(unsigned long, void const*)",
           ALLOCATORS_LIBRARY);
    expect(NULL, "__gnu_cxx::new_allocator<x>::allocate(unsigned long)", ALLOCATORS_LIBRARY);
    expect(NULL, "alloc::raw_vec::RawVec<T,A>::grow_one", ALLOCATORS_LIBRARY);
    expect(NULL, "<alloc::vec::Vec<T> as core::clone::Clone>::clone", ALLOCATORS_LIBRARY);
    expect(NULL, "<T as alloc::slice::hack::ConvertVec>::to_vec", ALLOCATORS_LIBRARY);
    expect(NULL, "__rust_alloc", ALLOCATORS_ALLOCATOR);
    expect("/usr/lib/jvm/lib/server/libjvm.so", "os::malloc(unsigned long, MEMFLAGS)",
           ALLOCATORS_ALLOCATOR);
    expect("libjvm.so", "os::pd_commit_memory(char*, unsigned long, bool)", ALLOCATORS_POOL);
    expect("libjvm.so", "Unsafe_AllocateMemory0", ALLOCATORS_ALLOCATOR);
    expect("/opt/svc", "<u8 as alloc::vec::spec_from_elem::SpecFromElem>::from_elem",
           ALLOCATORS_LIBRARY);
    expect(NULL, "Ljdk/internal/misc/Unsafe;::allocateMemory", ALLOCATORS_ALLOCATOR);
    expect(NULL, "long jdk.internal.misc.Unsafe.allocateMemory(long)", ALLOCATORS_ALLOCATOR);
    expect(NULL, "void java.nio.DirectByteBuffer.<init>(int)", ALLOCATORS_ALLOCATOR);
    expect("/usr/bin/python3.11", "_PyObject_Malloc", ALLOCATORS_ALLOCATOR);
    expect("/usr/bin/python3.11", "new_arena", ALLOCATORS_POOL);
    expect("/usr/bin/redis-server", "zmalloc_usable", ALLOCATORS_ALLOCATOR);
    expect("/usr/bin/redis-server", "je_extent_alloc_mmap", ALLOCATORS_POOL);
    expect("/usr/sbin/nginx", "ngx_palloc_block", ALLOCATORS_ALLOCATOR);
    expect(NULL, "runtime.(*mheap).grow", ALLOCATORS_POOL);
}

static void who_asks_is_not_among_them(void **state)
{
    (void)state;
    expect(NULL, NULL, PROGRAM);
    expect("", "", PROGRAM);
    expect("/opt/libfoo.so", NULL, PROGRAM);
    expect("/opt/libcurl.so.4", NULL, PROGRAM);
    expect("/opt/libc++abuse.so", NULL, PROGRAM);
    expect("/opt/app", "store_order", PROGRAM);
    expect("/opt/app", "malloc_stats_page", PROGRAM);
    expect("/opt/app", "handle(std::string const&)", PROGRAM);
    expect("/opt/app", "std_ext::pool::grow()", PROGRAM);
    expect("/opt/app", "void shop::fill<std::vector<int> >(std::vector<int>&)", PROGRAM);
    expect("/opt/app", "(anonymous namespace)::refill(int)", PROGRAM);
    expect("/opt/app", "<app::Cart as core::clone::Clone>::clone", PROGRAM);
    expect("/opt/app", "core::Engine::load(char const*)", PROGRAM);
    expect(NULL, "io.netty.buffer.PoolArena.newChunk", PROGRAM);
    expect("libjvm.so", "JavaCalls::call_helper", PROGRAM);
    expect("/usr/bin/python3.11", "dict_new", PROGRAM);
}

static void names_made_to_do_harm_cost_little(void **state)
{
    _cleanup_free_ char *name = malloc(1 << 20);

    (void)state;
    assert_non_null(name);
    memset(name, '<', (1 << 20) - 1);
    name[(1 << 20) - 1] = '\0';
    expect(name, name, PROGRAM);
    memset(name, ' ', (1 << 20) - 1);
    expect("/opt/app", name, PROGRAM);
    memcpy(name, "misc", 4);
    expect("/opt/app", name, PROGRAM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_hands_memory_on_is_known),
        cmocka_unit_test(who_asks_is_not_among_them),
        cmocka_unit_test(names_made_to_do_harm_cost_little),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
