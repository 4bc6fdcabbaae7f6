#include "target/oom.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/io.h"

enum { MIN_SCORE = 500 };

void oom_offer_self(void)
{
    static const char path[] = "/proc/self/oom_score_adj";
    _cleanup_buffer_ struct buffer text = {0};
    _cleanup_error_ struct seep_error *err = io_read_file(AT_FDCWD, path, 64, &text);
    char score[16];

    if (err || !text.bytes || atoi(text.bytes) >= MIN_SCORE)
        return;

    _cleanup_close_ int fd = open(path, O_WRONLY | O_CLOEXEC);

    snprintf(score, sizeof(score), "%d", MIN_SCORE);
    if (fd >= 0)
        err = io_write(fd, score, strlen(score));
}
