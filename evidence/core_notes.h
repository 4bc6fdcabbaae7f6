/*
 * The notes of an ELF core: threads, names, mapped files.
 *
 *     name length, descriptor length, type     3 x 4 bytes
 *     "CORE\0", padded to 4 bytes
 *     descriptor, padded to 4 bytes            what TYPE says, laid out as MACHINE has it
 *
 * Part of core_reader.c; knows nothing of segments but their addresses.
 */
#pragma once

#include "evidence/core_reader.h"

/* Reads the notes in [AT, AT + LEN) of FILE into CORE, whose bits, machine and segments are known.
 * Notes of other kinds, or of another shape, are passed over. */
struct seep_error *core_notes_read(struct core *core, struct mem_source *file, uint64_t at,
                                   uint64_t len);
