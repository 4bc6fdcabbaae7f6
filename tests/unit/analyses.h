/*
 * Analyses made by hand, for the tests of what people and programs read of them.
 *
 *     static struct analysis a;
 *     analyses_leak(&a);         // the example of a JVM's direct memory, every field known
 *     analyses_unknown(&a);      // nothing known that may be unknown
 *
 * Everything points to static storage: fill one at a time, destroy none.
 */
#pragma once

#include <math.h>
#include <string.h>

#include "analyzer/analysis.h"
#include "base/cleanup.h"
#include "base/units.h"

#define ANALYSES_MIB (UINT64_C(1) << 20)

/* A recording does not tell these of a process. */
#define ANALYSES_NO_SPLIT                                                                          \
    .virtual_bytes = ANALYSIS_UNKNOWN, .shared_bytes = ANALYSIS_UNKNOWN,                           \
    .private_clean_bytes = ANALYSIS_UNKNOWN, .private_dirty_bytes = ANALYSIS_UNKNOWN,              \
    .dirty_bytes = ANALYSIS_UNKNOWN, .huge_bytes = ANALYSIS_UNKNOWN

/* A literal array as the vector of a structure. */
#define ANALYSES_VECTOR(vector, ...)                                                               \
    ({                                                                                             \
        static __typeof__((vector)->items[0]) items_[] = {__VA_ARGS__};                            \
        (vector)->items = items_;                                                                  \
        (vector)->count = sizeof(items_) / sizeof(items_[0]);                                      \
    })

/* 2026-11-20T00:00:00Z */
static const uint64_t analyses_day_ns = UINT64_C(1795132800) * NS_PER_S;

static inline uint64_t analyses_clock(unsigned hour, unsigned minute, unsigned second)
{
    return analyses_day_ns + ((hour * 60 + minute) * 60 + second) * (uint64_t)NS_PER_S;
}

/* Nothing known that may be unknown. */
static inline void analyses_unknown(struct analysis *a)
{
    *a = (struct analysis){
        .started_ns = ANALYSIS_UNKNOWN,
        .ended_ns = ANALYSIS_UNKNOWN,
        .duration_ns = ANALYSIS_UNKNOWN,
        .events = ANALYSIS_UNKNOWN,
        .lost_events = ANALYSIS_UNKNOWN,
        .lost_stacks = ANALYSIS_UNKNOWN,
        .snapshots = ANALYSIS_UNKNOWN,
        .dumps = ANALYSIS_UNKNOWN,
        .unexplained_bytes = ANALYSIS_UNKNOWN,
        .preexisting_bytes = ANALYSIS_UNKNOWN,
        .rss_first_bytes = ANALYSIS_UNKNOWN,
        .rss_last_bytes = ANALYSIS_UNKNOWN,
        .virtual_first_bytes = ANALYSIS_UNKNOWN,
        .virtual_last_bytes = ANALYSIS_UNKNOWN,
        .growth_bytes_per_s = NAN,
        .limit_bytes = ANALYSIS_UNKNOWN,
        .exhaustion_s = NAN,
        .verdict = VERDICT_INCONCLUSIVE,
    };
    ANALYSES_VECTOR(&a->findings, {
                                      .rank = 1,
                                      .verdict = VERDICT_INCONCLUSIVE,
                                      .region = REGION_OTHER,
                                      .cause = CAUSE_UNKNOWN,
                                      .bytes = ANALYSIS_UNKNOWN,
                                      .resident_bytes = ANALYSIS_UNKNOWN,
                                      .count = ANALYSIS_UNKNOWN,
                                      .unit_bytes = ANALYSIS_UNKNOWN,
                                      .first_ns = ANALYSIS_UNKNOWN,
                                      .last_ns = ANALYSIS_UNKNOWN,
                                      .bytes_per_s = NAN,
                                      .confidence = NAN,
                                      .times_first_ns = ANALYSIS_UNKNOWN,
                                      .times_last_ns = ANALYSIS_UNKNOWN,
                                      .times_count = ANALYSIS_UNKNOWN,
                                  });
    ANALYSES_VECTOR(&a->vmas, {
                                  .start = 0x1000,
                                  .end = 0x2000,
                                  .perms = "r--p",
                                  .region = REGION_FILE,
                                  .size_bytes = 4096,
                                  .rss_bytes = ANALYSIS_UNKNOWN,
                                  .explained_bytes = ANALYSIS_UNKNOWN,
                                  .preexisting_bytes = ANALYSIS_UNKNOWN,
                              });
    ANALYSES_VECTOR(&a->threads, {.count = ANALYSIS_UNKNOWN, .bytes = ANALYSIS_UNKNOWN});
    ANALYSES_VECTOR(&a->processes, {ANALYSES_NO_SPLIT, .rss_bytes = ANALYSIS_UNKNOWN,
                                    .pss_bytes = ANALYSIS_UNKNOWN});
}

static inline void analyses_info(struct analysis *a)
{
    strcpy(a->info.case_id, "0a1b2c3d-0000-4000-8000-00000000002a");
    a->info.pid = 16067;
    a->info.exe = "/usr/lib/jvm/java-17/bin/java";
    a->info.runtime = "java";
    a->info.host_name = "mail-3";
    a->info.boot_id = "6f1c9f1e-3b0f-4a58-9a9e-6a1f5d0c7b11";
    a->info.backend = "ptrace";
    a->info.watcher_cpu_ns = UINT64_C(45600) * NS_PER_MS;
    a->info.target_stopped_ns = UINT64_C(1200) * NS_PER_MS;
    a->command = (char *)"java -Xmx8g -jar mail.jar";
    a->time_basis = "absolute";
    a->started_ns = analyses_clock(5, 12, 31);
    a->ended_ns = analyses_clock(8, 22, 52) + 123456789;
    a->duration_ns = a->ended_ns - a->started_ns;
    a->events = 412908;
    a->lost_events = 0;
    a->lost_stacks = 0;
    a->snapshots = 1143;
    a->dumps = 1;
    a->unexplained_bytes = 0;
    a->preexisting_bytes = 1126 * ANALYSES_MIB;
    a->complete = true;
    a->rss_first_bytes = 1500 * ANALYSES_MIB;
    a->rss_last_bytes = 3038 * ANALYSES_MIB;
    a->virtual_first_bytes = 12000 * ANALYSES_MIB;
    a->virtual_last_bytes = 13538 * ANALYSES_MIB;
    a->growth_bytes_per_s = 141200.5;
    a->limit_bytes = 4096 * ANALYSES_MIB;
    a->limit_source = (char *)"cgroup memory.max";
    a->exhaustion_s = 3420;
    ANALYSES_VECTOR(&a->processes,
                    {ANALYSES_NO_SPLIT, .pid = 16067, .ppid = 1,
                     .exe = (char *)"/usr/lib/jvm/java-17/bin/java",
                     .rss_bytes = 3038 * ANALYSES_MIB, .pss_bytes = 3031 * ANALYSES_MIB});
}

#define ANALYSES_GROWN_VMA                                                                         \
    {                                                                                              \
        .pid = 16067, .start = 0x7f4674483000, .end = 0x7f46d46e3000, .perms = "rw-p",             \
        .name = (char *)"", .region = REGION_ANON_MMAP, .size_bytes = 0x60260000,                  \
        .rss_bytes = 1574868 * 1024, .growth_bytes = 0x60260000,                                   \
        .explained_bytes = 96 * UINT64_C(16781312), .preexisting_bytes = 0                         \
    }

#define ANALYSES_EVENT_LOOP(tid_, name_)                                                           \
    {                                                                                              \
        .pid = 16067, .tid = tid_, .name = (char *)name_, .count = 12,                             \
        .bytes = 12 * UINT64_C(16781312)                                                           \
    }

#define ANALYSES_THREADS                                                                           \
    ANALYSES_EVENT_LOOP(25893, "nioEventLoop-1"), ANALYSES_EVENT_LOOP(25894, "nioEventLoop-2"),    \
        ANALYSES_EVENT_LOOP(25895, "nioEventLoop-3"),                                              \
        ANALYSES_EVENT_LOOP(25896, "nioEventLoop-4"),                                              \
        ANALYSES_EVENT_LOOP(25897, "nioEventLoop-5"),                                              \
        ANALYSES_EVENT_LOOP(25898, "nioEventLoop-6"),                                              \
        ANALYSES_EVENT_LOOP(25899, "nioEventLoop-7"), ANALYSES_EVENT_LOOP(25900, "nioEventLoop-8")

static inline void analyses_leak_findings(struct analysis *a)
{
    ANALYSES_VECTOR(
        &a->findings,
        {
            .rank = 1,
            .verdict = VERDICT_LEAK,
            .region = REGION_ANON_MMAP,
            .cause = CAUSE_NEVER_FREED,
            .title = (char *)"1,536.4 MiB in 96 mappings of 16.0 MiB, +8.1 MiB/min, still growing",
            .bytes = 96 * UINT64_C(16781312),
            .resident_bytes = 1530 * ANALYSES_MIB,
            .count = 96,
            .unit_bytes = 16781312,
            .bytes_per_s = 141064.25,
            .confidence = 0.97,
            .culprit = {.pid = 16067,
                        .process = (char *)"java",
                        .tid = 25897,
                        .thread = (char *)"nioEventLoop-5",
                        .function = (char *)"io.netty.buffer.PoolArena.newChunk"},
            .times_count = 23456,
            .written = (char *)"content written 03:06:36 to 08:22:51, each mapping within 30 s of "
                               "being mapped, never since",
            .reason = (char *)"96 mmaps of 16,781,312 bytes by 8 threads, none unmapped, "
                              "1,536.4 MiB: they make up 99.9% of VMA 7f4674483000, which grew by "
                              "1,538.4 MiB",
        },
        {
            .rank = 2,
            .verdict = VERDICT_SUSPECT,
            .region = REGION_HEAP,
            .cause = CAUSE_UNKNOWN,
            .title = (char *)"3.2 MiB of heap (brk), +17.2 KiB/min",
            .bytes = 3276 * 1024,
            .resident_bytes = ANALYSIS_UNKNOWN,
            .count = ANALYSIS_UNKNOWN,
            .unit_bytes = ANALYSIS_UNKNOWN,
            .bytes_per_s = 293,
            .confidence = 0.5,
            .culprit = {.pid = 16067, .process = (char *)"java"},
            .times_first_ns = ANALYSIS_UNKNOWN,
            .times_last_ns = ANALYSIS_UNKNOWN,
            .times_count = ANALYSIS_UNKNOWN,
            .reason = (char *)"the heap grew by 3.2 MiB; what is free inside it is not known",
        },
        {
            .rank = 3,
            .verdict = VERDICT_NOT_LEAK,
            .region = REGION_RESERVATION,
            .cause = CAUSE_UNTOUCHED_RESERVATION,
            .title = (char *)"Java heap 954 MiB of 8 GiB",
            .reason = (char *)"reserved, and touched as far as it is used",
        },
        {
            .rank = 4,
            .verdict = VERDICT_NOT_LEAK,
            .region = REGION_THREAD_STACK,
            .cause = CAUSE_BOUNDED,
            .title = (char *)"458 thread stacks 459 MiB, steady",
        });
}

#define ANALYSES_FRAME(module_, function_, ...)                                                    \
    {                                                                                              \
        .module = (char *)(module_), .function = (char *)(function_), .address = 0x7f46d9021234,   \
        .offset = 0x21234, .build_id = (char *)"8f2a00c1", __VA_ARGS__                             \
    }

/* How direct memory comes by its bytes; and three who asked while the heap was full. */
static inline void analyses_leak_stacks(struct finding *leak, struct finding *heap)
{
    static struct analysis_frame chunk[] = {
        ANALYSES_FRAME("/usr/lib/x86_64-linux-gnu/libc.so.6", "mmap64", .file = (char *)"mmap64.c",
                       .line = 58),
        ANALYSES_FRAME("/usr/lib/x86_64-linux-gnu/libc.so.6", "sysmalloc"),
        ANALYSES_FRAME("/usr/lib/x86_64-linux-gnu/libc.so.6", "malloc"),
        ANALYSES_FRAME("/usr/lib/jvm/java-17/lib/server/libjvm.so",
                       "os::malloc(unsigned long, MEMFLAGS)"),
        ANALYSES_FRAME("/usr/lib/jvm/java-17/lib/server/libjvm.so", "Unsafe_AllocateMemory0"),
        {.kind = STACK_FRAME_JIT,
         .address = 0x7f46d4001040,
         .offset = ANALYSIS_UNKNOWN,
         .function = (char *)"java.nio.DirectByteBuffer.<init>"},
        {.kind = STACK_FRAME_JIT,
         .address = 0x7f46d4002080,
         .offset = ANALYSIS_UNKNOWN,
         .function = (char *)"io.netty.buffer.PoolArena.newChunk",
         .inlined = true,
         .file = (char *)"PoolArena.java",
         .line = 214},
        {.kind = STACK_FRAME_JIT,
         .address = 0x7f46d4002080,
         .offset = ANALYSIS_UNKNOWN,
         .function = (char *)"io.netty.buffer.PoolArena.allocateNormal"},
        {.kind = STACK_FRAME_GAP,
         .offset = ANALYSIS_UNKNOWN,
         .function = (char *)"interpreted frames"},
        ANALYSES_FRAME("/usr/lib/jvm/java-17/lib/server/libjvm.so", "JavaCalls::call_helper"),
        ANALYSES_FRAME("/usr/lib/jvm/java-17/lib/server/libjvm.so", NULL),
        ANALYSES_FRAME("/usr/lib/x86_64-linux-gnu/libc.so.6", "start_thread"),
    };
    static struct analysis_frame asked[3][4] = {
        {ANALYSES_FRAME("libc.so.6", "brk"), ANALYSES_FRAME("/opt/liba.so", "intern_name"),
         ANALYSES_FRAME("/opt/liba.so", "parse"), ANALYSES_FRAME("java", "main")},
        {ANALYSES_FRAME("libc.so.6", "brk"), ANALYSES_FRAME("/opt/liba.so", "intern_name"),
         ANALYSES_FRAME("/opt/liba.so", "reload"), ANALYSES_FRAME("java", "main")},
        {ANALYSES_FRAME("libc.so.6", "brk"),
         ANALYSES_FRAME("/opt/liba.so", "log_line", .file = (char *)"src/log.c", .line = 12)},
    };

    ANALYSES_VECTOR(&leak->stacks, {.count = 96,
                                    .bytes = 96 * UINT64_C(16781312),
                                    .frames = {.items = chunk, .count = ARRAY_SIZE(chunk)},
                                    .culprit = 6});
    heap->sampled = true;
    ANALYSES_VECTOR(&heap->stacks,
                    {.count = 6, .bytes = 1500 * 1024, .frames = {asked[0], 4, 0}, .culprit = 1},
                    {.count = 4, .bytes = 1200 * 1024, .frames = {asked[1], 4, 0}, .culprit = 1},
                    {.count = 2,
                     .bytes = 576 * 1024,
                     .end = (char *)"unwinding stopped: no unwind information in liba.so",
                     .frames = {asked[2], 2, 0},
                     .culprit = 1});
}

/* A leak with all that can be known, a suspect, and what is none. */
static inline void analyses_leak(struct analysis *a)
{
    *a = (struct analysis){.verdict = VERDICT_LEAK};
    analyses_info(a);
    ANALYSES_VECTOR(&a->vmas, ANALYSES_GROWN_VMA);
    ANALYSES_VECTOR(&a->threads, ANALYSES_THREADS);
    analyses_leak_findings(a);

    struct finding *leak = &a->findings.items[0];

    leak->first_ns = analyses_clock(5, 13, 2);
    leak->last_ns = analyses_clock(8, 22, 40) + 5000;
    leak->times_first_ns = analyses_clock(3, 6, 36);
    leak->times_last_ns = analyses_clock(8, 22, 51);
    ANALYSES_VECTOR(&leak->vmas, ANALYSES_GROWN_VMA);
    ANALYSES_VECTOR(&leak->threads, ANALYSES_THREADS);
    ANALYSES_VECTOR(
        &leak->strings,
        {.text = (char *)"Message-ID: <1614644953220.JavaMail.root@mail-3>",
         .count = 12345,
         .bytes = 592560},
        {.text = (char *)"Message-ID: <1614644953987.JavaMail.root@mail-3>",
         .count = 300,
         .bytes = 14400},
        {.text = (char *)"a line that is rather longer than what one row of a report "
                         "has room for, so that it is cut short where it ends",
         .count = 1,
         .bytes = 110},
        {.text = (char *)"Message-ID: <99.JavaMail.root@mail-20>", .count = 2, .bytes = 76});
    ANALYSES_VECTOR(&leak->templates,
                    {.text = (char *)"Message-ID: <*.JavaMail.root@*>",
                     .count = 12647,
                     .bytes = 607076,
                     .block_bytes = 51802112,
                     .examples = {(char *)"Message-ID: <1614644953220.JavaMail.root@mail-3>",
                                  (char *)"Message-ID: <99.JavaMail.root@mail-20>"}},
                    {.text = (char *)"MIME-Version: 1.0",
                     .count = 12345,
                     .bytes = 209865,
                     .block_bytes = 50565120,
                     .examples = {(char *)"MIME-Version: 1.0"}},
                    {.text = (char *)"a line that is rather longer than what one row of a report "
                                     "has room for, so that it is cut short where it ends",
                     .count = 1,
                     .bytes = 110,
                     .block_bytes = 4096,
                     .examples = {(char *)"a line"}});
    ANALYSES_VECTOR(&leak->next, (char *)"seep dump -p 16067 --finding 1",
                    (char *)"seep show java-16067.seep strings --region 7f4674483000-7f46d46e3000");
    analyses_leak_stacks(leak, &a->findings.items[1]);
    ANALYSES_VECTOR(&a->symbol_troubles,
                    (char *)"/usr/lib/jvm/java-17/lib/server/libjvm.so: its build-id 1a2b is not "
                            "the recorded 3c4d",
                    (char *)"/usr/bin/cat: has no debug information");
    a->lost_stacks = 3;
    a->findings.items[1].first_ns = analyses_clock(5, 13, 0) - UINT64_C(86400) * NS_PER_S;
    a->findings.items[1].last_ns = ANALYSIS_UNKNOWN;
}

/* One look and no events. */
static inline void analyses_one_look(struct analysis *a)
{
    *a = (struct analysis){.verdict = VERDICT_INCONCLUSIVE};
    analyses_info(a);
    a->info.backend = "snapshots";
    a->info.reason = "killed";
    a->ended_ns = a->started_ns;
    a->events = 0;
    a->duration_ns = 0;
    a->snapshots = 1;
    a->dumps = 0;
    a->complete = false;
    a->rss_last_bytes = a->rss_first_bytes;
    a->virtual_last_bytes = a->virtual_first_bytes;
    a->growth_bytes_per_s = NAN;
    a->exhaustion_s = NAN;
    a->unexplained_bytes = ANALYSIS_UNKNOWN;
}

/* A process that does not leak. */
static inline void analyses_healthy(struct analysis *a)
{
    *a = (struct analysis){.verdict = VERDICT_NOT_LEAK};
    analyses_info(a);
    a->rss_last_bytes = a->rss_first_bytes;
    a->growth_bytes_per_s = 0;
    a->exhaustion_s = NAN;
    ANALYSES_VECTOR(&a->findings,
                    {
                        .rank = 1,
                        .verdict = VERDICT_NOT_LEAK,
                        .region = REGION_ANON_MMAP,
                        .cause = CAUSE_BOUNDED,
                        .title = (char *)"64.0 MiB in 16 mappings, settled",
                        .bytes = 64 * ANALYSES_MIB,
                        .confidence = 0.9,
                        .reason = (char *)"grew within 40 s of the start and was flat "
                                          "for the other 3 h 9 min, while 400,000 "
                                          "calls went on",
                    });
}

/* Call paths likewise. */
static inline void analyses_hostile_stacks(struct analysis *a, struct finding *leak)
{
    static struct analysis_frame frames[] = {
        {.kind = 99, .module = (char *)"/l\033ib/\n", .offset = UINT64_MAX - 1},
        {.function = (char *)"(((<<<\033]0;f\a", .file = (char *)"/\033", .line = UINT32_MAX},
        {.address = UINT64_MAX, .offset = ANALYSIS_UNKNOWN},
        {.function = (char *)"\xff operator<", .file = (char *)"", .module = (char *)""},
        {.function = (char *)"", .module = (char *)"a/"},
    };

    ANALYSES_VECTOR(&leak->stacks,
                    {.count = UINT64_MAX - 1,
                     .bytes = UINT64_MAX - 1,
                     .end = (char *)"e\033nd",
                     .frames = {frames, ARRAY_SIZE(frames), 0},
                     .culprit = SIZE_MAX},
                    {.bytes = UINT64_MAX - 1, .frames = {frames + 1, 2, 0}},
                    {.bytes = 1, .frames = {frames + 1, 1, 0}, .culprit = 1},
                    {.count = 1, .bytes = 7, .end = (char *)"12 call paths more"});
    ANALYSES_VECTOR(&a->symbol_troubles, (char *)"/l\033ib/\n: \033[2J", (char *)"b", (char *)"c",
                    (char *)"d");
}

/* Names that want to steer the terminal, numbers at their ends, times far away. */
static inline void analyses_hostile(struct analysis *a)
{
    *a = (struct analysis){.verdict = VERDICT_LEAK};
    analyses_info(a);
    a->info.exe = "/tmp/\033[2J\xff\xfe/e\x7fvil\n";
    a->info.host_name = "h\xc2\x9bost";
    a->info.backend = "pt\033race";
    a->info.reason = "disk\033 full";
    a->command = (char *)"\xe2\x80\xae desrever \t\r";
    a->complete = false;
    a->lost_events = INT64_MAX;
    a->events = (uint64_t)INT64_MAX + 1;
    a->unexplained_bytes = UINT64_MAX - 1;
    a->growth_bytes_per_s = INFINITY;
    a->limit_bytes = 1;
    a->limit_source = (char *)"\033]0;limit\a";
    a->exhaustion_s = -INFINITY;
    ANALYSES_VECTOR(&a->processes,
                    {ANALYSES_NO_SPLIT, .pid = 16067, .ppid = 1,
                     .exe = (char *)"/a\xf0\x9f\x90\x9b", .rss_bytes = 0},
                    {ANALYSES_NO_SPLIT, .pid = INT32_MAX, .ppid = 16067, .exe = (char *)"",
                     .rss_bytes = UINT64_MAX - 1, .pss_bytes = INT64_MAX});
    ANALYSES_VECTOR(&a->findings, {
                                      .rank = 4294967295,
                                      .verdict = VERDICT_LEAK,
                                      .region = REGION_SHARED_MEMORY,
                                      .cause = CAUSE_DESCRIPTOR_HELD,
                                      .bytes = UINT64_MAX - 1,
                                      .resident_bytes = INT64_MAX,
                                      .count = INT64_MAX,
                                      .unit_bytes = 0,
                                      .first_ns = 0,
                                      .last_ns = UINT64_MAX - 1,
                                      .bytes_per_s = 1e300,
                                      .confidence = 1,
                                      .culprit = {.pid = INT32_MAX,
                                                  .process = (char *)"\033[31mred",
                                                  .module = (char *)"m\no\ndule"},
                                      .written = (char *)"w\033ritten",
                                      .reason = (char *)"r\beason",
                                  });

    struct finding *leak = &a->findings.items[0];

    ANALYSES_VECTOR(&leak->vmas,
                    {.pid = 1,
                     .start = 0,
                     .end = UINT64_MAX,
                     .perms = "rwxs",
                     .name = (char *)"/memfd:\033[5m\xe5\x86\x85\xe5\xad\x98 (deleted)",
                     .region = REGION_SHARED_MEMORY,
                     .size_bytes = UINT64_MAX - 1,
                     .rss_bytes = 0,
                     .growth_bytes = INT64_MAX,
                     .explained_bytes = INT64_MAX - 1},
                    {.pid = 2, .start = 0x1000, .end = 0x2000, .growth_bytes = INT64_MIN});
    ANALYSES_VECTOR(&leak->threads,
                    {.pid = 16067,
                     .tid = 7,
                     .name = (char *)"\033]0;owned\a",
                     .count = UINT64_MAX - 1,
                     .bytes = 1},
                    {.pid = 16067, .tid = INT32_MAX, .name = NULL, .count = 0, .bytes = 0});
    ANALYSES_VECTOR(&leak->strings, {.text = (char *)"\033[1A\xc3\x28 \"quoted\" \\ back",
                                     .count = UINT64_MAX - 1,
                                     .bytes = 2});
    ANALYSES_VECTOR(&leak->next, (char *)"rm\033 -rf");
    analyses_hostile_stacks(a, leak);
    ANALYSES_VECTOR(&a->vmas, {.perms = "rw-p", .end = 4096, .name = (char *)"\xff"});
}
