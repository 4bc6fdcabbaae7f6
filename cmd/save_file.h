/* Writing what a command was told to write to a file. */
#pragma once

#include <stddef.h>

#include "base/error.h"

/* A regular file appears whole or not at all, with mode 0600; a link or a device (/dev/stderr) is
 * written to, for replacing it would take it away from everybody. */
struct seep_error *save_file(const char *path, const char *text, size_t len);
