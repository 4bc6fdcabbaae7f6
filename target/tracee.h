/*
 * One traced thread: the ptrace requests by name, with the race that each has to live with.
 *
 *     seize --> running --interrupt--> EVENT_STOP --resume--> running ... --> stop --detach--> free
 *
 * A tracee can be killed at any moment, even while stopped: every request may find it gone, which
 * is TRACEE_GONE and no error. All requests must come from the thread that seized. See ptrace(2).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ptrace.h>
#include <sys/types.h>

enum tracee_result {
    TRACEE_DONE,
    TRACEE_GONE,    /* no such thread, or it was killed meanwhile */
    TRACEE_REFUSED, /* errno says why */
};

/* How a stopped thread goes on. */
enum tracee_resume {
    TRACEE_CONTINUE,   /* to the next signal or event */
    TRACEE_TO_SYSCALL, /* to the next syscall entry or exit too */
    TRACEE_LISTEN,     /* stays in its group-stop, but reports SIGCONT */
};

/* What a wait status of a tracee means. */
enum tracee_stop {
    TRACEE_EXITED,     /* WIFEXITED or WIFSIGNALED: the thread is gone */
    TRACEE_SYSCALL,    /* entry or exit */
    TRACEE_SECCOMP,    /* entry, by a filter */
    TRACEE_SIGNAL,     /* about to receive WSTOPSIG */
    TRACEE_GROUP_STOP, /* stopped by SIGSTOP and its kin */
    TRACEE_TRAPPED,    /* by interrupt, at birth, or at the end of a group-stop */
    TRACEE_NEW_THREAD, /* PTRACE_EVENT_CLONE; the message is the new tid, as for the next two */
    TRACEE_NEW_FORK,
    TRACEE_NEW_VFORK,
    TRACEE_EXEC,    /* the message is the former tid of the caller */
    TRACEE_EXITING, /* PTRACE_EVENT_EXIT; the message is the wait status to come */
};

enum tracee_options {
    TRACEE_FOLLOW_FORKS = 1, /* children of fork and vfork are traced from birth */
    TRACEE_KILL_ON_EXIT = 2, /* the tracee dies with its tracer: for our own children only */
    TRACEE_SECCOMP_STOPS = 4,
};

enum tracee_result tracee_seize(pid_t tid, unsigned options);
enum tracee_result tracee_interrupt(pid_t tid);
enum tracee_result tracee_resume(pid_t tid, enum tracee_resume how, int signal);
enum tracee_result tracee_detach(pid_t tid, int signal);
enum tracee_result tracee_message(pid_t tid, unsigned long *ret_message);

/* RET_INFO->op: PTRACE_SYSCALL_INFO_ENTRY, _EXIT, _SECCOMP or _NONE. */
enum tracee_result tracee_syscall_info(pid_t tid, struct __ptrace_syscall_info *ret_info);

/* The general registers, as PTRACE_GETREGSET gives them: how many bytes there are tells whether TID runs
 * 64-bit or 32-bit code. */
enum tracee_result tracee_registers(pid_t tid, void *registers, size_t size, size_t *ret_got);

/* The report of TID (-1: of any tracee of this thread) as a wait status; BLOCK: waits for one. Returns its tid, 0 when
 * there is none, -1 with errno when there is nobody to wait for or a signal came. A stop is left in
 * place, and is reported again until the tracee goes on: the kernel forgets the signal that a thread
 * is about to receive when its stop is consumed, and if the tracer is killed then the signal is lost
 * (ptrace_stop() and wait_task_stopped() of the kernel). An exit is reaped. */
pid_t tracee_wait(pid_t tid, bool block, int *ret_status);

/* Consumes the stop of TID, which is to be kept and not to be reported again. */
void tracee_consume(pid_t tid);

enum tracee_stop tracee_classify(int wait_status);

/* True when two processes share one address space (kcmp(2)); false too when that cannot be told. */
bool tracee_shares_memory(pid_t a, pid_t b);
