/*
 * What the programs of the strace oracle share. They make the same calls in every run, so that two
 * runs without address randomisation differ in times, pids and SysV ids only.
 *
 *     exercise_begin(argc, argv);     "gated": waits for a byte on stdin, so that one can attach
 *     ... calls ...
 *     exercise_end();                 marks the end, waits for another byte
 *
 * Both ends make a call that nobody else makes: munmap(0x5ee9, 1) and munmap(0x5ee9, 2).
 */
#pragma once

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PAGE         4096L
#define MARK_ADDRESS 0x5ee9L

#ifdef __i386__
#define SYSCALL_MMAP       SYS_mmap2
#define FILE_OFFSET(bytes) ((bytes) / PAGE)
#else
#define SYSCALL_MMAP       SYS_mmap
#define FILE_OFFSET(bytes) (bytes)
#endif

static bool exercise_gated;

static inline void exercise_gate(void)
{
    char byte;

    if (exercise_gated && read(STDIN_FILENO, &byte, 1) < 0)
        _exit(1);
}

static inline void exercise_begin(int argc, char **argv)
{
    closefrom(STDERR_FILENO + 1); /* the numbers of new descriptors show in the calls */
    exercise_gated = argc > 1 && strcmp(argv[1], "gated") == 0;
    exercise_gate();
    syscall(SYS_munmap, MARK_ADDRESS, 1);
}

static inline void exercise_end(void)
{
    syscall(SYS_munmap, MARK_ADDRESS, 2);
    exercise_gate();
}

/* LEN bytes of private memory; the program ends when there is none, since all that follows would
 * differ. */
static inline char *exercise_map(long len)
{
    void *p = mmap(NULL, (size_t)len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (p == MAP_FAILED) {
        perror("exercise: mmap");
        _exit(1);
    }
    return p;
}
