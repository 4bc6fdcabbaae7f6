/*
 * ELF core dumps as the kernel, gcore and systemd-coredump write them, read without trust.
 *
 *     ELF header        64- or 32-bit, little-endian
 *     program headers   PT_NOTE, PT_LOAD, PT_LOAD ...    from 65,535 on, section header 0 counts them
 *     notes             NT_PRPSINFO   name and arguments     NT_PRSTATUS   a thread and its registers
 *     |                 NT_FILE       which files lay where  NT_AUXV       what exec told the program
 *     memory            [start, start + saved) of each segment; the rest of it was not dumped
 *
 *     core_read(file, &core)                             all but the memory
 *     core_source_create(&core, file, &source)           the memory, by the process's addresses
 *
 * The file is a mem_source whose addresses are offsets, so that it may be compressed, cut short, or
 * bytes in a test: what cannot be read is a short read. It is read from front to back once, as far
 * as its own order allows. What is not in a core: times, whether a mapping was shared, which memory
 * was resident, and names of threads but the first. See elf(5), core(5), fs/binfmt_elf.c.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/vector.h"
#include "evidence/event.h"
#include "evidence/maps.h"
#include "evidence/mem_source.h"

enum {
    CORE_MAX_SEGMENTS = 1 << 24,    /* sixteen times what a server's max_map_count may be */
    CORE_MAX_FILES_BYTES = 1 << 28, /* of NT_FILE; the kernel gives 4 MiB at most */
    CORE_REGISTERS = 34,
};

struct core_segment {
    uint64_t start, end;  /* what was mapped */
    uint64_t saved_bytes; /* from START on, that the core claims to hold; 0: not dumped */
    uint64_t file_at;     /* where in the core */
    uint32_t perms;       /* enum vma_perms without VMA_SHARED */
    uint64_t offset;      /* in the mapped file */
    const char *name;     /* of NT_FILE; "[stack]", "[vdso]"; "" unknown. Owned by the core */
};

struct core_thread {
    pid_t tid;
    int signal;      /* that it was about to get; 0 none */
    uint64_t cpu_ns; /* user and system */
    uint64_t pc, sp;
    /* By DWARF number: x86-64 0-16, i386 0-8, aarch64 0-30, 31 sp, 32 pc, 33 pstate. */
    uint64_t registers[CORE_REGISTERS];
    uint32_t register_count; /* 0: of another machine */
};

struct core {
    unsigned bits;      /* 64 or 32 */
    uint16_t machine;   /* EM_X86_64 ... */
    enum event_abi abi; /* of its system calls */
    pid_t pid, ppid;    /* 0 unknown */
    char name[17];      /* comm; "" unknown */
    char arguments[81]; /* the first 80 bytes of its command line, joined by blanks; "" unknown */
    uint64_t stack_at;  /* an address on the first thread's stack, above its frames; 0 unknown */
    uint64_t vdso_at;   /* 0 unknown */
    uint64_t entry_at;  /* AT_ENTRY; 0 unknown */
    VECTOR(struct core_segment) segments; /* by start, not overlapping, whole pages */
    VECTOR(struct core_thread) threads;   /* in the core's order: the one that died comes first */
    struct buffer auxv;                   /* as it is in memory */
    uint64_t need_bytes;                  /* the file's length, if nothing is missing */
    size_t odd_segments;                  /* left out: overlapping, not on whole pages, or empty */
    bool cut; /* the end of the program headers or of the notes was missing */
    char *names;
};

/* ERROR_CORRUPT: no ELF core; ERROR_UNSUPPORTED: big-endian. What is behind a cut is missing. */
struct seep_error *core_read(struct mem_source *file, struct core *ret_core);
void core_deinit(struct core *core);
#define _cleanup_core_ _cleanup_(core_deinit)

/* Memory as far as it was dumped; what was not is a hole. Both must outlive it. */
struct seep_error *core_source_create(const struct core *core, struct mem_source *file,
                                      struct mem_source **ret_source);

/* The whole command line, argument by argument with a NUL after each, and the path of the
 * executable as exec was given it, from the first thread's stack; untouched when they are not to be
 * had there. */
struct seep_error *core_command_line(const struct core *core, struct mem_source *file,
                                     struct buffer *ret_arguments, struct buffer *ret_executable);

/* What seems to be a core, by its first LEN bytes. */
bool core_is_one(const void *bytes, size_t len);
