/*
 * Who the target is and where it runs, written into case.json while it is alive.
 *
 * What cannot be read (another user's, a process that has just ended) is left out.
 */
#pragma once

#include <sys/types.h>

#include "base/error.h"
#include "evidence/case.h"

/* "target": pid, name (comm), exe, command, start_time, build_id, runtime, namespaces, limits, cgroup. */
struct seep_error *describe_target(struct case_dir *c, pid_t pid);

/* "host": name, boot_id, kernel, page_size, thp, time_zone; "clock": wall_offset_ns;
 * "tool": version. */
struct seep_error *describe_host(struct case_dir *c);
