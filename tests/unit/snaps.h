/* Snapshots for the tests of what is told of them, made from the texts a record would hold. */
#pragma once

#include <string.h>

#include "evidence/snapshot.h"
#include "report/snap.h"

struct snap_text {
    const char *name, *text;
};

static inline void snaps_make(pid_t pid, const struct snap_text *texts, size_t count,
                              struct snapshot *ret_snap)
{
    struct snapshot_record record = {
        .pid = pid, .start_ticks = 7, .begin_ns = 1000000000, .end_ns = 1000250000};

    for (size_t i = 0; i < count; i++)
        assert_null(
            snapshot_record_add(&record, texts[i].name, texts[i].text, strlen(texts[i].text)));
    assert_null(snapshot_parse(&record, ret_snap));
    snapshot_record_deinit(&record);
}

/* A server with a bit of everything, and names that would steer a terminal. */
static inline void snaps_server(struct snapshot *ret_snap)
{
    static const struct snap_text texts[] = {
        {"smaps",
         "55d000000000-55d000100000 r-xp 00001000 fe:00 4711 /usr/bin/server\n"
         "Size: 1024 kB\nKernelPageSize: 4 kB\nMMUPageSize: 4 kB\nRss: 800 kB\nPss: 400 kB\n"
         "Pss_Dirty: 0 kB\nShared_Clean: 800 kB\nShared_Dirty: 0 kB\nPrivate_Clean: 0 kB\n"
         "Private_Dirty: 0 kB\nReferenced: 800 kB\nAnonymous: 0 kB\nKSM: 0 kB\nLazyFree: 0 kB\n"
         "AnonHugePages: 0 kB\nShmemPmdMapped: 0 kB\nFilePmdMapped: 0 kB\nShared_Hugetlb: 0 kB\n"
         "Private_Hugetlb: 0 kB\nSwap: 0 kB\nSwapPss: 0 kB\nLocked: 0 kB\nTHPeligible: 0\n"
         "VmFlags: rd ex mr mw me\n"
         "55d001000000-55d041000000 rw-p 00000000 00:00 0 [heap]\n"
         "Size: 1048576 kB\nKernelPageSize: 4 kB\nMMUPageSize: 4 kB\nRss: 1000000 kB\n"
         "Pss: 1000000 kB\nPss_Dirty: 1000000 kB\nShared_Clean: 0 kB\nShared_Dirty: 0 kB\n"
         "Private_Clean: 0 kB\nPrivate_Dirty: 1000000 kB\nReferenced: 900000 kB\n"
         "Anonymous: 1000000 kB\nKSM: 0 kB\nLazyFree: 4096 kB\nAnonHugePages: 0 kB\n"
         "ShmemPmdMapped: 0 kB\nFilePmdMapped: 0 kB\nShared_Hugetlb: 0 kB\nPrivate_Hugetlb: 0 kB\n"
         "Swap: 2048 kB\nSwapPss: 2048 kB\nLocked: 0 kB\nTHPeligible: 1\nVmFlags: rd wr mr mw me "
         "ac\n"
         "7f0000000000-7f0000400000 rw-s 00000000 00:01 2053 /memfd:pool \033[31m\\012x (deleted)\n"
         "Size: 4096 kB\nKernelPageSize: 4 kB\nMMUPageSize: 4 kB\nRss: 4096 kB\nPss: 2048 kB\n"
         "Pss_Dirty: 2048 kB\nShared_Clean: 0 kB\nShared_Dirty: 4096 kB\nPrivate_Clean: 0 kB\n"
         "Private_Dirty: 0 kB\nReferenced: 4096 kB\nAnonymous: 0 kB\nKSM: 0 kB\nLazyFree: 0 kB\n"
         "AnonHugePages: 0 kB\nShmemPmdMapped: 0 kB\nFilePmdMapped: 0 kB\nShared_Hugetlb: 0 kB\n"
         "Private_Hugetlb: 0 kB\nSwap: 0 kB\nSwapPss: 0 kB\nLocked: 0 kB\nTHPeligible: 0\n"
         "VmFlags: rd wr sh mr mw me ms\n"
         "7f0000500000-7f0000600000 rw-p 00000000 00:00 0\n"
         "Size: 1024 kB\nKernelPageSize: 4 kB\nMMUPageSize: 4 kB\nRss: 8 kB\nPss: 8 kB\n"
         "Pss_Dirty: 8 kB\nShared_Clean: 0 kB\nShared_Dirty: 0 kB\nPrivate_Clean: 0 kB\n"
         "Private_Dirty: 8 kB\nReferenced: 8 kB\nAnonymous: 8 kB\nKSM: 0 kB\nLazyFree: 0 kB\n"
         "AnonHugePages: 0 kB\nShmemPmdMapped: 0 kB\nFilePmdMapped: 0 kB\nShared_Hugetlb: 0 kB\n"
         "Private_Hugetlb: 0 kB\nSwap: 0 kB\nSwapPss: 0 kB\nLocked: 0 kB\nTHPeligible: 0\n"
         "VmFlags: rd wr mr mw me ac\n"},
        {"stat", "4242 (server) S 1 4242 4242 0 -1 0 5 0 6 0 100 20 0 0 20 0 9 0 77 1 1\n"},
        {"status", "VmSize: 1054720 kB\nVmRSS: 1004904 kB\nVmSwap: 2048 kB\nThreads: 9\n"},
        {"cgroup_memory", "version 2\ngroup 1073741824 2147483648 /app\n"},
        {"limits", "Max address space  8589934592  unlimited  bytes\n"},
        {"tasks", "4242 S 1200000000 77 ser\\nver\n"},
        {"held", "fd 7 00:01 2053 4194304 4194304 - /memfd:pool \033[31m\\nx (deleted)\n"
                 "fd 9 00:01 2054 1073741824 8388608 - /memfd:bigger (deleted)\n"
                 "sysv 32769 00:00 32769 1048576 4096 2 /SYSV0000162e (deleted)\nskipped 1200\n"},
    };

    snaps_make(4242, texts, ARRAY_SIZE(texts), ret_snap);
}

/* One of its workers: shares the pool and the program. */
static inline void snaps_worker(pid_t pid, struct snapshot *ret_snap)
{
    char stat[128];
    const struct snap_text texts[] = {
        {"smaps",
         "55d000000000-55d000100000 r-xp 00001000 fe:00 4711 /usr/bin/server\n"
         "Rss: 800 kB\nPss: 400 kB\nPrivate_Clean: 0 kB\nPrivate_Dirty: 0 kB\nSwap: 0 kB\n"
         "7f0000000000-7f0000400000 rw-s 00000000 00:01 2053 /memfd:pool "
         "\033[31m\\012x (deleted)\n"
         "Rss: 4096 kB\nPss: 2048 kB\nPrivate_Clean: 0 kB\nPrivate_Dirty: 0 kB\n"
         "Swap: 0 kB\n"
         "7f1000000000-7f1000400000 rw-p 00000000 00:00 0\n"
         "Rss: 64 kB\nPss: 64 kB\nPrivate_Clean: 4 kB\nPrivate_Dirty: 60 kB\nSwap: 0 kB\n"},
        {"stat", stat},
    };

    snprintf(stat, sizeof(stat), "%d (w) S 4242 1 1 0 -1 0 5 0 6 0 1 2 0 0 20 0 1 0 77 1 1\n",
             (int)pid);
    snaps_make(pid, texts, ARRAY_SIZE(texts), ret_snap);
}
