#include "evidence/syscalls.h"

#include <string.h>

#include "base/cleanup.h"

enum {
    NUMBER_LIMIT = 1024,
    X32_BIT = 0x40000000, /* __X32_SYSCALL_BIT of asm/unistd.h */
};

/* Short names within the table. */
enum {
    PTR = SYSCALL_ARG_POINTER,
    SIZE = SYSCALL_ARG_SIZE,
    INT = SYSCALL_ARG_INT,
    FD = SYSCALL_ARG_FD,
    OFFSET = SYSCALL_ARG_OFFSET,
    PROT = SYSCALL_ARG_PROT,
    MAP = SYSCALL_ARG_MAP_FLAGS,
    REMAP = SYSCALL_ARG_MREMAP_FLAGS,
    ADVICE = SYSCALL_ARG_MADVICE,
    UNSIGNED = SYSCALL_ARG_UNSIGNED,
    GROWS = SYSCALL_GROWS,
    SHRINKS = SYSCALL_SHRINKS,
    ADDRESS = SYSCALL_ADDRESS,
};

/* Each kind's first row is the one that C libraries call. */
const struct syscall_row syscalls_table[] = {
    {"mmap",
     EVENT_MMAP,
     6,
     GROWS | SHRINKS | ADDRESS,
     {9, -1, 9, 222},
     {PTR, SIZE, PROT, MAP, FD, OFFSET}},
    {"mmap2",
     EVENT_MMAP,
     6,
     GROWS | SHRINKS | ADDRESS | SYSCALL_PAGE_OFFSET,
     {-1, 192, -1, -1},
     {PTR, SIZE, PROT, MAP, FD, OFFSET}},
    {"mmap",
     EVENT_MMAP,
     6,
     GROWS | SHRINKS | ADDRESS | SYSCALL_OLD_MMAP,
     {-1, 90, -1, -1},
     {PTR, SIZE, PROT, MAP, FD, OFFSET}},
    {"munmap", EVENT_MUNMAP, 2, SHRINKS, {11, 91, 11, 215}, {PTR, SIZE}},
    {"mremap",
     EVENT_MREMAP,
     5,
     GROWS | SHRINKS | ADDRESS,
     {25, 163, 25, 216},
     {PTR, SIZE, SIZE, REMAP, PTR}},
    {"brk", EVENT_BRK, 1, GROWS | SHRINKS | ADDRESS, {12, 45, 12, 214}, {PTR}},
    {"mprotect", EVENT_MPROTECT, 3, GROWS, {10, 125, 10, 226}, {PTR, SIZE, PROT}},
    {"pkey_mprotect", EVENT_PKEY_MPROTECT, 4, GROWS, {329, 380, 329, 288}, {PTR, SIZE, PROT, INT}},
    {"madvise", EVENT_MADVISE, 3, SHRINKS, {28, 219, 28, 233}, {PTR, SIZE, ADVICE}},
    {"shmat",
     EVENT_SHMAT,
     3,
     GROWS | ADDRESS,
     {30, 397, 30, 196},
     {INT, PTR, SYSCALL_ARG_SHMAT_FLAGS}},
    {"shmdt", EVENT_SHMDT, 1, SHRINKS, {67, 398, 67, 197}, {PTR}},
    {"shmget",
     EVENT_SHMGET,
     3,
     GROWS,
     {29, 395, 29, 194},
     {SYSCALL_ARG_IPC_KEY, SIZE, SYSCALL_ARG_SHMGET_FLAGS}},
    {"shmctl",
     EVENT_SHMCTL,
     3,
     SHRINKS,
     {31, 396, 31, 195},
     {INT, SYSCALL_ARG_SHMCTL_COMMAND, PTR}},
    {"memfd_create",
     EVENT_MEMFD_CREATE,
     2,
     GROWS | SYSCALL_NAME_ARGUMENT,
     {319, 356, 319, 279},
     {SYSCALL_ARG_MEMFD_NAME, SYSCALL_ARG_MEMFD_FLAGS}},
    {"process_madvise",
     EVENT_PROCESS_MADVISE,
     5,
     SHRINKS,
     {440, 440, 440, 440},
     {FD, PTR, SIZE, ADVICE, SYSCALL_ARG_HEX}},
    {"io_setup",
     EVENT_IO_SETUP,
     2,
     GROWS | SYSCALL_STORED_ID,
     {206, 245, 543, 0},
     {UNSIGNED, SYSCALL_ARG_AIO_CONTEXT}},
    {"io_destroy", EVENT_IO_DESTROY, 1, SHRINKS, {207, 246, 207, 1}, {PTR}},
    {"map_shadow_stack",
     EVENT_MAP_SHADOW_STACK,
     3,
     GROWS | ADDRESS,
     {453, 453, 453, 453},
     {PTR, SIZE, SYSCALL_ARG_SHADOW_STACK_FLAGS}},
    {"remap_file_pages",
     EVENT_REMAP_FILE_PAGES,
     5,
     0,
     {216, 257, 216, 234},
     {PTR, SIZE, PROT, SIZE, MAP}},
    {"ipc", 0, 6, SYSCALL_IPC, {-1, 117, -1, -1}, {UNSIGNED, INT, INT, PTR, PTR, INT}},
};
const size_t syscalls_count = ARRAY_SIZE(syscalls_table);

/* Row index + 1 by number, filled before main and read-only from then on. */
static uint8_t rows_by_number[EVENT_ABI_UNKNOWN][NUMBER_LIMIT];
static uint8_t rows_by_kind[EVENT_ABI_UNKNOWN][EVENT_SYSCALL_LAST + 1];
static uint8_t old_mmap_row;

__attribute__((constructor)) static void build_indexes(void)
{
    for (size_t i = 0; i < syscalls_count; i++) {
        const struct syscall_row *row = &syscalls_table[i];

        if (row->flags & SYSCALL_OLD_MMAP)
            old_mmap_row = (uint8_t)(i + 1);
        for (size_t abi = 0; abi < EVENT_ABI_UNKNOWN; abi++) {
            if (row->number[abi] < 0)
                continue;
            rows_by_number[abi][row->number[abi]] = (uint8_t)(i + 1);
            if (row->kind && !rows_by_kind[abi][row->kind])
                rows_by_kind[abi][row->kind] = (uint8_t)(i + 1);
        }
    }
}

static const struct syscall_row *row_of_index(uint8_t index_plus_one)
{
    return index_plus_one ? &syscalls_table[index_plus_one - 1] : NULL;
}

const struct syscall_row *syscalls_find(enum event_abi abi, uint64_t number)
{
    if (abi == EVENT_ABI_X32)
        number &= ~(uint64_t)X32_BIT;
    if ((unsigned)abi >= EVENT_ABI_UNKNOWN || number >= NUMBER_LIMIT)
        return NULL;
    return row_of_index(rows_by_number[abi][number]);
}

const struct syscall_row *syscalls_of_event(uint8_t kind, enum event_abi abi)
{
    if (abi == EVENT_ABI_I386_OLD && kind == EVENT_MMAP)
        return row_of_index(old_mmap_row);
    if ((unsigned)abi >= EVENT_ABI_UNKNOWN)
        abi = EVENT_ABI_X86_64;
    if (kind > EVENT_SYSCALL_LAST)
        return NULL;
    return row_of_index(rows_by_kind[abi][kind]);
}

/* ipc(call, first, second, third, ptr, fifth): ipc(2), ipc/syscall.c of the kernel. */
const struct syscall_row *syscalls_unpack_ipc(uint64_t args[6], uint64_t *ret_result_at)
{
    enum { SHMAT = 21, SHMDT = 22, SHMGET = 23, SHMCTL = 24, IBCS2_VERSION = 1 };
    const uint64_t call = args[0] & 0xffff, version = args[0] >> 16 & 0xffff;
    const uint64_t first = args[1], second = args[2], third = args[3], ptr = args[4];
    uint64_t unpacked[6] = {0}, result_at = 0;
    uint8_t kind;

    switch (call) {
    case SHMAT:
        if (version == IBCS2_VERSION)
            return NULL; /* the kernel refuses it */
        kind = EVENT_SHMAT;
        unpacked[0] = first;
        unpacked[1] = ptr;
        unpacked[2] = second;
        result_at = third;
        break;
    case SHMDT:
        kind = EVENT_SHMDT;
        unpacked[0] = ptr;
        break;
    case SHMGET:
        kind = EVENT_SHMGET;
        unpacked[0] = first;
        unpacked[1] = second;
        unpacked[2] = third;
        break;
    case SHMCTL:
        kind = EVENT_SHMCTL;
        unpacked[0] = first;
        unpacked[1] = second;
        unpacked[2] = ptr;
        break;
    default:
        return NULL;
    }
    memcpy(args, unpacked, sizeof(unpacked));
    *ret_result_at = result_at;
    return syscalls_of_event(kind, EVENT_ABI_I386);
}
