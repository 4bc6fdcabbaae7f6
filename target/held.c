#include "target/held.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "evidence/proc_text.h"

static bool is_shared_memory(const char *name)
{
    return strncmp(name, "/memfd:", 7) == 0 || strncmp(name, "/dev/shm/", 9) == 0 ||
           strncmp(name, "/SYSV", 5) == 0 || strcmp(name, "/dev/zero (deleted)") == 0;
}

static void append_descriptor(int fd_dir, const char *number, struct buffer *out)
{
    char name[PATH_MAX];
    ssize_t len = readlinkat(fd_dir, number, name, sizeof(name) - 1);
    struct statx stat;

    if (len <= 0)
        return;
    name[len] = '\0';
    /* DONT_SYNC: a network or FUSE file system in its place is not asked, and cannot block us. */
    if (!is_shared_memory(name) ||
        statx(fd_dir, number, AT_STATX_DONT_SYNC, STATX_SIZE | STATX_BLOCKS | STATX_INO, &stat) < 0)
        return;
    buffer_printf(out, "fd %s %02x:%02x %" PRIu64 " %" PRIu64 " %" PRIu64 " - ", number,
                  stat.stx_dev_major, stat.stx_dev_minor, (uint64_t)stat.stx_ino,
                  (uint64_t)stat.stx_size, (uint64_t)stat.stx_blocks * 512);
    proc_text_escape(out, name, (size_t)len);
    buffer_u8(out, '\n');
}

void held_append_descriptors(int fd_dir, struct buffer *out)
{
    DIR *dir = fdopendir(fd_dir);
    uint64_t seen = 0;

    if (!dir) {
        close(fd_dir);
        return;
    }
    for (struct dirent *entry; (entry = readdir(dir));) {
        if (entry->d_name[0] == '.')
            continue;
        if (seen++ < HELD_MAX_DESCRIPTORS)
            append_descriptor(fd_dir, entry->d_name, out);
    }
    closedir(dir);
    if (seen > HELD_MAX_DESCRIPTORS)
        buffer_printf(out, "skipped %" PRIu64 "\n", seen - HELD_MAX_DESCRIPTORS);
}

void held_append_sysv(const char *text, size_t len, pid_t pid, struct buffer *out)
{
    size_t at = 0, line_len;
    const char *bytes;

    while ((bytes = proc_text_line(text, len, &at, &line_len))) {
        _cleanup_free_ char *line = strndup(bytes, line_len);
        uint64_t size, attached, rss, swap;
        int key, id, creator;

        /* key shmid perms size cpid lpid nattch uid gid cuid cgid atime dtime ctime rss swap */
        if (!line ||
            sscanf(line,
                   "%d %d %*o %" SCNu64 " %d %*d %" SCNu64 " %*u %*u %*u %*u %*u %*u %*u %" SCNu64
                   " %" SCNu64,
                   &key, &id, &size, &creator, &attached, &rss, &swap) != 7 ||
            creator != pid)
            continue;
        buffer_printf(out,
                      "sysv %d 00:00 %d %" PRIu64 " %" PRIu64 " %" PRIu64 " /SYSV%08x (deleted)\n",
                      id, id, size, rss + swap, attached, (unsigned)key);
    }
}
