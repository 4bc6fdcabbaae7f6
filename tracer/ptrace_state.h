/*
 * What the ptrace source knows of its tracees; private to tracer/ptrace_*.c.
 *
 *     process 16067 --- tracee 16067
 *                   \-- tracee 25893   in_call: munmap, entered at ...   --> calls (by enter time)
 */
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <sys/queue.h>
#include <uthash.h>

#include "base/vector.h"
#include "evidence/syscalls.h"
#include "target/tracee.h"
#include "tracer/event_queue.h"
#include "tracer/follow_cpu.h"
#include "tracer/give_way.h"
#include "tracer/ptrace_source.h"
#include "tracer/switches.h"
#include "tracer/trial.h"

enum tracee_phase {
    PHASE_RUNNING,
    PHASE_STOPPED,   /* kept by us: frozen, or at its exit */
    PHASE_LISTENING, /* in a group-stop that we keep */
};

enum tracee_call {
    CALL_NONE,
    CALL_SKIPPED, /* in a call that is not in the table: the next syscall stop is its exit */
    CALL_WANTED,
};

/* Of one process, or of several that share it (vfork, CLONE_VM). */
struct process_memory {
    unsigned references;
    uint64_t brk; /* the end of its heap at the last brk; 0 not known */
    struct code_map code;
};

struct process {
    pid_t pid;
    unsigned tracees; /* known */
    unsigned alive;   /* of these, not yet at their exit */
    bool base_wanted; /* at its first stop the base hook is to look: a fork of a threaded parent */
    bool started;     /* its events are recorded: a spawned one only from its exec on */
    struct process_memory *memory;
    UT_hash_handle hh;
};

struct tracee {
    pid_t tid;
    struct process *process;
    enum tracee_phase phase;
    enum tracee_call call;
    bool exiting;
    bool kept_at_exit;
    bool newborn;           /* its first stop is still to come */
    int signal;             /* to be delivered when it goes on */
    enum tracee_resume how; /* it is to go on, while it is kept */
    bool unwanted;          /* to be let go of at its next stop */
    const struct syscall_row *row;
    uint64_t enter_ns;
    uint64_t resumed_ns; /* from its last stop */
    bool restarting;     /* the call returned ERESTART*: its re-entry is the same call */
    uint8_t abi;
    uint64_t args[6];
    uint64_t result_at; /* where the kernel stores the result (ipc's shmat); 0: it returns it */
    char *name;         /* a memfd's */
    struct code_map_stack stack;
    char comm[17];
    TAILQ_ENTRY(tracee) in_calls; /* valid while call == CALL_WANTED */
    UT_hash_handle hh;
};

enum ptrace_mode {
    MODE_RUN,
    MODE_FREEZE, /* stops are kept */
    MODE_DETACH, /* stops are answered with a detach */
};

/* A process at its first stop whose maker has not reported it yet: only the maker's report says
 * whose memory it has, as its parent pid may be another's (CLONE_PARENT, a maker that is gone). */
struct foundling {
    pid_t pid;
    int status; /* of its stop */
};

struct ptrace_source {
    struct event_source base;
    struct ptrace_source_options options;
    pthread_t thread;
    struct tracee *tracees; /* by tid */
    struct process *processes;
    TAILQ_HEAD(, tracee) calls; /* under way, by enter time */
    VECTOR(struct foundling) foundlings;
    VECTOR(struct event_queue_item) events;
    size_t next_event;
    struct event_queue_item delivered; /* whose name, and capture until it is taken, are ours */
    struct follow_cpu follow;
    struct give_way *give_way; /* NULL: refused */
    struct trial trial;        /* of giving way against not */
    struct switches switches;
    enum ptrace_mode mode;
    bool filtered; /* the adopted process stops only for the table's rows */
    bool quiet;
    bool adopting;    /* foundlings are taken in without their makers' reports */
    unsigned running; /* tracees in PHASE_RUNNING */
    pid_t adopted;
    uint64_t busy_since_ns; /* a tracee stands still since then; 0: all run */
    bool out_of_memory;

    /* Shared with other threads. */
    _Atomic int ending; /* enum ptrace_ending */
    _Atomic bool wake;  /* something for the tracer to look at */
    _Atomic uint64_t stops, busy_ns, switches_ns, tracee_count;
    _Atomic int exit_status;
    pthread_mutex_t lock; /* of `released` */
    VECTOR(pid_t) released;
};

/* --- ptrace_calls.c: syscall stops -> events --- */

/* Appends an event of TRACEE's process, with pending_ns set. Takes NAME and CAPTURE. */
void ptrace_emit(struct ptrace_source *source, struct event ev, char *name,
                 struct capture *capture);

/* A life event at the moment NOW. Copies NAME, which may be NULL. */
void ptrace_emit_life(struct ptrace_source *source, enum event_kind kind, pid_t pid, pid_t tid,
                      const uint64_t args[3], int64_t result, const char *name);

/* Handles a syscall or seccomp stop of TRACEE; returns how it is to go on. */
enum tracee_resume ptrace_call_stop(struct ptrace_source *source, struct tracee *tracee,
                                    enum tracee_stop stop);

/* Ends the call TRACEE is in with an unknown result: it died in it. */
void ptrace_call_abandon(struct ptrace_source *source, struct tracee *tracee);

/* Notes TRACEE's name and emits an event when it has changed. */
void ptrace_note_name(struct ptrace_source *source, struct tracee *tracee);

/* --- ptrace_tracees.c --- */

struct tracee *ptrace_find_tracee(const struct ptrace_source *source, pid_t tid);
struct process *ptrace_find_process(const struct ptrace_source *source, pid_t pid);

/* NULL: out of memory, which the source remembers. MEMORY_OF: whose memory it shares; NULL: it has its own. */
struct process *ptrace_add_process(struct ptrace_source *source, pid_t pid,
                                   const struct process *memory_of);
struct tracee *ptrace_add_tracee(struct ptrace_source *source, struct process *p, pid_t tid);

void ptrace_set_phase(struct ptrace_source *source, struct tracee *t, enum tracee_phase phase);
void ptrace_remove_tracee(struct ptrace_source *source, struct tracee *t);
void ptrace_remove_process(struct ptrace_source *source, struct process *p);

/* P runs another program: its memory is new, and no one else's. */
void ptrace_renew_memory(struct ptrace_source *source, struct process *p);

/* Adds the time since a tracee was found, or made to stand still, until now, when it goes on. */
void ptrace_count_busy(struct ptrace_source *source, uint64_t now_ns);

/* --- ptrace_stops.c --- */

/* Acts on what waitpid reported of TID. */
void ptrace_dispatch(struct ptrace_source *source, pid_t tid, int status);

/* Takes in those whose makers have not reported them: they died before they could. */
void ptrace_adopt_foundlings(struct ptrace_source *source);

/* Lets T, which is stopped, go on as t->how and t->signal say, or keeps it, or detaches it. */
void ptrace_go_on(struct ptrace_source *source, struct tracee *t);

/* The life events of a process and of a thread that are traced from now on. */
void ptrace_start_process(struct ptrace_source *source, struct process *p, enum event_start how,
                          pid_t parent);
void ptrace_start_thread(struct ptrace_source *source, struct tracee *t, pid_t parent);
