/*
 * The memory of a live process as a mem_source, the process running on.
 *
 *     memory_create(pid, &src);
 *     mem_source_read(src, 0x7f46d34e2000, buf, 1 << 20, &got);
 *
 * process_vm_readv first; what it refuses (PROT_NONE pages, its being filtered in a container) is
 * tried through /proc/PID/mem, which needs no permission bits of the pages. What neither gives is a
 * hole. A process that has ended or gone on to another program is all hole.
 *
 * Reading a page that is absent faults it into the target: ask target/pagemap.h first.
 */
#pragma once

#include <sys/types.h>

#include "evidence/mem_source.h"

/* ERROR_DENIED without the right to ptrace PID; ERROR_GONE. */
struct seep_error *memory_create(pid_t pid, struct mem_source **ret_source);
