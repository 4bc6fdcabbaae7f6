/*
 * Stacks that lead nowhere. What is left of each path must be true, and its end marked:
 *
 *     mark 0    a handler, called because a null pointer was called
 *     mark 1    below a return address that was overwritten
 *     mark 2    below frame pointers that go round in circles
 *     mark 3    on a stack that was made by hand, and has nothing above its one function
 */
#include "mark.h"

#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>

volatile int mark_count;
static jmp_buf before;

static NOINLINE void plain(int n)
{
    mark(n);
    mark_count++;
}

static void on_fault(int signal)
{
    plain(0);
    mark_count += signal;
    siglongjmp(before, 1);
}

static NOINLINE void call_null(void (*volatile function)(void))
{
    function();
    mark_count++;
}

static NOINLINE void smashed(int n)
{
    uintptr_t *volatile frame = __builtin_frame_address(0);

    frame[1] = 0x41414141;
    plain(n);
    longjmp(before, 1);
}

/* So that frame pointers are all there is, its unwind information is taken away. */
static NOINLINE void circling(int n)
{
    uintptr_t *volatile frame = __builtin_frame_address(0);

    frame[0] = (uintptr_t)frame;
    plain(n);
    longjmp(before, 1);
}

static void alone(void)
{
    plain(3);
    longjmp(before, 1);
}

static NOINLINE void on_other_stack(void)
{
    static char stack[65536] __attribute__((aligned(16)));

    __asm__ volatile("mov %0, %%rsp\n\tpush $0\n\txor %%ebp, %%ebp\n\tjmp *%1"
                     :
                     : "r"(stack + 60000), "r"(alone)
                     : "memory");
    __builtin_unreachable();
}

int main(void)
{
    struct sigaction action = {.sa_handler = on_fault, .sa_flags = SA_NODEFER};

    sigaction(SIGSEGV, &action, NULL);
    if (sigsetjmp(before, 1) == 0)
        call_null(NULL);
    if (setjmp(before) == 0)
        smashed(mark_unknown(1));
    if (setjmp(before) == 0)
        circling(mark_unknown(2));
    if (setjmp(before) == 0)
        on_other_stack();
    return 0;
}
