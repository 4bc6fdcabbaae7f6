#include "analyzer/allocators.h"

#include <stddef.h>
#include <string.h>

#include "base/cleanup.h"

enum { MAX_NAME_BYTES = 1024 };

/* Rows are looked at in order. A function's pattern is held against its qualified name without return
 * type, "<" and "&" before it: "void std::vector<int>::push_back(int)" is "std::vector<int>::push_..." */
static const struct allocators_row table[] = {
    /* --- by module --- */
    {"libjemalloc*", NULL, ALLOCATORS_POOL, "jemalloc"},
    {"libtcmalloc*", NULL, ALLOCATORS_POOL, "tcmalloc"},
    {"libmimalloc*", NULL, ALLOCATORS_POOL, "mimalloc"},
    {"librpmalloc*", NULL, ALLOCATORS_POOL, "rpmalloc"},
    {"libsnmalloc*", NULL, ALLOCATORS_POOL, "snmalloc"},
    {"libhoard*", NULL, ALLOCATORS_POOL, "Hoard"},
    {"libumem*", NULL, ALLOCATORS_POOL, "libumem"},
    {"libasan.so*", NULL, ALLOCATORS_POOL, "AddressSanitizer"},
    {"liblsan.so*", NULL, ALLOCATORS_POOL, "LeakSanitizer"},
    {"libtsan.so*", NULL, ALLOCATORS_POOL, "ThreadSanitizer"},
    {"libclang_rt.*", NULL, ALLOCATORS_POOL, "a sanitizer"},
    {"libc.so*", NULL, ALLOCATORS_LIBRARY, "the C library"},
    {"libc-2*", NULL, ALLOCATORS_LIBRARY, "the C library"},
    {"libc.musl-*", NULL, ALLOCATORS_LIBRARY, "the C library"},
    {"libpthread*", NULL, ALLOCATORS_LIBRARY, "the C library"},
    {"libc_malloc_debug*", NULL, ALLOCATORS_LIBRARY, "the C library"},
    {"ld-linux*", NULL, ALLOCATORS_LIBRARY, "the dynamic linker"},
    {"ld-musl-*", NULL, ALLOCATORS_LIBRARY, "the C library"},
    {"ld-2*", NULL, ALLOCATORS_LIBRARY, "the dynamic linker"},
    {"ld.so*", NULL, ALLOCATORS_LIBRARY, "the dynamic linker"},
    {"ld64.so*", NULL, ALLOCATORS_LIBRARY, "the dynamic linker"},
    {"libdl.so*", NULL, ALLOCATORS_LIBRARY, "the C library"},
    {"libdl-2*", NULL, ALLOCATORS_LIBRARY, "the C library"},
    {"librt.so*", NULL, ALLOCATORS_LIBRARY, "the C library"},
    {"librt-2*", NULL, ALLOCATORS_LIBRARY, "the C library"},
    {"libstdc++.so*", NULL, ALLOCATORS_LIBRARY, "the C++ library"},
    {"libc++.so*", NULL, ALLOCATORS_LIBRARY, "the C++ library"},
    {"libc++abi.so*", NULL, ALLOCATORS_LIBRARY, "the C++ library"},
    {"libgcc_s.so*", NULL, ALLOCATORS_LIBRARY, "the compiler's library"},
    {"[vdso]", NULL, ALLOCATORS_LIBRARY, "the kernel"},

    /* --- the C library in a static program --- */
    {NULL, "mmap", ALLOCATORS_LIBRARY, "the system call"},
    {NULL, "mmap64", ALLOCATORS_LIBRARY, "the system call"},
    {NULL, "__mmap", ALLOCATORS_LIBRARY, "the system call"},
    {NULL, "__mmap64", ALLOCATORS_LIBRARY, "the system call"},
    {NULL, "__GI___mmap*", ALLOCATORS_LIBRARY, "the system call"},
    {NULL, "mremap", ALLOCATORS_LIBRARY, "the system call"},
    {NULL, "__mremap", ALLOCATORS_LIBRARY, "the system call"},
    {NULL, "mprotect", ALLOCATORS_LIBRARY, "the system call"},
    {NULL, "__mprotect", ALLOCATORS_LIBRARY, "the system call"},
    {NULL, "brk", ALLOCATORS_LIBRARY, "the system call"},
    {NULL, "__brk", ALLOCATORS_LIBRARY, "the system call"},
    {NULL, "__brk_call", ALLOCATORS_LIBRARY, "the system call"},
    {NULL, "sbrk", ALLOCATORS_LIBRARY, "the system call"},
    {NULL, "__sbrk", ALLOCATORS_LIBRARY, "the system call"},
    {NULL, "syscall", ALLOCATORS_LIBRARY, "the system call"},
    {NULL, "__syscall*", ALLOCATORS_LIBRARY, "the system call"},
    {NULL, "__kernel_vsyscall", ALLOCATORS_LIBRARY, "the system call"},
    {NULL, "memfd_create", ALLOCATORS_LIBRARY, "the system call"},
    {NULL, "shmget", ALLOCATORS_LIBRARY, "the system call"},
    {NULL, "shmat", ALLOCATORS_LIBRARY, "the system call"},
    {NULL, "io_setup", ALLOCATORS_LIBRARY, "the system call"},
    {NULL, "malloc", ALLOCATORS_ALLOCATOR, "malloc"},
    {NULL, "calloc", ALLOCATORS_ALLOCATOR, "malloc"},
    {NULL, "realloc", ALLOCATORS_ALLOCATOR, "malloc"},
    {NULL, "reallocarray", ALLOCATORS_ALLOCATOR, "malloc"},
    {NULL, "memalign", ALLOCATORS_ALLOCATOR, "malloc"},
    {NULL, "posix_memalign", ALLOCATORS_ALLOCATOR, "malloc"},
    {NULL, "aligned_alloc", ALLOCATORS_ALLOCATOR, "malloc"},
    {NULL, "valloc", ALLOCATORS_ALLOCATOR, "malloc"},
    {NULL, "pvalloc", ALLOCATORS_ALLOCATOR, "malloc"},
    {NULL, "free", ALLOCATORS_ALLOCATOR, "malloc"},
    {NULL, "cfree", ALLOCATORS_ALLOCATOR, "malloc"},
    {NULL, "__libc_malloc*", ALLOCATORS_ALLOCATOR, "malloc"},
    {NULL, "__libc_calloc*", ALLOCATORS_ALLOCATOR, "malloc"},
    {NULL, "__libc_realloc*", ALLOCATORS_ALLOCATOR, "malloc"},
    {NULL, "__libc_reallocarray", ALLOCATORS_ALLOCATOR, "malloc"},
    {NULL, "__libc_memalign*", ALLOCATORS_ALLOCATOR, "malloc"},
    {NULL, "__libc_free", ALLOCATORS_ALLOCATOR, "malloc"},
    {NULL, "__posix_memalign", ALLOCATORS_ALLOCATOR, "malloc"},
    {NULL, "_mid_memalign*", ALLOCATORS_ALLOCATOR, "glibc's malloc"},
    {NULL, "_int_malloc", ALLOCATORS_ALLOCATOR, "glibc's malloc"},
    {NULL, "_int_realloc", ALLOCATORS_ALLOCATOR, "glibc's malloc"},
    {NULL, "_int_memalign", ALLOCATORS_ALLOCATOR, "glibc's malloc"},
    {NULL, "_int_free*", ALLOCATORS_ALLOCATOR, "glibc's malloc"},
    {NULL, "sysmalloc*", ALLOCATORS_ALLOCATOR, "glibc's malloc"},
    {NULL, "mremap_chunk", ALLOCATORS_ALLOCATOR, "glibc's malloc"},
    {NULL, "malloc_consolidate", ALLOCATORS_ALLOCATOR, "glibc's malloc"},
    {NULL, "malloc_hook_ini", ALLOCATORS_ALLOCATOR, "glibc's malloc"},
    {NULL, "ptmalloc_init*", ALLOCATORS_ALLOCATOR, "glibc's malloc"},
    {NULL, "tcache_init*", ALLOCATORS_ALLOCATOR, "glibc's malloc"},
    {NULL, "arena_get2*", ALLOCATORS_ALLOCATOR, "glibc's malloc"},
    {NULL, "_int_new_arena", ALLOCATORS_ALLOCATOR, "glibc's malloc"},
    {NULL, "new_heap", ALLOCATORS_ALLOCATOR, "glibc's malloc"},
    {NULL, "alloc_new_heap*", ALLOCATORS_ALLOCATOR, "glibc's malloc"},
    {NULL, "grow_heap", ALLOCATORS_ALLOCATOR, "glibc's malloc"},
    {NULL, "__default_morecore", ALLOCATORS_ALLOCATOR, "glibc's malloc"},
    {NULL, "__glibc_morecore", ALLOCATORS_ALLOCATOR, "glibc's malloc"},
    {NULL, "__malloc_alloc_meta", ALLOCATORS_POOL, "musl's malloc"},
    {NULL, "alloc_slot", ALLOCATORS_POOL, "musl's malloc"},
    {NULL, "alloc_group", ALLOCATORS_POOL, "musl's malloc"},
    {NULL, "__expand_heap", ALLOCATORS_POOL, "musl's malloc"},
    {NULL, "allocate_stack*", ALLOCATORS_LIBRARY, "pthread_create"},
    {NULL, "setup_stack_prot*", ALLOCATORS_LIBRARY, "pthread_create"},
    {NULL, "pthread_create*", ALLOCATORS_LIBRARY, "pthread_create"},
    {NULL, "__pthread_create*", ALLOCATORS_LIBRARY, "pthread_create"},
    {NULL, "strdup", ALLOCATORS_LIBRARY, "the C library"},
    {NULL, "__strdup", ALLOCATORS_LIBRARY, "the C library"},
    {NULL, "strndup", ALLOCATORS_LIBRARY, "the C library"},
    {NULL, "__strndup", ALLOCATORS_LIBRARY, "the C library"},
    {NULL, "asprintf", ALLOCATORS_LIBRARY, "the C library"},
    {NULL, "__asprintf*", ALLOCATORS_LIBRARY, "the C library"},
    {NULL, "vasprintf", ALLOCATORS_LIBRARY, "the C library"},
    {NULL, "__vasprintf*", ALLOCATORS_LIBRARY, "the C library"},
    {NULL, "getline", ALLOCATORS_LIBRARY, "the C library"},
    {NULL, "getdelim", ALLOCATORS_LIBRARY, "the C library"},
    {NULL, "__getdelim", ALLOCATORS_LIBRARY, "the C library"},
    {NULL, "_IO_*", ALLOCATORS_LIBRARY, "the C library"},

    /* --- C++ and Rust --- */
    {NULL, "operator new*", ALLOCATORS_ALLOCATOR, "operator new"},
    {NULL, "__gnu_cxx::*", ALLOCATORS_LIBRARY, "the C++ library"},
    {NULL, "std::*", ALLOCATORS_LIBRARY, "the C++ library, or Rust's"},
    {NULL, "__rust_*alloc*", ALLOCATORS_ALLOCATOR, "Rust's allocator"},
    {NULL, "__rdl_*", ALLOCATORS_ALLOCATOR, "Rust's allocator"},
    {NULL, "__rg_*", ALLOCATORS_ALLOCATOR, "Rust's allocator"},
    {NULL, "__rustc::__rust_*", ALLOCATORS_ALLOCATOR, "Rust's allocator"},
    {NULL, "__rustc::__rdl_*", ALLOCATORS_ALLOCATOR, "Rust's allocator"},
    {NULL, "alloc::alloc::*", ALLOCATORS_ALLOCATOR, "Rust's allocator"},
    {NULL, "alloc::raw_vec::*", ALLOCATORS_LIBRARY, "Rust's library"},
    {NULL, "alloc::vec::*", ALLOCATORS_LIBRARY, "Rust's library"},
    {NULL, "alloc::string::*", ALLOCATORS_LIBRARY, "Rust's library"},
    {NULL, "alloc::boxed::*", ALLOCATORS_LIBRARY, "Rust's library"},
    {NULL, "alloc::sync::*", ALLOCATORS_LIBRARY, "Rust's library"},
    {NULL, "alloc::rc::*", ALLOCATORS_LIBRARY, "Rust's library"},
    {NULL, "alloc::collections::*", ALLOCATORS_LIBRARY, "Rust's library"},
    {NULL, "alloc::borrow::*", ALLOCATORS_LIBRARY, "Rust's library"},
    {NULL, "alloc::slice::*", ALLOCATORS_LIBRARY, "Rust's library"},
    {NULL, "alloc::str::*", ALLOCATORS_LIBRARY, "Rust's library"},
    {NULL, "alloc::fmt::*", ALLOCATORS_LIBRARY, "Rust's library"},
    {NULL, "alloc::ffi::*", ALLOCATORS_LIBRARY, "Rust's library"},
    {NULL, "* as alloc::*", ALLOCATORS_LIBRARY, "Rust's library"},
    {NULL, "<* as alloc::*", ALLOCATORS_LIBRARY, "Rust's library"},
    {NULL, "RawVec<*", ALLOCATORS_LIBRARY, "Rust's library"},
    {NULL, "RawVecInner<*", ALLOCATORS_LIBRARY, "Rust's library"},
    {NULL, "core::alloc::*", ALLOCATORS_LIBRARY, "Rust's library"},
    {NULL, "core::clone::*", ALLOCATORS_LIBRARY, "Rust's library"},
    {NULL, "core::iter::*", ALLOCATORS_LIBRARY, "Rust's library"},
    {NULL, "core::ops::function::*", ALLOCATORS_LIBRARY, "Rust's library"},
    {NULL, "core::option::*", ALLOCATORS_LIBRARY, "Rust's library"},
    {NULL, "core::result::*", ALLOCATORS_LIBRARY, "Rust's library"},
    {NULL, "core::fmt::*", ALLOCATORS_LIBRARY, "Rust's library"},
    {NULL, "core::ptr::*", ALLOCATORS_LIBRARY, "Rust's library"},
    {NULL, "core::mem::*", ALLOCATORS_LIBRARY, "Rust's library"},
    {NULL, "hashbrown::*", ALLOCATORS_LIBRARY, "Rust's library"},

    /* --- runtimes --- */
    {"libjvm.so", "os::*malloc*", ALLOCATORS_ALLOCATOR, "the JVM"},
    {"libjvm.so", "os::*realloc*", ALLOCATORS_ALLOCATOR, "the JVM"},
    {"libjvm.so", "os::strdup*", ALLOCATORS_ALLOCATOR, "the JVM"},
    {"libjvm.so", "os::*commit_memory*", ALLOCATORS_POOL, "the JVM"},
    {"libjvm.so", "os::*reserve_memory*", ALLOCATORS_POOL, "the JVM"},
    {"libjvm.so", "os::create_thread*", ALLOCATORS_ALLOCATOR, "the JVM"},
    {"libjvm.so", "commit_memory*", ALLOCATORS_POOL, "the JVM"},
    {"libjvm.so", "anon_mmap*", ALLOCATORS_POOL, "the JVM"},
    {"libjvm.so", "ReservedSpace::*", ALLOCATORS_POOL, "the JVM"},
    {"libjvm.so", "VirtualSpace::*", ALLOCATORS_POOL, "the JVM"},
    {"libjvm.so", "G1PageBasedVirtualSpace::*", ALLOCATORS_POOL, "the JVM"},
    {"libjvm.so", "metaspace::*", ALLOCATORS_POOL, "the JVM's metaspace"},
    {"libjvm.so", "Arena::*", ALLOCATORS_POOL, "the JVM's arenas"},
    {"libjvm.so", "Chunk*", ALLOCATORS_POOL, "the JVM's arenas"},
    {"libjvm.so", "MallocTracker::*", ALLOCATORS_ALLOCATOR, "the JVM"},
    {"libjvm.so", "AllocateHeap*", ALLOCATORS_ALLOCATOR, "the JVM"},
    {"libjvm.so", "ReallocateHeap*", ALLOCATORS_ALLOCATOR, "the JVM"},
    {"libjvm.so", "CHeapObj*", ALLOCATORS_ALLOCATOR, "the JVM"},
    {"libjvm.so", "ResourceObj::*", ALLOCATORS_ALLOCATOR, "the JVM"},
    {"libjvm.so", "Unsafe_AllocateMemory*", ALLOCATORS_ALLOCATOR, "the JVM"},
    {"libjvm.so", "Unsafe_ReallocateMemory*", ALLOCATORS_ALLOCATOR, "the JVM"},
    /* The same without symbols, and as perf maps and thread dumps write methods. */
    {NULL, "os::malloc*", ALLOCATORS_ALLOCATOR, "the JVM"},
    {NULL, "os::realloc*", ALLOCATORS_ALLOCATOR, "the JVM"},
    {NULL, "os::commit_memory*", ALLOCATORS_POOL, "the JVM"},
    {NULL, "os::pd_commit_memory*", ALLOCATORS_POOL, "the JVM"},
    {NULL, "MallocTracker::*", ALLOCATORS_ALLOCATOR, "the JVM"},
    {NULL, "Unsafe_AllocateMemory*", ALLOCATORS_ALLOCATOR, "the JVM"},
    {NULL, "Unsafe_ReallocateMemory*", ALLOCATORS_ALLOCATOR, "the JVM"},
    {NULL, "*misc*Unsafe*llocateMemory*", ALLOCATORS_ALLOCATOR, "Java's Unsafe"},
    {NULL, "*Unsafe.allocateMemory*", ALLOCATORS_ALLOCATOR, "Java's Unsafe"},
    {NULL, "*DirectByteBuffer*<init>*", ALLOCATORS_ALLOCATOR, "Java's direct buffers"},
    {NULL, "*nio*ByteBuffer*allocateDirect*", ALLOCATORS_ALLOCATOR, "Java's direct buffers"},
    {NULL, "_PyObject_Arena*", ALLOCATORS_POOL, "CPython's object allocator"},
    {NULL, "new_arena", ALLOCATORS_POOL, "CPython's object allocator"},
    {NULL, "allocate_from_new_pool", ALLOCATORS_POOL, "CPython's object allocator"},
    {NULL, "pymalloc_*", ALLOCATORS_POOL, "CPython's object allocator"},
    {NULL, "_PyObject_Malloc*", ALLOCATORS_ALLOCATOR, "CPython"},
    {NULL, "_PyObject_Calloc*", ALLOCATORS_ALLOCATOR, "CPython"},
    {NULL, "_PyObject_Realloc*", ALLOCATORS_ALLOCATOR, "CPython"},
    {NULL, "PyObject_Malloc", ALLOCATORS_ALLOCATOR, "CPython"},
    {NULL, "PyObject_Calloc", ALLOCATORS_ALLOCATOR, "CPython"},
    {NULL, "PyObject_Realloc", ALLOCATORS_ALLOCATOR, "CPython"},
    {NULL, "PyMem_*", ALLOCATORS_ALLOCATOR, "CPython"},
    {NULL, "_PyMem_*", ALLOCATORS_ALLOCATOR, "CPython"},
    {NULL, "_PyObject_GC_*", ALLOCATORS_ALLOCATOR, "CPython"},
    {NULL, "gc_alloc", ALLOCATORS_ALLOCATOR, "CPython"},
    {NULL, "PyType_GenericAlloc", ALLOCATORS_ALLOCATOR, "CPython"},
    {NULL, "_PyType_AllocNoTrack", ALLOCATORS_ALLOCATOR, "CPython"},
    {NULL, "lj_alloc_*", ALLOCATORS_POOL, "LuaJIT's allocator"},
    {NULL, "lj_mem_*", ALLOCATORS_ALLOCATOR, "LuaJIT"},
    {NULL, "luaM_*", ALLOCATORS_ALLOCATOR, "Lua"},
    {NULL, "l_alloc", ALLOCATORS_ALLOCATOR, "Lua"},
    {NULL, "zend_mm_*", ALLOCATORS_POOL, "PHP's allocator"},
    {NULL, "_emalloc*", ALLOCATORS_ALLOCATOR, "PHP"},
    {NULL, "_ecalloc*", ALLOCATORS_ALLOCATOR, "PHP"},
    {NULL, "_erealloc*", ALLOCATORS_ALLOCATOR, "PHP"},
    {NULL, "_safe_*alloc*", ALLOCATORS_ALLOCATOR, "PHP"},
    {NULL, "ruby_x*alloc*", ALLOCATORS_ALLOCATOR, "Ruby"},
    {NULL, "objspace_x*alloc*", ALLOCATORS_ALLOCATOR, "Ruby"},
    {NULL, "rb_aligned_malloc", ALLOCATORS_ALLOCATOR, "Ruby"},
    {NULL, "heap_page_allocate", ALLOCATORS_POOL, "Ruby's heap"},
    {NULL, "heap_assign_page", ALLOCATORS_POOL, "Ruby's heap"},
    {NULL, "Perl_safesys*", ALLOCATORS_ALLOCATOR, "Perl"},
    {NULL, "caml_*alloc*", ALLOCATORS_ALLOCATOR, "OCaml"},
    {NULL, "runtime.mmap*", ALLOCATORS_POOL, "Go's heap"},
    {NULL, "runtime.sys*", ALLOCATORS_POOL, "Go's heap"},
    {NULL, "runtime.(*mheap)*", ALLOCATORS_POOL, "Go's heap"},
    {NULL, "runtime.(*mcache)*", ALLOCATORS_POOL, "Go's heap"},
    {NULL, "runtime.(*mcentral)*", ALLOCATORS_POOL, "Go's heap"},
    {NULL, "runtime.mallocgc*", ALLOCATORS_ALLOCATOR, "Go"},
    {NULL, "runtime.newobject", ALLOCATORS_ALLOCATOR, "Go"},
    {NULL, "runtime.makeslice*", ALLOCATORS_ALLOCATOR, "Go"},
    {NULL, "runtime.growslice*", ALLOCATORS_ALLOCATOR, "Go"},
    {NULL, "v8::base::OS::*", ALLOCATORS_POOL, "V8's heap"},
    {NULL, "v8::internal::MemoryAllocator::*", ALLOCATORS_POOL, "V8's heap"},
    {NULL, "v8::internal::Heap::Allocate*", ALLOCATORS_ALLOCATOR, "V8"},

    /* --- allocators that programs carry --- */
    {NULL, "je_*", ALLOCATORS_POOL, "jemalloc"},
    {NULL, "os_pages_map", ALLOCATORS_POOL, "jemalloc"},
    {NULL, "pages_map", ALLOCATORS_POOL, "jemalloc"},
    {NULL, "extent_alloc*", ALLOCATORS_POOL, "jemalloc"},
    {NULL, "extent_grow*", ALLOCATORS_POOL, "jemalloc"},
    {NULL, "arena_slab_alloc*", ALLOCATORS_POOL, "jemalloc"},
    {NULL, "arena_malloc*", ALLOCATORS_POOL, "jemalloc"},
    {NULL, "large_palloc", ALLOCATORS_POOL, "jemalloc"},
    {NULL, "large_malloc", ALLOCATORS_POOL, "jemalloc"},
    {NULL, "tcache_alloc*", ALLOCATORS_POOL, "jemalloc"},
    {NULL, "imalloc*", ALLOCATORS_POOL, "jemalloc"},
    {NULL, "ialloc*", ALLOCATORS_POOL, "jemalloc"},
    {NULL, "tcmalloc::*", ALLOCATORS_POOL, "tcmalloc"},
    {NULL, "tc_*alloc*", ALLOCATORS_POOL, "tcmalloc"},
    {NULL, "mi_*alloc*", ALLOCATORS_POOL, "mimalloc"},
    {NULL, "_mi_*", ALLOCATORS_POOL, "mimalloc"},
    {NULL, "dlmalloc*", ALLOCATORS_POOL, "dlmalloc"},
    {NULL, "zmalloc*", ALLOCATORS_ALLOCATOR, "Redis"},
    {NULL, "zcalloc*", ALLOCATORS_ALLOCATOR, "Redis"},
    {NULL, "zrealloc*", ALLOCATORS_ALLOCATOR, "Redis"},
    {NULL, "ztry*alloc*", ALLOCATORS_ALLOCATOR, "Redis"},
    {NULL, "zstrdup", ALLOCATORS_ALLOCATOR, "Redis"},
    {NULL, "ngx_alloc", ALLOCATORS_ALLOCATOR, "nginx"},
    {NULL, "ngx_calloc", ALLOCATORS_ALLOCATOR, "nginx"},
    {NULL, "ngx_memalign", ALLOCATORS_ALLOCATOR, "nginx"},
    {NULL, "ngx_p*alloc*", ALLOCATORS_ALLOCATOR, "nginx"},
    {NULL, "ngx_create_pool", ALLOCATORS_ALLOCATOR, "nginx"},
    {NULL, "ngx_shm_alloc", ALLOCATORS_ALLOCATOR, "nginx"},
    {NULL, "ngx_slab_*", ALLOCATORS_POOL, "nginx"},
    {NULL, "apr_*palloc*", ALLOCATORS_POOL, "APR's pools"},
    {NULL, "apr_pcalloc*", ALLOCATORS_POOL, "APR's pools"},
    {NULL, "apr_allocator_alloc", ALLOCATORS_POOL, "APR's pools"},
    {NULL, "allocator_alloc", ALLOCATORS_POOL, "APR's pools"},
    {NULL, "apr_pool_create*", ALLOCATORS_POOL, "APR's pools"},
    {NULL, "g_malloc*", ALLOCATORS_ALLOCATOR, "GLib"},
    {NULL, "g_try_malloc*", ALLOCATORS_ALLOCATOR, "GLib"},
    {NULL, "g_realloc*", ALLOCATORS_ALLOCATOR, "GLib"},
    {NULL, "g_try_realloc*", ALLOCATORS_ALLOCATOR, "GLib"},
    {NULL, "g_aligned_alloc*", ALLOCATORS_ALLOCATOR, "GLib"},
    {NULL, "g_slice_alloc*", ALLOCATORS_ALLOCATOR, "GLib"},
    {NULL, "g_strdup*", ALLOCATORS_ALLOCATOR, "GLib"},
    {NULL, "g_memdup*", ALLOCATORS_ALLOCATOR, "GLib"},
    {NULL, "CRYPTO_*alloc*", ALLOCATORS_ALLOCATOR, "OpenSSL"},
    {NULL, "sqlite3*Malloc*", ALLOCATORS_ALLOCATOR, "SQLite"},
    {NULL, "sqlite3*Realloc*", ALLOCATORS_ALLOCATOR, "SQLite"},
    {NULL, "av_malloc*", ALLOCATORS_ALLOCATOR, "FFmpeg"},
    {NULL, "av_realloc*", ALLOCATORS_ALLOCATOR, "FFmpeg"},
    {NULL, "talloc_*", ALLOCATORS_ALLOCATOR, "talloc"},
    {NULL, "_talloc_*", ALLOCATORS_ALLOCATOR, "talloc"},
    {NULL, "palloc*", ALLOCATORS_ALLOCATOR, "PostgreSQL"},
    {NULL, "repalloc*", ALLOCATORS_ALLOCATOR, "PostgreSQL"},
    {NULL, "MemoryContextAlloc*", ALLOCATORS_ALLOCATOR, "PostgreSQL"},
    {NULL, "AllocSet*", ALLOCATORS_POOL, "PostgreSQL's memory contexts"},
    {NULL, "xmalloc*", ALLOCATORS_ALLOCATOR, "malloc"},
    {NULL, "xcalloc*", ALLOCATORS_ALLOCATOR, "malloc"},
    {NULL, "xrealloc*", ALLOCATORS_ALLOCATOR, "malloc"},
    {NULL, "xstrdup*", ALLOCATORS_ALLOCATOR, "malloc"},
    {NULL, "safe_malloc*", ALLOCATORS_ALLOCATOR, "malloc"},
    {NULL, "safe_calloc*", ALLOCATORS_ALLOCATOR, "malloc"},
    {NULL, "safe_realloc*", ALLOCATORS_ALLOCATOR, "malloc"},
};

/* PATTERN with * for any characters. The last * is the only one worth going back to. */
static bool matches(const char *pattern, const char *text, size_t len)
{
    const char *star = NULL, *end = text + len, *retry = text;

    while (text < end) {
        if (*pattern == '*') {
            star = pattern++;
            retry = text;
        } else if (*pattern == *text) {
            pattern++;
            text++;
        } else if (star) {
            pattern = star + 1;
            text = ++retry;
        } else {
            return false;
        }
    }
    while (*pattern == '*')
        pattern++;
    return *pattern == '\0';
}

/* Where the qualified name begins: behind the return type, which templates' demangled names have. */
static const char *qualified_name(const char *name, size_t len)
{
    static const char operator_word[] = "operator";
    size_t start = 0;
    int depth = 0;

    for (size_t i = 0; i < len; i++) {
        if (name[i] == '(' && depth == 0)
            break;
        if (name[i] == '<' || name[i] == '(' || name[i] == '[')
            depth++;
        if ((name[i] == '>' || name[i] == ')' || name[i] == ']') && depth > 0)
            depth--;
        if (name[i] != ' ' || depth > 0)
            continue;
        if (i >= strlen(operator_word) &&
            strncmp(name + i - strlen(operator_word), operator_word, strlen(operator_word)) == 0)
            break;
        start = i + 1;
    }
    while (start < len && (name[start] == '<' || name[start] == '&' || name[start] == '*'))
        start++;
    return name + start;
}

const struct allocators_row *allocators_find(const char *module, const char *function)
{
    const char *slash = module ? strrchr(module, '/') : NULL;
    const char *base = slash ? slash + 1 : module ? module : "";
    size_t base_len = strnlen(base, MAX_NAME_BYTES);
    size_t len = function ? strnlen(function, MAX_NAME_BYTES) : 0;
    const char *name = function ? qualified_name(function, len) : NULL;
    size_t name_len = function ? len - (size_t)(name - function) : 0;

    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        const struct allocators_row *row = &table[i];

        if (row->module && !matches(row->module, base, base_len))
            continue;
        if (!row->function)
            return row;
        if (!function)
            continue;
        /* A method's name is told with its signature, its return type and its class in many ways; and
         * Rust's "<T as Trait>::f" is told by what is in its brackets. */
        if (row->function[0] == '*' || row->function[0] == '<'
                ? matches(row->function, function, len)
                : matches(row->function, name, name_len))
            return row;
    }
    return NULL;
}
