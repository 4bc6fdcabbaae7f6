#include "importer/file_sum.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { READ_BYTES = 256 << 10 };

struct file_sum {
    pthread_t thread;
    int fd;
    atomic_bool stop;
    /* The thread's until it has ended. */
    struct sha256_ctx sha;
    int errnum;
    bool joined;
};

static void *run(void *argument)
{
    struct file_sum *sum = argument;
    _cleanup_free_ uint8_t *bytes = malloc(READ_BYTES);
    off_t at = 0;

    sum->errnum = bytes ? 0 : ENOMEM;
    while (bytes && !atomic_load(&sum->stop)) {
        ssize_t got = TEMP_FAILURE_RETRY(pread(sum->fd, bytes, READ_BYTES, at));

        if (got < 0)
            sum->errnum = errno;
        if (got <= 0)
            break;
        sha256_update(&sum->sha, (size_t)got, bytes);
        at += got;
    }
    return NULL;
}

struct file_sum *file_sum_create(int fd)
{
    struct file_sum *sum = calloc(1, sizeof(*sum));

    if (!sum)
        return NULL;
    sum->fd = fd;
    sha256_init(&sum->sha);
    if (pthread_create(&sum->thread, NULL, run, sum) == 0)
        return sum;
    free(sum);
    return NULL;
}

static void join(struct file_sum *sum)
{
    if (!sum->joined)
        pthread_join(sum->thread, NULL);
    sum->joined = true;
}

void file_sum_destroy(struct file_sum *sum)
{
    if (!sum)
        return;
    atomic_store(&sum->stop, true);
    join(sum);
    free(sum);
}

struct seep_error *file_sum_wait(struct file_sum *sum, char ret_hex[65])
{
    join(sum);
    if (sum->errnum)
        return error_errno(sum->errnum, NULL, "cannot read");
    file_sum_print(&sum->sha, ret_hex);
    return NULL;
}

void file_sum_print(struct sha256_ctx *sha, char ret_hex[65])
{
    uint8_t digest[SHA256_DIGEST_SIZE];

    sha256_digest(sha, sizeof(digest), digest);
    for (size_t i = 0; i < sizeof(digest); i++)
        snprintf(ret_hex + 2 * i, 3, "%02x", digest[i]);
}
