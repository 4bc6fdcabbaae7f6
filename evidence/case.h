/*
 * The case: one directory that holds all that was recorded, and can be analysed elsewhere.
 *
 *     redis-4242-20261120T093428Z.seep/      mode 0700
 *         case.json   events   snapshots   mem/1-4242/...   threads/...        files 0600
 *
 *     case_create(path, exe, pid, &c)                     state "recording"
 *     case_set_text(c, "target", "exe", exe)              fill the parts of docs/FORMAT.md
 *     case_create_file(c, "events", &fd) ...
 *     case_save(c, CASE_RECORDING, NULL)                  all that is known at the start
 *     case_set_number(c, "watch", "lost_events", lost)    and at the end
 *     case_save(c, CASE_COMPLETE, NULL)                   with the list of files
 *
 * The recorder holds a lock on the directory (flock(2)) as long as it lives, so that "recording" in
 * a case that nobody holds is read as interrupted. docs/FORMAT.md describes case.json field by
 * field.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/moment.h"

enum case_state {
    CASE_RECORDING,
    CASE_COMPLETE,
    CASE_INTERRUPTED,
};

struct case_dir {
    int fd;        /* the directory */
    char *path;    /* as the user named it */
    json_t *json;  /* case.json; its parts: target, host, tool, clock, ...: see docs/FORMAT.md */
    bool recorder; /* we created it */
    bool live;     /* somebody else was recording it when it was opened */
};

/* Creates the directory PATH (NULL: EXE-PID-TIME.seep in the working directory). A path that exists
 * is refused with ERROR_INVALID, unless it is an empty directory. */
struct seep_error *case_create(const char *path, const char *exe, pid_t pid,
                               struct case_dir **ret_case);

/* Opens a case to read, or to add to; ERROR_NOT_FOUND or ERROR_CORRUPT with what was expected. */
struct seep_error *case_open(const char *path, struct case_dir **ret_case);
void case_destroy(struct case_dir *c);
DEFINE_CLEANUP(struct case_dir *, case_destroy);

/* Removes a fresh case that came to nothing: its own files, and the directory when nothing else is in
 * it. */
void case_discard(struct case_dir *c);

/* The reason that a case has while an import into it is under way, in the state CASE_RECORDING: whoever
 * finds it there later knows that the import did not end. */
extern const char case_import_begun[];

/* CASE_RECORDING only while its recorder lives. */
enum case_state case_state(const struct case_dir *c);

/* Sets NAME in the object PART ("target", "host", "tool", "clock", "watch", ...), which is made
 * when it is not there; PART NULL: at the top. Takes VALUE over, also on failure; NULL is out of
 * memory (what jansson's constructors return then). */
struct seep_error *case_set(struct case_dir *c, const char *part, const char *name, json_t *value);

/* TEXT may be any bytes: what is not UTF-8 is escaped as in base/escape.h. NULL becomes null. */
struct seep_error *case_set_text(struct case_dir *c, const char *part, const char *name,
                                 const char *text);
/* Above INT64_MAX (all the UNKNOWNs) becomes null. */
struct seep_error *case_set_number(struct case_dir *c, const char *part, const char *name,
                                   uint64_t number);

/* Sets the state and, when it ends the recording, lists the files with size and SHA-256; writes
 * case.json. REASON (NULL: leave what is there) says why a recording was interrupted or degraded.
 *
 * Who added to an opened case saves it with its case_state(): a file that is listed with its size
 * keeps its SHA-256, new ones are added. While another process records the case nothing is written,
 * since the recorder will list everything at its end. */
struct seep_error *case_save(struct case_dir *c, enum case_state state, const char *reason);

/* Creates the file NAME for writing, mode 0600; ERROR_INVALID if it exists. */
struct seep_error *case_create_file(const struct case_dir *c, const char *name, int *ret_fd);

/* Opens the regular file NAME to read. A case may come from anyone: links, pipes and devices are
 * refused with ERROR_CORRUPT. */
struct seep_error *case_open_file(int dir_fd, const char *name, int *ret_fd);

/* What the analyzer needs of case.json, with the defaults of an imported or damaged one. */
struct case_info {
    char case_id[40];
    uint64_t wall_offset_ns; /* wall = monotonic + this */
    enum moment_basis basis; /* what these times mean */
    bool imported;           /* from what other tools left */
    bool has_dated_calls;    /* its events have dates: recorded ones, or imported ones whose do */
    uint64_t started_ns, ended_ns;              /* monotonic; ended 0: unknown */
    pid_t pid;                                  /* the first target; 0 unknown */
    bool pid_made_up;                           /* case_is_made_up */
    const char *name, *exe, *command, *runtime; /* NULL: unknown; owned by the case */
    const char *host_name, *boot_id, *time_zone;
    const char *backend; /* "ptrace", "snapshots" */
    const char *reason;  /* why it was cut short, NULL */
    bool import_open;    /* an import into it did not end */
    const char *options; /* the recorder's command line, NULL */
    uint64_t page_bytes;
    uint64_t lost_events;
    uint64_t lost_stacks;       /* call paths that were to be recorded, and could not be */
    uint64_t watcher_cpu_ns;    /* what watching cost: seep's own CPU time */
    uint64_t target_stopped_ns; /* and how long the target stood still in all */
};
/* Whether PID is a name that an import gave to a process whose pid no file tells. */
bool case_is_made_up(const struct case_dir *c, pid_t pid);
void case_info(const struct case_dir *c, struct case_info *ret_info);
