/* Every row of the table of memory syscalls, one thread: success, failure, and each flag. */
#include "exercise.h"

#include <fcntl.h>
#include <sys/ipc.h>
#include <sys/resource.h>
#include <sys/shm.h>

#ifndef MFD_HUGE_2MB
#define MFD_HUGE_2MB (21U << 26)
#endif
#ifndef SYS_process_madvise
#define SYS_process_madvise 440
#endif
#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif
#define SYSCALL_MAP_SHADOW_STACK 453

enum { HUGE_2MB = 21 << 26, HUGE_1GB = 30 << 26, MFD_HUGETLB_FLAG = 4 };

static int file_of_pages(long pages)
{
    int fd = (int)syscall(SYS_memfd_create, "pages", 0);

    if (fd < 0 || ftruncate(fd, pages * PAGE) < 0)
        _exit(1);
    return fd;
}

static void map_flags(void)
{
    static const int flags[] = {
        MAP_PRIVATE | MAP_ANONYMOUS,
        MAP_SHARED | MAP_ANONYMOUS,
        MAP_SHARED_VALIDATE | MAP_ANONYMOUS,
        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
        MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK | MAP_NORESERVE,
        MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE,
        MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE | MAP_NONBLOCK,
        MAP_PRIVATE | MAP_ANONYMOUS | MAP_GROWSDOWN,
        MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED,
        MAP_PRIVATE | MAP_ANONYMOUS | MAP_DENYWRITE | MAP_EXECUTABLE,
        MAP_PRIVATE | MAP_ANONYMOUS | 0x40,     /* MAP_32BIT on x86 */
        MAP_PRIVATE | MAP_ANONYMOUS | 0x400000, /* no name */
        MAP_ANONYMOUS,                          /* no type */
        MAP_PRIVATE | MAP_SHARED | 0xc | MAP_ANONYMOUS,
        MAP_SHARED_VALIDATE | MAP_SYNC,
        MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB,
        MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | HUGE_2MB,
        MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | HUGE_1GB,
        MAP_PRIVATE | HUGE_2MB,
        0,
    };

    for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
        long got = syscall(SYSCALL_MMAP, 0, 3 * PAGE, PROT_READ | PROT_WRITE, flags[i], -1, 0);

        if (got != -1)
            syscall(SYS_munmap, got, 3 * PAGE);
    }
}

static void map_places(void)
{
    char *base = exercise_map(16 * PAGE);
    int fd = file_of_pages(8);

    for (int prot = 0; prot < 16; prot++) /* 8: PROT_SEM */
        syscall(SYSCALL_MMAP, base + prot * PAGE, PAGE, prot,
                MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    syscall(SYSCALL_MMAP, base, PAGE, PROT_READ, MAP_FIXED_NOREPLACE | MAP_PRIVATE | MAP_ANONYMOUS,
            -1, 0);
    syscall(SYSCALL_MMAP, base + 1, PAGE, PROT_READ, MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS, -1,
            0);
    syscall(SYSCALL_MMAP, base, PAGE, PROT_READ, MAP_FIXED | MAP_SHARED, fd, FILE_OFFSET(PAGE));
    syscall(SYSCALL_MMAP, base + 4 * PAGE, 4 * PAGE, PROT_READ | PROT_WRITE,
            MAP_FIXED | MAP_PRIVATE, fd, FILE_OFFSET(4 * PAGE));
    syscall(SYSCALL_MMAP, 0, PAGE, PROT_READ, MAP_PRIVATE, fd, FILE_OFFSET(0x7ffff000L));
    syscall(SYSCALL_MMAP, 0, PAGE, PROT_READ, MAP_PRIVATE, 77, 0);
    syscall(SYSCALL_MMAP, 0, 0, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    syscall(SYSCALL_MMAP, 0, -1L, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    syscall(SYSCALL_MMAP, base + 64 * PAGE, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    close(fd);
}

#ifdef __i386__
/* The old mmap: one pointer to six words, the offset in bytes. */
static void old_map(void)
{
    static unsigned long arguments[6] = {
        0, 2 * PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, (unsigned long)-1, 0};
    int fd = file_of_pages(4);

    syscall(SYS_mmap, arguments);
    arguments[3] = MAP_SHARED;
    arguments[4] = (unsigned long)fd;
    arguments[5] = PAGE;
    syscall(SYS_mmap, arguments);
    arguments[5] = 1;
    syscall(SYS_mmap, arguments);
    close(fd);
}
#endif

static void unmap(void)
{
    char *p = exercise_map(16 * PAGE);

    syscall(SYS_munmap, p + 2 * PAGE, PAGE);     /* the middle */
    syscall(SYS_munmap, p, PAGE);                /* the front */
    syscall(SYS_munmap, p + 15 * PAGE, PAGE);    /* the back */
    syscall(SYS_munmap, p, 8 * PAGE);            /* across holes */
    syscall(SYS_munmap, p + 8 * PAGE, 3);        /* rounded up */
    syscall(SYS_munmap, p + 9 * PAGE + 1, PAGE); /* unaligned */
    syscall(SYS_munmap, p + 9 * PAGE, 0);
    syscall(SYS_munmap, p + 9 * PAGE, 16 * PAGE); /* beyond the end */
    syscall(SYS_munmap, -PAGE, PAGE);
    syscall(SYS_munmap, 0, PAGE);
}

static void remap(void)
{
    char *p = exercise_map(8 * PAGE), *wall = exercise_map(2 * PAGE),
         *room = exercise_map(32 * PAGE);
    int fd = file_of_pages(4);
    long file, moved;

    syscall(SYS_munmap, room, 32 * PAGE);
    syscall(SYS_mremap, p, 8 * PAGE, 4 * PAGE, 0);       /* shrinks */
    syscall(SYS_mremap, p, 4 * PAGE, 6 * PAGE, 0);       /* grows in place */
    syscall(SYS_mremap, wall, 2 * PAGE, 4096 * PAGE, 0); /* no room */
    moved = syscall(SYS_mremap, wall, 2 * PAGE, 64 * PAGE, MREMAP_MAYMOVE);
    syscall(SYS_mremap, p, 6 * PAGE, 6 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, room);
    syscall(SYS_mremap, room, 2 * PAGE, 3 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, room + 16 * PAGE);
    syscall(SYS_mremap, room + 16 * PAGE, 3 * PAGE, 3 * PAGE, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, 0);
    syscall(SYS_mremap, room + 16 * PAGE, 3 * PAGE, 3 * PAGE,
            MREMAP_MAYMOVE | MREMAP_DONTUNMAP | MREMAP_FIXED, room + 24 * PAGE);
    syscall(SYS_mremap, room + 16 * PAGE, 3 * PAGE, 4 * PAGE, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, 0);
    syscall(SYS_mremap, room + 2 * PAGE, PAGE, PAGE, MREMAP_FIXED, room); /* lacks MAYMOVE */
    syscall(SYS_mremap, room + 2 * PAGE, PAGE, PAGE, 0x18, room);
    syscall(SYS_mremap, room + 2 * PAGE + 1, PAGE, PAGE, 0);
    syscall(SYS_mremap, room + 2 * PAGE, PAGE, 0, 0);
    syscall(SYS_mremap, room + 30 * PAGE, PAGE, 2 * PAGE, MREMAP_MAYMOVE); /* nothing there */
    syscall(SYS_mremap, moved, 64 * PAGE, PAGE, MREMAP_MAYMOVE);
    file = syscall(SYSCALL_MMAP, 0, 4 * PAGE, PROT_READ, MAP_SHARED, fd, 0);
    syscall(SYS_mremap, file, 0, 4 * PAGE, MREMAP_MAYMOVE); /* a second look at shared pages */
    close(fd);
}

static void move_break(void)
{
    long top = syscall(SYS_brk, 0);

    syscall(SYS_brk, top + 4 * PAGE);
    syscall(SYS_brk, top + 4 * PAGE + 123);
    syscall(SYS_brk, top + PAGE);
    syscall(SYS_brk, top);
    syscall(SYS_brk, 1);
    syscall(SYS_brk, -PAGE);
}

static void protect(void)
{
    char *p = exercise_map(16 * PAGE), *reserved;
    int key;

    reserved = mmap(NULL, 64 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    syscall(SYS_mprotect, reserved, 8 * PAGE, PROT_READ | PROT_WRITE);
    syscall(SYS_mprotect, reserved + 2 * PAGE, PAGE, PROT_NONE);
    for (int prot = 0; prot < 16; prot++)
        syscall(SYS_mprotect, p + prot * PAGE, PAGE, prot);
    syscall(SYS_mprotect, p, 3, PROT_READ);
    syscall(SYS_mprotect, p, 0, PROT_READ);
    syscall(SYS_mprotect, p + 1, PAGE, PROT_READ);
    syscall(SYS_mprotect, p, PAGE, PROT_READ | PROT_GROWSDOWN);
    syscall(SYS_mprotect, p, PAGE, PROT_READ | PROT_GROWSUP);
    syscall(SYS_mprotect, p, PAGE, PROT_GROWSDOWN | PROT_GROWSUP);
    syscall(SYS_mprotect, p, PAGE, 0x40000);
    syscall(SYS_mprotect, 0, PAGE, PROT_READ);
    key = (int)syscall(SYS_pkey_alloc, 0, 0);
    syscall(SYS_pkey_mprotect, p, PAGE, PROT_READ | PROT_WRITE, key);
    syscall(SYS_pkey_mprotect, p, PAGE, PROT_READ, -1);
    syscall(SYS_pkey_mprotect, p, PAGE, PROT_READ | PROT_WRITE, 99);
    syscall(SYS_pkey_mprotect, 0, PAGE, PROT_NONE, -1);
}

static void advise(void)
{
    char *p = exercise_map(16 * PAGE);
    int fd = file_of_pages(4);
    long file = syscall(SYSCALL_MMAP, 0, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

    memset(p, 1, 16 * PAGE);
    for (int advice = 0; advice <= 25; advice++)
        syscall(SYS_madvise, p + advice % 16 * PAGE, PAGE, advice);
    for (int advice = 0; advice <= 12; advice++)
        syscall(SYS_madvise, file, 2 * PAGE, advice);
    syscall(SYS_madvise, p, PAGE, 7);
    syscall(SYS_madvise, p, PAGE, -1);
    syscall(SYS_madvise, p, PAGE, 0x12345);
    syscall(SYS_madvise, p + 1, PAGE, MADV_DONTNEED);
    syscall(SYS_madvise, p, 0, MADV_DONTNEED);
    syscall(SYS_madvise, 0, PAGE, MADV_DONTNEED);
    syscall(SYS_madvise, 0, PAGE, 100);
    syscall(SYS_madvise, 0, PAGE, 101);
    close(fd);
}

static void advise_process(void)
{
    static struct {
        char *base;
        unsigned long len;
    } vectors[2];
    char *p = exercise_map(8 * PAGE);
    int pidfd = (int)syscall(SYS_pidfd_open, getpid(), 0);

    memset(p, 1, 8 * PAGE);
    vectors[0].base = p;
    vectors[0].len = 2 * PAGE;
    vectors[1].base = p + 4 * PAGE;
    vectors[1].len = PAGE;
    syscall(SYS_process_madvise, pidfd, vectors, 2, MADV_COLD, 0);
    syscall(SYS_process_madvise, pidfd, vectors, 1, MADV_PAGEOUT, 0);
    syscall(SYS_process_madvise, pidfd, vectors, 1, MADV_WILLNEED, 0);
    syscall(SYS_process_madvise, pidfd, vectors, 1, MADV_HWPOISON, 0);
    syscall(SYS_process_madvise, pidfd, vectors, 1, 1234, 0);
    syscall(SYS_process_madvise, pidfd, vectors, 1, MADV_COLD, 7);
    syscall(SYS_process_madvise, pidfd, 0, 0, MADV_COLD, 0);
    syscall(SYS_process_madvise, -1, vectors, 1, MADV_COLD, 0);
    close(pidfd);
}

static void attach_shared(void)
{
    static struct shmid_ds state; /* i386's C library uses it whatever the command */
    int id = shmget(IPC_PRIVATE, 4 * PAGE, IPC_CREAT | 0600), keyed;
    char *p, *q, *room = exercise_map(32 * PAGE);

    p = shmat(id, NULL, 0);
    q = shmat(id, NULL, SHM_RDONLY);
    munmap(room, 32 * PAGE);
    shmat(id, room + 16 * PAGE + 1, 0);
    shmat(id, room + 16 * PAGE + 1, SHM_RND);
    shmat(id, room + 16 * PAGE, SHM_REMAP | SHM_EXEC);
    shmat(id, NULL, SHM_REMAP);
    shmat(id, room + 16 * PAGE, 0200000);
    shmat(-1, NULL, 0);
    shmctl(id, IPC_STAT, &state);
    shmctl(id, IPC_SET, &state);
    shmctl(id, SHM_LOCK, NULL);
    shmctl(id, SHM_UNLOCK, NULL);
    shmctl(-1, IPC_STAT, &state);
    shmctl(id, 12345, &state);
    shmctl(id, IPC_RMID, NULL);
    shmctl(id, IPC_RMID, &state);
    shmdt(p);
    shmdt(p);
    shmdt(q + PAGE);
    shmdt(q);
    shmdt(NULL);

    keyed = shmget(0x5ee95ee9, PAGE, IPC_CREAT | IPC_EXCL | 0644);
    shmget(0x5ee95ee9, PAGE, IPC_CREAT | IPC_EXCL | 0644);
    shmget(0x5ee95ee9, PAGE, 0);
    shmget(0x5ee95ee9, 1024 * PAGE, 0444);
    shmctl(keyed, IPC_RMID, NULL);
    shmget(0x5ee95eea, PAGE, 0600);
    shmget(IPC_PRIVATE, 0, IPC_CREAT | 0777);
    id = shmget(IPC_PRIVATE, PAGE, IPC_CREAT | SHM_NORESERVE | 0400);
    shmctl(id, IPC_RMID, NULL);
    id = shmget(IPC_PRIVATE, PAGE, IPC_CREAT | SHM_HUGETLB | HUGE_2MB | 0600);
    shmctl(id, IPC_RMID, NULL);
    shmget(IPC_PRIVATE, 0, SHM_HUGETLB | HUGE_1GB);
    shmget(IPC_PRIVATE, 0, HUGE_2MB);
    shmget(IPC_PRIVATE, 0, 01000000);
}

#ifdef __i386__
/* The C library goes through ipc(2); the kernel has direct numbers too. */
static void attach_shared_directly(void)
{
    long id = syscall(SYS_shmget, IPC_PRIVATE, PAGE, IPC_CREAT | 0600), p;
    static char state[256];

    p = syscall(SYS_shmat, id, 0, 0);
    syscall(SYS_shmat, -1, 0, 0);
    syscall(SYS_shmctl, id, IPC_STAT, state);
    syscall(SYS_shmctl, id, IPC_RMID, 0);
    syscall(SYS_shmdt, p);
    syscall(SYS_shmdt, p);
}
#endif

static void make_memfd(void)
{
    static const unsigned flags[] = {
        0,
        MFD_CLOEXEC,
        MFD_ALLOW_SEALING,
        MFD_CLOEXEC | MFD_ALLOW_SEALING,
        MFD_HUGETLB_FLAG,
        MFD_HUGETLB_FLAG | HUGE_2MB,
        MFD_CLOEXEC | MFD_HUGETLB_FLAG | HUGE_1GB,
        HUGE_2MB,
        0x100,
        MFD_CLOEXEC | 0x200,
    };
    static const char *const names[] = {
        "",
        "plain name",
        "tab\tnewline\nreturn\rquote\"back\\",
        "\1"
        "2\x7f\xc3\xa4\v\f\033[m",
        "exactly thirty-two bytes of name",
        "thirty-three bytes of name, not 3",
    };
    static char long_name[300];

    for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
        close((int)syscall(SYS_memfd_create, "flags", flags[i]));
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        close((int)syscall(SYS_memfd_create, names[i], MFD_CLOEXEC));
    memset(long_name, 'x', sizeof(long_name) - 1);
    syscall(SYS_memfd_create, long_name, 0);
    long_name[249] = 0;
    close((int)syscall(SYS_memfd_create, long_name, 0));
    syscall(SYS_memfd_create, 0, 0);
    syscall(SYS_memfd_create, 16, 0);
}

static void asynchronous_io(void)
{
    static unsigned long context, second;

    syscall(SYS_io_setup, 128, &context);
    syscall(SYS_io_setup, 128, &context); /* must hold 0 */
    syscall(SYS_io_setup, 1, &second);
    syscall(SYS_io_setup, 0, &second);
    syscall(SYS_io_setup, 1, 0);
    syscall(SYS_io_setup, -1, &second);
    syscall(SYS_io_destroy, context);
    syscall(SYS_io_destroy, context);
    syscall(SYS_io_destroy, 0);
    syscall(SYS_io_destroy, second);
}

static void rare(void)
{
    int fd = file_of_pages(8);
    long p = syscall(SYSCALL_MMAP, 0, 8 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

    syscall(SYS_remap_file_pages, p, PAGE, 0, 5, 0);
    syscall(SYS_remap_file_pages, p + PAGE, PAGE, 0, 6, MAP_NONBLOCK);
    syscall(SYS_remap_file_pages, p, PAGE, PROT_READ, 5, 0);
    syscall(SYS_remap_file_pages, 0, PAGE, 0, 5, 0);
    syscall(SYSCALL_MAP_SHADOW_STACK, 0, 4 * PAGE, 1);
    syscall(SYSCALL_MAP_SHADOW_STACK, 0, 4 * PAGE, 2);
    close(fd);
}

int main(int argc, char **argv)
{
    exercise_begin(argc, argv);
    map_flags();
    map_places();
    unmap();
    remap();
    move_break();
    protect();
    advise();
    advise_process();
    attach_shared();
#ifdef __i386__
    old_map();
    attach_shared_directly();
#endif
    make_memfd();
    asynchronous_io();
    rare();
    exercise_end();
    return 0;
}
