/*
 * Shared memory that a process holds without needing to map it: by a descriptor (memfd, POSIX
 * shared memory, a deleted /dev/zero) or, as its creator, by a System V id.
 *
 *     fd 7 00:01 2053 1073741824 67108864 - /memfd:pool (deleted)
 *     sysv 32769 00:00 32769 1048576 4096 2 /SYSV0000162e (deleted)
 *     skipped 34464
 *
 * kind, number, device, inode, size, bytes that are really there, attachments, name. Descriptors
 * are looked at by readlink and statx alone: nothing of the target's is opened, so that nothing can
 * block. At most HELD_MAX_DESCRIPTORS are looked at; the last line says how many were not.
 */
#pragma once

#include <sys/types.h>

#include "base/buffer.h"

enum { HELD_MAX_DESCRIPTORS = 65536 };

/* Appends the lines for the descriptors in the directory FD_DIR, which it closes. */
void held_append_descriptors(int fd_dir, struct buffer *out);

/* Appends the lines for the segments in the text of /proc/sysvipc/shm that PID created. */
void held_append_sysv(const char *text, size_t len, pid_t pid, struct buffer *out);
