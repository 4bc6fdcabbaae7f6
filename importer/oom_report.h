/*
 * The kernel's report of having killed for want of memory, line by line, as dmesg, the journal and
 * syslog keep it: Linux 2.6.32 to 6.x.
 *
 *     java invoked oom-killer: gfp_mask=0x14200ca, order=0, oom_score_adj=0
 *     Task in /docker/ab killed as a result of limit of /docker/ab            to 4.18
 *     memory: usage 524288kB, limit 524288kB, failcnt 4711
 *     [  pid  ]   uid  tgid total_vm      rss pgtables_bytes swapents oom_score_adj name
 *     [  17667]     0 17667  3170304   131002      1234944        0             0 java
 *     oom-kill:constraint=CONSTRAINT_MEMCG,...,oom_memcg=/docker/ab,task=java,pid=17667,uid=0
 *     Memory cgroup out of memory: Killed process 17667 (java) total-vm:12681216kB, anon-rss:...
 *
 * The columns of the table are found by its headline. Its sizes are in pages, taken to be of 4 KiB.
 */
#pragma once

#include <sys/types.h>

#include "base/span.h"
#include "base/vector.h"

#define OOM_REPORT_UNKNOWN UINT64_MAX

enum { OOM_REPORT_NAME_BYTES = 64, OOM_REPORT_MAX_TASKS = 65536, OOM_REPORT_PATH_BYTES = 512 };

struct oom_report_task {
    pid_t pid, uid, tgid;
    uint64_t virtual_bytes, rss_bytes;
    char name[OOM_REPORT_NAME_BYTES];
};

struct oom_report {
    char trigger[OOM_REPORT_NAME_BYTES]; /* who asked for memory; empty: not said */
    bool in_cgroup;
    char cgroup[OOM_REPORT_PATH_BYTES]; /* whose limit it was */
    uint64_t usage_bytes, limit_bytes;  /* of that cgroup */
    VECTOR(struct oom_report_task) tasks;
    pid_t killed; /* 0: not said yet */
    char name[OOM_REPORT_NAME_BYTES];
    uint64_t virtual_bytes, anon_bytes, file_bytes, shmem_bytes;
    /* For oom_report_line: which column of the table is which, -1: not there. */
    int column_count, uid_column, tgid_column, vm_column, rss_column;
};

enum oom_report_said {
    OOM_REPORT_NOTHING,  /* LINE has nothing to do with it */
    OOM_REPORT_BEGINS,   /* a report begins: the one before is over */
    OOM_REPORT_HEADLINE, /* worth keeping as text */
    OOM_REPORT_TABLE,    /* a row of the table of tasks */
    OOM_REPORT_KILLED,   /* who was killed: the report says no more */
};

void oom_report_init(struct oom_report *report);
void oom_report_deinit(struct oom_report *report);

/* What the kernel said in LINE: without the log's time, host, "kernel:" and seconds since the start. */
struct span oom_report_message(struct span line);

/* "[12345.678901]" before the message: seconds since the machine's start; false: it has none. */
bool oom_report_uptime(struct span line, int64_t *ret_ns);

/* MESSAGE is the first of a report; *RET_TRIGGER is who asked for memory. */
bool oom_report_begins(struct span message, struct span *ret_trigger);

/* Takes what MESSAGE says. A report that only its last line is left of is one too. */
struct seep_error *oom_report_line(struct oom_report *report, struct span message,
                                   enum oom_report_said *ret_said);
