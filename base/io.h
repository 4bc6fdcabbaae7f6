/*
 * Whole reads and writes on descriptors, and files that appear complete or not at all.
 *
 *     io_read_file(AT_FDCWD, "/proc/self/status", 1 << 20, &text);      // text.bytes, text.len
 *     io_replace_file(case_fd, "case.json", json, len);                 // temporary name + rename
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buffer.h"
#include "base/error.h"

/* Appends the file's contents to RET_TEXT, reading until end of file (so /proc works), at most
 * MAX_LEN bytes: a longer file is ERROR_CORRUPT. PATH is relative to DIR_FD (AT_FDCWD: the working
 * directory). On failure RET_TEXT keeps what it had. */
struct seep_error *io_read_file(int dir_fd, const char *path, size_t max_len,
                                struct buffer *ret_text);

/* As io_read_file, from the descriptor's current position. */
struct seep_error *io_read_fd(int fd, size_t max_len, struct buffer *ret_text);

/* Reads LEN bytes at OFFSET, fewer only at the end of file. */
struct seep_error *io_pread(int fd, void *bytes, size_t len, off_t offset, size_t *ret_got);

/* Writes all of it, retrying short writes and EINTR. */
struct seep_error *io_write(int fd, const void *bytes, size_t len);

/* Creates or replaces PATH (mode 0600): written to a temporary name beside it, synced, renamed. */
struct seep_error *io_replace_file(int dir_fd, const char *path, const void *bytes, size_t len);
