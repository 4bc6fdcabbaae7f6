#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/units.h"
#include "evidence/call_text.h"
#include "importer/strace_log.h"

enum {
    MAX_PID = 1 << 22,
    MAX_PATH_BYTES = 4096,
    MAX_COMMAND_BYTES = 4096,
    CORE_DUMPED = 0x80,
    COMM_BYTES = 17,
};

/* --- words --- */

static bool has(const char *text, size_t len, const char *word)
{
    return memmem(text, len, word, strlen(word)) != NULL;
}

/* The number behind WORD; 0: there is none. */
static uint64_t number_behind(const char *text, size_t len, const char *word)
{
    const char *at = memmem(text, len, word, strlen(word)), *end = text + len;
    uint64_t value = 0;
    unsigned base = 10;

    if (!at)
        return 0;
    at += strlen(word);
    if (end - at > 2 && at[0] == '0' && at[1] == 'x') {
        base = 16;
        at += 2;
    }
    for (; at < end && value < INT64_MAX / 32; at++) {
        unsigned digit = *at >= '0' && *at <= '9'                 ? (unsigned)(*at - '0')
                         : *at >= 'a' && *at <= 'f' && base == 16 ? (unsigned)(*at - 'a' + 10)
                                                                  : base;

        if (digit == base)
            break;
        value = value * base + digit;
    }
    return value;
}

static bool has_flag(const char *text, size_t len, const char *word, uint64_t bit)
{
    return has(text, len, word) || (number_behind(text, len, "flags=") & bit);
}

/* --- events --- */

struct seep_error *strace_log_life(struct strace_log *log, enum event_kind kind,
                                   const struct strace_process *process, pid_t tid,
                                   uint64_t time_ns, const uint64_t args[3], int64_t result,
                                   const char *name)
{
    struct event ev = {.enter_ns = time_ns,
                       .exit_ns = time_ns,
                       .result = result,
                       .pid = process->handle,
                       .tid = tid,
                       .kind = kind,
                       .abi = process->abi,
                       .name = (char *)name};
    struct seep_error *err = strace_log_flush(log);

    if (err)
        return err;
    for (int i = 0; args && i < 3; i++)
        ev.args[i] = args[i];
    return collection_event(log->c, log->basis, &ev);
}

static struct seep_error *process_starts(struct strace_log *log, struct strace_process *process,
                                         pid_t tid, enum event_start how, pid_t parent,
                                         uint64_t time_ns)
{
    /* As the kernel's numbers are: a handle is below 0. */
    const uint64_t args[3] = {how, (uint64_t)(int64_t)parent};

    return strace_log_life(log, EVENT_PROCESS_START, process, tid, time_ns, args, 0, NULL);
}

/* --- threads and processes --- */

static struct strace_process *new_process(struct strace_log *log, pid_t tid)
{
    struct strace_process *process = calloc(1, sizeof(*process));
    struct seep_error *err = process ? vector_push(&log->processes, process) : NULL;

    if (!process || err) {
        error_destroy(err);
        free(process);
        return NULL;
    }
    process->handle = collection_process_of(log->c, tid, true);
    return process;
}

/* A pid that is used again is another process. */
static struct strace_process *fresh_process(struct strace_log *log, pid_t tid)
{
    if (!log->file_tid)
        collection_set_process_of(log->c, tid, collection_new_process(log->c));
    return new_process(log, tid);
}

static struct seep_error *begin_thread(struct strace_log *log, pid_t tid,
                                       struct strace_process *process, uint64_t time_ns,
                                       pid_t parent, struct strace_thread **ret_thread)
{
    const uint64_t args[3] = {(uint64_t)parent};
    struct strace_thread *thread = strace_threads_add(&log->threads, tid);
    bool first = process->threads == 0;
    struct seep_error *err = NULL;

    if (!thread) {
        *ret_thread = NULL;
        return NULL;
    }
    thread->process = process;
    thread->first_ns = time_ns;
    process->threads++;
    if (tid > 0)
        collection_saw_thread(log->c, process->handle, tid);
    if (first && !process->begun && !parent)
        err = process_starts(log, process, tid, EVENT_START_ATTACHED, 0, time_ns);
    if (!err)
        err = strace_log_life(log, EVENT_THREAD_START, process, tid, time_ns, args, 0, NULL);
    *ret_thread = thread;
    return err;
}

void strace_lives_note(struct strace_log *log, const char *text, size_t len)
{
    uint64_t tid = number_behind(text, len, "Process ");

    if (tid && tid <= MAX_PID && has(text, len, " attached"))
        log->announced = (pid_t)tid;
}

/* The thread's number in the table. */
static pid_t tid_of(struct strace_log *log, const struct strace_line *line)
{
    const struct strace_thread *alone = strace_threads_find(&log->threads, 0);

    if (!line->tid && log->file_tid)
        return log->file_tid;
    if (!line->tid && log->threads.count == 1 && !alone)
        return strace_threads_any(&log->threads)->tid;
    /* The one that was alone, now that it is not any more: all others are announced. */
    if (line->tid && alone && !log->plain_tid && line->tid != log->announced &&
        !strace_threads_find(&log->threads, line->tid))
        log->plain_tid = line->tid;
    return line->tid == log->plain_tid ? 0 : line->tid;
}

struct seep_error *strace_lives_thread(struct strace_log *log, const struct strace_line *line,
                                       struct strace_thread **ret_thread)
{
    pid_t tid = tid_of(log, line);
    struct strace_thread *thread = strace_threads_find(&log->threads, tid);
    struct strace_process *process = &log->unknown;
    bool guess = log->clones_open > 0;
    struct seep_error *err;

    if (thread) {
        *ret_thread = thread;
        return NULL;
    }
    if (log->file_tid || guess)
        process = fresh_process(log, tid);
    if (!process)
        return error_no_memory();
    /* Its clone has not returned in the log; until then its process is its own. */
    process->begun |= guess;
    err = begin_thread(log, tid, process, log->now_ns, 0, ret_thread);
    if (!err && *ret_thread)
        (*ret_thread)->adopted = guess;
    return err;
}

/* PARENT made the thread CHILD. */
static struct seep_error *thread_made(struct strace_log *log, struct strace_thread *parent,
                                      pid_t child, uint64_t enter_ns)
{
    struct strace_thread *thread = strace_threads_find(&log->threads, child);

    if (thread && thread->adopted) {
        collection_same_process(log->c, thread->process->handle, parent->process->handle);
        thread->process->threads--;
        thread->process = parent->process;
        thread->process->threads++;
        thread->adopted = false;
        return NULL;
    }
    if (log->file_tid) {
        /* Its own file tells the rest. */
        collection_same_process(log->c, collection_process_of(log->c, child, true),
                                parent->process->handle);
        return NULL;
    }
    if (thread)
        strace_threads_remove(&log->threads, thread);
    return begin_thread(log, child, parent->process, enter_ns, parent->tid, &thread);
}

/* PARENT made the process CHILD. */
static struct seep_error *process_made(struct strace_log *log, struct strace_thread *parent,
                                       pid_t child, bool shared, uint64_t enter_ns)
{
    struct strace_thread *thread = strace_threads_find(&log->threads, child);
    enum event_start how = shared ? EVENT_START_SHARED : EVENT_START_FORK;
    struct strace_process *process;
    uint64_t time_ns = enter_ns;
    struct seep_error *err;

    if (log->file_tid) {
        struct strace_process told = {.handle = collection_process_of(log->c, child, true)};

        collection_same_process(log->c, told.handle, child);
        return process_starts(log, &told, child, how, parent->process->handle, time_ns);
    }
    if (thread && thread->adopted) {
        process = thread->process;
        thread->adopted = false;
        if (thread->first_ns < time_ns)
            time_ns = thread->first_ns - 1;
    } else {
        if (thread)
            strace_threads_remove(&log->threads, thread);
        thread = NULL;
        process = fresh_process(log, child);
        if (!process)
            return error_no_memory();
        process->begun = true;
    }
    process->abi = parent->process->abi;
    collection_same_process(log->c, process->handle, child);
    err = process_starts(log, process, child, how, parent->process->handle, time_ns);
    return err || thread ? err : begin_thread(log, child, process, time_ns, parent->tid, &thread);
}

/* --- calls --- */

static struct seep_error *clone_call(struct strace_log *log, struct strace_thread *thread,
                                     const char *name, size_t name_len, const char *text,
                                     size_t len, const struct strace_call *call, uint64_t enter_ns)
{
    /* Where the caller's pid namespace is another: a comment says "1234 in strace's PID NS". */
    uint64_t here = number_behind(call->rest, call->rest_len, "/* ");
    int64_t child = here && here <= MAX_PID ? (int64_t)here : call->result;
    bool vfork = name_len == 5 && memcmp(name, "vfork", 5) == 0;
    bool fork = vfork || (name_len == 4 && memcmp(name, "fork", 4) == 0);

    if (call->outcome != STRACE_RETURNED || child <= 0 || child > MAX_PID)
        return NULL;
    if (log->file_tid && log->first_basis == WHEN_TIME_OF_DAY)
        collection_set_birth(log->c, (pid_t)child, log->clock_ns / NS_PER_S / 60);
    if (!fork && !has(text, len, "flags"))
        return NULL; /* what it made, a thread or a process, is not in the log */
    if (has_flag(text, len, "CLONE_THREAD", CLONE_THREAD))
        return thread_made(log, thread, (pid_t)child, enter_ns);
    return process_made(log, thread, (pid_t)child,
                        vfork || has_flag(text, len, "CLONE_VM", CLONE_VM), enter_ns);
}

/* "["./leaky", "-x"]": "./leaky -x"; what strace cut away stays away. */
static void join_arguments(const char *text, size_t len, struct buffer *out)
{
    const char *at = memchr(text, '[', len), *end = text + len;

    while (at && at < end && *at != ']' && out->len < MAX_COMMAND_BYTES) {
        char word[MAX_COMMAND_BYTES];
        size_t took = strace_call_string(at, (size_t)(end - at), word, sizeof(word));

        if (took)
            buffer_printf(out, "%s%s", out->len ? " " : "", word);
        at += took ? took : 1;
    }
}

static struct seep_error *exec_happened(struct strace_log *log, struct strace_thread *thread,
                                        const char *text, size_t len, pid_t former_tid)
{
    struct strace_process *process = thread->process;
    const uint64_t args[3] = {(uint64_t)former_tid};
    const char *quote = memchr(text, '"', len);
    _cleanup_buffer_ struct buffer command = {0};
    char path[MAX_PATH_BYTES] = "";
    struct seep_error *err;

    if (quote) {
        size_t took = strace_call_string(quote, (size_t)(text + len - quote), path, sizeof(path));

        join_arguments(quote + took, (size_t)(text + len - quote) - took, &command);
    }
    /* Exec leaves its process one thread: where others go on, they are of another process. */
    if (process == &log->unknown && process->threads > 1) {
        process = fresh_process(log, thread->tid);
        if (!process)
            return error_no_memory();
        log->unknown.threads--;
        process->threads = 1;
        thread->process = process;
    }
    /* And that thread is the first one, which has the process's number. */
    if (thread->tid || log->plain_tid)
        collection_same_process(log->c, process->handle,
                                thread->tid ? thread->tid : log->plain_tid);
    process->begun = true;
    err = strace_log_life(log, EVENT_EXEC, process, thread->tid, log->now_ns, args, 0,
                          *path ? path : NULL);
    if (!err)
        err = collection_process(log->c, process->handle, *path ? path : NULL,
                                 command.len ? command.bytes : NULL, NULL);
    return err;
}

static struct seep_error *prctl_call(struct strace_log *log, struct strace_thread *thread,
                                     const char *text, size_t len, const struct strace_call *call)
{
    static const char set_name[] = "PR_SET_NAME, ";
    char name[COMM_BYTES];

    if (call->outcome != STRACE_RETURNED || call->result != 0 || len < sizeof(set_name) ||
        memcmp(text, set_name, sizeof(set_name) - 1) != 0 ||
        !strace_call_string(text + sizeof(set_name) - 1, len - sizeof(set_name) + 1, name,
                            sizeof(name)))
        return NULL;
    return strace_log_life(log, EVENT_THREAD_NAME, thread->process, thread->tid, log->now_ns, NULL,
                           0, name);
}

/* A thread that the log has not named says who it is. */
static void tid_told(struct strace_log *log, struct strace_thread *thread,
                     enum strace_meaning meaning, int64_t result)
{
    if (result <= 0 || result > MAX_PID)
        return;
    if (meaning == STRACE_WHO && !thread->tid && !log->plain_tid)
        log->plain_tid = (pid_t)result;
    /* Who has lines without a tid is the one that strace began with: its process's first. */
    if (meaning == STRACE_WHOSE || !thread->tid)
        collection_same_process(log->c, thread->process->handle, (pid_t)result);
}

struct seep_error *strace_lives_call(struct strace_log *log, struct strace_thread *thread,
                                     enum strace_meaning meaning, const char *name, size_t name_len,
                                     const char *text, size_t len, uint64_t enter_ns,
                                     const char **ret_rest, size_t *ret_rest_len)
{
    struct strace_call call;
    struct seep_error *err = NULL;

    strace_call_parse_result(text, len, &call);
    switch (meaning) {
    case STRACE_CLONE:
        err = clone_call(log, thread, name, name_len, text, len, &call, enter_ns);
        break;
    case STRACE_EXEC:
        if (call.outcome == STRACE_RETURNED && call.result == 0)
            err = exec_happened(log, thread, text, len, thread->tid);
        break;
    case STRACE_PRCTL:
        err = prctl_call(log, thread, text, len, &call);
        break;
    default:
        if (call.outcome == STRACE_RETURNED)
            tid_told(log, thread, meaning, call.result);
        break;
    }
    *ret_rest = call.rest;
    *ret_rest_len = call.rest_len;
    return err;
}

/* --- ends --- */

/* The wait status that "exited with 3" or "killed by SIGSEGV (core dumped)" stands for; -1: neither. */
static int status_of(const char *text, size_t len)
{
    static const char exited[] = "exited with ", killed[] = "killed by ";
    const char *name = text + sizeof(killed) - 1;
    size_t name_len = 0;
    int signal;

    if (len > sizeof(exited) && memcmp(text, exited, sizeof(exited) - 1) == 0)
        return (int)(number_behind(text, len, exited) & 0xff) << 8;
    if (len <= sizeof(killed) || memcmp(text, killed, sizeof(killed) - 1) != 0)
        return -1;
    while (name + name_len < text + len && name[name_len] != ' ')
        name_len++;
    signal = call_text_parse_signal(name, name_len);
    return signal | (has(text, len, "(core dumped)") ? CORE_DUMPED : 0);
}

/* The thread that called exec takes this one's place. Its exec is told here, since the line of its return
 * has this one's tid. */
static struct seep_error *superseded(struct strace_log *log, struct strace_thread *thread, pid_t by)
{
    struct strace_thread *caller = strace_threads_find(&log->threads, by);
    struct seep_error *err;

    if (!caller || caller == thread)
        return exec_happened(log, thread, "", 0, by);
    err = exec_happened(log, thread, caller->open.text.bytes ? caller->open.text.bytes : "",
                        caller->open.text.len, by);
    if (caller->process->threads)
        caller->process->threads--;
    strace_threads_remove(&log->threads, caller);
    return err;
}

struct seep_error *strace_lives_ended(struct strace_log *log, struct strace_thread *thread,
                                      const char *text, size_t len)
{
    uint64_t by = number_behind(text, len, "superseded by execve in pid ");
    struct strace_process *process = thread->process;
    int status = status_of(text, len);
    pid_t tid = thread->tid;
    struct seep_error *err;

    if (by && by <= MAX_PID)
        return superseded(log, thread, (pid_t)by);
    if (status < 0)
        return NULL;
    err = strace_log_life(log, EVENT_THREAD_EXIT, process, tid, log->now_ns, NULL, status, NULL);
    if (process->threads)
        process->threads--;
    strace_threads_remove(&log->threads, thread);
    /* Of -ff nobody knows which file's thread was the last one. */
    if (err || process->threads || !process->begun || log->file_tid)
        return err;
    return strace_log_life(log, EVENT_PROCESS_EXIT, process, tid, log->now_ns, NULL, status, NULL);
}

struct seep_error *strace_lives_mode(struct strace_log *log, const char *text, size_t len)
{
    uint64_t tid = number_behind(text, len, "PID=");
    struct strace_thread *thread = NULL;
    struct seep_error *err = strace_log_flush(log);

    if (!err && tid && tid <= MAX_PID)
        err = strace_lives_thread(log, &(struct strace_line){.tid = (pid_t)tid}, &thread);
    if (thread)
        thread->process->abi = has(text, len, " 32 bit") ? EVENT_ABI_I386
                               : has(text, len, " x32 ") ? EVENT_ABI_X32
                                                         : EVENT_ABI_X86_64;
    return err;
}
