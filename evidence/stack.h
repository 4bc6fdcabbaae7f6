/*
 * Call paths: frames, innermost first, and where they end.
 *
 *     frame 0   libc.so.6   0x10f1b9   __mmap
 *     frame 1   libc.so.6   0x98a02    sysmalloc
 *     frame 2   leaky       0x1234     handle_request
 *     ...                              end: complete
 *
 * A path names each module and each frame once: stack_table.h gives them numbers. Names are not known
 * here as a rule: an offset in a module of known build-id is turned into function, file and line at
 * the analysis, on any machine (stacks/symbols.h). Evidence that has names already keeps them.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { STACK_BUILD_ID_BYTES = 64, STACK_MAX_FRAMES = 1024 };

/* The numbers of all enums here are in the file format. */
enum stack_frame_kind {
    STACK_FRAME_NATIVE = 0, /* in a module, or at an address of which nothing is known */
    STACK_FRAME_JIT = 1,    /* in anonymous executable memory: code that was made at run time */
    STACK_FRAME_JAVA = 2,   /* named by a Java runtime */
    STACK_FRAME_GAP = 3,    /* frames are missing here; `function` says why */
};

/* EXACT: `address` was executing, or is where the kernel makes a signal's handler return to; else it is
 * where a call returns to, and the call is in the byte before it. */
enum stack_frame_flags {
    STACK_FRAME_EXACT = 1 << 0,
    STACK_FRAME_BY_POINTER = 1 << 1, /* found by the frame pointer, for want of an unwind table */
};

enum stack_end {
    STACK_END_COMPLETE = 0,       /* at the outermost frame */
    STACK_END_MAX_FRAMES = 1,     /* there were more than were wanted */
    STACK_END_COPY = 2,           /* it goes on beyond the bytes that were copied */
    STACK_END_NO_UNWIND_INFO = 3, /* nothing tells how to go on from the last frame */
    STACK_END_BROKEN = 4,         /* what the last frame leads to makes no sense */
    STACK_END_UNKNOWN = 5,        /* whoever recorded it did not say */
};

struct stack_module {
    char *path; /* as the process knew it; "[vdso]" */
    uint8_t build_id[STACK_BUILD_ID_BYTES];
    uint8_t build_id_len; /* 0: it has none, or it could not be read */
};

struct stack_frame {
    uint8_t kind;     /* enum stack_frame_kind */
    uint8_t flags;    /* enum stack_frame_flags */
    uint64_t address; /* in the process; 0 unknown */
    uint64_t offset; /* in the module: the virtual address of the ELF file, as addr2line takes it */
    const struct stack_module *module; /* NULL: none, or unknown */
    /* What was known when it was recorded; NULL and 0 as a rule. */
    char *function, *file;
    uint32_t line;
};

/* Frames that belong to whoever says so. */
struct stack_path {
    enum stack_end end;
    const struct stack_frame *frames; /* innermost first */
    size_t count;
};
