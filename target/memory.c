#include "target/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/uio.h>

struct memory {
    struct mem_source source;
    pid_t pid;
    int mem_fd;   /* belongs to the address space that was there at the start, whatever execs */
    bool refused; /* process_vm_readv is not to be had at all */
};

/* Each reader stops at the first page it cannot get, so that the other's turn begins there. */
static size_t read_process_vm(struct memory *m, uint64_t addr, void *buf, size_t len)
{
    struct iovec local = {buf, len}, remote = {(void *)(uintptr_t)addr, len};
    ssize_t got = m->refused ? -1 : process_vm_readv(m->pid, &local, 1, &remote, 1, 0);

    if (got < 0 && (errno == EPERM || errno == ENOSYS))
        m->refused = true;
    return got > 0 ? (size_t)got : 0;
}

static size_t read_mem_file(struct memory *m, uint64_t addr, void *buf, size_t len)
{
    size_t done = 0;

    if (addr > INT64_MAX) /* of no use as a file offset: [vsyscall] */
        return 0;
    while (done < len) {
        ssize_t got = TEMP_FAILURE_RETRY(
            pread(m->mem_fd, (char *)buf + done, len - done, (off_t)(addr + done)));

        if (got <= 0)
            break;
        done += (size_t)got;
    }
    return done;
}

static struct seep_error *memory_read(struct mem_source *source, uint64_t addr, void *buf,
                                      size_t len, size_t *ret_got)
{
    struct memory *m = (struct memory *)source;
    size_t done = 0;

    /* process_vm_readv goes by the pid: the file tells first whether that still is the process, and
     * the program, that was opened. */
    if (len && read_mem_file(m, addr, buf, 1) == 1)
        done = read_process_vm(m, addr, buf, len);
    else
        len = 0;
    if (done < len)
        done += read_mem_file(m, addr + done, (char *)buf + done, len - done);
    *ret_got = done;
    return NULL;
}

static void memory_destroy(struct mem_source *source)
{
    struct memory *m = (struct memory *)source;

    close(m->mem_fd);
    free(m);
}

struct seep_error *memory_create(pid_t pid, struct mem_source **ret_source)
{
    char path[32];
    struct memory *m = calloc(1, sizeof(*m));

    if (!m)
        return error_no_memory();
    snprintf(path, sizeof(path), "/proc/%d/mem", (int)pid);
    m->source = (struct mem_source){.read = memory_read, .destroy = memory_destroy};
    m->pid = pid;
    m->mem_fd = open(path, O_RDONLY | O_CLOEXEC);
    if (m->mem_fd < 0) {
        int errnum = errno == ENOENT ? ESRCH : errno;

        free(m);
        return error_remedy(
            error_errno(errnum, path, "cannot read the memory of process %d", (int)pid),
            errnum == ESRCH ? "it has ended" : "run seep as root, or see `seep check -p %d`",
            (int)pid);
    }
    *ret_source = &m->source;
    return NULL;
}
