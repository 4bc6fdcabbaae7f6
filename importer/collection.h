/*
 * What the importers found, on its way into a case.
 *
 *     importer ── event, snapshot, memory, name, dump, fact, remark ──> collection ──> case
 *                                  with times as the file has them        collection_write
 *
 * Things are handed over in the order of the file; nothing is kept in memory that grows with it: events
 * go through an external sort (sorter.h), texts into a file without a name. Only at the end, when all
 * files were read, pids and times are settled (settle.h):
 *
 *   - pid 0 is the process whose pid its file does not tell. It becomes --pid, or else the only pid that
 *     other evidence names, or else the smallest tid; a remark says which.
 *   - The case's clock is that of the events, or else of the rest, the best basis first (when.h). What
 *     cannot be compared with it is put in front of it or after it, by a rule that a remark states.
 *
 * All functions copy what they are given. One thread at a time.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/vector.h"
#include "evidence/event.h"
#include "evidence/facts.h"
#include "evidence/mem_source.h"
#include "evidence/snapshot.h"
#include "evidence/stack.h"
#include "importer/when.h"

struct collection;

/* What the user said, for importers to look at. */
struct collection_options {
    struct when_options when; /* --date, --tz */
    pid_t pid;                /* --pid; 0: not said */
    /* Told now and then how far a file is; NULL: nobody. */
    void (*progress)(const char *path, uint64_t taken_bytes, uint64_t size_bytes, void *context);
    void *context;
};

/* TEMPORARY_FD: a directory for what does not fit in memory; stays the caller's. OPTIONS must outlive it. */
struct seep_error *collection_create(int temporary_fd, const struct collection_options *options,
                                     struct collection **ret_collection);
void collection_destroy(struct collection *c);
DEFINE_CLEANUP(struct collection *, collection_destroy);

const struct collection_options *collection_options(const struct collection *c);

/* --- the file at hand: what is added belongs to it --- */

/* FORMAT: the importer's name. */
struct input;
struct seep_error *collection_begin(struct collection *c, struct input *in, const char *format);
struct seep_error *collection_end(struct collection *c);

/* Lets the user see that it goes on; cheap, to be called each few thousand lines. */
void collection_progress(struct collection *c);

/* Line NUMBER could not be read. The first few are kept to be shown. */
struct seep_error *collection_skip(struct collection *c, uint64_t number, const char *text,
                                   size_t len);

/* What the report must say of this file, a sentence without a full stop: an assumption that was made
 * ("one process whose pid the log does not tell: 25893, its smallest thread"), what is missing. The same
 * sentence twice counts once. */
struct seep_error *collection_remark(struct collection *c, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* --- processes --- */

/* A process whose pid will be known later, or never: a number below 0 that stands for the pid in events,
 * also in args[1] of EVENT_PROCESS_START. Out of memory gives 0, the process of unknown pid. */
pid_t collection_new_process(struct collection *c);

/* The process of thread TID, in whatever file that is told: the same one until another is set. 0: nobody
 * asked or set yet, or out of memory when MAKE. */
pid_t collection_process_of(struct collection *c, pid_t tid, bool make);
void collection_set_process_of(struct collection *c, pid_t tid, pid_t process);

/* PROCESS is the one that PID stands for, a pid or a process of the same kind. Who says it first is
 * right. */
void collection_same_process(struct collection *c, pid_t process, pid_t pid);

/* PROCESS has a thread TID: where files of their own say so of two processes, they are one. */
void collection_saw_thread(struct collection *c, pid_t process, pid_t tid);

/* Which threads of PROCESS made its calls is not known: who has no tid is not its first thread. */
void collection_nameless(struct collection *c, pid_t process);

/* The file at hand was made together with all others of that NAME: what neither says the pid of is one
 * process. Without it a file stands for itself. */
struct seep_error *collection_file_set(struct collection *c, const char *name, size_t len);

/* When thread TID was made, in whole minutes on the clock of its maker's file: where each thread has a
 * file, the day of its first time of day is told by this alone. 0: not known. */
void collection_set_birth(struct collection *c, pid_t tid, uint64_t minutes);
uint64_t collection_birth(const struct collection *c, pid_t tid);

/* --- events --- */

/* EV's enter_ns and exit_ns are on BASIS (negative times cannot be: relative ones begin at 0); pending_ns
 * is ignored. In any order: they are sorted; at equal exit_ns in the order of the calls. */
struct seep_error *collection_event(struct collection *c, enum when_basis basis,
                                    const struct event *ev);

/* The same of a call in which nothing else of its file ended: what a log says that gives it one whole
 * line. Spares the search for what overlaps it. */
struct seep_error *collection_event_alone(struct collection *c, enum when_basis basis,
                                          const struct event *ev);

/* The log at hand tells its processes' calls from FIRST_NS to LAST_NS, on BASIS, whether there were any or
 * not. WHOLE: other calls are in it than those that a search for mappings leaves. */
void collection_window(struct collection *c, enum when_basis basis, uint64_t first_ns,
                       uint64_t last_ns, bool whole);
struct seep_error *collection_window_of(struct collection *c, pid_t process);

/* A call path's number for EV->stack_id; 0: there are too many. */
struct seep_error *collection_stack(struct collection *c, const struct stack_path *path,
                                    uint32_t *ret_id);

/* The thread's name from then on; WHEN_NONE: always. Any length ("nioEventLoopGroup-3-1"). */
struct seep_error *collection_thread_name(struct collection *c, struct when when, pid_t pid,
                                          pid_t tid, const char *name, size_t len);

/* --- what /proc and its like said --- */

/* A look at a process: its sections are texts as in evidence/snapshot.h ("smaps", "maps", "status",
 * "meminfo", "thp", "tasks" ...): a pmap is turned into the text of smaps that says the same. pid 0
 * unknown; begin_ns and end_ns are ignored: WHEN says when it was taken (WHEN_NONE: unknown, in the order
 * of the calls). What one moment's files say of one process (smaps and status) becomes one record. */
struct seep_error *collection_snapshot(struct collection *c, struct when when,
                                       const struct snapshot_record *record);

/* When the file at hand was taken: by its suffix (FILE@TIME), else by its own modification time, which a
 * remark says. */
struct seep_error *collection_file_time(struct collection *c, struct when *ret_when);

/* The regions of the last snapshot of PID (0: of the only process there is one of), for what has to know
 * them at import; *RET_FOUND false: there is none. The caller deinits RET_SNAPSHOT. */
struct seep_error *collection_last_snapshot(struct collection *c, pid_t pid,
                                            struct snapshot *ret_snapshot, bool *ret_found);

/* --- memory --- */

struct collection_memory {
    pid_t pid;        /* 0 unknown */
    struct when when; /* WHEN_NONE unknown */
    uint64_t start, end;
    bool placed; /* false: START is a guess or made up, and `why` says which */
    const char *why, *name;
    uint32_t perms;
};

/* BYTES gives the memory at [start, end); holes were not saved. Taken over, also on failure; read at
 * collection_write. Ranges that follow each other without others between them, of the same pid and time,
 * become one dump mem/N-PID. */
struct seep_error *collection_memory(struct collection *c, const struct collection_memory *memory,
                                     struct mem_source *bytes);

/* --- dumps of threads, facts --- */

/* One dump of a runtime's threads, as text ("jstack"): becomes threads/N-PID. */
struct seep_error *collection_thread_dump(struct collection *c, struct when when, pid_t pid,
                                          const char *kind, const char *text, size_t len);

/* A figure or a text that is neither: evidence/facts.h. FACT->file and FACT->time_ns are filled in here. */
struct seep_error *collection_fact(struct collection *c, struct when when, const struct fact *fact);

/* What is known of the process: EXE, COMMAND, RUNTIME may be NULL; the first to say something wins. */
struct seep_error *collection_process(struct collection *c, pid_t pid, const char *exe,
                                      const char *command, const char *runtime);

/* --- the end --- */

struct case_dir;

/* Settles pids and times and adds everything to C, whose events are sorted in with what comes; fills
 * clock, target and imports of case.json, which the caller saves. Takes what it writes out of COLLECTION.
 */
struct seep_error *collection_write(struct collection *collection, struct case_dir *c);

/* What was taken from each file, in the order of collection_begin: for the command to print. */
struct collection_file {
    const char *path, *format;
    char sha256[65];
    uint64_t size_bytes, lines;
    uint64_t skipped;
    struct {
        uint64_t number;
        char *text; /* its beginning, escaped */
    } first_skipped[3];
    uint64_t events, snapshots, memory_bytes, thread_dumps, thread_names, facts;
    VECTOR(char *) remarks;
    size_t set; /* as of collection_file_set */
    struct collection_file_window {
        enum when_basis basis;
        uint64_t first_ns, last_ns;
        bool whole;
        VECTOR(pid_t) processes;
    } window;
};

/* What is to be said of all files together: how pids and times were settled. After collection_write. */
size_t collection_remark_count(const struct collection *c);
const char *collection_remark_text(const struct collection *c, size_t index);

size_t collection_file_count(const struct collection *c);
const struct collection_file *collection_file(const struct collection *c, size_t index);
