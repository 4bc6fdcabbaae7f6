/*
 * A directory for fuzz targets whose readers want a file in one:
 *
 *     int dir_fd = directory_with("events", data, size);     // holds just that
 *
 * Made at the first call, removed at exit.
 */
#pragma once

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/io.h"

static char directory_path[] = "/tmp/seep-fuzz.XXXXXX";
static const char *directory_file;
static int directory_fd = -1;

static inline void directory_remove(void)
{
    unlinkat(directory_fd, directory_file, 0);
    rmdir(directory_path);
}

/* The same NAME every time. */
static inline int directory_with(const char *name, const uint8_t *data, size_t size)
{
    if (directory_fd < 0) {
        if (!mkdtemp(directory_path))
            abort();
        directory_file = name;
        directory_fd = open(directory_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        atexit(directory_remove);
    }

    /* Not O_TRUNC: ext4 would write each one out to the disk. */
    int fd = openat(directory_fd, name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

    if (fd < 0 || io_write(fd, data, size) || ftruncate(fd, (off_t)size) < 0)
        abort();
    close(fd);
    return directory_fd;
}
