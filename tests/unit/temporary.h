/*
 * A directory for one test, and its files as bytes:
 *
 *     struct temporary t;
 *     temporary_init(&t);                              // t.path, t.fd
 *     temporary_put(&t, "events", bytes, len);
 *     temporary_get(&t, "events", &buffer);
 *     temporary_deinit(&t);                            // with all that is in it
 *
 * Included after cmocka.h; a failure here fails the test.
 */
#pragma once

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/io.h"

struct temporary {
    char path[64];
    int fd;
};

/* Fails the test with what ERR says. */
static inline void must(struct seep_error *err)
{
    if (err) {
        print_error("%s\n", err->message);
        fail();
    }
}

/* ERR must be of CODE. */
static inline void must_fail(struct seep_error *err, enum error_code code)
{
    assert_non_null(err);
    if (err->code != code)
        print_error("%s\n", err->message);
    assert_int_equal(err->code, code);
    error_destroy(err);
}

static inline void temporary_init(struct temporary *t)
{
    snprintf(t->path, sizeof(t->path), "/tmp/seep-test.XXXXXX");
    assert_non_null(mkdtemp(t->path));
    t->fd = open(t->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(t->fd >= 0);
}

static inline int temporary_remove(const char *path, const struct stat *st, int flag,
                                   struct FTW *ftw)
{
    (void)st, (void)flag, (void)ftw;
    return remove(path);
}

static inline void temporary_deinit(struct temporary *t)
{
    close(t->fd);
    nftw(t->path, temporary_remove, 8, FTW_DEPTH | FTW_PHYS);
}

static inline int temporary_open(const struct temporary *t, const char *name)
{
    int fd = openat(t->fd, name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

    assert_true(fd >= 0);
    return fd;
}

static inline void temporary_put(const struct temporary *t, const char *name, const void *bytes,
                                 size_t len)
{
    int fd = temporary_open(t, name);

    assert_int_equal(ftruncate(fd, 0), 0);
    must(io_write(fd, bytes, len));
    close(fd);
}

static inline void temporary_get(const struct temporary *t, const char *name,
                                 struct buffer *ret_bytes)
{
    buffer_clear(ret_bytes);
    must(io_read_file(t->fd, name, 1 << 30, ret_bytes));
}
