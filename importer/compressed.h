/*
 * Files that are compressed otherwise than by gzip, as systemd-coredump and people leave them: they are
 * named, with what expands them.
 *
 *     compressed_kind(head, len, &tool)      "zstd", "zstd -d"
 */
#pragma once

#include <stddef.h>

/* NULL: none that is known. */
const char *compressed_kind(const char *head, size_t len, const char **ret_tool);
