/*
 * What a collection holds while files are read: for collection*.c and settle.c, and for nobody else.
 *
 *     lanes    a sorter for each basis of times: events of one can be put in order with each other
 *     spool    one file without a name that takes all texts; what holds them knows their place
 */
#pragma once

#include "base/buffer.h"
#include "evidence/event_source.h"
#include "evidence/stack_table.h"
#include "importer/collection.h"
#include "importer/event_pipe.h"
#include "importer/input.h"
#include "importer/sorter.h"

enum { WHEN_BASES = WHEN_ABSOLUTE + 1 };

struct lane {
    struct sorter *events; /* by exit; NULL: there are none */
    struct sorter *spans;  /* calls that took time, by enter: the record is the exit */
    uint64_t first_ns, last_ns;
};

struct kept_section {
    char *name;
    uint64_t at, len; /* in the spool */
};

VECTOR_TYPE(kept_sections, struct kept_section);

struct kept_snapshot {
    struct when when;
    size_t number;                 /* in the order of coming */
    struct snapshot_record record; /* without sections */
    struct kept_sections sections;
};

struct kept_memory {
    struct collection_memory memory; /* why and name are its own */
    struct mem_source *bytes;
};

struct kept_dump {
    struct when when;
    pid_t pid;
    char *kind;
    uint64_t at, len; /* in the spool, compressed */
};

struct kept_name {
    struct when when;
    pid_t pid, tid;
    char *name;
};

struct kept_fact {
    struct when when;
    struct fact fact; /* its texts are its own */
};

struct kept_process {
    pid_t pid;
    char *exe, *command, *runtime;
};

enum { PLACE_SHIFT = 30 }; /* addresses are compared by the GiB: looks are of another moment */

/* What a process whose pid is not told turned out to be, and what its events tell of it. */
struct alias {
    pid_t same_as;      /* a pid, another such process, or 0: not known */
    pid_t smallest_tid; /* of its events; 0: they name none */
    size_t set;         /* of files, one process's unless lines of theirs say else; from 1 */
    bool has_events;
    bool nameless;         /* no line of its log names a thread */
    enum when_basis basis; /* of these: */
    uint64_t first_ns, last_ns;
    VECTOR(uint32_t) places; /* where it had memory, in GiB */
};

/* Files that strace -ff made at once have a name in common. */
struct file_set {
    char *name;
    size_t set;
};

/* A number for each tid or pid. */
struct tid_table {
    size_t count, room; /* a power of two */
    struct {
        pid_t tid, process; /* tid 0: free */
    } * slots;
};

/* The process at the end of the chain: a pid, or one that is not known. */
pid_t collection_root(const struct collection *c, pid_t process);

/* Whether events of PROCESS itself came. */
bool collection_has_events(const struct collection *c, pid_t process);

/* 0: none was set. Out of memory sets nothing. */
pid_t collection_tid_get(const struct tid_table *table, pid_t tid);
void collection_tid_set(struct tid_table *table, pid_t tid, pid_t process);

struct collection {
    const struct collection_options *options;
    int temporary_fd, spool_fd;
    uint64_t spool_bytes;
    struct lane lanes[WHEN_BASES];
    struct stack_table *stacks;
    VECTOR(struct kept_snapshot) snapshots;
    VECTOR(struct kept_memory) memories;
    VECTOR(struct kept_dump) dumps;
    VECTOR(struct kept_name) names;
    VECTOR(struct kept_fact) facts;
    VECTOR(struct kept_process) processes;
    VECTOR(struct collection_file) files;
    VECTOR(char *) remarks;
    VECTOR(struct alias) aliases; /* process -1 is the first */
    struct tid_table tids;        /* whose thread it is */
    struct tid_table births;      /* in minutes */
    struct tid_table seen;        /* whose thread it was when it was seen first */
    VECTOR(struct file_set) sets;
    size_t set, set_count;      /* of the file at hand; how many there are */
    pid_t smallest_unknown_tid; /* of events whose pid is 0 */
    pid_t first_pid;            /* of the first event that has one */
    bool had_events;            /* the case had some already */
    uint64_t first_ns, last_ns; /* of what was written, on the case's clock */
    struct event_pipe *pipe;    /* events on their way into the lanes; NULL: none came yet */
    struct event_sink sink;     /* its other end */
    struct buffer record;       /* of one event; the pipe's thread's */
    struct input *input;        /* the file at hand; NULL: none */
    bool file_time_said;
};

/* Waits until all events that were handed over are in their lanes. Before anybody looks at these. */
struct seep_error *collection_events_added(struct collection *c);

/* Appends to the spool. */
struct seep_error *collection_spool(struct collection *c, const void *bytes, size_t len,
                                    uint64_t *ret_at);

/* The record of a kept snapshot with its sections, whose texts are in RET_RECORD->storage. */
struct seep_error *kept_snapshot_load(const struct collection *c,
                                      const struct kept_snapshot *snapshot,
                                      struct snapshot_record *ret_record);

/* A remark on all files together. */
struct seep_error *collection_say(struct collection *c, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The file at hand. */
static inline struct collection_file *collection_current(struct collection *c)
{
    return c->files.count ? &c->files.items[c->files.count - 1] : NULL;
}

/* --- settle.c: at the end --- */

struct settled {
    pid_t unknown_pid; /* what pid 0 is */
    pid_t made_up[16]; /* those that no file tells, nor any thread of theirs */
    size_t made_up_count;
    enum when_basis basis;
    uint64_t wall_offset_ns; /* of the case: subtracted from what is on the basis */
    uint64_t shift_ns;       /* added to what is on the basis: relative times begin above 0 */
    uint64_t lane_shift_ns[WHEN_BASES]; /* likewise, of events of another basis */
    uint64_t first_ns, last_ns; /* of the events, on the case's clock; 0 when there are none */
};

struct case_dir;

/* clock.basis of case.json, both ways, and what its times have added to those of the files: times that
 * count from 0 begin a day later, so that 0 stays what is not known. */
const char *settle_basis_name(enum when_basis basis);
enum when_basis settle_basis_of(const struct case_dir *into);
uint64_t settle_begin_ns(enum when_basis basis);

/* Nothing was recorded in it or added to it yet. */
bool settle_is_fresh(const struct case_dir *into);

/* Settles who the processes are whose pid no file tells: settle_pids.c. */
struct case_info;
struct seep_error *settle_pids(struct collection *c, const struct case_info *info,
                               struct settled *settled);

struct seep_error *settle(struct collection *c, const struct case_dir *into, struct settled *ret);

/* The pid that PID stands for. */
pid_t settle_pid(const struct collection *c, const struct settled *settled, pid_t pid);

/* On the case's clock; false: it cannot be compared. */
bool settle_time(const struct settled *settled, struct when when, uint64_t *ret_ns);

/* Gives every snapshot a time: RET_TIMES[i] is that of c->snapshots.items[i], which are sorted. */
struct seep_error *settle_snapshots(struct collection *c, const struct settled *settled,
                                    uint64_t **ret_times);

/* --- events: event_record.c --- */

/* An event as a sorter's record, and back. RET_EV->name points into the record. */
void event_record_put(struct buffer *out, const struct event *ev);
bool event_record_get(const void *bytes, size_t len, uint64_t exit_ns, struct event *ret_ev);

/* What is in the case lies between. */
void collection_note_time(struct collection *c, uint64_t time_ns);

/* Writes all events as INTO's `events`, in place of those that were there. */
struct seep_error *collection_write_events(struct collection *c, const struct settled *settled,
                                           struct case_dir *into);
/* What the case has already. */
struct seep_error *collection_take_events(struct collection *c, struct case_dir *from);
/* Everything but the events. */
struct seep_error *collection_write_snapshots(struct collection *c, const struct settled *settled,
                                              struct case_dir *into);
struct seep_error *collection_write_memory(struct collection *c, const struct settled *settled,
                                           struct case_dir *into);
struct seep_error *collection_write_threads(struct collection *c, const struct settled *settled,
                                            struct case_dir *into);
struct seep_error *collection_write_json(struct collection *c, const struct settled *settled,
                                         struct case_dir *into);
