/* The ways in which C calls: each ends in a call that maps. */
#include "mark.h"

#include <alloca.h>
#include <setjmp.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include "calls.h"

volatile int mark_count;
static void *volatile kept;

/* --- shapes of frames --- */

static NOINLINE void plain(int n)
{
    mark(n);
    mark_count++;
}

static void (*volatile pointer)(int) = plain;

static NOINLINE void by_pointer(int n)
{
    pointer(n);
    mark_count++;
}

static NOINLINE void with_varargs(int count, ...)
{
    va_list list;

    va_start(list, count);
    for (int i = 0; i < count; i++)
        plain(va_arg(list, int));
    va_end(list);
    mark_count++;
}

static NOINLINE void with_alloca(int n, size_t bytes)
{
    char *memory = (char *)alloca(bytes);

    memset(memory, n, bytes);
    kept = memory;
    plain(n);
    mark_count += memory[bytes / 2];
    kept = NULL;
}

static NOINLINE void with_vla(int n, int length)
{
    int array[length];

    for (int i = 0; i < length; i++)
        array[i] = n;
    kept = array;
    plain(array[length - 1]);
    mark_count += array[0];
    kept = NULL;
}

static NOINLINE void tail_third(int n)
{
    mark(n);
    mark_count++;
}

static NOINLINE void tail_second(int n)
{
    tail_third(n + 1);
}

static NOINLINE void tail_first(int n)
{
    tail_second(n - 1);
}

/* Its frame begins at a multiple of 64, which takes an expression to undo. */
static NOINLINE void realigned(int n, size_t bytes)
{
    volatile char aligned[64] __attribute__((aligned(64)));
    char *memory = (char *)alloca(bytes);

    aligned[0] = (char)n;
    memory[0] = aligned[0];
    kept = memory;
    plain(n);
    mark_count += aligned[0] + memory[0];
    kept = NULL;
}

static NOINLINE void many_arguments(int a, int b, int c, int d, int e, int f, int g, int h, int i)
{
    plain(a + b + c + d + e + f + g + h + i);
    mark_count += i;
}

static NOINLINE double with_doubles(double a, double b, int n)
{
    plain(n);
    return a * b + mark_count;
}

static inline __attribute__((always_inline)) void inlined_inner(int n)
{
    plain(n);
    mark_count++;
}

static inline __attribute__((always_inline)) void inlined_outer(int n)
{
    inlined_inner(n);
    mark_count++;
}

static NOINLINE void with_inlined(int n)
{
    inlined_outer(n);
    mark_count++;
}

/* The system call itself, in a function that may have no frame at all. */
static NOINLINE long leaf(size_t bytes)
{
    long result;
#ifdef __i386__
    int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;

    /* The offset, in ebp, means nothing here. */
    __asm__ volatile("int $0x80"
                     : "=a"(result)
                     : "a"(SYS_mmap2), "b"(0), "c"(bytes), "d"(PROT_READ), "S"(flags), "D"(-1)
                     : "memory");
#else
    register long flags __asm__("r10") = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
    register long fd __asm__("r8") = -1, offset __asm__("r9") = 0;

    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(SYS_mmap), "D"(0), "S"(bytes), "d"(PROT_READ), "r"(flags), "r"(fd),
                       "r"(offset)
                     : "rcx", "r11", "memory");
#endif
    return result;
}

static jmp_buf before;

static NOINLINE __attribute__((noreturn)) void jump(int n)
{
    plain(n);
    longjmp(before, 1);
}

/* The call that never returns is its last instruction: the return address lies in what comes next. */
static NOINLINE __attribute__((noreturn)) void never_returns(int n)
{
    jump(n);
}

static NOINLINE void jumps(int n)
{
    if (setjmp(before) == 0)
        never_returns(n);
    mark_count++;
}

static void shapes(void)
{
    plain(mark_unknown(0));
    by_pointer(mark_unknown(1));
    with_varargs(3, 2, 3, 4);
    with_alloca(5, (size_t)mark_unknown(777));
    with_vla(6, mark_unknown(99));
    tail_first(mark_unknown(7));
    realigned(8, (size_t)mark_unknown(333));
    many_arguments(1, 1, 1, 1, 1, 1, 1, 1, mark_unknown(1));
    with_doubles(1.5, 2.5, mark_unknown(10));
    with_inlined(mark_unknown(11));
    leaf(MARK_BYTES(12));
    jumps(mark_unknown(13));
    calls_library(mark_unknown(14));
    calls_back(plain, mark_unknown(15));
    calls_back(with_inlined, mark_unknown(16));
}

/* --- through the C library --- */

static int comparing;

static int compare(const void *a, const void *b)
{
    if (comparing++ == 0)
        plain(20);
    return *(const int *)a - *(const int *)b;
}

static NOINLINE void *allocate(size_t bytes)
{
    kept = malloc(bytes);
    return kept;
}

static NOINLINE void small_blocks(void)
{
    for (int i = 0; i < 300; i++)
        memset(malloc(1000), i, 1000);
    mark_count++;
}

static NOINLINE void large_blocks(void)
{
    char *grown = malloc(MARK_MALLOC(21)), *text;

    kept = grown;
    kept = grown = realloc(grown, MARK_MALLOC(22));
    grown = realloc(grown, MARK_MALLOC(23));
    kept = calloc(1, MARK_MALLOC(24));
    kept = aligned_alloc(4096, MARK_MALLOC(25));
    if (posix_memalign((void **)&kept, 64, MARK_MALLOC(26)) != 0)
        abort();
    memset(grown, 'x', 300000);
    grown[300000] = 0;
    kept = strdup(grown);
    if (asprintf(&text, "%s%s", grown, grown) < 0)
        abort();
    kept = text;
    kept = calls_allocate(MARK_MALLOC(27));
    mark_count++;
}

static NOINLINE void other_calls(void)
{
    char *memory = mmap(NULL, MARK_BYTES(30), PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    int fd, id;
    void *attached;

    if (memory == MAP_FAILED)
        abort();
    memory = mremap(memory, MARK_BYTES(30), MARK_BYTES(31), MREMAP_MAYMOVE);
    if (memory == MAP_FAILED || mprotect(memory, MARK_BYTES(1), PROT_READ | PROT_WRITE) != 0)
        abort();
    munmap(memory, MARK_BYTES(31));
    kept = sbrk(0x123000);
    fd = memfd_create("marked", 0);
    close(fd);
    id = shmget(IPC_PRIVATE, MARK_BYTES(32), 0600);
    attached = shmat(id, NULL, 0);
    shmctl(id, IPC_RMID, NULL);
    shmdt(attached);
    mark_count++;
}

static ucontext_t here, there;

static void coroutine(int n)
{
    plain(n);
    mark_count++;
}

static NOINLINE void other_stack(int n)
{
    static char stack[65536] __attribute__((aligned(16)));

    getcontext(&there);
    there.uc_stack.ss_sp = stack;
    there.uc_stack.ss_size = sizeof(stack);
    there.uc_link = &here;
    makecontext(&there, (void (*)(void))coroutine, 1, n);
    swapcontext(&here, &there);
    mark_count++;
}

static void __attribute__((constructor)) constructor(void)
{
    plain(40);
    mark_count++;
}

static void __attribute__((destructor)) destructor(void)
{
    plain(41);
    mark_count++;
}

static void at_exit(void)
{
    plain(42);
    mark_count++;
}

int main(void)
{
    int numbers[] = {3, 1, 2};

    shapes();
    qsort(numbers, 3, sizeof(int), compare);
    allocate(MARK_MALLOC(19));
    small_blocks();
    large_blocks();
    other_calls();
    other_stack(mark_unknown(43));
    atexit(at_exit);
    return numbers[0] != 1;
}
