#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>

enum { READ_STEP_BYTES = 64 * 1024 };

struct seep_error *io_read_fd(int fd, size_t max_len, struct buffer *ret_text)
{
    size_t before = ret_text->len;

    for (;;) {
        size_t at = ret_text->len;
        char *room = buffer_extend(ret_text, READ_STEP_BYTES);

        if (!room) {
            buffer_clear(ret_text);
            return error_no_memory();
        }

        ssize_t got = TEMP_FAILURE_RETRY(read(fd, room, READ_STEP_BYTES));

        ret_text->len = got > 0 ? at + (size_t)got : at;
        ret_text->bytes[ret_text->len] = '\0';
        if (got == 0)
            return NULL;
        if (got < 0 || ret_text->len - before > max_len) {
            ret_text->len = before;
            ret_text->bytes[before] = '\0';
            return got < 0 ? error_errno(errno, NULL, "cannot read")
                           : error_create(ERROR_CORRUPT, "longer than %zu bytes", max_len);
        }
    }
}

struct seep_error *io_read_file(int dir_fd, const char *path, size_t max_len,
                                struct buffer *ret_text)
{
    _cleanup_close_ int fd = openat(dir_fd, path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

    if (fd < 0)
        return error_errno(errno, path, "cannot open %s", path);
    return error_prefix(io_read_fd(fd, max_len, ret_text), "%s", path);
}

struct seep_error *io_pread(int fd, void *bytes, size_t len, off_t offset, size_t *ret_got)
{
    size_t done = 0;

    while (done < len) {
        ssize_t got =
            TEMP_FAILURE_RETRY(pread(fd, (char *)bytes + done, len - done, offset + (off_t)done));

        if (got < 0)
            return error_errno(errno, NULL, "cannot read");
        if (got == 0)
            break;
        done += (size_t)got;
    }
    *ret_got = done;
    return NULL;
}

struct seep_error *io_write(int fd, const void *bytes, size_t len)
{
    size_t done = 0;

    while (done < len) {
        ssize_t put = TEMP_FAILURE_RETRY(write(fd, (const char *)bytes + done, len - done));

        if (put < 0)
            return error_errno(errno, NULL, "cannot write");
        done += (size_t)put;
    }
    return NULL;
}

struct seep_error *io_replace_file(int dir_fd, const char *path, const void *bytes, size_t len)
{
    char temporary[PATH_MAX];

    if (snprintf(temporary, sizeof(temporary), "%s.tmp", path) >= (int)sizeof(temporary))
        return error_create(ERROR_INVALID, "the name %s is too long", path);

    _cleanup_close_ int fd =
        openat(dir_fd, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);

    if (fd < 0)
        return error_errno(errno, path, "cannot create %s", temporary);

    struct seep_error *err = io_write(fd, bytes, len);

    if (!err && fsync(fd) < 0)
        err = error_errno(errno, path, "cannot sync");
    if (!err && renameat(dir_fd, temporary, dir_fd, path) < 0)
        err = error_errno(errno, path, "cannot rename %s", temporary);
    if (err)
        unlinkat(dir_fd, temporary, 0);
    return error_prefix(err, "%s", path);
}
