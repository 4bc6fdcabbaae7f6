/*
 * Whether addresses of a live process are mapped at this moment.
 *
 *     mapped_run(m, 0x7000, 0x9000, &start, &end)    ->   [0x7000, 0x8000): the rest went away
 *
 *     mapped_each(m, 0, UINT64_MAX, true, visit, ctx)  visit(7f46..d0026000-..., "/usr/lib/libc.so.6")
 *
 * By the ioctl PROCMAP_QUERY where the kernel has it (6.11), else by reading all of /proc/PID/maps.
 * mapped_regions reads all there is to know of them, once.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "evidence/maps.h"

/* All regions of PID as smaps tells them, or as maps does where smaps may not be read. */
struct seep_error *mapped_regions(pid_t pid, struct maps *ret_maps);

struct mapped;

struct seep_error *mapped_create(pid_t pid, struct mapped **ret_mapped);
void mapped_destroy(struct mapped *mapped);
DEFINE_CLEANUP(struct mapped *, mapped_destroy);

/* The first run of mapped addresses in [START, END), be it one VMA or several side by side;
 * *RET_START = *RET_END = END when there is none. ERROR_GONE when the process has ended. */
struct seep_error *mapped_run(struct mapped *mapped, uint64_t start, uint64_t end,
                              uint64_t *ret_start, uint64_t *ret_end);

/* Calls VISIT for the VMAs that overlap [START, END), lowest first, only the executable ones if CODE, until
 * it returns false. Of a VMA the fields of smaps are not known. ERROR_GONE. */
typedef bool (*mapped_visit)(const struct vma *vma, void *context);
struct seep_error *mapped_each(struct mapped *mapped, uint64_t start, uint64_t end, bool code,
                               mapped_visit visit, void *context);

/* Reads the text from now on even where the kernel offers PROCMAP_QUERY. */
void mapped_read_text(struct mapped *mapped);
