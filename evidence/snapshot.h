/*
 * One look at a process: raw texts of /proc with the times between which they were read, and what
 * they parse to.
 *
 *     record                              -> snapshot
 *     "smaps"   7f46... rw-p ... Rss: ...    maps.vmas[]
 *     "status"  VmRSS: 2096 kB ...           status.rss_bytes
 *     "tasks"   synthesised table            tasks[]
 *
 * The case's `snapshots` file holds records (block type BLOCK_SNAPSHOT, one a record): the
 * kernel's text is kept as it was, so that a field nobody reads yet is not lost. Section names and
 * the synthesised tables (tasks, descriptors) are described in docs/FORMAT.md.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/vector.h"
#include "evidence/maps.h"

enum snapshot_reason {
    SNAPSHOT_START,    /* the base of the books */
    SNAPSHOT_PERIODIC, /* every --snap-every */
    SNAPSHOT_EXEC,     /* the fresh image, before its first instruction */
    SNAPSHOT_FORK,     /* a child of a multi-threaded parent at its first stop */
    SNAPSHOT_EXIT,     /* the last thread's exit, memory still there */
    SNAPSHOT_END,      /* the recording ends, the process goes on */
    SNAPSHOT_SINGLE,   /* seep snap, an imported file */
};

struct snapshot_section {
    const char *name; /* "smaps", "maps", "smaps_rollup", "status", "stat", "limits", ... */
    const char *text; /* LEN bytes, followed by a NUL; may hold anything */
    size_t len;
};

struct snapshot_record {
    pid_t pid;
    uint64_t start_ticks;      /* the process's start time, field 22 of stat; 0 unknown */
    uint64_t begin_ns, end_ns; /* monotonic: the reading of maps or smaps lies between */
    enum snapshot_reason reason;
    bool stopped; /* every thread was stopped: the text is consistent */
    VECTOR(struct snapshot_section) sections;
    char *storage; /* what the sections of a read record point into; NULL when built */
};

/* Adds a section that borrows NAME and TEXT. */
struct seep_error *snapshot_record_add(struct snapshot_record *record, const char *name,
                                       const char *text, size_t len);
const struct snapshot_section *snapshot_record_find(const struct snapshot_record *record,
                                                    const char *name);
void snapshot_record_deinit(struct snapshot_record *record);

/* --- the file --- */

/* 65,530 mappings (the kernel's default limit) make 50 MiB of smaps. */
enum { SNAPSHOT_MAX_RECORD_BYTES = 1 << 30 };

/* Appends RECORD to FD (a fresh file gets the mark first): one block, or several where the record
 * is longer than a block may be. ERROR_INVALID: longer than SNAPSHOT_MAX_RECORD_BYTES. On failure
 * the file is as it was. */
struct seep_error *snapshot_write(int fd, const struct snapshot_record *record,
                                  uint64_t *ret_written);

struct snapshots_reader;
struct seep_error *snapshots_reader_create(int dir_fd, struct snapshots_reader **ret_reader);
void snapshots_reader_destroy(struct snapshots_reader *reader);
DEFINE_CLEANUP(struct snapshots_reader *, snapshots_reader_destroy);
/* Reads the whole file once, so that from now on records come in the order of end_ns: the recorder
 * writes a base only when it gets to it. */
struct seep_error *snapshots_reader_sort(struct snapshots_reader *reader);
/* *RET_MORE false: the end (or the cut, see snapshots_reader_cut). */
struct seep_error *snapshots_reader_next(struct snapshots_reader *reader,
                                         struct snapshot_record *ret_record, bool *ret_more);
bool snapshots_reader_cut(const struct snapshots_reader *reader);

/* --- what a record says --- */

#define SNAPSHOT_UNKNOWN UINT64_MAX

struct snapshot_task {
    pid_t tid;
    char state;
    char name[17];
    uint64_t cpu_ns;   /* user + system */
    uint64_t switches; /* times it was put on a CPU */
};

enum snapshot_held_kind { SNAPSHOT_HELD_DESCRIPTOR, SNAPSHOT_HELD_SYSV };

/* Shared memory that a descriptor or an id holds. Held blocks, not nominal size. */
struct snapshot_held {
    enum snapshot_held_kind kind;
    int64_t id;             /* descriptor number, or shmid */
    uint64_t device, inode; /* as in maps: makedev(major, minor); SysV: inode = shmid */
    uint64_t size_bytes, held_bytes;
    uint64_t attached; /* SysV nattch; SNAPSHOT_UNKNOWN */
    const char *name;  /* "/memfd:x (deleted)" */
};

struct snapshot {
    pid_t pid, ppid;
    uint64_t start_ticks, begin_ns, end_ns;
    enum snapshot_reason reason;
    bool stopped;
    bool partial; /* maps holds some of the regions, or none: others may be there all the same */
    struct maps maps;
    uint64_t rollup[SMAPS_FIELD_COUNT]; /* MAPS_UNKNOWN */
    /* bytes, SNAPSHOT_UNKNOWN where the record does not say or there is no limit; the cgroup's are
     * the tightest limit up to the root and what that group uses */
    uint64_t rss_bytes, pss_bytes, virtual_bytes, swap_bytes, thread_count;
    uint64_t cgroup_limit_bytes, cgroup_used_bytes, rlimit_as_bytes, rlimit_data_bytes;
    uint64_t memory_total_bytes, memory_available_bytes;
    /* work: cumulative since the process began; switches only of the threads that live */
    uint64_t cpu_ns, switches, minor_faults, major_faults, io_bytes, io_calls;
    char thp_enabled[16]; /* "always", "madvise", "never", "" */
    VECTOR(struct snapshot_task) tasks;
    VECTOR(struct snapshot_held) held;
    uint64_t tasks_skipped; /* threads and descriptors beyond those looked at: see take.h */
    uint64_t held_skipped;
    char *names; /* storage of held[].name */
};

/* Parses what RECORD holds; what is missing stays unknown. */
struct seep_error *snapshot_parse(const struct snapshot_record *record, struct snapshot *ret_snap);
void snapshot_deinit(struct snapshot *snap);
