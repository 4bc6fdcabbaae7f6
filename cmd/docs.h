/*
 * The parts of `seep docs`, which prints what is installed beside the program.
 *
 *     docs_man_command(&page, command, parts)     a man page in man(7)
 *     docs_bash(&script)                          completion scripts, for all commands at once
 *
 * Everything appends to a buffer; out of memory is noted there.
 */
#pragma once

#include "base/buffer.h"
#include "base/error.h"
#include "cmd/command.h"

/* False for a command that is not for users: it has no summary. */
bool docs_is_public(const struct seep_command *command);

/* seep-NAME(1). PARTS: its hand-written sections in man(7), "" for none. */
struct seep_error *docs_man_command(struct buffer *out, const struct seep_command *command,
                                    const char *parts);

/* seep(1). PARTS: all but NAME, SYNOPSIS and SEE ALSO; its line @COMMANDS@ becomes the list of
 * commands. */
void docs_man_seep(struct buffer *out, const char *parts);

struct seep_error *docs_bash(struct buffer *out);
struct seep_error *docs_zsh(struct buffer *out);
struct seep_error *docs_fish(struct buffer *out);
