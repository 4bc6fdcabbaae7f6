/*
 * The trace: a case's `events` file, written as an event_sink and read as an event_source.
 *
 * Varints and deltas against the previous event of the same thread and kind; threads, names and
 * argument shapes interned per block, so that each block can be read alone. At most 8 bytes an
 * event on average, stacks aside. docs/FORMAT.md is normative.
 */
#pragma once

#include <stdbool.h>

#include "evidence/event_source.h"
#include "evidence/stack_table.h"

struct events_writer {
    struct event_sink sink; /* put() may write a block; finish() writes the rest and syncs */
    uint64_t written_bytes; /* in the file so far */
    uint64_t event_count;
};

/* FD: an empty file open for writing, which stays the caller's. */
struct seep_error *events_writer_create(int fd, struct events_writer **ret_writer);
void events_writer_destroy(struct events_writer *writer);
DEFINE_CLEANUP(struct events_writer *, events_writer_destroy);

/* The number that an event put after this has as its stack_id: the same one for the same path, which is
 * written once. 0: there are too many different ones. ERROR_INVALID as of stack_table_add. */
struct seep_error *events_writer_add_stack(struct events_writer *writer,
                                           const struct stack_path *path, uint32_t *ret_id);

/* Writes what is buffered as a block, so that a kill loses no more than what comes later. */
struct seep_error *events_writer_flush(struct events_writer *writer);

struct events_reader {
    struct event_source source;
    uint64_t event_count; /* delivered so far */
    bool cut;             /* known at the end: the file was cut or damaged */
};

/* Opens `events` in the case directory DIR_FD. STACKS, which must outlive the reader, gets the call paths
 * as they are read, each before the first event that names it; NULL: they are not wanted. */
struct seep_error *events_reader_create(int dir_fd, struct stack_table *stacks,
                                        struct events_reader **ret_reader);
