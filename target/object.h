/*
 * What lies behind a mapping: the file, or the shared memory, of which the mapping shows a part.
 *
 *     vma   7f00..000-7f00..000 rw-s 00002000 /memfd:ring      offset 0x2000
 *     object_data(&o, 0x2000, end, ...)   ->   [0x5000, 0x9000) holds data, the rest are holes
 *     object_read(&o, 0x5000, buf, len, &got)
 *
 * Reading the object faults nothing into the process that maps it. It is reached by
 * /proc/PID/map_files (root, CAP_CHECKPOINT_RESTORE), else by its name or by a descriptor of the
 * process, when device and inode agree. A device is recognised without being opened.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "evidence/maps.h"

enum object_kind {
    OBJECT_NONE,    /* the mapping has none: anonymous */
    OBJECT_MEMORY,  /* shared memory: tmpfs, memfd, SysV, huge pages */
    OBJECT_FILE,    /* a file on a disk or a server */
    OBJECT_DEVICE,  /* never to be read */
    OBJECT_UNKNOWN, /* it could not be reached */
};

struct object {
    enum object_kind kind;
    int fd;              /* -1 unless MEMORY or FILE */
    uint64_t size_bytes; /* when it was opened */
};

/* Opens what is behind VMA of process PID; what cannot be had is a kind, never an error. */
void object_open(pid_t pid, const struct vma *vma, struct object *ret_object);
void object_deinit(struct object *object);

/* Holds the file behind VMA, an O_PATH descriptor, without asking whoever serves its file system, which may
 * be the very process that stands still; it can be opened later by /proc/self/fd. -1: it cannot be had. */
int object_pin(pid_t pid, const struct vma *vma);

/* The first piece of [OFFSET, END) that holds data; *RET_START = END when none does. Where the file
 * system does not tell, all is data. */
void object_data(const struct object *object, uint64_t offset, uint64_t end, uint64_t *ret_start,
                 uint64_t *ret_end);

/* How many bytes from OFFSET on, page-aligned, are in memory (true) or not (false): *RET_RESIDENT
 * says which, for all of them. Looks no further than END. Not in memory is in swap for shared
 * memory, on its disk for a file. */
uint64_t object_resident(const struct object *object, uint64_t offset, uint64_t end,
                         bool *ret_resident);

/* As a mem_source: a short read is a hole, or the end. */
void object_read(const struct object *object, uint64_t offset, void *buf, size_t len,
                 size_t *ret_got);
