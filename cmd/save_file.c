#include "cmd/save_file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/io.h"

struct seep_error *save_file(const char *path, const char *text, size_t len)
{
    struct stat st;

    if (lstat(path, &st) < 0 ? errno == ENOENT : S_ISREG(st.st_mode))
        return io_replace_file(AT_FDCWD, path, text, len);

    _cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY, 0600);

    if (fd < 0)
        return error_errno(errno, path, "cannot open %s", path);
    return error_prefix(io_write(fd, text, len), "%s", path);
}
