#include "target/object.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>

#include "base/cleanup.h"

enum { RESIDENT_BATCH_PAGES = 4096 };

static bool is_same(int fd, const struct vma *vma)
{
    struct stat st;

    return fstat(fd, &st) == 0 && st.st_ino == vma->inode && major(st.st_dev) == vma->major &&
           minor(st.st_dev) == vma->minor;
}

static int open_map_file(pid_t pid, const struct vma *vma)
{
    char path[80];

    snprintf(path, sizeof(path), "/proc/%d/map_files/%" PRIx64 "-%" PRIx64, (int)pid, vma->start,
             vma->end);
    return open(path, O_PATH | O_CLOEXEC);
}

static int open_by_name(pid_t pid, const struct vma *vma)
{
    char path[PATH_MAX];

    if (vma->name[0] != '/' ||
        snprintf(path, sizeof(path), "/proc/%d/root%s", (int)pid, vma->name) >= (int)sizeof(path))
        return -1;

    _cleanup_close_ int fd = open(path, O_PATH | O_CLOEXEC);

    return fd >= 0 && is_same(fd, vma) ? take_fd(&fd) : -1;
}

static int open_by_descriptor(pid_t pid, const struct vma *vma)
{
    char path[32];
    int found = -1;

    snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);

    DIR *descriptors = opendir(path);

    if (!descriptors)
        return -1;
    for (struct dirent *entry; found < 0 && (entry = readdir(descriptors));) {
        _cleanup_close_ int fd = openat(dirfd(descriptors), entry->d_name, O_PATH | O_CLOEXEC);

        if (fd >= 0 && is_same(fd, vma))
            found = take_fd(&fd);
    }
    closedir(descriptors);
    return found;
}

/* Where subvolumes and layers show another device than the mapping's. */
static bool hides_device(int fd)
{
    struct statfs fs;

    return fstatfs(fd, &fs) == 0 &&
           (fs.f_type == OVERLAYFS_SUPER_MAGIC || fs.f_type == BTRFS_SUPER_MAGIC);
}

static int pin_by_name(pid_t pid, const struct vma *vma)
{
    struct open_how how = {.flags = O_PATH | O_CLOEXEC,
                           .resolve = RESOLVE_CACHED | RESOLVE_IN_ROOT};
    struct statx st;
    char root_path[32];

    snprintf(root_path, sizeof(root_path), "/proc/%d/root", (int)pid);

    _cleanup_close_ int root = open(root_path, O_PATH | O_DIRECTORY | O_CLOEXEC);

    if (vma->name[0] != '/' || root < 0)
        return -1;

    _cleanup_close_ int fd = (int)syscall(SYS_openat2, root, vma->name, &how, sizeof(how));

    /* Before Linux 5.12 there is no such promise to be had. */
    if (fd < 0 && (errno == ENOSYS || errno == EINVAL))
        fd = openat(root, vma->name + 1, O_PATH | O_CLOEXEC);
    if (fd < 0 || statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_INO, &st) < 0 ||
        st.stx_ino != vma->inode)
        return -1;
    if ((st.stx_dev_major != vma->major || st.stx_dev_minor != vma->minor) && !hides_device(fd))
        return -1;
    return take_fd(&fd);
}

int object_pin(pid_t pid, const struct vma *vma)
{
    int fd = open_map_file(pid, vma);

    return fd >= 0 ? fd : pin_by_name(pid, vma);
}

static enum object_kind kind_of(int fd)
{
    struct statfs fs;

    if (fstatfs(fd, &fs) < 0)
        return OBJECT_FILE;
    return fs.f_type == TMPFS_MAGIC || fs.f_type == HUGETLBFS_MAGIC || fs.f_type == RAMFS_MAGIC
               ? OBJECT_MEMORY
               : OBJECT_FILE;
}

void object_open(pid_t pid, const struct vma *vma, struct object *ret_object)
{
    struct object object = {.kind = OBJECT_UNKNOWN, .fd = -1};
    struct stat st;
    char path[40];

    *ret_object = object;
    if (vma->inode == 0 && !(vma->perms & VMA_SHARED)) {
        ret_object->kind = OBJECT_NONE;
        return;
    }

    _cleanup_close_ int place = open_map_file(pid, vma);

    if (place < 0)
        place = open_by_name(pid, vma);
    if (place < 0 && (vma->perms & VMA_SHARED))
        place = open_by_descriptor(pid, vma);
    if (place < 0 || fstat(place, &st) < 0)
        return;
    if (!S_ISREG(st.st_mode)) {
        /* A private mapping of /dev/zero is anonymous memory (drivers/char/mem.c, mmap_zero). */
        bool zero = S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 5);

        ret_object->kind = zero && !(vma->perms & VMA_SHARED) ? OBJECT_NONE : OBJECT_DEVICE;
        return;
    }
    snprintf(path, sizeof(path), "/proc/self/fd/%d", place);
    object.fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOATIME);
    if (object.fd < 0 && errno == EPERM)
        object.fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (object.fd < 0)
        return;
    object.kind = kind_of(object.fd);
    object.size_bytes = (uint64_t)st.st_size;
    *ret_object = object;
}

void object_deinit(struct object *object)
{
    if (object->fd >= 0)
        close(object->fd);
    *object = (struct object){.fd = -1};
}

void object_data(const struct object *object, uint64_t offset, uint64_t end, uint64_t *ret_start,
                 uint64_t *ret_end)
{
    off_t data = lseek(object->fd, (off_t)offset, SEEK_DATA), hole;

    if (data < 0) {
        *ret_start = errno == ENXIO ? end : offset;
        *ret_end = end;
        return;
    }
    if ((uint64_t)data >= end) {
        *ret_start = *ret_end = end;
        return;
    }
    hole = lseek(object->fd, data, SEEK_HOLE);
    *ret_start = (uint64_t)data;
    *ret_end = hole > data && (uint64_t)hole < end ? (uint64_t)hole : end;
}

uint64_t object_resident(const struct object *object, uint64_t offset, uint64_t end,
                         bool *ret_resident)
{
    uint64_t page_bytes = (uint64_t)sysconf(_SC_PAGESIZE), count = (end - offset) / page_bytes, n;
    unsigned char in_memory[RESIDENT_BATCH_PAGES];
    void *view;

    *ret_resident = true;
    if (count > RESIDENT_BATCH_PAGES)
        count = RESIDENT_BATCH_PAGES;
    view =
        mmap(NULL, (size_t)(count * page_bytes), PROT_READ, MAP_SHARED, object->fd, (off_t)offset);
    if (view == MAP_FAILED)
        return end - offset;
    if (mincore(view, (size_t)(count * page_bytes), in_memory) < 0)
        memset(in_memory, 1, sizeof(in_memory));
    munmap(view, (size_t)(count * page_bytes));
    *ret_resident = in_memory[0] & 1;
    for (n = 1; n < count && (in_memory[n] & 1) == (in_memory[0] & 1);)
        n++;
    return n * page_bytes;
}

void object_read(const struct object *object, uint64_t offset, void *buf, size_t len,
                 size_t *ret_got)
{
    size_t done = 0;

    while (done < len) {
        ssize_t got = TEMP_FAILURE_RETRY(
            pread(object->fd, (char *)buf + done, len - done, (off_t)(offset + done)));

        if (got <= 0)
            break;
        done += (size_t)got;
    }
    *ret_got = done;
}
