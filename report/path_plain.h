/*
 * What of a call path a person is shown: who asked, and what of the program led there.
 *
 *     mmap64 < malloc < add_document < <F as core::ops::FnOnce>::call_once < main < __libc_start_main
 *     mmap64 < malloc < add_document < main
 *
 * Left out are the starts of threads and of main, code of the language's library outside of the
 * culprit, inlined parts of one function, gaps that only may be, and of code made at run time that has
 * no name all but one frame.
 */
#pragma once

#include "analyzer/analysis.h"

/* The frame a path is told by: the culprit; without one, code made at run time; else the innermost. */
size_t path_plain_first(const struct analysis_stack *stack);

/* Code of the language's library, which calls what it is given. */
bool path_plain_is_library(const struct analysis_frame *frame);

/* Made at run time, and nobody knows its name. */
bool path_plain_unnamed(const struct analysis_frame *frame);

/* STACK with some of its frames, whose texts stay STACK's; the caller frees the frames alone. False:
 * out of memory. */
bool path_plain_make(const struct analysis_stack *stack, struct analysis_stack *ret_plain);
