/*
 * The events that are no syscalls, in words: their names, and what happened.
 *
 *     EVENT_THREAD_EXIT     thread-exit      killed by SIGKILL
 *     EVENT_EXEC            exec             "/usr/bin/java"
 */
#pragma once

#include "base/buffer.h"
#include "evidence/event.h"

/* "thread-exit"; NULL for syscalls and what is not known. */
const char *life_text_name(uint8_t kind);

/* The kind of that name; 0: none. */
uint8_t life_text_kind(const char *name);

/* Appends what EV tells besides its name, escaped. */
void life_text_append(struct buffer *out, const struct event *ev);

/* Appends "exited with 3", "killed by SIGKILL" for a wait status. */
void life_text_status(struct buffer *out, int status);
