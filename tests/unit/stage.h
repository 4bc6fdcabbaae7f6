/*
 * A process put on a stage: what it does becomes events, what it has becomes snapshots, and both a
 * case that is analysed like any other.
 *
 *     stage_init(&s);
 *     for (i = 0; i < 100; i++) {
 *         stage_wait(&s, 100 * NS_PER_MS, busy);
 *         stage_mmap(&s, WORKER, 1 << 20);
 *     }
 *     analysis = stage_analyse(&s);
 *
 * stage_by(&s, "mmap64@libc.so.6 < malloc@libc.so.6 < store:88 < main") gives the calls that follow this
 * call path (frames.h).
 *
 * A look is taken every ten seconds of its time. Mappings get addresses from the top down, first
 * fit, and neighbours of a kind are shown merged, as the kernel does. Include after cmocka.h.
 */
#pragma once

#include <string.h>
#include <sys/mman.h>

#include "analyzer/analysis.h"
#include "base/units.h"
#include "evidence/events_file.h"
#include "evidence/snapshot.h"
#include "report/report.h"
#include "tests/unit/frames.h"
#include "tests/unit/temporary.h"

enum { STAGE_PID = 4000, STAGE_PAGE = 4096, STAGE_TOP_GAP = 1 << 16 };

#define STAGE_RW   (PROT_READ | PROT_WRITE)
#define STAGE_ANON (MAP_PRIVATE | MAP_ANONYMOUS)
#define STAGE_TOP  UINT64_C(0x7f8000000000)

struct stage_vma {
    pid_t pid;
    uint64_t start, end;
    int prot;
    bool shared;
    unsigned inode;
    unsigned resident_per_mille;
    char name[48];
};

struct stage_thread {
    pid_t tid;
    const char *name;
};

struct stage {
    struct temporary t;
    char path[96];
    struct case_dir *c;
    struct events_writer *events; /* NULL: only looks are taken */
    int events_fd, snapshots_fd;
    uint64_t begin_ns, now_ns, look_ns, look_every_ns;
    uint64_t cpu_ns, switches;
    bool blind; /* no events are recorded */
    bool ended;
    VECTOR(struct stage_vma) vmas; /* sorted by pid, start */
    VECTOR(pid_t) pids;
    VECTOR(struct stage_thread) threads; /* those that live */
    struct buffer held;                  /* lines of the section */
    uint64_t brk;
    uint32_t stack_id; /* of what grows from now on */
};

static inline void stage_event(struct stage *s, pid_t pid, pid_t tid, uint8_t kind, int64_t result,
                               const char *name, const uint64_t args[6])
{
    struct event ev = {.enter_ns = s->now_ns,
                       .exit_ns = s->now_ns + 1000,
                       .result = result,
                       .pid = pid,
                       .tid = tid,
                       .kind = kind,
                       .abi = EVENT_ABI_X86_64,
                       .stack_id =
                           kind == EVENT_MUNMAP || kind > EVENT_SYSCALL_LAST ? 0 : s->stack_id,
                       .name = (char *)name};

    memcpy(ev.args, args, sizeof(ev.args));
    if (kind > EVENT_SYSCALL_LAST)
        ev.exit_ns = ev.enter_ns;
    s->now_ns += 2000;
    if (!s->blind)
        must(event_sink_put(&s->events->sink, &ev));
}

#define STAGE_EVENT(s, pid, tid, kind, result, name, ...)                                          \
    stage_event(s, pid, tid, kind, (int64_t)(result), name, (const uint64_t[6]){__VA_ARGS__})

/* --- call paths --- */

/* TEXT NULL: no path is recorded. */
static inline void stage_by_cut(struct stage *s, const char *text, enum stack_end end)
{
    struct frames_made made;

    s->stack_id = 0;
    if (!text)
        return;
    frames_make(text, &made);
    made.path.end = end;
    must(events_writer_add_stack(s->events, &made.path, &s->stack_id));
    free(made.text);
}

static inline void stage_by(struct stage *s, const char *text)
{
    stage_by_cut(s, text, STACK_END_COMPLETE);
}

/* --- the address space --- */

static inline size_t stage_place(const struct stage *s, pid_t pid, uint64_t start)
{
    size_t i = 0;

    while (i < s->vmas.count && (s->vmas.items[i].pid < pid ||
                                 (s->vmas.items[i].pid == pid && s->vmas.items[i].start < start)))
        i++;
    return i;
}

static inline void stage_put(struct stage *s, const struct stage_vma *vma)
{
    size_t at = stage_place(s, vma->pid, vma->start);

    must(vector_push(&s->vmas, *vma));
    memmove(&s->vmas.items[at + 1], &s->vmas.items[at],
            (s->vmas.count - 1 - at) * sizeof(*s->vmas.items));
    s->vmas.items[at] = *vma;
}

static inline void stage_cut(struct stage *s, pid_t pid, uint64_t start, uint64_t end)
{
    for (size_t i = 0; i < s->vmas.count;) {
        struct stage_vma vma = s->vmas.items[i];

        if (vma.pid != pid || vma.end <= start || vma.start >= end) {
            i++;
            continue;
        }
        memmove(&s->vmas.items[i], &s->vmas.items[i + 1],
                (s->vmas.count - 1 - i) * sizeof(*s->vmas.items));
        s->vmas.count--;
        if (vma.start < start) {
            struct stage_vma low = vma;

            low.end = start;
            stage_put(s, &low);
        }
        if (vma.end > end) {
            vma.start = end;
            stage_put(s, &vma);
        }
        i = 0;
    }
}

/* The highest free LEN bytes below STAGE_TOP that end at a multiple of ALIGN. */
static inline uint64_t stage_free(const struct stage *s, pid_t pid, uint64_t len, uint64_t align)
{
    uint64_t top = STAGE_TOP;

    for (size_t i = s->vmas.count; i-- > 0;) {
        const struct stage_vma *vma = &s->vmas.items[i];

        if (vma->pid != pid || vma->start >= STAGE_TOP)
            continue;
        if (vma->end <= ((top - len) & ~(align - 1)))
            break;
        top = vma->start;
    }
    return (top - len) & ~(align - 1);
}

/* --- looks --- */

static inline bool stage_alike(const struct stage_vma *a, const struct stage_vma *b)
{
    return a->pid == b->pid && a->end == b->start && a->prot == b->prot && a->shared == b->shared &&
           a->inode == 0 && b->inode == 0 && strcmp(a->name, b->name) == 0;
}

static inline void stage_smaps(const struct stage *s, pid_t pid, struct buffer *text,
                               uint64_t *ret_rss, uint64_t *ret_size)
{
    *ret_rss = *ret_size = 0;
    for (size_t i = 0; i < s->vmas.count; i++) {
        struct stage_vma vma = s->vmas.items[i];
        uint64_t rss = (vma.end - vma.start) / 1000 * vma.resident_per_mille;

        if (vma.pid != pid)
            continue;
        while (i + 1 < s->vmas.count && stage_alike(&vma, &s->vmas.items[i + 1])) {
            vma.end = s->vmas.items[++i].end;
            rss += (s->vmas.items[i].end - s->vmas.items[i].start) / 1000 *
                   s->vmas.items[i].resident_per_mille;
        }
        buffer_printf(text,
                      "%llx-%llx %c%c-%c 00000000 00:%02x %u %s\nSize: %llu kB\nRss: %llu kB\n"
                      "Pss: %llu kB\nSwap: 0 kB\n",
                      (unsigned long long)vma.start, (unsigned long long)vma.end,
                      vma.prot & PROT_READ ? 'r' : '-', vma.prot & PROT_WRITE ? 'w' : '-',
                      vma.shared ? 's' : 'p', vma.inode ? 1 : 0, vma.inode, vma.name,
                      (unsigned long long)(vma.end - vma.start) / 1024,
                      (unsigned long long)rss / 1024, (unsigned long long)rss / 1024);
        *ret_rss += rss;
        *ret_size += vma.end - vma.start;
    }
}

static inline void stage_look_at(struct stage *s, pid_t pid, enum snapshot_reason reason)
{
    struct snapshot_record record = {.pid = pid,
                                     .start_ticks = (uint64_t)pid,
                                     .begin_ns = s->now_ns,
                                     .end_ns = s->now_ns + 1000,
                                     .reason = reason,
                                     .stopped = true};
    _cleanup_buffer_ struct buffer smaps = {0}, status = {0}, stat = {0}, tasks = {0};
    uint64_t rss, size, written;

    stage_smaps(s, pid, &smaps, &rss, &size);
    buffer_printf(&status,
                  "VmSize:\t%llu kB\nVmRSS:\t%llu kB\nThreads:\t%zu\n"
                  "voluntary_ctxt_switches:\t%llu\nnonvoluntary_ctxt_switches:\t0\n",
                  (unsigned long long)size / 1024, (unsigned long long)rss / 1024, s->threads.count,
                  (unsigned long long)s->switches);
    buffer_printf(&stat, "%d (hero) S 1 1 1 0 -1 0 0 0 0 0 %llu 0 0 0 20 0 1 0 %d 0 0 0\n",
                  (int)pid, (unsigned long long)(s->cpu_ns / (10 * NS_PER_MS)), (int)pid);
    for (size_t i = 0; i < s->threads.count; i++)
        buffer_printf(&tasks, "%d S %llu %llu %s\n", (int)s->threads.items[i].tid,
                      (unsigned long long)(s->cpu_ns / s->threads.count),
                      (unsigned long long)(s->switches / s->threads.count),
                      s->threads.items[i].name);
    must(snapshot_record_add(&record, "smaps", smaps.bytes ? smaps.bytes : "", smaps.len));
    must(snapshot_record_add(&record, "status", status.bytes, status.len));
    must(snapshot_record_add(&record, "stat", stat.bytes, stat.len));
    must(snapshot_record_add(&record, "tasks", tasks.bytes ? tasks.bytes : "", tasks.len));
    must(snapshot_record_add(&record, "held", s->held.bytes ? s->held.bytes : "", s->held.len));
    must(snapshot_write(s->snapshots_fd, &record, &written));
    snapshot_record_deinit(&record);
    s->now_ns += 2000;
}

static inline void stage_look(struct stage *s, enum snapshot_reason reason)
{
    for (size_t i = 0; i < s->pids.count; i++)
        stage_look_at(s, s->pids.items[i], reason);
    s->look_ns = s->now_ns + s->look_every_ns;
}

/* Time passes; BUSY: with work. */
static inline void stage_wait(struct stage *s, uint64_t ns, bool busy)
{
    uint64_t until = s->now_ns + ns;

    while (s->now_ns < until) {
        uint64_t step = s->look_ns < until ? s->look_ns - s->now_ns : until - s->now_ns;

        s->now_ns += step;
        if (busy) {
            s->cpu_ns += step / 4;
            s->switches += step / NS_PER_MS;
        }
        if (s->now_ns >= s->look_ns)
            stage_look(s, SNAPSHOT_PERIODIC);
    }
}

/* --- what it does --- */

static inline uint64_t stage_map(struct stage *s, pid_t tid, uint64_t len, int prot, int flags,
                                 unsigned resident_per_mille)
{
    struct stage_vma vma = {.pid = STAGE_PID,
                            .prot = prot,
                            .shared = flags & MAP_SHARED,
                            .resident_per_mille = resident_per_mille};

    vma.start = stage_free(s, STAGE_PID, len, STAGE_PAGE);
    vma.end = vma.start + len;
    if (vma.shared)
        snprintf(vma.name, sizeof(vma.name), "/dev/zero (deleted)");
    vma.inode = vma.shared ? 77 : 0;
    STAGE_EVENT(s, STAGE_PID, tid, EVENT_MMAP, vma.start, NULL, 0, len, (uint64_t)prot,
                (uint64_t)flags, UINT64_MAX, 0);
    stage_put(s, &vma);
    return vma.start;
}

static inline uint64_t stage_mmap(struct stage *s, pid_t tid, uint64_t len)
{
    return stage_map(s, tid, len, STAGE_RW, STAGE_ANON, 1000);
}

static inline void stage_munmap(struct stage *s, pid_t tid, uint64_t start, uint64_t len)
{
    STAGE_EVENT(s, STAGE_PID, tid, EVENT_MUNMAP, 0, NULL, start, len, 0, 0, 0, 0);
    stage_cut(s, STAGE_PID, start, start + len);
}

static inline void stage_mprotect(struct stage *s, pid_t tid, uint64_t start, uint64_t len,
                                  int prot, unsigned resident_per_mille)
{
    struct stage_vma vma = {.pid = STAGE_PID,
                            .start = start,
                            .end = start + len,
                            .prot = prot,
                            .resident_per_mille = resident_per_mille};

    STAGE_EVENT(s, STAGE_PID, tid, EVENT_MPROTECT, 0, NULL, start, len, (uint64_t)prot, 0, 0, 0);
    stage_cut(s, STAGE_PID, start, start + len);
    stage_put(s, &vma);
}

static inline bool stage_is_free(const struct stage *s, pid_t pid, uint64_t start, uint64_t end)
{
    for (size_t i = 0; i < s->vmas.count; i++)
        if (s->vmas.items[i].pid == pid && s->vmas.items[i].start < end &&
            s->vmas.items[i].end > start)
            return false;
    return true;
}

/* Moves when it cannot grow where it is. */
static inline uint64_t stage_grow(struct stage *s, pid_t tid, uint64_t start, uint64_t len,
                                  uint64_t new_len)
{
    struct stage_vma vma = {
        .pid = STAGE_PID, .start = start, .prot = STAGE_RW, .resident_per_mille = 1000};

    if (!stage_is_free(s, STAGE_PID, start + len, start + new_len))
        vma.start = stage_free(s, STAGE_PID, new_len, STAGE_PAGE);
    vma.end = vma.start + new_len;
    stage_cut(s, STAGE_PID, start, start + len);
    STAGE_EVENT(s, STAGE_PID, tid, EVENT_MREMAP, vma.start, NULL, start, len, new_len,
                MREMAP_MAYMOVE, 0, 0);
    stage_put(s, &vma);
    return vma.start;
}

static inline void stage_brk(struct stage *s, pid_t tid, uint64_t add)
{
    struct stage_vma vma = {.pid = STAGE_PID,
                            .start = s->brk,
                            .end = s->brk + add,
                            .prot = STAGE_RW,
                            .resident_per_mille = 1000,
                            .name = "[heap]"};

    s->brk += add;
    STAGE_EVENT(s, STAGE_PID, tid, EVENT_BRK, s->brk, NULL, s->brk, 0, 0, 0, 0, 0);
    stage_put(s, &vma);
}

static inline void stage_thread(struct stage *s, pid_t parent, pid_t tid, const char *name)
{
    STAGE_EVENT(s, STAGE_PID, tid, EVENT_THREAD_START, 0, name, (uint64_t)parent, 0, 0, 0, 0, 0);
    must(vector_push(&s->threads, (struct stage_thread){tid, name}));
}

static inline void stage_thread_exit(struct stage *s, pid_t tid)
{
    STAGE_EVENT(s, STAGE_PID, tid, EVENT_THREAD_EXIT, 0, NULL, 0, 0, 0, 0, 0, 0);
    for (size_t i = 0; i < s->threads.count; i++)
        if (s->threads.items[i].tid == tid)
            s->threads.items[i] = s->threads.items[--s->threads.count];
}

/* A child with a copy of everything, which then acts as ACTOR's pid in events of its own. */
static inline void stage_fork(struct stage *s, pid_t child)
{
    size_t count = s->vmas.count;

    STAGE_EVENT(s, child, child, EVENT_PROCESS_START, 0, NULL, EVENT_START_FORK, STAGE_PID,
                (uint64_t)child, 0, 0, 0);
    STAGE_EVENT(s, child, child, EVENT_THREAD_START, 0, "worker", STAGE_PID, 0, 0, 0, 0, 0);
    for (size_t i = 0; i < count; i++)
        if (s->vmas.items[i].pid == STAGE_PID) {
            struct stage_vma copy = s->vmas.items[i];

            copy.pid = child;
            stage_put(s, &copy);
            i += copy.pid < STAGE_PID;
            count = s->vmas.count;
        }
    must(vector_push(&s->pids, child));
    stage_look_at(s, child, SNAPSHOT_FORK);
}

static inline void stage_mmap_of(struct stage *s, pid_t pid, uint64_t len)
{
    struct stage_vma vma = {.pid = pid, .prot = STAGE_RW, .resident_per_mille = 1000};

    vma.start = stage_free(s, pid, len, STAGE_PAGE);
    vma.end = vma.start + len;
    STAGE_EVENT(s, pid, pid, EVENT_MMAP, vma.start, NULL, 0, len, STAGE_RW, STAGE_ANON, UINT64_MAX,
                0);
    stage_put(s, &vma);
}

/* A memfd of LEN bytes that nobody maps. */
static inline void stage_memfd(struct stage *s, pid_t tid, int fd, uint64_t len)
{
    STAGE_EVENT(s, STAGE_PID, tid, EVENT_MEMFD_CREATE, fd, "ring", 0, 0, 0, 0, 0, 0);
    buffer_printf(&s->held, "fd %d 0:1 %d %llu %llu - /memfd:ring (deleted)\n", fd, 1000 + fd,
                  (unsigned long long)len, (unsigned long long)len);
}

static inline void stage_exit(struct stage *s)
{
    stage_look(s, SNAPSHOT_EXIT);
    s->ended = true;
    STAGE_EVENT(s, STAGE_PID, STAGE_PID, EVENT_THREAD_EXIT, 0, NULL, 0, 0, 0, 0, 0, 0);
    STAGE_EVENT(s, STAGE_PID, STAGE_PID, EVENT_PROCESS_EXIT, 0, NULL, 0, 0, 0, 0, 0, 0);
}

/* --- the play --- */

static inline void stage_init_blind(struct stage *s, bool blind)
{
    struct stage_vma text = {.pid = STAGE_PID,
                             .start = 0x550000000000,
                             .end = 0x550000100000,
                             .prot = PROT_READ,
                             .inode = 5,
                             .resident_per_mille = 500,
                             .name = "/usr/bin/hero"};
    struct stage_vma heap = {.pid = STAGE_PID,
                             .start = 0x560000000000,
                             .end = 0x560000400000,
                             .prot = STAGE_RW,
                             .resident_per_mille = 1000,
                             .name = "[heap]"};
    struct stage_vma old = {.pid = STAGE_PID,
                            .start = STAGE_TOP + (64 << 20),
                            .end = STAGE_TOP + (128 << 20),
                            .prot = STAGE_RW,
                            .resident_per_mille = 900};

    memset(s, 0, sizeof(*s));
    s->blind = blind;
    temporary_init(&s->t);
    snprintf(s->path, sizeof(s->path), "%s/case", s->t.path);
    must(case_create(s->path, "/usr/bin/hero", STAGE_PID, &s->c));
    s->begin_ns = s->now_ns = 1000ull * NS_PER_S;
    s->look_every_ns = 10ull * NS_PER_S;
    s->brk = heap.end;
    must(case_set_number(s->c, "target", "pid", STAGE_PID));
    must(case_set_text(s->c, "target", "exe", "/usr/bin/hero"));
    must(case_set_number(s->c, "clock", "started_ns", s->now_ns));
    must(case_set_number(s->c, "clock", "wall_offset_ns", 1700000000ull * NS_PER_S));
    must(case_create_file(s->c, "events", &s->events_fd));
    must(case_create_file(s->c, "snapshots", &s->snapshots_fd));
    must(events_writer_create(s->events_fd, &s->events));
    stage_put(s, &text);
    stage_put(s, &heap);
    stage_put(s, &old);
    must(vector_push(&s->pids, STAGE_PID));
    must(vector_push(&s->threads, (struct stage_thread){STAGE_PID, "hero"}));
    STAGE_EVENT(s, STAGE_PID, STAGE_PID, EVENT_PROCESS_START, 0, NULL, EVENT_START_ATTACHED, 1,
                STAGE_PID, 0, 0, 0);
    STAGE_EVENT(s, STAGE_PID, STAGE_PID, EVENT_THREAD_START, 0, "hero", 0, 0, 0, 0, 0, 0);
    stage_look(s, SNAPSHOT_START);
}

static inline void stage_init(struct stage *s)
{
    stage_init_blind(s, false);
}

/* As seep run starts it: from its exec on everything is seen. */
static inline void stage_init_spawned(struct stage *s)
{
    stage_init(s);
    STAGE_EVENT(s, STAGE_PID, STAGE_PID, EVENT_EXEC, 0, "/usr/bin/hero", STAGE_PID, 0, 0, 0, 0, 0);
    stage_look(s, SNAPSHOT_EXEC);
}

static inline struct analysis *stage_analyse(struct stage *s)
{
    struct analysis *analysis;

    if (!s->ended && s->now_ns > s->look_ns - s->look_every_ns + 3000)
        stage_look(s, SNAPSHOT_END);
    must(event_sink_finish(&s->events->sink));
    must(case_set_number(s->c, "clock", "ended_ns", s->now_ns));
    must(case_save(s->c, CASE_COMPLETE, NULL));
    must(analysis_run(s->c, &(struct analysis_options){.skip_symbols = true}, &analysis));
    return analysis;
}

/* After the analysis, which borrows from the case, was destroyed. */
static inline void stage_deinit(struct stage *s)
{
    events_writer_destroy(s->events);
    close(s->events_fd);
    close(s->snapshots_fd);
    case_destroy(s->c);
    vector_deinit(&s->vmas);
    vector_deinit(&s->pids);
    vector_deinit(&s->threads);
    buffer_deinit(&s->held);
    temporary_deinit(&s->t);
}

/* --- what is expected of the answer --- */

/* The gravest and largest finding; it must be of that verdict, region and cause. */
static inline const struct finding *stage_expect(const struct analysis *a, enum verdict verdict,
                                                 enum region region, enum cause cause)
{
    const struct finding *f = a->findings.count ? &a->findings.items[0] : NULL;

    if (!f || f->verdict != verdict || f->region != region || f->cause != cause ||
        a->verdict != verdict)
        report_text(a, &(struct report_text_options){.width = 100}, stderr);
    assert_int_equal(a->verdict, verdict);
    assert_non_null(f);
    assert_string_equal(verdict_name(f->verdict), verdict_name(verdict));
    assert_string_equal(region_name(f->region), region_name(region));
    assert_string_equal(cause_name(f->cause), cause_name(cause));
    assert_int_equal(f->rank, 1);
    assert_non_null(f->title);
    assert_non_null(f->reason);
    return f;
}

static inline const struct finding *stage_find(const struct analysis *a, enum region region,
                                               enum cause cause)
{
    for (size_t i = 0; i < a->findings.count; i++)
        if (a->findings.items[i].region == region && a->findings.items[i].cause == cause)
            return &a->findings.items[i];
    report_text(a, &(struct report_text_options){.width = 100}, stderr);
    fail();
    return NULL;
}

static inline void stage_end(struct stage *s, struct analysis *a)
{
    analysis_destroy(a);
    stage_deinit(s);
}

/* Ten allocations of 64 KiB a second, each given back before the next. */
static inline void stage_churn(struct stage *s, pid_t tid, unsigned tenths, bool busy)
{
    for (unsigned i = 0; i < tenths; i++) {
        uint64_t block = stage_mmap(s, tid, 64 << 10);

        stage_wait(s, 100 * NS_PER_MS, busy);
        stage_munmap(s, tid, block, 64 << 10);
    }
}

/* A stack of 8 MiB with its guard, and a thread on it. */
static inline void stage_thread_on_stack(struct stage *s, pid_t tid)
{
    uint64_t stack = stage_map(s, STAGE_PID, 2049 * STAGE_PAGE, PROT_NONE,
                               STAGE_ANON | MAP_NORESERVE | MAP_STACK, 0);

    stage_mprotect(s, STAGE_PID, stack + STAGE_PAGE, 2048 * STAGE_PAGE, STAGE_RW, 2);
    stage_thread(s, STAGE_PID, tid, "short");
}
