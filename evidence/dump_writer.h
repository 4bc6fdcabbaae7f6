/*
 * Writes one dump: the directory mem/N-PID/, range after range.
 *
 *     dump_writer_create(case_fd, pid, &w);
 *     w->dump.why = ...; vector_push(&w->dump.regions, ...);
 *     dump_writer_start(w);                              dump.json, not yet complete
 *     dump_writer_begin(w, 0x7f46a0000000);
 *     dump_writer_put(w, bytes, len);                    whole pages that were read
 *     dump_writer_fill(w, DUMP_PAGE_ABSENT, len);        whole pages that were not
 *     dump_writer_end(w, false);                         START-END.gz and .idx get their names
 *     w->dump.complete = true;
 *     dump_writer_finish(w);                             dump.json as it now is
 *
 * A range under way has temporary names and, in memory, a member or two. Room for the end of an
 * index and for dump.json is kept on the disk from the start, so that a disk that fills still gets
 * a valid, shorter dump. Does not know where the bytes come from.
 */
#pragma once

#include "evidence/dump.h"

struct dump_writer {
    struct dump dump;       /* number, pid and dir_fd are set; the rest is the caller's to fill */
    uint64_t written_bytes; /* in files so far, dump.json aside */
    uint64_t raw_bytes;     /* of the ranges ended */
    size_t file_count;      /* ranges ended */
    struct dump_writing *writing;
};

/* Makes the directory with the next free number. Destroying the writer takes away what has no name
 * yet, and the directory when nothing is in it. */
struct seep_error *dump_writer_create(int case_fd, pid_t pid, struct dump_writer **ret_writer);
void dump_writer_destroy(struct dump_writer *writer);
DEFINE_CLEANUP(struct dump_writer *, dump_writer_destroy);

/* Writes the first dump.json and keeps room for the last; on failure neither is there. */
struct seep_error *dump_writer_start(struct dump_writer *writer);
struct seep_error *dump_writer_finish(struct dump_writer *writer);

/* Begins the range at START, a page's address. */
struct seep_error *dump_writer_begin(struct dump_writer *writer, uint64_t start);

/* Whether a range is under way. */
bool dump_writer_is_open(const struct dump_writer *writer);

/* LEN: whole pages. On ERROR_FULL the range can still be ended with what was written. */
struct seep_error *dump_writer_put(struct dump_writer *writer, const void *bytes, size_t len);
struct seep_error *dump_writer_fill(struct dump_writer *writer, enum dump_page state, uint64_t len);

/* Ends the range. After a failed put or fill only whole members stay. A range of no bytes leaves no
 * file. */
struct seep_error *dump_writer_end(struct dump_writer *writer, bool truncated);
