/*
 * A strace log while it is read: shared by strace.c (lines to calls), strace_lives.c (who is whose thread)
 * and strace_threads.c (the table of them), and by nobody else.
 *
 *     strace.c            a line's call, and what the thread had begun before     -> collection_event
 *     strace_times.c      a line's time on the log's clock, over midnights
 *     strace_lives.c      clone, exec, exits, names                                -> lives, processes
 *
 * A log tells tids only. Whose thread a tid is follows from the clone that made it, if it is in the log;
 * all others are taken to be of one process.
 */
#pragma once

#include "base/buffer.h"
#include "evidence/syscalls.h"
#include "importer/collection.h"
#include "importer/input.h"
#include "importer/strace_call.h"
#include "importer/strace_line.h"
#include "importer/strace_names.h"
#include "importer/strace_stack.h"

struct strace_process {
    pid_t handle;   /* as of collection_new_process */
    size_t threads; /* that live */
    bool begun;     /* its first moment is in the log: it was forked, or began with an exec */
    enum event_abi abi;
};

/* A call that has begun and not returned. */
struct strace_open {
    enum strace_meaning meaning; /* STRACE_OTHER: none */
    const struct syscall_row *row;
    uint64_t enter_ns;
    struct buffer text; /* behind the '(' */
};

struct strace_thread {
    pid_t tid;
    struct strace_process *process;
    bool adopted; /* its process is a guess until a clone names it */
    uint64_t first_ns;
    struct strace_open open;
    /* A call that was interrupted and will be made again. */
    const struct syscall_row *interrupted;
    uint64_t interrupted_ns, interrupted_args[6];
};

struct strace_threads {
    struct strace_thread **slots; /* by tid; NULL: free */
    size_t count, room;
    struct strace_thread *last; /* that was asked for */
};

/* The thread, NULL: there is none. */
struct strace_thread *strace_threads_find(struct strace_threads *threads, pid_t tid);
/* One of them; NULL: there is none. */
const struct strace_thread *strace_threads_any(const struct strace_threads *threads);
/* Makes one; NULL: out of memory, or there are too many. */
struct strace_thread *strace_threads_add(struct strace_threads *threads, pid_t tid);
void strace_threads_remove(struct strace_threads *threads, struct strace_thread *thread);
void strace_threads_deinit(struct strace_threads *threads);

enum { STRACE_SHM_KNOWN = 1024 };

struct strace_log {
    struct collection *c;
    struct input *in;
    struct strace_threads threads;
    VECTOR(struct strace_process *) processes;
    struct strace_process unknown; /* whose threads were there before the log began */
    struct strace_stacks *stacks;
    pid_t file_tid; /* of -ff: the file's name tells it; 0 */
    pid_t
        plain_tid; /* of the thread whose lines have no tid, once a line tells it; 0. It is 0 in the
                        table: who is alone has no "[pid N]" */
    bool names_threads; /* some line does */
    bool whole;         /* calls are in it that a search for mappings leaves out */
    pid_t announced;    /* the last new thread that strace told of */
    bool cut;           /* the line before was a call's, which a note of strace's cut in two ... */
    pid_t cut_tid;      /* ... of this thread */
    size_t clones_open; /* of all threads */

    /* The line at hand. */
    uint64_t line_number;
    enum when_basis basis;
    uint64_t now_ns;

    /* Times. */
    bool timed;
    uint64_t last_clock_ns, days_ns; /* of times of day: midnights that went by */
    uint64_t clock_ns;               /* the time of day with the days */
    uint64_t relative_ns;            /* the sum so far */
    uint64_t last_exit_ns;
    struct when placed; /* what --date and --tz make of the first one */
    int64_t placed_shift_ns;
    enum when_basis first_basis;
    uint64_t window_first_ns, window_last_ns; /* of all lines, on the basis of the first */
    enum when_basis window_basis;
    bool windowed;

    /* The last call, until it is sure that no frames follow. */
    bool has_event, event_alone;
    struct event event;
    char event_name[256];

    struct {
        uint64_t id, bytes;
    } shm[STRACE_SHM_KNOWN]; /* id + 1; what shmget said, by the id's lowest bits */

    uint64_t records, without_result, without_call, strange_words;
};

/* Sets log->basis and log->now_ns by what the line says. */
void strace_times_set(struct strace_log *log, const struct strace_line *line);

/* When a call returned, made to agree with the order of the lines. */
uint64_t strace_times_in_order(struct strace_log *log, uint64_t exit_ns);

/* "Process 123 attached" */
void strace_lives_note(struct strace_log *log, const char *text, size_t len);

/* The thread of a line, made when it is new. RET_THREAD NULL: there are too many. */
struct seep_error *strace_lives_thread(struct strace_log *log, const struct strace_line *line,
                                       struct strace_thread **ret_thread);

/* A whole call, or the joined text of one, that is about lives. */
struct seep_error *strace_lives_call(struct strace_log *log, struct strace_thread *thread,
                                     enum strace_meaning meaning, const char *name, size_t name_len,
                                     const char *text, size_t len, uint64_t enter_ns,
                                     const char **ret_rest, size_t *ret_rest_len);

/* "exited with 0 +++", "killed by SIGKILL (core dumped) +++", "superseded by execve in pid 123 +++". */
struct seep_error *strace_lives_ended(struct strace_log *log, struct strace_thread *thread,
                                      const char *text, size_t len);

/* "PID=123 runs in 32 bit mode. ]" */
struct seep_error *strace_lives_mode(struct strace_log *log, const char *text, size_t len);

/* Hands the last call over, with the frames that followed it. */
struct seep_error *strace_log_flush(struct strace_log *log);

/* A turn in a life, now or at TIME_NS. NAME may be NULL. */
struct seep_error *strace_log_life(struct strace_log *log, enum event_kind kind,
                                   const struct strace_process *process, pid_t tid,
                                   uint64_t time_ns, const uint64_t args[3], int64_t result,
                                   const char *name);
