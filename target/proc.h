/*
 * What /proc says of a process, read as it is now. A process may end between any two reads: that is
 * ERROR_GONE, a right that is missing ERROR_DENIED.
 *
 *     proc_stat(pid, &stat)          pid 4242 (redis server) R 1 ...   comm may hold anything
 *     proc_threads(pid, &tids)       /proc/4242/task
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/vector.h"

struct proc_stat {
    pid_t pid, ppid, pgrp, session;
    char comm[17];
    char state;
    unsigned flags;       /* PF_*: PF_KTHREAD 0x00200000 */
    uint64_t start_ticks; /* clock ticks since boot: with the pid, a process's identity */
    uint64_t cpu_ns;      /* user + system */
    int processor;        /* the CPU it last ran on */
    uint64_t thread_count;
};

VECTOR_TYPE(proc_pids, pid_t);

static inline void proc_pids_deinit(struct proc_pids *pids)
{
    vector_deinit(pids);
}

struct seep_error *proc_stat(pid_t pid, struct proc_stat *ret_stat);
struct seep_error *proc_thread_stat(pid_t pid, pid_t tid, struct proc_stat *ret_stat);

/* The thread group TID belongs to. */
struct seep_error *proc_thread_group(pid_t tid, pid_t *ret_pid);

/* comm of one thread; RET_NAME holds 17 bytes or more. */
struct seep_error *proc_thread_name(pid_t pid, pid_t tid, char *ret_name);

/* Appends the tids of PID, ascending. */
struct seep_error *proc_threads(pid_t pid, struct proc_pids *ret_tids);

/* A thread of PID through which its memory can be read: PID itself, or, when its first thread has ended,
 * one that has not. */
pid_t proc_memory_thread(pid_t pid);

/* Appends the descendants of PID, parents before children, PID itself not included. */
struct seep_error *proc_descendants(pid_t pid, struct proc_pids *ret_pids);

/* The executable's path (readlink of exe; comm in brackets for a kernel thread); the caller frees.
 */
struct seep_error *proc_exe(pid_t pid, char **ret_path);

/* The command line with its arguments joined by blanks and escaped; the caller frees. */
struct seep_error *proc_command(pid_t pid, char **ret_command);

/* Appends the whole of /proc/PID/NAME. */
struct seep_error *proc_read(pid_t pid, const char *name, struct buffer *ret_text);

/* One numeric field of /proc/PID/status ("Tgid", "Uid", "TracerPid"), its first number. */
struct seep_error *proc_status_number(pid_t pid, const char *field, uint64_t *ret_number);
