/*
 * Records in the order of a 64-bit key, however many: an external merge sort. Equal keys stay in the
 * order in which they were added.
 *
 *     add(5) add(7) add(9) | add(6) add(8)      a chunk is sorted when it is full ...
 *          run 1: 5 7 9       run 2: 6 8        ... and written as a run; one that goes on where the
 *     next: 5 6 7 8 9                           run before ended becomes a part of it
 *
 * Input that is nearly in order costs little. Memory is bounded; one chunk never touches the disk. The
 * bytes written are this process's own and are trusted when they are read back.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct sorter;

/* TEMPORARY_FD: a directory for a file without a name; stays the caller's. CHUNK_BYTES 0: the default. */
struct seep_error *sorter_create(int temporary_fd, size_t chunk_bytes, struct sorter **ret_sorter);
void sorter_destroy(struct sorter *sorter);
DEFINE_CLEANUP(struct sorter *, sorter_destroy);

/* LEN: at most 1 MiB. */
struct seep_error *sorter_add(struct sorter *sorter, uint64_t key, const void *bytes, size_t len);

uint64_t sorter_count(const struct sorter *sorter);

/* Ends adding. */
struct seep_error *sorter_sort(struct sorter *sorter);

struct sorter_record {
    uint64_t key;
    const void *bytes; /* valid until the next call; NULL: the end */
    size_t len;
};
struct seep_error *sorter_next(struct sorter *sorter, struct sorter_record *ret_record);

/* A file without a name in the directory DIR_FD. */
struct seep_error *sorter_temporary(int dir_fd, int *ret_fd);
