/*
 * Who points into the memory of findings, added to what they say.
 *
 *     reason    ...; unreferenced: no word in the 1.2 GiB saved beside it points into it; stacks and
 *               registers do not count: the process ran on while its memory was saved
 *     next      seep show CASE pointers --finding 1
 *
 * Only of findings that are no exoneration, about memory that a program maps for itself, and when more
 * of the process was saved than that memory: heaps, stacks and files are always pointed to.
 */
#pragma once

#include "analyzer/analysis.h"
#include "evidence/dump.h"

struct seep_error *finding_references_add(struct case_dir *c, const struct dumps *dumps,
                                          struct analysis *analysis);
