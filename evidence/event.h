/*
 * One thing that happened in a traced process: a memory syscall, or a turn in the life of a thread.
 *
 *     mmap(NULL, 16781312, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x7f46d34e2000
 *     { enter_ns, exit_ns, pid 16067, tid 25900, abi x86-64, kind EVENT_MMAP,
 *       args {0, 16781312, 3, 0x22, -1, 0}, result 0x7f46d34e2000 }
 *
 * Plain data. Times are CLOCK_MONOTONIC nanoseconds of the recording host (the case holds the
 * offset to the wall clock). Events come in the order of exit_ns; a call that was interrupted and
 * restarted is one event. The kernel acted at some moment between enter and exit, so that two
 * overlapping calls may have acted in either order: analyzer/order.h decides.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum event_kind {
    /* Memory syscalls; their rows are in evidence/syscalls.h. The numbers are in the file format.
     */
    EVENT_MMAP = 1, /* i386 mmap2 and old mmap too, with byte offsets */
    EVENT_MUNMAP = 2,
    EVENT_MREMAP = 3,
    EVENT_BRK = 4,
    EVENT_MPROTECT = 5,
    EVENT_PKEY_MPROTECT = 6,
    EVENT_MADVISE = 7,
    EVENT_SHMAT = 8, /* args[3]: bytes of the new mapping, looked up at the return; 0 unknown */
    EVENT_SHMDT = 9,
    EVENT_SHMGET = 10,
    EVENT_SHMCTL = 11,
    EVENT_MEMFD_CREATE = 12, /* name: the memfd's */
    EVENT_PROCESS_MADVISE = 13,
    EVENT_IO_SETUP =
        14, /* args[2]: the context id the kernel stored = start of the [aio] mapping */
    EVENT_IO_DESTROY = 15,
    EVENT_MAP_SHADOW_STACK = 16,
    EVENT_REMAP_FILE_PAGES = 17,
    EVENT_SYSCALL_LAST = EVENT_REMAP_FILE_PAGES,

    /* Lives. enter_ns == exit_ns; result 0 unless said. */
    EVENT_PROCESS_START = 32, /* args: enum event_start, parent pid, start time (clock ticks) */
    EVENT_THREAD_START = 33,  /* args: parent tid (0: there before the trace); name: comm */
    EVENT_EXEC = 34,          /* args: the former tid of the calling thread; name: the executable */
    EVENT_THREAD_EXIT = 35,   /* result: wait status as of waitpid(2) */
    EVENT_PROCESS_EXIT =
        36, /* result: wait status; the address space's contents stay in the books */
    EVENT_THREAD_NAME = 37, /* name: the new comm */
    EVENT_LOST = 38,        /* args: number of events lost here; pid 0: of any process */
    EVENT_DETACH = 39,      /* pid is no longer watched from here on */
};

enum event_start {
    EVENT_START_ATTACHED, /* was there before the trace; a base snapshot tells what it had */
    EVENT_START_FORK,     /* copies the parent's address space */
    EVENT_START_SHARED,   /* vfork or CLONE_VM: shares it, until it execs */
};

enum event_abi {
    EVENT_ABI_X86_64,
    EVENT_ABI_I386,
    EVENT_ABI_X32,
    EVENT_ABI_AARCH64,
    EVENT_ABI_UNKNOWN,
    EVENT_ABI_I386_OLD, /* i386's first mmap, which is passed a pointer to its arguments */
};

/* The result of a call whose return was not seen (the thread died in it, the trace ended). */
#define EVENT_RESULT_UNKNOWN INT64_MIN

struct event {
    uint64_t enter_ns;
    uint64_t exit_ns;
    /* Enter time of the earliest call of any thread that was under way when this one ended;
     * 0: none. A later event never has an enter_ns before it, which bounds how far a reader that
     * wants enter order has to look ahead. */
    uint64_t pending_ns;
    uint64_t args[6]; /* as passed; the unused ones are 0; 32-bit ABIs zero-extended */
    int64_t result;   /* an address or number; failed: -errno; EVENT_RESULT_UNKNOWN */
    pid_t pid;        /* thread group id, in the tracer's pid namespace */
    pid_t tid;
    uint32_t stack_id; /* 0: no stack */
    uint8_t kind;      /* enum event_kind */
    uint8_t abi;       /* enum event_abi */
    char *name; /* NULL: none. Owned by whoever owns the event: see event_source, event_sink */
};

/* Failed calls change no books. Addresses of the top half never look like errors: -4095..-1 only.
 */
static inline bool event_failed(const struct event *ev)
{
    return (ev->result < 0 && ev->result >= -4095) || ev->result == EVENT_RESULT_UNKNOWN;
}

static inline bool event_is_syscall(const struct event *ev)
{
    return ev->kind >= EVENT_MMAP && ev->kind <= EVENT_SYSCALL_LAST;
}
