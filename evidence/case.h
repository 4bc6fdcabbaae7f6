/*
 * The case: one directory that holds all that was recorded, and can be analysed elsewhere.
 *
 *     redis-4242-20261120T093428Z.seep/      mode 0700
 *         case.json   events   snapshots   mem/1-4242/...   threads/...        files 0600
 *
 * case.json (schema "seep-case/1") is written at the start with state "recording" and replaced at
 * the end; a case whose recorder was killed stays "recording" and is read as interrupted.
 * docs/FORMAT.md describes it field by field.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

enum case_state {
    CASE_RECORDING,
    CASE_COMPLETE,
    CASE_INTERRUPTED,
};

struct case_dir {
    int fd;       /* the directory */
    char *path;   /* as the user named it */
    json_t *json; /* case.json; its parts: target, host, tool, clock, ...: see docs/FORMAT.md */
};

/* Creates the directory PATH (NULL: EXE-PID-TIME.seep in the working directory). A path that exists
 * is refused with ERROR_INVALID, unless it is an empty directory. */
struct seep_error *case_create(const char *path, const char *exe, pid_t pid,
                               struct case_dir **ret_case);

/* Opens a case to read; ERROR_NOT_FOUND or ERROR_CORRUPT with what was expected. */
struct seep_error *case_open(const char *path, struct case_dir **ret_case);
void case_destroy(struct case_dir *c);
DEFINE_CLEANUP(struct case_dir *, case_destroy);

enum case_state case_state(const struct case_dir *c);

/* Sets the state and, when it ends the recording, lists the files with size and SHA-256; writes
 * case.json. REASON (NULL: none) says why a recording was interrupted or degraded. */
struct seep_error *case_save(struct case_dir *c, enum case_state state, const char *reason);

/* What the analyzer needs of case.json, with the defaults of an imported or damaged one. */
struct case_info {
    char case_id[40];
    uint64_t wall_offset_ns;             /* wall = monotonic + this */
    uint64_t started_ns, ended_ns;       /* monotonic; ended 0: unknown */
    pid_t pid;                           /* the first target */
    const char *exe, *command, *runtime; /* NULL: unknown; owned by the case */
    const char *host_name, *boot_id, *time_zone;
    const char *backend; /* "ptrace", "snapshots" */
    const char *reason;  /* why it was cut short, NULL */
    uint64_t page_bytes;
    uint64_t lost_events;
    uint64_t watcher_cpu_ns;    /* what watching cost: seep's own CPU time */
    uint64_t target_stopped_ns; /* and how long the target stood still in all */
};
void case_info(const struct case_dir *c, struct case_info *ret_info);
