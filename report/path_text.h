/*
 * Call paths for a person: one as a row, several as a tree of who called the culprit.
 *
 *     mmap64 < malloc < os::malloc < Unsafe_AllocateMemory0 < PoolArena.newChunk < ... < start_thread
 *
 *     1,024.0 MiB      store_order  orders.c:88
 *     |-  600.0 MiB 58%  handle_put  http.c:20 < worker_loop < start_thread
 *     `-  424.0 MiB 41%  replay_journal  journal.c:7 < main
 *
 * Innermost first. Functions go without their parameters, template arguments as <>; one whose name is
 * not known is its module and offset. Names come from the target and are escaped.
 */
#pragma once

#include "analyzer/analysis.h"
#include "report/rows.h"

/* "store_order", "libfoo.so+0x1234", "0x7f46d0026123". */
void path_text_name(struct buffer *out, const struct analysis_frame *frame);

/* Frames from number FROM on, as many as have room in COLUMNS, and the outermost: "a < b < ... < main";
 * where that has no room, "...". */
void path_text_chain(struct buffer *out, const struct analysis_stack *stack, size_t from,
                     size_t columns);

/* The whole of STACK, in about COLUMNS: the innermost frames, the culprit with its place in the source,
 * and who called it. */
void path_text_line(struct buffer *out, const struct analysis_stack *stack, size_t columns);

/* Every frame in a line of its own, as strace -k writes them, the offsets of functions left out:
 *      > /usr/lib/x86_64-linux-gnu/libc.so.6(__mmap) [0x10f1b9] */
void path_text_frames(struct buffer *out, const struct analysis_stack *stack, const char *indent);

/* Appends the rows on F's call paths to the report. */
void path_text(struct rows *rows, const struct finding *f);
