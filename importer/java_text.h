/*
 * Whatever a JVM and its tools print, in any mixture: what is left of an incident is often one file
 * into which a loop wrote `date; jstack PID; jcmd PID VM.native_memory; ...`, or an application's log
 * into which SIGQUIT wrote its dumps.
 *
 *     each line ── thread_dump_split ── of a dump ──> text ──> thread dump, full names by nid
 *                        └── other ── of NMT ───────> text ──> facts
 *                                  ── heap, flags ──────────> facts
 *                                  ── OutOfMemoryError ─────> facts, with the failing stack
 *                                  ── a pid, a time ────────> whose and when what follows is
 *
 * Holds one dump or report at a time. import() of every row of java_rows.c is java_text_import.
 */
#pragma once

#include "importer/importer.h"

struct seep_error *java_text_import(struct input *in, struct collection *c);
