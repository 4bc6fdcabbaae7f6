/*
 * Which memory limits hold for a process: its control group and every group above it.
 *
 *     /proc/PID/cgroup      4:memory:/system.slice/app        version 1
 *                           0::/system.slice/app              version 2
 *     /proc/self/mountinfo  where that hierarchy is mounted, and which part of it
 *
 *     version 1
 *     group 45096960 9223372036854771712 /system.slice/app
 *     group 91250688 1073741824 /system.slice          <- the limit that will be met
 *     group 99999744 9223372036854771712 /
 *
 * Works from inside a container as far as the mounts show the hierarchy: groups out of sight are
 * left out. See cgroups(7), the kernel's cgroup-v1/memory.rst and cgroup-v2.rst.
 */
#pragma once

#include <stddef.h>

#include "base/buffer.h"
#include "base/error.h"

/* Appends the table above to RET_TABLE and the memory.stat of the process's own group to RET_STAT;
 * nothing where no memory controller is to be seen. */
struct seep_error *cgroup_read_memory(const char *cgroup, size_t cgroup_len, const char *mountinfo,
                                      size_t mountinfo_len, struct buffer *ret_table,
                                      struct buffer *ret_stat);
