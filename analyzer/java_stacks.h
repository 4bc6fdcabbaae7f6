/*
 * Java's own names for what a thread did, out of text: thread dumps near the mapping, and the stack
 * that an OutOfMemoryError was logged with.
 *
 *     25897 mapped 16 MiB at 08:22:40; dump number 12 is of 08:22:41
 *         -> a stack of java frames, whose `end` says "0.9 s after thread 25897 mapped"
 *
 * What a thread did a second later is a hint, not the path by which the memory came: such a stack has
 * no count and no bytes.
 */
#pragma once

#include "analyzer/diagnosis.h"
#include "base/span.h"

enum { JAVA_STACKS_THREADS = 8, JAVA_STACKS_MAX_FRAMES = 256 };

/* For each of DIAGNOSES, and so of ANALYSIS's findings, that is no exoneration and has no other path:
 * the stacks nearest in time of its threads. */
struct seep_error *java_stacks_add(int case_fd, const struct diagnoses *diagnoses,
                                   struct analysis *analysis);

/* The frames in TEXT, innermost first; lines that are none are passed over. */
struct seep_error *java_stacks_parse(struct span text, struct analysis_stack *ret_stack);

/* The innermost frame that is neither the Java library's nor of what takes memory from it for Netty
 * (PlatformDependent); frames.count: there is none. */
size_t java_stacks_culprit(const struct analysis_stack *stack);
